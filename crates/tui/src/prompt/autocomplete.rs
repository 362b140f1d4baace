//! The list above the prompt (reference `tui.md` §7 and §9): commands behind `/`, and behind `@` references,
//! agents, resources and files. What there is the application says; files are asked for by name.

mod range;
mod rank;
mod view;

use std::cell::Cell;

use ratatui::layout::Rect;

pub(super) use range::Lines;
pub(super) use rank::join;

use super::frecency::Frecency;

/// Rows that are shown.
const ROWS: usize = 10;
/// Bytes before the cursor in which the beginning of its word is looked for.
const LONGEST: usize = 4096;

/// What the list is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// The project's folder, in which files are found.
    pub(crate) directory: String,
    /// Commands behind `/`.
    pub(crate) commands: Vec<Slash>,
    /// Named folders.
    pub(crate) references: Vec<Reference>,
    /// Names of agents that can be given tasks.
    pub(crate) agents: Vec<String>,
    /// Resources of MCP servers.
    pub(crate) resources: Vec<Resource>,
}

/// A command behind `/`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slash {
    /// How it is shown, with the slash.
    pub(crate) label: String,
    /// Other names, with their slashes.
    pub(crate) aliases: Vec<String>,
    /// What it does.
    pub(crate) description: String,
    /// What choosing it does.
    pub(crate) action: Action,
}

/// What choosing a command does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Runs the command of this id and empties the prompt.
    Run(&'static str),
    /// Writes the name of a command of the server.
    Write(String),
}

/// A named folder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reference {
    /// Its name.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: String,
}

/// A resource of an MCP server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resource {
    /// Its name.
    pub(crate) name: String,
    /// The server.
    pub(crate) client: String,
    /// Which of the server's.
    pub(crate) uri: String,
    /// Its kind.
    pub(crate) mime: Option<String>,
    /// What it is.
    pub(crate) description: Option<String>,
}

/// A file that was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// Relative to the project's folder.
    pub(crate) path: String,
    /// Whether it is a folder.
    pub(crate) is_directory: bool,
}

/// What stands in a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Pick {
    Slash(Action),
    Reference(Reference),
    Agent(String),
    Resource(Resource),
    File(Found, Option<Lines>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) label: String,
    pub(super) description: Option<String>,
    pub(super) pick: Pick,
}

/// What the list was opened by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    Slash,
    At,
}

#[derive(Debug)]
struct List {
    trigger: Trigger,
    /// Where the sign stands.
    at: usize,
    query: String,
    files: Vec<Found>,
    rows: Vec<Row>,
    selected: usize,
    top: Cell<usize>,
}

/// The list, if it is open.
#[derive(Debug, Default)]
pub(crate) struct Autocomplete {
    pub(super) sources: Sources,
    list: Option<List>,
    /// Where it was drawn.
    area: Cell<Rect>,
}

/// Where the text is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) text: &'a str,
    pub(super) cursor: usize,
    /// Whether commands can be called.
    pub(super) has_commands: bool,
}

impl Autocomplete {
    pub(super) fn is_open(&self) -> bool {
        self.list.is_some()
    }

    /// Closes it; whether it was open.
    pub(super) fn hide(&mut self) -> bool {
        self.list.take().is_some()
    }

    /// Follows the text after it was changed or the cursor moved; opens only after a change. Gives the name
    /// by which files are to be found.
    pub(super) fn follow(
        &mut self,
        place: Place<'_>,
        is_changed: bool,
        frecency: &Frecency,
        now: i64,
    ) -> Option<String> {
        let found = trigger(place);
        if !is_changed && self.list.is_none() {
            return None;
        }
        let Some((trigger, at)) = found else {
            self.list = None;
            return None;
        };
        let query = place.text.get(at + 1..place.cursor).unwrap_or_default();
        let mut asks = None;
        match &mut self.list {
            Some(list) if list.trigger == trigger && list.at == at => {
                if list.query == query {
                    return None;
                }
                query.clone_into(&mut list.query);
            }
            _ if !is_changed => {
                self.list = None;
                return None;
            }
            _ => {
                self.list = Some(List {
                    trigger,
                    at,
                    query: query.to_owned(),
                    files: Vec::new(),
                    rows: Vec::new(),
                    selected: 0,
                    top: Cell::new(0),
                });
            }
        }
        if trigger == Trigger::At {
            asks = Some(range::split(query).0.to_owned());
        }
        self.fill(frecency, now);
        asks
    }

    /// Takes the files that were found for a name; those of an older question are not looked at.
    pub(super) fn files_found(&mut self, query: &str, files: Vec<Found>, frecency: &Frecency, now: i64) {
        if let Some(list) = &mut self.list
            && list.trigger == Trigger::At
            && range::split(&list.query).0 == query
        {
            list.files = files;
            self.fill(frecency, now);
        }
    }

    fn fill(&mut self, frecency: &Frecency, now: i64) {
        let Some(list) = &mut self.list else { return };
        list.rows = match list.trigger {
            Trigger::Slash => rank::commands(&self.sources, &list.query),
            Trigger::At => rank::mentions(&self.sources, &list.query, &list.files, frecency, now),
        };
        list.selected = 0;
        list.top.set(0);
    }

    /// Goes to the next or the row before, from the ends to the other ones.
    pub(super) fn step(&mut self, is_next: bool) {
        if let Some(list) = &mut self.list
            && let Some(last) = list.rows.len().checked_sub(1)
        {
            list.selected = match (is_next, list.selected) {
                (true, at) if at >= last => 0,
                (true, at) => at + 1,
                (false, 0) => last,
                (false, at) => at - 1,
            };
        }
    }

    /// The chosen row, and where the text begins that it replaces.
    pub(super) fn chosen(&self) -> Option<(usize, Row)> {
        let list = self.list.as_ref()?;
        Some((list.at, list.rows.get(list.selected)?.clone()))
    }

    /// Where the name is that is being written after `@`.
    pub(super) fn name_at(&self) -> Option<usize> {
        let list = self.list.as_ref()?;
        (list.trigger == Trigger::At).then_some(list.at)
    }

    #[cfg(test)]
    pub(super) fn labels(&self) -> Vec<String> {
        let rows = self.list.iter().flat_map(|list| &list.rows);
        rows.map(|row| row.label.clone()).collect()
    }
}

/// The sign that the word at the cursor begins with.
fn trigger(place: Place<'_>) -> Option<(Trigger, usize)> {
    let start = place
        .text
        .floor_char_boundary(place.cursor.saturating_sub(LONGEST));
    let before = place.text.get(start..place.cursor)?;
    let is_word = !before.contains(char::is_whitespace);
    if start == 0 && is_word && place.has_commands && before.starts_with('/') {
        return Some((Trigger::Slash, 0));
    }
    let at = before.rfind(|letter: char| letter == '@' || letter.is_whitespace())?;
    let is_first = start + at == 0;
    let follows_space = before.get(..at)?.ends_with(char::is_whitespace);
    let begins = before.get(at..)?.starts_with('@') && (is_first || follows_space);
    begins.then_some((Trigger::At, start + at))
}
