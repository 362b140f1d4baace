//! Commands of agents, models, variants and providers.

use super::{AGENT, Command, PROVIDER};
use crate::app::App;
use crate::choice::{self, DEFAULT};
use crate::list;
use crate::toast::Variant;

pub(super) const COMMANDS: &[Command] = &[
    Command::listed("model.list", AGENT, |_| "command.model.list", list_models)
        .slash(&["models", "mo"])
        .suggested(|_| true),
    Command::hidden("model.cycle_recent", |app| cycle_recent(app, 1)),
    Command::hidden("model.cycle_recent_reverse", |app| cycle_recent(app, -1)),
    Command::hidden("model.cycle_favorite", |app| cycle_favorite(app, 1)),
    Command::hidden("model.cycle_favorite_reverse", |app| cycle_favorite(app, -1)),
    Command::listed("agent.list", AGENT, |_| "command.agent.list", list_agents).slash(&["agents"]),
    Command::hidden("agent.cycle", |app| cycle_agent(app, 1)),
    Command::hidden("agent.cycle.reverse", |app| cycle_agent(app, -1)),
    Command::listed("variant.cycle", AGENT, |_| "command.variant.cycle", cycle_variant).when(has_variants),
    Command::listed("variant.list", AGENT, |_| "command.variant.list", list_variants)
        .slash(&["variants"])
        .when(has_variants),
    Command::listed("mcp.list", AGENT, |_| "command.mcp.list", list_mcp).slash(&["mcps"]),
    Command::listed(
        "provider.connect",
        PROVIDER,
        |_| "command.provider.connect",
        connect,
    )
    .slash(&["connect"])
    .suggested(has_only_free),
];

fn list_models(app: &mut App) -> bool {
    list::models::open(app, None);
    true
}

fn list_agents(app: &mut App) -> bool {
    list::agents::open(app);
    true
}

fn list_variants(app: &mut App) -> bool {
    list::variants::open(app);
    true
}

fn list_mcp(app: &mut App) -> bool {
    list::mcp::open(app);
    true
}

fn connect(app: &mut App) -> bool {
    list::providers::open(app);
    true
}

/// Nothing but what is there without a key can be used.
fn has_only_free(app: &App) -> bool {
    list::models::has_only_free(&app.store)
}

fn cycle_agent(app: &mut App, by: isize) -> bool {
    app.choice.cycle_agent(&app.store, by);
    true
}

fn has_variants(app: &App) -> bool {
    !app.choice.variants(&app.store, &app.settings).is_empty()
}

/// The default, each variant, the default again.
fn cycle_variant(app: &mut App) -> bool {
    let variants = app.choice.variants(&app.store, &app.settings);
    let Some(model) = app.choice.model(&app.store, &app.settings) else {
        return false;
    };
    let now = app.choice.variant(&app.store, &app.settings);
    let at = now.and_then(|now| variants.iter().position(|name| *name == now));
    let next = match at {
        None => variants.first().cloned(),
        Some(at) => variants.get(at + 1).cloned(),
    };
    app.set_variant(&model, next.as_deref().unwrap_or(DEFAULT));
    app.tell_model();
    true
}

fn cycle_recent(app: &mut App, by: isize) -> bool {
    let models = app.settings.models.recent().to_vec();
    cycle(app, &models, by)
}

fn cycle_favorite(app: &mut App, by: isize) -> bool {
    let models = app.settings.models.favorites().to_vec();
    if models.is_empty() {
        app.tell(Variant::Info, "models.no_favorite");
        return true;
    }
    cycle(app, &models, by)
}

fn cycle(app: &mut App, models: &[choice::ModelRef], by: isize) -> bool {
    let there: Vec<&choice::ModelRef> = models
        .iter()
        .filter(|model| app.store.model(&model.provider, &model.model).is_some())
        .collect();
    let now = app.choice.model(&app.store, &app.settings);
    let at = there.iter().position(|model| Some(*model) == now.as_ref());
    let next = match at {
        Some(at) => choice::step(at, by, there.len()),
        None => (!there.is_empty()).then_some(0),
    };
    if let Some(model) = next.map(|next| there[next].clone()) {
        app.choice.set_model(&app.store, model);
        app.tell_model();
    }
    true
}
