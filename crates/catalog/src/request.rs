//! What the catalogue adds to a request: sampling, limits, options, headers
//! (reference `providers.md` §7, §9).

use indexmap::IndexMap;
use opencode_llm::adapter::Adapter;
use opencode_llm::request::ProviderOptions;
use opencode_schema::Object;
use opencode_schema::agent::Agent;
use opencode_schema::model::{Model, Provider};
use serde_json::{Value, json};

use crate::merge::merge;
use crate::openai;

/// Output tokens that are asked for at most, unless the user says otherwise.
pub const OUTPUT_TOKEN_MAX: u64 = 32_000;

/// Settings of one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// Top-k sampling.
    pub top_k: Option<f64>,
    /// Limit of the answer.
    pub max_output_tokens: Option<u64>,
    /// Options for the adapter, without their namespace.
    pub options: Object,
}

/// Who asks, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Purpose<'a> {
    /// The agent.
    pub agent: &'a Agent,
    /// Named set of options that was chosen.
    pub variant: Option<&'a str>,
    /// The session, which names the provider's prompt cache.
    pub session_id: &'a str,
    /// A small thing such as a title.
    pub small: bool,
    /// Output tokens that are asked for at most.
    pub output_limit: u64,
}

/// The settings of a request to `model`. Options are merged in the order base, model, agent, variant; the
/// later wins.
#[must_use]
pub fn parameters(model: &Model, provider: &Provider, purpose: Purpose<'_>) -> Parameters {
    let sampling = Sampling::of(model);
    let mut options = if purpose.small {
        small_options(model)
    } else {
        let mut options = base_options(model, provider, purpose.session_id);
        merge(
            &mut options,
            &openai::base_options(model, provider, purpose.session_id),
        );
        options
    };
    merge(&mut options, &model.options);
    merge(&mut options, &purpose.agent.options);
    let variants = model.variants.as_ref().filter(|_| !purpose.small);
    if let Some(chosen) = purpose.variant.and_then(|name| variants?.get(name)) {
        merge(&mut options, chosen);
    }
    openai::settle(model, provider, &mut options);
    Parameters {
        temperature: model
            .capabilities
            .temperature
            .then(|| purpose.agent.temperature.or(sampling.temperature))
            .flatten(),
        top_p: purpose.agent.top_p.or(sampling.top_p),
        top_k: sampling.top_k,
        max_output_tokens: (!openai::is_unlimited(model))
            .then(|| max_output_tokens(model, purpose.output_limit)),
        options,
    }
}

/// The answer may be as long as the model allows, up to `limit`.
#[must_use]
pub fn max_output_tokens(model: &Model, limit: u64) -> u64 {
    if model.limit.output == 0 {
        limit
    } else {
        model.limit.output.min(limit)
    }
}

/// Options under the namespace that the adapter reads.
#[must_use]
pub fn namespaced(adapter: &Adapter, provider_id: &str, options: &Object) -> ProviderOptions {
    let own = adapter.namespace.name(provider_id);
    // Azure has OpenAI's options, under either name.
    let shared: &[&str] = if adapter.package == "@ai-sdk/azure" {
        &["openai", "azure"]
    } else {
        &[]
    };
    shared
        .iter()
        .copied()
        .chain([own])
        .map(|name| (name.to_owned(), options.clone()))
        .collect()
}

/// Headers that say which conversation a request belongs to (reference §9.5).
#[must_use]
pub fn session_headers(session_id: &str, parent_id: Option<&str>) -> IndexMap<String, String> {
    let mut headers = IndexMap::new();
    headers.insert("x-session-affinity".to_owned(), session_id.to_owned());
    headers.insert("X-Session-Id".to_owned(), session_id.to_owned());
    if let Some(parent) = parent_id {
        headers.insert("x-parent-session-id".to_owned(), parent.to_owned());
    }
    headers
}

/// Sampling that a model works best with.
#[derive(Default)]
struct Sampling {
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<f64>,
}

impl Sampling {
    fn of(model: &Model) -> Self {
        let id = model.api.id.to_lowercase();
        let has = |names: &[&str]| names.iter().any(|name| id.contains(name));
        let gemini = id.contains("gemini")
            && (has(&["2.5", "3-flash", "3-pro", "3.1"]) || (has(&["3.5-flash"]) && !has(&["lite"])));
        let temperature = if has(&["north-mini-code"]) {
            Some(1.0)
        } else if has(&["claude"]) {
            None
        } else if gemini || has(&["glm-4.6", "glm-4.7", "minimax-m2"]) {
            Some(1.0)
        } else if has(&["kimi-k2"]) {
            Some(if has(&["thinking", "k2.", "k2p", "k2-5"]) {
                1.0
            } else {
                0.6
            })
        } else {
            None
        };
        let deepseek_host = model.provider_id == "deepseek" || model.provider_id.starts_with("opencode");
        let deepseek = has(&["deepseek-v4-flash-0731", "deepseek-v4-flash:0731"])
            || (has(&["deepseek-v4-flash"]) && deepseek_host);
        let top_p = (gemini || has(&["minimax-m2", "kimi-k2.5", "kimi-k2p5", "kimi-k2-5"]) || deepseek)
            .then_some(0.95);
        let top_k = if has(&["minimax-m2"]) {
            Some(if has(&["m2.", "m25", "m21"]) { 40.0 } else { 20.0 })
        } else {
            gemini.then_some(64.0)
        };
        Self {
            temperature,
            top_p,
            top_k,
        }
    }
}

/// Options that every request to such a model carries (reference §7).
fn base_options(model: &Model, provider: &Provider, session_id: &str) -> Object {
    let id = model.api.id.to_lowercase();
    let npm = model.api.npm.as_str();
    let provider_id = provider.id.as_str();
    let has = |names: &[&str]| names.iter().any(|name| id.contains(name));
    let compatible = npm == "@ai-sdk/openai-compatible";
    let cache_key = provider.options.get("setCacheKey").and_then(Value::as_bool);
    let old_gemini = has(&["gemini-1", "gemini-2"]);
    let kimi = has(&["kimi", "k2p"]) || provider_id.contains("moonshot") || provider_id.contains("kimi");
    let rows: [(bool, Value); 11] = [
        (
            npm == "@ai-sdk/anthropic" && !has(&["claude"]),
            json!({ "toolStreaming": false }),
        ),
        (
            npm == "@openrouter/ai-sdk-provider",
            json!({ "usage": { "include": true } }),
        ),
        (
            npm == "@openrouter/ai-sdk-provider" && has(&["gemini"]) && !old_gemini,
            json!({ "reasoning": { "effort": "high" } }),
        ),
        (
            provider_id == "baseten" || (provider_id == "opencode" && has(&["kimi-k2-thinking", "glm-4.6"])),
            json!({ "chat_template_args": { "enable_thinking": true } }),
        ),
        (
            compatible && (provider_id.contains("zai") || provider_id.contains("zhipuai")),
            json!({ "thinking": { "type": "enabled", "clear_thinking": false } }),
        ),
        (
            npm == "@ai-sdk/anthropic" && has(&["minimax-m3"]),
            json!({ "thinking": { "type": "adaptive" } }),
        ),
        (
            npm == "@ai-sdk/anthropic" && kimi && model.capabilities.reasoning,
            json!({ "thinking": { "type": "adaptive", "display": "summarized" }, "effort": "high" }),
        ),
        (
            compatible
                && provider_id == "alibaba-cn"
                && model.capabilities.reasoning
                && !has(&["kimi-k2-thinking"]),
            json!({ "enable_thinking": true }),
        ),
        (
            matches!(npm, "@ai-sdk/deepinfra" | "@ai-sdk/cerebras") && cache_key != Some(false),
            json!({ "prompt_cache_key": session_id }),
        ),
        (
            npm == "venice-ai-sdk-provider" && cache_key != Some(false),
            json!({ "promptCacheKey": session_id }),
        ),
        (cache_key == Some(true), json!({ "promptCacheKey": session_id })),
    ];
    let mut options = Object::new();
    for (_, row) in rows.iter().filter(|(applies, _)| *applies) {
        if let Value::Object(row) = row {
            merge(&mut options, row);
        }
    }
    options
}

/// Options of requests for small things: as little thinking as the model allows.
fn small_options(model: &Model) -> Object {
    if let Some((_, first)) = model.variants.as_ref().and_then(|variants| variants.first()) {
        let mut options = first.clone();
        unstored(model, &mut options);
        return options;
    }
    let google = model.api.id.to_lowercase().contains("google");
    let options = match model.api.npm.as_str() {
        "@openrouter/ai-sdk-provider" if google => json!({ "reasoning": { "enabled": false } }),
        "venice-ai-sdk-provider" => json!({ "veniceParameters": { "disableThinking": true } }),
        _ => json!({}),
    };
    let mut options = match options {
        Value::Object(options) => options,
        _ => Object::new(),
    };
    unstored(model, &mut options);
    options
}

fn unstored(model: &Model, options: &mut Object) {
    if openai::is_unstored_when_small(model) {
        options.insert("store".to_owned(), Value::Bool(false));
    }
}
