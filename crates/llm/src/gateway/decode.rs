//! From the events of an answer, or a whole answer, to parts. The events are parts already; what is not one
//! of the known is read over, so that the gateway may learn new ones.

use indexmap::IndexMap;
use serde_json::Value;

use crate::json::{count_at, stringify, text_at};
use crate::media::split_data_address;
use crate::protocol::{Fault, HELD_LIMIT};
use crate::refusal;
use crate::stream::{
    Finish, FinishReason, ProviderMetadata, Source, StreamError, StreamPart, ToolCall, Usage,
};

/// Blocks and calls that an answer may have; a real one has a handful.
const MOST_BLOCKS: usize = 4096;

/// Decodes one answer.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Texts, reasoning and calls that have begun.
    open: IndexMap<String, Kind>,
    /// Bytes of their names.
    held: usize,
    /// Content has come.
    begun: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Reasoning,
    Call,
}

impl Decoder {
    /// Reads the data of one event.
    ///
    /// # Errors
    ///
    /// When the gateway refuses the call, or the answer leaves more open than is sane.
    pub fn event(&mut self, data: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        match serde_json::from_str::<Value>(data) {
            Ok(event) => self.read(&event, parts)?,
            Err(error) => parts.push(StreamPart::Error(StreamError {
                message: format!("an event of the answer cannot be read: {error}"),
                code: None,
                body: None,
            })),
        }
        if self.held > HELD_LIMIT || self.open.len() > MOST_BLOCKS {
            return Err(Fault::too_much());
        }
        Ok(())
    }

    /// Reads an answer that came whole.
    ///
    /// # Errors
    ///
    /// When it is no answer, or one that says that the call failed.
    pub fn whole(&mut self, body: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let answer: Value = serde_json::from_str(body).map_err(|error| Fault::unreadable(&error))?;
        let Some(content) = answer.get("content").and_then(Value::as_array) else {
            return Err(match answer.get("error") {
                Some(error) => refusal::in_place(error, &answer),
                None => Fault::Broken {
                    message: "the answer is not what it should be: it has no content".to_owned(),
                },
            });
        };
        if let Some(response) = answer.get("response") {
            introduce(response, parts);
        }
        for (place, part) in content.iter().enumerate() {
            let kind = match text_at(part, "type") {
                Some("text") => Kind::Text,
                Some("reasoning") => Kind::Reasoning,
                _ => {
                    self.read(part, parts)?;
                    continue;
                }
            };
            let id = place.to_string();
            parts.push(start(kind, id.clone(), metadata(part)));
            let words = text_at(part, "text").unwrap_or_default();
            parts.push(delta(kind, id.clone(), words, ProviderMetadata::new()));
            parts.push(end(kind, id, ProviderMetadata::new()));
        }
        parts.push(StreamPart::Finish(finish(&answer)));
        Ok(())
    }

    fn read(&mut self, event: &Value, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let Some(kind) = text_at(event, "type") else {
            return self.fail(event.get("error").unwrap_or(event), parts);
        };
        let id = || text_at(event, "id").unwrap_or_default().to_owned();
        match kind {
            "text-start" => self.start(Kind::Text, id(), event, parts),
            "text-delta" => self.delta(Kind::Text, id(), event, parts),
            "text-end" => self.end(Kind::Text, id(), event, parts),
            "reasoning-start" => self.start(Kind::Reasoning, id(), event, parts),
            "reasoning-delta" => self.delta(Kind::Reasoning, id(), event, parts),
            "reasoning-end" => self.end(Kind::Reasoning, id(), event, parts),
            "tool-input-start" => self.begin_call(id(), event, parts),
            "tool-input-delta" if self.is_open(Kind::Call, &id()) => {
                parts.push(StreamPart::ToolInputDelta {
                    id: id(),
                    delta: text_at(event, "delta").unwrap_or_default().to_owned(),
                });
            }
            "tool-input-end" if self.close(Kind::Call, &id()) => {
                parts.push(StreamPart::ToolInputEnd { id: id() });
            }
            "tool-call" => self.call(event, parts),
            // A result that will be replaced by a later one is none yet.
            "tool-result" if event.get("preliminary") != Some(&Value::Bool(true)) => {
                parts.push(StreamPart::ToolResult {
                    id: text_at(event, "toolCallId").unwrap_or_default().to_owned(),
                    name: text_at(event, "toolName").unwrap_or_default().to_owned(),
                    output: event.get("result").cloned().unwrap_or(Value::Null),
                    is_error: event.get("isError") == Some(&Value::Bool(true)),
                    metadata: metadata(event),
                });
            }
            "source" => parts.extend(source(event).map(StreamPart::Source)),
            "file" => {
                let media_type = text_at(event, "mediaType").unwrap_or_default();
                let data = text_at(event, "data").unwrap_or_default();
                let (media_type, data) = split_data_address(data, media_type);
                parts.push(StreamPart::File {
                    media_type: media_type.to_owned(),
                    data: data.to_owned(),
                });
            }
            "response-metadata" => introduce(event, parts),
            "finish" => {
                self.open.clear();
                self.held = 0;
                parts.push(StreamPart::Finish(finish(event)));
            }
            "error" => return self.fail(event.get("error").unwrap_or(&Value::Null), parts),
            _ => {}
        }
        Ok(())
    }

    fn is_open(&self, kind: Kind, id: &str) -> bool {
        self.open.get(id) == Some(&kind)
    }

    fn open(&mut self, kind: Kind, id: &str) {
        self.begun = true;
        if self.open.insert(id.to_owned(), kind).is_none() {
            self.held = self.held.saturating_add(id.len());
        }
    }

    fn close(&mut self, kind: Kind, id: &str) -> bool {
        let was_open = self.is_open(kind, id);
        if was_open && self.open.swap_remove(id).is_some() {
            self.held = self.held.saturating_sub(id.len());
        }
        was_open
    }

    fn start(&mut self, kind: Kind, id: String, event: &Value, parts: &mut Vec<StreamPart>) {
        self.open(kind, &id);
        parts.push(start(kind, id, metadata(event)));
    }

    /// A piece of a block whose beginning got lost begins it.
    fn delta(&mut self, kind: Kind, id: String, event: &Value, parts: &mut Vec<StreamPart>) {
        if !self.is_open(kind, &id) {
            self.open(kind, &id);
            parts.push(start(kind, id.clone(), ProviderMetadata::new()));
        }
        let words = text_at(event, "delta").unwrap_or_default();
        parts.push(delta(kind, id, words, metadata(event)));
    }

    fn end(&mut self, kind: Kind, id: String, event: &Value, parts: &mut Vec<StreamPart>) {
        if self.close(kind, &id) {
            parts.push(end(kind, id, metadata(event)));
        }
    }

    fn begin_call(&mut self, id: String, event: &Value, parts: &mut Vec<StreamPart>) {
        self.open(Kind::Call, &id);
        parts.push(StreamPart::ToolInputStart {
            id,
            name: text_at(event, "toolName").unwrap_or_default().to_owned(),
            provider_executed: is_provider_executed(event),
        });
    }

    fn call(&mut self, event: &Value, parts: &mut Vec<StreamPart>) {
        self.begun = true;
        let id = text_at(event, "toolCallId").unwrap_or_default().to_owned();
        if self.close(Kind::Call, &id) {
            parts.push(StreamPart::ToolInputEnd { id: id.clone() });
        }
        let input = match event.get("input") {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => String::new(),
            Some(other) => stringify(other),
        };
        parts.push(StreamPart::ToolCall(ToolCall {
            id,
            name: text_at(event, "toolName").unwrap_or_default().to_owned(),
            input: if input.trim().is_empty() {
                "{}".to_owned()
            } else {
                input
            },
            provider_executed: is_provider_executed(event),
            metadata: metadata(event),
        }));
    }

    /// An error of the provider behind the gateway carries the status that it had; before any content it
    /// means that the call failed.
    fn fail(&self, error: &Value, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let status = count_at(error, "statusCode").and_then(|status| u16::try_from(status).ok());
        if let (Some(status), false) = (status.filter(|status| *status >= 400), self.begun) {
            let retryable = error.get("isRetryable").and_then(Value::as_bool);
            let body = text_at(error, "responseBody").map_or_else(|| error.to_string(), str::to_owned);
            return Err(Fault::Refused {
                status,
                message: refusal::stream_error(error).message,
                retryable: retryable.unwrap_or_else(|| crate::error::is_retryable_status(status)),
                body,
            });
        }
        parts.push(StreamPart::Error(refusal::stream_error(error)));
        Ok(())
    }
}

fn start(kind: Kind, id: String, metadata: ProviderMetadata) -> StreamPart {
    match kind {
        Kind::Reasoning => StreamPart::ReasoningStart { id, metadata },
        _ => StreamPart::TextStart { id, metadata },
    }
}

fn delta(kind: Kind, id: String, words: &str, metadata: ProviderMetadata) -> StreamPart {
    let delta = words.to_owned();
    match kind {
        Kind::Reasoning => StreamPart::ReasoningDelta { id, delta, metadata },
        _ => StreamPart::TextDelta { id, delta, metadata },
    }
}

fn end(kind: Kind, id: String, metadata: ProviderMetadata) -> StreamPart {
    match kind {
        Kind::Reasoning => StreamPart::ReasoningEnd { id, metadata },
        _ => StreamPart::TextEnd { id, metadata },
    }
}

fn is_provider_executed(event: &Value) -> bool {
    event.get("providerExecuted") == Some(&Value::Bool(true))
}

fn metadata(event: &Value) -> ProviderMetadata {
    let all = event.get("providerMetadata").and_then(Value::as_object);
    all.into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_object().cloned()?)))
        .collect()
}

fn introduce(event: &Value, parts: &mut Vec<StreamPart>) {
    let text = |key: &str| text_at(event, key).map(str::to_owned);
    let (id, model) = (text("id"), text("modelId"));
    if id.is_some() || model.is_some() {
        parts.push(StreamPart::ResponseMetadata { id, model });
    }
}

fn source(event: &Value) -> Option<Source> {
    let text = |key: &str| text_at(event, key).map(str::to_owned);
    match text_at(event, "sourceType")? {
        "url" => Some(Source::Url {
            url: text("url")?,
            title: text("title"),
        }),
        "document" => Some(Source::Document {
            title: text("title").unwrap_or_default(),
            filename: text("filename"),
            media_type: text("mediaType"),
        }),
        _ => None,
    }
}

fn finish(event: &Value) -> Finish {
    // Older gateways write the reason as a word alone.
    let reason = event.get("finishReason");
    let word = reason.and_then(|reason| reason.as_str().or_else(|| text_at(reason, "unified")));
    let raw = reason.and_then(|reason| text_at(reason, "raw"));
    Finish {
        reason: match word {
            Some("stop") => FinishReason::Stop,
            Some("length") => FinishReason::Length,
            Some("tool-calls") => FinishReason::ToolCalls,
            Some("content-filter") => FinishReason::ContentFilter,
            Some("error") => FinishReason::Error,
            _ => FinishReason::Other,
        },
        raw: raw.map(str::to_owned),
        usage: event.get("usage").map(usage).unwrap_or_default(),
        metadata: metadata(event),
    }
}

fn usage(record: &Value) -> Usage {
    let of = |side: &str, key: &str| record.get(side).and_then(|side| count_at(side, key));
    // Older gateways write bare numbers.
    let bare = |key: &str| count_at(record, key);
    Usage {
        input: of("inputTokens", "total").or_else(|| bare("inputTokens")),
        output: of("outputTokens", "total").or_else(|| bare("outputTokens")),
        reasoning: of("outputTokens", "reasoning").or_else(|| bare("reasoningTokens")),
        cache_read: of("inputTokens", "cacheRead").or_else(|| bare("cachedInputTokens")),
        cache_write: of("inputTokens", "cacheWrite"),
        total: None,
    }
    .summed()
}
