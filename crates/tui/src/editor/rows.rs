//! The rows that a text is shown in: folded between words at a width, kept from edit to edit.
//!
//! Where a row ends depends on nothing but the text from its beginning, so an edit folds anew only from a
//! little before it to the first row that begins where one began before. That keeps a text of megabytes quick.

use std::borrow::Cow;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::safe;

/// Cells of a tabulator. Parity: wherever it stands.
const TABULATOR: usize = 2;
/// Bytes up to which a letter is shown as it is, if it consists of letters.
const SHORT: usize = 16;

/// Where rows begin.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    width: usize,
    /// The offset of each row's first byte; there is always one.
    starts: Vec<usize>,
}

impl Rows {
    pub(super) fn new(text: &str, width: usize) -> Self {
        let mut rows = Self {
            width: width.max(1),
            starts: vec![0],
        };
        rows.fold_all(text);
        rows
    }

    /// Folds the text at another width.
    pub(super) fn set_width(&mut self, text: &str, width: usize) {
        let width = width.max(1);
        if width != self.width {
            self.width = width;
            self.fold_all(text);
        }
    }

    fn fold_all(&mut self, text: &str) {
        self.starts.clear();
        let mut next = Some(0);
        while let Some(start) = next {
            self.starts.push(start);
            next = fold(text, start, self.width);
        }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    #[cfg(test)]
    pub(super) fn starts(&self) -> &[usize] {
        &self.starts
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Folds anew what an edit has changed: `text` is the text after it.
    pub(super) fn edited(&mut self, text: &str, at: usize, removed: usize, inserted: usize) {
        // The word that the edit shortens may now fit on the row before its own.
        let first = self.row_at(at).saturating_sub(2);
        let mut position = self.starts.get(first).copied().unwrap_or(0);
        let mut fresh = Vec::new();
        let mut old = first + 1;
        while let Some(next) = fold(text, position, self.width) {
            if next >= at + inserted {
                let before = next - inserted + removed;
                while self.starts.get(old).is_some_and(|start| *start < before) {
                    old += 1;
                }
                if self.starts.get(old) == Some(&before) {
                    for start in self.starts.iter_mut().skip(old) {
                        *start = *start - removed + inserted;
                    }
                    self.starts.splice(first + 1..old, fresh);
                    return;
                }
            }
            fresh.push(next);
            position = next;
        }
        self.starts.truncate(first + 1);
        self.starts.extend(fresh);
    }

    /// The row that an offset is shown in.
    pub(super) fn row_at(&self, offset: usize) -> usize {
        self.starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1)
    }

    /// The bytes of a row, without the end of the line.
    pub(super) fn range(&self, text: &str, row: usize) -> Range<usize> {
        let start = self.starts.get(row).copied().unwrap_or(text.len());
        let Some(next) = self.starts.get(row + 1).copied() else {
            return start..text.len();
        };
        let end = if self.is_folded(text, row) { next } else { next - 1 };
        start..end
    }

    /// Whether the row goes on in the next one, in the same line of the text.
    pub(super) fn is_folded(&self, text: &str, row: usize) -> bool {
        let next = self.starts.get(row + 1).copied();
        next.is_some_and(|next| text.as_bytes().get(next.wrapping_sub(1)) != Some(&b'\n'))
    }

    /// The row and the column of an offset.
    pub(super) fn place(&self, text: &str, offset: usize) -> (usize, usize) {
        let row = self.row_at(offset);
        let start = self.starts.get(row).copied().unwrap_or(0);
        let column = text.get(start..offset).map_or(0, cells);
        (row, column)
    }

    /// The offset at or before a column of a row. A row that goes on ends before its last letter: the place
    /// after it is the beginning of the next row.
    pub(super) fn offset(&self, text: &str, row: usize, column: usize) -> usize {
        let row = row.min(self.len().saturating_sub(1));
        let range = self.range(text, row);
        let content = text.get(range.clone()).unwrap_or_default();
        let mut last = range.start;
        for grapheme in graphemes(content, range.start) {
            last = grapheme.start;
            if grapheme.column + grapheme.width > column {
                return grapheme.start;
            }
        }
        if self.is_folded(text, row) {
            last
        } else {
            range.end
        }
    }
}

/// A letter as people see it, on its row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grapheme<'a> {
    pub(super) text: &'a str,
    /// Its first byte in the whole text.
    pub(super) start: usize,
    pub(super) column: usize,
    pub(super) width: usize,
}

/// The letters of a row that begins at `start`.
pub(super) fn graphemes(row: &str, start: usize) -> impl Iterator<Item = Grapheme<'_>> {
    let mut column = 0;
    row.grapheme_indices(true).map(move |(at, text)| {
        let width = width(text);
        let grapheme = Grapheme {
            text,
            start: start + at,
            column,
            width,
        };
        column += width;
        grapheme
    })
}

/// Cells of a line.
pub(super) fn cells(line: &str) -> usize {
    graphemes(line, 0)
        .last()
        .map_or(0, |last| last.column + last.width)
}

/// Cells that a letter takes.
fn width(grapheme: &str) -> usize {
    match grapheme.as_bytes() {
        [b'\t'] => TABULATOR,
        [_] => 1,
        _ => shown(grapheme).width().min(2),
    }
}

/// A letter as it may be shown: nothing in it steers the terminal or the direction of what stands beside it.
pub(super) fn shown(grapheme: &str) -> Cow<'_, str> {
    if grapheme.len() <= SHORT
        && grapheme
            .chars()
            .all(|letter| letter.is_alphanumeric() || letter == ' ')
    {
        return grapheme.into();
    }
    if grapheme
        .chars()
        .any(|letter| letter.is_control() && letter != '\t')
    {
        return "\u{fffd}".into();
    }
    safe::line(grapheme)
}

/// Where the next row begins; `None` when the text ends in this one.
fn fold(text: &str, start: usize, width: usize) -> Option<usize> {
    let mut column = 0;
    let mut word = None;
    let mut at = start;
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        if *byte == b'\n' {
            return Some(at + 1);
        }
        let is_plain = byte.is_ascii() && *byte != b'\r' && bytes.get(at + 1).is_none_or(u8::is_ascii);
        let grapheme = if is_plain {
            text.get(at..=at)?
        } else {
            text.get(at..)?.graphemes(true).next()?
        };
        let cells = self::width(grapheme);
        if column + cells > width && at > start {
            return Some(word.unwrap_or(at));
        }
        column += cells;
        at += grapheme.len();
        if may_fold_after(grapheme) {
            word = Some(at);
        }
    }
    None
}

/// Whether a row may end after this letter. Parity: these and no others (reference `tui.md` §9).
pub(super) fn may_fold_after(grapheme: &str) -> bool {
    let mut letters = grapheme.chars();
    let (Some(letter), None) = (letters.next(), letters.next()) else {
        return false;
    };
    match letter {
        ' ' | '\t' | '-' | '/' | '\\' | '.' | ',' | ';' | ':' | '!' | '?' | '(' | ')' | '[' | ']' | '{'
        | '}' => true,
        _ if letter.is_ascii() => false,
        '\u{ad}' | '‐' | '、' | '。' | '！' | '，' | '：' | '？' => true,
        _ => letter.is_whitespace(),
    }
}
