//! Models (reference `tui.md` §10): favourites, those that were used, then all by their providers.

use opencode_schema::model::{Model, Provider, Status};

use crate::app::App;
use crate::choice::ModelRef;
use crate::dialog::{Item, Outcome, Select};
use crate::list::providers;
use crate::safe;
use crate::store::Store;

/// The provider that is there without a key.
const BUILT_IN: &str = "opencode";

/// What stands in the list.
#[derive(Debug, Clone, PartialEq)]
enum Entry {
    /// A model in a group: the same model can be in several.
    Model { model: ModelRef, group: &'static str },
    /// A provider that can be connected.
    Provider(String),
}

/// Opens the list, of one provider if one is named.
pub(crate) fn open(app: &mut App, only: Option<String>) {
    let title = app.words.get("models.title");
    let is_beginning = only.is_none() && has_only_free(&app.store);
    if is_beginning {
        app.load_all_providers();
    }
    let list = Select::new(
        app,
        title,
        move |app| items(app, only.as_deref()),
        |app, entry: &Entry| {
            match entry {
                Entry::Model { model, .. } => choose(app, model),
                Entry::Provider(provider) => providers::begin(app, provider.clone()),
            }
            Outcome::Close
        },
    );
    let connect = if is_beginning {
        "models.view_all"
    } else {
        "models.connect"
    };
    let list = list.action("model.dialog.provider", connect, |app, _| {
        app.run("provider.connect");
        Outcome::Close
    });
    if is_beginning {
        return app.open_dialog(list);
    }
    app.open_dialog(list.action(
        "model.dialog.favorite",
        "models.favorite",
        |app, entry: Option<&Entry>| {
            if let Some(Entry::Model { model, .. }) = entry {
                app.toggle_favorite(model);
            }
            Outcome::Done
        },
    ));
}

fn choose(app: &mut App, model: &ModelRef) {
    app.choice.set_model(&app.store, model.clone());
    app.use_model(model);
    let has_variants = !app.choice.variants(&app.store, &app.settings).is_empty();
    app.tell_model();
    if has_variants && app.settings.models.variant(model).is_none() {
        super::variants::open(app);
    }
}

fn items(app: &App, only: Option<&str>) -> Vec<Item<Entry>> {
    let models = &app.settings.models;
    let is_beginning = only.is_none() && has_only_free(&app.store);
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
                let item = item(app, model, group, provider, found)
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
            let item = item(app, &named, "", provider, model).current(is_chosen);
            // Where there is one provider only, its name says nothing.
            items.push(if is_beginning {
                item
            } else {
                item.within(safe::line(&provider.name))
            });
        }
    }
    if is_beginning {
        let popular = providers::popular(app).into_iter();
        items.extend(popular.map(|(provider, why)| {
            Item::new(Entry::Provider(provider.id.clone()), safe::line(&provider.name))
                .describe(why)
                .within(app.words.get("models.popular"))
        }));
    }
    items
}

fn item(app: &App, named: &ModelRef, group: &'static str, provider: &Provider, model: &Model) -> Item<Entry> {
    let is_favorite = group.is_empty() && app.settings.models.favorites().contains(named);
    let entry = Entry::Model {
        model: named.clone(),
        group,
    };
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
    let mut providers = store.own_providers();
    providers.all(|provider| provider.models.values().all(|model| is_free(provider, model)))
}

fn is_free(provider: &Provider, model: &Model) -> bool {
    provider.id == BUILT_IN && model.cost.base.input == 0.0
}
