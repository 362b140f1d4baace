//! From a request to a body and headers.

use serde_json::{Value, json};

use super::Host;
use super::cache::Marks;
use super::decode::{CitedDocument, Decoder};
use super::gitlab;
use super::messages::{Betas, Converter, wants_citations};
use super::model::{Model, model};
use super::options::{NAMESPACE, Options};
use super::schema;
use crate::error::Error;
use crate::json::{Body, number};
use crate::protocol::{self, Prepared};
use crate::request::{Content, Message, Object, Request, ResponseFormat, Tool, ToolChoice};
use crate::target::Target;

const BETA_HEADER: &str = "anthropic-beta";

/// The tool that stands in for a schema where the model has no other way.
const JSON_TOOL: &str = "json";

/// Makes the body and the headers, and the decoder that fits the answer.
pub(crate) fn encode(
    target: &Target,
    host: &Host,
    request: &Request,
    streaming: bool,
) -> Result<Prepared, Error> {
    let namespace = target.adapter.namespace.name(&target.provider_id);
    let reworded = host.own_words.then(|| gitlab::reword(request, namespace));
    let request = reworded.as_ref().unwrap_or(request);
    let options = Options::read(&request.provider_options, namespace)?;
    let mut abilities = model(&target.model_id);
    abilities.structured &= host.structured;
    let native_format = options.native_format(abilities.structured);
    let schema = answer_schema(request);
    let json_tool = schema.filter(|_| !native_format);

    let mut marks = Marks::default();
    let mut betas = Betas::default();
    let send_reasoning = options.send_reasoning.unwrap_or(true);
    let conversation = Converter {
        send_reasoning,
        marks: &mut marks,
        betas: &mut betas,
    }
    .convert(&request.prompt)?;

    let mut body = Body::new();
    match host.version_in_body {
        Some(version) => body.set("anthropic_version", version),
        None => body.set("model", target.model_id.as_str()),
    }
    put_limits(&mut body, request, &options, abilities, &target.model_id);
    if !request.stop_sequences.is_empty() {
        body.set("stop_sequences", json!(request.stop_sequences));
    }
    put_options(&mut body, &options, abilities, schema.filter(|_| native_format));
    body.put("system", conversation.system.map(Value::Array));
    body.set("messages", conversation.messages);
    body.put(
        "context_management",
        options
            .context_management
            .as_ref()
            .map(|management| management.to_wire()),
    );
    add_option_betas(&mut betas, &options);
    put_tools(
        &mut body,
        &mut betas,
        &mut marks,
        request,
        &options,
        &ToolRules {
            abilities,
            json_tool,
            streaming,
        },
    );
    if streaming {
        body.set("stream", true);
    }

    for headers in [&target.headers, &request.headers] {
        let named = headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(BETA_HEADER));
        for beta in named.flat_map(|(_, value)| value.split(',')) {
            let beta = beta.trim().to_lowercase();
            if !beta.is_empty() {
                betas.add(&beta);
            }
        }
    }
    for beta in &options.anthropic_beta {
        betas.add(beta);
    }

    let mut decoder = Decoder::new();
    decoder.documents = cited_documents(&request.prompt);
    decoder.json_tool = json_tool.is_some();
    if host.own_words {
        decoder.metadata_name = Some(namespace.to_owned());
    } else if namespace != NAMESPACE && request.provider_options.contains_key(namespace) {
        decoder.second_namespace = Some(namespace.to_owned());
    }
    Ok(Prepared {
        headers: betas
            .header()
            .map(|value| (BETA_HEADER, value))
            .into_iter()
            .collect(),
        body: body.into_value(),
        decoder: protocol::Decoder::Anthropic(Box::new(decoder)),
    })
}

fn answer_schema(request: &Request) -> Option<&Value> {
    match &request.response_format {
        Some(ResponseFormat::Json { schema, .. }) => schema.as_ref(),
        _ => None,
    }
}

/// Output limit and sampling; thinking changes both.
fn put_limits(body: &mut Body, request: &Request, options: &Options, abilities: Model, model_id: &str) {
    let thinking = options.thinking.as_ref().filter(|thinking| thinking.is_on());
    let budget = thinking.map_or(0, super::options::Thinking::added_tokens);
    let wanted = request
        .max_output_tokens
        .unwrap_or(abilities.max_output)
        .saturating_add(budget);
    let limit = if abilities.known {
        wanted.min(abilities.max_output)
    } else {
        wanted
    };
    body.set("max_tokens", limit);
    if thinking.is_some() || abilities.rejects_sampling {
        return;
    }
    let temperature = request.temperature.map(|temperature| temperature.clamp(0.0, 1.0));
    body.put("temperature", temperature.and_then(number));
    body.put("top_k", request.top_k.and_then(number));
    // These models take one of the two.
    let claude = abilities.known || model_id.contains("claude-");
    if !(claude && temperature.is_some()) {
        body.put("top_p", request.top_p.and_then(number));
    }
}

fn put_options(body: &mut Body, options: &Options, abilities: Model, schema: Option<&Value>) {
    let thinking = options.thinking.as_ref();
    if let Some(thinking) = thinking.filter(|thinking| thinking.is_on() || thinking.kind == "disabled") {
        body.set("thinking", thinking.to_wire());
    }
    let mut output = Body::new();
    if let Some(effort) = options.effort.as_deref().filter(|effort| !effort.is_empty()) {
        let off = thinking.is_some_and(|thinking| thinking.kind == "disabled");
        let lowered = abilities.caps_effort_without_thinking && off && matches!(effort, "xhigh" | "max");
        output.set("effort", if lowered { "high" } else { effort });
    }
    output.put(
        "task_budget",
        options.task_budget.as_ref().map(|budget| budget.to_wire()),
    );
    if let Some(schema) = schema {
        output.set(
            "format",
            json!({"type": "json_schema", "schema": schema::for_answer(schema)}),
        );
    }
    let output = output.into_value();
    if output.as_object().is_some_and(|output| !output.is_empty()) {
        body.set("output_config", output);
    }
    body.put("speed", non_empty(options.speed.as_deref()));
    body.put("inference_geo", non_empty(options.inference_geo.as_deref()));
    let fallbacks = options
        .fallbacks
        .as_ref()
        .filter(|value| value.as_array().is_none_or(|list| !list.is_empty()));
    body.put("fallbacks", fallbacks.cloned());
    body.put("cache_control", options.cache_control.clone());
    if let Some(user) = options
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.user_id.as_deref())
    {
        body.set("metadata", json!({"user_id": user}));
    }
    if !options.mcp_servers.is_empty() {
        body.set(
            "mcp_servers",
            options
                .mcp_servers
                .iter()
                .map(|server| server.to_wire())
                .collect::<Vec<_>>(),
        );
    }
    body.put(
        "container",
        options
            .container
            .as_ref()
            .and_then(|container| container.to_wire()),
    );
}

fn non_empty(text: Option<&str>) -> Option<Value> {
    text.filter(|text| !text.is_empty()).map(Value::from)
}

/// Preview features that the options need.
fn add_option_betas(betas: &mut Betas, options: &Options) {
    if !options.mcp_servers.is_empty() {
        betas.add("mcp-client-2025-04-04");
    }
    if let Some(management) = &options.context_management {
        betas.add("context-management-2025-06-27");
        if management.compacts() {
            betas.add("compact-2026-01-12");
        }
    }
    if options
        .container
        .as_ref()
        .is_some_and(|container| !container.skills.is_empty())
    {
        for beta in [
            "code-execution-2025-08-25",
            "skills-2025-10-02",
            "files-api-2025-04-14",
        ] {
            betas.add(beta);
        }
    }
    if options.task_budget.is_some() {
        betas.add("task-budgets-2026-03-13");
    }
    if options.speed.as_deref() == Some("fast") {
        betas.add("fast-mode-2026-02-01");
    }
    match &options.fallbacks {
        Some(Value::String(name)) if name == "default" => betas.add("server-side-fallback-2026-07-01"),
        Some(Value::Array(list)) if !list.is_empty() => betas.add("server-side-fallback-2026-06-01"),
        _ => {}
    }
    if options
        .thinking
        .as_ref()
        .is_some_and(|thinking| thinking.binding().is_some())
    {
        betas.add("thinking-binding-controls-2026-08-01");
    }
}

struct ToolRules<'a> {
    abilities: Model,
    /// The schema that a tool has to stand in for.
    json_tool: Option<&'a Value>,
    streaming: bool,
}

fn put_tools(
    body: &mut Body,
    betas: &mut Betas,
    marks: &mut Marks,
    request: &Request,
    options: &Options,
    rules: &ToolRules<'_>,
) {
    let eager = rules.streaming && options.tool_streaming.unwrap_or(true);
    if request.tools.is_empty() && rules.json_tool.is_none() {
        return;
    }
    if rules.json_tool.is_none() && rules.abilities.structured {
        betas.add("structured-outputs-2025-11-13");
    }
    let mut tools: Vec<Value> = request
        .tools
        .iter()
        .map(|tool| tool_to_wire(tool, betas, marks, eager, rules.abilities.structured))
        .collect();
    if let Some(schema) = rules.json_tool {
        let mut tool = Body::new();
        tool.set("name", JSON_TOOL);
        tool.set("description", "Give the answer as one JSON object.");
        tool.set("input_schema", schema.clone());
        tool.put("eager_input_streaming", eager.then_some(Value::Bool(true)));
        tools.push(tool.into_value());
    }
    let (choice, parallel_off) = match rules.json_tool {
        Some(_) => (Some(&ToolChoice::Required), Some(true)),
        None => (request.tool_choice.as_ref(), options.disable_parallel_tool_use),
    };
    let Some(choice) = choice else {
        body.set("tools", tools);
        if parallel_off == Some(true) {
            body.set(
                "tool_choice",
                json!({"type": "auto", "disable_parallel_tool_use": true}),
            );
        }
        return;
    };
    let (kind, name) = match choice {
        // Without tools there is nothing to choose.
        ToolChoice::None => return,
        ToolChoice::Auto => ("auto", None),
        ToolChoice::Required => ("any", None),
        ToolChoice::Tool { tool_name } => ("tool", Some(tool_name.as_str())),
    };
    let mut wire = Body::new();
    wire.set("type", kind);
    wire.put("name", name.map(Value::from));
    wire.put("disable_parallel_tool_use", parallel_off.map(Value::from));
    body.set("tools", tools);
    body.set("tool_choice", wire.into_value());
}

fn tool_to_wire(tool: &Tool, betas: &mut Betas, marks: &mut Marks, eager: bool, strict_known: bool) -> Value {
    let Tool::Function {
        name,
        description,
        input_schema,
        strict,
        provider_options,
    } = tool;
    let empty = Object::new();
    let own = provider_options.get(NAMESPACE).unwrap_or(&empty);
    let eager = own
        .get("eagerInputStreaming")
        .and_then(Value::as_bool)
        .unwrap_or(eager);
    let callers = crate::json::present(own.get("allowedCallers"));
    if callers.is_some() {
        betas.add("advanced-tool-use-2025-11-20");
    }
    let mut wire = Body::new();
    wire.set("name", name.as_str());
    wire.put("description", description.as_deref().map(Value::from));
    wire.set("input_schema", input_schema.clone());
    wire.put("cache_control", marks.take(provider_options));
    wire.put("eager_input_streaming", eager.then_some(Value::Bool(true)));
    wire.put("strict", strict.filter(|_| strict_known).map(Value::from));
    wire.put(
        "defer_loading",
        crate::json::present(own.get("deferLoading")).cloned(),
    );
    wire.put("allowed_callers", callers.cloned());
    wire.into_value()
}

/// The documents that citations in the answer will count through.
fn cited_documents(prompt: &[Message]) -> Vec<CitedDocument> {
    let user_parts = prompt.iter().filter_map(|message| match message {
        Message::User { content, .. } => Some(content),
        _ => None,
    });
    user_parts
        .flatten()
        .filter_map(|part| match part {
            Content::File {
                media_type,
                filename,
                provider_options,
                ..
            } if matches!(media_type.as_str(), "application/pdf" | "text/plain")
                && wants_citations(provider_options.get(NAMESPACE)) =>
            {
                Some(CitedDocument {
                    title: filename.clone().unwrap_or_else(|| "Untitled Document".to_owned()),
                    filename: filename.clone(),
                    media_type: media_type.clone(),
                })
            }
            _ => None,
        })
        .collect()
}
