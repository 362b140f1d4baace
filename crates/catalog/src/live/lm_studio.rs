//! What LM Studio has, and how long the contexts of its models are.

use opencode_config::credential::Credential;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::{Asking, LOCAL_LIMIT, Listed, Live};
use crate::http::Call;

/// Where LM Studio listens.
const USUAL: &str = "http://127.0.0.1:1234";

#[derive(Deserialize)]
struct List {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    /// `llm`, `vlm` or `embeddings`; the plain list has none.
    #[serde(rename = "type")]
    kind: Option<String>,
    loaded_context_length: Option<u64>,
    max_context_length: Option<u64>,
    #[serde(default)]
    capabilities: Vec<String>,
}

pub(super) async fn list(asking: &Asking<'_>) -> Option<Live> {
    let base = asking.base(|| USUAL.to_owned());
    let key = match asking.sources.credentials.get(asking.provider_id) {
        Some(Credential::Api { key, .. }) => Some(key.expose_secret()),
        _ => asking.sources.environment.get("LMSTUDIO_API_KEY"),
    };
    // Its own list says more than the one in OpenAI's form, which older ones have alone.
    for path in ["/api/v0/models", "/v1/models"] {
        let mut call = Call::get(format!("{base}{path}")).within(LOCAL_LIMIT);
        if let Some(key) = key {
            call = call.header("authorization", format!("Bearer {key}"));
        }
        let answer = asking.http.send(call).await.ok()?;
        let Ok(list) = answer.accepted().and_then(|answer| answer.read::<List>()) else {
            continue;
        };
        let talks = |entry: &Entry| !matches!(entry.kind.as_deref(), Some("embeddings"));
        let models = list.data.into_iter().filter(talks).map(listed);
        return Some(Live {
            name: "LM Studio",
            url: format!("{base}/v1"),
            models: models.collect(),
            adds: false,
        });
    }
    None
}

fn listed(entry: Entry) -> Listed {
    let says = !entry.capabilities.is_empty();
    Listed {
        images: entry.kind.as_deref().map(|kind| kind == "vlm"),
        tools: says.then(|| entry.capabilities.iter().any(|one| one == "tool_use")),
        context: entry.loaded_context_length.or(entry.max_context_length),
        id: entry.id,
        ..Listed::default()
    }
}
