//! Marks: pieces of the text that stand for something else and move and go as one.

use std::ops::Range;
use std::rc::Rc;

/// A piece of the text with what it stands for.
#[derive(Debug, PartialEq)]
pub(crate) struct Mark<T> {
    /// Where it stands.
    pub(crate) range: Range<usize>,
    /// What it stands for.
    pub(crate) data: Rc<T>,
}

impl<T> Mark<T> {
    /// A mark for [`set_content`](super::Editor::set_content).
    pub(crate) fn new(range: Range<usize>, data: T) -> Self {
        Self {
            range,
            data: Rc::new(data),
        }
    }
}

impl<T> Clone for Mark<T> {
    fn clone(&self) -> Self {
        Self {
            range: self.range.clone(),
            data: Rc::clone(&self.data),
        }
    }
}

/// Those that stand in the text, in its order, without those that reach into the one before.
pub(super) fn fitting<T>(text: &str, mut marks: Vec<Mark<T>>) -> Vec<Mark<T>> {
    marks.sort_by_key(|mark| mark.range.start);
    let mut end = 0;
    marks.retain(|mark| {
        let fits =
            mark.range.start >= end && !mark.range.is_empty() && text.get(mark.range.clone()).is_some();
        if fits {
            end = mark.range.end;
        }
        fits
    });
    marks
}

pub(super) fn add<T>(marks: &mut Vec<Mark<T>>, range: Range<usize>, data: T) {
    if !range.is_empty() {
        let at = marks.partition_point(|mark| mark.range.start < range.start);
        marks.insert(at, Mark::new(range, data));
    }
}

/// Moves what stands behind an edit; what the edit removes is gone.
pub(super) fn shift<T>(marks: &mut Vec<Mark<T>>, at: usize, removed: usize, inserted: usize) {
    let end = at + removed;
    marks.retain(|mark| mark.range.end <= at || mark.range.start >= end);
    for mark in marks {
        if mark.range.start >= end {
            mark.range.start = mark.range.start - removed + inserted;
            mark.range.end = mark.range.end - removed + inserted;
        }
    }
}
