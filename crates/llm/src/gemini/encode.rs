//! From a request to a body.

use serde_json::{Value, json};

use super::decode::Decoder;
use super::messages::{Abilities, convert};
use super::{Dialect, schema};
use crate::error::Error;
use crate::json::{Body, number, present, truthy};
use crate::protocol::{self, Prepared};
use crate::request::{Object, Request, ResponseFormat, Tool, ToolChoice};
use crate::target::Target;

/// What of the thinking options is sent.
const THINKING: [&str; 3] = ["thinkingBudget", "includeThoughts", "thinkingLevel"];

/// Makes the body, and the decoder that fits the answer.
pub(crate) fn encode(
    target: &Target,
    dialect: &'static Dialect,
    request: &Request,
    streaming: bool,
) -> Result<Prepared, Error> {
    let none = Object::new();
    let options = dialect
        .namespaces
        .iter()
        .take(if dialect.takes_options_of_other { 2 } else { 1 })
        .find_map(|name| request.provider_options.get(*name))
        .unwrap_or(&none);
    let model = target.model_id.trim();
    let abilities = Abilities {
        takes_system: !model.to_lowercase().starts_with("gemma-"),
        media_in_results: model.starts_with("gemini-3"),
    };
    let conversation = convert(&request.prompt, dialect, abilities)?;

    let mut body = Body::new();
    body.set("generationConfig", generation(request, options));
    body.set("contents", conversation.contents);
    body.put("systemInstruction", conversation.system);
    body.put("safetySettings", present(options.get("safetySettings")).cloned());
    body.put("tools", tools(request));
    body.put("toolConfig", tool_config(request, options, dialect, streaming));
    body.put("cachedContent", present(options.get("cachedContent")).cloned());
    body.put("labels", present(options.get("labels")).cloned());
    let tier = options.get("serviceTier").and_then(Value::as_str).map(|tier| {
        let known = dialect.tiers.iter().find(|(name, _)| *name == tier);
        known.map_or(tier, |(_, wire)| *wire)
    });
    body.put("serviceTier", tier.map(Value::from));
    Ok(Prepared {
        headers: Vec::new(),
        body: body.into_value(),
        decoder: protocol::Decoder::Gemini(Box::new(Decoder::new(dialect))),
    })
}

fn generation(request: &Request, options: &Object) -> Value {
    let mut config = Body::new();
    config.put("maxOutputTokens", request.max_output_tokens.map(Value::from));
    config.put("temperature", request.temperature.and_then(number));
    config.put("topK", request.top_k.and_then(number));
    config.put("topP", request.top_p.and_then(number));
    config.put("frequencyPenalty", request.frequency_penalty.and_then(number));
    config.put("presencePenalty", request.presence_penalty.and_then(number));
    if !request.stop_sequences.is_empty() {
        config.set("stopSequences", json!(request.stop_sequences));
    }
    config.put("seed", request.seed.map(Value::from));
    if let Some(ResponseFormat::Json { schema, .. }) = &request.response_format {
        config.set("responseMimeType", "application/json");
        let structured = options.get("structuredOutputs").and_then(Value::as_bool);
        if structured.unwrap_or(true) {
            config.put("responseSchema", schema.as_ref().and_then(schema::for_root));
        }
    }
    config.put("audioTimestamp", truthy(options.get("audioTimestamp")).cloned());
    config.put(
        "responseModalities",
        present(options.get("responseModalities")).cloned(),
    );
    if let Some(thinking) = options.get("thinkingConfig").and_then(Value::as_object) {
        let mut wire = Body::new();
        for key in THINKING {
            wire.put(key, present(thinking.get(key)).cloned());
        }
        config.set("thinkingConfig", wire.into_value());
    }
    config.put("mediaResolution", truthy(options.get("mediaResolution")).cloned());
    config.put("imageConfig", truthy(options.get("imageConfig")).cloned());
    config.into_value()
}

fn tools(request: &Request) -> Option<Value> {
    if request.tools.is_empty() {
        return None;
    }
    let declarations: Vec<Value> = request.tools.iter().map(declaration).collect();
    Some(json!([{"functionDeclarations": declarations}]))
}

fn declaration(tool: &Tool) -> Value {
    let Tool::Function {
        name,
        description,
        input_schema,
        ..
    } = tool;
    let mut wire = Body::new();
    wire.set("name", name.as_str());
    wire.set("description", description.as_deref().unwrap_or_default());
    wire.put("parameters", schema::for_root(input_schema));
    wire.into_value()
}

fn tool_config(request: &Request, options: &Object, dialect: &Dialect, streaming: bool) -> Option<Value> {
    let mut calling = Body::new();
    if !request.tools.is_empty() {
        let strict = request
            .tools
            .iter()
            .any(|Tool::Function { strict, .. }| *strict == Some(true));
        let checked = |mode: &'static str| if strict { "VALIDATED" } else { mode };
        let mode = match &request.tool_choice {
            None => strict.then_some("VALIDATED"),
            Some(ToolChoice::Auto) => Some(checked("AUTO")),
            Some(ToolChoice::None) => Some("NONE"),
            Some(ToolChoice::Required) => Some(checked("ANY")),
            Some(ToolChoice::Tool { tool_name }) => {
                calling.set("allowedFunctionNames", json!([tool_name]));
                Some(checked("ANY"))
            }
        };
        calling.put("mode", mode.map(Value::from));
    }
    let stream_arguments = dialect.streams_arguments
        && streaming
        && truthy(options.get("streamFunctionCallArguments")).is_some();
    calling.put(
        "streamFunctionCallArguments",
        stream_arguments.then_some(Value::Bool(true)),
    );
    let mut config = Body::new();
    let calling = calling.into_value();
    if calling.as_object().is_some_and(|fields| !fields.is_empty()) {
        config.set("functionCallingConfig", calling);
    }
    config.put("retrievalConfig", truthy(options.get("retrievalConfig")).cloned());
    let config = config.into_value();
    config
        .as_object()
        .is_some_and(|fields| !fields.is_empty())
        .then_some(config)
}

/// The text of an option of a part.
pub(super) fn own_text(own: Option<&Object>, key: &str) -> Option<String> {
    own?.get(key).and_then(Value::as_str).map(str::to_owned)
}
