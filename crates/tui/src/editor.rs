//! A text that is being written (reference `tui.md` §8 and §9): letters as people see them, a cursor, a
//! selection, marks, what was done and can be undone. The prompt, and every field of a dialog.
//!
//! Offsets are bytes of the text and always stand between two letters. [`Operation`]s are what keys do;
//! how the text is folded and drawn is in [`rows`] and [`draw`].

mod draw;
mod mark;
mod motion;
mod operation;
mod rows;
mod undo;

use std::cell::RefCell;
use std::ops::Range;

pub(crate) use draw::Look;
pub(crate) use mark::Mark;
pub(crate) use motion::Motion;
pub(crate) use operation::{Operation, operation};

use rows::Rows;
use undo::{Change, Undo};

/// The width before anything was drawn.
const FIRST_WIDTH: usize = 80;
/// The width of a field that is never folded.
const ENDLESS: usize = usize::MAX / 4;

/// A text with a cursor. `T` is what marks stand for.
#[derive(Debug)]
pub(crate) struct Editor<T> {
    text: String,
    cursor: usize,
    /// The other end of the selection.
    anchor: Option<usize>,
    /// The column that moves up and down try to keep.
    column: Option<usize>,
    /// In the order of the text; none touches the inside of another.
    marks: Vec<Mark<T>>,
    undo: Undo<T>,
    /// What drawing leaves for the next motion and the next frame.
    layout: RefCell<Layout>,
    is_single_line: bool,
}

#[derive(Debug)]
struct Layout {
    rows: Rows,
    /// The first row that is shown.
    top: usize,
    /// Cells at the left that are not shown, in a field of one line.
    left: usize,
    /// Rows that were shown.
    height: usize,
    /// Whether `top` follows the cursor; the wheel lets go of it.
    follows: bool,
}

impl<T> Default for Editor<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Editor<T> {
    /// An empty text of any number of lines.
    pub(crate) fn new() -> Self {
        Self {
            text: String::new(),
            cursor: 0,
            anchor: None,
            column: None,
            marks: Vec::new(),
            undo: Undo::default(),
            layout: RefCell::new(Layout {
                rows: Rows::new("", FIRST_WIDTH),
                top: 0,
                left: 0,
                height: 1,
                follows: true,
            }),
            is_single_line: false,
        }
    }

    /// A field of a dialog: line ends become spaces, and it scrolls sideways.
    pub(crate) fn single_line(text: &str) -> Self {
        let mut editor = Self {
            is_single_line: true,
            ..Self::new()
        };
        editor.layout.get_mut().rows = Rows::new("", ENDLESS);
        editor.set_text(text);
        editor
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether nothing is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Where the cursor stands.
    pub(crate) fn cursor(&self) -> usize {
        self.cursor
    }

    /// The marks in the order of the text.
    pub(crate) fn marks(&self) -> &[Mark<T>] {
        &self.marks
    }

    /// What is selected, if it is not empty.
    pub(crate) fn selection(&self) -> Option<Range<usize>> {
        let anchor = self.anchor.filter(|anchor| *anchor != self.cursor)?;
        Some(anchor.min(self.cursor)..anchor.max(self.cursor))
    }

    /// The text that is selected.
    pub(crate) fn selected_text(&self) -> Option<&str> {
        self.text.get(self.selection()?)
    }

    /// Lets the selection go; whether there was one.
    pub(crate) fn unselect(&mut self) -> bool {
        let had = self.selection().is_some();
        self.anchor = None;
        had
    }

    /// Puts the cursor at an offset, or at the nearest place before it where it may stand.
    pub(crate) fn set_cursor(&mut self, offset: usize) {
        self.anchor = None;
        self.go(self.place_near(offset));
    }

    /// Rows of the text at a width, at least one.
    pub(crate) fn height(&self, width: u16) -> usize {
        if self.is_single_line {
            return 1;
        }
        let mut layout = self.layout.borrow_mut();
        layout.rows.set_width(&self.text, usize::from(width));
        layout.rows.len()
    }

    fn go(&mut self, offset: usize) {
        self.cursor = offset;
        self.column = None;
        self.layout.get_mut().follows = true;
    }

    /// Makes the text another one, which cannot be undone.
    pub(crate) fn set_text(&mut self, text: &str) {
        self.set_content(text, Vec::new());
    }

    /// Makes text and marks others, which cannot be undone. Marks that do not fit the text are left out.
    pub(crate) fn set_content(&mut self, text: &str, marks: Vec<Mark<T>>) {
        let width = self.layout.get_mut().rows.width();
        self.text = self.clean(text);
        self.marks = mark::fitting(&self.text, marks);
        self.undo = Undo::default();
        self.anchor = None;
        *self.layout.get_mut() = Layout {
            rows: Rows::new(&self.text, width),
            top: 0,
            left: 0,
            height: 1,
            follows: true,
        };
        self.go(self.text.len());
    }

    /// Types: replaces what is selected.
    pub(crate) fn insert(&mut self, text: &str) {
        let range = self.selection().unwrap_or(self.cursor..self.cursor);
        self.replace(range, text);
    }

    /// Puts a mark in place of a range.
    pub(crate) fn insert_mark(&mut self, range: Range<usize>, text: &str, data: T) {
        self.edit(range, text, Some(data));
    }

    /// Puts a text in place of a range; marks that the range touches go with it.
    pub(crate) fn replace(&mut self, range: Range<usize>, text: &str) {
        self.edit(range, text, None);
    }

    /// Empties the text in a way that can be undone.
    pub(crate) fn clear(&mut self) {
        self.replace(0..self.text.len(), "");
    }

    fn edit(&mut self, range: Range<usize>, text: &str, data: Option<T>) {
        let range = self.whole_marks(self.bounded(range));
        let text = self.clean(text);
        if range.is_empty() && text.is_empty() {
            return;
        }
        let removed = self.text.get(range.clone()).unwrap_or_default().to_owned();
        let change = Change {
            at: range.start,
            removed,
            inserted: text,
            marks: self.marks.clone(),
            cursor: self.cursor,
        };
        self.apply(change.at, change.removed.len(), &change.inserted);
        let end = change.at + change.inserted.len();
        if let Some(data) = data {
            mark::add(&mut self.marks, change.at..end, data);
        }
        self.anchor = None;
        self.undo.record(change);
        self.go(end);
    }

    /// Changes text, rows and places of marks.
    fn apply(&mut self, at: usize, removed: usize, inserted: &str) {
        self.text.replace_range(at..at + removed, inserted);
        mark::shift(&mut self.marks, at, removed, inserted.len());
        let rows = &mut self.layout.get_mut().rows;
        rows.edited(&self.text, at, removed, inserted.len());
    }

    fn undo(&mut self) -> bool {
        let Some(change) = self.undo.back(&self.marks) else {
            return false;
        };
        self.apply(change.at, change.inserted.len(), &change.removed);
        self.marks = change.marks;
        self.anchor = None;
        self.go(change.cursor);
        true
    }

    fn redo(&mut self) -> bool {
        let Some(change) = self.undo.forth(&self.marks) else {
            return false;
        };
        self.apply(change.at, change.removed.len(), &change.inserted);
        self.marks = change.marks;
        self.anchor = None;
        self.go(change.at + change.inserted.len());
        true
    }

    /// Line ends as they are here, and no zero bytes.
    fn clean(&self, text: &str) -> String {
        let mut clean = if text.contains('\r') {
            text.replace("\r\n", "\n").replace('\r', "\n")
        } else {
            text.to_owned()
        };
        if clean.contains('\0') {
            clean.retain(|letter| letter != '\0');
        }
        if self.is_single_line && clean.contains('\n') {
            clean = clean.trim_end_matches('\n').replace('\n', " ");
        }
        clean
    }

    fn bounded(&self, range: Range<usize>) -> Range<usize> {
        let start = floor(&self.text, range.start);
        start..floor(&self.text, range.end).max(start)
    }

    /// The range with all of every mark that it reaches into.
    fn whole_marks(&self, range: Range<usize>) -> Range<usize> {
        let mut whole = range.clone();
        for mark in &self.marks {
            if mark.range.start < range.end && range.start < mark.range.end {
                whole.start = whole.start.min(mark.range.start);
                whole.end = whole.end.max(mark.range.end);
            }
        }
        whole
    }
}

/// The nearest offset at or before one at which the text can be cut.
fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Cells of a text, a line end counted as one.
pub(crate) fn cells(text: &str) -> usize {
    let lines = text.split('\n');
    lines
        .map(|line| rows::cells(line) + 1)
        .sum::<usize>()
        .saturating_sub(1)
}

#[cfg(test)]
mod tests;
