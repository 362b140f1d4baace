//! Messages as GitHub Copilot wants them: its own fields on messages, parts and calls, and reasoning together
//! with what only it can read of it (reference `providers.md` §4.3).

use serde_json::Value;

use super::{
    Said, Scene, call, message_body, options_of, output_text, plain_file, some_list, stringify, text_part,
};
use crate::error::Error;
use crate::json::Body;
use crate::media::File;
use crate::openai_chat::dialect::Files;
use crate::request::{Content, Message, ProviderOptions};

/// The name under which its fields come.
const NAMESPACE: &str = "copilot";
/// The field of metadata that holds the reasoning as only it can read it.
pub(in crate::openai_chat) const OPAQUE: &str = "reasoningOpaque";

pub(super) fn write(scene: &Scene<'_>) -> Result<Vec<Value>, Error> {
    let mut messages = Vec::new();
    for message in &scene.request.prompt {
        match message {
            Message::System {
                content,
                provider_options,
            } => {
                let Some(role) = scene.system_role else { continue };
                let wire = message_body(role, content.as_str());
                messages.push(with_own(wire, provider_options));
            }
            Message::User {
                content,
                provider_options,
            } => messages.push(user(content, provider_options)?),
            Message::Assistant {
                content,
                provider_options,
            } => messages.push(assistant(content, provider_options)),
            Message::Tool { content, .. } => messages.extend(content.iter().filter_map(result)),
        }
    }
    Ok(messages)
}

/// Parity: whatever stands under its name goes into the object, the reasoning of calls included.
fn with_own(mut wire: Body, options: &ProviderOptions) -> Value {
    if let Some(fields) = options.get(NAMESPACE) {
        wire.spread(fields);
    }
    wire.into_value()
}

fn user(content: &[Content], options: &ProviderOptions) -> Result<Value, Error> {
    if let [
        Content::Text {
            text,
            provider_options,
        },
    ] = content
    {
        return Ok(with_own(message_body("user", text.as_str()), provider_options));
    }
    let mut parts = Vec::with_capacity(content.len());
    for (index, part) in content.iter().enumerate() {
        let wire = match part {
            Content::Text { text, .. } => text_part(text),
            Content::File {
                media_type,
                data,
                filename,
                provider_options,
            } => {
                let file = File::read(media_type, data);
                plain_file(Files::Images, &file, filename.as_deref(), provider_options, index)?
            }
            _ => continue,
        };
        parts.push(with_own(wire, options_of(part)));
    }
    Ok(with_own(message_body("user", parts), options))
}

fn assistant(content: &[Content], options: &ProviderOptions) -> Value {
    let said = Said::gather(content);
    let calls = content
        .iter()
        .filter_map(|part| Some(with_own(call(part, stringify)?, options_of(part))))
        .collect();
    let mut wire = Body::new();
    wire.set("role", "assistant");
    wire.set(
        "content",
        if said.text.is_empty() {
            Value::Null
        } else {
            Value::from(said.text)
        },
    );
    wire.put("tool_calls", some_list(calls));
    // Words alone are not taken back.
    if let Some(opaque) = content.iter().find_map(|part| opaque(options_of(part))) {
        let thoughts = content.iter().rev().find_map(|part| match part {
            Content::Reasoning { text, .. } if !text.is_empty() => Some(Value::from(text.as_str())),
            _ => None,
        });
        wire.put("reasoning_text", thoughts);
        wire.set("reasoning_opaque", opaque);
    }
    with_own(wire, options)
}

fn opaque(options: &ProviderOptions) -> Option<&str> {
    let text = options.get(NAMESPACE)?.get(OPAQUE)?.as_str()?;
    Some(text).filter(|text| !text.is_empty())
}

fn result(part: &Content) -> Option<Value> {
    let Content::ToolResult {
        tool_call_id, output, ..
    } = part
    else {
        return None;
    };
    let mut wire = Body::new();
    wire.set("role", "tool");
    wire.set("tool_call_id", tool_call_id.as_str());
    wire.set("content", output_text(output));
    Some(with_own(wire, options_of(part)))
}
