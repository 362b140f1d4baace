//! Answers of the orchestration: those of chat completions in an envelope.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::braces::Joiner;
use crate::json::text_at;
use crate::openai_chat;
use crate::protocol::Fault;
use crate::stream::{StreamError, StreamPart};

/// As many texts and calls of one answer are told apart; no model begins more.
const MOST_OPEN: usize = 1024;

/// Decodes one answer.
#[derive(Debug)]
pub struct Decoder {
    chat: openai_chat::Decoder,
    joiners: HashMap<String, Joiner>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    final_result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

impl Decoder {
    /// A decoder around that of what is in the envelope.
    #[must_use]
    pub fn new(chat: openai_chat::Decoder) -> Self {
        Self {
            chat,
            joiners: HashMap::new(),
        }
    }

    /// Reads the data of one event.
    ///
    /// # Errors
    ///
    /// When nothing that follows can be of use.
    pub fn event(&mut self, data: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let before = parts.len();
        match serde_json::from_str(data) {
            Ok(Envelope {
                error: Some(error), ..
            }) => parts.push(StreamPart::Error(failure(error))),
            Ok(Envelope {
                final_result: Some(result),
                ..
            }) => self.chat.event(result.get(), parts)?,
            // What the modules before the model did.
            Ok(Envelope { .. }) => {}
            // The decoder inside says what is wrong with it.
            Err(_) => self.chat.event(data, parts)?,
        }
        self.join(parts, before);
        Ok(())
    }

    /// The streamed answer has ended.
    ///
    /// # Errors
    ///
    /// As for chat completions.
    pub fn end(&mut self, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let before = parts.len();
        self.chat.end(parts)?;
        self.join(parts, before);
        Ok(())
    }

    /// Reads an answer that came whole.
    ///
    /// # Errors
    ///
    /// When it is no answer of this protocol.
    pub fn whole(&mut self, body: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let envelope: Envelope<'_> = serde_json::from_str(body).map_err(|error| Fault::unreadable(&error))?;
        if let Some(error) = envelope.error {
            let error = failure(error);
            return Err(Fault::Refused {
                status: 500,
                message: error.message,
                retryable: false,
                body: body.to_owned(),
            });
        }
        let Some(result) = envelope.final_result else {
            return Err(Fault::Broken {
                message: "the answer has no result".to_owned(),
            });
        };
        let before = parts.len();
        self.chat.whole(result.get(), parts)?;
        self.join(parts, before);
        Ok(())
    }

    /// Takes the marks out of what the model wrote.
    fn join(&mut self, parts: &mut [StreamPart], before: usize) {
        for part in parts.iter_mut().skip(before) {
            match part {
                StreamPart::TextDelta { id, delta, .. }
                | StreamPart::ReasoningDelta { id, delta, .. }
                | StreamPart::ToolInputDelta { id, delta } => {
                    if self.joiners.len() >= MOST_OPEN && !self.joiners.contains_key(id.as_str()) {
                        continue;
                    }
                    self.joiners.entry(id.clone()).or_default().take(delta);
                }
                StreamPart::ToolCall(call) => Joiner::default().take(&mut call.input),
                _ => {}
            }
        }
    }
}

/// An error is an object, or a list of which the first counts.
fn failure(error: &RawValue) -> StreamError {
    let error: Value = serde_json::from_str(error.get()).unwrap_or(Value::Null);
    let first = error.get(0).unwrap_or(&error);
    StreamError {
        message: text_at(first, "message")
            .unwrap_or("SAP AI Core reports an error without words")
            .to_owned(),
        code: first
            .get("code")
            .filter(|code| !code.is_null())
            .map(crate::json::stringify),
        body: Some(error),
    }
}
