//! The prompt (reference `tui.md` §9): what is written and attached, how it is understood, what was written
//! before, and what is sent.
//!
//! Nothing is read or written here: what is to be done comes out as [`Outcome`]s, and what it brings comes back
//! by [`file_read`](Prompt::file_read), [`clipboard`](Prompt::clipboard), [`files_found`](Prompt::files_found)
//! and [`edited`](Prompt::edited).

mod attach;
mod autocomplete;
mod frecency;
mod history;
mod part;
mod paste;
mod submit;
mod view;

use std::cell::Cell;
use std::collections::VecDeque;
use std::mem;

use ratatui::layout::Rect;
use serde_json::Value;

use crate::editor::{Editor, Motion, Operation, operation};
pub(crate) use attach::Clip;
pub(crate) use autocomplete::{Action, Found, Reference, Resource, Slash, Sources};
pub(crate) use history::{Entry, Mode, Write};
pub(crate) use submit::{Choice, Submission};
pub(crate) use view::{Info, Pointer};

use attach::Pending;
use autocomplete::{Autocomplete, Place};
use frecency::Frecency;
use history::{History, Stash};
use part::{FilePart, Part, Placed, marks, placed};

/// Letters from which a text that is thrown away is kept in the history.
const WORTH_KEEPING: usize = 20;

/// Whether a command was for the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handled {
    /// It was.
    Yes,
    /// Somebody else may want it.
    No,
}

impl From<bool> for Handled {
    fn from(is_handled: bool) -> Self {
        if is_handled { Self::Yes } else { Self::No }
    }
}

/// A file of state that the prompt keeps (reference `tui.md` §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StateFile {
    /// `prompt-history.jsonl`.
    History,
    /// `prompt-stash.jsonl`.
    Stash,
    /// `frecency.jsonl`.
    Frecency,
}

impl StateFile {
    /// Its name in the folder of states.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::History => "prompt-history.jsonl",
            Self::Stash => "prompt-stash.jsonl",
            Self::Frecency => "frecency.jsonl",
        }
    }
}

/// What is to be done for the prompt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// Ends the program.
    Exit,
    /// Sends this to the session, which is to be created if there is none.
    Submit(Submission),
    /// Carries out a command of the application.
    Run(&'static str),
    /// Asks for files by name; the answer goes to [`Prompt::files_found`] with the same name.
    FindFiles {
        /// What was typed.
        query: String,
    },
    /// Reads a file, relative to the project's folder; the answer goes to [`Prompt::file_read`].
    ReadFile {
        /// To be given back with the answer.
        ticket: u64,
        /// Its path.
        path: String,
    },
    /// Reads the clipboard; the answer goes to [`Prompt::clipboard`].
    ReadClipboard,
    /// Opens the editor of the user's environment; the answer goes to [`Prompt::edited`].
    OpenEditor {
        /// What it is to show.
        text: String,
    },
    /// Writes a file of state.
    Write(StateFile, Write),
}

/// What was not sent when its screen was left.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Draft {
    entry: Entry,
    cursor: usize,
}

impl Draft {
    /// What was written.
    pub(crate) fn text(&self) -> &str {
        &self.entry.input
    }
}

/// A row of the list of what was put aside.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StashRow {
    /// For [`Prompt::unstash`] and [`Prompt::forget_stashed`].
    pub(crate) index: usize,
    /// The first line.
    pub(crate) title: String,
    /// When it was put aside, in milliseconds.
    pub(crate) timestamp: i64,
    /// How many lines there are.
    pub(crate) lines: usize,
}

/// The prompt.
#[derive(Debug, Default)]
pub(crate) struct Prompt {
    editor: Editor<Part>,
    mode: Mode,
    history: History,
    stash: Stash,
    frecency: Frecency,
    autocomplete: Autocomplete,
    outcomes: VecDeque<Outcome>,
    pending: VecDeque<Pending>,
    next_ticket: u64,
    /// Milliseconds, as the application says them.
    now: i64,
    is_locked: bool,
    shows_pastes: bool,
    /// Whether the mouse went down on the text and is still down.
    is_dragging: bool,
    /// Where the text was drawn.
    text_area: Cell<Rect>,
}

impl Prompt {
    /// The time, for what is noted with it.
    pub(crate) fn set_now(&mut self, milliseconds: i64) {
        self.now = milliseconds;
    }

    /// While it is locked, nothing is sent: a session is being created.
    pub(crate) fn set_locked(&mut self, is_locked: bool) {
        self.is_locked = is_locked;
    }

    /// Whether long pastes are folded (`paste_summary_enabled`).
    pub(crate) fn set_folds_pastes(&mut self, folds: bool) {
        self.shows_pastes = !folds;
    }

    /// What the lists behind `/` and `@` are made of.
    pub(crate) fn set_sources(&mut self, sources: Sources) {
        self.autocomplete.sources = sources;
    }

    /// Takes what a file of state has.
    pub(crate) fn read_state(&mut self, file: StateFile, content: &str) {
        match file {
            StateFile::History => self.history.read(content),
            StateFile::Stash => self.stash.read(content),
            StateFile::Frecency => {
                if let Some(write) = self.frecency.read(content) {
                    self.outcomes.push_back(Outcome::Write(file, write));
                }
            }
        }
    }

    /// The next thing to be done, oldest first.
    pub(crate) fn next_outcome(&mut self) -> Option<Outcome> {
        self.outcomes.pop_front()
    }

    /// Whether nothing is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.editor.is_empty()
    }

    /// Whether the cursor cannot go further back.
    pub(crate) fn is_at_start(&self) -> bool {
        self.editor.cursor() == 0 && self.editor.selection().is_none()
    }

    /// Whether the cursor cannot go further on.
    pub(crate) fn is_at_end(&self) -> bool {
        self.editor.cursor() == self.editor.text().len() && self.editor.selection().is_none()
    }

    /// How it is understood.
    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether a list is open.
    pub(crate) fn has_list(&self) -> bool {
        self.autocomplete.is_open()
    }

    /// The text that is selected.
    pub(crate) fn selected_text(&self) -> Option<&str> {
        self.editor.selected_text()
    }

    /// Lets the selection go; whether there was one.
    pub(crate) fn unselect(&mut self) -> bool {
        self.editor.unselect()
    }

    /// Carries a command out by its id (reference `tui.md` §8).
    pub(crate) fn command(&mut self, id: &str) -> Handled {
        if let Some(operation) = operation(id) {
            return self.operate(operation);
        }
        let is_open = self.autocomplete.is_open();
        match id {
            "input.submit" | "prompt.submit" => {
                if !is_open {
                    self.submit();
                }
                true
            }
            "prompt.clear" => self.throw_away(),
            "prompt.paste" => {
                self.outcomes.push_back(Outcome::ReadClipboard);
                true
            }
            "prompt.history.previous" => self.browse(true),
            "prompt.history.next" => self.browse(false),
            "prompt.stash" => self.put_aside(),
            "prompt.stash.pop" => match self.stash.entries().len().checked_sub(1) {
                Some(newest) => self.unstash(newest),
                None => true,
            },
            "prompt.editor" => {
                let text = self.expanded();
                self.outcomes.push_back(Outcome::OpenEditor { text });
                true
            }
            "prompt.autocomplete.prev" | "prompt.autocomplete.next" if is_open => {
                self.autocomplete.step(id == "prompt.autocomplete.next");
                true
            }
            "prompt.autocomplete.hide" => self.autocomplete.hide(),
            "prompt.autocomplete.select" if is_open => {
                self.choose(false);
                true
            }
            "prompt.autocomplete.complete" if is_open => {
                self.choose(true);
                true
            }
            // Escape leaves what it can before it interrupts.
            "session.interrupt" => self.leave_shell(),
            _ => false,
        }
        .into()
    }

    fn operate(&mut self, operation: Operation) -> Handled {
        if self.is_empty() && operation == Operation::Delete(Motion::Right) {
            return Handled::No;
        }
        let is_backspace = operation == Operation::Delete(Motion::Left);
        let at_start = self.editor.cursor() == 0 && self.editor.selection().is_none();
        if is_backspace && at_start && self.leave_shell() {
            return Handled::Yes;
        }
        let length = self.editor.text().len();
        self.editor.perform(operation);
        let changes = matches!(
            operation,
            Operation::Delete(_)
                | Operation::DeleteLine
                | Operation::Newline
                | Operation::Undo
                | Operation::Redo
        );
        self.follow(changes && self.editor.text().len() != length);
        Handled::Yes
    }

    /// Back to words for the agent; whether there was something to leave.
    pub(crate) fn leave_shell(&mut self) -> bool {
        mem::take(&mut self.mode) == Mode::Shell
    }

    /// Types a letter.
    pub(crate) fn insert_char(&mut self, letter: char) {
        if letter == '!' && self.editor.cursor() == 0 && self.mode == Mode::Normal {
            self.mode = Mode::Shell;
            self.autocomplete.hide();
            return;
        }
        self.insert_text(letter.encode_utf8(&mut [0; 4]));
    }

    /// Writes a text at the cursor as it is.
    pub(crate) fn insert_text(&mut self, text: &str) {
        self.editor.insert(text);
        self.follow(true);
    }

    /// Writes the name of a command that wants arguments, in place of everything.
    pub(crate) fn begin_command(&mut self, name: &str) {
        self.put(&Entry {
            input: format!("/{name} "),
            ..Entry::default()
        });
    }

    fn follow(&mut self, is_changed: bool) {
        let place = Place {
            text: self.editor.text(),
            cursor: self.editor.cursor(),
            has_commands: self.mode == Mode::Normal,
        };
        let asks = self
            .autocomplete
            .follow(place, is_changed, &self.frecency, self.now);
        if let Some(query) = asks {
            self.outcomes.push_back(Outcome::FindFiles { query });
        }
    }

    /// Takes the files that were found for a name.
    pub(crate) fn files_found(&mut self, query: &str, files: Vec<Found>) {
        self.autocomplete
            .files_found(query, files, &self.frecency, self.now);
    }

    /// What is written, as it is kept.
    fn entry(&self) -> Entry {
        Entry {
            input: self.editor.text().to_owned(),
            parts: placed(&self.editor),
            mode: self.mode,
            timestamp: None,
        }
    }

    /// Puts what was kept in place of what is written.
    fn put(&mut self, entry: &Entry) {
        let marks = marks(&entry.input, &entry.parts);
        self.editor.set_content(&entry.input, marks);
        self.mode = entry.mode;
        self.autocomplete.hide();
    }

    /// The text with what is folded in it.
    fn expanded(&self) -> String {
        let (text, mut end, mut expanded) = (self.editor.text(), 0, String::new());
        for mark in self.editor.marks() {
            if let Part::Text { text: folded } = &*mark.data {
                expanded.push_str(text.get(end..mark.range.start).unwrap_or_default());
                expanded.push_str(folded);
                end = mark.range.end;
            }
        }
        expanded + text.get(end..).unwrap_or_default()
    }

    fn submit(&mut self) {
        let trimmed = self.editor.text().trim();
        if trimmed.is_empty() || self.is_locked {
            return;
        }
        if self.mode == Mode::Normal && submit::EXIT_WORDS.contains(&trimmed) {
            self.outcomes.push_back(Outcome::Exit);
            return;
        }
        let (entry, text) = (self.entry(), self.expanded());
        let submission = if self.mode == Mode::Shell {
            Submission::Shell { command: text }
        } else {
            let commands = &self.autocomplete.sources.commands;
            let is_known = |name: &str| {
                let is = |command: &Slash| matches!(&command.action, Action::Write(known) if known == name);
                commands.iter().any(is)
            };
            Submission::command(&text, &entry.parts, is_known)
                .unwrap_or_else(|| Submission::message(&text, &entry.parts))
        };
        self.remember(entry);
        self.empty();
        self.mode = Mode::Normal;
        self.outcomes.push_back(Outcome::Submit(submission));
    }

    fn remember(&mut self, entry: Entry) {
        if let Some(write) = self.history.push(entry) {
            self.outcomes.push_back(Outcome::Write(StateFile::History, write));
        }
    }

    fn empty(&mut self) {
        self.editor.set_text("");
        self.autocomplete.hide();
    }

    /// Empties the prompt; what was worth writing stays in the history.
    fn throw_away(&mut self) -> bool {
        if self.is_empty() {
            return false;
        }
        let entry = self.entry();
        if !entry.parts.is_empty() || entry.input.encode_utf16().count() >= WORTH_KEEPING {
            self.remember(entry);
        }
        self.editor.clear();
        self.autocomplete.hide();
        true
    }

    /// Shows what was sent before or after, from the beginning or the end of the text.
    fn browse(&mut self, is_back: bool) -> bool {
        let edge = if is_back { 0 } else { self.editor.text().len() };
        if self.editor.cursor() != edge || self.editor.selection().is_some() {
            return false;
        }
        let Some(entry) = self.history.step(is_back, self.editor.text()) else {
            return false;
        };
        self.put(&entry);
        if is_back {
            self.editor.set_cursor(0);
        }
        true
    }

    fn put_aside(&mut self) -> bool {
        if !self.is_empty() {
            let entry = Entry {
                timestamp: Some(self.now),
                ..self.entry()
            };
            let write = self.stash.push(entry);
            self.outcomes.push_back(Outcome::Write(StateFile::Stash, write));
            self.empty();
        }
        true
    }

    /// What was put aside, newest first.
    pub(crate) fn stash_rows(&self) -> Vec<StashRow> {
        let rows = self.stash.entries().iter().enumerate().rev();
        rows.map(|(index, entry)| StashRow {
            index,
            title: entry.input.lines().next().unwrap_or_default().trim().to_owned(),
            timestamp: entry.timestamp.unwrap_or_default(),
            lines: entry.input.split('\n').count(),
        })
        .collect()
    }

    /// Takes back what was put aside; whether there was such.
    pub(crate) fn unstash(&mut self, index: usize) -> bool {
        let Some((entry, write)) = self.stash.take(index) else {
            return false;
        };
        self.outcomes.push_back(Outcome::Write(StateFile::Stash, write));
        self.put(&entry);
        true
    }

    /// Throws away what was put aside; whether there was such.
    pub(crate) fn forget_stashed(&mut self, index: usize) -> bool {
        let taken = self.stash.take(index);
        let is_taken = taken.is_some();
        if let Some((_, write)) = taken {
            self.outcomes.push_back(Outcome::Write(StateFile::Stash, write));
        }
        is_taken
    }

    /// What is written.
    pub(crate) fn draft(&self) -> Draft {
        Draft {
            entry: self.entry(),
            cursor: self.editor.cursor(),
        }
    }

    /// Rows that the text takes at a width, on a screen of a height; `most_rows` is `prompt.max_height`.
    pub(crate) fn rows(&self, width: u16, screen: u16, most_rows: Option<u16>) -> u16 {
        view::rows(&self.editor, width, screen, most_rows)
    }

    /// Rows of the list, if it is open.
    pub(crate) fn list_rows(&self) -> Option<u16> {
        self.autocomplete.rows()
    }

    /// Takes what is written away with the screen.
    pub(crate) fn take_draft(&mut self) -> Draft {
        let draft = self.draft();
        self.empty();
        self.mode = Mode::Normal;
        draft
    }

    /// Brings back what was written when its screen was left.
    pub(crate) fn put_draft(&mut self, draft: &Draft) {
        self.put(&draft.entry);
        self.editor.set_cursor(draft.cursor);
    }

    /// Shows the parts of a message that is to be written anew (undo, fork).
    pub(crate) fn put_message(&mut self, parts: &[Value]) {
        let is = |part: &Value, kind: &str| part.get("type").and_then(Value::as_str) == Some(kind);
        let texts = parts
            .iter()
            .filter(|part| is(part, "text") && part.get("synthetic").and_then(Value::as_bool) != Some(true));
        let input = texts.filter_map(|part| part.get("text")?.as_str()).collect();
        let attached = parts.iter().filter(|part| !is(part, "text"));
        let (placed, unplaced): (Vec<_>, Vec<_>) =
            attached.partition(|part| Placed::from_wire(part).is_some());
        self.put(&Entry {
            input,
            parts: placed.into_iter().filter_map(Placed::from_wire).collect(),
            ..Entry::default()
        });
        // What other clients attach stands nowhere in the text.
        for file in unplaced.into_iter().filter_map(FilePart::from_wire) {
            if !self.is_empty() && !self.editor.text().ends_with(char::is_whitespace) {
                self.editor.insert(" ");
            }
            let label = self.label(&file);
            self.put_mark(&label, Part::File(file));
        }
        self.autocomplete.hide();
    }

    /// Takes what the user's editor made of the text. Marks are found again by what they show.
    pub(crate) fn edited(&mut self, text: &str) {
        let text = paste::normal(text);
        let parts = placed(&self.editor);
        let attached = parts
            .into_iter()
            .filter(|placed| !matches!(placed.part, Part::Text { .. }));
        self.put(&Entry {
            input: text,
            parts: attached.collect(),
            mode: self.mode,
            timestamp: None,
        });
    }
}

#[cfg(test)]
mod tests;
