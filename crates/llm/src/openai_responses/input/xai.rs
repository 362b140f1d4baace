//! Items as xAI wants them.

use serde_json::Value;

use super::{Scene, item, message, result_text, summary, text_part};
use crate::error::Error;
use crate::json::stringify;
use crate::media::{Data, File};
use crate::request::{Content, Message, OutputContent, ToolOutput};

pub(super) fn write(scene: &Scene<'_>) -> Result<Vec<Value>, Error> {
    let mut items = Vec::new();
    for one in &scene.request.prompt {
        match one {
            Message::System { content, .. } => items.push(message("system", content.as_str()).into_value()),
            Message::User { content, .. } => items.push(user(content)?),
            Message::Assistant { content, .. } => {
                items.extend(content.iter().filter_map(|part| said(scene, part)));
            }
            Message::Tool { content, .. } => items.extend(content.iter().filter_map(result)),
        }
    }
    Ok(items)
}

fn user(content: &[Content]) -> Result<Value, Error> {
    let mut parts = Vec::with_capacity(content.len());
    for part in content {
        match part {
            Content::Text { text, .. } => parts.push(text_part(text)),
            Content::File { media_type, data, .. } => {
                let file = File::read(media_type, data);
                let mut wire;
                if file.is("image") {
                    wire = item("input_image");
                    wire.set("image_url", file.address(file.concrete("image/*", "image/jpeg")));
                } else if let Data::Url(url) = &file.data {
                    wire = item("input_file");
                    wire.set("file_url", *url);
                } else {
                    return Err(Error::Unsupported {
                        message: format!(
                            "files of type {} can only be sent to this provider by their address",
                            file.media_type
                        ),
                    });
                }
                parts.push(wire.into_value());
            }
            _ => {}
        }
    }
    Ok(message("user", parts).into_value())
}

fn said(scene: &Scene<'_>, part: &Content) -> Option<Value> {
    match part {
        Content::Text {
            text,
            provider_options,
        } => {
            let mut wire = message("assistant", text.as_str());
            wire.put("id", scene.own_text(provider_options, "itemId").map(Value::from));
            Some(wire.into_value())
        }
        Content::ToolCall {
            provider_executed: Some(true),
            ..
        } => None,
        Content::ToolCall {
            tool_call_id,
            tool_name,
            input,
            provider_options,
            ..
        } => {
            let id = scene.own_text(provider_options, "itemId");
            let mut wire = item("function_call");
            wire.set("id", id.unwrap_or(tool_call_id));
            wire.set("call_id", tool_call_id.as_str());
            wire.set("name", tool_name.as_str());
            wire.set("arguments", stringify(input));
            wire.set("status", "completed");
            Some(wire.into_value())
        }
        Content::Reasoning {
            text,
            provider_options,
        } => {
            let id = scene.own_text(provider_options, "itemId");
            let encrypted = scene.own_text(provider_options, "reasoningEncryptedContent");
            if id.is_none() && encrypted.is_none() {
                return None;
            }
            let mut wire = item("reasoning");
            wire.set("id", id.unwrap_or_default());
            wire.set("summary", summary(text));
            wire.set("status", "completed");
            wire.put("encrypted_content", encrypted.map(Value::from));
            Some(wire.into_value())
        }
        Content::ToolResult { .. } | Content::File { .. } => None,
    }
}

fn result(part: &Content) -> Option<Value> {
    let Content::ToolResult {
        tool_call_id, output, ..
    } = part
    else {
        return None;
    };
    let mut wire = item("function_call_output");
    wire.set("call_id", tool_call_id.as_str());
    wire.set(
        "output",
        result_text(output).unwrap_or_else(|| words_only(output)),
    );
    Some(wire.into_value())
}

/// The provider takes no media in results.
fn words_only(output: &ToolOutput) -> String {
    let ToolOutput::Content(parts) = output else {
        return String::new();
    };
    parts
        .iter()
        .filter_map(|part| match part {
            OutputContent::Text { text } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}
