//! Models (reference `tui.md` §10): favourites, those that were used, then all by their providers.

use opencode_schema::model::{Model, Provider, Status};

use crate::app::App;
use crate::choice::ModelRef;
use crate::dialog::{Item, Outcome, Select};
use crate::safe;
use crate::store::Store;

/// The provider that is there without a key.
const BUILT_IN: &str = "opencode";

/// A model in a group: the same model can be in several.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    model: ModelRef,
    group: &'static str,
}

/// Opens the list, of one provider if one is named.
pub(crate) fn open(app: &mut App, only: Option<String>) {
    let title = app.words.get("models.title");
    let list = Select::new(
        app,
        title,
        move |app| items(app, only.as_deref()),
        |app, entry: &Entry| {
            choose(app, &entry.model);
            Outcome::Close
        },
    )
    .action("model.dialog.provider", "models.connect", |app, _| {
        app.run("provider.connect");
        Outcome::Close
    })
    .action(
        "model.dialog.favorite",
        "models.favorite",
        |app, entry: Option<&Entry>| {
            if let Some(entry) = entry {
                app.toggle_favorite(&entry.model);
            }
            Outcome::Done
        },
    );
    app.open_dialog(list);
}

fn choose(app: &mut App, model: &ModelRef) {
    app.choice.set_model(&app.store, model.clone());
    app.use_model(model);
    let has_variants = !app.choice.variants(&app.store, &app.settings).is_empty();
    if has_variants && app.settings.models.variant(model).is_none() {
        super::variants::open(app);
    }
}

fn items(app: &App, only: Option<&str>) -> Vec<Item<Entry>> {
    let models = &app.settings.models;
    let chosen = app.choice.model(&app.store, &app.settings);
    let mut items = Vec::new();
    let known = |model: &ModelRef| app.store.model(&model.provider, &model.model);
    let mut grouped: Vec<&ModelRef> = Vec::new();
    if only.is_none() {
        for (group, list) in [
            ("models.favorites", models.favorites()),
            ("models.recent", models.recent()),
        ] {
            for model in list {
                let Some((provider, found)) = known(model) else {
                    continue;
                };
                if grouped.contains(&model) {
                    continue;
                }
                grouped.push(model);
                let entry = Entry {
                    model: model.clone(),
                    group,
                };
                let item = item(app, entry, provider, found)
                    .describe(safe::line(&provider.name))
                    .within(app.words.get(group))
                    .current(chosen.as_ref() == Some(model));
                items.push(item);
            }
        }
    }
    let mut providers: Vec<&Provider> = app.store.providers.iter().collect();
    providers.sort_by(|a, b| (a.id != BUILT_IN, &a.name).cmp(&(b.id != BUILT_IN, &b.name)));
    for provider in providers {
        if only.is_some_and(|only| only != provider.id) {
            continue;
        }
        let mut offered: Vec<&Model> = provider
            .models
            .values()
            .filter(|model| model.status != Status::Deprecated)
            .collect();
        offered.sort_by(|a, b| {
            (!is_free(provider, a), &b.release_date, &a.name).cmp(&(
                !is_free(provider, b),
                &a.release_date,
                &b.name,
            ))
        });
        for model in offered {
            let named = ModelRef {
                provider: provider.id.clone(),
                model: model.id.clone(),
            };
            if grouped.contains(&&named) {
                continue;
            }
            let is_chosen = chosen.as_ref() == Some(&named);
            let entry = Entry {
                model: named,
                group: "",
            };
            let item = item(app, entry, provider, model);
            items.push(item.within(safe::line(&provider.name)).current(is_chosen));
        }
    }
    items
}

fn item(app: &App, entry: Entry, provider: &Provider, model: &Model) -> Item<Entry> {
    let is_favorite = entry.group.is_empty() && app.settings.models.favorites().contains(&entry.model);
    let mut item = Item::new(entry, safe::line(&model.name));
    if is_favorite {
        item = item.describe(app.words.get("models.is_favorite"));
    }
    if is_free(provider, model) {
        item = item.foot(app.words.get("models.free"));
    }
    item
}

/// Whether no model can be used that costs something.
pub(crate) fn has_only_free(store: &Store) -> bool {
    let mut providers = store.providers.iter();
    providers.all(|provider| provider.models.values().all(|model| is_free(provider, model)))
}

fn is_free(provider: &Provider, model: &Model) -> bool {
    provider.id == BUILT_IN && model.cost.base.input == 0.0
}
