//! Messages, as most providers want them; what is further from that is in the modules below.

mod alibaba;
pub(super) mod copilot;
mod deepseek;
mod mistral;
mod openrouter;
mod perplexity;
mod venice;

use serde_json::{Value, json};

use super::dialect::{Files, MessageStyle, PlainStyle};
use crate::error::Error;
use crate::json::{Body, stringify};
use crate::media::{Data, File, decode_text};
use crate::request::{Content, Message, Object, OutputContent, ProviderOptions, Request, ToolOutput};

/// What messages are written from.
pub(super) struct Scene<'a> {
    pub(super) request: &'a Request,
    pub(super) model_id: &'a str,
    /// The role of instructions; `None` leaves them out.
    pub(super) system_role: Option<&'static str>,
}

/// Writes the messages of a request.
pub(super) fn write(style: &MessageStyle, scene: &Scene<'_>) -> Result<Vec<Value>, Error> {
    match style {
        MessageStyle::Plain(plain) => write_plain(plain, scene),
        MessageStyle::Alibaba => alibaba::write(scene),
        MessageStyle::Copilot => copilot::write(scene),
        MessageStyle::DeepSeek => Ok(deepseek::write(scene)),
        MessageStyle::Mistral => mistral::write(scene),
        MessageStyle::OpenRouter => openrouter::write(scene),
        MessageStyle::Perplexity => perplexity::write(scene),
        MessageStyle::Venice => venice::write(scene),
    }
}

fn write_plain(style: &PlainStyle, scene: &Scene<'_>) -> Result<Vec<Value>, Error> {
    let mut messages = Vec::new();
    for message in &scene.request.prompt {
        match message {
            Message::System {
                content,
                provider_options,
            } => {
                let Some(role) = scene.system_role else { continue };
                let mut wire = message_body(role, content.as_str());
                style.spread(provider_options, &mut wire);
                messages.push(wire.into_value());
            }
            Message::User {
                content,
                provider_options,
            } => {
                messages.push(plain_user(style, content, provider_options)?);
            }
            Message::Assistant {
                content,
                provider_options,
            } => {
                let null = style.null_beside_calls || scene.request.null_beside_calls;
                messages.push(plain_assistant(style, content, provider_options, null));
            }
            Message::Tool { content, .. } => {
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
                    let mut wire = Body::new();
                    wire.set("role", "tool");
                    wire.set("tool_call_id", tool_call_id.as_str());
                    wire.set("content", output_text(output));
                    style.spread(provider_options, &mut wire);
                    messages.push(wire.into_value());
                }
            }
        }
    }
    Ok(messages)
}

impl PlainStyle {
    fn spread(&self, options: &ProviderOptions, wire: &mut Body) {
        if self.spread
            && let Some(fields) = options.get("openaiCompatible")
        {
            wire.spread(fields);
        }
    }
}

fn plain_user(style: &PlainStyle, content: &[Content], options: &ProviderOptions) -> Result<Value, Error> {
    if let [
        Content::Text {
            text,
            provider_options,
        },
    ] = content
    {
        let mut wire = message_body("user", text.as_str());
        // Parity: only the part's own fields, not those of the message (§4.2).
        style.spread(provider_options, &mut wire);
        return Ok(wire.into_value());
    }
    let mut parts = Vec::with_capacity(content.len());
    for (index, part) in content.iter().enumerate() {
        let mut wire = match part {
            Content::Text { text, .. } => text_part(text),
            Content::File {
                media_type,
                data,
                filename,
                provider_options,
            } => {
                let file = File::read(media_type, data);
                plain_file(style.files, &file, filename.as_deref(), provider_options, index)?
            }
            _ => continue,
        };
        style.spread(options_of(part), &mut wire);
        parts.push(wire.into_value());
    }
    let mut wire = message_body("user", parts);
    style.spread(options, &mut wire);
    Ok(wire.into_value())
}

fn plain_assistant(
    style: &PlainStyle,
    content: &[Content],
    options: &ProviderOptions,
    null_beside_calls: bool,
) -> Value {
    let said = Said::gather(content);
    let calls: Vec<Value> = content
        .iter()
        .filter_map(|part| plain_call(style, part))
        .collect();
    let mut wire = Body::new();
    wire.set("role", "assistant");
    let null = null_beside_calls && !calls.is_empty() && said.text.is_empty();
    wire.set("content", if null { Value::Null } else { Value::from(said.text) });
    if let Some(field) = style.reasoning
        && !said.reasoning.is_empty()
    {
        wire.set(field, said.reasoning);
    }
    wire.put("tool_calls", some_list(calls));
    style.spread(options, &mut wire);
    if let Some((from, to)) = style.renamed
        && let Some(value) = wire.get(from).cloned()
    {
        wire.put(from, None);
        if wire.get(to).is_none() {
            wire.set(to, value);
        }
    }
    wire.into_value()
}

fn plain_call(style: &PlainStyle, part: &Content) -> Option<Value> {
    let mut wire = call(part, stringify)?;
    let options = options_of(part);
    style.spread(options, &mut wire);
    if style.spread
        && let Some(signature) = thought_signature(options)
    {
        wire.set(
            "extra_content",
            json!({"google": {"thought_signature": signature}}),
        );
    }
    Some(wire.into_value())
}

/// The signature that Gemini wants back with a call. The decoder leaves it under the provider's name.
fn thought_signature(options: &ProviderOptions) -> Option<&str> {
    let signature = |own: &'_ Object| own.get("thoughtSignature").and_then(Value::as_str).is_some();
    let own = options
        .get("google")
        .filter(|own| signature(own))
        .or_else(|| options.values().find(|own| signature(own)))?;
    own.get("thoughtSignature")
        .and_then(Value::as_str)
        .filter(|signature| !signature.is_empty())
}

fn plain_file(
    files: Files,
    file: &File<'_>,
    filename: Option<&str>,
    options: &ProviderOptions,
    index: usize,
) -> Result<Body, Error> {
    if file.is("image") {
        let mut inner = Body::new();
        inner.set("url", file.address(file.concrete("image/*", "image/jpeg")));
        if files == Files::OpenAi {
            inner.put(
                "detail",
                options
                    .get("openai")
                    .and_then(|own| own.get("imageDetail"))
                    .cloned(),
            );
        }
        return Ok(typed_part("image_url", "image_url", inner.into_value()));
    }
    let unsupported = || Error::Unsupported {
        message: format!("this provider takes no files of type {}", file.media_type),
    };
    if files == Files::Images {
        return Err(unsupported());
    }
    let is_audio = file.is("audio");
    let is_pdf = file.media_type == "application/pdf";
    match &file.data {
        Data::Base64(data) if is_audio => {
            let format = match &*file.media_type {
                "audio/wav" => "wav",
                "audio/mp3" | "audio/mpeg" => "mp3",
                _ => return Err(unsupported()),
            };
            Ok(typed_part(
                "input_audio",
                "input_audio",
                json!({"data": data, "format": format}),
            ))
        }
        Data::Base64(data) if is_pdf && files == Files::OpenAi && data.starts_with("file-") => {
            Ok(typed_part("file", "file", json!({"file_id": data})))
        }
        Data::Base64(_) if is_pdf => {
            let fallback = if files == Files::OpenAi {
                format!("part-{index}.pdf")
            } else {
                "document.pdf".to_owned()
            };
            let name = filename.map_or(fallback, str::to_owned);
            Ok(typed_part(
                "file",
                "file",
                json!({"filename": name, "file_data": file.address("application/pdf")}),
            ))
        }
        Data::Base64(data) if file.is("text") && files == Files::Common => Ok(text_part(&decode_text(data)?)),
        Data::Url(url) if file.is("text") && files == Files::Common => Ok(text_part(url)),
        Data::Url(_) if is_audio || is_pdf => Err(Error::Unsupported {
            message: format!(
                "this provider takes files of type {} only by their content",
                file.media_type
            ),
        }),
        _ => Err(unsupported()),
    }
}

/// What an assistant message says, joined.
struct Said {
    text: String,
    reasoning: String,
}

impl Said {
    fn gather(content: &[Content]) -> Self {
        let mut said = Self {
            text: String::new(),
            reasoning: String::new(),
        };
        for part in content {
            match part {
                Content::Text { text, .. } => said.text.push_str(text),
                Content::Reasoning { text, .. } => said.reasoning.push_str(text),
                _ => {}
            }
        }
        said
    }
}

/// A tool call with its arguments as text.
fn call(part: &Content, arguments: impl Fn(&Value) -> String) -> Option<Body> {
    let Content::ToolCall {
        tool_call_id,
        tool_name,
        input,
        ..
    } = part
    else {
        return None;
    };
    let mut wire = Body::new();
    wire.set("id", tool_call_id.as_str());
    wire.set("type", "function");
    wire.set(
        "function",
        json!({"name": tool_name, "arguments": arguments(input)}),
    );
    Some(wire)
}

/// A tool's result as one text.
fn output_text(output: &ToolOutput) -> String {
    match output {
        ToolOutput::Text(text) | ToolOutput::ErrorText(text) => text.clone(),
        ToolOutput::Json(value) | ToolOutput::ErrorJson(value) => stringify(value),
        ToolOutput::Content(parts) => content_text(parts),
    }
}

/// Words and media as JSON in a text, for providers that take nothing else.
fn content_text(parts: &[OutputContent]) -> String {
    // The types hold nothing that JSON has no form for.
    serde_json::to_string(parts).unwrap_or_default()
}

fn options_of(part: &Content) -> &ProviderOptions {
    match part {
        Content::Text { provider_options, .. }
        | Content::Reasoning { provider_options, .. }
        | Content::File { provider_options, .. }
        | Content::ToolCall { provider_options, .. }
        | Content::ToolResult { provider_options, .. } => provider_options,
    }
}

fn message_body(role: &str, content: impl Into<Value>) -> Body {
    let mut wire = Body::new();
    wire.set("role", role);
    wire.set("content", content);
    wire
}

fn text_part(text: &str) -> Body {
    typed_part("text", "text", Value::from(text))
}

fn typed_part(kind: &str, field: &str, value: Value) -> Body {
    let mut wire = Body::new();
    wire.set("type", kind);
    wire.set(field, value);
    wire
}

fn some_list(list: Vec<Value>) -> Option<Value> {
    if list.is_empty() {
        None
    } else {
        Some(Value::Array(list))
    }
}
