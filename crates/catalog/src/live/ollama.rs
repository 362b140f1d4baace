//! What Ollama has, and how long the contexts of its models really are.
//!
//! Ollama cuts a conversation that does not fit without a word, and its default is too small for tools. Its
//! OpenAI interface takes no length, so that a length that the user wants (`num_ctx`) is set as Ollama says
//! it should be: by a model of another name that shares everything else with the one that was meant.

use std::time::Duration;

use futures_util::future::join_all;
use opencode_config::environment::variable;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Asking, LOCAL_LIMIT, Listed, Live, MOST_MODELS};
use crate::http::{Call, HttpError};

/// What Ollama takes if nobody says otherwise.
const USUAL_CONTEXT: u64 = 4096;
/// How long the facts of all models may take.
const FACTS_LIMIT: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
struct Tags {
    #[serde(default)]
    models: Vec<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
}

#[derive(Deserialize)]
struct Running {
    #[serde(default)]
    models: Vec<Loaded>,
}

#[derive(Deserialize)]
struct Loaded {
    name: String,
    context_length: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Facts {
    capabilities: Vec<String>,
    parameters: String,
    model_info: Map<String, Value>,
}

pub(super) async fn list(asking: &Asking<'_>) -> Option<Live> {
    let environment = &asking.sources.environment;
    let host = environment.get(variable::OLLAMA_HOST);
    let base = asking.base(|| address(host.unwrap_or_default()));
    let get = |path: &str| {
        let call = Call::get(format!("{base}{path}")).within(LOCAL_LIMIT);
        asking.http.send(call)
    };
    let tags: Tags = get("/api/tags").await.ok()?.accepted().ok()?.read().ok()?;
    // Older ones do not say what they have loaded.
    let running: Option<Running> = match get("/api/ps").await {
        Ok(answer) => answer.accepted().and_then(|answer| answer.read()).ok(),
        Err(_) => None,
    };
    let usual = environment
        .positive(variable::OLLAMA_CONTEXT_LENGTH)
        .unwrap_or(USUAL_CONTEXT);
    let names: Vec<String> = tags
        .models
        .into_iter()
        .map(|tag| tag.name)
        .take(MOST_MODELS)
        .collect();
    let meant = names.iter().filter(|name| !name.contains(ALIAS));
    let models = meant.map(|name| {
        let loaded = running
            .iter()
            .flat_map(|running| &running.models)
            .find(|one| one.name == *name);
        let loaded = loaded.and_then(|one| one.context_length);
        model(asking, &base, name, loaded.unwrap_or(usual), &names)
    });
    Some(Live {
        name: "Ollama",
        url: format!("{base}/v1"),
        models: join_all(models).await.into_iter().flatten().collect(),
        adds: false,
    })
}

/// A model with its facts; `None` for one that does not talk.
async fn model(asking: &Asking<'_>, base: &str, name: &str, usual: u64, names: &[String]) -> Option<Listed> {
    let call = Call::json(format!("{base}/api/show"), &json!({ "model": name })).within(FACTS_LIMIT);
    let facts: Facts = match asking.http.send(call).await {
        Ok(answer) => answer
            .accepted()
            .and_then(|answer| answer.read())
            .unwrap_or_default(),
        Err(_) => Facts::default(),
    };
    let can = |what: &str| {
        let says = !facts.capabilities.is_empty();
        says.then(|| facts.capabilities.iter().any(|one| one == what))
    };
    if can("completion") == Some(false) {
        return None;
    }
    let most = facts
        .model_info
        .iter()
        .find(|(key, _)| key.ends_with(".context_length"));
    let most = most.and_then(|(_, value)| value.as_u64());
    let own = facts.parameters.lines().find_map(|line| {
        let value = line.trim().strip_prefix("num_ctx")?;
        value.trim().parse::<u64>().ok()
    });
    let now = own.unwrap_or(usual);
    let now = most.map_or(now, |most| now.min(most));
    let mut listed = Listed {
        id: name.to_owned(),
        context: Some(now),
        tools: can("tools"),
        images: can("vision"),
        reasoning: can("thinking"),
        ..Listed::default()
    };
    if let Some(wanted) = wanted(asking, name) {
        let wanted = most.map_or(wanted, |most| wanted.min(most));
        let alias = format!("{}{wanted}", alias_prefix(name));
        let there = names
            .iter()
            .any(|name| name.strip_suffix(":latest").unwrap_or(name) == alias);
        if wanted != now && (there || make(asking, base, name, &alias, wanted).await.is_ok()) {
            listed.context = Some(wanted);
            listed.api_id = Some(alias);
        }
    }
    Some(listed)
}

/// What marks the names of models that differ from another in nothing but their context.
const ALIAS: &str = "-opencode-ctx";

fn alias_prefix(name: &str) -> String {
    format!("{}{ALIAS}", name.replace(':', "-"))
}

/// The length that the user wants for a model, or for all.
fn wanted(asking: &Asking<'_>, name: &str) -> Option<u64> {
    let own = asking
        .config()
        .and_then(|config| config.models.as_ref()?.get(name));
    let own = own.and_then(|model| model.options.as_ref()?.get("num_ctx"));
    own.or_else(|| asking.option("num_ctx"))?
        .as_u64()
        .filter(|length| *length > 0)
}

async fn make(
    asking: &Asking<'_>,
    base: &str,
    name: &str,
    alias: &str,
    length: u64,
) -> Result<(), HttpError> {
    let body = json!({ "model": alias, "from": name, "parameters": { "num_ctx": length }, "stream": false });
    let call = Call::json(format!("{base}/api/create"), &body).within(FACTS_LIMIT);
    let made = async { asking.http.send(call).await?.accepted() };
    match made.await {
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::warn!(model = name, %error, "the context of a model cannot be set");
            Err(error)
        }
    }
}

/// The address of what Ollama takes as its host; a host that listens everywhere is asked here.
fn address(host: &str) -> String {
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let rest = rest.trim_end_matches('/');
    let (name, port) = rest.rsplit_once(':').unwrap_or((rest, "11434"));
    let name = if matches!(name, "" | "0.0.0.0" | "[::]") {
        "127.0.0.1"
    } else {
        name
    };
    format!("{scheme}://{name}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (host, wanted) in [
            ("", "http://127.0.0.1:11434"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("0.0.0.0:8000", "http://127.0.0.1:8000"),
            ("http://box:9/", "http://box:9"),
            ("https://box", "https://box:11434"),
        ] {
            assert_eq!(address(host), wanted);
        }
    }
}
