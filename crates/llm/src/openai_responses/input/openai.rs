//! Items as OpenAI wants them.
//!
//! What the provider stores is referred to by its id; what it does not store is sent word by word, thoughts
//! in their encrypted form, calls that the provider ran itself together with what came of them ([`hosted`]).

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Scene, hosted, item, message, result_text, summary, text_part};
use crate::error::Error;
use crate::json::{Body, present, stringify, text_at};
use crate::media::{Data, File};
use crate::request::{Content, Message, OutputContent, ProviderOptions, ToolOutput};

/// The tool by which the model looks for tools.
const TOOL_SEARCH: &str = "tool_search";

pub(super) fn write(scene: &Scene<'_>) -> Result<Vec<Value>, Error> {
    let mut items = Vec::new();
    for message in &scene.request.prompt {
        match message {
            Message::System { content, .. } => items.extend(system(scene, content)),
            Message::User { content, .. } => items.push(user(scene, content)?),
            Message::Assistant { content, .. } => assistant(scene, content, &mut items),
            Message::Tool { content, .. } => {
                items.extend(content.iter().filter_map(local_result));
            }
        }
    }
    if !scene.options.is_stored() {
        // What the provider neither keeps nor can read is refused.
        items.retain(|item| {
            text_at(item, "type") != Some("reasoning") || item.get("encrypted_content").is_some()
        });
    }
    Ok(items)
}

fn system(scene: &Scene<'_>, content: &str) -> Option<Value> {
    let role = match scene.options.text("systemMessageMode") {
        Some("remove") => return None,
        Some("system") => "system",
        Some("developer") => "developer",
        _ if scene.developer => "developer",
        _ => "system",
    };
    Some(message(role, content).into_value())
}

fn user(scene: &Scene<'_>, content: &[Content]) -> Result<Value, Error> {
    let mut parts = Vec::with_capacity(content.len());
    for (index, part) in content.iter().enumerate() {
        match part {
            Content::Text { text, .. } => parts.push(text_part(text)),
            Content::File {
                media_type,
                data,
                filename,
                provider_options,
            } => {
                let file = File::read(media_type, data);
                parts.push(user_file(
                    scene,
                    &file,
                    filename.as_deref(),
                    provider_options,
                    index,
                )?);
            }
            _ => {}
        }
    }
    Ok(message("user", parts).into_value())
}

fn user_file(
    scene: &Scene<'_>,
    file: &File<'_>,
    filename: Option<&str>,
    options: &ProviderOptions,
    index: usize,
) -> Result<Value, Error> {
    let media_type = file.concrete("image/*", "image/jpeg");
    let id = match &file.data {
        Data::Base64(data)
            if scene
                .dialect
                .file_ids
                .iter()
                .any(|prefix| data.starts_with(prefix)) =>
        {
            Some(data.as_ref())
        }
        _ => None,
    };
    if file.is("image") {
        let mut wire = item("input_image");
        match id {
            Some(id) => wire.set("file_id", id),
            None => wire.set("image_url", file.address(media_type)),
        }
        wire.put("detail", scene.own_text(options, "imageDetail").map(Value::from));
        return Ok(wire.into_value());
    }
    let mut wire = item("input_file");
    let is_pdf = media_type == "application/pdf";
    match (&file.data, id) {
        (Data::Url(url), _) => wire.set("file_url", *url),
        (Data::Base64(_), Some(id)) => wire.set("file_id", id),
        (Data::Base64(_), None) => {
            if !is_pdf && scene.options.flag("passThroughUnsupportedFiles") != Some(true) {
                return Err(Error::Unsupported {
                    message: format!("files of type {media_type} cannot be sent to this provider"),
                });
            }
            let made_up = || format!("part-{index}{}", if is_pdf { ".pdf" } else { "" });
            wire.set("filename", filename.map_or_else(made_up, str::to_owned));
            wire.set("file_data", file.address(media_type));
        }
    }
    Ok(wire.into_value())
}

fn assistant(scene: &Scene<'_>, content: &[Content], items: &mut Vec<Value>) {
    let stored = scene.options.is_stored();
    let in_conversation = scene.options.get("conversation").is_some();
    let continues = scene.options.get("previousResponseId").is_some();
    // Where the thoughts of an item are, so that further ones join them.
    let mut thoughts: HashMap<&str, usize> = HashMap::new();
    // What the calls say that the provider ran itself.
    let mut inputs: HashMap<&str, &Value> = HashMap::new();
    for part in content {
        match part {
            Content::Text {
                text,
                provider_options,
            } => {
                let id = scene.own_text(provider_options, "itemId");
                match id {
                    Some(_) if in_conversation => {}
                    Some(id) if stored => items.push(reference(id)),
                    _ => {
                        let mut wire = message("assistant", json!([{"type": "output_text", "text": text}]));
                        wire.put("id", id.map(Value::from));
                        let phase = scene.own_text(provider_options, "phase");
                        wire.put("phase", phase.map(Value::from));
                        items.push(wire.into_value());
                    }
                }
            }
            Content::Reasoning {
                text,
                provider_options,
            } => {
                let id = scene.own_text(provider_options, "itemId");
                let encrypted = scene.own_text(provider_options, "reasoningEncryptedContent");
                match id {
                    Some(_) if in_conversation || continues => {}
                    Some(id) if stored => {
                        thoughts.entry(id).or_insert_with(|| {
                            items.push(reference(id));
                            items.len().saturating_sub(1)
                        });
                    }
                    Some(id) => match thoughts.get(id) {
                        Some(at) => {
                            if let Some(known) = items.get_mut(*at) {
                                join_thought(known, text, encrypted);
                            }
                        }
                        None => {
                            thoughts.insert(id, items.len());
                            items.push(thought(Some(id), text, encrypted));
                        }
                    },
                    // Thoughts that nobody can read back are left out.
                    None if encrypted.is_some() => items.push(thought(None, text, encrypted)),
                    None => {}
                }
            }
            Content::ToolCall {
                provider_options,
                tool_call_id,
                input,
                ..
            } => {
                inputs.insert(tool_call_id, input);
                let id = scene.own_text(provider_options, "itemId");
                if !(in_conversation && id.is_some()) {
                    items.extend(call(scene, part, id, stored, continues));
                }
            }
            Content::ToolResult { .. } if !in_conversation => {
                items.extend(hosted_result(scene, part, stored, &inputs));
            }
            Content::ToolResult { .. } | Content::File { .. } => {}
        }
    }
}

fn reference(id: &str) -> Value {
    json!({"type": "item_reference", "id": id})
}

fn thought(id: Option<&str>, text: &str, encrypted: Option<&str>) -> Value {
    let mut wire = item("reasoning");
    wire.put("id", id.map(Value::from));
    wire.put("encrypted_content", encrypted.map(Value::from));
    wire.set("summary", summary(text));
    wire.into_value()
}

fn join_thought(known: &mut Value, text: &str, encrypted: Option<&str>) {
    let Some(fields) = known.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(summaries)) = fields.get_mut("summary") {
        summaries.extend(summary(text));
    }
    if let Some(encrypted) = encrypted {
        fields.insert("encrypted_content".to_owned(), Value::from(encrypted));
    }
}

fn call(scene: &Scene<'_>, part: &Content, id: Option<&str>, stored: bool, continues: bool) -> Option<Value> {
    let Content::ToolCall {
        tool_call_id,
        tool_name,
        input,
        provider_executed,
        provider_options,
    } = part
    else {
        return None;
    };
    if tool_name == TOOL_SEARCH
        && let Some(arguments) = input.get("arguments")
    {
        if let Some(id) = id.filter(|_| stored) {
            return Some(reference(id));
        }
        let call_id = present(input.get("call_id"));
        return Some(json!({
            "type": "tool_search_call",
            "id": id.unwrap_or(tool_call_id),
            "execution": if call_id.is_some() { "client" } else { "server" },
            "call_id": call_id,
            "status": "completed",
            "arguments": arguments,
        }));
    }
    if *provider_executed == Some(true) {
        return id.filter(|_| stored).map(reference);
    }
    if continues && stored && id.is_some() {
        return None;
    }
    let mut wire = item("function_call");
    wire.set("call_id", tool_call_id.as_str());
    wire.set("name", tool_name.as_str());
    wire.set("arguments", stringify(input));
    let namespace = scene.own_text(provider_options, "namespace");
    wire.put("namespace", namespace.map(Value::from));
    Some(wire.into_value())
}

/// The result of a call that the provider ran itself.
fn hosted_result(
    scene: &Scene<'_>,
    part: &Content,
    stored: bool,
    inputs: &HashMap<&str, &Value>,
) -> Option<Value> {
    let Content::ToolResult {
        tool_call_id,
        tool_name,
        output,
        provider_options,
    } = part
    else {
        return None;
    };
    let id = scene.own_text(provider_options, "itemId").unwrap_or(tool_call_id);
    if stored {
        return Some(reference(id));
    }
    let Some(tools) = found_tools(tool_name, output) else {
        let input = inputs.get(tool_call_id.as_str()).copied();
        return hosted::inline(id, tool_name, input, output);
    };
    Some(json!({
        "type": "tool_search_output",
        "id": id,
        "execution": "server",
        "call_id": null,
        "status": "completed",
        "tools": tools,
    }))
}

fn local_result(part: &Content) -> Option<Value> {
    let Content::ToolResult {
        tool_call_id,
        tool_name,
        output,
        ..
    } = part
    else {
        return None;
    };
    if let Some(tools) = found_tools(tool_name, output) {
        return Some(json!({
            "type": "tool_search_output",
            "execution": "client",
            "call_id": tool_call_id,
            "status": "completed",
            "tools": tools,
        }));
    }
    let mut wire = item("function_call_output");
    wire.set("call_id", tool_call_id.as_str());
    wire.set("output", output_value(output));
    Some(wire.into_value())
}

/// The tools that a search for tools found.
fn found_tools<'a>(tool_name: &str, output: &'a ToolOutput) -> Option<&'a Value> {
    match output {
        ToolOutput::Json(value) if tool_name == TOOL_SEARCH => value.get("tools"),
        _ => None,
    }
}

fn output_value(output: &ToolOutput) -> Value {
    let ToolOutput::Content(parts) = output else {
        return result_text(output).map_or(Value::Null, Value::from);
    };
    parts.iter().map(output_part).collect()
}

fn output_part(part: &OutputContent) -> Value {
    let file = |media_type: &str, data: &str, filename: Option<&str>| {
        json!({
            "type": "input_file",
            "filename": filename.unwrap_or("data"),
            "file_data": format!("data:{media_type};base64,{data}"),
        })
    };
    let image = |address: String| {
        let mut wire: Body = item("input_image");
        wire.set("image_url", address);
        wire.into_value()
    };
    match part {
        OutputContent::Text { text } => text_part(text),
        OutputContent::ImageData { media_type, data } => image(format!("data:{media_type};base64,{data}")),
        OutputContent::ImageUrl { url } => image(url.clone()),
        OutputContent::FileData {
            media_type,
            data,
            filename,
        } => file(media_type, data, filename.as_deref()),
        OutputContent::FileUrl { url } => json!({"type": "input_file", "file_url": url}),
        OutputContent::Media { media_type, data } if media_type.starts_with("image/") => {
            image(format!("data:{media_type};base64,{data}"))
        }
        OutputContent::Media { media_type, data } => file(media_type, data, None),
    }
}
