//! Patches one below the other: where the screen is in them, and their rows, which are drawn when they are
//! looked at and kept for those near.

use opencode_schema::session::FileDiff;

use super::{patch, path};
use crate::diff::{self, Look};
use crate::row::{Row, Wrap};
use crate::theme::Theme;

/// Rows above a patch: path, and a line below it.
pub(super) const HEAD: usize = 2;
/// Files before and after the one at the top whose rows are kept.
const KEPT: usize = 16;

/// What the rows of a patch were drawn with.
#[derive(Clone, PartialEq)]
struct Drawn {
    width: usize,
    is_split: bool,
    wrap: Wrap,
    theme: Theme,
    /// How much was known of the colours of code, if that was not all.
    revision: Option<u64>,
}

/// Patches one below the other.
#[derive(Default)]
pub(super) struct Patches {
    kept: Vec<Option<(Drawn, Vec<Row>)>>,
    /// The file at the top, and which of its rows.
    file: usize,
    row: usize,
}

impl Patches {
    /// Of so many files.
    pub(super) fn new(files: usize) -> Self {
        Self {
            kept: vec![None; files],
            ..Self::default()
        }
    }

    /// The file at the top.
    pub(super) fn file(&self) -> usize {
        self.file
    }

    /// The row of it at the top; the first ones are its head.
    pub(super) fn row(&self) -> usize {
        self.row
    }

    /// Shows a file from its beginning.
    pub(super) fn go(&mut self, file: usize) {
        self.file = file.min(self.kept.len().saturating_sub(1));
        self.row = 0;
    }

    /// The rows of a patch.
    pub(super) fn rows(&mut self, files: &[FileDiff], file: usize, look: &Look) -> &[Row] {
        let Some((known, kept)) = files.get(file).zip(self.kept.get_mut(file)) else {
            return &[];
        };
        let revision = look.highlighter.revision();
        let is_fresh = |drawn: &Drawn| {
            drawn.width == look.width
                && drawn.is_split == look.is_split
                && drawn.wrap == look.wrap
                && drawn.revision.is_none_or(|drawn| drawn == revision)
                && drawn.theme == *look.theme
        };
        if !kept.as_ref().is_some_and(|(drawn, _)| is_fresh(drawn)) {
            let made = diff::rows(patch(known), path(known), *look);
            let drawn = Drawn {
                width: look.width,
                is_split: look.is_split,
                wrap: look.wrap,
                theme: look.theme.clone(),
                revision: made.is_waiting.then_some(revision),
            };
            *kept = Some((drawn, made.rows));
        }
        kept.as_ref().map_or(&[], |(_, rows)| rows)
    }

    /// Rows of a file with its head and a free one below; a patch without text has a row that says so.
    pub(super) fn height(&mut self, files: &[FileDiff], file: usize, look: &Look) -> usize {
        HEAD + self.rows(files, file, look).len().max(1) + 1
    }

    /// Goes up or down; one file stays alone if it is.
    pub(super) fn scroll(&mut self, files: &[FileDiff], look: &Look, by: isize, is_single: bool) {
        for _ in 0..by.unsigned_abs() {
            let has_moved = if by > 0 {
                self.down(files, look, is_single)
            } else {
                self.up(files, look, is_single)
            };
            if !has_moved {
                break;
            }
        }
        self.forget();
    }

    fn down(&mut self, files: &[FileDiff], look: &Look, is_single: bool) -> bool {
        if self.row + 1 < self.height(files, self.file, look) {
            self.row += 1;
        } else if !is_single && self.file + 1 < files.len() {
            self.file += 1;
            self.row = 0;
        } else {
            return false;
        }
        true
    }

    fn up(&mut self, files: &[FileDiff], look: &Look, is_single: bool) -> bool {
        if self.row > 0 {
            self.row -= 1;
        } else if !is_single && self.file > 0 {
            self.file -= 1;
            self.row = self.height(files, self.file, look).saturating_sub(1);
        } else {
            return false;
        }
        true
    }

    /// Leaves no room free below the last row that could show others.
    pub(super) fn settle(&mut self, files: &[FileDiff], look: &Look, room: usize, is_single: bool) {
        self.row = self
            .row
            .min(self.height(files, self.file, look).saturating_sub(1));
        let mut below = 0;
        let mut file = self.file;
        let mut from = self.row;
        while below < room && file < files.len() {
            below += self.height(files, file, look).saturating_sub(from);
            from = 0;
            file += 1;
            if is_single {
                break;
            }
        }
        let free = room.saturating_sub(below);
        self.scroll(files, look, -isize::try_from(free).unwrap_or(0), is_single);
    }

    /// Goes to the next stretch of changed lines or to the one before, also in other files.
    pub(super) fn hunk(&mut self, files: &[FileDiff], look: &Look, by: isize, is_single: bool) {
        let mut file = self.file;
        let mut from = Some(self.row);
        loop {
            let starts = starts(self.rows(files, file, look));
            let found = match (by > 0, from) {
                (true, Some(row)) => starts.into_iter().find(|start| *start > row),
                (true, None) => starts.into_iter().next(),
                (false, Some(row)) => starts.into_iter().rev().find(|start| *start < row),
                (false, None) => starts.into_iter().next_back(),
            };
            if let Some(row) = found {
                self.file = file;
                self.row = row;
                break;
            }
            let next = file.checked_add_signed(by).filter(|next| *next < files.len());
            match next {
                Some(next) if !is_single => file = next,
                _ => break,
            }
            from = None;
        }
        self.forget();
    }

    /// Rows of files far away are drawn again when they are looked at.
    fn forget(&mut self) {
        let near = self.file.saturating_sub(KEPT)..self.file.saturating_add(KEPT);
        for (file, kept) in self.kept.iter_mut().enumerate() {
            if !near.contains(&file) {
                *kept = None;
            }
        }
    }
}

/// Rows at which changed lines begin, counted with the head.
fn starts(rows: &[Row]) -> Vec<usize> {
    let is_changed = |row: &Row| {
        let mut frames = row.spans.iter().filter(|span| span.is_frame);
        frames.any(|span| span.text == " + " || span.text == " - ")
    };
    let mut was_changed = false;
    let mut starts = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        // The second row of a line is like its first one.
        let changed = if row.continues {
            was_changed
        } else {
            is_changed(row)
        };
        if changed && !was_changed {
            starts.push(HEAD + place);
        }
        was_changed = changed;
    }
    starts
}
