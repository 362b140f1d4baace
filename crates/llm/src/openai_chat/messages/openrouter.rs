//! Messages for OpenRouter: parts with cache marks, reasoning with its signatures, media in tool results.

mod details;
mod sorted;

use serde_json::{Value, json};

use self::details::Details;
use super::{Said, Scene, call, options_of, output_text, some_list, text_part, typed_part};
use crate::error::Error;
use crate::json::{Body, present, text_at, truthy};
use crate::media::{Data, File, split_data_address};
use crate::request::{Content, Message, OutputContent, ProviderOptions, ToolOutput};

const NAMESPACE: &str = "openrouter";

/// Formats of sound by the second half of the media type.
const SOUNDS: [(&str, &str); 18] = [
    ("mpeg", "mp3"),
    ("mp3", "mp3"),
    ("x-wav", "wav"),
    ("wave", "wav"),
    ("wav", "wav"),
    ("ogg", "ogg"),
    ("vorbis", "ogg"),
    ("aac", "aac"),
    ("x-aac", "aac"),
    ("m4a", "m4a"),
    ("x-m4a", "m4a"),
    ("mp4", "m4a"),
    ("aiff", "aiff"),
    ("x-aiff", "aiff"),
    ("flac", "flac"),
    ("x-flac", "flac"),
    ("pcm16", "pcm16"),
    ("pcm24", "pcm24"),
];

const PICTURES: [&str; 11] = [
    "jpg", "jpeg", "png", "gif", "webp", "svg", "bmp", "ico", "tif", "tiff", "avif",
];

pub(super) fn write(scene: &Scene<'_>) -> Result<Vec<Value>, Error> {
    let mut messages = Vec::new();
    let mut details = Details::default();
    for message in &scene.request.prompt {
        match message {
            Message::System {
                content,
                provider_options,
            } => {
                messages.push(
                    json!({"role": "system", "content": [marked_text(content, mark(provider_options))]}),
                );
            }
            Message::User {
                content,
                provider_options,
            } => messages.push(user(content, provider_options)?),
            Message::Assistant {
                content,
                provider_options,
            } => {
                messages.push(assistant(content, provider_options, &mut details));
            }
            Message::Tool {
                content,
                provider_options,
            } => {
                for part in content {
                    let Content::ToolResult {
                        tool_call_id,
                        tool_name,
                        output,
                        provider_options: own,
                    } = part
                    else {
                        continue;
                    };
                    let mut wire = Body::new();
                    wire.set("role", "tool");
                    wire.set("tool_call_id", tool_call_id.as_str());
                    wire.set("content", result(output));
                    wire.set("name", tool_name.as_str());
                    wire.put(
                        "cache_control",
                        mark(provider_options).or_else(|| mark(own)).cloned(),
                    );
                    messages.push(wire.into_value());
                }
            }
        }
    }
    Ok(messages)
}

fn mark(options: &ProviderOptions) -> Option<&Value> {
    let own = |namespace: &str, key: &str| present(options.get(namespace).and_then(|own| own.get(key)));
    let marks = [
        (NAMESPACE, "cacheControl"),
        (NAMESPACE, "cache_control"),
        ("anthropic", "cacheControl"),
        ("anthropic", "cache_control"),
    ];
    truthy(marks.iter().find_map(|(namespace, key)| own(namespace, key)))
}

fn marked_text(text: &str, mark: Option<&Value>) -> Value {
    let mut wire = text_part(text);
    wire.put("cache_control", mark.cloned());
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
        let content = match mark(options).or_else(|| mark(provider_options)) {
            Some(mark) => json!([marked_text(text, Some(mark))]),
            None => Value::from(text.as_str()),
        };
        return Ok(json!({"role": "user", "content": content}));
    }
    let last_text = content
        .iter()
        .rposition(|part| matches!(part, Content::Text { .. }));
    let mut parts = Vec::with_capacity(content.len());
    for (index, part) in content.iter().enumerate() {
        let own = mark(options_of(part));
        match part {
            Content::Text { text, .. } => {
                let mark = own.or_else(|| mark(options).filter(|_| Some(index) == last_text));
                parts.push(marked_text(text, mark));
            }
            Content::File {
                media_type,
                data,
                filename,
                provider_options,
            } => {
                let name = provider_options
                    .get(NAMESPACE)
                    .and_then(|own| own.get("filename"))
                    .and_then(Value::as_str);
                let mut wire = file(media_type, data, name.or(filename.as_deref()))?;
                // Parity: other files at an address carry no mark (§4.2).
                let is_linked = wire
                    .get("file")
                    .and_then(|file| text_at(file, "file_data"))
                    .is_some_and(|address| address.starts_with("http:") || address.starts_with("https:"));
                wire.put("cache_control", own.filter(|_| !is_linked).cloned());
                parts.push(wire.into_value());
            }
            _ => {}
        }
    }
    Ok(json!({"role": "user", "content": parts}))
}

fn file(media_type: &str, data: &str, name: Option<&str>) -> Result<Body, Error> {
    let file = File::read(media_type, data);
    // The type beside a `data:` address does not count, the address goes out as it came.
    let address = if data.starts_with("data:") {
        data.to_owned()
    } else {
        file.address(&file.media_type)
    };
    if media_type.starts_with("image/") {
        return Ok(typed_part("image_url", "image_url", json!({"url": address})));
    }
    if media_type.starts_with("video/") {
        return Ok(typed_part("video_url", "video_url", json!({"url": address})));
    }
    if let Some(kind) = media_type.strip_prefix("audio/") {
        let (Data::Base64(data), Some(format)) = (&file.data, sound_format(kind)) else {
            let message = format!("this provider takes no sound of type {media_type}, or not by its address");
            return Err(Error::Unsupported { message });
        };
        return Ok(typed_part(
            "input_audio",
            "input_audio",
            json!({"data": data, "format": format}),
        ));
    }
    Ok(typed_part(
        "file",
        "file",
        json!({"filename": name.unwrap_or_default(), "file_data": address}),
    ))
}

fn sound_format(kind: &str) -> Option<&'static str> {
    SOUNDS
        .iter()
        .find(|(name, _)| *name == kind)
        .map(|(_, format)| *format)
}

fn assistant(content: &[Content], options: &ProviderOptions, details: &mut Details) -> Value {
    let said = Said::gather(content);
    let calls = content
        .iter()
        .filter_map(|part| call(part, sorted::stringify).map(Body::into_value))
        .collect();
    let reasoning_details = details.of_message(content, options);
    let signed = reasoning_details
        .as_ref()
        .is_some_and(|details| !details.is_empty());
    let mut wire = Body::new();
    wire.set("role", "assistant");
    wire.set("content", said.text);
    wire.put("tool_calls", some_list(calls));
    // Reasoning without its details is refused by the models that sign it.
    wire.put(
        "reasoning",
        Some(said.reasoning)
            .filter(|text| signed && !text.is_empty())
            .map(Value::from),
    );
    wire.put("reasoning_details", reasoning_details.map(Value::Array));
    let annotations = present(options.get(NAMESPACE).and_then(|own| own.get("annotations")));
    wire.put("annotations", annotations.cloned());
    wire.put("cache_control", mark(options).cloned());
    wire.into_value()
}

fn result(output: &ToolOutput) -> Value {
    match output {
        ToolOutput::Content(parts) => parts.iter().map(output_part).collect(),
        other => Value::from(output_text(other)),
    }
}

fn output_part(part: &OutputContent) -> Value {
    let picture = |url: String| json!({"type": "image_url", "image_url": {"url": url}});
    let address = |media_type: &str, data: &str| {
        if data.starts_with("data:") {
            data.to_owned()
        } else {
            File::read(media_type, data).address(media_type)
        }
    };
    match part {
        OutputContent::Text { text } => json!({"type": "text", "text": text}),
        OutputContent::ImageData { media_type, data } => picture(address(media_type, data)),
        OutputContent::ImageUrl { url } => picture(url.clone()),
        OutputContent::Media { media_type, data } => {
            output_file(media_type, &address(media_type, data), None)
        }
        OutputContent::FileData {
            media_type,
            data,
            filename,
        } => output_file(media_type, &address(media_type, data), filename.as_deref()),
        OutputContent::FileUrl { url } => {
            let name = file_name(url);
            let extension = name.rsplit('.').next().unwrap_or_default().to_lowercase();
            if PICTURES.contains(&extension.as_str()) {
                return picture(url.clone());
            }
            let name = if name.contains('.') { name } else { String::new() };
            json!({"type": "file", "file": {"filename": name, "file_data": url}})
        }
    }
}

fn output_file(media_type: &str, address: &str, name: Option<&str>) -> Value {
    if media_type.starts_with("image/") {
        return json!({"type": "image_url", "image_url": {"url": address}});
    }
    if media_type.starts_with("video/") {
        return json!({"type": "video_url", "video_url": {"url": address}});
    }
    if let Some(format) = media_type.strip_prefix("audio/").and_then(sound_format) {
        let (_, data) = split_data_address(address, media_type);
        return json!({"type": "input_audio", "input_audio": {"data": data, "format": format}});
    }
    json!({"type": "file", "file": {"filename": name.unwrap_or_default(), "file_data": address}})
}

/// The last step of an address.
fn file_name(url: &str) -> String {
    url::Url::parse(url)
        .ok()
        .and_then(|url| {
            url.path_segments()
                .and_then(|mut steps| steps.next_back().map(str::to_owned))
        })
        .unwrap_or_default()
}
