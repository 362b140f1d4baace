//! From the events of an answer, or a whole answer, to parts.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::json::{Text, count_at, present, text_at};
use crate::protocol::{Fault, HELD_LIMIT};
use crate::stream::{
    Finish, FinishReason, ProviderMetadata, Source, StreamError, StreamPart, ToolCall, Usage,
};

/// Blocks that may be open at once; an answer has a handful.
const MOST_BLOCKS: usize = 4096;

/// Decodes one answer.
#[derive(Debug)]
pub struct Decoder {
    /// Blocks of content that are open, by their number.
    blocks: BTreeMap<u64, Kind>,
    call: Option<Call>,
    reason: FinishReason,
    raw_reason: Option<String>,
    usage: Usage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
}

/// A call whose arguments are still coming.
#[derive(Debug)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

/// The events that come by the thousand, read without a copy.
#[derive(serde::Deserialize)]
struct Delta<Message> {
    #[serde(default)]
    index: u64,
    delta: DeltaMessage<Message>,
}

#[derive(serde::Deserialize)]
struct DeltaMessage<Message> {
    message: Message,
}

#[derive(serde::Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    content: Words<'a>,
}

#[derive(serde::Deserialize)]
struct Words<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    thinking: Option<Text<'a>>,
}

#[derive(serde::Deserialize)]
struct CallPiece<'a> {
    #[serde(borrow)]
    tool_calls: FunctionPiece<'a>,
}

#[derive(serde::Deserialize)]
struct FunctionPiece<'a> {
    #[serde(borrow)]
    function: ArgumentsPiece<'a>,
}

#[derive(serde::Deserialize)]
struct ArgumentsPiece<'a> {
    #[serde(borrow)]
    arguments: Text<'a>,
}

#[derive(serde::Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            blocks: BTreeMap::new(),
            call: None,
            reason: FinishReason::Other,
            raw_reason: None,
            usage: Usage::default(),
        }
    }
}

impl Decoder {
    /// Reads the data of one event.
    ///
    /// # Errors
    ///
    /// When the answer leaves more open than is sane.
    pub fn event(&mut self, data: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        if let Err(error) = self.read(data, parts) {
            self.fail(
                parts,
                format!("an event of the answer cannot be read: {error}"),
                data,
            );
        }
        let held = self.call.as_ref().map_or(0, |call| call.arguments.len());
        if held > HELD_LIMIT || self.blocks.len() > MOST_BLOCKS {
            return Err(Fault::too_much());
        }
        Ok(())
    }

    fn fail(&mut self, parts: &mut Vec<StreamPart>, message: String, data: &str) {
        self.reason = FinishReason::Error;
        self.raw_reason = None;
        parts.push(StreamPart::Error(StreamError {
            message,
            code: None,
            body: serde_json::from_str(data).ok(),
        }));
    }

    fn read(&mut self, data: &str, parts: &mut Vec<StreamPart>) -> Result<(), serde_json::Error> {
        let head: Head<'_> = serde_json::from_str(data)?;
        match head.kind.as_str() {
            "content-delta" => {
                let delta: Delta<Content<'_>> = serde_json::from_str(data)?;
                self.delta(delta.index, delta.delta.message.content, parts);
                return Ok(());
            }
            "tool-call-delta" => {
                if let Ok(delta) = serde_json::from_str::<Delta<CallPiece<'_>>>(data) {
                    self.grow(delta.delta.message.tool_calls.function.arguments.as_str(), parts);
                    return Ok(());
                }
            }
            _ => {}
        }
        let event: Value = serde_json::from_str(data)?;
        let index = event.get("index").and_then(Value::as_u64).unwrap_or_default();
        let message = |path: &str| {
            event
                .pointer("/delta/message")
                .and_then(|message| message.pointer(path))
        };
        match head.kind.as_str() {
            "message-start" => parts.push(StreamPart::ResponseMetadata {
                id: text_at(&event, "id").map(str::to_owned),
                model: None,
            }),
            "content-start" => {
                let thinking = message("/content/type").and_then(Value::as_str) == Some("thinking");
                self.close(index, parts);
                self.open(index, if thinking { Kind::Thinking } else { Kind::Text }, parts);
                for (key, kind) in [
                    ("/content/thinking", Kind::Thinking),
                    ("/content/text", Kind::Text),
                ] {
                    let first = message(key).and_then(Value::as_str).unwrap_or_default();
                    self.words(index, kind, first.to_owned(), parts);
                }
            }
            "content-end" => self.close(index, parts),
            "tool-call-start" => {
                self.end_call(parts);
                let text = |path| {
                    message(path)
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .to_owned()
                };
                let call = Call {
                    id: text("/tool_calls/id"),
                    name: text("/tool_calls/function/name"),
                    arguments: String::new(),
                };
                parts.push(StreamPart::ToolInputStart {
                    id: call.id.clone(),
                    name: call.name.clone(),
                    provider_executed: false,
                });
                self.call = Some(call);
                self.grow(&text("/tool_calls/function/arguments"), parts);
            }
            "tool-call-delta" => {
                let piece = message("/tool_calls/function/arguments").and_then(Value::as_str);
                self.grow(piece.unwrap_or_default(), parts);
            }
            "tool-call-end" => self.end_call(parts),
            "citation-start" => {
                let citations = message("/citations");
                let list = citations.and_then(Value::as_array).map(Vec::as_slice);
                let all = list
                    .or_else(|| citations.map(std::slice::from_ref))
                    .unwrap_or_default();
                parts.extend(all.iter().filter_map(source).map(StreamPart::Source));
            }
            "message-end" => self.message_end(&event, parts),
            // What the model plans to do with tools is shown by what it does.
            kind => tracing::debug!(kind, "event is read over"),
        }
        Ok(())
    }

    fn delta(&mut self, index: u64, words: Words<'_>, parts: &mut Vec<StreamPart>) {
        if let Some(thinking) = words.thinking {
            self.words(index, Kind::Thinking, thinking.into_string(), parts);
        } else if let Some(text) = words.text {
            self.words(index, Kind::Text, text.into_string(), parts);
        }
    }

    /// Words of a kind; a block whose start was lost, or that is of another kind, is opened for them.
    fn words(&mut self, index: u64, kind: Kind, delta: String, parts: &mut Vec<StreamPart>) {
        if delta.is_empty() {
            return;
        }
        if self.blocks.get(&index) != Some(&kind) {
            self.close(index, parts);
            self.open(index, kind, parts);
        }
        let (id, metadata) = (index.to_string(), ProviderMetadata::new());
        parts.push(match kind {
            Kind::Text => StreamPart::TextDelta { id, delta, metadata },
            Kind::Thinking => StreamPart::ReasoningDelta { id, delta, metadata },
        });
    }

    fn open(&mut self, index: u64, kind: Kind, parts: &mut Vec<StreamPart>) {
        self.blocks.insert(index, kind);
        let (id, metadata) = (index.to_string(), ProviderMetadata::new());
        parts.push(match kind {
            Kind::Text => StreamPart::TextStart { id, metadata },
            Kind::Thinking => StreamPart::ReasoningStart { id, metadata },
        });
    }

    fn close(&mut self, index: u64, parts: &mut Vec<StreamPart>) {
        let (id, metadata) = (index.to_string(), ProviderMetadata::new());
        match self.blocks.remove(&index) {
            Some(Kind::Text) => parts.push(StreamPart::TextEnd { id, metadata }),
            Some(Kind::Thinking) => parts.push(StreamPart::ReasoningEnd { id, metadata }),
            None => {}
        }
    }

    fn grow(&mut self, piece: &str, parts: &mut Vec<StreamPart>) {
        let Some(call) = self.call.as_mut().filter(|_| !piece.is_empty()) else {
            return;
        };
        call.arguments.push_str(piece);
        parts.push(StreamPart::ToolInputDelta {
            id: call.id.clone(),
            delta: piece.to_owned(),
        });
    }

    fn end_call(&mut self, parts: &mut Vec<StreamPart>) {
        let Some(call) = self.call.take() else { return };
        parts.push(StreamPart::ToolInputEnd { id: call.id.clone() });
        parts.push(StreamPart::ToolCall(ToolCall {
            id: call.id,
            name: call.name,
            input: arguments(&call.arguments),
            provider_executed: false,
            metadata: ProviderMetadata::new(),
        }));
    }

    fn message_end(&mut self, event: &Value, parts: &mut Vec<StreamPart>) {
        let none = Value::Null;
        let delta = event.get("delta").unwrap_or(&none);
        self.take_end(delta);
        if let Some(words) = text_at(delta, "error") {
            parts.push(StreamPart::Error(StreamError {
                message: words.to_owned(),
                code: None,
                body: Some(delta.clone()),
            }));
        }
    }

    fn take_end(&mut self, end: &Value) {
        let word = text_at(end, "finish_reason");
        self.reason = match word {
            Some("COMPLETE" | "STOP_SEQUENCE") => FinishReason::Stop,
            Some("MAX_TOKENS") => FinishReason::Length,
            Some("ERROR") => FinishReason::Error,
            Some("TOOL_CALL") => FinishReason::ToolCalls,
            _ => FinishReason::Other,
        };
        self.raw_reason = word.map(str::to_owned);
        // Not the billed units: those leave out what the provider adds to the prompt.
        if let Some(tokens) = present(end.pointer("/usage/tokens")) {
            self.usage = Usage {
                input: count_at(tokens, "input_tokens"),
                output: count_at(tokens, "output_tokens"),
                ..Usage::default()
            }
            .summed();
        }
    }

    fn finish(&self) -> StreamPart {
        StreamPart::Finish(Finish {
            reason: self.reason,
            raw: self.raw_reason.clone(),
            usage: self.usage,
            metadata: ProviderMetadata::new(),
        })
    }

    /// The stream has ended in an orderly way. A call that is still open was cut off and is dropped.
    pub fn end(&mut self, parts: &mut Vec<StreamPart>) {
        let open: Vec<u64> = self.blocks.keys().copied().collect();
        for index in open {
            self.close(index, parts);
        }
        parts.push(self.finish());
    }

    /// Reads an answer that came whole.
    ///
    /// # Errors
    ///
    /// When it is no answer of this protocol.
    pub fn whole(&mut self, body: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let answer: Value = serde_json::from_str(body).map_err(|error| Fault::unreadable(&error))?;
        let Some(message) = answer.get("message").filter(|message| message.is_object()) else {
            return Err(Fault::Broken {
                message: "the answer holds no message".to_owned(),
            });
        };
        let id = text_at(&answer, "generation_id").or_else(|| text_at(&answer, "id"));
        parts.push(StreamPart::ResponseMetadata {
            id: id.map(str::to_owned),
            model: None,
        });
        let list = |key: &str| message.get(key).and_then(Value::as_array).into_iter().flatten();
        for (index, piece) in (0..).zip(list("content")) {
            for (key, kind) in [("thinking", Kind::Thinking), ("text", Kind::Text)] {
                let words = text_at(piece, key).unwrap_or_default();
                self.words(index, kind, words.to_owned(), parts);
            }
            self.close(index, parts);
        }
        parts.extend(list("citations").filter_map(source).map(StreamPart::Source));
        for call in list("tool_calls") {
            let text = |path| call.pointer(path).and_then(Value::as_str).unwrap_or_default();
            parts.push(StreamPart::ToolCall(ToolCall {
                id: text("/id").to_owned(),
                name: text("/function/name").to_owned(),
                input: arguments(text("/function/arguments")),
                provider_executed: false,
                metadata: ProviderMetadata::new(),
            }));
        }
        self.take_end(&answer);
        parts.push(self.finish());
        Ok(())
    }
}

/// Arguments as the caller wants them: a tool without any gets `null` or nothing from this provider.
fn arguments(text: &str) -> String {
    match text.trim() {
        "" | "null" => "{}".to_owned(),
        text => text.to_owned(),
    }
}

fn source(citation: &Value) -> Option<Source> {
    let document = citation.pointer("/sources/0/document")?;
    let title = text_at(document, "title").filter(|title| !title.is_empty());
    Some(Source::Document {
        title: title.unwrap_or("Document").to_owned(),
        filename: None,
        media_type: Some("text/plain".to_owned()),
    })
}
