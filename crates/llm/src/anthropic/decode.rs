//! From the events of an answer, or a whole answer, to parts.
//!
//! A state machine over content blocks, which the provider numbers. Events that come by the thousand
//! (text, thinking, arguments) are read without a copy; the others as JSON values.

mod blocks;
mod whole;

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use self::blocks::Block;
use super::results::own_metadata;
use super::usage::Report;
use crate::bill::Bill;
use crate::json::{Text, present, text_at};
use crate::protocol::{Fault, HELD_LIMIT};
use crate::stream::{Finish, ProviderMetadata, Source, StreamError, StreamPart};

/// A document that citations may point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CitedDocument {
    /// Its heading.
    pub title: String,
    /// Name of its file.
    pub filename: Option<String>,
    /// Media type.
    pub media_type: String,
}

/// Calls whose results come in blocks of their own.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Which of the two searches a call is.
    pub(super) tool_searches: HashMap<String, String>,
    pub(super) mcp_calls: HashMap<String, McpCall>,
}

/// A call that the provider made to an MCP server.
#[derive(Debug)]
pub(super) struct McpCall {
    pub(super) name: String,
    pub(super) metadata: ProviderMetadata,
}

#[derive(Debug, Default)]
enum Message {
    #[default]
    Closed,
    Open(Option<String>),
    /// Another answer began inside this one; nothing after can be told apart.
    Broken,
}

/// Decodes one answer.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The documents of the request, in the order in which citations count them.
    pub(super) documents: Vec<CitedDocument>,
    /// The answer of the tool `json` is the text of the answer.
    pub(super) json_tool: bool,
    /// A further name under which the final facts go.
    pub(super) second_namespace: Option<String>,
    /// The name under which all metadata goes, where it is not the usual one.
    pub(super) metadata_name: Option<String>,
    blocks: HashMap<u64, Block>,
    /// The block that began last is thinking.
    thinking: bool,
    message: Message,
    known: Known,
    report: Report,
    pub(super) bill: Bill,
    /// A part has been given out.
    begun: bool,
    /// Bytes that are or may be held.
    held: usize,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    /// Missing in the event that ends a message.
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    thinking: Option<Text<'a>>,
    #[serde(borrow, default)]
    signature: Option<Text<'a>>,
    #[serde(borrow, default)]
    partial_json: Option<Text<'a>>,
    #[serde(borrow, default)]
    content: Option<Text<'a>>,
    #[serde(borrow, default)]
    citation: Option<&'a RawValue>,
}

impl Decoder {
    /// A decoder for an answer to a request without documents.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the data of one event.
    ///
    /// # Errors
    ///
    /// When the provider refuses before it has said anything, or the answer holds more than is sane.
    pub fn event(&mut self, data: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        if matches!(self.message, Message::Broken) {
            return Ok(());
        }
        self.bill.read(data);
        let before = parts.len();
        if let Err(error) = self.read(data, parts) {
            parts.push(StreamPart::Error(StreamError {
                message: format!("an event of the answer cannot be read: {error}"),
                code: None,
                body: serde_json::from_str(data).ok(),
            }));
        }
        self.name_metadata(parts, before);
        if self.held > HELD_LIMIT {
            return Err(Fault::too_much());
        }
        if !self.begun && parts.len() > before {
            self.begun = true;
            if let Some(StreamPart::Error(error)) = parts.get(before) {
                let refusal = refusal(error);
                parts.truncate(before);
                return Err(refusal);
            }
        }
        Ok(())
    }

    fn read(&mut self, data: &str, parts: &mut Vec<StreamPart>) -> Result<(), serde_json::Error> {
        let event: Event<'_> = serde_json::from_str(data)?;
        let index = event.index.unwrap_or_default();
        let kind = event.kind.as_str();
        let cites = event.delta.as_ref().is_some_and(|delta| delta.citation.is_some());
        // Other events are passed on, or take the place of what came before.
        if cites || matches!(kind, "content_block_start" | "message_start") {
            self.held = self.held.saturating_add(data.len());
        }
        match kind {
            "content_block_delta" => self.delta(index, event.delta, parts)?,
            "content_block_start" => self.block_start(index, &value(event.content_block)?, parts),
            "content_block_stop" => self.block_stop(index, parts),
            "message_start" => self.message_start(&value(event.message)?, parts),
            "message_delta" => self.report.delta(&serde_json::from_str(data)?),
            "message_stop" => {
                self.message = Message::Closed;
                parts.push(StreamPart::Finish(self.finish()));
            }
            "error" => parts.push(StreamPart::Error(stream_error(&value(event.error)?))),
            "ping" => {}
            kind => tracing::debug!(kind, "event of an unknown kind is read over"),
        }
        Ok(())
    }

    /// Puts the metadata of new parts under the name that it has here.
    pub(super) fn name_metadata(&self, parts: &mut [StreamPart], before: usize) {
        if let Some(name) = &self.metadata_name {
            for part in parts.iter_mut().skip(before) {
                rename(part, name);
            }
        }
    }

    fn message_start(&mut self, message: &Value, parts: &mut Vec<StreamPart>) {
        let id = text_at(message, "id").map(str::to_owned);
        if let Message::Open(open) = &self.message {
            // Parity: some proxies send the start of a message twice (§4.1).
            if *open == id {
                return;
            }
            let name = |id: &Option<String>| id.clone().unwrap_or_else(|| "without an id".to_owned());
            parts.push(StreamPart::Error(StreamError {
                message: format!(
                    "message {} began while message {} was still open",
                    name(&id),
                    name(open)
                ),
                code: None,
                body: None,
            }));
            self.message = Message::Broken;
            return;
        }
        self.report.start(message);
        parts.push(StreamPart::ResponseMetadata {
            id: id.clone(),
            model: text_at(message, "model").map(str::to_owned),
        });
        self.message = Message::Open(id);
        let calls = message.get("content").and_then(Value::as_array);
        for call in calls
            .into_iter()
            .flatten()
            .filter(|block| text_at(block, "type") == Some("tool_use"))
        {
            blocks::ready_call(call, parts);
        }
    }

    fn delta(
        &mut self,
        index: u64,
        delta: Option<Delta<'_>>,
        parts: &mut Vec<StreamPart>,
    ) -> Result<(), serde_json::Error> {
        let Some(delta) = delta else { return Ok(()) };
        match delta.kind.as_str() {
            "text_delta" => {
                if let Some(text) = delta.text
                    && !self.json_tool
                {
                    self.open_if_missing(index, Block::text(), parts);
                    parts.push(text_delta(index, text.into_string()));
                }
            }
            "thinking_delta" => {
                if let Some(thinking) = delta.thinking {
                    self.open_if_missing(index, Block::Reasoning, parts);
                    parts.push(StreamPart::ReasoningDelta {
                        id: index.to_string(),
                        delta: thinking.into_string(),
                        metadata: ProviderMetadata::new(),
                    });
                }
            }
            "signature_delta" => {
                if let Some(signature) = delta.signature
                    && self.thinking
                {
                    parts.push(StreamPart::ReasoningDelta {
                        id: index.to_string(),
                        delta: String::new(),
                        metadata: own_metadata([("signature", Value::from(signature.as_str()))]),
                    });
                }
            }
            "input_json_delta" => {
                if let Some(input) = delta.partial_json {
                    self.input_delta(index, input.as_str(), parts);
                }
            }
            "compaction_delta" => {
                if let Some(content) = delta.content {
                    self.open_if_missing(index, Block::text(), parts);
                    parts.push(text_delta(index, content.into_string()));
                }
            }
            "citations_delta" => self.citation(index, &value(delta.citation)?, parts),
            kind => tracing::debug!(kind, "delta of an unknown kind is read over"),
        }
        Ok(())
    }

    fn input_delta(&mut self, index: u64, delta: &str, parts: &mut Vec<StreamPart>) {
        if delta.is_empty() {
            return;
        }
        match self.blocks.get_mut(&index) {
            Some(Block::Call(call)) => {
                let delta = call.take(delta);
                self.held = self.held.saturating_add(delta.len());
                parts.push(StreamPart::ToolInputDelta {
                    id: call.id.clone(),
                    delta,
                });
            }
            Some(Block::Text { .. }) if self.report.json_tool_answered => {
                parts.push(text_delta(index, delta.to_owned()));
            }
            _ => {}
        }
    }

    fn citation(&mut self, index: u64, citation: &Value, parts: &mut Vec<StreamPart>) {
        if is_web_citation(citation)
            && let Some(Block::Text { citations }) = self.blocks.get_mut(&index)
        {
            citations.push(citation.clone());
        }
        parts.extend(self.citation_source(citation).map(StreamPart::Source));
    }

    fn citation_source(&self, citation: &Value) -> Option<Source> {
        match text_at(citation, "type")? {
            "web_search_result_location" => Some(Source::Url {
                url: text_at(citation, "url")?.to_owned(),
                title: text_at(citation, "title").map(str::to_owned),
            }),
            "page_location" | "char_location" => {
                let index = citation.get("document_index").and_then(Value::as_u64)?;
                let document = self.documents.get(usize::try_from(index).ok()?)?;
                let title = text_at(citation, "document_title").unwrap_or(&document.title);
                Some(Source::Document {
                    title: title.to_owned(),
                    filename: document.filename.clone(),
                    media_type: Some(document.media_type.clone()),
                })
            }
            _ => None,
        }
    }

    /// Opens a block of which the start was lost, so that the caller never sees a delta without one.
    fn open_if_missing(&mut self, index: u64, block: Block, parts: &mut Vec<StreamPart>) {
        if !self.blocks.contains_key(&index) {
            const BLOCK_COST: usize = 256;
            self.held = self.held.saturating_add(BLOCK_COST);
            parts.push(block.start(index, ProviderMetadata::new()));
            self.blocks.insert(index, block);
        }
    }

    fn finish(&self) -> Finish {
        let facts = self.report.metadata();
        let mut metadata = ProviderMetadata::new();
        if let Some(namespace) = &self.second_namespace {
            metadata.insert(namespace.clone(), facts.clone());
        }
        metadata.insert(super::options::NAMESPACE.to_owned(), facts);
        self.bill.add_to(&mut metadata);
        let (reason, raw) = self.report.finish();
        Finish {
            reason,
            raw,
            usage: self.report.usage(),
            metadata,
        }
    }
}

/// Puts the metadata of a part under another name.
fn rename(part: &mut StreamPart, name: &str) {
    let metadata = match part {
        StreamPart::TextStart { metadata, .. }
        | StreamPart::TextDelta { metadata, .. }
        | StreamPart::TextEnd { metadata, .. }
        | StreamPart::ReasoningStart { metadata, .. }
        | StreamPart::ReasoningDelta { metadata, .. }
        | StreamPart::ReasoningEnd { metadata, .. }
        | StreamPart::ToolResult { metadata, .. } => metadata,
        StreamPart::ToolCall(call) => &mut call.metadata,
        StreamPart::Finish(finish) => &mut finish.metadata,
        _ => return,
    };
    if let Some(facts) = metadata.shift_remove(super::options::NAMESPACE) {
        metadata.insert(name.to_owned(), facts);
    }
}

/// The first thing that came is an error: the call failed, though its status says otherwise.
fn refusal(error: &StreamError) -> Fault {
    let overloaded = error.code.as_deref() == Some("overloaded_error");
    Fault::Refused {
        status: if overloaded { 529 } else { 500 },
        message: error.message.clone(),
        retryable: overloaded,
        body: error.body.as_ref().map(Value::to_string).unwrap_or_default(),
    }
}

fn stream_error(error: &Value) -> StreamError {
    StreamError {
        message: text_at(error, "message")
            .unwrap_or("the provider reports an error without words")
            .to_owned(),
        code: text_at(error, "type").map(str::to_owned),
        body: present(Some(error)).cloned(),
    }
}

fn text_delta(index: u64, delta: String) -> StreamPart {
    StreamPart::TextDelta {
        id: index.to_string(),
        delta,
        metadata: ProviderMetadata::new(),
    }
}

fn is_web_citation(citation: &Value) -> bool {
    text_at(citation, "type") == Some("web_search_result_location")
}

fn value(raw: Option<&RawValue>) -> Result<Value, serde_json::Error> {
    raw.map_or(Ok(Value::Null), |raw| serde_json::from_str(raw.get()))
}
