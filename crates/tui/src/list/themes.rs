//! Themes; the one that is selected is seen at once.

use crate::app::App;
use crate::dialog::{Item, Outcome, Select};
use crate::safe;

/// Opens the list.
pub(crate) fn open(app: &mut App) {
    let before = app.settings.theme_name().to_owned();
    let title = app.words.get("themes.title");
    let chosen = before.clone();
    let list = Select::new(
        app,
        title,
        move |app| items(app, &chosen),
        |app, name: &String| {
            app.settings.try_theme(name);
            app.repaint();
            app.keep_theme();
            Outcome::Close
        },
    )
    .on_move(|app, name: &String| {
        app.settings.try_theme(name);
        app.repaint();
    })
    .on_cancel(move |app| {
        app.settings.try_theme(&before);
        app.repaint();
    });
    app.open_dialog(list);
}

fn items(app: &App, chosen: &str) -> Vec<Item<String>> {
    let names = app.settings.theme_names().into_iter();
    names
        .map(|name| {
            let is_chosen = name == chosen;
            Item::new(name.clone(), safe::line(&name)).current(is_chosen)
        })
        .collect()
}
