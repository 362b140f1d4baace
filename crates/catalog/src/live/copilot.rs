//! The models of a login to Copilot (reference `providers.md` §12.3).

use std::time::Duration;

use opencode_config::credential::Credential;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::Value;

use super::{Asking, Listed, Live};
use crate::http::Call;
use crate::login::route;

/// How long the list may take.
const LIMIT: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct List {
    data: Vec<Value>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    name: String,
    #[serde(default)]
    model_picker_enabled: bool,
    policy: Option<Policy>,
    #[serde(default)]
    supported_endpoints: Vec<String>,
    capabilities: Capabilities,
}

#[derive(Deserialize)]
struct Policy {
    state: String,
}

#[derive(Deserialize)]
struct Capabilities {
    limits: Limits,
    #[serde(default)]
    supports: Supports,
}

#[derive(Deserialize)]
struct Limits {
    max_context_window_tokens: u64,
    max_output_tokens: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Supports {
    tool_calls: Option<bool>,
    vision: Option<bool>,
}

pub(super) async fn list(asking: &Asking<'_>) -> Option<Live> {
    let login = asking.sources.credentials.get(asking.provider_id)?;
    let Credential::Oauth { access, .. } = login else {
        return None;
    };
    let own = asking
        .option("baseURL")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let base = own.or_else(|| route::base_url(asking.provider_id, login))?;
    let call = Call::get(format!("{base}/models"))
        .header("authorization", format!("Bearer {}", access.expose_secret()))
        .header("x-github-api-version", route::COPILOT_VERSION)
        .header("user-agent", format!("opencode/{}", asking.sources.version))
        .within(LIMIT)
        .at_most(8 << 20);
    let asked = async { asking.http.send(call).await?.accepted()?.read::<List>() };
    let list = match asked.await {
        Ok(list) => list,
        Err(error) => {
            // Parity: then it is the models of the public catalogue.
            tracing::info!(%error, "Copilot does not list its models");
            return None;
        }
    };
    let entries = list
        .data
        .into_iter()
        .filter_map(|entry| serde_json::from_value(entry).ok());
    let usable = entries.filter(|entry: &Entry| {
        entry.model_picker_enabled
            && entry
                .policy
                .as_ref()
                .is_none_or(|policy| policy.state == "enabled")
    });
    Some(Live {
        name: "GitHub Copilot",
        models: usable.map(listed).collect(),
        url: base,
    })
}

fn listed(entry: Entry) -> Listed {
    let Capabilities { limits, supports } = entry.capabilities;
    Listed {
        npm: Some(route::copilot_package(&entry.supported_endpoints, &entry.id)),
        context: Some(limits.max_context_window_tokens),
        output: Some(limits.max_output_tokens),
        tools: supports.tool_calls,
        images: supports.vision,
        name: Some(entry.name),
        id: entry.id,
        ..Listed::default()
    }
}
