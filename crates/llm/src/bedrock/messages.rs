//! From the conversation to `system` and `messages`.
//!
//! Neighbouring messages of one side become one message; results of tools are the user's side. A cache point
//! is a block of its own behind what it ends (reference `providers.md` §4.5).

use serde_json::{Value, json};

use super::NAMESPACE;
use super::model::call_id;
use crate::error::Error;
use crate::json::{Body, stringify, truthy};
use crate::media::{Data, File};
use crate::request::{Content, Message, OutputContent, ProviderOptions, Side, ToolOutput, sides};

const IMAGES: [(&str, &str); 4] = [
    ("image/jpeg", "jpeg"),
    ("image/png", "png"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
];
const DOCUMENTS: [(&str, &str); 9] = [
    ("application/pdf", "pdf"),
    ("text/csv", "csv"),
    ("application/msword", "doc"),
    (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "docx",
    ),
    ("application/vnd.ms-excel", "xls"),
    (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xlsx",
    ),
    ("text/html", "html"),
    ("text/plain", "txt"),
    ("text/markdown", "md"),
];

/// What the conversation became.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) system: Vec<Value>,
    pub(super) messages: Vec<Value>,
}

struct Converter {
    mistral: bool,
    /// Documents without a name so far.
    nameless: usize,
}

/// Converts a conversation.
pub(super) fn convert(prompt: &[Message], mistral: bool) -> Result<Conversation, Error> {
    let mut converter = Converter { mistral, nameless: 0 };
    let mut conversation = Conversation::default();
    let mut last: Option<(Side, Vec<Value>)> = None;
    let mut groups = sides(prompt).peekable();
    while let Some((side, group)) = groups.next() {
        let blocks = match side {
            Side::System if last.is_some() => {
                return Err(Error::Unsupported {
                    message: "this provider takes instructions only at the head of a conversation".to_owned(),
                });
            }
            Side::System => {
                conversation.system.extend(group.iter().flat_map(system));
                continue;
            }
            Side::User => converter.user(group)?,
            Side::Assistant => {
                let blocks = converter.assistant(group, groups.peek().is_none());
                // Nothing but cache points is nothing.
                if blocks.iter().all(|block| block.get("cachePoint").is_some()) {
                    continue;
                }
                blocks
            }
        };
        match &mut last {
            Some((before, known)) if *before == side => known.extend(blocks),
            _ => {
                conversation.messages.extend(last.take().map(message));
                last = Some((side, blocks));
            }
        }
    }
    conversation.messages.extend(last.map(message));
    Ok(conversation)
}

fn message((side, blocks): (Side, Vec<Value>)) -> Value {
    let role = if side == Side::Assistant {
        "assistant"
    } else {
        "user"
    };
    json!({"role": role, "content": blocks})
}

fn system(message: &Message) -> Vec<Value> {
    let Message::System {
        content,
        provider_options,
    } = message
    else {
        return Vec::new();
    };
    let text = json!({"text": content});
    std::iter::once(text)
        .chain(cache_point(provider_options))
        .collect()
}

fn cache_point(options: &ProviderOptions) -> Option<Value> {
    let point = truthy(options.get(NAMESPACE)?.get("cachePoint"))?;
    Some(json!({"cachePoint": point}))
}

fn unsupported(what: &str, media_type: &str) -> Error {
    Error::Unsupported {
        message: format!("this provider takes no {what} of type {media_type}"),
    }
}

fn image(media_type: &str, source: &Value) -> Result<Value, Error> {
    // A kind without a type is most likely a photograph.
    let media_type = if media_type == "image/*" {
        "image/jpeg"
    } else {
        media_type
    };
    let format = IMAGES.iter().find(|(name, _)| *name == media_type);
    let (_, format) = format.ok_or_else(|| unsupported("pictures", media_type))?;
    Ok(json!({"image": {"format": format, "source": source}}))
}

fn bucket_image(url: &str) -> Result<Value, Error> {
    let end = url.rsplit('.').next().unwrap_or_default().to_lowercase();
    let kind = if end == "jpg" { "jpeg" } else { &end };
    image(&format!("image/{kind}"), &json!({"s3Location": {"uri": url}}))
}

fn wants_citations(options: &ProviderOptions) -> bool {
    let own = options.get(NAMESPACE);
    let citations = own.and_then(|own| own.get("citations"));
    truthy(citations.and_then(|citations| citations.get("enabled"))).is_some()
}

impl Converter {
    fn user(&mut self, group: &[Message]) -> Result<Vec<Value>, Error> {
        let mut blocks = Vec::new();
        for message in group {
            let (Message::User {
                content,
                provider_options,
            }
            | Message::Tool {
                content,
                provider_options,
            }) = message
            else {
                continue;
            };
            for part in content {
                let options = match part {
                    Content::Text {
                        text,
                        provider_options,
                    } => {
                        blocks.push(json!({"text": text}));
                        provider_options
                    }
                    Content::File {
                        media_type,
                        data,
                        filename,
                        provider_options,
                    } => {
                        let citations = wants_citations(provider_options);
                        blocks.push(self.file(media_type, data, filename.as_deref(), citations)?);
                        provider_options
                    }
                    Content::ToolResult {
                        tool_call_id,
                        output,
                        provider_options,
                        ..
                    } => {
                        let id = call_id(tool_call_id, self.mistral);
                        let content = self.output(output)?;
                        blocks.push(json!({"toolResult": {"toolUseId": id, "content": content}}));
                        provider_options
                    }
                    Content::Reasoning { .. } | Content::ToolCall { .. } => {
                        tracing::warn!("a part that only a model can say is not sent in a user message");
                        continue;
                    }
                };
                blocks.extend(cache_point(options));
            }
            blocks.extend(cache_point(provider_options));
        }
        Ok(blocks)
    }

    fn file(
        &mut self,
        media_type: &str,
        data: &str,
        filename: Option<&str>,
        citations: bool,
    ) -> Result<Value, Error> {
        if media_type.starts_with("image/") && data.starts_with("s3://") {
            return bucket_image(data);
        }
        let file = File::read(media_type, data);
        let Data::Base64(bytes) = &file.data else {
            return Err(Error::Unsupported {
                message: "this provider takes files, not their addresses".to_owned(),
            });
        };
        if file.is("image") {
            return image(&file.media_type, &json!({"bytes": bytes}));
        }
        let format = DOCUMENTS.iter().find(|(name, _)| *name == file.media_type);
        let (_, format) = format.ok_or_else(|| unsupported("files", &file.media_type))?;
        let mut document = Body::new();
        document.set("format", *format);
        document.set("name", self.document_name(filename));
        document.set("source", json!({"bytes": bytes}));
        document.put("citations", citations.then(|| json!({"enabled": true})));
        Ok(json!({"document": document.into_value()}))
    }

    /// The name without its ending, in the letters that the provider takes.
    fn document_name(&mut self, filename: Option<&str>) -> String {
        let stem = filename.map(|name| name.split('.').next().unwrap_or_default());
        let mut name = String::new();
        for letter in stem.unwrap_or_default().chars() {
            let letter = match letter {
                letter if letter.is_ascii_alphanumeric() || "-()[]".contains(letter) => letter,
                letter if letter.is_whitespace() => ' ',
                _ => '-',
            };
            if !(letter == ' ' && (name.is_empty() || name.ends_with(' '))) {
                name.push(letter);
            }
        }
        if name.trim().is_empty() {
            self.nameless += 1;
            return format!("document-{}", self.nameless);
        }
        name.trim_end().to_owned()
    }

    fn output(&mut self, output: &ToolOutput) -> Result<Vec<Value>, Error> {
        Ok(match output {
            ToolOutput::Text(text) | ToolOutput::ErrorText(text) => vec![json!({"text": text})],
            ToolOutput::Json(value) | ToolOutput::ErrorJson(value) => vec![json!({"text": stringify(value)})],
            ToolOutput::Content(pieces) => {
                let blocks = pieces.iter().map(|piece| self.output_block(piece));
                blocks.collect::<Result<_, _>>()?
            }
        })
    }

    fn output_block(&mut self, piece: &OutputContent) -> Result<Value, Error> {
        match piece {
            OutputContent::Text { text } => Ok(json!({"text": text})),
            OutputContent::ImageData { media_type, data } | OutputContent::Media { media_type, data } => {
                self.file(media_type, data, None, false)
            }
            OutputContent::FileData {
                media_type,
                data,
                filename,
            } => self.file(media_type, data, filename.as_deref(), false),
            OutputContent::ImageUrl { url } => self.file("image/*", url, None, false),
            OutputContent::FileUrl { url } => self.file("application/pdf", url, None, false),
        }
    }

    fn assistant(&self, group: &[Message], last_group: bool) -> Vec<Value> {
        let mut blocks = Vec::new();
        for (number, message) in group.iter().enumerate() {
            let Message::Assistant {
                content,
                provider_options,
            } = message
            else {
                continue;
            };
            let last_message = last_group && number + 1 == group.len();
            let thought = content.iter().any(|part| reasoning(part).is_some());
            for (index, part) in content.iter().enumerate() {
                let last = last_message && index + 1 == content.len();
                let options = match part {
                    Content::Text {
                        text,
                        provider_options,
                    } => {
                        // An empty block is refused, but may hold the place between signed thoughts.
                        if !text.trim().is_empty() || thought {
                            // So is an answer to be continued that ends in white space.
                            blocks.push(json!({"text": if last { text.trim() } else { text }}));
                        }
                        provider_options
                    }
                    Content::Reasoning { provider_options, .. } => {
                        blocks.extend(reasoning(part));
                        provider_options
                    }
                    Content::ToolCall {
                        tool_call_id,
                        tool_name,
                        input,
                        provider_options,
                        ..
                    } => {
                        blocks.push(json!({"toolUse": {
                            "toolUseId": call_id(tool_call_id, self.mistral),
                            "name": tool_name_on_the_wire(tool_name),
                            "input": arguments(input),
                        }}));
                        provider_options
                    }
                    Content::File { provider_options, .. } | Content::ToolResult { provider_options, .. } => {
                        provider_options
                    }
                };
                blocks.extend(cache_point(options));
            }
            blocks.extend(cache_point(provider_options));
        }
        blocks
    }
}

/// Thoughts go back only with what proves them: models that get their own thoughts unsigned repeat them as
/// answers.
fn reasoning(part: &Content) -> Option<Value> {
    let Content::Reasoning {
        text,
        provider_options,
    } = part
    else {
        return None;
    };
    let own = provider_options.get(NAMESPACE)?;
    let proof = |key: &str| own.get(key).and_then(Value::as_str);
    let content = if let Some(signature) = proof("signature") {
        json!({"reasoningText": {"text": text, "signature": signature}})
    } else if let Some(content) = proof("redactedContent") {
        json!({"redactedContent": content})
    } else {
        json!({"redactedReasoning": {"data": proof("redactedData")?}})
    };
    Some(json!({"reasoningContent": content}))
}

/// The name of a tool that the model made up may hold anything.
fn tool_name_on_the_wire(name: &str) -> String {
    let name: String = name
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || "_-".contains(*letter))
        .collect();
    if name.is_empty() { "_".to_owned() } else { name }
}

/// Arguments that are no object are refused, also those that the model itself wrote.
fn arguments(input: &Value) -> Value {
    match input {
        Value::Object(_) => input.clone(),
        other => json!({"rawInvalidInput": other}),
    }
}
