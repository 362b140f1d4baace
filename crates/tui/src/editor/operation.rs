//! What keys do to a text: the commands `input.*` (reference `tui.md` §8) as one table.

use super::Editor;
use super::motion::Motion;

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Goes somewhere.
    Move(Motion),
    /// Goes somewhere and selects what lies between.
    Select(Motion),
    /// Removes what is selected, or else what lies between here and there.
    Delete(Motion),
    /// Removes the line with its end.
    DeleteLine,
    /// Selects everything.
    SelectAll,
    /// Begins another line.
    Newline,
    /// Takes the newest change back.
    Undo,
    /// Does again what was taken back.
    Redo,
}

const TABLE: &[(&str, Operation)] = &[
    ("input.newline", Operation::Newline),
    ("input.move.left", Operation::Move(Motion::Left)),
    ("input.move.right", Operation::Move(Motion::Right)),
    ("input.move.up", Operation::Move(Motion::Up)),
    ("input.move.down", Operation::Move(Motion::Down)),
    ("input.select.left", Operation::Select(Motion::Left)),
    ("input.select.right", Operation::Select(Motion::Right)),
    ("input.select.up", Operation::Select(Motion::Up)),
    ("input.select.down", Operation::Select(Motion::Down)),
    ("input.line.home", Operation::Move(Motion::LineHome)),
    ("input.line.end", Operation::Move(Motion::LineEnd)),
    ("input.select.line.home", Operation::Select(Motion::LineHome)),
    ("input.select.line.end", Operation::Select(Motion::LineEnd)),
    ("input.visual.line.home", Operation::Move(Motion::RowHome)),
    ("input.visual.line.end", Operation::Move(Motion::RowEnd)),
    (
        "input.select.visual.line.home",
        Operation::Select(Motion::RowHome),
    ),
    ("input.select.visual.line.end", Operation::Select(Motion::RowEnd)),
    ("input.buffer.home", Operation::Move(Motion::BufferHome)),
    ("input.buffer.end", Operation::Move(Motion::BufferEnd)),
    ("input.select.buffer.home", Operation::Select(Motion::BufferHome)),
    ("input.select.buffer.end", Operation::Select(Motion::BufferEnd)),
    ("input.delete.line", Operation::DeleteLine),
    ("input.delete.to.line.end", Operation::Delete(Motion::LineEnd)),
    ("input.delete.to.line.start", Operation::Delete(Motion::LineHome)),
    ("input.backspace", Operation::Delete(Motion::Left)),
    ("input.delete", Operation::Delete(Motion::Right)),
    ("input.undo", Operation::Undo),
    ("input.redo", Operation::Redo),
    ("input.word.forward", Operation::Move(Motion::WordForward)),
    ("input.word.backward", Operation::Move(Motion::WordBackward)),
    (
        "input.select.word.forward",
        Operation::Select(Motion::WordForward),
    ),
    (
        "input.select.word.backward",
        Operation::Select(Motion::WordBackward),
    ),
    (
        "input.delete.word.forward",
        Operation::Delete(Motion::WordForward),
    ),
    (
        "input.delete.word.backward",
        Operation::Delete(Motion::WordBackward),
    ),
    ("input.select.all", Operation::SelectAll),
];

/// What the command of this id does to a text.
pub(crate) fn operation(id: &str) -> Option<Operation> {
    TABLE
        .iter()
        .find(|(known, _)| *known == id)
        .map(|(_, operation)| *operation)
}

impl<T> Editor<T> {
    /// Carries an operation out; whether it did anything.
    pub(crate) fn perform(&mut self, operation: Operation) -> bool {
        match operation {
            Operation::Move(Motion::Up | Motion::Down)
            | Operation::Select(Motion::Up | Motion::Down)
            | Operation::Newline
                if self.is_single_line =>
            {
                false
            }
            Operation::Move(motion) => self.travel(motion, false),
            Operation::Select(motion) => self.travel(motion, true),
            Operation::Delete(motion) => self.delete(motion),
            Operation::DeleteLine => self.delete_line(),
            Operation::SelectAll => {
                self.go(self.text.len());
                self.anchor = Some(0);
                !self.text.is_empty()
            }
            Operation::Newline => {
                self.insert("\n");
                true
            }
            Operation::Undo => self.undo(),
            Operation::Redo => self.redo(),
        }
    }

    fn delete(&mut self, motion: Motion) -> bool {
        let range = self.selection().unwrap_or_else(|| {
            let target = self.target(motion);
            target.min(self.cursor)..target.max(self.cursor)
        });
        if range.is_empty() {
            return false;
        }
        self.replace(range, "");
        true
    }

    fn delete_line(&mut self) -> bool {
        let (mut start, mut end) = (self.line_home(self.cursor), self.line_end(self.cursor));
        if end < self.text.len() {
            end += 1;
        } else {
            start = start.saturating_sub(1);
        }
        if start == end {
            return false;
        }
        self.replace(start..end, "");
        true
    }
}
