//! Parts folded into the form in which the recorded cases say what they expect.

use opencode_llm::stream::{Finish, Source, StreamPart};
use opencode_llm::{Error, usage};
use serde_json::{Map, Value, json};

/// Folds parts, and the error that ended them, if any. `status` is that of the answer.
pub(crate) fn fold(parts: &[StreamPart], error: Option<&Error>, status: u16) -> Value {
    let mut fold = Fold::default();
    for part in parts {
        fold.take(part);
    }
    if let Some(error) = error {
        fold.error = Some(error_value(error, status));
    }
    fold.into_value()
}

#[derive(Default)]
struct Fold {
    text: String,
    reasoning: String,
    calls: Vec<Value>,
    results: Vec<Value>,
    sources: Vec<Value>,
    finish: Option<Finish>,
    error: Option<Value>,
    sequence: Vec<&'static str>,
}

impl Fold {
    fn take(&mut self, part: &StreamPart) {
        match part {
            StreamPart::TextStart { .. } => self.step("text"),
            StreamPart::TextDelta { delta, .. } => {
                self.step("text");
                self.text.push_str(delta);
            }
            StreamPart::ReasoningStart { .. } => self.step("reasoning"),
            StreamPart::ReasoningDelta { delta, .. } => {
                self.step("reasoning");
                self.reasoning.push_str(delta);
            }
            StreamPart::ToolCall(call) => {
                self.step("tool_call");
                let input =
                    serde_json::from_str(&call.input).unwrap_or_else(|_| Value::from(call.input.as_str()));
                let mut value = json!({"id": call.id, "name": call.name, "input": input});
                if call.provider_executed {
                    value["provider_executed"] = Value::from(true);
                }
                self.calls.push(value);
            }
            StreamPart::ToolResult {
                id, name, is_error, ..
            } => {
                self.step("tool_result");
                let mut value = json!({"id": id, "name": name});
                if *is_error {
                    value["is_error"] = Value::from(true);
                }
                self.results.push(value);
            }
            StreamPart::Source(source) => self.sources.push(source_value(source)),
            StreamPart::Error(error) => {
                self.step("error");
                self.error
                    .get_or_insert_with(|| json!({"kind": "stream", "message": error.message}));
            }
            StreamPart::Finish(finish) => self.finish = Some(finish.clone()),
            _ => {}
        }
    }

    /// Runs of text and of reasoning are one step each.
    fn step(&mut self, kind: &'static str) {
        let runs = matches!(kind, "text" | "reasoning");
        if !runs || self.sequence.last() != Some(&kind) {
            self.sequence.push(kind);
        }
    }

    fn into_value(self) -> Value {
        let mut value = Map::new();
        value.insert("text".into(), self.text.into());
        value.insert("reasoning".into(), self.reasoning.into());
        value.insert("tool_calls".into(), self.calls.into());
        value.insert("tool_results".into(), self.results.into());
        value.insert("sources".into(), self.sources.into());
        value.insert("sequence".into(), self.sequence.into());
        value.insert("error".into(), self.error.unwrap_or(Value::Null));
        let finish = self.finish.as_ref();
        value.insert(
            "finish".into(),
            finish.map_or(Value::Null, |finish| finish.reason.as_str().into()),
        );
        value.insert(
            "finish_raw".into(),
            finish.and_then(|finish| finish.raw.clone()).into(),
        );
        value.insert("usage".into(), finish.map_or(Value::Null, usage_value));
        value.insert("tokens".into(), finish.map_or(Value::Null, tokens_value));
        Value::Object(value)
    }
}

fn usage_value(finish: &Finish) -> Value {
    let usage = &finish.usage;
    json!({
        "input": usage.input,
        "output": usage.output,
        "reasoning": usage.reasoning,
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write,
    })
}

fn tokens_value(finish: &Finish) -> Value {
    let tokens = usage::tokens(&finish.usage, &finish.metadata);
    json!({
        "input": tokens.input,
        "output": tokens.output,
        "reasoning": tokens.reasoning,
        "cache": {"read": tokens.cache_read, "write": tokens.cache_write},
    })
}

fn source_value(source: &Source) -> Value {
    let mut value = match source {
        Source::Url { url, title } => json!({"type": "url", "url": url, "title": title}),
        Source::Document {
            title,
            filename,
            media_type,
        } => {
            json!({"type": "document", "title": title, "filename": filename, "media_type": media_type})
        }
    };
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    value
}

fn error_value(error: &Error, status: u16) -> Value {
    match error {
        Error::Http(http) => json!({
            "kind": if status >= 400 { "http" } else { "stream" },
            "status": http.status,
            "message": http.message,
            "retryable": http.retryable,
        }),
        other => json!({"kind": "exception", "message": other.to_string()}),
    }
}

/// What the recorded expectation says, in the same form.
pub(crate) fn expectation(mut expected: Value) -> Value {
    let fields = expected.as_object_mut().unwrap();
    for (key, default) in [
        ("tool_results", json!([])),
        ("sources", json!([])),
        ("error", Value::Null),
        ("usage", Value::Null),
        ("tokens", Value::Null),
    ] {
        fields.entry(key).or_insert(default);
    }
    // The tokens of answers without an end are not recorded.
    if fields["finish"].is_null() {
        fields["tokens"] = Value::Null;
    }
    expected
}

/// The differences between two folded answers, key by key.
pub(crate) fn differences(expected: &Value, actual: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    for (key, wanted) in expected.as_object().unwrap() {
        let got = actual.get(key).unwrap_or(&Value::Null);
        let same = match key.as_str() {
            "tool_calls" => same_calls(wanted, got),
            "error" => same_error(wanted, got),
            _ => wanted == got,
        };
        if !same {
            differences.push(format!("{key}: expected {}, got {}", short(wanted), short(got)));
        }
    }
    differences
}

/// Calls are the same if their ids are, or both were made up.
fn same_calls(expected: &Value, actual: &Value) -> bool {
    let (Some(expected), Some(actual)) = (expected.as_array(), actual.as_array()) else {
        return false;
    };
    let mut made_up = std::collections::HashSet::new();
    expected.len() == actual.len()
        && expected.iter().zip(actual).all(|(wanted, got)| {
            let mut wanted = wanted.clone();
            if wanted["id"] == "<generated>" {
                let id = got["id"].as_str().unwrap_or_default().to_owned();
                wanted["id"] = Value::from(id.as_str());
                return !id.is_empty() && made_up.insert(id) && wanted == *got;
            }
            wanted == *got
        })
}

/// Errors are the same if kind, status and what a retry may do are; words count where they are the provider's.
fn same_error(expected: &Value, actual: &Value) -> bool {
    if expected.is_null() || actual.is_null() {
        return expected == actual;
    }
    let same = |key: &str| {
        expected
            .get(key)
            .is_none_or(|wanted| wanted.is_null() || Some(wanted) == actual.get(key))
    };
    let words = expected["message"].as_str().unwrap_or_default();
    let provider_words =
        expected["kind"] == "http" || (expected["kind"] == "stream" && !words.starts_with("AI_"));
    expected["kind"] == actual["kind"]
        && same("status")
        && same("retryable")
        && (!provider_words || same("message"))
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    let mut cut: String = text.chars().take(300).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}
