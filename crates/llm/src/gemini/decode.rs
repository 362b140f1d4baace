//! From the chunks of an answer, or a whole answer, to parts.
//!
//! A chunk holds whole parts: words, thoughts, calls, files. Neighbours of one kind are one text. The
//! provider gives calls no ids, so that they are made up; its finish reason may come in a chunk of its own,
//! and its count of tokens in each (reference `providers.md` §4.4).

mod arguments;
mod calls;
mod sources;
mod wire;

use std::collections::HashSet;

use serde_json::Value;
use serde_json::value::RawValue;

use self::calls::OpenCall;
use self::wire::{Candidate, Chunk, Grounding, Part, Record};
use super::Dialect;
use crate::json::{Body, Text, present, text_at};
use crate::openai_chat::decode::new_id as id;
use crate::protocol::{Fault, HELD_LIMIT};
use crate::request::Object;
use crate::stream::{Finish, FinishReason, ProviderMetadata, Source, StreamError, StreamPart, Usage};

/// A text that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Reasoning,
}

/// Decodes one answer.
#[derive(Debug)]
pub struct Decoder {
    dialect: &'static Dialect,
    /// What is open, and its number.
    open: Option<(Kind, u64)>,
    /// Texts so far.
    texts: u64,
    /// A call whose arguments are coming.
    call: Option<OpenCall>,
    /// The model wants a tool of ours.
    called: bool,
    code_call: Option<String>,
    server_call: Option<String>,
    introduced: bool,
    pages: HashSet<String>,
    usage: Option<Record>,
    reason: Option<String>,
    /// An error was passed on, and nothing says that the answer ended well after all.
    failed: bool,
    facts: Facts,
    held: usize,
}

/// Facts for the caller's records.
#[derive(Debug, Default)]
struct Facts {
    prompt_feedback: Option<Value>,
    grounding: Option<Value>,
    url_context: Option<Value>,
    safety: Option<Value>,
    usage: Option<Value>,
    finish_message: Option<Value>,
    service_tier: Option<String>,
}

impl Decoder {
    /// A decoder for an answer of one of the services.
    #[must_use]
    pub fn new(dialect: &'static Dialect) -> Self {
        Self {
            dialect,
            open: None,
            texts: 0,
            call: None,
            called: false,
            code_call: None,
            server_call: None,
            introduced: false,
            pages: HashSet::new(),
            usage: None,
            reason: None,
            failed: false,
            facts: Facts::default(),
            held: 0,
        }
    }

    /// Reads the data of one event.
    ///
    /// # Errors
    ///
    /// When the answer holds more than is sane.
    pub fn event(&mut self, data: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        if let Err(error) = self.read(data, parts) {
            self.fail(
                StreamError {
                    message: format!("an event of the answer cannot be read: {error}"),
                    code: None,
                    body: serde_json::from_str(data).ok(),
                },
                parts,
            );
        }
        let held = self
            .held
            .saturating_add(self.call.as_ref().map_or(0, OpenCall::held));
        if held > HELD_LIMIT {
            return Err(Fault::too_much());
        }
        Ok(())
    }

    /// The answer has ended.
    pub(crate) fn end(&mut self, parts: &mut Vec<StreamPart>) {
        self.close_text(parts);
        self.close_call(parts);
        parts.push(StreamPart::Finish(self.finish()));
    }

    /// Reads an answer that came whole.
    ///
    /// # Errors
    ///
    /// When it is no answer of this protocol.
    pub fn whole(&mut self, body: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let chunk: Chunk<'_> = serde_json::from_str(body).map_err(|error| Fault::unreadable(&error))?;
        if let Some(error) = chunk.error {
            return Err(refusal(error));
        }
        if chunk.candidates.as_ref().is_none_or(Vec::is_empty) && chunk.prompt_feedback.is_none() {
            return Err(Fault::Broken {
                message: "the answer holds no candidate".to_owned(),
            });
        }
        self.chunk(chunk, parts)
            .map_err(|error| Fault::unreadable(&error))?;
        self.end(parts);
        Ok(())
    }

    fn read(&mut self, data: &str, parts: &mut Vec<StreamPart>) -> Result<(), serde_json::Error> {
        let chunk: Chunk<'_> = serde_json::from_str(data)?;
        if let Some(error) = chunk.error {
            let error: Value = serde_json::from_str(error.get())?;
            self.fail(stream_error(&error), parts);
            return Ok(());
        }
        self.chunk(chunk, parts)
    }

    fn fail(&mut self, error: StreamError, parts: &mut Vec<StreamPart>) {
        self.failed = true;
        parts.push(StreamPart::Error(error));
    }

    fn chunk(&mut self, chunk: Chunk<'_>, parts: &mut Vec<StreamPart>) -> Result<(), serde_json::Error> {
        if let Some(raw) = chunk.usage_metadata {
            self.usage = serde_json::from_str(raw.get())?;
        }
        if let Some(tier) = chunk.service_tier {
            self.facts.service_tier = Some(tier.into_string());
        }
        if let Some(feedback) = chunk.prompt_feedback {
            self.facts.prompt_feedback = serde_json::from_str(feedback.get())?;
        }
        if !self.introduced && (chunk.model_version.is_some() || chunk.response_id.is_some()) {
            self.introduced = true;
            let text = |raw: Option<&RawValue>| raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
            parts.push(StreamPart::ResponseMetadata {
                id: text(chunk.response_id),
                model: text(chunk.model_version),
            });
        }
        // Some chunks have an empty list.
        if let Some(candidate) = chunk.candidates.and_then(|list| list.into_iter().next()) {
            self.candidate(candidate, chunk.usage_metadata, parts)?;
        }
        Ok(())
    }

    fn candidate(
        &mut self,
        candidate: Candidate<'_>,
        usage: Option<&RawValue>,
        parts: &mut Vec<StreamPart>,
    ) -> Result<(), serde_json::Error> {
        if let Some(raw) = candidate.grounding_metadata {
            self.grounding(raw, parts)?;
        }
        if let Some(raw) = candidate.url_context_metadata {
            self.facts.url_context = serde_json::from_str(raw.get())?;
        }
        for part in candidate
            .content
            .and_then(|content| content.parts)
            .unwrap_or_default()
        {
            self.part(part, parts);
        }
        if let Some(reason) = candidate.finish_reason {
            // The provider sometimes forgets to close the last call.
            self.close_call(parts);
            self.reason = Some(reason.into_string());
            let value = |raw: Option<&RawValue>| raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
            self.facts.safety = value(candidate.safety_ratings);
            self.facts.finish_message = value(candidate.finish_message);
            self.facts.usage = value(usage);
        }
        Ok(())
    }

    fn grounding(&mut self, raw: &RawValue, parts: &mut Vec<StreamPart>) -> Result<(), serde_json::Error> {
        let grounding: Grounding<'_> = serde_json::from_str(raw.get())?;
        for source in sources::sources(&grounding) {
            // The record grows from chunk to chunk.
            let name = match &source {
                Source::Url { url, .. } => url.clone(),
                Source::Document { title, filename, .. } => {
                    format!("{title}\n{}", filename.as_deref().unwrap_or_default())
                }
            };
            let cost = name.len();
            if self.pages.insert(name) {
                self.held = self.held.saturating_add(cost);
                parts.push(StreamPart::Source(source));
            }
        }
        self.facts.grounding = serde_json::from_str(raw.get())?;
        Ok(())
    }

    fn part(&mut self, part: Part<'_>, parts: &mut Vec<StreamPart>) {
        if self.code(&part, parts) {
            return;
        }
        let signature = part
            .thought_signature
            .filter(|signature| !signature.as_str().is_empty());
        if let Some(call) = part.function_call {
            let metadata = self.signed(signature.as_ref());
            self.function_call(call, metadata, parts);
        } else if let Some(file) = part.inline_data {
            self.close_text(parts);
            parts.push(StreamPart::File {
                media_type: file.mime_type.into_string(),
                data: file.data.into_string(),
            });
        } else if let Some(call) = part.tool_call {
            self.server_call(call, signature.as_ref(), parts);
        } else if let Some(response) = part.tool_response {
            self.server_response(response, signature.as_ref(), parts);
        } else if let Some(text) = part.text {
            let metadata = self.signed(signature.as_ref());
            let kind = if part.thought == Some(true) {
                Kind::Reasoning
            } else {
                Kind::Text
            };
            self.words(kind, text, metadata, parts);
        }
    }

    fn words(&mut self, kind: Kind, text: Text<'_>, metadata: ProviderMetadata, parts: &mut Vec<StreamPart>) {
        if text.as_str().is_empty() {
            // A signature that comes late belongs to what is open.
            if let Some((kind, number)) = self.open.filter(|_| !metadata.is_empty()) {
                parts.push(delta(kind, number, String::new(), metadata));
            }
            return;
        }
        let number = match self.open {
            Some((open, number)) if open == kind => number,
            _ => {
                self.close_text(parts);
                let number = self.texts;
                self.texts += 1;
                self.open = Some((kind, number));
                let (id, metadata) = (number.to_string(), metadata.clone());
                parts.push(match kind {
                    Kind::Text => StreamPart::TextStart { id, metadata },
                    Kind::Reasoning => StreamPart::ReasoningStart { id, metadata },
                });
                number
            }
        };
        parts.push(delta(kind, number, text.into_string(), metadata));
    }

    fn close_text(&mut self, parts: &mut Vec<StreamPart>) {
        let Some((kind, number)) = self.open.take() else {
            return;
        };
        let (id, metadata) = (number.to_string(), ProviderMetadata::new());
        parts.push(match kind {
            Kind::Text => StreamPart::TextEnd { id, metadata },
            Kind::Reasoning => StreamPart::ReasoningEnd { id, metadata },
        });
    }

    fn signed(&self, signature: Option<&Text<'_>>) -> ProviderMetadata {
        let Some(signature) = signature else {
            return ProviderMetadata::new();
        };
        let mut facts = Body::new();
        facts.set("thoughtSignature", signature.as_str());
        self.metadata(facts)
    }

    fn metadata(&self, facts: Body) -> ProviderMetadata {
        match facts.into_value() {
            Value::Object(facts) => [(self.dialect.namespace().to_owned(), facts)]
                .into_iter()
                .collect(),
            _ => ProviderMetadata::new(),
        }
    }

    fn finish(&self) -> Finish {
        let reason = match self.reason.as_deref() {
            Some("STOP") if self.called => FinishReason::ToolCalls,
            Some("STOP") => FinishReason::Stop,
            Some("MAX_TOKENS") => FinishReason::Length,
            Some("IMAGE_SAFETY" | "RECITATION" | "SAFETY" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII") => {
                FinishReason::ContentFilter
            }
            Some("MALFORMED_FUNCTION_CALL") => FinishReason::Error,
            Some(_) => FinishReason::Other,
            None if self.failed => FinishReason::Error,
            None if self.blocked() => FinishReason::ContentFilter,
            None => FinishReason::Other,
        };
        let mut metadata = ProviderMetadata::new();
        if self.reason.is_some() || self.facts.prompt_feedback.is_some() {
            metadata.insert(self.dialect.namespace().to_owned(), self.facts.object());
        }
        Finish {
            reason,
            raw: self.reason.clone(),
            usage: self.usage.map(Record::usage).unwrap_or_default(),
            metadata,
        }
    }

    /// The provider did not let the model answer at all.
    fn blocked(&self) -> bool {
        let feedback = self.facts.prompt_feedback.as_ref();
        feedback.is_some_and(|feedback| text_at(feedback, "blockReason").is_some())
    }
}

impl Record {
    fn usage(self) -> Usage {
        let count = |count: Option<crate::json::Count>| count.unwrap_or_default().0;
        let thoughts = count(self.thoughts_token_count);
        Usage {
            input: Some(count(self.prompt_token_count)),
            output: Some(count(self.candidates_token_count).saturating_add(thoughts)),
            reasoning: Some(thoughts),
            cache_read: Some(count(self.cached_content_token_count)),
            cache_write: None,
            total: None,
        }
        .summed()
    }
}

impl Facts {
    fn object(&self) -> Object {
        let or_null = |value: &Option<Value>| value.clone().unwrap_or(Value::Null);
        [
            ("promptFeedback", or_null(&self.prompt_feedback)),
            ("groundingMetadata", or_null(&self.grounding)),
            ("urlContextMetadata", or_null(&self.url_context)),
            ("safetyRatings", or_null(&self.safety)),
            ("usageMetadata", or_null(&self.usage)),
            ("finishMessage", or_null(&self.finish_message)),
            (
                "serviceTier",
                self.service_tier.as_deref().map_or(Value::Null, Value::from),
            ),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }
}

fn delta(kind: Kind, number: u64, delta: String, metadata: ProviderMetadata) -> StreamPart {
    let id = number.to_string();
    match kind {
        Kind::Text => StreamPart::TextDelta { id, delta, metadata },
        Kind::Reasoning => StreamPart::ReasoningDelta { id, delta, metadata },
    }
}

fn stream_error(error: &Value) -> StreamError {
    StreamError {
        message: text_at(error, "message")
            .unwrap_or("the provider reports an error without words")
            .to_owned(),
        code: text_at(error, "status").map(str::to_owned),
        body: present(Some(error)).cloned(),
    }
}

/// An error in the place of an answer.
fn refusal(raw: &RawValue) -> Fault {
    let error: Value = serde_json::from_str(raw.get()).unwrap_or(Value::Null);
    let status = error
        .get("code")
        .and_then(Value::as_u64)
        .and_then(|code| u16::try_from(code).ok());
    let status = status.filter(|status| (400..600).contains(status)).unwrap_or(500);
    Fault::Refused {
        status,
        message: stream_error(&error).message,
        retryable: crate::error::is_retryable_status(status),
        body: raw.get().to_owned(),
    }
}
