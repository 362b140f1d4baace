//! Finding chunks.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{Error, Index, chunk, fill, terms};

/// Chunks of each order that are looked at.
const CANDIDATES: usize = 200;
/// What an answer within some ten milliseconds allows.
const BOUNDS: Bounds = Bounds {
    alone: 40_000,
    together: 400_000,
    ranked: 10_000,
};
/// Names and paths count more than the rest.
const BEST_FIRST: &str = "ORDER BY bm25(words, 3.0, 5.0, 1.0)";
/// How much the first places of an order count against the later ones (reciprocal rank fusion).
const FUSION: f64 = 60.0;
/// Lines and bytes of a chunk that are shown.
const MOST_LINES: usize = 60;
const MOST_BYTES: usize = 4096;

/// Languages whose name is not the one ending of their files.
const LANGUAGES: [(&str, &[&str]); 24] = [
    ("bash", &["sh"]),
    ("c", &["h"]),
    ("c#", &["cs"]),
    ("c++", &["cpp", "cc", "cxx", "hpp", "hh", "hxx", "h"]),
    ("clojure", &["clj", "cljs", "cljc"]),
    ("cpp", &["cc", "cxx", "hpp", "hh", "hxx", "h"]),
    ("csharp", &["cs"]),
    ("elixir", &["ex", "exs"]),
    ("erlang", &["erl", "hrl"]),
    ("golang", &["go"]),
    ("haskell", &["hs"]),
    ("html", &["htm"]),
    ("javascript", &["js", "jsx", "mjs", "cjs"]),
    ("kotlin", &["kt", "kts"]),
    ("markdown", &["md", "mdx"]),
    ("ocaml", &["ml", "mli"]),
    ("perl", &["pl", "pm"]),
    ("python", &["py", "pyi"]),
    ("ruby", &["rb", "rake"]),
    ("rust", &["rs"]),
    ("scala", &["sc"]),
    ("shell", &["sh", "bash", "zsh", "fish"]),
    ("typescript", &["ts", "tsx", "mts", "cts"]),
    ("yaml", &["yml"]),
];

/// How much is looked at for a question.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Chunks that are looked at because they hold any of some words. Commoner words only count together.
    alone: i64,
    /// Chunks that hold words which are wanted together. The commonest words of a question are left out there.
    together: i64,
    /// Chunks that are ranked when more hold all words.
    ranked: usize,
}

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// In words: a sentence, identifiers.
    pub text: String,
    /// Only below this path, relative to the folder.
    pub below: Option<String>,
    /// Only files of this language: its name, or the ending of its files.
    pub language: Option<String>,
    /// How many at most.
    pub limit: usize,
}

/// A chunk that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Its file, relative to the folder.
    pub path: String,
    /// Its first and its last line, from 1.
    pub first: u32,
    /// See `first`.
    pub last: u32,
    /// The names that it defines.
    pub names: Vec<String>,
    /// How well it fits, the best at most 1.
    pub score: f64,
    /// Its text, as it is in the file now, cut when it is long.
    pub text: String,
}

impl Index {
    /// The chunks that fit best, the best first; by likeness, too, if there is a vector of the question's text,
    /// made by the model of the index.
    ///
    /// # Errors
    /// The file of the index cannot be used.
    pub fn search(&self, question: &Question, vector: Option<&[f32]>) -> Result<Vec<Hit>, Error> {
        let mut scores: HashMap<i64, f64> = HashMap::new();
        let mut orders = vec![by_words(&self.reader(), &question.text, BOUNDS)?];
        if let Some(vector) = vector {
            orders.push(self.by_likeness(vector, CANDIDATES)?);
        }
        let count = orders.len();
        for order in orders {
            for (place, id) in order.into_iter().enumerate() {
                *scores.entry(id).or_default() += (FUSION + 1.0) / (FUSION + 1.0 + count_of(place));
            }
        }
        let mut ranked: Vec<(i64, f64)> = scores.into_iter().collect();
        ranked.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        let mut hits: Vec<Hit> = Vec::new();
        for (id, score) in ranked {
            if hits.len() >= question.limit {
                break;
            }
            let Some(mut hit) = hit(&self.reader(), id)? else {
                continue;
            };
            let overlaps =
                |other: &Hit| other.path == hit.path && other.first <= hit.last && hit.first <= other.last;
            if !question.lets_through(&hit.path) || hits.iter().any(overlaps) {
                continue;
            }
            let Some(text) = fill::text(&self.root.join(&hit.path)) else {
                continue;
            };
            hit.text = shown(&text, hit.first, hit.last);
            hit.score = score / count_of(count);
            hits.push(hit);
        }
        Ok(hits)
    }
}

impl Question {
    fn lets_through(&self, path: &str) -> bool {
        let below = self.below.as_deref().map(|below| below.trim_matches('/'));
        let is_below = below.is_none_or(|below| {
            let rest = path.strip_prefix(below);
            below.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        is_below
            && self
                .language
                .as_deref()
                .is_none_or(|language| is_in(path, language))
    }
}

/// Whether a file is in a language, by its ending.
fn is_in(path: &str, language: &str) -> bool {
    let language = language.trim_start_matches('.').to_lowercase();
    let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
    let named = LANGUAGES.iter().find(|(name, _)| *name == language);
    ending.is_some_and(|ending| {
        ending == language || named.is_some_and(|(_, endings)| endings.contains(&ending.as_str()))
    })
}

#[expect(clippy::cast_precision_loss, reason = "places are few")]
fn count_of(place: usize) -> f64 {
    place as f64
}

/// Chunks that hold words of a text: those in names and paths count more, rare ones too.
fn by_words(reader: &Connection, text: &str, bounds: Bounds) -> Result<Vec<i64>, Error> {
    let mut words: Vec<(i64, String)> = Vec::new();
    for word in terms::asked(text) {
        let mut statement = reader.prepare_cached("SELECT doc FROM temp.frequency WHERE term = ?1")?;
        let count: Option<i64> = statement.query_row([&word], |row| row.get(0)).optional()?;
        if let Some(count) = count {
            words.push((count, word));
        }
    }
    words.sort();
    let rare = rarest(&words, bounds.alone);
    let mut found = Vec::new();
    if rare.len() < words.len() {
        // Common words say little alone, and much together.
        let most_telling = rarest(&words, bounds.together);
        let all = if most_telling.is_empty() {
            words.iter().take(1).map(|(_, word)| word.as_str()).collect()
        } else {
            most_telling
        };
        found = together(reader, &all, bounds.ranked)?;
    }
    if !rare.is_empty() {
        found.extend(ranked(reader, &quoted(&rare, " OR "), i64::MAX)?);
    }
    let mut seen = HashSet::new();
    found.retain(|id| seen.insert(*id));
    Ok(found)
}

/// The first of words in the order of their counts: as many as do not occur more than `room` times together.
fn rarest(words: &[(i64, String)], mut room: i64) -> Vec<&str> {
    let few = words.iter().take_while(|(count, _)| {
        room -= count;
        room >= 0
    });
    few.map(|(_, word)| word.as_str()).collect()
}

fn quoted(words: &[&str], between: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    quoted.join(between)
}

/// Chunks that hold all words. Ranking takes time for each of them, so of very many only some are ranked: of those
/// that have the words in their names, and of the others, as many as come first.
fn together(reader: &Connection, words: &[&str], most: usize) -> Result<Vec<i64>, Error> {
    let all = quoted(words, " AND ");
    let Some(after) = after_first(reader, &all, most)? else {
        return ranked(reader, &all, i64::MAX);
    };
    let named = format!("{{names}} : ({all})");
    let end = after_first(reader, &named, most)?.unwrap_or(i64::MAX);
    let mut found = ranked(reader, &named, end)?;
    if found.len() < CANDIDATES {
        found.extend(ranked(reader, &all, after)?);
    }
    Ok(found)
}

/// The chunk that comes after the first `count` that match, if there are more.
fn after_first(reader: &Connection, query: &str, count: usize) -> Result<Option<i64>, Error> {
    let mut statement = reader
        .prepare_cached("SELECT rowid FROM words WHERE words MATCH ?1 ORDER BY rowid LIMIT 1 OFFSET ?2")?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Ok(statement
        .query_row(params![query, count], |row| row.get(0))
        .optional()?)
}

/// The chunks before `end` that match best, the best first.
fn ranked(reader: &Connection, query: &str, end: i64) -> Result<Vec<i64>, Error> {
    let text = format!(
        "SELECT rowid FROM words WHERE words MATCH ?1 AND rowid < ?2 {BEST_FIRST} LIMIT {CANDIDATES}"
    );
    let mut statement = reader.prepare_cached(&text)?;
    let rows = statement.query_map(params![query, end], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn hit(reader: &Connection, id: i64) -> Result<Option<Hit>, Error> {
    let mut statement = reader.prepare_cached(
        "SELECT file.path, first, last, names FROM chunk JOIN file ON file.id = file_id WHERE chunk.id = ?1",
    )?;
    let hit = statement.query_row([id], |row| {
        let names: String = row.get(3)?;
        Ok(Hit {
            path: row.get(0)?,
            first: row.get(1)?,
            last: row.get(2)?,
            names: names.split_whitespace().map(str::to_owned).collect(),
            score: 0.0,
            text: String::new(),
        })
    });
    Ok(hit.optional()?)
}

/// Lines of a text, cut when they are long.
fn shown(text: &str, first: u32, last: u32) -> String {
    let mut shown = String::new();
    for line in chunk::lines(text, first, last).take(MOST_LINES) {
        if shown.len() + line.len() >= MOST_BYTES {
            break;
        }
        shown.push_str(line);
        shown.push('\n');
    }
    shown
}

#[cfg(test)]
mod tests;
