//! The commands of this face (reference `tui.md` §7, §8): one table for keys, the palette, slash words and
//! other programs.

mod dialogs;
mod messages;
mod models;
mod palette;
mod prompt;
mod retry;
pub(crate) mod sessions;
mod switches;

use crate::app::{App, Route};
use crate::mini;

pub(crate) use palette::slash_words;

/// When a command can be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where {
    /// On every screen.
    Everywhere,
    /// Where messages are; also while the user is asked something.
    Transcript,
}

/// A command.
pub(crate) struct Command {
    /// Its id, as keys and other programs name it.
    pub(crate) id: &'static str,
    /// The key of its title in the palette; none if it is not listed there.
    pub(crate) title: Option<fn(&App) -> &'static str>,
    /// The key of its group.
    pub(crate) category: &'static str,
    /// Its slash words.
    pub(crate) slash: &'static [&'static str],
    /// Where it is live.
    pub(crate) place: Where,
    /// Whether it can be meant now.
    pub(crate) is_live: fn(&App) -> bool,
    /// Whether the palette proposes it now.
    pub(crate) is_suggested: fn(&App) -> bool,
    /// Does it; says whether it meant something.
    pub(crate) run: fn(&mut App) -> bool,
}

const AGENT: &str = "palette.agent";
const PROMPT: &str = "palette.prompt";
const PROVIDER: &str = "palette.provider";
const SESSION: &str = "palette.session";
const SYSTEM: &str = "palette.system";
const WORKSPACE: &str = "palette.workspace";

impl Command {
    /// A command that is not in the palette.
    const fn hidden(id: &'static str, run: fn(&mut App) -> bool) -> Self {
        Self {
            id,
            title: None,
            category: "",
            slash: &[],
            place: Where::Everywhere,
            is_live: always,
            is_suggested: never,
            run,
        }
    }

    /// A command of the palette.
    const fn listed(
        id: &'static str,
        category: &'static str,
        title: fn(&App) -> &'static str,
        run: fn(&mut App) -> bool,
    ) -> Self {
        let mut command = Self::hidden(id, run);
        command.title = Some(title);
        command.category = category;
        command
    }

    const fn slash(mut self, words: &'static [&'static str]) -> Self {
        self.slash = words;
        self
    }

    const fn when(mut self, is_live: fn(&App) -> bool) -> Self {
        self.is_live = is_live;
        self
    }

    const fn suggested(mut self, is_suggested: fn(&App) -> bool) -> Self {
        self.is_suggested = is_suggested;
        self
    }

    const fn transcript(mut self) -> Self {
        self.place = Where::Transcript;
        self
    }

    /// Whether it can be meant now, by this face.
    fn is_there(&self, app: &App) -> bool {
        (self.is_live)(app) && (app.mini.is_none() || mini::COMMANDS.contains(&self.id))
    }
}

fn always(_: &App) -> bool {
    true
}

fn never(_: &App) -> bool {
    false
}

/// Messages are shown.
fn in_session(app: &App) -> bool {
    app.session_id().is_some()
}

/// A session is shown that another one began.
fn in_child(app: &App) -> bool {
    app.session().is_some_and(|session| session.parent_id.is_some())
}

fn at_home(app: &App) -> bool {
    app.route == Route::Home
}

/// All commands, in the order of the palette.
fn all() -> impl Iterator<Item = &'static Command> {
    sessions::COMMANDS
        .iter()
        .chain(messages::COMMANDS)
        .chain(models::COMMANDS)
        .chain(prompt::COMMANDS)
        .chain(dialogs::COMMANDS)
        .chain(switches::COMMANDS)
}

/// Ids of the commands that are live in a place.
pub(crate) fn ids(app: &App, place: Where) -> Vec<&'static str> {
    let live = all().filter(|command| command.place == place && command.is_there(app));
    live.map(|command| command.id).collect()
}

/// Whether a command can be meant now.
pub(crate) fn is_live(app: &App, id: &str) -> bool {
    all().any(|command| command.id == id && command.is_there(app))
}

/// What a command is called in the palette, if it stands there.
pub(crate) fn title(app: &App, id: &str) -> Option<&'static str> {
    let title = all().find(|command| command.id == id)?.title?;
    Some(app.words.get(title(app)))
}

/// Runs a command that is live; says whether there is one and it meant something.
pub(crate) fn run(app: &mut App, id: &str) -> bool {
    let command = all().find(|command| command.id == id && command.is_there(app));
    command.is_some_and(|command| (command.run)(app))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::all;

    #[test]
    fn ids_and_slash_words_are_of_one_command_each() {
        let mut ids = HashSet::new();
        let mut words = HashSet::new();
        for command in all() {
            assert!(ids.insert(command.id), "{} is there twice", command.id);
            for word in command.slash {
                assert!(words.insert(word), "/{word} is there twice");
            }
        }
    }
}
