//! `opencode acp` over standard input and output. What is expected of each method is what the reference
//! answers; every message is read as the type that the official crate has for it.

mod client;
mod permissions;
mod sessions;
mod turns;
mod wrong;

use opencode_testkit::{Home, ScriptedModel, Step};
use serde_json::{Value, json};

use crate::home;
use client::Client;

/// A client of a program in a home whose model is scripted.
async fn connected(steps: impl IntoIterator<Item = Step>, config: Value) -> (Home, ScriptedModel, Client) {
    let model = ScriptedModel::start(steps).await;
    let home = home();
    home.configure(&model.url(), merged(config));
    let mut client = Client::start(&home, &[]);
    client.initialize().await;
    (home, model, client)
}

/// Nothing but the scripted model can be chosen.
fn merged(mut config: Value) -> Value {
    config["enabled_providers"] = json!(["scripted"]);
    config
}

fn text(text: &str) -> Value {
    json!([{ "type": "text", "text": text }])
}
