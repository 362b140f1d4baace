//! From a request to a body.

use serde_json::{Value, json};

use super::NAMESPACE;
use super::decode::Decoder;
use super::messages::convert;
use super::model::{Maker, takes_newer_fields};
use crate::anthropic;
use crate::error::Error;
use crate::json::{Body, number, present, text_at};
use crate::protocol::{self, Prepared};
use crate::request::{Content, Message, Object, Request, ResponseFormat, Tool, ToolChoice};
use crate::target::Target;

/// The tool that stands in for a schema where the model has no other way.
const JSON_TOOL: &str = "json";
/// What thinking needs besides its budget when nobody says how long the answer may be.
const ANSWER_BESIDE_THINKING: u64 = 4096;
/// Options that are only read here; the others go into the body as they are.
const READ: [&str; 3] = ["reasoningConfig", "additionalModelRequestFields", "serviceTier"];

/// How the model shall think.
struct Reasoning<'a> {
    kind: Option<&'a str>,
    budget: Option<u64>,
    effort: Option<&'a str>,
    display: Option<&'a str>,
}

impl<'a> Reasoning<'a> {
    fn read(options: &'a Object) -> Self {
        let none = &Value::Null;
        let config = options.get("reasoningConfig").unwrap_or(none);
        Self {
            kind: text_at(config, "type"),
            budget: config.get("budgetTokens").and_then(Value::as_u64),
            effort: text_at(config, "maxReasoningEffort"),
            display: text_at(config, "display"),
        }
    }

    fn is_on(&self) -> bool {
        matches!(self.kind, Some("enabled" | "adaptive"))
    }

    fn enabled_budget(&self) -> Option<u64> {
        self.budget.filter(|_| self.kind == Some("enabled"))
    }
}

/// Makes the body, and the decoder that fits the answer.
pub(crate) fn encode(target: &Target, request: &Request, streaming: bool) -> Result<Prepared, Error> {
    let none = Object::new();
    let options = request.provider_options.get(NAMESPACE).unwrap_or(&none);
    let reasoning = Reasoning::read(options);
    let model_id = target.model_id.as_str();
    let maker = Maker::of(model_id, reasoning.budget.is_some());
    let thinks = maker == Maker::Anthropic && reasoning.is_on();

    let schema = match &request.response_format {
        Some(ResponseFormat::Json { schema, .. }) => schema.as_ref(),
        _ => None,
    };
    let native = maker == Maker::Anthropic
        && takes_newer_fields(model_id)
        && (anthropic::takes_schema(model_id) || reasoning.is_on());
    let json_tool = schema.filter(|_| !native);

    let mut fields = additional_fields(options, &reasoning, maker);
    if let Some(schema) = schema.filter(|_| native) {
        let format = json!({"type": "json_schema", "schema": anthropic::answer_schema(schema)});
        nested(&mut fields, "output_config", "format", format);
    }
    let tools = tools(request, model_id, json_tool);
    let choice = if json_tool.is_some() {
        Some(&ToolChoice::Required)
    } else {
        request.tool_choice.as_ref()
    };
    let one_at_a_time = request
        .provider_options
        .get("anthropic")
        .and_then(|own| own.get("disableParallelToolUse"))
        .is_some_and(|flag| *flag == Value::Bool(true));
    let mut tool_choice = None;
    if !tools.is_empty() {
        if maker == Maker::Anthropic && one_at_a_time {
            fields.insert("tool_choice".to_owned(), one_call(choice));
        } else {
            tool_choice = choice.map(wire_choice);
        }
    }

    let conversation = if tools.is_empty() {
        convert(&without_tools(&request.prompt), maker == Maker::Mistral)?
    } else {
        convert(&request.prompt, maker == Maker::Mistral)?
    };
    let mut body = Body::new();
    body.set("system", conversation.system);
    body.set("messages", conversation.messages);
    if !fields.is_empty() {
        body.set("additionalModelRequestFields", Value::Object(fields));
    }
    if maker == Maker::Anthropic {
        body.set(
            "additionalModelResponseFieldPaths",
            json!(["/delta/stop_sequence"]),
        );
    }
    let inference = inference(request, &reasoning, thinks);
    if inference.as_object().is_some_and(|fields| !fields.is_empty()) {
        body.set("inferenceConfig", inference);
    }
    if let Some(tier) = options.get("serviceTier").and_then(Value::as_str) {
        body.set("serviceTier", json!({"type": tier}));
    }
    for (key, value) in options.iter().filter(|(key, _)| !READ.contains(&key.as_str())) {
        body.put(key, present(Some(value)).cloned());
    }
    if !tools.is_empty() {
        let mut config = Body::new();
        config.set("tools", tools);
        config.put("toolChoice", tool_choice);
        body.set("toolConfig", config.into_value());
    }
    tracing::debug!(model_id, streaming, "converse request");
    Ok(Prepared {
        headers: Vec::new(),
        body: body.into_value(),
        decoder: protocol::Decoder::Bedrock(Box::new(Decoder::new(
            json_tool.is_some(),
            maker == Maker::Mistral,
        ))),
    })
}

/// Fields beside those that all models share.
fn additional_fields(options: &Object, reasoning: &Reasoning<'_>, maker: Maker) -> Object {
    let mut fields = options
        .get("additionalModelRequestFields")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    if let Some(betas) = present(options.get("anthropicBeta")) {
        fields.insert("anthropic_beta".to_owned(), betas.clone());
    }
    if maker == Maker::Anthropic {
        if let Some(budget) = reasoning.enabled_budget() {
            let thinking = json!({"type": "enabled", "budget_tokens": budget});
            fields.insert("thinking".to_owned(), thinking);
        } else if reasoning.kind == Some("adaptive") {
            let mut thinking = Body::new();
            thinking.set("type", "adaptive");
            thinking.put("display", reasoning.display.map(Value::from));
            fields.insert("thinking".to_owned(), thinking.into_value());
        }
    }
    let Some(effort) = reasoning.effort else {
        return fields;
    };
    match maker {
        Maker::Anthropic => nested(&mut fields, "output_config", "effort", effort.into()),
        Maker::OpenAiOpen => {
            fields.insert("reasoning_effort".to_owned(), effort.into());
        }
        Maker::OpenAi => nested(&mut fields, "reasoning", "effort", effort.into()),
        Maker::Mistral | Maker::Other => {
            let mut config = Body::new();
            let kind = reasoning.kind.filter(|kind| *kind != "adaptive");
            config.put("type", kind.map(Value::from));
            config.put("budgetTokens", reasoning.enabled_budget().map(Value::from));
            config.set("maxReasoningEffort", effort);
            fields.insert("reasoningConfig".to_owned(), config.into_value());
        }
    }
    fields
}

/// Sets a field of an object that may be there.
fn nested(fields: &mut Object, outer: &str, inner: &str, value: Value) {
    let place = fields.entry(outer).or_insert_with(|| json!({}));
    if let Value::Object(object) = place {
        object.insert(inner.to_owned(), value);
    }
}

fn inference(request: &Request, reasoning: &Reasoning<'_>, thinks: bool) -> Value {
    let budget = reasoning.enabled_budget().filter(|_| thinks);
    let limit = match (request.max_output_tokens, budget) {
        (Some(limit), Some(budget)) => Some(limit.saturating_add(budget)),
        (None, Some(budget)) => Some(budget.saturating_add(ANSWER_BESIDE_THINKING)),
        (limit, None) => limit,
    };
    let mut config = Body::new();
    config.put("maxTokens", limit.map(Value::from));
    if !thinks {
        let temperature = request.temperature.map(|temperature| temperature.clamp(0.0, 1.0));
        config.put("temperature", temperature.and_then(number));
        config.put("topP", request.top_p.and_then(number));
        config.put("topK", request.top_k.and_then(number));
    }
    if !request.stop_sequences.is_empty() {
        config.set("stopSequences", json!(request.stop_sequences));
    }
    config.into_value()
}

fn tools(request: &Request, model_id: &str, json_tool: Option<&Value>) -> Vec<Value> {
    if request.tool_choice == Some(ToolChoice::None) && json_tool.is_none() {
        return Vec::new();
    }
    let only = match &request.tool_choice {
        Some(ToolChoice::Tool { tool_name }) if json_tool.is_none() => Some(tool_name),
        _ => None,
    };
    let strict_known = takes_newer_fields(model_id);
    let mut tools: Vec<Value> = request
        .tools
        .iter()
        .filter(|Tool::Function { name, .. }| only.is_none_or(|only| only == name))
        .map(|tool| {
            let Tool::Function {
                name,
                description,
                input_schema,
                strict,
                ..
            } = tool;
            let description = description.as_deref().filter(|text| !text.trim().is_empty());
            let mut spec = Body::new();
            spec.set("name", name.as_str());
            spec.put("description", description.map(Value::from));
            spec.put("strict", strict.filter(|_| strict_known).map(Value::from));
            spec.set("inputSchema", json!({"json": input_schema}));
            json!({"toolSpec": spec.into_value()})
        })
        .collect();
    if let Some(schema) = json_tool {
        tools.push(json!({"toolSpec": {
            "name": JSON_TOOL,
            "description": "Give the answer as one JSON object.",
            "inputSchema": {"json": schema},
        }}));
    }
    tools
}

fn wire_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto | ToolChoice::None => json!({"auto": {}}),
        ToolChoice::Required => json!({"any": {}}),
        ToolChoice::Tool { tool_name } => json!({"tool": {"name": tool_name}}),
    }
}

/// The choice in the words of the model's maker, who alone has a word for one call at a time.
fn one_call(choice: Option<&ToolChoice>) -> Value {
    match choice {
        Some(ToolChoice::Required) => json!({"type": "any", "disable_parallel_tool_use": true}),
        Some(ToolChoice::Tool { tool_name }) => {
            json!({"type": "tool", "name": tool_name, "disable_parallel_tool_use": true})
        }
        _ => json!({"type": "auto", "disable_parallel_tool_use": true}),
    }
}

/// The conversation without calls and results, which the provider refuses when there are no tools.
fn without_tools(prompt: &[Message]) -> Vec<Message> {
    let mut prompt = prompt.to_vec();
    prompt.retain_mut(|message| match message {
        Message::System { .. } => true,
        Message::User { content, .. }
        | Message::Assistant { content, .. }
        | Message::Tool { content, .. } => {
            content.retain(|part| !matches!(part, Content::ToolCall { .. } | Content::ToolResult { .. }));
            !content.is_empty()
        }
    });
    prompt
}
