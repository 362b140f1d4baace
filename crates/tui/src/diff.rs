//! Differences of files as rows (reference `tui.md` §4): one below the other or side by side, with numbers of
//! lines, coloured code and the words that changed.

mod draw;
mod words;

use crate::highlight::Highlighter;
use crate::row::{Row, Wrap};
use crate::theme::Theme;

/// Lines that are shown of one difference.
const LINES: usize = 3000;
/// Bytes of a line that are shown.
const LINE_BYTES: usize = 4000;

/// How a difference is shown.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    /// Colours.
    pub(crate) theme: &'a Theme,
    /// Colours of code.
    pub(crate) highlighter: &'a Highlighter,
    /// The cells of a row.
    pub(crate) width: usize,
    /// What becomes of lines that are longer.
    pub(crate) wrap: Wrap,
    /// Whether what was stands at the left of what is.
    pub(crate) is_split: bool,
}

/// A difference that was drawn.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    /// Its rows.
    pub(crate) rows: Vec<Row>,
    /// Whether colours of code are waited for.
    pub(crate) is_waiting: bool,
}

/// What changed in a file, in numbers.
#[derive(Debug, PartialEq)]
pub(crate) struct File<'a> {
    /// Its path as the difference names it.
    pub(crate) path: &'a str,
    /// Lines added.
    pub(crate) added: u64,
    /// Lines removed.
    pub(crate) removed: u64,
}

/// Draws a unified difference of one file. The path says which language it is in.
pub(crate) fn rows(patch: &str, path: &str, look: Look) -> Drawn {
    draw::rows(&lines(patch), path, look)
}

/// The files of a unified difference.
pub(crate) fn files(patch: &str) -> Vec<File<'_>> {
    let mut files: Vec<File> = Vec::new();
    let mut before = "";
    let mut hunk = Hunk::default();
    for line in patch.lines() {
        if let Some(head) = Hunk::parse(line) {
            hunk = head;
        } else if hunk.is_open() {
            let file = files.last_mut();
            match (hunk.take(line), file) {
                (Some(Sign::Added), Some(file)) => file.added += 1,
                (Some(Sign::Removed), Some(file)) => file.removed += 1,
                _ => {}
            }
        } else if let Some(path) = line.strip_prefix("--- ") {
            before = named(path);
        } else if let Some(path) = line.strip_prefix("+++ ") {
            let path = named(path);
            let path = if path == "/dev/null" { before } else { path };
            files.push(File {
                path,
                added: 0,
                removed: 0,
            });
        }
    }
    files
}

/// A path out of the head of a difference.
fn named(path: &str) -> &str {
    let path = path.split('\t').next().unwrap_or(path).trim();
    path.strip_prefix("a/")
        .or_else(|| path.strip_prefix("b/"))
        .unwrap_or(path)
}

/// What a line of a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Context,
    Added,
    Removed,
}

/// A line of a difference.
#[derive(Clone, Debug, PartialEq)]
enum Line<'a> {
    /// A line of the file with its numbers in what was and in what is.
    Text {
        sign: Sign,
        old: u64,
        new: u64,
        text: &'a str,
    },
    /// Lines that did not change were left out.
    Gap,
    /// The difference goes on, but is not shown.
    More(usize),
}

/// Where a hunk is.
#[derive(Clone, Copy, Debug, Default)]
struct Hunk {
    old: u64,
    new: u64,
    old_left: u64,
    new_left: u64,
}

impl Hunk {
    /// `@@ -1,2 +3,4 @@`
    fn parse(line: &str) -> Option<Self> {
        let (old, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
        let (new, _) = rest.split_once(" @@")?;
        let range = |text: &str| {
            let (start, count) = text.split_once(',').unwrap_or((text, "1"));
            Some((start.parse().ok()?, count.parse().ok()?))
        };
        let ((old, old_left), (new, new_left)) = (range(old)?, range(new)?);
        Some(Self {
            old,
            new,
            old_left,
            new_left,
        })
    }

    fn is_open(&self) -> bool {
        self.old_left > 0 || self.new_left > 0
    }

    /// Goes past a line; tells what it is, if it is one of the file.
    fn take(&mut self, line: &str) -> Option<Sign> {
        let sign = match line.bytes().next() {
            Some(b'+') => Sign::Added,
            Some(b'-') => Sign::Removed,
            Some(b'\\') => return None,
            _ => Sign::Context,
        };
        if sign != Sign::Added {
            self.old = self.old.saturating_add(1);
            self.old_left = self.old_left.saturating_sub(1);
        }
        if sign != Sign::Removed {
            self.new = self.new.saturating_add(1);
            self.new_left = self.new_left.saturating_sub(1);
        }
        Some(sign)
    }
}

/// The lines of a unified difference. What is none gives none.
fn lines(patch: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut hunk = Hunk::default();
    let mut rest = patch.lines();
    while let Some(line) = rest.next() {
        if lines.len() >= LINES {
            lines.push(Line::More(rest.count() + 1));
            break;
        }
        // No line of a file begins like a head, even where the counts of the one before are wrong.
        if let Some(head) = Hunk::parse(line) {
            if !lines.is_empty() {
                lines.push(Line::Gap);
            }
            hunk = head;
        } else if hunk.is_open() {
            let Hunk { old, new, .. } = hunk;
            if let Some(sign) = hunk.take(line) {
                let text = line.get(1..).unwrap_or_default();
                let text = text
                    .get(..text.floor_char_boundary(LINE_BYTES))
                    .unwrap_or_default();
                lines.push(Line::Text { sign, old, new, text });
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests;
