//! Where the cursor goes.

use unicode_segmentation::GraphemeCursor;

use super::rows::may_fold_after;
use super::{Editor, floor};

/// A way to go from the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Motion {
    Left,
    Right,
    Up,
    Down,
    LineHome,
    LineEnd,
    /// The beginning of the row, where a line is folded into several.
    RowHome,
    RowEnd,
    BufferHome,
    BufferEnd,
    WordForward,
    WordBackward,
}

impl<T> Editor<T> {
    /// Goes, and selects what lies between if `selects`; whether the cursor moved or a selection went.
    pub(super) fn travel(&mut self, motion: Motion, selects: bool) -> bool {
        let (before, selection) = (self.cursor, self.selection());
        if selects {
            self.anchor.get_or_insert(before);
        } else if let Some(range) = selection.clone() {
            self.anchor = None;
            match motion {
                Motion::Left => {
                    self.go(range.start);
                    return true;
                }
                Motion::Right => {
                    self.go(range.end);
                    return true;
                }
                _ => {}
            }
        }
        match motion {
            Motion::Up => self.climb(false),
            Motion::Down => self.climb(true),
            _ => {
                let target = self.target(motion);
                self.go(target);
            }
        }
        self.cursor != before || (!selects && selection.is_some())
    }

    /// One row up or down; beyond the last ones to the ends of the text.
    fn climb(&mut self, is_down: bool) {
        let layout = self.layout.get_mut();
        let (row, column) = layout.rows.place(&self.text, self.cursor);
        let column = self.column.unwrap_or(column);
        let next = if is_down {
            (row + 1 < layout.rows.len()).then_some(row + 1)
        } else {
            row.checked_sub(1)
        };
        let Some(next) = next else {
            let end = if is_down { self.text.len() } else { 0 };
            self.go(end);
            return;
        };
        let offset = layout.rows.offset(&self.text, next, column);
        let place = self.outside_marks(offset, is_down);
        self.go(place);
        self.column = Some(column);
    }

    /// Where a motion that needs no column leads.
    pub(super) fn target(&self, motion: Motion) -> usize {
        let here = self.cursor;
        match motion {
            Motion::Left => self.outside_marks(self.previous(here), false),
            Motion::Right => self.outside_marks(self.next(here), true),
            // Parity: from the ends of a line to the lines beside it.
            Motion::LineHome => match self.line_home(here) {
                home if home == here => here.saturating_sub(1),
                home => self.outside_marks(home, false),
            },
            Motion::LineEnd => match self.line_end(here) {
                end if end == here => (here + 1).min(self.text.len()),
                end => self.outside_marks(end, true),
            },
            Motion::RowHome => {
                let layout = self.layout.borrow();
                let row = layout.rows.row_at(here);
                self.outside_marks(layout.rows.range(&self.text, row).start, false)
            }
            Motion::RowEnd => {
                let layout = self.layout.borrow();
                let row = layout.rows.row_at(here);
                self.outside_marks(layout.rows.offset(&self.text, row, usize::MAX), true)
            }
            Motion::BufferHome => 0,
            Motion::BufferEnd => self.text.len(),
            Motion::WordForward => self.outside_marks(self.word_forward(here), true),
            Motion::WordBackward => self.outside_marks(self.word_backward(here), false),
            Motion::Up | Motion::Down => here,
        }
    }

    pub(super) fn line_home(&self, from: usize) -> usize {
        let before = self.text.get(..from).unwrap_or_default();
        before.rfind('\n').map_or(0, |at| at + 1)
    }

    pub(super) fn line_end(&self, from: usize) -> usize {
        let after = self.text.get(from..).unwrap_or_default();
        after.find('\n').map_or(self.text.len(), |at| from + at)
    }

    fn previous(&self, from: usize) -> usize {
        let mut cursor = GraphemeCursor::new(from, self.text.len(), true);
        cursor.prev_boundary(&self.text, 0).ok().flatten().unwrap_or(0)
    }

    fn next(&self, from: usize) -> usize {
        let mut cursor = GraphemeCursor::new(from, self.text.len(), true);
        let next = cursor.next_boundary(&self.text, 0).ok().flatten();
        next.unwrap_or(self.text.len())
    }

    /// Parity: words end after the signs at which rows may end, and a sign right at the cursor ends
    /// none (reference `tui.md` §8).
    fn word_forward(&self, from: usize) -> usize {
        let start = self.next(from);
        if self.text.get(from..start) == Some("\n") {
            return start;
        }
        let rest = self.text.get(start..).unwrap_or_default();
        let sign = rest.char_indices().find(|(_, letter)| ends_word(*letter));
        sign.map_or(self.text.len(), |(at, letter)| start + at + letter.len_utf8())
    }

    /// The end of a line is a place of its own, so that a word at a line's beginning goes without its line.
    fn word_backward(&self, from: usize) -> usize {
        let previous = self.previous(from);
        if self.text.get(previous..from) == Some("\n") {
            return previous;
        }
        let before = self.text.get(..previous).unwrap_or_default();
        before.rfind(ends_word).map_or(0, |at| self.next(at))
    }

    /// The place itself, or an end of the mark that it stands in.
    fn outside_marks(&self, place: usize, is_forward: bool) -> usize {
        let inside = self
            .marks
            .iter()
            .find(|mark| mark.range.start < place && place < mark.range.end);
        match inside {
            Some(mark) if is_forward => mark.range.end,
            Some(mark) => mark.range.start,
            None => place,
        }
    }

    /// The nearest place at or before an offset where the cursor may stand.
    pub(super) fn place_near(&self, offset: usize) -> usize {
        let offset = floor(&self.text, offset);
        let mut cursor = GraphemeCursor::new(offset, self.text.len(), true);
        let is_between = cursor.is_boundary(&self.text, 0).unwrap_or(true);
        let place = if is_between { offset } else { self.previous(offset) };
        self.outside_marks(place, false)
    }
}

fn ends_word(letter: char) -> bool {
    letter == '\n' || may_fold_after(letter.encode_utf8(&mut [0; 4]))
}
