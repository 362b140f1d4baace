//! Messages for Mistral: the user's in parts, reasoning as part of the text, results with the names of their
//! tools.

use serde_json::{Value, json};

use super::{Scene, call, message_body, output_text, some_list, text_part, typed_part};
use crate::error::Error;
use crate::json::{Body, stringify, text_at};
use crate::media::File;
use crate::request::{Content, Message, ResponseFormat};

pub(super) fn write(scene: &Scene<'_>) -> Result<Vec<Value>, Error> {
    let prompt = &scene.request.prompt;
    let mut messages = Vec::with_capacity(prompt.len() + 1);
    for (index, message) in prompt.iter().enumerate() {
        match message {
            Message::System { content, .. } => {
                messages.push(message_body("system", content.as_str()).into_value());
            }
            Message::User { content, .. } => {
                let parts = content.iter().filter_map(|part| user_part(part).transpose());
                let parts = parts.collect::<Result<Vec<Value>, Error>>()?;
                messages.push(message_body("user", parts).into_value());
            }
            Message::Assistant { content, .. } => {
                messages.push(assistant(content, index + 1 == prompt.len()));
            }
            Message::Tool { content, .. } => messages.extend(content.iter().filter_map(result)),
        }
    }
    if let Some(ResponseFormat::Json { schema: None, .. }) = &scene.request.response_format {
        ask_for_json(&mut messages);
    }
    Ok(messages)
}

/// Without a schema the provider wants to hear of JSON in words, too.
fn ask_for_json(messages: &mut Vec<Value>) {
    const WORDS: &str = "Answer in JSON.";
    let first = messages
        .first_mut()
        .filter(|message| text_at(message, "role") == Some("system"));
    let Some(first) = first else {
        messages.insert(0, message_body("system", WORDS).into_value());
        return;
    };
    let content = match text_at(first, "content") {
        Some(content) if !content.is_empty() => format!("{content}\n\n{WORDS}"),
        _ => WORDS.to_owned(),
    };
    if let Value::Object(fields) = first {
        fields.insert("content".to_owned(), Value::from(content));
    }
}

fn user_part(part: &Content) -> Result<Option<Value>, Error> {
    let (media_type, data) = match part {
        Content::Text { text, .. } => return Ok(Some(text_part(text).into_value())),
        Content::File { media_type, data, .. } => (media_type, data),
        _ => return Ok(None),
    };
    let file = File::read(media_type, data);
    let wire = if file.is("image") {
        let address = file.address(file.concrete("image/*", "image/jpeg"));
        typed_part("image_url", "image_url", Value::from(address))
    } else if file.media_type == "application/pdf" {
        let address = file.address("application/pdf");
        typed_part("document_url", "document_url", Value::from(address))
    } else {
        return Err(Error::Unsupported {
            message: format!("this provider takes no files of type {}", file.media_type),
        });
    };
    Ok(Some(wire.into_value()))
}

fn assistant(content: &[Content], is_last: bool) -> Value {
    let mut said = String::new();
    for part in content {
        if let Content::Text { text, .. } | Content::Reasoning { text, .. } = part {
            said.push_str(text);
        }
    }
    let mut wire = message_body("assistant", said);
    // The model goes on with what stands last.
    wire.put("prefix", is_last.then_some(Value::Bool(true)));
    let calls = content
        .iter()
        .filter_map(|part| call(part, stringify).map(Body::into_value))
        .collect();
    wire.put("tool_calls", some_list(calls));
    wire.into_value()
}

fn result(part: &Content) -> Option<Value> {
    let Content::ToolResult {
        tool_call_id,
        tool_name,
        output,
        ..
    } = part
    else {
        return None;
    };
    Some(json!({
        "role": "tool",
        "name": tool_name,
        "tool_call_id": tool_call_id,
        "content": output_text(output),
    }))
}
