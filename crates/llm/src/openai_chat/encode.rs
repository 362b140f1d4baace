//! From a request to a body.

use serde_json::{Value, json};

use super::decode::Decoder;
use super::dialect::{
    Dialect, OtherOptions, RequestFinish, RequestRules, StrictSchema, Structured, ToolDemand, UsageRequest,
};
use super::messages::{self, Scene};
use super::options::Options;
use crate::error::Error;
use crate::json::{Body, number, opened, present};
use crate::openai_model::{is_search_model, model};
use crate::protocol::{self, Prepared};
use crate::request::{Request, ResponseFormat, Tool, ToolChoice};
use crate::target::Target;

/// Makes the body, and the decoder that fits the answer.
pub(crate) fn encode(
    target: &Target,
    dialect: &'static Dialect,
    request: &Request,
    streaming: bool,
) -> Result<Prepared, Error> {
    let rules = &dialect.request;
    let options = Options::gather(
        rules,
        target.adapter.namespace.name(&target.provider_id),
        &request.provider_options,
    );
    let has_tools = !request.tools.is_empty();

    let mut body = Body::new();
    body.set("model", target.model_id.as_str());
    put_sampling(&mut body, rules, request);
    body.put(
        "response_format",
        response_format(rules, target, &options, request),
    );
    if rules.other_options == OtherOptions::Sent {
        options.put_other(&mut body);
    }
    options.put_known(rules, has_tools, &mut body);
    let scene = Scene {
        request,
        model_id: &target.model_id,
        system_role: system_role(rules, target, &options),
    };
    body.set("messages", messages::write(&rules.messages, &scene)?);
    body.put(
        "tools",
        has_tools.then(|| {
            request
                .tools
                .iter()
                .filter(|tool| is_offered(rules, request, tool))
                .map(|tool| tool_to_wire(rules, tool))
                .collect()
        }),
    );
    body.put(
        "tool_choice",
        request
            .tool_choice
            .as_ref()
            .filter(|_| has_tools)
            .map(|choice| tool_choice(rules, choice)),
    );
    match rules.finish {
        RequestFinish::Nothing => {}
        RequestFinish::OpenAi => finish_openai(&mut body, target, &options),
        RequestFinish::Venice => finish_venice(&mut body, &options),
        RequestFinish::Perplexity => finish_perplexity(&mut body, request),
    }
    if rules.other_options == OtherOptions::SentLast {
        options.put_other(&mut body);
    }
    body.put("stream", streaming.then_some(Value::Bool(true)));
    body.put(
        "stream_options",
        stream_options(rules, target).filter(|_| streaming),
    );

    let mut decoder = Decoder::new(dialect, &options.namespace);
    decoder.set_model(&target.model_id);
    decoder.set_json_wanted(matches!(
        request.response_format,
        Some(ResponseFormat::Json { .. })
    ));
    decoder.set_echo(body.get("messages").and_then(last_assistant_text));
    Ok(Prepared {
        headers: Vec::new(),
        body: body.into_value(),
        decoder: protocol::Decoder::OpenAiChat(Box::new(decoder)),
    })
}

fn put_sampling(body: &mut Body, rules: &RequestRules, request: &Request) {
    let known = |known: bool, value: Option<f64>| value.filter(|_| known).and_then(number);
    body.put(rules.limit_field, request.max_output_tokens.map(Value::from));
    body.put("temperature", request.temperature.and_then(number));
    body.put("top_p", request.top_p.and_then(number));
    body.put("top_k", known(rules.top_k, request.top_k));
    body.put(
        "frequency_penalty",
        known(rules.frequency_penalty, request.frequency_penalty),
    );
    body.put(
        "presence_penalty",
        known(rules.presence_penalty, request.presence_penalty),
    );
    if rules.stop && !request.stop_sequences.is_empty() {
        body.set("stop", json!(request.stop_sequences));
    }
    if let Some(field) = rules.seed {
        body.put(field, request.seed.map(Value::from));
    }
}

fn response_format(
    rules: &RequestRules,
    target: &Target,
    options: &Options,
    request: &Request,
) -> Option<Value> {
    let Some(ResponseFormat::Json {
        schema,
        name,
        description,
    }) = &request.response_format
    else {
        return None;
    };
    let supported = match rules.structured {
        Structured::Always => true,
        Structured::BySetting => target.settings.structured_outputs,
        Structured::ByOption => options.flag("structuredOutputs").unwrap_or(true),
    };
    let Some(schema) = schema.as_ref().filter(|_| supported) else {
        return Some(json!({"type": "json_object"}));
    };
    let strict = match rules.strict_schema {
        StrictSchema::Always => Some(true),
        StrictSchema::ByOption { default } => Some(options.flag("strictJsonSchema").unwrap_or(default)),
        StrictSchema::Never => None,
    };
    let mut inner = Body::new();
    inner.set("schema", schema.clone());
    inner.put("strict", strict.map(Value::from));
    inner.set("name", name.as_deref().unwrap_or("response"));
    inner.put(
        "description",
        description
            .as_deref()
            .filter(|_| rules.schema_description)
            .map(Value::from),
    );
    Some(json!({"type": "json_schema", "json_schema": inner.into_value()}))
}

fn tool_to_wire(rules: &RequestRules, tool: &Tool) -> Value {
    let Tool::Function {
        name,
        description,
        input_schema,
        strict,
        provider_options,
    } = tool;
    let mut function = Body::new();
    function.set("name", name.as_str());
    function.put("description", description.as_deref().map(Value::from));
    let schema = if rules.open_tool_schemas {
        opened(input_schema)
    } else {
        input_schema.clone()
    };
    function.set("parameters", schema);
    function.put("strict", strict.filter(|_| rules.strict_tools).map(Value::from));
    let mut wire = Body::new();
    wire.set("type", "function");
    wire.set("function", function.into_value());
    if rules.other_options == OtherOptions::SentLast {
        let own = provider_options.get("openrouter");
        wire.put(
            "eager_input_streaming",
            present(own.and_then(|own| own.get("eager_input_streaming"))).cloned(),
        );
    }
    wire.into_value()
}

/// Where one tool cannot be demanded by its name, it is offered alone.
fn is_offered(rules: &RequestRules, request: &Request, tool: &Tool) -> bool {
    let Tool::Function { name, .. } = tool;
    match &request.tool_choice {
        Some(ToolChoice::Tool { tool_name }) if rules.demand == ToolDemand::Any => name == tool_name,
        _ => true,
    }
}

fn tool_choice(rules: &RequestRules, choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Required | ToolChoice::Tool { .. } if rules.demand == ToolDemand::Any => {
            Value::from("any")
        }
        ToolChoice::Auto => Value::from("auto"),
        ToolChoice::None => Value::from("none"),
        ToolChoice::Required => Value::from("required"),
        ToolChoice::Tool { tool_name } => json!({"type": "function", "function": {"name": tool_name}}),
    }
}

fn stream_options(rules: &RequestRules, target: &Target) -> Option<Value> {
    let field = match rules.usage {
        UsageRequest::Always => "include_usage",
        UsageRequest::Never => return None,
        UsageRequest::BySetting { default, field } => {
            if !target.settings.include_usage.unwrap_or(default) {
                return None;
            }
            field
        }
    };
    let mut wire = Body::new();
    wire.set(field, true);
    Some(wire.into_value())
}

/// The role of instructions; `None` when the model takes none.
fn system_role(rules: &RequestRules, target: &Target, options: &Options) -> Option<&'static str> {
    if rules.finish != RequestFinish::OpenAi {
        return Some("system");
    }
    match options.get("systemMessageMode").and_then(Value::as_str) {
        Some("system") => Some("system"),
        Some("developer") => Some("developer"),
        Some("remove") => None,
        _ => {
            let reasoning = model(&target.model_id).reasoning || options.flag("forceReasoning") == Some(true);
            Some(if reasoning { "developer" } else { "system" })
        }
    }
}

fn finish_openai(body: &mut Body, target: &Target, options: &Options) {
    match options.get("logprobs") {
        Some(Value::Bool(true)) => {
            body.set("logprobs", true);
            body.set("top_logprobs", 0);
        }
        Some(Value::Number(number)) => {
            body.set("logprobs", true);
            body.set("top_logprobs", number.clone());
        }
        _ => {}
    }
    let abilities = model(&target.model_id);
    if options.flag("forceReasoning").unwrap_or(abilities.reasoning) {
        let effort_off = options.get("reasoningEffort").and_then(Value::as_str) == Some("none");
        if !(effort_off && abilities.sampling_without_effort) {
            for key in ["temperature", "top_p", "logprobs"] {
                body.put(key, None);
            }
        }
        for key in [
            "frequency_penalty",
            "presence_penalty",
            "logit_bias",
            "top_logprobs",
        ] {
            body.put(key, None);
        }
        if let Some(limit) = body.get("max_tokens").cloned() {
            body.put("max_tokens", None);
            if body.get("max_completion_tokens").is_none() {
                body.set("max_completion_tokens", limit);
            }
        }
    } else if is_search_model(&target.model_id) {
        body.put("temperature", None);
    }
    let refused = match body.get("service_tier").and_then(Value::as_str) {
        Some("flex") => !abilities.flex,
        Some("priority") => !abilities.priority,
        _ => false,
    };
    if refused {
        tracing::warn!(
            model = target.model_id,
            "the model is not served in this tier; the option is not sent"
        );
        body.put("service_tier", None);
    }
}

fn finish_venice(body: &mut Body, options: &Options) {
    if options.given && body.get("n").is_none() {
        body.set("n", 1);
    }
    let mut parameters = match body.get("venice_parameters") {
        Some(Value::Object(parameters)) => parameters.clone(),
        _ => crate::request::Object::new(),
    };
    // The provider's own prompt would come before ours.
    parameters
        .entry("include_venice_system_prompt")
        .or_insert(Value::Bool(false));
    body.set("venice_parameters", Value::Object(parameters));
    let asked = options.get("reasoning");
    let mut reasoning = Body::new();
    let effort = options
        .get("reasoningEffort")
        .or_else(|| asked.and_then(|asked| present(asked.get("effort"))));
    reasoning.put("effort", effort.cloned());
    for key in ["enabled", "summary"] {
        reasoning.put(key, asked.and_then(|asked| present(asked.get(key))).cloned());
    }
    let reasoning = reasoning.into_value();
    let some = reasoning
        .as_object()
        .is_some_and(|reasoning| !reasoning.is_empty());
    body.put("reasoning", some.then_some(reasoning));
}

fn finish_perplexity(body: &mut Body, request: &Request) {
    for key in ["tools", "tool_choice"] {
        body.put(key, None);
    }
    if let Some(ResponseFormat::Json { schema, .. }) = &request.response_format {
        let mut inner = Body::new();
        inner.put("schema", schema.clone());
        body.set(
            "response_format",
            json!({"type": "json_schema", "json_schema": inner.into_value()}),
        );
    }
}

/// The text of the last message, if the model is to go on with it.
fn last_assistant_text(messages: &Value) -> Option<&str> {
    let last = messages.as_array()?.last()?;
    if last.get("role").and_then(Value::as_str) != Some("assistant") {
        return None;
    }
    last.get("content").and_then(Value::as_str)
}
