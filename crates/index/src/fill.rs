//! Filling an index: with a whole folder, or with files that somebody says have changed. What has the size and
//! the time that it had is passed over.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use opencode_project::search::{self, open_regular};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use tokio_util::sync::CancellationToken;

use crate::store::set_fact;
use crate::{Error, Index, chunk, terms};

/// Larger files are data.
const MOST_BYTES: u64 = 1 << 20;
/// Files of a folder that are taken, in the order of their paths.
const MOST_FILES: usize = 200_000;
/// Files that are stored at once.
const TOGETHER: usize = 128;
/// Names of files that hold secrets, wherever they are.
const SECRET: [&str; 2] = [".env", ".env."];

/// How to fill an index.
#[derive(Clone, Debug, Default)]
pub struct Fill {
    /// Patterns of paths that are left out, as in ignore files.
    pub exclude: Vec<String>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Files looked at.
    pub done: usize,
    /// Files in all.
    pub total: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Files that are new or have changed.
    pub changed: usize,
    /// Files that are gone.
    pub removed: usize,
}

/// A file as it was when it was taken.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    size: i64,
    modified: i64,
}

impl Index {
    /// Brings the index to what the folder is now. Takes its time, on the thread of the caller; questions are
    /// answered meanwhile.
    ///
    /// # Errors
    /// [`Error::Stopped`]; the folder or the file of the index cannot be used. What was done until then stays.
    pub fn fill(
        &self,
        fill: &Fill,
        cancel: &CancellationToken,
        mut progress: impl FnMut(Progress),
    ) -> Result<Filled, Error> {
        give_way();
        let paths: Vec<PathBuf> = search::files(&self.root, &fill.exclude)?
            .take_while(|_| !cancel.is_cancelled())
            .flatten()
            .filter(|path| !is_secret(path))
            .take(MOST_FILES)
            .collect();
        if cancel.is_cancelled() {
            return Err(Error::Stopped);
        }
        let mut known = self.known()?;
        let mut filled = Filled::default();
        let total = paths.len();
        for (at, together) in paths.chunks(TOGETHER).enumerate() {
            if cancel.is_cancelled() {
                return Err(Error::Stopped);
            }
            progress(Progress {
                done: at * TOGETHER,
                total,
            });
            filled.changed += self.take(together, &mut known)?;
        }
        let gone: Vec<i64> = known.into_values().map(|(id, _)| id).collect();
        filled.removed = gone.len();
        for together in gone.chunks(TOGETHER) {
            self.forget(together)?;
        }
        set_fact(&self.writer(), "filled", &now().to_string())?;
        progress(Progress { done: total, total });
        Ok(filled)
    }

    /// Takes files again that may have changed, relative to the folder. Gives how many have.
    ///
    /// # Errors
    /// The file of the index cannot be used.
    pub fn refresh(&self, paths: &[PathBuf]) -> Result<usize, Error> {
        let mut changed = 0;
        for together in paths.chunks(TOGETHER) {
            let mut known = HashMap::new();
            for path in together {
                let text = path.to_string_lossy().into_owned();
                if let Some(entry) = self.known_file(&text)? {
                    known.insert(text, entry);
                }
            }
            let there: Vec<PathBuf> = together.iter().filter(|path| !is_secret(path)).cloned().collect();
            changed += self.take(&there, &mut known)?;
            let gone: Vec<i64> = known.into_values().map(|(id, _)| id).collect();
            changed += gone.len();
            self.forget(&gone)?;
        }
        Ok(changed)
    }

    fn known(&self) -> Result<HashMap<String, (i64, Stamp)>, Error> {
        let reader = self.reader();
        let mut statement = reader.prepare("SELECT path, id, size, modified FROM file")?;
        let rows = statement.query_map([], |row| {
            let stamp = Stamp {
                size: row.get(2)?,
                modified: row.get(3)?,
            };
            Ok((row.get(0)?, (row.get(1)?, stamp)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn known_file(&self, path: &str) -> Result<Option<(i64, Stamp)>, Error> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("SELECT id, size, modified FROM file WHERE path = ?1")?;
        let found = statement.query_row([path], |row| {
            let stamp = Stamp {
                size: row.get(1)?,
                modified: row.get(2)?,
            };
            Ok((row.get(0)?, stamp))
        });
        Ok(found.optional()?)
    }

    /// Takes the files that differ from what is known; those that are there go out of `known`.
    fn take(&self, paths: &[PathBuf], known: &mut HashMap<String, (i64, Stamp)>) -> Result<usize, Error> {
        let mut fresh = Vec::new();
        for path in paths {
            let full = self.root.join(path);
            let Some(stamp) = stamp(&full) else { continue };
            let name = path.to_string_lossy().into_owned();
            let before = known.remove(&name);
            if before.is_some_and(|(_, before)| before == stamp) {
                continue;
            }
            fresh.push((name, stamp, text(&full)));
        }
        let count = fresh.len();
        if count == 0 {
            return Ok(0);
        }
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (name, stamp, text) in fresh {
            // Another program may have taken it meanwhile.
            let before: Option<i64> = transaction
                .prepare_cached("SELECT id FROM file WHERE path = ?1")?
                .query_row([&name], |row| row.get(0))
                .optional()?;
            if let Some(id) = before {
                remove(&transaction, id)?;
            }
            insert(&transaction, &name, stamp, text.as_deref().unwrap_or_default())?;
        }
        transaction.commit()?;
        Ok(count)
    }

    fn forget(&self, ids: &[i64]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        for id in ids {
            remove(&transaction, *id)?;
        }
        transaction.commit()?;
        Ok(())
    }
}

fn insert(connection: &Connection, path: &str, stamp: Stamp, text: &str) -> Result<(), rusqlite::Error> {
    let mut statement =
        connection.prepare_cached("INSERT INTO file (path, size, modified) VALUES (?1, ?2, ?3)")?;
    let file_id = statement.insert(params![path, stamp.size, stamp.modified])?;
    let lines: Vec<&str> = text.lines().collect();
    let number = |line: u32| usize::try_from(line).unwrap_or(usize::MAX);
    let words_of_path = terms::stored(path);
    for piece in chunk::chunks(text) {
        let mut statement = connection
            .prepare_cached("INSERT INTO chunk (file_id, first, last, names) VALUES (?1, ?2, ?3, ?4)")?;
        let names = piece.names.join(" ");
        let id = statement.insert(params![file_id, piece.first, piece.last, names])?;
        let of_chunk = lines
            .get(number(piece.first) - 1..number(piece.last))
            .unwrap_or_default();
        let words = terms::stored(&of_chunk.join("\n"));
        connection
            .prepare_cached("INSERT INTO words (rowid, path, names, text) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![id, words_of_path, terms::stored(&names), words])?;
    }
    Ok(())
}

fn remove(connection: &Connection, file_id: i64) -> Result<(), rusqlite::Error> {
    for text in [
        "DELETE FROM words WHERE rowid IN (SELECT id FROM chunk WHERE file_id = ?1)",
        "DELETE FROM vector WHERE chunk_id IN (SELECT id FROM chunk WHERE file_id = ?1)",
        "DELETE FROM chunk WHERE file_id = ?1",
        "DELETE FROM file WHERE id = ?1",
    ] {
        connection.prepare_cached(text)?.execute([file_id])?;
    }
    Ok(())
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs_err::symlink_metadata(path)
        .ok()
        .filter(std::fs::Metadata::is_file)?;
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Stamp {
        size: i64::try_from(metadata.len()).ok()?,
        modified: i64::try_from(modified.as_nanos()).ok()?,
    })
}

/// The text of a file; nothing if it is no text, or too long.
pub(crate) fn text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    let file = open_regular(path).ok()?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 > MOST_BYTES || bytes.contains(&0) {
        return None;
    }
    Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn is_secret(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name == SECRET[0] || (name.starts_with(SECRET[1]) && name != ".env.example")
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or_default()
}

/// Lets other work go first, as long as the thread lives.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(10) {
        tracing::debug!(%error, "the index is filled at the usual priority");
    }
}
