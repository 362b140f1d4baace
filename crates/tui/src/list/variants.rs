//! Variants of the model.

use crate::app::App;
use crate::choice::DEFAULT;
use crate::dialog::{Item, Outcome, Select};
use crate::safe;

/// Opens the list.
pub(crate) fn open(app: &mut App) {
    let title = app.words.get("variants.title");
    let list = Select::new(app, title, items, |app, name: &String| {
        if let Some(model) = app.choice.model(&app.store, &app.settings) {
            app.set_variant(&model, name);
            app.tell_model();
        }
        Outcome::Close
    });
    app.open_dialog(list);
}

fn items(app: &App) -> Vec<Item<String>> {
    let chosen = app.choice.variant(&app.store, &app.settings);
    let default = Item::new(DEFAULT.to_owned(), app.words.get("variants.default")).current(chosen.is_none());
    let variants = app.choice.variants(&app.store, &app.settings);
    let named = variants.into_iter().map(|name| {
        let is_chosen = chosen.as_ref() == Some(&name);
        let title = safe::line(&name).into_owned();
        Item::new(name, title).current(is_chosen)
    });
    [default].into_iter().chain(named).collect()
}
