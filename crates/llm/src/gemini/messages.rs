//! From the conversation to `contents` and `systemInstruction`.
//!
//! Neighbouring messages of one side stay apart. Calls and results carry no ids: the provider matches them
//! by their order (reference `providers.md` §4.4).

use serde_json::{Value, json};

use super::Dialect;
use super::encode::own_text;
use crate::error::Error;
use crate::json::{Body, stringify};
use crate::media::{Data, File};
use crate::request::{Content, Message, Object, OutputContent, ProviderOptions, ToolOutput};

/// What stands in a result that has no words.
const NO_WORDS: &str = "The tool has run; see what it returned.";
/// Follows a picture that cannot stand in the result itself.
const PICTURE: &str = "The tool returned this picture.";

/// What a model can take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abilities {
    /// Instructions of their own; else they go before the user's first words.
    pub(super) takes_system: bool,
    /// Media inside of results.
    pub(super) media_in_results: bool,
}

/// What the conversation became.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) system: Option<Value>,
    pub(super) contents: Vec<Value>,
}

struct Turn {
    role: &'static str,
    parts: Vec<Value>,
}

/// Converts a conversation.
pub(super) fn convert(
    prompt: &[Message],
    dialect: &Dialect,
    abilities: Abilities,
) -> Result<Conversation, Error> {
    let mut system: Vec<&str> = Vec::new();
    let mut turns: Vec<Turn> = Vec::new();
    for message in prompt {
        let (role, parts) = match message {
            Message::System { .. } if !turns.is_empty() => {
                return Err(Error::Unsupported {
                    message: "this provider takes instructions only at the head of a conversation".to_owned(),
                });
            }
            Message::System { content, .. } => {
                system.push(content);
                continue;
            }
            Message::User { content, .. } => ("user", content.iter().filter_map(user_part).collect()),
            Message::Assistant { content, .. } => ("model", model_parts(content, dialect)?),
            Message::Tool { content, .. } => ("user", results(content, dialect, abilities, turns.last_mut())),
        };
        // The provider refuses a turn without parts.
        if !parts.is_empty() {
            turns.push(Turn { role, parts });
        }
    }
    if !abilities.takes_system
        && !system.is_empty()
        && let Some(first) = turns.first_mut().filter(|turn| turn.role == "user")
    {
        let words = format!("{}\n\n", system.join("\n\n"));
        first.parts.insert(0, json!({"text": words}));
        system.clear();
    }
    let instructions: Vec<Value> = system.iter().map(|text| json!({"text": text})).collect();
    Ok(Conversation {
        system: (abilities.takes_system && !instructions.is_empty()).then(|| json!({"parts": instructions})),
        contents: turns
            .into_iter()
            .map(|turn| json!({"role": turn.role, "parts": turn.parts}))
            .collect(),
    })
}

fn user_part(part: &Content) -> Option<Value> {
    match part {
        Content::Text { text, .. } => Some(json!({"text": text})),
        Content::File { media_type, data, .. } => Some(file_part(media_type, data)),
        _ => {
            tracing::warn!("a part that only a model can say is not sent in a user message");
            None
        }
    }
}

fn file_part(media_type: &str, data: &str) -> Value {
    if data.starts_with("gs://") {
        return json!({"fileData": {"mimeType": media_type, "fileUri": data}});
    }
    let file = File::read(media_type, data);
    let kind = file.concrete("image/*", "image/jpeg");
    match &file.data {
        Data::Url(url) => json!({"fileData": {"mimeType": kind, "fileUri": url}}),
        Data::Base64(data) => json!({"inlineData": {"mimeType": kind, "data": data}}),
    }
}

/// What either of the two services left with a part.
fn own<'a>(options: &'a ProviderOptions, dialect: &Dialect) -> Option<&'a Object> {
    dialect.namespaces.iter().find_map(|name| options.get(*name))
}

/// A tool that the provider ran itself: the kind of the tool and the id of the call.
fn server_call(own: Option<&Object>) -> Option<(String, String)> {
    let text = |key| own_text(own, key).filter(|text| !text.is_empty());
    Some((text("serverToolType")?, text("serverToolCallId")?))
}

fn signed(mut part: Body, own: Option<&Object>) -> Value {
    part.put(
        "thoughtSignature",
        own_text(own, "thoughtSignature").map(Value::from),
    );
    part.into_value()
}

fn model_parts(content: &[Content], dialect: &Dialect) -> Result<Vec<Value>, Error> {
    let mut parts = Vec::new();
    for part in content {
        let mut wire = Body::new();
        let options = match part {
            Content::Text {
                text,
                provider_options,
            }
            | Content::Reasoning {
                text,
                provider_options,
            } => {
                if text.is_empty() {
                    continue;
                }
                wire.set("text", text.as_str());
                let thought = matches!(part, Content::Reasoning { .. });
                wire.put("thought", thought.then_some(Value::Bool(true)));
                provider_options
            }
            Content::File {
                media_type,
                data,
                provider_options,
                ..
            } => {
                let file = File::read(media_type, data);
                let Data::Base64(data) = &file.data else {
                    return Err(Error::Unsupported {
                        message: "this provider takes no addresses of files in answers of the model"
                            .to_owned(),
                    });
                };
                wire.set("inlineData", json!({"mimeType": &*file.media_type, "data": data}));
                let thought = own(provider_options, dialect).and_then(|own| own.get("thought"));
                wire.put(
                    "thought",
                    thought.filter(|thought| **thought == Value::Bool(true)).cloned(),
                );
                provider_options
            }
            Content::ToolCall {
                tool_name,
                input,
                provider_options,
                ..
            } => {
                match server_call(own(provider_options, dialect)) {
                    Some((kind, id)) => {
                        wire.set(
                            "toolCall",
                            json!({"toolType": kind, "args": parsed(input), "id": id}),
                        );
                    }
                    None => wire.set("functionCall", json!({"name": tool_name, "args": input})),
                }
                provider_options
            }
            Content::ToolResult {
                output,
                provider_options,
                ..
            } => {
                let Some(response) = server_response(output, own(provider_options, dialect)) else {
                    continue;
                };
                wire.set("toolResponse", response);
                provider_options
            }
        };
        parts.push(signed(wire, own(options, dialect)));
    }
    Ok(parts)
}

/// Arguments that were kept as text.
fn parsed(input: &Value) -> Value {
    match input {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| input.clone()),
        other => other.clone(),
    }
}

fn server_response(output: &ToolOutput, own: Option<&Object>) -> Option<Value> {
    let (kind, id) = server_call(own)?;
    let response = match output {
        ToolOutput::Json(value) => value.clone(),
        _ => json!({}),
    };
    Some(json!({"toolType": kind, "response": response, "id": id}))
}

fn results(
    content: &[Content],
    dialect: &Dialect,
    abilities: Abilities,
    mut before: Option<&mut Turn>,
) -> Vec<Value> {
    let mut parts = Vec::new();
    for part in content {
        let Content::ToolResult {
            tool_name,
            output,
            provider_options,
            ..
        } = part
        else {
            continue;
        };
        let own = own(provider_options, dialect);
        if let Some(turn) = before.as_deref_mut().filter(|turn| turn.role == "model")
            && let Some(response) = server_response(output, own)
        {
            let mut wire = Body::new();
            wire.set("toolResponse", response);
            turn.parts.push(signed(wire, own));
            continue;
        }
        match output {
            ToolOutput::Text(text) | ToolOutput::ErrorText(text) => {
                parts.push(response(tool_name, &text.as_str().into(), Vec::new()));
            }
            ToolOutput::Json(value) | ToolOutput::ErrorJson(value) => {
                parts.push(response(tool_name, value, Vec::new()));
            }
            ToolOutput::Content(pieces) if abilities.media_in_results => {
                parts.push(response_with_media(tool_name, pieces));
            }
            ToolOutput::Content(pieces) => spread_out(tool_name, pieces, &mut parts),
        }
    }
    parts
}

fn response(name: &str, content: &Value, media: Vec<Value>) -> Value {
    let mut wire = Body::new();
    wire.set("name", name);
    wire.set("response", json!({"name": name, "content": content}));
    if !media.is_empty() {
        wire.set("parts", media);
    }
    json!({"functionResponse": wire.into_value()})
}

fn inline(media_type: &str, data: &str) -> Value {
    json!({"inlineData": {"mimeType": media_type, "data": data}})
}

fn as_text(piece: &OutputContent) -> String {
    serde_json::to_value(piece)
        .map(|value| stringify(&value))
        .unwrap_or_default()
}

fn response_with_media(name: &str, pieces: &[OutputContent]) -> Value {
    let (mut words, mut media) = (Vec::new(), Vec::new());
    for piece in pieces {
        match piece {
            OutputContent::Text { text } => words.push(text.clone()),
            OutputContent::ImageData { media_type, data }
            | OutputContent::FileData { media_type, data, .. }
            | OutputContent::Media { media_type, data } => media.push(inline(media_type, data)),
            OutputContent::ImageUrl { url } | OutputContent::FileUrl { url } => {
                let file = File::read("application/octet-stream", url);
                match &file.data {
                    Data::Base64(data) if url.starts_with("data:") => {
                        media.push(inline(&file.media_type, data));
                    }
                    _ => words.push(as_text(piece)),
                }
            }
        }
    }
    let content = if words.is_empty() {
        NO_WORDS.to_owned()
    } else {
        words.join("\n")
    };
    response(name, &content.into(), media)
}

/// Models that take no media in results get them beside the results.
fn spread_out(name: &str, pieces: &[OutputContent], parts: &mut Vec<Value>) {
    for piece in pieces {
        match piece {
            OutputContent::Text { text } => parts.push(response(name, &text.as_str().into(), Vec::new())),
            OutputContent::ImageData { media_type, data } => {
                parts.push(inline(media_type, data));
                parts.push(json!({"text": PICTURE}));
            }
            OutputContent::Media { media_type, data } if media_type.starts_with("image/") => {
                parts.push(inline(media_type, data));
                parts.push(json!({"text": PICTURE}));
            }
            other => parts.push(json!({"text": as_text(other)})),
        }
    }
}
