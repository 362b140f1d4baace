//! The palette of commands, and the slash words of commands (reference `tui.md` §7, §10).

use super::{Command, all};
use crate::app::App;
use crate::dialog::{Item, Outcome, Select};

/// What the palette runs.
#[derive(Debug, Clone, PartialEq)]
struct Choice {
    id: &'static str,
    /// It stands in the group of what is proposed, too.
    is_suggested: bool,
}

/// Commands that do what the key of another one does.
const SAME: &[(&str, &str)] = &[("app.quit", "app.exit")];

/// Opens the palette.
pub(super) fn open(app: &mut App) {
    if app.mini.is_some() {
        return crate::mini::palette::open(app);
    }
    let title = app.words.get("palette.title");
    let palette = Select::new(app, title, items, |app, choice: &Choice| {
        app.run(choice.id);
        Outcome::Close
    });
    app.open_dialog(palette);
}

fn items(app: &App) -> Vec<Item<Choice>> {
    let live: Vec<&Command> = all()
        .filter(|command| command.title.is_some() && command.is_there(app))
        .collect();
    let item = |command: &&Command, is_suggested: bool| {
        let title = command
            .title
            .map_or(command.id, |title| app.words.get(title(app)));
        let id = command.id;
        let category = if is_suggested {
            "palette.suggested"
        } else {
            command.category
        };
        let mut item = Item::new(Choice { id, is_suggested }, title);
        item.is_repeated = is_suggested;
        let same = SAME.iter().find(|(listed, _)| *listed == id);
        let keys: Vec<String> = app.keymap.labels(same.map_or(id, |(_, bound)| bound)).collect();
        item.within(app.words.get(category)).foot(keys.join(", "))
    };
    let suggested = live.iter().filter(|command| (command.is_suggested)(app));
    let mut items: Vec<Item<Choice>> = suggested.map(|command| item(command, true)).collect();
    let mut categories: Vec<&str> = Vec::new();
    for command in &live {
        if !categories.contains(&command.category) {
            categories.push(command.category);
        }
    }
    for category in categories {
        let of_it = live.iter().filter(|command| command.category == category);
        items.extend(of_it.map(|command| item(command, false)));
    }
    items
}

/// The slash words that are live: words, title and id.
pub(crate) fn slash_words(app: &App) -> Vec<(&'static [&'static str], String, &'static str)> {
    let live = all().filter(|command| !command.slash.is_empty() && command.is_there(app));
    live.map(|command| {
        let title = command
            .title
            .map_or(command.id, |title| app.words.get(title(app)));
        (command.slash, title.to_owned(), command.id)
    })
    .collect()
}
