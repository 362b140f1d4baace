//! What was done to a text, to undo it and to do it again.

use std::collections::VecDeque;
use std::mem;

use super::mark::Mark;

/// Changes that are kept.
const CHANGES: usize = 2_000;
/// Bytes of changes that are kept.
const BYTES: usize = 32 * 1024 * 1024;

/// One change, with the marks that stand on the other side of it.
#[derive(Debug)]
pub(super) struct Change<T> {
    pub(super) at: usize,
    pub(super) removed: String,
    pub(super) inserted: String,
    pub(super) marks: Vec<Mark<T>>,
    pub(super) cursor: usize,
}

impl<T> Change<T> {
    fn bytes(&self) -> usize {
        self.removed.len() + self.inserted.len()
    }
}

#[derive(Debug)]
pub(super) struct Undo<T> {
    done: VecDeque<Change<T>>,
    undone: Vec<Change<T>>,
    bytes: usize,
}

impl<T> Default for Undo<T> {
    fn default() -> Self {
        Self {
            done: VecDeque::new(),
            undone: Vec::new(),
            bytes: 0,
        }
    }
}

impl<T> Undo<T> {
    /// Notes a change. Parity: every letter is one (reference `tui.md` §8).
    pub(super) fn record(&mut self, change: Change<T>) {
        self.undone.clear();
        self.bytes += change.bytes();
        self.done.push_back(change);
        while self.done.len() > CHANGES || self.bytes > BYTES {
            let Some(oldest) = self.done.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(oldest.bytes());
        }
    }

    /// The change to undo, with the marks from before it; `marks` are those of now.
    pub(super) fn back(&mut self, marks: &[Mark<T>]) -> Option<Change<T>> {
        let mut change = self.done.pop_back()?;
        self.bytes = self.bytes.saturating_sub(change.bytes());
        let before = mem::replace(&mut change.marks, marks.to_vec());
        let told = Change {
            marks: before,
            at: change.at,
            cursor: change.cursor,
            removed: change.removed.clone(),
            inserted: change.inserted.clone(),
        };
        self.undone.push(change);
        Some(told)
    }

    /// The change to do again, with the marks from after it; `marks` are those of now.
    pub(super) fn forth(&mut self, marks: &[Mark<T>]) -> Option<Change<T>> {
        let mut change = self.undone.pop()?;
        let after = mem::replace(&mut change.marks, marks.to_vec());
        let told = Change {
            marks: after,
            at: change.at,
            cursor: change.cursor,
            removed: change.removed.clone(),
            inserted: change.inserted.clone(),
        };
        self.bytes += change.bytes();
        self.done.push_back(change);
        Some(told)
    }
}
