//! From a request to a body.

use serde_json::{Value, json};

use super::decode::Decoder;
use super::dialect::{Dialect, Items};
use super::options::Options;
use super::{input, tools};
use crate::error::Error;
use crate::json::{Body, number};
use crate::openai_model::model;
use crate::protocol::{self, Prepared};
use crate::request::{Request, ResponseFormat};
use crate::target::Target;

/// Words for which the provider tells how likely others were.
const MOST_LOGPROBS: u64 = 20;
const ENCRYPTED_REASONING: &str = "reasoning.encrypted_content";

/// Makes the body, and the decoder that fits the answer.
pub(crate) fn encode(
    target: &Target,
    dialect: &'static Dialect,
    request: &Request,
    streaming: bool,
) -> Result<Prepared, Error> {
    let options = Options::gather(dialect, &request.provider_options);
    let reasons = options.reasons(&target.model_id);
    let scene = input::Scene {
        request,
        dialect,
        options,
        // Parity: such models take no `system`, whatever the options say of their reasoning (§4.3).
        developer: reasons || model(&target.model_id).reasoning,
    };
    let mut body = Body::new();
    body.set("model", target.model_id.as_str());
    body.set("input", input::write(&scene)?);
    body.put("temperature", request.temperature.and_then(number));
    body.put("top_p", request.top_p.and_then(number));
    body.put("max_output_tokens", request.max_output_tokens.map(Value::from));
    body.put("text", text_form(dialect, &options, request));
    for (name, field) in dialect.options {
        body.put(field, options.get(name).cloned());
    }
    match dialect.items {
        Items::OpenAi => finish_openai(&mut body, &scene, &target.model_id, reasons),
        Items::Xai => finish_xai(&mut body, &options, request),
    }
    if !request.tools.is_empty() {
        body.set("tools", tools::write(dialect, &request.tools));
        body.put("tool_choice", tools::choice(&options, request));
    }
    body.put("stream", streaming.then_some(Value::Bool(true)));

    let decoder = match dialect.items {
        Items::OpenAi => {
            let mut decoder = Decoder::new(dialect);
            // Parity: only what the options say counts here, not the provider's own rule (§4.3).
            decoder.set_stored(options.flag("store") == Some(true));
            decoder.set_keeps_logprobs(
                options
                    .get("logprobs")
                    .is_some_and(|value| *value != json!(false)),
            );
            protocol::Decoder::OpenAiResponses(Box::new(decoder))
        }
        Items::Xai => protocol::Decoder::XaiResponses(Box::default()),
    };
    Ok(Prepared {
        headers: Vec::new(),
        body: body.into_value(),
        decoder,
    })
}

fn text_form(dialect: &Dialect, options: &Options<'_>, request: &Request) -> Option<Value> {
    let mut text = Body::new();
    if let Some(ResponseFormat::Json {
        schema,
        name,
        description,
    }) = &request.response_format
    {
        let format = match schema {
            None => json!({"type": "json_object"}),
            Some(schema) => {
                let strict = dialect.items == Items::Xai || options.flag("strictJsonSchema").unwrap_or(true);
                let mut format = Body::new();
                format.set("type", "json_schema");
                format.set("strict", strict);
                format.set("name", name.as_deref().unwrap_or("response"));
                format.put("description", description.as_deref().map(Value::from));
                format.set("schema", schema.clone());
                format.into_value()
            }
        };
        text.set("format", format);
    }
    if dialect.items == Items::OpenAi && !dialect.forgets {
        text.put("verbosity", options.get("textVerbosity").cloned());
    }
    let text = text.into_value();
    text.as_object()
        .is_some_and(|text| !text.is_empty())
        .then_some(text)
}

fn finish_openai(body: &mut Body, scene: &input::Scene<'_>, model_id: &str, reasons: bool) {
    let input::Scene { dialect, options, .. } = scene;
    let logprobs = match options.get("logprobs") {
        Some(Value::Bool(true)) => Some(Value::from(MOST_LOGPROBS)),
        Some(Value::Number(count)) => Some(Value::Number(count.clone())),
        _ => None,
    };
    if logprobs.as_ref().is_some_and(|count| count.as_f64() != Some(0.0)) {
        add_include(body, "message.output_text.logprobs");
    }
    body.put("top_logprobs", logprobs);
    let abilities = model(model_id);
    if dialect.forgets {
        body.set("store", false);
    }
    if reasons {
        if options.flag("store") == Some(false) {
            add_include(body, ENCRYPTED_REASONING);
        }
        let mut reasoning = Body::new();
        for (name, field) in [
            ("reasoningEffort", "effort"),
            ("reasoningSummary", "summary"),
            ("reasoningMode", "mode"),
            ("reasoningContext", "context"),
        ] {
            reasoning.put(field, options.get(name).cloned());
        }
        if dialect.forgets && reasoning.get("effort").is_some() {
            reasoning.set("summary", "auto");
        }
        let reasoning = reasoning.into_value();
        let some = reasoning
            .as_object()
            .is_some_and(|reasoning| !reasoning.is_empty());
        body.put("reasoning", some.then_some(reasoning));
        let effort_off = options.text("reasoningEffort") == Some("none");
        if !(effort_off && abilities.sampling_without_effort) {
            body.put("temperature", None);
            body.put("top_p", None);
        }
    }
    let refused = match options.text("serviceTier") {
        Some("flex") => !abilities.flex,
        Some("priority") => !abilities.priority,
        _ => false,
    };
    if refused {
        tracing::warn!(
            model = model_id,
            "the model is not served in this tier; the option is not sent"
        );
        body.put("service_tier", None);
    }
}

fn finish_xai(body: &mut Body, options: &Options<'_>, request: &Request) {
    let logprobs = options.flag("logprobs") == Some(true) || options.get("topLogprobs").is_some();
    body.put("logprobs", logprobs.then_some(Value::Bool(true)));
    body.put("seed", request.seed.map(Value::from));
    let effort = options.get("reasoningEffort");
    body.put("reasoning", effort.map(|effort| json!({"effort": effort})));
    if options.flag("store") == Some(false) {
        body.set("store", false);
        add_include(body, ENCRYPTED_REASONING);
    }
}

/// Asks for something that answers do not hold by themselves.
fn add_include(body: &mut Body, what: &str) {
    let mut include = match body.get("include") {
        Some(Value::Array(include)) => include.clone(),
        _ => Vec::new(),
    };
    if !include.iter().any(|one| one == what) {
        include.push(Value::from(what));
    }
    body.set("include", include);
}
