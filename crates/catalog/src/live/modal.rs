//! The models of an account at Modal (reference `providers.md` §3.3).

use std::time::Duration;

use opencode_config::credential::Credential;
use opencode_schema::Object;
use opencode_schema::model::{Interleaved, Modalities};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::Value;

use super::{Asking, Listed, Live};
use crate::convert;
use crate::http::Call;

/// How long the list may take.
const LIMIT: Duration = Duration::from_secs(3);
const KEY: &str = "MODAL_PROXY_TOKEN";

#[derive(Deserialize)]
struct List {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    base_model_id: Option<String>,
    hugging_face_id: Option<String>,
    name: Option<String>,
    input_modalities: Option<Vec<String>>,
    output_modalities: Option<Vec<String>>,
    context_length: Option<u64>,
    max_output_length: Option<u64>,
    #[serde(default)]
    pricing: Pricing,
    supported_sampling_parameters: Option<Vec<String>>,
    supported_features: Option<Vec<String>>,
    reasoning_options: Option<Vec<Effort>>,
    interleaved: Option<Interleaved>,
}

/// US dollars for a token, as numbers or as texts.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Pricing {
    prompt: Option<Value>,
    completion: Option<Value>,
    input_cache_read: Option<Value>,
}

#[derive(Deserialize)]
struct Effort {
    values: Vec<Option<String>>,
}

pub(super) async fn list(asking: &Asking<'_>) -> Option<Live> {
    let key = match asking.sources.credentials.get(asking.provider_id) {
        Some(Credential::Api { key, .. }) => key.expose_secret(),
        _ => asking.sources.environment.get(KEY)?,
    };
    let own = asking.option("baseURL").and_then(Value::as_str);
    let own = own.or_else(|| asking.config()?.api.as_deref());
    let url = match own.filter(|url| !url.is_empty()) {
        Some(own) => own.to_owned(),
        None => (asking.snapshot)().provider(asking.provider_id)?.head.api?,
    };
    let call = Call::get(format!("{}/models", url.trim_end_matches('/')))
        .header("authorization", format!("Bearer {key}"))
        .within(LIMIT)
        .at_most(8 << 20);
    let asked = async { asking.http.send(call).await?.accepted()?.read::<List>() };
    match asked.await {
        Ok(list) => Some(Live {
            name: "Modal",
            url,
            models: list.data.into_iter().map(listed).collect(),
            adds: false,
        }),
        Err(error) => {
            tracing::info!(%error, "Modal does not list its models");
            None
        }
    }
}

fn listed(entry: Entry) -> Listed {
    let has = |list: &Option<Vec<String>>, name: &str| {
        let list = list.as_ref()?;
        Some(list.iter().any(|one| one == name))
    };
    let kinds = |names: &Option<Vec<String>>| -> Option<Modalities> {
        names.as_ref().map(|names| convert::modalities(Some(names)))
    };
    let variants = entry.reasoning_options.map(|options| {
        let values = options.into_iter().flat_map(|option| option.values);
        values
            .map(|value| {
                let name = value.unwrap_or_else(|| "none".to_owned());
                let options = Object::from_iter([("reasoningEffort".to_owned(), Value::from(name.as_str()))]);
                (name, options)
            })
            .collect()
    });
    Listed {
        name: entry.name,
        like: entry.base_model_id.or(entry.hugging_face_id),
        context: entry.context_length,
        output: entry.max_output_length,
        tools: has(&entry.supported_features, "tools"),
        reasoning: has(&entry.supported_features, "reasoning"),
        temperature: has(&entry.supported_sampling_parameters, "temperature"),
        input_kinds: kinds(&entry.input_modalities),
        output_kinds: kinds(&entry.output_modalities),
        prices: [
            per_million(entry.pricing.prompt.as_ref()),
            per_million(entry.pricing.completion.as_ref()),
            per_million(entry.pricing.input_cache_read.as_ref()),
        ],
        variants,
        interleaved: entry.interleaved,
        id: entry.id,
        ..Listed::default()
    }
}

fn per_million(price: Option<&Value>) -> Option<f64> {
    let price = match price? {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    let price = price * 1e6;
    (price.is_finite() && price >= 0.0).then_some(price)
}
