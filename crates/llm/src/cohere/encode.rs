//! From a request to a body.

use serde_json::{Value, json};

use super::decode::Decoder;
use crate::error::Error;
use crate::json::{Body, number, present, stringify};
use crate::media::{Data, File, decode_text};
use crate::protocol::{self, Prepared};
use crate::request::{Content, Message, Request, ResponseFormat, Tool, ToolChoice, ToolOutput};
use crate::target::Target;

/// Makes the body, and the decoder that fits the answer.
pub(crate) fn encode(target: &Target, request: &Request, streaming: bool) -> Result<Prepared, Error> {
    let mut body = Body::new();
    body.set("model", target.model_id.as_str());
    for (field, value) in [
        ("frequency_penalty", request.frequency_penalty),
        ("presence_penalty", request.presence_penalty),
        ("temperature", request.temperature),
        ("p", request.top_p),
        ("k", request.top_k),
    ] {
        body.put(field, value.and_then(number));
    }
    body.put("max_tokens", request.max_output_tokens.map(Value::from));
    body.put("seed", request.seed.map(Value::from));
    if !request.stop_sequences.is_empty() {
        body.set("stop_sequences", json!(request.stop_sequences));
    }
    if let Some(ResponseFormat::Json { schema, .. }) = &request.response_format {
        let mut format = Body::new();
        format.set("type", "json_object");
        format.put("json_schema", schema.clone());
        body.set("response_format", format.into_value());
    }
    let (messages, documents) = conversation(&request.prompt)?;
    body.set("messages", messages);
    put_tools(&mut body, request);
    if !documents.is_empty() {
        body.set("documents", documents);
    }
    body.put("thinking", thinking(target, request));
    body.put("stream", streaming.then_some(Value::Bool(true)));
    Ok(Prepared {
        headers: Vec::new(),
        body: body.into_value(),
        decoder: protocol::Decoder::Cohere(Box::<Decoder>::default()),
    })
}

fn thinking(target: &Target, request: &Request) -> Option<Value> {
    let namespace = target.adapter.namespace.name(&target.provider_id);
    let asked = present(request.provider_options.get(namespace)?.get("thinking"))?;
    let mut wire = Body::new();
    let kind = present(asked.get("type")).cloned();
    wire.set("type", kind.unwrap_or_else(|| Value::from("enabled")));
    wire.put("token_budget", present(asked.get("tokenBudget")).cloned());
    Some(wire.into_value())
}

/// Tools are demanded by one word; a tool of a name by offering no other.
fn put_tools(body: &mut Body, request: &Request) {
    if request.tools.is_empty() {
        return;
    }
    let only = match &request.tool_choice {
        Some(ToolChoice::Tool { tool_name }) => Some(tool_name),
        _ => None,
    };
    let tools: Vec<Value> = request
        .tools
        .iter()
        .filter_map(|tool| {
            let Tool::Function {
                name,
                description,
                input_schema,
                ..
            } = tool;
            if only.is_some_and(|only| only != name) {
                return None;
            }
            let mut function = Body::new();
            function.set("name", name.as_str());
            function.put("description", description.as_deref().map(Value::from));
            function.set("parameters", input_schema.clone());
            Some(json!({"type": "function", "function": function.into_value()}))
        })
        .collect();
    body.set("tools", tools);
    let word = match &request.tool_choice {
        None | Some(ToolChoice::Auto) => return,
        Some(ToolChoice::None) => "NONE",
        Some(ToolChoice::Required | ToolChoice::Tool { .. }) => "REQUIRED",
    };
    body.set("tool_choice", word);
}

/// The messages, and beside them the files of all of them: this provider keeps documents apart.
fn conversation(prompt: &[Message]) -> Result<(Vec<Value>, Vec<Value>), Error> {
    let mut messages = Vec::with_capacity(prompt.len());
    let mut documents = Vec::new();
    for message in prompt {
        match message {
            Message::System { content, .. } => messages.push(json!({"role": "system", "content": content})),
            Message::User { content, .. } => {
                let mut said = String::new();
                for part in content {
                    match part {
                        Content::Text { text, .. } => said.push_str(text),
                        Content::File {
                            media_type,
                            data,
                            filename,
                            ..
                        } => documents.push(document(media_type, data, filename.as_deref())?),
                        _ => {}
                    }
                }
                messages.push(json!({"role": "user", "content": said}));
            }
            Message::Assistant { content, .. } => messages.push(assistant(content)),
            Message::Tool { content, .. } => messages.extend(content.iter().filter_map(result)),
        }
    }
    Ok((messages, documents))
}

fn document(media_type: &str, data: &str, filename: Option<&str>) -> Result<Value, Error> {
    let file = File::read(media_type, data);
    let text = match &file.data {
        Data::Base64(data) if file.is("text") || file.media_type == "application/json" => decode_text(data)?,
        // Parity: other content goes as it stands (§4.6).
        Data::Base64(data) => data.to_string(),
        Data::Url(_) => {
            return Err(Error::Unsupported {
                message: "this provider takes files only by their content".to_owned(),
            });
        }
    };
    let mut inner = Body::new();
    inner.set("text", text);
    inner.put("title", filename.map(Value::from));
    Ok(json!({"data": inner.into_value()}))
}

/// Parity: text beside calls is not sent, reasoning never (§4.6).
fn assistant(content: &[Content]) -> Value {
    let mut said = String::new();
    let mut calls = Vec::new();
    for part in content {
        match part {
            Content::Text { text, .. } => said.push_str(text),
            Content::ToolCall {
                tool_call_id,
                tool_name,
                input,
                ..
            } => calls.push(json!({
                "id": tool_call_id,
                "type": "function",
                "function": {"name": tool_name, "arguments": stringify(input)},
            })),
            _ => {}
        }
    }
    if calls.is_empty() {
        json!({"role": "assistant", "content": said})
    } else {
        json!({"role": "assistant", "tool_calls": calls})
    }
}

fn result(part: &Content) -> Option<Value> {
    let Content::ToolResult {
        tool_call_id, output, ..
    } = part
    else {
        return None;
    };
    let content = match output {
        ToolOutput::Text(text) | ToolOutput::ErrorText(text) => text.clone(),
        ToolOutput::Json(value) | ToolOutput::ErrorJson(value) => stringify(value),
        // The types hold nothing that JSON has no form for.
        ToolOutput::Content(parts) => serde_json::to_string(parts).unwrap_or_default(),
    };
    Some(json!({"role": "tool", "content": content, "tool_call_id": tool_call_id}))
}
