//! The program as a user meets it: the binary, a scripted model, and what lies on disk afterwards.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod acp;
mod activities;
mod agent;
mod api;
mod architecture;
mod attach;
mod attachments;
mod bad_input;
mod chaos;
mod cluster;
mod commands;
mod compaction;
mod compat;
mod config;
mod crash;
mod deltas;
mod demo;
mod durable;
mod durable_work;
mod face;
mod faults;
mod formatters;
mod further_tools;
mod gaps;
mod index;
mod interrupt;
mod jobs;
mod limits;
mod login;
mod looking;
mod lsp;
mod mcp;
mod mcp_auth;
mod mcp_deferred;
mod mcp_login;
mod mcp_real;
mod mcp_sampling;
mod mcp_serve;
mod permissions;
mod places;
mod plugin;
mod plugin_hooks;
mod plugin_logins;
mod pty;
mod references;
mod reload;
mod remote_config;
mod robust;
mod sandbox;
mod serve;
mod serve_settings;
mod serve_transport;
mod share;
mod skills;
mod startup;
mod storage;
mod sync;
mod tasks;
mod turn;
mod watching;

use opencode_testkit::{Home, ScriptedModel, Served, Step};
use serde_json::{Value, json};

/// A home with a project in it.
fn home() -> Home {
    Home::new(env!("CARGO_BIN_EXE_opencode"))
}

/// A home whose model is scripted.
async fn with_model(steps: impl IntoIterator<Item = Step>) -> (Home, ScriptedModel) {
    let model = ScriptedModel::start(steps).await;
    let home = home();
    home.configure(&model.url(), json!({}));
    (home, model)
}

/// A new session of a server.
async fn new_session(server: &Served) -> String {
    let made = server.send("POST", "/session", Some(json!({}))).await;
    assert_eq!(made.status, 200, "{made:?}");
    made.json()["id"].as_str().unwrap().to_owned()
}

/// Everything stored of a session: messages with their parts, the oldest first, ids and times taken out.
fn stored(home: &Home, session: &str) -> Vec<(Value, Vec<Value>)> {
    let database = home.database();
    let rows = |query: &str, id: &str| -> Vec<(String, Value)> {
        let mut statement = database.prepare(query).unwrap();
        let rows = statement
            .query_map([id], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
            .unwrap();
        rows.map(|row| row.unwrap())
            .map(|(id, data)| (id, serde_json::from_str(&data).unwrap()))
            .collect()
    };
    rows(
        "SELECT id, data FROM message WHERE session_id = ? ORDER BY time_created, id",
        session,
    )
    .into_iter()
    .map(|(id, message)| {
        let parts = rows("SELECT id, data FROM part WHERE message_id = ? ORDER BY id", &id);
        (message, parts.into_iter().map(|(_, part)| part).collect())
    })
    .collect()
}

/// The tool parts of a session.
fn stored_calls(home: &Home, session: &str) -> Vec<Value> {
    stored(home, session)
        .into_iter()
        .flat_map(|(_, parts)| parts)
        .filter(|part| part["type"] == "tool")
        .collect()
}

/// The only session there is.
fn only_session(home: &Home) -> String {
    home.database()
        .query_row("SELECT id FROM session WHERE parent_id IS NULL", [], |row| {
            row.get(0)
        })
        .unwrap()
}

#[test]
#[ignore = "it is the scripted language server, which other tests start"]
fn scripted_language_server() {
    opencode_testkit::language_server::serve();
}
