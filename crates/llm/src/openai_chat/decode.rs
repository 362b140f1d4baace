//! From the chunks of an answer, or a whole answer, to parts.
//!
//! One state machine for all dialects; [`AnswerRules`] says where they part. Only the first choice counts.

mod arguments;
mod calls;
mod details;
mod facts;
mod sources;
mod whole;
mod wire;
mod words;

use serde_json::Value;
use serde_json::value::RawValue;

use self::calls::Calls;
pub(crate) use self::calls::new_id;
use self::details::Details;
use self::facts::Gathered;
use self::sources::{citations, image_parts};
use self::wire::{Choice, Chunk};
use super::dialect;
use super::dialect::{AnswerRules, Citations, Dialect, ReasoningPlace};
use super::usage::{Record, usage};
use crate::bill::Bill;
use crate::protocol::{Fault, HELD_LIMIT};
use crate::refusal;
use crate::stream::{Finish, FinishReason, StreamError, StreamPart};

const TEXT_ID: &str = "txt-0";
const REASONING_ID: &str = "reasoning-0";

/// Decodes one answer.
#[derive(Debug)]
pub struct Decoder {
    rules: &'static AnswerRules,
    /// The name under which metadata goes.
    namespace: String,
    /// Text that is no news at the head of the answer.
    echo: Option<String>,
    /// The model thinks inside the text; the flag says whether it does so now.
    think_tags: Option<bool>,
    /// Facts about the answer have been given out.
    introduced: bool,
    /// Addresses have been given out.
    cited: bool,
    /// Content has come.
    begun: bool,
    text_open: bool,
    /// A text has been opened at some time.
    text_begun: bool,
    reasoning_open: bool,
    last_reasoning: Option<String>,
    /// JSON was asked for, and calls beside it do not count.
    hides_calls: bool,
    calls: Calls,
    details: Details,
    gathered: Gathered,
    usage: Option<Record>,
    bill: Bill,
    reason: FinishReason,
    raw_reason: Option<String>,
}

impl Decoder {
    /// A decoder for answers in a dialect.
    #[must_use]
    pub fn new(dialect: &'static Dialect, namespace: &str) -> Self {
        let rules = &dialect.answer;
        let details = Details::new(rules.reasoning == ReasoningPlace::Details);
        Self {
            rules,
            namespace: namespace.to_owned(),
            echo: None,
            think_tags: None,
            introduced: false,
            cited: false,
            begun: false,
            text_open: false,
            text_begun: false,
            reasoning_open: false,
            last_reasoning: None,
            hides_calls: false,
            calls: Calls::new(rules.calls),
            details,
            gathered: Gathered::default(),
            usage: None,
            bill: Bill::default(),
            reason: FinishReason::Other,
            raw_reason: None,
        }
    }

    /// Says which model answers; some have ways of their own.
    pub(super) fn set_model(&mut self, model_id: &str) {
        if self.rules.think_tag_models.contains(&model_id) {
            self.think_tags = Some(false);
        }
    }

    /// Says whether the answer shall be JSON.
    pub(super) fn set_json_wanted(&mut self, wanted: bool) {
        self.hides_calls = wanted && self.rules.json_hides_calls;
    }

    /// Says what the request ended with, if the model was to go on with it.
    pub(super) fn set_echo(&mut self, text: Option<&str>) {
        self.echo = text.filter(|_| self.rules.echoes).map(str::to_owned);
    }

    /// Reads the data of one event.
    ///
    /// # Errors
    ///
    /// When nothing that follows can be of use.
    pub fn event(&mut self, data: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let chunk: Chunk<'_> = match serde_json::from_str(data) {
            Ok(chunk) => chunk,
            Err(error) => {
                self.error(unreadable(&error.to_string(), data), parts);
                return Ok(());
            }
        };
        if let Some(error) = chunk.error {
            let error: Value = serde_json::from_str(error.get()).unwrap_or(Value::Null);
            if self.rules.early_errors && !self.begun {
                return Err(refusal::early(&error));
            }
            self.error(refusal::stream_error(&error), parts);
            return Ok(());
        }
        if chunk.choices.is_none() && chunk.usage.is_none() && chunk.x_groq.is_none() {
            self.error(refusal::bare(data), parts);
            return Ok(());
        }
        self.bill.read(data);
        self.introduce(&chunk, parts);
        self.take_record(&chunk);
        let first = chunk.choices.and_then(|choices| choices.into_iter().next());
        if let Some(choice) = first {
            self.choice(choice, parts)?;
        }
        if self.held() > HELD_LIMIT {
            Err(Fault::too_much())
        } else {
            Ok(())
        }
    }

    /// The stream has ended in an orderly way.
    ///
    /// # Errors
    ///
    /// When a call was left without a name.
    pub fn end(&mut self, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        self.settle_reason(!self.calls.is_empty());
        let ended_for_calls = self.reason == FinishReason::ToolCalls;
        let mut ends = Vec::new();
        self.end_reasoning(&mut ends);
        self.end_text(&mut ends);
        if self.rules.reasoning == ReasoningPlace::Details {
            // The metadata of calls says what was thought, so that they come before its end.
            self.calls
                .end(ended_for_calls, &self.namespace, &mut self.details, parts)?;
            parts.append(&mut ends);
        } else {
            parts.append(&mut ends);
            let before = parts.len();
            self.calls
                .end(ended_for_calls, &self.namespace, &mut self.details, parts)?;
            self.hide_calls(before, parts);
        }
        parts.push(StreamPart::Finish(self.finish()));
        Ok(())
    }

    fn finish(&self) -> Finish {
        let mut metadata = self.gathered.metadata(
            self.rules.facts,
            &self.namespace,
            self.usage.as_ref(),
            &self.details,
        );
        self.bill.add_to(&mut metadata);
        Finish {
            reason: self.reason,
            raw: self.raw_reason.clone(),
            usage: usage(&self.rules.usage, self.usage.as_ref()),
            metadata,
        }
    }

    /// Calls that the provider forgets to name as the reason of the end.
    fn settle_reason(&mut self, has_calls: bool) {
        if self.hides_calls && self.text_begun && self.raw_reason.as_deref() == Some("tool_calls") {
            self.reason = FinishReason::Stop;
        }
        if !(self.rules.calls.set_reason && has_calls) {
            return;
        }
        let hidden = self.reason == FinishReason::Stop && self.details.has_encrypted();
        if hidden || self.reason == FinishReason::Other {
            self.reason = FinishReason::ToolCalls;
        }
    }

    fn error(&mut self, error: StreamError, parts: &mut Vec<StreamPart>) {
        if self.rules.error_ends {
            self.reason = FinishReason::Error;
            self.raw_reason = None;
        }
        parts.push(StreamPart::Error(error));
    }

    fn introduce(&mut self, chunk: &Chunk<'_>, parts: &mut Vec<StreamPart>) {
        let text = |raw: Option<&RawValue>| -> Option<String> {
            raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
                .filter(|text: &String| !text.is_empty())
        };
        if self.gathered.provider.is_none() {
            self.gathered.provider = text(chunk.provider);
        }
        let cites = match self.rules.citations {
            Citations::Nowhere => false,
            Citations::Anywhere => true,
            Citations::Repeated => !self.cited,
        };
        if cites {
            self.cited = true;
            citations(chunk.citations, parts);
        }
        if self.rules.facts == dialect::Facts::Perplexity {
            let images = chunk.images.and_then(|raw| serde_json::from_str(raw.get()).ok());
            self.gathered.keep_images(images.as_ref());
        }
        if self.introduced {
            return;
        }
        let (id, model) = (text(chunk.id), text(chunk.model));
        if id.is_some() || model.is_some() {
            self.introduced = true;
            parts.push(StreamPart::ResponseMetadata { id, model });
        }
    }

    fn take_record(&mut self, chunk: &Chunk<'_>) {
        let groq = || {
            let raw = chunk.x_groq.filter(|_| self.rules.usage.in_x_groq)?;
            let wrapped: wire::XGroq = serde_json::from_str(raw.get()).ok()?;
            wrapped.usage
        };
        if let Some(record) = groq().or_else(|| chunk.usage.clone()) {
            self.usage = Some(record);
        }
    }

    fn choice(&mut self, choice: Choice<'_>, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        if let Some(word) = choice.finish_reason {
            self.take_reason(word.as_str());
        }
        let Some(mut delta) = choice.delta else {
            return Ok(());
        };
        if self.think_tags.is_some() {
            self.untag(&mut delta);
        }
        self.reasoning(&delta, parts);
        self.content(&delta, parts);
        if let Some(annotations) = delta.annotations {
            self.annotations(annotations, parts);
        }
        if let Some(pieces) = delta.tool_calls {
            self.end_reasoning_for_calls(parts);
            if self.rules.closes_text {
                self.end_text(parts);
            }
            self.begun |= !pieces.is_empty();
            let before = parts.len();
            for piece in pieces {
                self.calls
                    .take(&piece, &self.namespace, &mut self.details, parts)?;
            }
            self.hide_calls(before, parts);
        }
        if let Some(images) = delta.images
            && self.rules.order.contains(&dialect::Piece::Images)
        {
            parts.extend(image_parts(
                &serde_json::from_str(images.get()).unwrap_or(Value::Null),
            ));
        }
        Ok(())
    }

    /// Takes back what was said of calls, if they do not count.
    fn hide_calls(&self, from: usize, parts: &mut Vec<StreamPart>) {
        if self.hides_calls && self.text_begun {
            parts.truncate(from);
        }
    }

    fn take_reason(&mut self, word: &str) {
        self.reason = self.reason_of(word);
        self.raw_reason = Some(word.to_owned());
    }

    fn reason_of(&self, word: &str) -> FinishReason {
        match word {
            "stop" => FinishReason::Stop,
            "length" => FinishReason::Length,
            "content_filter" => FinishReason::ContentFilter,
            "tool_calls" | "function_call" => FinishReason::ToolCalls,
            word => {
                let further = self.rules.end_words.iter().find(|(known, _)| *known == word);
                further.map_or(FinishReason::Other, |(_, reason)| *reason)
            }
        }
    }

    fn held(&self) -> usize {
        self.calls
            .held()
            .saturating_add(self.details.held())
            .saturating_add(self.gathered.held())
    }
}

fn unreadable(reason: &str, data: &str) -> StreamError {
    StreamError {
        message: format!("an event of the answer cannot be read: {reason}"),
        code: None,
        body: serde_json::from_str(data).ok(),
    }
}
