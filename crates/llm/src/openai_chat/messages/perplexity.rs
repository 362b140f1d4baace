//! Messages for Perplexity: words, pictures and PDF; it has no tools.

use serde_json::{Value, json};

use super::Scene;
use crate::error::Error;
use crate::json::Body;
use crate::media::{Data, File};
use crate::request::{Content, Message};

pub(super) fn write(scene: &Scene<'_>) -> Result<Vec<Value>, Error> {
    let mut messages = Vec::new();
    for message in &scene.request.prompt {
        let (role, content) = match message {
            Message::System { content, .. } => {
                messages.push(json!({"role": "system", "content": content}));
                continue;
            }
            Message::User { content, .. } => ("user", content),
            Message::Assistant { content, .. } => ("assistant", content),
            Message::Tool { .. } => {
                return Err(Error::Unsupported {
                    message: "this provider takes no results of tools".to_owned(),
                });
            }
        };
        messages.push(json!({"role": role, "content": written(content)}));
    }
    Ok(messages)
}

/// A text, or parts if there is more than text.
fn written(content: &[Content]) -> Value {
    let parts: Vec<Value> = content
        .iter()
        .enumerate()
        .filter_map(|(index, part)| part_of(index, part))
        .collect();
    let is_text = |part: &Value| part.get("type").and_then(Value::as_str) == Some("text");
    if parts.iter().all(is_text) {
        let texts = content.iter().filter_map(|part| match part {
            Content::Text { text, .. } => Some(text.as_str()),
            _ => None,
        });
        return Value::from(texts.collect::<String>());
    }
    Value::Array(parts)
}

fn part_of(index: usize, part: &Content) -> Option<Value> {
    let (media_type, data, filename) = match part {
        Content::Text { text, .. } => return Some(json!({"type": "text", "text": text})),
        Content::File {
            media_type,
            data,
            filename,
            ..
        } => (media_type, data, filename),
        _ => return None,
    };
    let file = File::read(media_type, data);
    if file.is("image") {
        let address = file.address(file.concrete("image/*", "image/jpeg"));
        return Some(json!({"type": "image_url", "image_url": {"url": address}}));
    }
    if file.media_type != "application/pdf" {
        tracing::warn!(media_type = %file.media_type, "this provider takes no such files; it is not sent");
        return None;
    }
    let mut wire = Body::new();
    wire.set("type", "file_url");
    let (url, otherwise) = match &file.data {
        Data::Url(url) => ((*url).to_owned(), None),
        Data::Base64(data) => (data.to_string(), Some(format!("document-{index}.pdf"))),
    };
    wire.set("file_url", json!({"url": url}));
    let given = filename.clone().filter(|name| !name.is_empty());
    wire.put("file_name", given.or(otherwise).map(Value::from));
    Some(wire.into_value())
}
