//! The models of a login to Copilot (reference `providers.md` §12.3).

use std::time::Duration;

use opencode_config::credential::Credential;
use opencode_schema::model::{CachePrice, Price, Pricing};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asking, Listed, Live};
use crate::http::Call;
use crate::login::route;
use crate::variants::Variants;

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
    version: String,
    #[serde(default)]
    model_picker_enabled: bool,
    policy: Option<Policy>,
    billing: Option<Billing>,
    #[serde(default)]
    supported_endpoints: Vec<String>,
    capabilities: Capabilities,
}

#[derive(Deserialize)]
struct Policy {
    state: Option<String>,
}

#[derive(Deserialize)]
struct Billing {
    token_prices: Option<Prices>,
}

/// Prices of tokens in hundredths of a cent, for as many as are in a batch.
#[derive(Deserialize)]
struct Prices {
    batch_size: f64,
    default: PriceList,
}

#[derive(Deserialize)]
struct PriceList {
    cache_price: f64,
    input_price: f64,
    output_price: f64,
}

#[derive(Deserialize)]
struct Capabilities {
    family: Option<String>,
    limits: Limits,
    supports: Supports,
}

#[derive(Deserialize)]
struct Limits {
    max_context_window_tokens: Option<u64>,
    max_output_tokens: u64,
    max_prompt_tokens: u64,
    vision: Option<Vision>,
}

#[derive(Deserialize)]
struct Vision {
    #[serde(default)]
    supported_media_types: Vec<String>,
}

#[derive(Deserialize)]
struct Supports {
    tool_calls: bool,
    vision: Option<bool>,
    adaptive_thinking: Option<bool>,
    max_thinking_budget: Option<u64>,
    min_thinking_budget: Option<u64>,
    reasoning_effort: Option<Vec<String>>,
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
        let state = entry.policy.as_ref().and_then(|policy| policy.state.as_deref());
        state != Some("disabled")
    });
    Some(Live {
        name: "GitHub Copilot",
        models: usable.map(|entry| listed(entry, &base)).collect(),
        url: base,
        adds: false,
    })
}

fn listed(entry: Entry, base: &str) -> Listed {
    let (npm, endpoint) = route::copilot_interface(&entry.supported_endpoints);
    let messages = endpoint == Some("messages");
    let Capabilities {
        family,
        limits,
        supports,
    } = entry.capabilities;
    let efforts = supports.reasoning_effort.as_deref().unwrap_or_default();
    let adapts = supports.adaptive_thinking == Some(true);
    let budgets = supports.max_thinking_budget.or(supports.min_thinking_budget);
    let sees = supports.vision == Some(true);
    let media = limits.vision.map(|vision| vision.supported_media_types);
    let media = media.unwrap_or_default();
    let variants = variants(messages, efforts, adapts, supports.max_thinking_budget);
    let age = entry.version.strip_prefix(&format!("{}-", entry.id));
    Listed {
        npm: Some(npm),
        endpoint,
        // Anthropic's interface lies below a folder of its own.
        url: messages.then(|| format!("{base}/v1")),
        context: limits
            .max_context_window_tokens
            .or(Some(limits.max_prompt_tokens)),
        input: Some(limits.max_prompt_tokens),
        output: Some(limits.max_output_tokens),
        tools: Some(supports.tool_calls),
        images: Some(sees || media.iter().any(|kind| kind.starts_with("image/"))),
        pdf: Some(sees && media.iter().any(|kind| kind == "application/pdf")),
        reasoning: Some(adapts || !efforts.is_empty() || budgets.is_some()),
        cost: Some(pricing(entry.billing)),
        variants: (!variants.is_empty()).then_some(variants),
        family,
        release_date: Some(age.unwrap_or(&entry.version).to_owned()),
        yields: true,
        hidden: !entry.model_picker_enabled,
        name: Some(entry.name),
        id: entry.id,
        ..Listed::default()
    }
}

/// Dollars for a million tokens.
fn pricing(billing: Option<Billing>) -> Pricing {
    const PER_MILLION: f64 = 10_000.0;
    let Some(prices) = billing
        .and_then(|billing| billing.token_prices)
        .filter(|prices| prices.batch_size > 0.0)
    else {
        return Pricing::default();
    };
    let of = |price: f64| price * (PER_MILLION / prices.batch_size);
    Pricing {
        base: Price {
            input: of(prices.default.input_price),
            output: of(prices.default.output_price),
            cache: CachePrice {
                read: of(prices.default.cache_price),
                write: 0.0,
            },
        },
        ..Pricing::default()
    }
}

/// How it can be made to think more or less.
fn variants(messages: bool, efforts: &[String], adapts: bool, budget: Option<u64>) -> Variants {
    let forms: Vec<(String, Value)> = if !efforts.is_empty() && !messages {
        let form = |effort: &String| {
            json!({ "reasoningEffort": effort, "reasoningSummary": "auto",
                "include": ["reasoning.encrypted_content"] })
        };
        efforts
            .iter()
            .map(|effort| (effort.clone(), form(effort)))
            .collect()
    } else if !efforts.is_empty() && adapts {
        let form = |effort: &String| json!({ "thinking": { "type": "adaptive", "display": "summarized" }, "effort": effort });
        efforts
            .iter()
            .map(|effort| (effort.clone(), form(effort)))
            .collect()
    } else {
        let form = |budget: u64| json!({ "thinking": { "type": "enabled", "budgetTokens": budget } });
        let budget = budget.filter(|budget| *budget > 0);
        let both = |most: u64| [("max", most - 1), ("high", most / 2)];
        let both = budget.into_iter().flat_map(both);
        both.map(|(name, budget)| (name.to_owned(), form(budget)))
            .collect()
    };
    let objects = forms.into_iter();
    objects
        .filter_map(|(name, form)| Some((name, form.as_object()?.clone().into_iter().collect())))
        .collect()
}
