//! From the conversation to `system` and `messages`.
//!
//! Neighbouring messages of one side become one message; results of tools are the user's side. Cache marks
//! of a message go to its last block (reference `providers.md` §4.1).

use std::collections::HashSet;

use serde_json::{Value, json};

use super::cache::Marks;
use super::history;
use super::options::NAMESPACE;
use crate::error::Error;
use crate::json::{Body, present, stringify, truthy};
use crate::media::{Data, File, decode_text};
use crate::request::{Content, Message, Object, OutputContent, ProviderOptions, Side, ToolOutput, sides};

const PDF: &str = "application/pdf";
const PDF_BETA: &str = "pdfs-2024-09-25";

/// Names of preview features that a request needs, in the order of their first mention.
#[derive(Debug, Default)]
pub(super) struct Betas(Vec<String>);

impl Betas {
    pub(super) fn add(&mut self, name: &str) {
        if !self.0.iter().any(|known| known == name) {
            self.0.push(name.to_owned());
        }
    }

    /// The header's value, if there is anything to say.
    pub(super) fn header(&self) -> Option<String> {
        if self.0.is_empty() {
            None
        } else {
            Some(self.0.join(","))
        }
    }
}

/// What the conversation became.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    /// The system blocks at the head.
    pub(super) system: Option<Vec<Value>>,
    /// The messages.
    pub(super) messages: Vec<Value>,
}

/// Converts a conversation.
pub(super) struct Converter<'a> {
    pub(super) send_reasoning: bool,
    pub(super) marks: &'a mut Marks,
    pub(super) betas: &'a mut Betas,
}

impl Converter<'_> {
    /// Converts.
    pub(super) fn convert(&mut self, prompt: &[Message]) -> Result<Conversation, Error> {
        let mut conversation = Conversation::default();
        let mut groups = sides(prompt).peekable();
        while let Some((side, group)) = groups.next() {
            match side {
                Side::System => self.system(group, &mut conversation),
                Side::User => {
                    let content = self.user(group)?;
                    conversation
                        .messages
                        .push(json!({"role": "user", "content": content}));
                }
                Side::Assistant => {
                    let content = self.assistant(group, groups.peek().is_none());
                    conversation
                        .messages
                        .push(json!({"role": "assistant", "content": content}));
                }
            }
        }
        Ok(conversation)
    }

    fn system(&mut self, group: &[Message], conversation: &mut Conversation) {
        let mut blocks = Vec::new();
        for message in group {
            if let Message::System {
                content,
                provider_options,
            } = message
            {
                let mut block = Body::new();
                block.set("type", "text");
                block.set("text", content.as_str());
                block.put("cache_control", self.marks.take(provider_options));
                blocks.push(block.into_value());
            }
        }
        if conversation.system.is_none() {
            conversation.system = Some(blocks);
        } else {
            conversation
                .messages
                .push(json!({"role": "system", "content": blocks}));
            self.betas.add("mid-conversation-system-2026-04-07");
        }
    }

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
            for (index, part) in content.iter().enumerate() {
                let last = index + 1 == content.len();
                let mark = self.mark(options_of(part), provider_options, last);
                match part {
                    Content::Text { text, .. } => blocks.push(text_block(text, None, mark)),
                    Content::File {
                        media_type,
                        data,
                        filename,
                        provider_options,
                    } => {
                        let file = File::read(media_type, data);
                        blocks.push(self.file(&file, filename.as_deref(), provider_options, mark)?);
                    }
                    Content::ToolResult {
                        tool_call_id, output, ..
                    } => {
                        blocks.push(self.tool_result(tool_call_id, output, mark));
                    }
                    Content::Reasoning { .. } | Content::ToolCall { .. } => {
                        tracing::warn!("a part that only a model can say is not sent in a user message");
                    }
                }
            }
        }
        Ok(blocks)
    }

    /// The mark of a part; the last part of a message also gets that of the message.
    fn mark(&mut self, part: &ProviderOptions, message: &ProviderOptions, last: bool) -> Option<Value> {
        self.marks
            .take(part)
            .or_else(|| if last { self.marks.take(message) } else { None })
    }

    fn file(
        &mut self,
        file: &File<'_>,
        filename: Option<&str>,
        options: &ProviderOptions,
        mark: Option<Value>,
    ) -> Result<Value, Error> {
        let mut block = Body::new();
        if file.is("image") {
            block.set("type", "image");
            block.set("source", source(file, file.concrete("image/*", "image/jpeg")));
            block.put("cache_control", mark);
            return Ok(block.into_value());
        }
        let source = match (&*file.media_type, &file.data) {
            (PDF, _) => {
                self.betas.add(PDF_BETA);
                source(file, PDF)
            }
            ("text/plain", Data::Base64(data)) => {
                json!({"type": "text", "media_type": "text/plain", "data": decode_text(data)?})
            }
            ("text/plain", Data::Url(_)) => source(file, "text/plain"),
            (other, _) => {
                return Err(Error::Unsupported {
                    message: format!("this provider takes no files of type {other}"),
                });
            }
        };
        let own = options.get(NAMESPACE);
        let text = |key: &str| own.and_then(|own| own.get(key)).and_then(Value::as_str);
        block.set("type", "document");
        block.set("source", source);
        block.put("title", text("title").or(filename).map(Value::from));
        block.put(
            "context",
            text("context")
                .filter(|context| !context.is_empty())
                .map(Value::from),
        );
        if wants_citations(own) {
            block.set("citations", json!({"enabled": true}));
        }
        block.put("cache_control", mark);
        Ok(block.into_value())
    }

    fn tool_result(&mut self, id: &str, output: &ToolOutput, mark: Option<Value>) -> Value {
        let content = match output {
            ToolOutput::Text(text) | ToolOutput::ErrorText(text) => Value::from(text.as_str()),
            ToolOutput::Json(value) | ToolOutput::ErrorJson(value) => Value::from(stringify(value)),
            ToolOutput::Content(parts) => parts.iter().filter_map(|part| self.output_block(part)).collect(),
        };
        let failed = matches!(output, ToolOutput::ErrorText(_) | ToolOutput::ErrorJson(_));
        let mut block = Body::new();
        block.set("type", "tool_result");
        block.set("tool_use_id", id);
        block.set("content", content);
        block.put("is_error", failed.then_some(Value::Bool(true)));
        block.put("cache_control", mark);
        block.into_value()
    }

    fn output_block(&mut self, part: &OutputContent) -> Option<Value> {
        let base64 = |kind: &str, media_type: &str, data: &str| {
            Some(json!({"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}}))
        };
        let at = |kind: &str, url: &str| Some(json!({"type": kind, "source": {"type": "url", "url": url}}));
        match part {
            OutputContent::Text { text } => Some(json!({"type": "text", "text": text})),
            OutputContent::ImageData { media_type, data } => base64("image", media_type, data),
            OutputContent::Media { media_type, data } if media_type.starts_with("image/") => {
                base64("image", media_type, data)
            }
            OutputContent::FileData { media_type, data, .. } | OutputContent::Media { media_type, data } => {
                if media_type != PDF {
                    tracing::warn!(media_type, "a file of this type in a tool result is not sent");
                    return None;
                }
                self.betas.add(PDF_BETA);
                base64("document", PDF, data)
            }
            OutputContent::ImageUrl { url } => at("image", url),
            OutputContent::FileUrl { url } => at("document", url),
        }
    }

    fn assistant(&mut self, group: &[Message], last_group: bool) -> Vec<Value> {
        let mut blocks = Vec::new();
        let mut mcp_calls = HashSet::new();
        for (number, message) in group.iter().enumerate() {
            let Message::Assistant {
                content,
                provider_options,
            } = message
            else {
                continue;
            };
            let last_message = last_group && number + 1 == group.len();
            for (index, part) in content.iter().enumerate() {
                let last = index + 1 == content.len();
                let mark = self.mark(options_of(part), provider_options, last);
                match part {
                    Content::Text {
                        text,
                        provider_options,
                    } => {
                        // The provider refuses an answer to be continued that ends in white space.
                        let text = if last_message && last { text.trim() } else { text };
                        blocks.push(assistant_text(text, provider_options.get(NAMESPACE), mark));
                    }
                    Content::Reasoning {
                        text,
                        provider_options,
                    } => blocks.extend(self.reasoning(text, provider_options)),
                    Content::ToolCall { .. } => blocks.extend(history::call(part, mark, &mut mcp_calls)),
                    Content::ToolResult { .. } => blocks.extend(history::result(part, mark, &mcp_calls)),
                    Content::File { .. } => {
                        tracing::warn!("a file in an answer of the model is not sent back");
                    }
                }
            }
        }
        calls_last(blocks)
    }

    fn reasoning(&self, text: &str, options: &ProviderOptions) -> Option<Value> {
        let own = |key: &str| {
            options
                .get(NAMESPACE)
                .and_then(|own| own.get(key))
                .and_then(Value::as_str)
        };
        if !self.send_reasoning {
            return None;
        }
        if let Some(signature) = own("signature") {
            return Some(json!({"type": "thinking", "thinking": text, "signature": signature}));
        }
        if let Some(data) = own("redactedData") {
            return Some(json!({"type": "redacted_thinking", "data": data}));
        }
        tracing::warn!("reasoning without a signature is not sent back");
        None
    }
}

/// The options of a part.
fn options_of(part: &Content) -> &ProviderOptions {
    match part {
        Content::Text { provider_options, .. }
        | Content::Reasoning { provider_options, .. }
        | Content::File { provider_options, .. }
        | Content::ToolCall { provider_options, .. }
        | Content::ToolResult { provider_options, .. } => provider_options,
    }
}

/// The answer to this document shall name its places.
pub(super) fn wants_citations(own: Option<&Object>) -> bool {
    let enabled = own
        .and_then(|own| own.get("citations"))
        .and_then(|citations| citations.get("enabled"));
    truthy(enabled).is_some()
}

fn source(file: &File<'_>, media_type: &str) -> Value {
    match &file.data {
        Data::Url(url) => json!({"type": "url", "url": url}),
        Data::Base64(data) => json!({"type": "base64", "media_type": media_type, "data": data}),
    }
}

fn text_block(text: &str, citations: Option<Value>, mark: Option<Value>) -> Value {
    let mut block = Body::new();
    block.set("type", "text");
    block.set("text", text);
    block.put("citations", citations);
    block.put("cache_control", mark);
    block.into_value()
}

fn assistant_text(text: &str, own: Option<&Object>, mark: Option<Value>) -> Value {
    if own.and_then(|own| own.get("type")).and_then(Value::as_str) == Some("compaction") {
        let mut block = Body::new();
        block.set("type", "compaction");
        block.set("content", text);
        block.put("cache_control", mark);
        return block.into_value();
    }
    let citations = present(own.and_then(|own| own.get("citations")));
    text_block(text, citations.cloned(), mark)
}

/// Moves calls behind the other blocks, but never across thinking, whose place is signed.
fn calls_last(blocks: Vec<Value>) -> Vec<Value> {
    let kind = |block: &Value| {
        block
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut ordered = Vec::with_capacity(blocks.len());
    let mut calls = Vec::new();
    for block in blocks {
        match kind(&block).as_str() {
            "tool_use" => calls.push(block),
            "thinking" | "redacted_thinking" => {
                ordered.append(&mut calls);
                ordered.push(block);
            }
            _ => ordered.push(block),
        }
    }
    ordered.append(&mut calls);
    ordered
}
