//! Which files were named often and of late: the lines of `frecency.jsonl` (reference `tui.md` §2).

use std::collections::HashMap;

use serde_json::{Value, json};

use super::history::{Write, append, is_torn};

/// Paths that are kept.
const LIMIT: usize = 1_000;
const DAY: f64 = 86_400_000.0;

#[derive(Debug, Clone, Copy)]
struct Use {
    frequency: u64,
    last_open: i64,
}

/// How often and when paths were named.
#[derive(Debug, Default)]
pub(crate) struct Frecency {
    paths: HashMap<String, Use>,
    is_torn: bool,
}

impl Frecency {
    /// Takes what the file has: the last line of a path counts. A file with more lines than paths are kept
    /// is to be written anew.
    pub(crate) fn read(&mut self, file: &str) -> Option<Write> {
        self.paths.clear();
        self.is_torn = is_torn(file);
        let mut count = 0;
        for line in file.lines() {
            count += 1;
            let Ok(line) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let path = line.get("path").and_then(Value::as_str);
            let frequency = line.get("frequency").and_then(Value::as_f64);
            let last_open = line.get("lastOpen").and_then(Value::as_f64);
            if let (Some(path), Some(frequency), Some(last_open)) = (path, frequency, last_open) {
                let used = Use {
                    frequency: frequency as u64,
                    last_open: last_open as i64,
                };
                self.paths.insert(path.to_owned(), used);
            }
        }
        (count > LIMIT).then(|| self.shorten())
    }

    /// How much a path is preferred: 0 when it was never named.
    pub(crate) fn score(&self, path: &str, now: i64) -> f64 {
        self.paths.get(path).map_or(0.0, |used| {
            let days = (now - used.last_open) as f64 / DAY;
            used.frequency as f64 / (1.0 + days.max(0.0))
        })
    }

    /// Notes that a path was named.
    pub(crate) fn note(&mut self, path: &str, now: i64) -> Write {
        let frequency = self
            .paths
            .get(path)
            .map_or(0, |used| used.frequency)
            .saturating_add(1);
        let used = Use {
            frequency,
            last_open: now,
        };
        self.paths.insert(path.to_owned(), used);
        if self.paths.len() > LIMIT {
            return self.shorten();
        }
        append(&line(path, used), &mut self.is_torn)
    }

    /// Keeps the paths that were named last.
    fn shorten(&mut self) -> Write {
        let mut paths: Vec<_> = self.paths.drain().collect();
        paths.sort_by(|(left, one), (right, other)| {
            other.last_open.cmp(&one.last_open).then_with(|| left.cmp(right))
        });
        paths.truncate(LIMIT);
        let file = paths.iter().map(|(path, used)| line(path, *used)).collect();
        self.paths = paths.into_iter().collect();
        self.is_torn = false;
        Write::Replace(file)
    }
}

fn line(path: &str, used: Use) -> String {
    let line = json!({"path": path, "frequency": used.frequency, "lastOpen": used.last_open});
    format!("{line}\n")
}
