//! Answers of xAI.
//!
//! Texts and thoughts begin with their first words, and tools that the provider runs have only calls: their
//! results are in the text.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::wire::{Event, Item, Reading};
use super::{failure, hosted, usage, wire};
use crate::json::{Text, present, stringify, text_at};
use crate::protocol::{Fault, HELD_LIMIT};
use crate::stream::{Finish, FinishReason, ProviderMetadata, Source, StreamPart, ToolCall, Usage};

const NAMESPACE: &str = "xai";

/// What a remembered id costs beside its text.
const ENTRY_COST: usize = 64;

/// Tools that the provider runs: the kind of their item or the name of what runs, and the tool's name.
const HOSTED: [(&str, &str); 12] = [
    ("web_search_call", "web_search"),
    ("web_search", "web_search"),
    ("web_search_with_snippets", "web_search"),
    ("browse_page", "web_search"),
    ("x_search_call", "x_search"),
    ("x_user_search", "x_search"),
    ("x_keyword_search", "x_search"),
    ("x_semantic_search", "x_search"),
    ("x_thread_fetch", "x_search"),
    ("code_execution", "code_execution"),
    ("code_interpreter_call", "code_execution"),
    ("code_execution_call", "code_execution"),
];

/// Items that are calls of such tools.
const HOSTED_ITEMS: [&str; 8] = [
    "web_search_call",
    "x_search_call",
    "code_interpreter_call",
    "code_execution_call",
    "view_image_call",
    "view_x_video_call",
    "custom_tool_call",
    "mcp_call",
];

/// Decodes one answer.
#[derive(Debug)]
pub struct Decoder {
    introduced: bool,
    has_calls: bool,
    /// Texts that have begun; they end with the answer.
    texts: BTreeSet<String>,
    /// Thoughts that are open.
    thoughts: BTreeSet<String>,
    /// Calls of hosted tools that were given out.
    called: BTreeSet<String>,
    /// Ids of open calls by their place.
    calls: BTreeMap<u64, String>,
    usage: Usage,
    reason: FinishReason,
    raw_reason: Option<String>,
    /// Bytes of what is remembered.
    held: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            introduced: false,
            has_calls: false,
            texts: BTreeSet::new(),
            thoughts: BTreeSet::new(),
            called: BTreeSet::new(),
            calls: BTreeMap::new(),
            usage: usage::nothing(),
            reason: FinishReason::Other,
            raw_reason: None,
            held: 0,
        }
    }
}

impl Decoder {
    /// Reads the data of one event.
    ///
    /// # Errors
    ///
    /// When nothing that follows can be of use.
    pub fn event(&mut self, data: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        match wire::read(data) {
            Reading::Event(event) => self.take(&event, data, parts),
            Reading::Strange => tracing::debug!("event of another shape is read over"),
            Reading::Unreadable(message) => {
                parts.push(StreamPart::Error(failure::unreadable(message, data)));
            }
        }
        if self.held > HELD_LIMIT {
            Err(Fault::too_much())
        } else {
            Ok(())
        }
    }

    fn take(&mut self, event: &Event<'_>, data: &str, parts: &mut Vec<StreamPart>) {
        let id = event.item_id.as_ref().map(Text::as_str).unwrap_or_default();
        match event.kind.as_ref().map(Text::as_str).unwrap_or_default() {
            "response.created" | "response.in_progress" if !self.introduced => {
                self.introduced = true;
                parts.push(introduction(&wire::value(event.response)));
            }
            "response.reasoning_summary_part.added" => self.open_thoughts(id, parts),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                let Some(delta) = &event.delta else { return };
                self.open_thoughts(id, parts);
                parts.push(StreamPart::ReasoningDelta {
                    id: format!("reasoning-{id}"),
                    delta: delta.as_str().to_owned(),
                    metadata: thought_metadata(id, None),
                });
            }
            "response.output_text.delta" => {
                let Some(delta) = &event.delta else { return };
                self.open_text(id, parts);
                push_words(id, delta.as_str(), parts);
            }
            "response.output_text.done" => push_sources(&wire::value(event.annotations), parts),
            "response.output_text.annotation.added" => {
                parts.extend(source(&wire::value(event.annotation)).map(StreamPart::Source));
            }
            "response.function_call_arguments.delta" => {
                let call = event.output_index.and_then(|place| self.calls.get(&place));
                if let (Some(delta), Some(id)) = (&event.delta, call) {
                    parts.push(StreamPart::ToolInputDelta {
                        id: id.clone(),
                        delta: delta.as_str().to_owned(),
                    });
                }
            }
            "response.output_item.added" => self.item(event, false, parts),
            "response.output_item.done" => self.item(event, true, parts),
            kind @ ("response.done" | "response.completed" | "response.incomplete") => {
                self.finished(kind, &wire::value(event.response));
            }
            "response.failed" => {
                let frame: Value = serde_json::from_str(data).unwrap_or(Value::Null);
                self.failed(&frame, parts);
            }
            "error" => {
                let frame: Value = serde_json::from_str(data).unwrap_or(Value::Null);
                let error = failure::of_event(&frame).unwrap_or(frame);
                parts.push(StreamPart::Error(failure::part(&error)));
            }
            _ => {}
        }
    }

    /// The stream has ended in an orderly way.
    pub fn end(&mut self, parts: &mut Vec<StreamPart>) {
        for id in std::mem::take(&mut self.texts) {
            parts.push(StreamPart::TextEnd {
                id: format!("text-{id}"),
                metadata: ProviderMetadata::new(),
            });
        }
        parts.push(StreamPart::Finish(self.finish()));
    }

    fn finish(&self) -> Finish {
        Finish {
            reason: self.reason,
            raw: self.raw_reason.clone(),
            usage: self.usage,
            metadata: ProviderMetadata::new(),
        }
    }

    fn finished(&mut self, kind: &str, response: &Value) {
        if present(response.get("usage")).is_some() {
            self.usage = usage::xai(response);
        }
        if kind == "response.incomplete" {
            let word = usage::incomplete_reason(response);
            self.reason = word.map_or(FinishReason::Other, usage::xai_reason);
            self.raw_reason = Some(word.unwrap_or("incomplete").to_owned());
        } else {
            self.take_state(response);
        }
    }

    fn take_state(&mut self, response: &Value) {
        let Some(state) = text_at(response, "status").filter(|state| !state.is_empty()) else {
            return;
        };
        self.reason = if self.has_calls {
            FinishReason::ToolCalls
        } else {
            usage::xai_reason(state)
        };
        self.raw_reason = Some(state.to_owned());
    }

    fn failed(&mut self, frame: &Value, parts: &mut Vec<StreamPart>) {
        let response = frame.get("response").unwrap_or(&Value::Null);
        if present(response.get("usage")).is_some() {
            self.usage = usage::xai(response);
        }
        let word = usage::incomplete_reason(response);
        self.reason = word.map_or(FinishReason::Error, usage::xai_reason);
        self.raw_reason = Some(word.unwrap_or("error").to_owned());
        if let Some(error) = failure::of_event(frame) {
            parts.push(StreamPart::Error(failure::part(&error)));
        }
    }

    fn open_text(&mut self, id: &str, parts: &mut Vec<StreamPart>) -> bool {
        let is_new = self.texts.insert(id.to_owned());
        if is_new {
            self.hold(id);
            parts.push(StreamPart::TextStart {
                id: format!("text-{id}"),
                metadata: ProviderMetadata::new(),
            });
        }
        is_new
    }

    fn open_thoughts(&mut self, id: &str, parts: &mut Vec<StreamPart>) {
        if self.thoughts.insert(id.to_owned()) {
            self.hold(id);
            parts.push(StreamPart::ReasoningStart {
                id: format!("reasoning-{id}"),
                metadata: thought_metadata(id, None),
            });
        }
    }

    fn hold(&mut self, id: &str) {
        self.held = self.held.saturating_add(ENTRY_COST.saturating_add(id.len()));
    }

    fn item(&mut self, event: &Event<'_>, is_done: bool, parts: &mut Vec<StreamPart>) {
        let Some(item) = Item::read(event.item) else {
            return;
        };
        let id = item.item_id();
        match item.kind.as_str() {
            "reasoning" if is_done => {
                self.open_thoughts(id, parts);
                self.thoughts.remove(id);
                let encrypted = item.encrypted_content.as_ref().map(Text::as_str);
                parts.push(StreamPart::ReasoningEnd {
                    id: format!("reasoning-{id}"),
                    metadata: thought_metadata(id, encrypted),
                });
            }
            "message" => {
                let whole = wire::value(event.item);
                let contents = whole.get("content").and_then(Value::as_array);
                for content in contents.into_iter().flatten() {
                    // Words that no delta brought.
                    if let Some(words) = text_at(content, "text").filter(|words| !words.is_empty())
                        && self.open_text(id, parts)
                    {
                        push_words(id, words, parts);
                    }
                    push_sources(content.get("annotations").unwrap_or(&Value::Null), parts);
                }
            }
            "function_call" => self.function(event, &item, is_done, parts),
            "file_search_call" => {
                let whole = wire::value(event.item);
                if self.called.insert(id.to_owned()) {
                    self.hold(id);
                    push_call(hosted_call(&whole), parts);
                }
                if is_done {
                    parts.push(file_search_result(&whole));
                }
            }
            kind if HOSTED_ITEMS.contains(&kind) => {
                // The arguments of these are not there before the end.
                let ready = is_done || kind != "custom_tool_call";
                if ready && self.called.insert(id.to_owned()) {
                    self.hold(id);
                    push_call(hosted_call(&wire::value(event.item)), parts);
                }
            }
            _ => {}
        }
    }

    fn function(&mut self, event: &Event<'_>, item: &Item<'_>, is_done: bool, parts: &mut Vec<StreamPart>) {
        let id = item.call_id.clone().map(Text::into_string).unwrap_or_default();
        let name = item.name.clone().map(Text::into_string).unwrap_or_default();
        if !is_done {
            if let Some(place) = event.output_index {
                self.hold(&id);
                self.calls.insert(place, id.clone());
            }
            parts.push(StreamPart::ToolInputStart {
                id,
                name,
                provider_executed: false,
            });
            return;
        }
        self.has_calls = true;
        if let Some(place) = event.output_index {
            self.calls.remove(&place);
        }
        parts.push(StreamPart::ToolInputEnd { id: id.clone() });
        parts.push(StreamPart::ToolCall(ToolCall {
            id,
            name,
            input: item
                .argument_text()
                .filter(|input| !input.is_empty())
                .unwrap_or_else(|| "{}".to_owned()),
            provider_executed: false,
            metadata: ProviderMetadata::new(),
        }));
    }

    /// Reads an answer that came whole.
    ///
    /// # Errors
    ///
    /// When it is no answer of this protocol, or one that says that the call failed.
    pub fn whole(&mut self, body: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let answer: Value = serde_json::from_str(body).map_err(|error| Fault::unreadable(&error))?;
        if let Some(error) = present(answer.get("error")) {
            return Err(failure::in_place(error, &answer));
        }
        let Some(items) = answer.get("output").and_then(Value::as_array) else {
            return Err(Fault::Broken {
                message: "the answer holds no output".to_owned(),
            });
        };
        parts.push(introduction(&answer));
        for item in items {
            self.whole_item(item, parts);
        }
        self.usage = usage::xai(&answer);
        self.take_state(&answer);
        if self.has_calls {
            self.reason = FinishReason::ToolCalls;
        }
        parts.push(StreamPart::Finish(self.finish()));
        Ok(())
    }

    fn whole_item(&mut self, item: &Value, parts: &mut Vec<StreamPart>) {
        let id = text_at(item, "id").unwrap_or_default();
        match text_at(item, "type").unwrap_or_default() {
            "message" => {
                let contents = item.get("content").and_then(Value::as_array);
                for (index, content) in contents.into_iter().flatten().enumerate() {
                    if let Some(words) = text_at(content, "text").filter(|words| !words.is_empty()) {
                        let id = format!("{id}:{index}");
                        parts.push(StreamPart::TextStart {
                            id: format!("text-{id}"),
                            metadata: ProviderMetadata::new(),
                        });
                        push_words(&id, words, parts);
                        parts.push(StreamPart::TextEnd {
                            id: format!("text-{id}"),
                            metadata: ProviderMetadata::new(),
                        });
                    }
                    push_sources(content.get("annotations").unwrap_or(&Value::Null), parts);
                }
            }
            "reasoning" => whole_thoughts(id, item, parts),
            "function_call" => {
                self.has_calls = true;
                let text = |key: &str| text_at(item, key).unwrap_or_default().to_owned();
                let input = Some(text("arguments")).filter(|input| !input.is_empty());
                parts.push(StreamPart::ToolCall(ToolCall {
                    id: text("call_id"),
                    name: text("name"),
                    input: input.unwrap_or_else(|| "{}".to_owned()),
                    provider_executed: false,
                    metadata: ProviderMetadata::new(),
                }));
            }
            "file_search_call" => {
                parts.push(StreamPart::ToolCall(hosted_call(item)));
                parts.push(file_search_result(item));
            }
            kind if HOSTED_ITEMS.contains(&kind) => parts.push(StreamPart::ToolCall(hosted_call(item))),
            _ => {}
        }
    }
}

fn introduction(response: &Value) -> StreamPart {
    StreamPart::ResponseMetadata {
        id: text_at(response, "id").map(str::to_owned),
        model: text_at(response, "model").map(str::to_owned),
    }
}

fn push_words(id: &str, words: &str, parts: &mut Vec<StreamPart>) {
    parts.push(StreamPart::TextDelta {
        id: format!("text-{id}"),
        delta: words.to_owned(),
        metadata: ProviderMetadata::new(),
    });
}

fn whole_thoughts(id: &str, item: &Value, parts: &mut Vec<StreamPart>) {
    let summaries = item.get("summary").and_then(Value::as_array);
    let words: String = summaries
        .into_iter()
        .flatten()
        .filter_map(|summary| text_at(summary, "text"))
        .collect();
    let encrypted = text_at(item, "encrypted_content").filter(|encrypted| !encrypted.is_empty());
    if words.is_empty() && encrypted.is_none() {
        return;
    }
    let part = format!("reasoning-{id}");
    parts.push(StreamPart::ReasoningStart {
        id: part.clone(),
        metadata: thought_metadata(id, encrypted),
    });
    if !words.is_empty() {
        parts.push(StreamPart::ReasoningDelta {
            id: part.clone(),
            delta: words,
            metadata: ProviderMetadata::new(),
        });
    }
    parts.push(StreamPart::ReasoningEnd {
        id: part,
        metadata: ProviderMetadata::new(),
    });
}

fn thought_metadata(id: &str, encrypted: Option<&str>) -> ProviderMetadata {
    let mut fields = Map::new();
    if let Some(encrypted) = encrypted.filter(|encrypted| !encrypted.is_empty()) {
        fields.insert("reasoningEncryptedContent".to_owned(), Value::from(encrypted));
    }
    if !id.is_empty() {
        fields.insert("itemId".to_owned(), Value::from(id));
    }
    ProviderMetadata::from([(NAMESPACE.to_owned(), fields)])
}

fn push_sources(annotations: &Value, parts: &mut Vec<StreamPart>) {
    let annotations = annotations.as_array().into_iter().flatten();
    parts.extend(annotations.filter_map(source).map(StreamPart::Source));
}

fn source(annotation: &Value) -> Option<Source> {
    if text_at(annotation, "type") != Some("url_citation") {
        return None;
    }
    let url = text_at(annotation, "url")?;
    Some(Source::Url {
        url: url.to_owned(),
        title: Some(text_at(annotation, "title").unwrap_or(url).to_owned()),
    })
}

/// The call of a tool that the provider runs.
fn hosted_call(item: &Value) -> ToolCall {
    let kind = text_at(item, "type").unwrap_or_default();
    let own = text_at(item, "name").unwrap_or_default();
    let known = HOSTED.iter().find(|(word, _)| *word == own || *word == kind);
    let name = match known {
        Some((_, tool)) => tool,
        None if kind == "file_search_call" => "file_search",
        None if kind == "mcp_call" && own.is_empty() => "mcp",
        None => own,
    };
    let field = if kind == "custom_tool_call" {
        "input"
    } else {
        "arguments"
    };
    let input = match present(item.get(field)) {
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        None | Some(Value::String(_)) => "{}".to_owned(),
        Some(other) => stringify(other),
    };
    ToolCall {
        id: text_at(item, "id").unwrap_or_default().to_owned(),
        name: name.to_owned(),
        input,
        provider_executed: true,
        metadata: ProviderMetadata::new(),
    }
}

fn push_call(call: ToolCall, parts: &mut Vec<StreamPart>) {
    parts.push(StreamPart::ToolInputStart {
        id: call.id.clone(),
        name: call.name.clone(),
        provider_executed: true,
    });
    parts.push(StreamPart::ToolInputDelta {
        id: call.id.clone(),
        delta: call.input.clone(),
    });
    parts.push(StreamPart::ToolInputEnd { id: call.id.clone() });
    parts.push(StreamPart::ToolCall(call));
}

fn file_search_result(item: &Value) -> StreamPart {
    let mut output = hosted::file_search(item);
    if output.get("queries").is_none_or(Value::is_null)
        && let Some(fields) = output.as_object_mut()
    {
        fields.insert("queries".to_owned(), Value::Array(Vec::new()));
    }
    StreamPart::ToolResult {
        id: text_at(item, "id").unwrap_or_default().to_owned(),
        name: "file_search".to_owned(),
        output,
        is_error: false,
        metadata: ProviderMetadata::new(),
    }
}
