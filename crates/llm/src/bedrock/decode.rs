//! From the events of an answer, or a whole answer, to parts.
//!
//! A state machine over content blocks, which the provider numbers; it does not announce texts. The count of
//! tokens may come before or after the reason of the end (reference `providers.md` §4.5).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::NAMESPACE;
use super::model::call_id;
use crate::json::{Body, Text, count_at, present, stringify, text_at, truthy};
use crate::protocol::{Fault, HELD_LIMIT};
use crate::request::Object;
use crate::stream::{Finish, FinishReason, ProviderMetadata, StreamError, StreamPart, ToolCall, Usage};

/// What a block costs beside what it holds.
const BLOCK_COST: usize = 256;

/// A block that is not closed.
#[derive(Debug)]
enum Block {
    Text,
    /// Thoughts, and those that are hidden.
    Reasoning {
        hidden: String,
    },
    Call {
        id: String,
        name: String,
        input: String,
    },
    /// The tool that stands in for a schema: its arguments are the text of the answer.
    Answer {
        input: String,
    },
}

/// Bytes that a block holds before anything is added to it.
fn cost_of(block: &Block) -> usize {
    let texts = match block {
        Block::Call { id, name, .. } => id.len().saturating_add(name.len()),
        _ => 0,
    };
    BLOCK_COST.saturating_add(texts)
}

/// Decodes one answer.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The answer of the tool `json` is the text of the answer.
    json_tool: bool,
    mistral: bool,
    blocks: BTreeMap<u64, Block>,
    answered: bool,
    failed: bool,
    reason: Option<String>,
    stop_sequence: Option<Value>,
    usage: Option<Usage>,
    facts: Object,
    held: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeltaEvent<'a> {
    #[serde(default)]
    content_block_index: u64,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delta<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    tool_use: Option<InputDelta<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<ReasoningDelta<'a>>,
}

#[derive(Deserialize)]
struct InputDelta<'a> {
    #[serde(borrow, default)]
    input: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReasoningDelta<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    signature: Option<Text<'a>>,
    #[serde(borrow, default)]
    data: Option<Text<'a>>,
    #[serde(borrow, default)]
    redacted_content: Option<Text<'a>>,
}

impl Decoder {
    /// A decoder for an answer: whether a tool stands in for a schema, and whether ids of calls are
    /// shortened as Mistral's models want them.
    #[must_use]
    pub fn new(json_tool: bool, mistral: bool) -> Self {
        Self {
            json_tool,
            mistral,
            ..Self::default()
        }
    }

    /// Reads an event.
    ///
    /// # Errors
    ///
    /// When the answer holds more than is sane.
    pub fn event(&mut self, name: &str, content: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        if let Err(error) = self.read(name, content, parts) {
            self.fail(
                StreamError {
                    message: format!("an event of the answer cannot be read: {error}"),
                    code: None,
                    body: serde_json::from_str(content).ok(),
                },
                parts,
            );
        }
        if self.held > HELD_LIMIT {
            return Err(Fault::too_much());
        }
        Ok(())
    }

    /// Takes a failure that came in the place of an event.
    pub fn failure(&mut self, name: &str, content: &str, parts: &mut Vec<StreamPart>) {
        let body: Option<Value> = serde_json::from_str(content).ok();
        let words = match &body {
            Some(body) => text_at(body, "message").or_else(|| text_at(body, "Message")),
            None => Some(content).filter(|content| !content.is_empty()),
        };
        self.fail(
            StreamError {
                message: words.map_or_else(
                    || format!("the provider reports a failure: {name}"),
                    str::to_owned,
                ),
                code: Some(name.to_owned()),
                body: body.filter(|body| !body.is_null()),
            },
            parts,
        );
    }

    fn fail(&mut self, error: StreamError, parts: &mut Vec<StreamPart>) {
        self.failed = true;
        self.reason = None;
        parts.push(StreamPart::Error(error));
    }

    fn read(
        &mut self,
        name: &str,
        content: &str,
        parts: &mut Vec<StreamPart>,
    ) -> Result<(), serde_json::Error> {
        match name {
            "contentBlockDelta" => {
                let event: DeltaEvent<'_> = serde_json::from_str(content)?;
                if let Some(delta) = event.delta {
                    self.delta(event.content_block_index, delta, parts);
                }
            }
            "contentBlockStart" => {
                let event: Value = serde_json::from_str(content)?;
                self.block_start(index(&event), event.get("start"), parts);
            }
            "contentBlockStop" => {
                let event: Value = serde_json::from_str(content)?;
                self.block_stop(index(&event), parts);
            }
            "messageStop" => self.take_end(&serde_json::from_str(content)?),
            "metadata" => self.take_facts(&serde_json::from_str(content)?),
            "messageStart" => {}
            name if name.ends_with("Exception") => self.failure(name, content, parts),
            name => tracing::debug!(name, "event of an unknown kind is read over"),
        }
        Ok(())
    }

    fn block_start(&mut self, index: u64, start: Option<&Value>, parts: &mut Vec<StreamPart>) {
        let Some(call) = start.and_then(|start| present(start.get("toolUse"))) else {
            self.open_if_missing(index, Block::Text, parts);
            return;
        };
        let name = text_at(call, "name").unwrap_or_default();
        let block = if self.json_tool && name == "json" {
            Block::Answer { input: String::new() }
        } else {
            let id = self.call_id(text_at(call, "toolUseId"));
            let name = name.to_owned();
            parts.push(StreamPart::ToolInputStart {
                id: id.clone(),
                name: name.clone(),
                provider_executed: false,
            });
            Block::Call {
                id,
                name,
                input: String::new(),
            }
        };
        self.held = self.held.saturating_add(cost_of(&block));
        self.blocks.insert(index, block);
    }

    fn call_id(&self, id: Option<&str>) -> String {
        id.map_or_else(crate::openai_chat::decode::new_id, |id| call_id(id, self.mistral))
    }

    fn delta(&mut self, index: u64, delta: Delta<'_>, parts: &mut Vec<StreamPart>) {
        if let Some(text) = delta.text.filter(|text| !text.as_str().is_empty()) {
            self.open_if_missing(index, Block::Text, parts);
            if matches!(self.blocks.get(&index), Some(Block::Text)) {
                parts.push(StreamPart::TextDelta {
                    id: index.to_string(),
                    delta: text.into_string(),
                    metadata: ProviderMetadata::new(),
                });
            }
        }
        if let Some(more) = delta.tool_use.and_then(|call| call.input) {
            self.input_delta(index, more, parts);
        }
        if let Some(reasoning) = delta.reasoning_content {
            self.reasoning_delta(index, reasoning, parts);
        }
    }

    fn input_delta(&mut self, index: u64, more: Text<'_>, parts: &mut Vec<StreamPart>) {
        let more = more.into_string();
        match self.blocks.get_mut(&index) {
            Some(Block::Call { id, input, .. }) => {
                input.push_str(&more);
                self.held = self.held.saturating_add(more.len());
                if !more.is_empty() {
                    parts.push(StreamPart::ToolInputDelta {
                        id: id.clone(),
                        delta: more,
                    });
                }
            }
            Some(Block::Answer { input }) => {
                input.push_str(&more);
                self.held = self.held.saturating_add(more.len());
            }
            _ => {}
        }
    }

    fn reasoning_delta(&mut self, index: u64, delta: ReasoningDelta<'_>, parts: &mut Vec<StreamPart>) {
        let some = |text: Option<Text<'_>>| text.map(Text::into_string).filter(|text| !text.is_empty());
        let (text, signature) = (some(delta.text), some(delta.signature));
        let (data, content) = (some(delta.data), some(delta.redacted_content));
        if [&text, &signature, &data, &content]
            .iter()
            .all(|said| said.is_none())
        {
            return;
        }
        self.open_if_missing(
            index,
            Block::Reasoning {
                hidden: String::new(),
            },
            parts,
        );
        let Some(Block::Reasoning { hidden }) = self.blocks.get_mut(&index) else {
            return;
        };
        let mut push = |delta: String, metadata| {
            parts.push(StreamPart::ReasoningDelta {
                id: index.to_string(),
                delta,
                metadata,
            });
        };
        if let Some(text) = text {
            push(text, ProviderMetadata::new());
        }
        if let Some(signature) = signature {
            push(String::new(), own_metadata("signature", signature));
        }
        if let Some(data) = data {
            push(String::new(), own_metadata("redactedData", data));
        }
        // Later metadata replaces earlier, so that the pieces are put together first.
        if let Some(content) = content {
            self.held = self.held.saturating_add(content.len());
            hidden.push_str(&content);
        }
    }

    /// The provider announces no texts and thoughts.
    fn open_if_missing(&mut self, index: u64, block: Block, parts: &mut Vec<StreamPart>) {
        if self.blocks.contains_key(&index) {
            return;
        }
        self.held = self.held.saturating_add(BLOCK_COST);
        let (id, metadata) = (index.to_string(), ProviderMetadata::new());
        parts.push(match block {
            Block::Reasoning { .. } => StreamPart::ReasoningStart { id, metadata },
            _ => StreamPart::TextStart { id, metadata },
        });
        self.blocks.insert(index, block);
    }

    fn block_stop(&mut self, index: u64, parts: &mut Vec<StreamPart>) {
        let Some(block) = self.blocks.remove(&index) else {
            return;
        };
        self.held = self.held.saturating_sub(cost_of(&block));
        let block_id = index.to_string();
        match block {
            Block::Text => parts.push(text_end(block_id)),
            Block::Reasoning { hidden } => parts.push(reasoning_end(block_id, hidden)),
            Block::Call { id, name, input } => {
                self.held = self.held.saturating_sub(input.len());
                parts.push(StreamPart::ToolInputEnd { id: id.clone() });
                parts.push(call(id, name, input));
            }
            Block::Answer { input } => {
                self.answered = true;
                self.held = self.held.saturating_sub(input.len());
                whole_text(block_id, input, parts);
            }
        }
    }

    fn take_end(&mut self, end: &Value) {
        if let Some(reason) = text_at(end, "stopReason") {
            self.failed = false;
            self.reason = Some(reason.to_owned());
        }
        let fields = end.get("additionalModelResponseFields");
        let delta = fields.and_then(|fields| fields.get("delta"));
        self.stop_sequence = delta
            .and_then(|delta| present(delta.get("stop_sequence")))
            .cloned();
    }

    fn take_facts(&mut self, event: &Value) {
        if let Some(record) = present(event.get("usage")) {
            self.usage = Some(usage(record));
            let mut cache = Body::new();
            for key in ["cacheWriteInputTokens", "cacheDetails"] {
                cache.put(key, present(record.get(key)).cloned());
            }
            let cache = cache.into_value();
            if cache.as_object().is_some_and(|cache| !cache.is_empty()) {
                self.facts.insert("usage".to_owned(), cache);
            }
        }
        for key in ["trace", "performanceConfig", "serviceTier"] {
            if let Some(fact) = truthy(event.get(key)) {
                self.facts.insert(key.to_owned(), fact.clone());
            }
        }
    }

    /// The answer has ended.
    pub(crate) fn end(&mut self, parts: &mut Vec<StreamPart>) {
        // Texts need no end of their own. A call without one is not whole.
        for (index, block) in std::mem::take(&mut self.blocks) {
            match block {
                Block::Text => parts.push(text_end(index.to_string())),
                Block::Reasoning { hidden } => parts.push(reasoning_end(index.to_string(), hidden)),
                Block::Call { .. } | Block::Answer { .. } => {}
            }
        }
        parts.push(StreamPart::Finish(self.finish()));
    }

    /// Reads an answer that came whole.
    ///
    /// # Errors
    ///
    /// When it is no answer of this protocol.
    pub fn whole(&mut self, body: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let answer: Value = serde_json::from_str(body).map_err(|error| Fault::unreadable(&error))?;
        let message = answer.get("output").and_then(|output| output.get("message"));
        let content = message
            .and_then(|message| message.get("content"))
            .and_then(Value::as_array);
        let Some(content) = content else {
            return Err(Fault::Broken {
                message: "the answer holds no message".to_owned(),
            });
        };
        for (index, block) in content.iter().enumerate() {
            self.whole_block(index.to_string(), block, parts);
        }
        self.take_end(&answer);
        self.take_facts(&answer);
        parts.push(StreamPart::Finish(self.finish()));
        Ok(())
    }

    fn whole_block(&mut self, id: String, block: &Value, parts: &mut Vec<StreamPart>) {
        if let Some(text) = text_at(block, "text") {
            whole_text(id.clone(), text.to_owned(), parts);
        }
        if let Some(reasoning) = present(block.get("reasoningContent")) {
            whole_reasoning(id.clone(), reasoning, parts);
        }
        let Some(wire) = present(block.get("toolUse")) else {
            return;
        };
        let name = text_at(wire, "name").unwrap_or_default().to_owned();
        let input = present(wire.get("input")).map_or_else(|| "{}".to_owned(), stringify);
        if self.json_tool && name == "json" {
            self.answered = true;
            whole_text(id, input, parts);
        } else {
            parts.push(call(self.call_id(text_at(wire, "toolUseId")), name, input));
        }
    }

    fn finish(&self) -> Finish {
        let reason = match self.reason.as_deref() {
            Some("end_turn" | "stop_sequence") => FinishReason::Stop,
            Some("tool_use") if self.answered => FinishReason::Stop,
            Some("tool_use") => FinishReason::ToolCalls,
            Some("max_tokens") => FinishReason::Length,
            Some("content_filtered" | "guardrail_intervened") => FinishReason::ContentFilter,
            None if self.failed => FinishReason::Error,
            _ => FinishReason::Other,
        };
        let mut facts = self.facts.clone();
        if self.answered {
            facts.insert("isJsonResponseFromTool".to_owned(), json!(true));
        }
        if let Some(sequence) = &self.stop_sequence {
            facts.insert("stopSequence".to_owned(), sequence.clone());
        }
        let mut metadata = ProviderMetadata::new();
        if !facts.is_empty() {
            metadata.insert(NAMESPACE.to_owned(), facts);
        }
        Finish {
            reason,
            raw: self.reason.clone(),
            usage: self.usage.unwrap_or_default(),
            metadata,
        }
    }
}

fn index(event: &Value) -> u64 {
    event
        .get("contentBlockIndex")
        .and_then(Value::as_u64)
        .unwrap_or_default()
}

fn own_metadata(key: &str, value: String) -> ProviderMetadata {
    let facts = Object::from_iter([(key.to_owned(), Value::from(value))]);
    [(NAMESPACE.to_owned(), facts)].into_iter().collect()
}

fn usage(record: &Value) -> Usage {
    let count = |key: &str| count_at(record, key).unwrap_or(0);
    let (read, write) = (count("cacheReadInputTokens"), count("cacheWriteInputTokens"));
    Usage {
        input: Some(count("inputTokens").saturating_add(read).saturating_add(write)),
        output: Some(count("outputTokens")),
        reasoning: None,
        cache_read: Some(read),
        cache_write: Some(write),
        total: None,
    }
    .summed()
}

fn call(id: String, name: String, input: String) -> StreamPart {
    StreamPart::ToolCall(ToolCall {
        id,
        name,
        input: if input.is_empty() { "{}".to_owned() } else { input },
        provider_executed: false,
        metadata: ProviderMetadata::new(),
    })
}

fn text_end(id: String) -> StreamPart {
    StreamPart::TextEnd {
        id,
        metadata: ProviderMetadata::new(),
    }
}

fn reasoning_end(id: String, hidden: String) -> StreamPart {
    let metadata = if hidden.is_empty() {
        ProviderMetadata::new()
    } else {
        own_metadata("redactedContent", hidden)
    };
    StreamPart::ReasoningEnd { id, metadata }
}

fn whole_text(id: String, text: String, parts: &mut Vec<StreamPart>) {
    let metadata = ProviderMetadata::new();
    parts.push(StreamPart::TextStart {
        id: id.clone(),
        metadata: metadata.clone(),
    });
    if !text.is_empty() {
        parts.push(StreamPart::TextDelta {
            id: id.clone(),
            delta: text,
            metadata,
        });
    }
    parts.push(text_end(id));
}

fn whole_reasoning(id: String, reasoning: &Value, parts: &mut Vec<StreamPart>) {
    let none = &Value::Null;
    let said = reasoning.get("reasoningText").unwrap_or(none);
    let hidden = reasoning.get("redactedReasoning").unwrap_or(none);
    let proof = |key: &str, value: Option<&str>| {
        let value = value.filter(|value| !value.is_empty())?;
        Some(own_metadata(key, value.to_owned()))
    };
    let metadata = proof("signature", text_at(said, "signature"))
        .or_else(|| proof("redactedData", text_at(hidden, "data")))
        .or_else(|| proof("redactedContent", text_at(reasoning, "redactedContent")))
        .unwrap_or_default();
    parts.push(StreamPart::ReasoningStart {
        id: id.clone(),
        metadata: metadata.clone(),
    });
    if let Some(text) = text_at(said, "text").filter(|text| !text.is_empty()) {
        parts.push(StreamPart::ReasoningDelta {
            id: id.clone(),
            delta: text.to_owned(),
            metadata: ProviderMetadata::new(),
        });
    }
    parts.push(StreamPart::ReasoningEnd { id, metadata });
}
