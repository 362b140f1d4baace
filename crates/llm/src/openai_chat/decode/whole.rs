//! An answer that came whole.

use serde_json::Value;

use super::calls::{call_metadata, new_id, signature};
use super::details::words;
use super::sources::{image_parts, url_citation};
use super::words::thought;
use super::{Decoder, REASONING_ID, TEXT_ID};
use crate::json::{present, text_at};
use crate::openai_chat::dialect::{Citations, Facts, Piece, ReasoningPlace};
use crate::openai_chat::usage::Record;
use crate::protocol::Fault;
use crate::refusal;
use crate::stream::{ProviderMetadata, Source, StreamPart, ToolCall};

impl Decoder {
    /// Reads an answer that came whole.
    ///
    /// # Errors
    ///
    /// When it is no answer of this protocol, or one that says that the call failed.
    pub fn whole(&mut self, body: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let answer: Value = serde_json::from_str(body).map_err(|error| Fault::unreadable(&error))?;
        if let Some(error) = present(answer.get("error")) {
            return Err(refusal::in_place(error, &answer));
        }
        let choice = answer.get("choices").and_then(|choices| choices.get(0));
        let message = choice.and_then(|choice| choice.get("message"));
        let Some(message) = message.filter(|message| message.is_object()) else {
            return Err(Fault::Broken {
                message: "the answer holds no message".to_owned(),
            });
        };
        let text = |key: &str| {
            text_at(&answer, key)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        self.gathered.provider = text("provider");
        parts.push(StreamPart::ResponseMetadata {
            id: text("id"),
            model: text("model"),
        });
        if let Some(pieces) = message.get("reasoning_details").and_then(Value::as_array) {
            self.details.take_all(pieces.clone());
        }
        if self.rules.reasoning == ReasoningPlace::TextAndOpaque {
            self.details.take_opaque(text_at(message, "reasoning_opaque"));
        }
        self.bill.read(body);
        self.gathered.encrypted = message.get("reasoning_encrypted").and_then(Value::as_bool);
        for piece in self.rules.order {
            match piece {
                Piece::Text => self.whole_text(message, parts),
                Piece::Reasoning => self.whole_reasoning(message, parts),
                Piece::Calls => {
                    let before = parts.len();
                    self.whole_calls(message, parts)?;
                    // Parity: calls count in a whole answer unless the reason names them (§4.2).
                    if choice.and_then(|choice| text_at(choice, "finish_reason")) == Some("tool_calls") {
                        self.hide_calls(before, parts);
                    }
                }
                Piece::Images => parts.extend(image_parts(message.get("images").unwrap_or(&Value::Null))),
                Piece::Sources => self.whole_sources(&answer, message, parts),
            }
        }
        if let Some(word) = choice.and_then(|choice| text_at(choice, "finish_reason")) {
            self.take_reason(word);
        }
        let calls = message.get("tool_calls").and_then(Value::as_array);
        self.settle_reason(calls.is_some_and(|calls| !calls.is_empty()));
        if let Some(record) = present(answer.get("usage")) {
            let record: Record =
                serde_json::from_value(record.clone()).map_err(|error| Fault::unreadable(&error))?;
            self.usage = Some(record);
        }
        parts.push(StreamPart::Finish(self.finish()));
        Ok(())
    }

    fn whole_text(&mut self, message: &Value, parts: &mut Vec<StreamPart>) {
        if let Some(pieces) = message.get("content").and_then(Value::as_array) {
            for piece in pieces {
                match text_at(piece, "type") {
                    Some("text") => push_text(text_at(piece, "text").unwrap_or_default(), parts),
                    Some("thinking") => push_reasoning(&thought(piece), &ProviderMetadata::new(), parts),
                    _ => {}
                }
            }
            return;
        }
        let text = text_at(message, "content").unwrap_or_default();
        self.text_begun = !text.is_empty();
        if self.echo.as_deref() == Some(text) {
            return;
        }
        if self.think_tags.is_none() {
            push_text(text, parts);
            return;
        }
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("<think>") {
            push_text(before, parts);
            let (inner, after) = after.split_once("</think>").unwrap_or((after, ""));
            push_reasoning(inner, &ProviderMetadata::new(), parts);
            rest = after;
        }
        push_text(rest, parts);
    }

    fn whole_reasoning(&self, message: &Value, parts: &mut Vec<StreamPart>) {
        let text = |key: &str| text_at(message, key);
        let opaque = self.details.opaque(&self.namespace).unwrap_or_default();
        let reasoning = match self.rules.reasoning {
            ReasoningPlace::Nowhere => None,
            ReasoningPlace::TextAndOpaque => text("reasoning_text"),
            ReasoningPlace::Content => text("reasoning_content"),
            ReasoningPlace::Plain => text("reasoning"),
            ReasoningPlace::ContentElsePlain => text("reasoning_content").or_else(|| text("reasoning")),
            ReasoningPlace::Details if !self.details.pieces().is_empty() => {
                let pieces = message.get("reasoning_details").and_then(Value::as_array);
                for piece in pieces.into_iter().flatten() {
                    let Some(words) = words(piece) else { continue };
                    let mut alone = super::Details::default();
                    alone.take_all(vec![piece.clone()]);
                    push_reasoning(&words, &alone.metadata(&self.namespace), parts);
                }
                return;
            }
            ReasoningPlace::Details => text("reasoning"),
        };
        push_reasoning(reasoning.unwrap_or_default(), &opaque, parts);
    }

    fn whole_calls(&mut self, message: &Value, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let mut seen = std::collections::HashSet::new();
        for call in message
            .get("tool_calls")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let Some(name) = call.pointer("/function/name").and_then(Value::as_str) else {
                return Err(Fault::Broken {
                    message: "a tool call of the answer has no name".to_owned(),
                });
            };
            let given = text_at(call, "id")
                .filter(|id| !(id.is_empty() || self.rules.calls.invents_ids && seen.contains(*id)));
            let id = given.map_or_else(new_id, str::to_owned);
            seen.insert(id.clone());
            let input = call
                .pointer("/function/arguments")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let signature = call.get("extra_content").and_then(signature);
            parts.push(StreamPart::ToolCall(ToolCall {
                id,
                name: name.to_owned(),
                input: if input.is_empty() {
                    "{}".to_owned()
                } else {
                    input.to_owned()
                },
                provider_executed: false,
                metadata: call_metadata(signature.as_deref(), &self.namespace, &mut self.details),
            }));
        }
        Ok(())
    }

    fn whole_sources(&mut self, answer: &Value, message: &Value, parts: &mut Vec<StreamPart>) {
        if self.rules.facts == Facts::Perplexity {
            self.gathered.keep_images(answer.get("images"));
        }
        if self.rules.citations != Citations::Nowhere {
            let urls = answer
                .get("citations")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            parts.extend(urls.map(|url| {
                StreamPart::Source(Source::Url {
                    url: url.to_owned(),
                    title: None,
                })
            }));
        }
        if !self.rules.annotations {
            return;
        }
        for annotation in message
            .get("annotations")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            match text_at(annotation, "type") {
                Some("url_citation") => parts.extend(url_citation(annotation).map(StreamPart::Source)),
                Some("file") => self.gathered.keep_file(annotation.clone()),
                _ => {}
            }
        }
    }
}

fn push_text(text: &str, parts: &mut Vec<StreamPart>) {
    if text.is_empty() {
        return;
    }
    let (id, metadata) = (TEXT_ID.to_owned(), ProviderMetadata::new());
    parts.push(StreamPart::TextStart {
        id: id.clone(),
        metadata: metadata.clone(),
    });
    parts.push(StreamPart::TextDelta {
        id: id.clone(),
        delta: text.to_owned(),
        metadata: metadata.clone(),
    });
    parts.push(StreamPart::TextEnd { id, metadata });
}

fn push_reasoning(text: &str, metadata: &ProviderMetadata, parts: &mut Vec<StreamPart>) {
    if text.is_empty() {
        return;
    }
    let (id, none) = (REASONING_ID.to_owned(), ProviderMetadata::new());
    parts.push(StreamPart::ReasoningStart {
        id: id.clone(),
        metadata: none.clone(),
    });
    parts.push(StreamPart::ReasoningDelta {
        id: id.clone(),
        delta: text.to_owned(),
        metadata: none,
    });
    parts.push(StreamPart::ReasoningEnd {
        id,
        metadata: metadata.clone(),
    });
}
