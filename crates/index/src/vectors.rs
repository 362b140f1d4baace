//! Vectors of chunks. Their signs are kept in memory while they are asked for, which is enough to find those
//! that may be near; of these the stored vectors decide.

use std::sync::{Arc, PoisonError};

use rusqlite::{OptionalExtension as _, params};

use crate::store::{fact, set_fact};
use crate::{Error, Index, chunk, fill};

/// Numbers of a vector whose signs count at first.
const SIGNS: usize = 512;
const WORDS: usize = SIGNS / 64;
/// Chunks that may be near, for one that is wanted.
const NEAR: usize = 4;
/// Letters of a chunk that a model is given.
const MOST_LETTERS: usize = 8000;

/// A chunk that has no vector yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its id, for [`Index::put_vectors`].
    pub id: i64,
    /// What is to be made a vector of.
    pub text: String,
}

/// The signs of all vectors.
#[derive(Debug, Default)]
pub(crate) struct Signs {
    /// Of the data that they were read from.
    version: i64,
    ids: Vec<i64>,
    words: Vec<[u64; WORDS]>,
}

impl Index {
    /// Says which model makes the vectors from now on. Those of another are gone.
    ///
    /// # Errors
    /// The file of the index cannot be used.
    pub fn use_model(&self, model: &str) -> Result<(), Error> {
        if fact(&self.reader(), "model")?.as_deref() == Some(model) {
            return Ok(());
        }
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        transaction.execute("DELETE FROM vector", [])?;
        set_fact(&transaction, "model", model)?;
        transaction.commit()?;
        Ok(())
    }

    /// Some of the chunks that have no vector yet.
    ///
    /// # Errors
    /// The file of the index cannot be used.
    pub fn pending(&self, limit: usize) -> Result<Vec<Pending>, Error> {
        let found: Vec<(i64, String, u32, u32)> = {
            let reader = self.reader();
            let mut statement = reader.prepare_cached(
                "SELECT chunk.id, file.path, first, last FROM chunk JOIN file ON file.id = file_id
                 WHERE chunk.id NOT IN (SELECT chunk_id FROM vector) ORDER BY chunk.id LIMIT ?1",
            )?;
            let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
            rows.collect::<Result<_, _>>()?
        };
        let pending = found.into_iter().map(|(id, path, first, last)| {
            let text = fill::text(&self.root.join(&path)).unwrap_or_default();
            let lines: Vec<&str> = chunk::lines(&text, first, last).collect();
            let text: String = format!("{path}\n{}", lines.join("\n"))
                .chars()
                .take(MOST_LETTERS)
                .collect();
            Pending { id, text }
        });
        Ok(pending.collect())
    }

    /// Stores vectors of chunks. Those of chunks that are gone meanwhile are left out.
    ///
    /// # Errors
    /// The file of the index cannot be used.
    pub fn put_vectors(&self, vectors: &[(i64, Vec<f32>)]) -> Result<(), Error> {
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        for (id, vector) in vectors {
            let text = "INSERT OR REPLACE INTO vector SELECT id, ?2 FROM chunk WHERE id = ?1";
            transaction
                .prepare_cached(text)?
                .execute(params![id, small(vector)])?;
        }
        transaction.commit()?;
        Ok(())
    }

    fn signs(&self) -> Result<Arc<Signs>, Error> {
        let mut kept = self.signs.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = self.reader();
        // Another one whenever something was written, by other programs too.
        let version = reader.query_row("PRAGMA data_version", [], |row| row.get(0))?;
        if let Some(signs) = kept.as_ref().filter(|signs| signs.version == version) {
            return Ok(Arc::clone(signs));
        }
        let mut signs = Signs {
            version,
            ..Signs::default()
        };
        {
            let mut statement = reader.prepare("SELECT chunk_id, data FROM vector")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                signs.ids.push(row.get(0)?);
                signs
                    .words
                    .push(signs_of(row.get_ref(1)?.as_blob().unwrap_or_default()));
            }
        }
        let signs = Arc::new(signs);
        *kept = Some(Arc::clone(&signs));
        Ok(signs)
    }

    /// The chunks whose vectors are nearest to one, the nearest first.
    pub(crate) fn by_likeness(&self, vector: &[f32], limit: usize) -> Result<Vec<i64>, Error> {
        let wanted = small(vector);
        let wanted_signs = signs_of(&wanted);
        let signs = self.signs()?;
        let mut near: Vec<(u32, i64)> = signs
            .ids
            .iter()
            .zip(&signs.words)
            .map(|(id, words)| (distance(words, &wanted_signs), *id))
            .collect();
        let most = limit.saturating_mul(NEAR);
        if near.len() > most {
            near.select_nth_unstable(most);
            near.truncate(most);
        }
        let reader = self.reader();
        let mut statement = reader.prepare_cached("SELECT data FROM vector WHERE chunk_id = ?1")?;
        let mut ranked: Vec<(i64, i64)> = Vec::with_capacity(near.len());
        for (_, id) in near {
            let data: Option<Vec<u8>> = statement.query_row([id], |row| row.get(0)).optional()?;
            // It may have gone meanwhile.
            ranked.extend(data.map(|data| (-likeness(&data, &wanted), id)));
        }
        ranked.sort_unstable();
        ranked.truncate(limit);
        Ok(ranked.into_iter().map(|(_, id)| id).collect())
    }
}

/// A vector of length one, each number in a byte.
#[expect(clippy::cast_possible_truncation, reason = "it is between -127 and 127")]
fn small(vector: &[f32]) -> Vec<u8> {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    let most = vector.iter().fold(0_f32, |most, number| most.max(number.abs()));
    let scale = if length > 0.0 && most.is_finite() && most > 0.0 {
        127.0 / most
    } else {
        0.0
    };
    vector
        .iter()
        .map(|number| ((number * scale).round() as i8).cast_unsigned())
        .collect()
}

fn signs_of(data: &[u8]) -> [u64; WORDS] {
    let mut words = [0; WORDS];
    for (at, byte) in data.iter().take(SIGNS).enumerate() {
        if byte.cast_signed() > 0
            && let Some(word) = words.get_mut(at / 64)
        {
            *word |= 1 << (at % 64);
        }
    }
    words
}

fn distance(one: &[u64; WORDS], other: &[u64; WORDS]) -> u32 {
    one.iter().zip(other).map(|(a, b)| (a ^ b).count_ones()).sum()
}

/// How near two vectors are: the cosine of their angle, in millionths.
#[expect(clippy::cast_possible_truncation, reason = "a cosine is at most one")]
fn likeness(one: &[u8], other: &[u8]) -> i64 {
    let number = |byte: &u8| f64::from(byte.cast_signed());
    let (mut product, mut length, mut other_length) = (0.0, 0.0, 0.0);
    for (a, b) in one.iter().zip(other) {
        let (a, b) = (number(a), number(b));
        product += a * b;
        length += a * a;
        other_length += b * b;
    }
    let lengths = f64::sqrt(length * other_length);
    if lengths > 0.0 {
        (product / lengths * 1e6) as i64
    } else {
        0
    }
}
