//! Messages for Alibaba: parts with cache marks.

use serde_json::{Value, json};

use super::{Scene, call, options_of, output_text, some_list, text_part, typed_part};
use crate::error::Error;
use crate::json::{Body, present, stringify, truthy};
use crate::media::File;
use crate::request::{Content, Message, ProviderOptions};

pub(super) fn write(scene: &Scene<'_>) -> Result<Vec<Value>, Error> {
    let mut messages = Vec::new();
    for message in &scene.request.prompt {
        match message {
            Message::System {
                content,
                provider_options,
            } => {
                messages.push(json!({"role": "system", "content": text(content, mark(provider_options))}));
            }
            Message::User {
                content,
                provider_options,
            } => {
                let message_mark = mark(provider_options);
                let mut parts = Vec::with_capacity(content.len());
                for (index, part) in content.iter().enumerate() {
                    let last = index + 1 == content.len();
                    let mark = mark(options_of(part)).or(message_mark.filter(|_| last));
                    parts.extend(user_part(part, mark)?);
                }
                messages.push(json!({"role": "user", "content": parts}));
            }
            Message::Assistant {
                content,
                provider_options,
            } => {
                messages.push(assistant(content, mark(provider_options)));
            }
            Message::Tool {
                content,
                provider_options,
            } => {
                let message_mark = mark(provider_options);
                for (index, part) in content.iter().enumerate() {
                    let Content::ToolResult {
                        tool_call_id,
                        output,
                        provider_options,
                        ..
                    } = part
                    else {
                        continue;
                    };
                    let last = index + 1 == content.len();
                    let mark = mark(provider_options).or(message_mark.filter(|_| last));
                    let content = text(&output_text(output), mark);
                    messages.push(json!({"role": "tool", "tool_call_id": tool_call_id, "content": content}));
                }
            }
        }
    }
    Ok(messages)
}

fn mark(options: &ProviderOptions) -> Option<&Value> {
    let own = options.get("alibaba")?;
    truthy(present(own.get("cacheControl")).or_else(|| own.get("cache_control")))
}

/// A text, or a part that carries the mark.
fn text(text: &str, mark: Option<&Value>) -> Value {
    match mark {
        Some(mark) => json!([{"type": "text", "text": text, "cache_control": mark}]),
        None => Value::from(text),
    }
}

fn user_part(part: &Content, mark: Option<&Value>) -> Result<Option<Value>, Error> {
    let mut wire = match part {
        Content::Text { text, .. } => text_part(text),
        Content::File { media_type, data, .. } => {
            let file = File::read(media_type, data);
            if !file.is("image") {
                let message = format!("this provider takes no files of type {}", file.media_type);
                return Err(Error::Unsupported { message });
            }
            let url = file.address(file.concrete("image/*", "image/jpeg"));
            typed_part("image_url", "image_url", json!({"url": url}))
        }
        _ => return Ok(None),
    };
    wire.put("cache_control", mark.cloned());
    Ok(Some(wire.into_value()))
}

fn assistant(content: &[Content], mark: Option<&Value>) -> Value {
    let mut said = String::new();
    for part in content {
        if let Content::Text { text, .. } | Content::Reasoning { text, .. } = part {
            said.push_str(text);
        }
    }
    let mut wire = Body::new();
    wire.set("role", "assistant");
    let empty = said.is_empty() && mark.is_none();
    wire.set("content", if empty { Value::Null } else { text(&said, mark) });
    let calls = content
        .iter()
        .filter_map(|part| call(part, stringify).map(Body::into_value))
        .collect();
    wire.put("tool_calls", some_list(calls));
    wire.into_value()
}
