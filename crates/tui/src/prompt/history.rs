//! What was sent and what was put aside: the lines of `prompt-history.jsonl` and `prompt-stash.jsonl`
//! (reference `tui.md` §2 and §9). Reading and writing them is the application's business.

use std::collections::VecDeque;
use std::mem;

use serde_json::{Value, json};

use super::part::Placed;

/// Entries that are kept.
pub(crate) const LIMIT: usize = 50;

/// How the prompt is understood.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Words for the agent.
    #[default]
    Normal,
    /// A command line.
    Shell,
}

/// A prompt that is kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Entry {
    /// The text as it is shown.
    pub(crate) input: String,
    /// What its marks stand for.
    pub(crate) parts: Vec<Placed>,
    /// How it is understood.
    pub(crate) mode: Mode,
    /// When it was put aside, in milliseconds; what was sent has none.
    pub(crate) timestamp: Option<i64>,
}

impl Entry {
    /// A line of a file, without its end.
    pub(crate) fn to_line(&self) -> String {
        let parts: Vec<_> = self.parts.iter().map(Placed::to_wire).collect();
        let mut line = json!({"input": self.input, "parts": parts});
        let mode = match self.mode {
            Mode::Normal => "normal",
            Mode::Shell => "shell",
        };
        match self.timestamp {
            Some(timestamp) => line["timestamp"] = timestamp.into(),
            None => line["mode"] = mode.into(),
        }
        line.to_string()
    }

    fn from_line(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        let parts = line.get("parts").and_then(Value::as_array);
        Some(Self {
            input: line.get("input")?.as_str()?.to_owned(),
            parts: parts
                .into_iter()
                .flatten()
                .filter_map(Placed::from_wire)
                .collect(),
            mode: match line.get("mode").and_then(Value::as_str) {
                Some("shell") => Mode::Shell,
                _ => Mode::Normal,
            },
            timestamp: line.get("timestamp").and_then(Value::as_i64),
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.input == other.input && self.parts == other.parts && self.mode == other.mode
    }
}

/// What is to become of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Write {
    /// This, with its line end, stands at its end.
    Append(String),
    /// It contains this and nothing else.
    Replace(String),
}

/// Whether the last line of a file has no end: who wrote it was killed.
pub(super) fn is_torn(file: &str) -> bool {
    !file.is_empty() && !file.ends_with('\n')
}

/// A line, with its end, behind what a file has. A torn line before it is ended first.
pub(super) fn append(line: &str, is_torn: &mut bool) -> Write {
    let before = if mem::take(is_torn) { "\n" } else { "" };
    Write::Append(format!("{before}{line}"))
}

/// The newest entries of a file, oldest first.
fn read(file: &str) -> VecDeque<Entry> {
    let newest = file.lines().rev().filter_map(Entry::from_line).take(LIMIT);
    let mut entries: VecDeque<_> = newest.collect();
    entries.make_contiguous().reverse();
    entries
}

fn lines<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> String {
    entries.into_iter().map(|entry| entry.to_line() + "\n").collect()
}

/// Adds an entry and says what that makes of the file.
fn push(entries: &mut VecDeque<Entry>, entry: Entry, is_torn: &mut bool) -> Write {
    let line = entry.to_line() + "\n";
    entries.push_back(entry);
    if entries.len() <= LIMIT {
        return append(&line, is_torn);
    }
    entries.pop_front();
    *is_torn = false;
    Write::Replace(lines(entries.iter()))
}

/// What was sent, and where in it the user is.
#[derive(Debug, Default)]
pub(crate) struct History {
    entries: VecDeque<Entry>,
    /// Steps back from what is being written; 0 when nothing of the past is shown.
    back: usize,
    is_torn: bool,
}

impl History {
    /// Takes what the file has.
    pub(crate) fn read(&mut self, file: &str) {
        self.entries = read(file);
        self.is_torn = is_torn(file);
        self.back = 0;
    }

    /// Notes what was sent; nothing if it is what was sent last.
    pub(crate) fn push(&mut self, entry: Entry) -> Option<Write> {
        self.back = 0;
        if self.entries.back().is_some_and(|last| last.is_same(&entry)) {
            return None;
        }
        Some(push(&mut self.entries, entry, &mut self.is_torn))
    }

    /// The entry before or after the one that is shown; an empty one after the last. `None` when there is
    /// none, or when what is shown was changed.
    pub(crate) fn step(&mut self, is_back: bool, shown: &str) -> Option<Entry> {
        let is_own = self.at(self.back).is_none_or(|entry| entry.input != shown);
        if is_own && !shown.is_empty() {
            return None;
        }
        let back = if is_back {
            self.back + 1
        } else {
            self.back.checked_sub(1)?
        };
        let entry = match back {
            0 => Entry::default(),
            _ => self.at(back)?.clone(),
        };
        self.back = back;
        Some(entry)
    }

    fn at(&self, back: usize) -> Option<&Entry> {
        self.entries.get(self.entries.len().checked_sub(back)?)
    }
}

/// What was put aside, newest last.
#[derive(Debug, Default)]
pub(crate) struct Stash {
    entries: VecDeque<Entry>,
    is_torn: bool,
}

impl Stash {
    /// Takes what the file has.
    pub(crate) fn read(&mut self, file: &str) {
        self.entries = read(file);
        self.is_torn = is_torn(file);
    }

    /// What there is, oldest first.
    pub(crate) fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    pub(super) fn push(&mut self, entry: Entry) -> Write {
        push(&mut self.entries, entry, &mut self.is_torn)
    }

    /// Takes one out.
    pub(super) fn take(&mut self, index: usize) -> Option<(Entry, Write)> {
        let entry = self.entries.remove(index)?;
        self.is_torn = false;
        Some((entry, Write::Replace(lines(&self.entries))))
    }
}
