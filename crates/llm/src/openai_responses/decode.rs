//! From the events of an answer, or a whole answer, to parts.
//!
//! Items are told apart by their place in the answer, not by their ids: some servers change the ids while an
//! item comes.

mod items;
mod slots;
mod thoughts;
mod whole;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use self::slots::{Slot, Slots};
use super::dialect::Dialect;
use super::wire::{Event, Reading};
use super::{failure, usage, wire};
use crate::bill::Bill;
use crate::json::{Text, present, text_at};
use crate::protocol::{Fault, HELD_LIMIT};
use crate::stream::{Finish, FinishReason, ProviderMetadata, Source, StreamPart, Usage};

/// Decodes one answer.
#[derive(Debug)]
pub struct Decoder {
    namespace: &'static str,
    /// What was written to the cache is counted.
    counts_cache_writes: bool,
    /// The answer is kept by the provider, as the request said.
    stored: bool,
    /// The request asked how likely other words were.
    keeps_logprobs: bool,
    /// Something other than the answer's own data has come.
    begun: bool,
    has_calls: bool,
    /// An error was told of.
    failed: bool,
    slots: Slots,
    /// What the open text refers to.
    annotations: Vec<Value>,
    /// The phase that the open text belongs to.
    phase: Option<String>,
    /// Searches for tools that the provider ran, without a result yet.
    searches: std::collections::VecDeque<String>,
    response_id: Option<String>,
    service_tier: Option<String>,
    reasoning_context: Option<String>,
    logprobs: Vec<Value>,
    usage: Usage,
    pub(super) bill: Bill,
    reason: FinishReason,
    raw_reason: Option<String>,
    /// Bytes in the lists above.
    held: usize,
}

impl Decoder {
    /// A decoder for answers in a dialect.
    #[must_use]
    pub fn new(dialect: &Dialect) -> Self {
        Self {
            namespace: dialect.namespace(),
            counts_cache_writes: dialect.counts_cache_writes,
            stored: false,
            keeps_logprobs: false,
            begun: false,
            has_calls: false,
            failed: false,
            slots: Slots::default(),
            annotations: Vec::new(),
            phase: None,
            searches: std::collections::VecDeque::new(),
            response_id: None,
            service_tier: None,
            reasoning_context: None,
            logprobs: Vec::new(),
            usage: Usage::default(),
            bill: Bill::default(),
            reason: FinishReason::Other,
            raw_reason: None,
            held: 0,
        }
    }

    /// Says whether the provider keeps the answer: then thoughts are whole as soon as they end.
    pub(super) fn set_stored(&mut self, stored: bool) {
        self.stored = stored;
    }

    /// Says whether the request asked how likely other words were.
    pub(super) fn set_keeps_logprobs(&mut self, keeps: bool) {
        self.keeps_logprobs = keeps;
    }

    /// Reads the data of one event.
    ///
    /// # Errors
    ///
    /// When nothing that follows can be of use.
    pub fn event(&mut self, data: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        self.bill.read(data);
        match wire::read(data) {
            Reading::Event(event) => self.take(&event, data, parts)?,
            Reading::Strange => tracing::debug!("event of another shape is read over"),
            Reading::Unreadable(message) => {
                self.begun = true;
                self.reason = FinishReason::Error;
                self.raw_reason = None;
                parts.push(StreamPart::Error(failure::unreadable(message, data)));
            }
        }
        if self.held.saturating_add(self.slots.held()) > HELD_LIMIT {
            Err(Fault::too_much())
        } else {
            Ok(())
        }
    }

    fn take(&mut self, event: &Event<'_>, data: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let kind = event.kind.as_ref().map(Text::as_str).unwrap_or_default();
        match kind {
            "response.created" => {
                self.introduce(event.response, parts);
                return Ok(());
            }
            "response.failed" => return self.fail(data, parts),
            "error" => return self.error(data, parts),
            "response.output_text.delta" => self.text(event, parts),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.arguments(event, parts);
            }
            "response.output_item.added" => self.item_added(event, parts),
            "response.output_item.done" => self.item_done(event, parts),
            "response.reasoning_summary_part.added" => self.thought_added(event, parts),
            "response.reasoning_summary_text.delta" => self.thought(event, parts),
            "response.reasoning_summary_part.done" => self.thought_done(event, parts),
            "response.output_text.annotation.added" => {
                let annotation = wire::value(event.annotation);
                parts.extend(source(&annotation).map(StreamPart::Source));
                self.held = self
                    .held
                    .saturating_add(event.annotation.map_or(0, |raw| raw.get().len()));
                self.annotations.push(annotation);
            }
            "response.code_interpreter_call_code.delta" => self.code(event, parts),
            "response.code_interpreter_call_code.done" => self.code_done(event, parts),
            "response.apply_patch_call_operation_diff.delta" => self.patch(event, parts),
            "response.apply_patch_call_operation_diff.done" => self.patch_done(event, parts),
            "response.completed" | "response.incomplete" => self.finished(event.response),
            _ => return Ok(()),
        }
        self.begun = true;
        Ok(())
    }

    /// The stream has ended in an orderly way.
    pub fn end(&mut self, parts: &mut Vec<StreamPart>) {
        parts.push(StreamPart::Finish(self.finish()));
    }

    fn finish(&self) -> Finish {
        let id = self.response_id.as_deref().map_or(Value::Null, Value::from);
        let mut facts = Map::from_iter([("responseId".to_owned(), id)]);
        if !self.logprobs.is_empty() {
            facts.insert("logprobs".to_owned(), Value::Array(self.logprobs.clone()));
        }
        for (key, fact) in [
            ("serviceTier", &self.service_tier),
            ("reasoningContext", &self.reasoning_context),
        ] {
            if let Some(fact) = fact {
                facts.insert(key.to_owned(), Value::from(fact.as_str()));
            }
        }
        let mut metadata = self.metadata(facts);
        self.bill.add_to(&mut metadata);
        Finish {
            reason: self.reason,
            raw: self.raw_reason.clone(),
            usage: self.usage,
            metadata,
        }
    }

    fn metadata(&self, fields: Map<String, Value>) -> ProviderMetadata {
        ProviderMetadata::from([(self.namespace.to_owned(), fields)])
    }

    fn introduce(&mut self, response: Option<&RawValue>, parts: &mut Vec<StreamPart>) {
        let response = wire::value(response);
        let text = |key: &str| text_at(&response, key).map(str::to_owned);
        self.response_id = text("id").or(self.response_id.take());
        parts.push(StreamPart::ResponseMetadata {
            id: text("id"),
            model: text("model"),
        });
    }

    fn finished(&mut self, response: Option<&RawValue>) {
        let response = wire::value(response);
        self.take_end(&response);
        let word = usage::incomplete_reason(&response);
        self.reason = usage::openai_reason(word, self.has_calls);
        self.raw_reason = word.map(str::to_owned);
    }

    fn take_end(&mut self, response: &Value) {
        self.usage = usage::openai(response);
        if !self.counts_cache_writes {
            self.usage.cache_write = None;
        }
        if let Some(tier) = text_at(response, "service_tier") {
            self.service_tier = Some(tier.to_owned());
        }
        if let Some(context) = response.pointer("/reasoning/context").and_then(Value::as_str) {
            self.reasoning_context = Some(context.to_owned());
        }
    }

    fn fail(&mut self, data: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let frame: Value = serde_json::from_str(data).unwrap_or(Value::Null);
        let error = failure::of_event(&frame);
        if let Some(error) = &error
            && !self.begun
        {
            return Err(failure::early(error, &frame));
        }
        let response = frame.get("response").cloned().unwrap_or(Value::Null);
        self.take_end(&response);
        let word = usage::incomplete_reason(&response);
        self.reason = word.map_or(FinishReason::Error, |word| {
            usage::openai_reason(Some(word), self.has_calls)
        });
        self.raw_reason = Some(word.unwrap_or("error").to_owned());
        if let Some(error) = error
            && !self.failed
        {
            self.failed = true;
            parts.push(StreamPart::Error(failure::part(&error)));
        }
        Ok(())
    }

    fn error(&mut self, data: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let frame: Value = serde_json::from_str(data).unwrap_or(Value::Null);
        let error = failure::of_event(&frame).unwrap_or_else(|| frame.clone());
        if !self.begun {
            return Err(failure::early(&error, &frame));
        }
        self.failed = true;
        self.reason = FinishReason::Error;
        self.raw_reason = Some("error".to_owned());
        parts.push(StreamPart::Error(failure::part(&error)));
        Ok(())
    }

    fn text(&mut self, event: &Event<'_>, parts: &mut Vec<StreamPart>) {
        let Some(delta) = &event.delta else { return };
        let id = match self.slots.get(event) {
            Some(Slot::Text { id }) => id.clone(),
            // Words of a text that was not announced.
            _ => {
                let id = event.item_id.clone().map(Text::into_string).unwrap_or_default();
                self.open_text(event, id.clone(), None, parts);
                id
            }
        };
        parts.push(StreamPart::TextDelta {
            id,
            delta: delta.as_str().to_owned(),
            metadata: ProviderMetadata::new(),
        });
        if self.keeps_logprobs
            && let Some(logprobs) = event.logprobs
        {
            self.held = self.held.saturating_add(logprobs.get().len());
            self.logprobs.push(wire::value(Some(logprobs)));
        }
    }

    fn open_text(
        &mut self,
        event: &Event<'_>,
        id: String,
        phase: Option<String>,
        parts: &mut Vec<StreamPart>,
    ) {
        self.annotations.clear();
        parts.push(StreamPart::TextStart {
            id: id.clone(),
            metadata: self.text_metadata(&id, phase.as_deref()),
        });
        self.phase = phase;
        let key = id.clone();
        self.slots.open(event, &key, Slot::Text { id });
    }

    fn text_metadata(&self, id: &str, phase: Option<&str>) -> ProviderMetadata {
        let mut fields = Map::from_iter([("itemId".to_owned(), Value::from(id))]);
        if let Some(phase) = phase {
            fields.insert("phase".to_owned(), Value::from(phase));
        }
        self.metadata(fields)
    }
}

/// What an annotation refers to.
fn source(annotation: &Value) -> Option<Source> {
    let text = |key: &str| text_at(annotation, key).map(str::to_owned);
    let document = |name: String, media_type: &str| Source::Document {
        title: name.clone(),
        filename: Some(name),
        media_type: Some(media_type.to_owned()),
    };
    match text_at(annotation, "type")? {
        "url_citation" => Some(Source::Url {
            url: text("url")?,
            title: text("title"),
        }),
        "file_citation" | "container_file_citation" => Some(document(text("filename")?, "text/plain")),
        "file_path" => Some(document(text("file_id")?, "application/octet-stream")),
        _ => None,
    }
}

/// A text as it stands inside of a JSON text.
fn escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or_default().to_owned()
}

/// A text field that is set.
fn set_text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    present(value.get(key)).and_then(Value::as_str)
}
