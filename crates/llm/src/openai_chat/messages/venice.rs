//! Messages for Venice: media of tool results go into a message of the user, models that want parts get them.

use serde_json::{Value, json};

use super::{Said, Scene, call, content_text, options_of, output_text, some_list, text_part, typed_part};
use crate::error::Error;
use crate::json::{Body, stringify};
use crate::media::{Data, File};
use crate::request::{Content, Message, Object, OutputContent, ProviderOptions, ToolOutput};

/// More parts than this are not gathered from the results of one message.
const MOST_MEDIA_PARTS: usize = 20;

const VIDEOS: [&str; 4] = ["video/mp4", "video/mpeg", "video/mov", "video/webm"];

const SOUNDS: [(&str, &str); 9] = [
    ("audio/wav", "wav"),
    ("audio/mpeg", "mp3"),
    ("audio/mp3", "mp3"),
    ("audio/aiff", "aiff"),
    ("audio/aac", "aac"),
    ("audio/ogg", "ogg"),
    ("audio/flac", "flac"),
    ("audio/m4a", "m4a"),
    ("audio/pcm", "pcm16"),
];

pub(super) fn write(scene: &Scene<'_>) -> Result<Vec<Value>, Error> {
    let parts_wanted = scene.model_id.to_lowercase().contains("claude");
    let mut messages = Vec::new();
    for message in &scene.request.prompt {
        match message {
            Message::System {
                content,
                provider_options,
            } => {
                let content = text(content, &fields(provider_options), parts_wanted);
                messages.push(json!({"role": "system", "content": content}));
            }
            Message::User {
                content,
                provider_options,
            } => {
                let content = match content.as_slice() {
                    [
                        Content::Text {
                            text: words,
                            provider_options,
                        },
                    ] => text(words, &fields(provider_options), parts_wanted),
                    parts => user_parts(parts)?,
                };
                messages.push(with_fields("user", content, provider_options).into_value());
            }
            Message::Assistant {
                content,
                provider_options,
            } => {
                messages.extend(assistant(content, provider_options, parts_wanted));
            }
            Message::Tool {
                content,
                provider_options,
            } => {
                results(content, provider_options, parts_wanted, &mut messages)?;
            }
        }
    }
    Ok(messages)
}

/// Fields that a message or part brings along.
fn fields(options: &ProviderOptions) -> Object {
    let mut fields = Object::new();
    for namespace in ["openaiCompatible", "venice"] {
        if let Some(own) = options.get(namespace) {
            fields.extend(own.clone());
        }
    }
    fields
}

fn with_fields(role: &str, content: Value, options: &ProviderOptions) -> Body {
    let mut wire = Body::new();
    wire.set("role", role);
    wire.set("content", content);
    wire.spread(&fields(options));
    wire
}

fn text(words: &str, fields: &Object, parts_wanted: bool) -> Value {
    if !parts_wanted && fields.is_empty() {
        return Value::from(words);
    }
    let mut part = text_part(words);
    part.spread(fields);
    Value::Array(vec![part.into_value()])
}

fn user_parts(content: &[Content]) -> Result<Value, Error> {
    let mut parts = Vec::with_capacity(content.len());
    for part in content {
        let mut wire = match part {
            Content::Text { text, .. } => text_part(text),
            Content::File { media_type, data, .. } => media(media_type, data)?,
            _ => continue,
        };
        wire.spread(&fields(options_of(part)));
        parts.push(wire.into_value());
    }
    Ok(Value::Array(parts))
}

fn media(media_type: &str, data: &str) -> Result<Body, Error> {
    let file = File::read(media_type, data);
    let unsupported = || Error::Unsupported {
        message: format!("this provider takes no files of type {}", file.media_type),
    };
    if file.is("image") {
        let url = file.address(file.concrete("image/*", "image/jpeg"));
        return Ok(typed_part("image_url", "image_url", json!({"url": url})));
    }
    if file.is("video") {
        let kind = file.concrete("video/*", "video/mp4").to_lowercase();
        if !VIDEOS.contains(&kind.as_str()) {
            return Err(unsupported());
        }
        return Ok(typed_part(
            "video_url",
            "video_url",
            json!({"url": file.address(&kind)}),
        ));
    }
    if file.is("audio") {
        let Data::Base64(data) = &file.data else {
            return Err(unsupported());
        };
        let kind = file.media_type.to_lowercase();
        let format = SOUNDS
            .iter()
            .find(|(name, _)| *name == kind)
            .map_or("wav", |(_, format)| format);
        return Ok(typed_part(
            "input_audio",
            "input_audio",
            json!({"data": data, "format": format}),
        ));
    }
    if file.is("text") {
        let words = match &file.data {
            Data::Url(url) => (*url).to_owned(),
            Data::Base64(data) => crate::media::decode_text(data)?,
        };
        return Ok(text_part(&words));
    }
    Err(unsupported())
}

fn assistant(content: &[Content], options: &ProviderOptions, parts_wanted: bool) -> Option<Value> {
    let mut said = Said::gather(content);
    let calls: Vec<Value> = content
        .iter()
        .filter_map(|part| call(part, stringify).map(Body::into_value))
        .collect();
    if said.text.is_empty() {
        if calls.is_empty() {
            return None;
        }
        // The provider refuses an empty text.
        "\n".clone_into(&mut said.text);
    }
    let mut gathered = Object::new();
    for part in content {
        gathered.extend(fields(options_of(part)));
    }
    let mut wire = Body::new();
    wire.set("role", "assistant");
    wire.put("tool_calls", some_list(calls));
    wire.put(
        "reasoning_content",
        Some(said.reasoning)
            .filter(|reasoning| !reasoning.is_empty())
            .map(Value::from),
    );
    wire.set("content", text(&said.text, &gathered, parts_wanted));
    wire.spread(&fields(options));
    Some(wire.into_value())
}

fn results(
    content: &[Content],
    options: &ProviderOptions,
    parts_wanted: bool,
    messages: &mut Vec<Value>,
) -> Result<(), Error> {
    let mut shown = Vec::new();
    for part in content {
        let Content::ToolResult {
            tool_call_id,
            output,
            provider_options,
            ..
        } = part
        else {
            continue;
        };
        let mut answer = None;
        if let ToolOutput::Content(pieces) = output
            && shown.len() < MOST_MEDIA_PARTS
        {
            answer = show_media(tool_call_id, pieces, &fields(provider_options), &mut shown)?;
        }
        let content = match (answer, output) {
            (Some(words), _) => Value::from(words),
            (None, ToolOutput::Content(pieces)) => {
                text(&content_text(pieces), &fields(provider_options), parts_wanted)
            }
            (None, other) => text(&output_text(other), &fields(provider_options), parts_wanted),
        };
        let mut wire = Body::new();
        wire.set("role", "tool");
        wire.set("tool_call_id", tool_call_id.as_str());
        wire.set("content", content);
        wire.spread(&fields(options));
        messages.push(wire.into_value());
    }
    if !shown.is_empty() {
        messages.push(with_fields("user", Value::Array(shown), options).into_value());
    }
    Ok(())
}

/// Puts the media of a result among the parts to be shown; gives back the words that stay in the result.
fn show_media(
    id: &str,
    pieces: &[OutputContent],
    fields: &Object,
    shown: &mut Vec<Value>,
) -> Result<Option<String>, Error> {
    let mut media_parts = Vec::new();
    let mut words = Vec::new();
    for piece in pieces {
        match piece {
            OutputContent::Text { text } => words.push(text.as_str()),
            OutputContent::ImageData { media_type, data }
            | OutputContent::FileData { media_type, data, .. }
            | OutputContent::Media { media_type, data } => media_parts.push(media(media_type, data)?),
            OutputContent::ImageUrl { url } => media_parts.push(media("image/*", url)?),
            OutputContent::FileUrl { url } => media_parts.push(media("video/*", url)?),
        }
    }
    let Some(mut last) = media_parts.pop() else {
        return Ok(None);
    };
    let words = words.join("\n");
    // The mark ties the media to the call; models have learned its form.
    let heading = format!("[Tool Result: {id}]");
    let caption = if words.is_empty() {
        heading
    } else {
        format!("{heading}\n{words}")
    };
    shown.push(text_part(&caption).into_value());
    shown.extend(media_parts.into_iter().map(Body::into_value));
    last.spread(fields);
    shown.push(last.into_value());
    Ok(Some(if words.is_empty() { "\n".to_owned() } else { words }))
}
