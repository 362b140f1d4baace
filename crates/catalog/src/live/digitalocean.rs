//! The inference routers of an account at DigitalOcean, as models (reference `providers.md` §3.3).
//!
//! The list is kept beside the credential, as the reference keeps it.

use std::time::Duration;

use opencode_config::credential::{self, Credential};
use opencode_schema::model::{Interleaved, Modalities};
use opencode_schema::time::{Millis, now};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::{Asking, Listed, Live};
use crate::http::Call;

const API: &str = "https://api.digitalocean.com";
const ROUTERS: &str = "/v2/gen-ai/models/routers";
const INFERENCE: &str = "https://inference.do-ai.run/v1";
/// How long the list may take.
const LIMIT: Duration = Duration::from_secs(10);
/// A list is as good as a new one for so long.
const FRESH: Millis = 300_000;
const CONTEXT: u64 = 128_000;
const OUTPUT: u64 = 8192;

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    model_routers: Vec<Router>,
}

#[derive(Deserialize, Serialize)]
struct Router {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uuid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

pub(super) async fn list(asking: &Asking<'_>) -> Option<Live> {
    let stored = asking.sources.credentials.get(asking.provider_id)?;
    let Credential::Api { key, metadata } = stored else {
        return None;
    };
    let text = |name: &str| metadata.get(name).map(String::as_str);
    let moment = |name: &str| {
        text(name)
            .and_then(|text| text.parse::<Millis>().ok())
            .unwrap_or(0)
    };
    let mut routers: Vec<Router> = text("routers")
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let access = text("oauth_access").filter(|access| !access.is_empty() && moment("oauth_expires") > now());
    if let Some(access) = access
        && now().saturating_sub(moment("routers_fetched_at")) > FRESH
    {
        let call = Call::get(asking.sources.logins.url(API, ROUTERS))
            .header("authorization", format!("Bearer {access}"))
            .header("user-agent", format!("opencode/{}", asking.sources.version))
            .within(LIMIT);
        let asked = async { asking.http.send(call).await?.accepted()?.read::<List>() };
        match asked.await {
            Ok(list) => {
                routers = list.model_routers;
                keep(asking, key.expose_secret(), &routers).await;
            }
            Err(error) => tracing::info!(%error, "DigitalOcean does not list its routers"),
        }
    }
    Some(Live {
        name: "DigitalOcean",
        url: INFERENCE.to_owned(),
        models: routers.into_iter().map(listed).collect(),
        adds: true,
    })
}

/// Stores the list beside the credential, unless there is another credential by now.
async fn keep(asking: &Asking<'_>, key: &str, routers: &[Router]) {
    let Ok(written) = serde_json::to_string(routers) else {
        return;
    };
    let (paths, environment) = (asking.sources.paths.clone(), asking.sources.environment.clone());
    let (id, key) = (asking.provider_id, key.to_owned());
    let stored = tokio::task::spawn_blocking(move || {
        let now_stored = credential::read(&paths, &environment).shift_remove(id);
        let Some(Credential::Api {
            key: now_key,
            mut metadata,
        }) = now_stored
        else {
            return Ok(());
        };
        if now_key.expose_secret() != key {
            return Ok(());
        }
        metadata.insert("routers".to_owned(), written);
        metadata.insert("routers_fetched_at".to_owned(), now().to_string());
        let entry = Credential::Api {
            key: now_key,
            metadata,
        };
        credential::put(&paths, id, Some(entry.to_entry()))
    });
    match stored.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the list of routers cannot be stored"),
        Err(error) => tracing::warn!(%error, "the list of routers was not stored"),
    }
}

fn listed(router: Router) -> Listed {
    let text = Modalities {
        text: true,
        ..Modalities::default()
    };
    Listed {
        id: format!("router:{}", router.name),
        name: Some(router.name),
        family: Some("digitalocean-inference-routers".to_owned()),
        context: Some(CONTEXT),
        output: Some(OUTPUT),
        tools: Some(true),
        temperature: Some(true),
        input_kinds: Some(text.clone()),
        output_kinds: Some(text),
        interleaved: Some(Interleaved::Flag(false)),
        ..Listed::default()
    }
}
