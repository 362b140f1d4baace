//! MCP servers, and whether they are used.

use opencode_client::Request;
use serde_json::json;

use crate::app::App;
use crate::dialog::{Item, Outcome, Select};
use crate::safe;

/// Opens the list.
pub(crate) fn open(app: &mut App) {
    app.reload_mcp();
    let title = app.words.get("mcps.title");
    let list = Select::new(app, title, items, |_, _: &String| Outcome::Done)
        .when_empty("mcps.none")
        .action(
            "dialog.mcp.toggle",
            "mcps.toggle",
            |app, name: Option<&String>| {
                if let Some(name) = name {
                    toggle(app, name);
                }
                Outcome::Done
            },
        );
    app.open_dialog(list);
}

fn toggle(app: &mut App, name: &str) {
    let is_on = app
        .store
        .mcp
        .get(name)
        .is_some_and(|server| server.status == "connected");
    let what = if is_on { "disconnect" } else { "connect" };
    if !app.switching_mcp.insert(name.to_owned()) {
        return;
    }
    let name = name.to_owned();
    let request = Request::post(&["mcp", &name, what], json!({})).turn();
    app.try_ask::<serde_json::Value>(request, move |app, answer| {
        app.switching_mcp.remove(&name);
        if let Err(error) = answer {
            app.complain(&error);
        }
        app.reload_mcp();
    });
}

fn items(app: &App) -> Vec<Item<String>> {
    let words = &app.words;
    let servers = app.store.mcp.iter();
    servers
        .map(|(name, server)| {
            let (sign, state) = if app.switching_mcp.contains(name) {
                ("⋯", "mcps.loading")
            } else {
                match server.status.as_str() {
                    "connected" => ("✓", "mcps.enabled"),
                    "failed" => ("✗", "mcp.failed"),
                    "needs_auth" => ("⚠", "mcp.needs_auth"),
                    "needs_client_registration" => ("⚠", "mcp.needs_registration"),
                    _ => ("○", "mcps.disabled"),
                }
            };
            let error = server.error.as_deref().unwrap_or_default();
            Item::new(name.clone(), safe::line(name))
                .describe(safe::line(error))
                .foot(format!("{sign} {}", words.get(state)))
        })
        .collect()
}
