//! What the catalogue adds to a request: sampling, limits, options, headers
//! (reference `providers.md` §7, §9).

mod options;
mod sampling;

use opencode_llm::Target;
use opencode_llm::request::ProviderOptions;
use opencode_schema::Object;
use opencode_schema::agent::Agent;
use opencode_schema::model::{Model, Provider};

use self::sampling::Sampling;
use crate::merge::merge;

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
        options::small(model, provider)
    } else {
        options::base(model, provider, purpose.session_id)
    };
    merge(&mut options, &model.options);
    merge(&mut options, &purpose.agent.options);
    let variants = model.variants.as_ref().filter(|_| !purpose.small);
    if let Some(chosen) = purpose.variant.and_then(|name| variants?.get(name)) {
        merge(&mut options, chosen);
    }
    options::settle(model, provider, &mut options);
    let limited = options::is_limited(model, &options);
    Parameters {
        temperature: model
            .capabilities
            .temperature
            .then(|| purpose.agent.temperature.or(sampling.temperature))
            .flatten(),
        top_p: purpose.agent.top_p.or(sampling.top_p),
        top_k: sampling.top_k,
        max_output_tokens: limited.then(|| max_output_tokens(model, purpose.output_limit)),
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

/// Options under the namespaces that the adapter reads (reference §9.2).
#[must_use]
pub fn namespaced(target: &Target, options: Object) -> ProviderOptions {
    let own = target.adapter.namespace.name(&target.provider_id);
    match target.adapter.package {
        "@ai-sdk/azure" => [
            ("openai".to_owned(), options.clone()),
            ("azure".to_owned(), options),
        ]
        .into_iter()
        .collect(),
        "@ai-sdk/gateway" => through_gateway(&target.model_id, options),
        _ => [(own.to_owned(), options)].into_iter().collect(),
    }
}

/// The gateway has options of its own; the others are for whoever made the model.
fn through_gateway(model_id: &str, mut options: Object) -> ProviderOptions {
    let mut all = ProviderOptions::new();
    if let Some(serde_json::Value::Object(own)) = options.shift_remove("gateway") {
        all.insert("gateway".to_owned(), own);
    }
    let maker = model_id.split_once('/').map_or("gateway", |(maker, _)| maker);
    let maker = if maker == "amazon" { "bedrock" } else { maker };
    if !options.is_empty() {
        all.entry(maker.to_owned()).or_default().extend(options);
    }
    all
}

#[cfg(test)]
mod tests {
    use opencode_llm::adapter::by_package;
    use serde_json::json;

    use super::*;
    use crate::fixture::{agent, model, object, provider};

    fn purpose<'a>(agent: &'a Agent, variant: Option<&'a str>) -> Purpose<'a> {
        Purpose {
            agent,
            variant,
            session_id: "ses_1",
            small: false,
            output_limit: OUTPUT_TOKEN_MAX,
        }
    }

    #[test]
    fn the_later_options_win() {
        let mut model = model("mine", "@ai-sdk/openai-compatible", "m");
        model.options = object(json!({ "a": { "from": "model", "x": 1 }, "list": [1, 2], "b": "model" }));
        model.variants = Some(
            [(
                "high".to_owned(),
                object(json!({ "a": { "from": "variant" }, "list": [3] })),
            )]
            .into_iter()
            .collect(),
        );
        let mut agent = agent();
        agent.options = object(json!({ "a": { "from": "agent", "y": 2 }, "c": "agent" }));
        let provider = provider("mine", json!({ "setCacheKey": true }));
        let chosen = parameters(&model, &provider, purpose(&agent, Some("high")));
        assert_eq!(
            json!(chosen.options),
            json!({ "promptCacheKey": "ses_1", "a": { "from": "variant", "x": 1, "y": 2 }, "list": [3],
                "b": "model", "c": "agent" })
        );
        let unknown = parameters(&model, &provider, purpose(&agent, Some("no such")));
        assert_eq!(unknown.options["a"]["from"], "agent");
    }

    #[test]
    fn copilot_does_not_stream_the_input_of_tools_of_claude() {
        for (provider_id, npm, wanted) in [
            ("github-copilot", "@ai-sdk/anthropic", Some(&json!(false))),
            ("github-copilot", "@ai-sdk/github-copilot", None),
            ("anthropic", "@ai-sdk/anthropic", None),
        ] {
            let model = model(provider_id, npm, "claude-x");
            let agent = agent();
            let made = parameters(&model, &provider(provider_id, json!({})), purpose(&agent, None));
            assert_eq!(made.options.get("toolStreaming"), wanted, "{provider_id} {npm}");
        }
    }

    #[test]
    fn answers_have_a_limit_unless_the_provider_wants_none() {
        for (provider_id, npm, id, options, wanted) in [
            ("mine", "@ai-sdk/openai-compatible", "m", json!({}), Some(8_000)),
            ("openai", "@ai-sdk/openai", "m", json!({}), None),
            ("mine", "@ai-sdk/openai", "m", json!({}), Some(8_000)),
            (
                "github-copilot",
                "@ai-sdk/github-copilot",
                "gpt-5",
                json!({}),
                None,
            ),
            (
                "github-copilot",
                "@ai-sdk/anthropic",
                "claude-x",
                json!({}),
                Some(8_000),
            ),
            ("cerebras", "@ai-sdk/cerebras", "m", json!({}), Some(8_000)),
            (
                "cerebras",
                "@ai-sdk/cerebras",
                "m",
                json!({ "max_completion_tokens": 5 }),
                None,
            ),
        ] {
            let mut model = model(provider_id, npm, id);
            model.limit.output = 8_000;
            model.options = object(options);
            let agent = agent();
            let made = parameters(&model, &provider(provider_id, json!({})), purpose(&agent, None));
            assert_eq!(made.max_output_tokens, wanted, "{provider_id} {npm} {id}");
        }
        let mut model = model("mine", "n", "m");
        model.limit.output = 0;
        assert_eq!(max_output_tokens(&model, 32_000), 32_000);
        model.limit.output = 64_000;
        assert_eq!(max_output_tokens(&model, 32_000), 32_000);
    }

    #[test]
    fn temperature_is_for_models_that_take_one() {
        let mut agent = agent();
        agent.temperature = Some(0.3);
        let mut model = model("mine", "n", "glm-4.6");
        let provider = provider("mine", json!({}));
        assert_eq!(
            parameters(&model, &provider, purpose(&agent, None)).temperature,
            None
        );
        model.capabilities.temperature = true;
        assert_eq!(
            parameters(&model, &provider, purpose(&agent, None)).temperature,
            Some(0.3)
        );
        agent.temperature = None;
        assert_eq!(
            parameters(&model, &provider, purpose(&agent, None)).temperature,
            Some(1.0)
        );
    }

    #[test]
    fn options_go_where_the_adapter_looks() {
        for (npm, provider_id, wanted) in [
            (
                "@ai-sdk/azure",
                "azure",
                json!({ "openai": { "a": 1 }, "azure": { "a": 1 } }),
            ),
            ("@ai-sdk/mistral", "mine", json!({ "mistral": { "a": 1 } })),
            ("@ai-sdk/openai-compatible", "my.own", json!({ "my": { "a": 1 } })),
        ] {
            let target = Target::new(by_package(npm).unwrap(), provider_id, "m");
            assert_eq!(
                json!(namespaced(&target, object(json!({ "a": 1 })))),
                wanted,
                "{npm}"
            );
        }
        let own = object(json!({ "gateway": { "caching": "auto" } }));
        assert_eq!(
            json!(through_gateway("google/gemini", own)),
            json!({ "gateway": { "caching": "auto" } })
        );
        let all = object(json!({ "gateway": { "caching": "auto" }, "thinking": { "type": "adaptive" } }));
        assert_eq!(
            json!(through_gateway("amazon/nova", all)),
            json!({ "gateway": { "caching": "auto" }, "bedrock": { "thinking": { "type": "adaptive" } } })
        );
    }
}
