//! What an answer says about itself: tokens, the end, the container, edits of the context.

use serde_json::{Value, json};

use crate::json::{Body, count_at, present, text_at, truthy};
use crate::request::Object;
use crate::stream::{FinishReason, Usage};

/// Facts about an answer, gathered as they come.
#[derive(Debug, Default)]
pub(super) struct Report {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    thinking: Option<u64>,
    iterations: Option<Vec<Value>>,
    raw: Option<Object>,
    cache_creation: Option<Value>,
    stop_sequence: Option<Value>,
    stop_details: Option<Value>,
    container: Option<Value>,
    context_management: Option<Value>,
    reason: Option<String>,
    /// The answer of the stand-in tool is the text of the answer, so that a call of it is no reason to go on.
    pub(super) json_tool_answered: bool,
}

impl Report {
    /// The head of a streamed answer.
    pub(super) fn start(&mut self, message: &Value) {
        let none = Value::Null;
        let usage = message.get("usage").unwrap_or(&none);
        self.input = count_at(usage, "input_tokens").unwrap_or(0);
        self.cache_read = count_at(usage, "cache_read_input_tokens").unwrap_or(0);
        self.cache_write = count_at(usage, "cache_creation_input_tokens").unwrap_or(0);
        self.cache_creation = present(usage.get("cache_creation_input_tokens")).cloned();
        self.raw = usage.as_object().cloned();
        self.container = present(message.get("container")).map(container);
        if let Some(reason) = text_at(message, "stop_reason") {
            self.reason = Some(reason.to_owned());
        }
    }

    /// The tail of a streamed answer: the event that ends a message.
    pub(super) fn delta(&mut self, event: &Value) {
        if let Some(usage) = present(event.get("usage")) {
            self.take_usage(usage);
            if let Some(fields) = usage.as_object() {
                self.raw.get_or_insert_default().extend(fields.clone());
            }
        }
        self.take_end(event.get("delta").unwrap_or(&Value::Null));
        if let Some(management) = truthy(event.get("context_management")) {
            self.context_management = Some(applied_edits(management));
        }
    }

    /// The same from an answer that came whole.
    pub(super) fn whole(&mut self, message: &Value) {
        if let Some(usage) = message.get("usage") {
            self.take_usage(usage);
            self.raw = usage.as_object().cloned();
        }
        self.take_end(message);
        self.context_management = truthy(message.get("context_management")).map(applied_edits);
    }

    fn take_usage(&mut self, usage: &Value) {
        let take = |field: &mut u64, key: &str| {
            if let Some(count) = count_at(usage, key) {
                *field = count;
            }
        };
        take(&mut self.input, "input_tokens");
        take(&mut self.output, "output_tokens");
        take(&mut self.cache_read, "cache_read_input_tokens");
        take(&mut self.cache_write, "cache_creation_input_tokens");
        if let Some(details) = present(usage.get("output_tokens_details")) {
            self.thinking = count_at(details, "thinking_tokens");
        }
        if let Some(creation) = present(usage.get("cache_creation_input_tokens")) {
            self.cache_creation = Some(creation.clone());
        }
        if let Some(iterations) = usage.get("iterations").and_then(Value::as_array) {
            self.iterations = Some(iterations.clone());
        }
    }

    fn take_end(&mut self, end: &Value) {
        self.reason = text_at(end, "stop_reason").map(str::to_owned);
        self.stop_sequence = present(end.get("stop_sequence")).cloned();
        self.stop_details = present(end.get("stop_details")).map(stop_details);
        self.container = present(end.get("container")).map(container);
    }

    /// Why the answer ended, and the provider's word for it.
    pub(super) fn finish(&self) -> (FinishReason, Option<String>) {
        let reason = match self.reason.as_deref() {
            Some("end_turn" | "stop_sequence" | "pause_turn") => FinishReason::Stop,
            Some("tool_use") if self.json_tool_answered => FinishReason::Stop,
            Some("tool_use") => FinishReason::ToolCalls,
            Some("max_tokens" | "model_context_window_exceeded") => FinishReason::Length,
            Some("refusal") => FinishReason::ContentFilter,
            _ => FinishReason::Other,
        };
        (reason, self.reason.clone())
    }

    /// Tokens. Where the provider compacted the context on the way, only its own rounds count; where
    /// another model took over, the figures are already those of that model.
    pub(super) fn usage(&self) -> Usage {
        let (input, output) = self.rounds().unwrap_or((self.input, self.output));
        Usage {
            input: Some(
                input
                    .saturating_add(self.cache_write)
                    .saturating_add(self.cache_read),
            ),
            output: Some(output),
            reasoning: self.thinking,
            cache_read: Some(self.cache_read),
            cache_write: Some(self.cache_write),
            total: None,
        }
        .summed()
    }

    fn rounds(&self) -> Option<(u64, u64)> {
        let rounds = self.iterations.as_ref()?;
        if rounds
            .iter()
            .any(|round| text_at(round, "type") == Some("fallback_message"))
        {
            return None;
        }
        let mut own = rounds
            .iter()
            .filter(|round| matches!(text_at(round, "type"), Some("compaction" | "message")))
            .peekable();
        own.peek()?;
        Some(own.fold((0, 0), |(input, output): (u64, u64), round| {
            (
                input.saturating_add(count_at(round, "input_tokens").unwrap_or(0)),
                output.saturating_add(count_at(round, "output_tokens").unwrap_or(0)),
            )
        }))
    }

    /// The facts for the caller's records.
    pub(super) fn metadata(&self) -> Object {
        let or_null = |value: &Option<Value>| value.clone().unwrap_or(Value::Null);
        let mut facts = Body::new();
        facts.set("usage", self.raw.clone().map_or(Value::Null, Value::Object));
        facts.set("cacheCreationInputTokens", or_null(&self.cache_creation));
        facts.set("stopSequence", or_null(&self.stop_sequence));
        facts.put("stopDetails", self.stop_details.clone());
        let rounds = self
            .iterations
            .as_ref()
            .map(|rounds| rounds.iter().map(iteration).collect::<Vec<_>>());
        facts.set("iterations", rounds.map_or(Value::Null, Value::Array));
        facts.set("container", or_null(&self.container));
        facts.set("contextManagement", or_null(&self.context_management));
        match facts.into_value() {
            Value::Object(facts) => facts,
            _ => Object::new(),
        }
    }
}

fn iteration(round: &Value) -> Value {
    let mut facts = Body::new();
    facts.put("type", round.get("type").cloned());
    facts.put("model", present(round.get("model")).cloned());
    facts.put("inputTokens", round.get("input_tokens").cloned());
    facts.put("outputTokens", round.get("output_tokens").cloned());
    facts.put(
        "cacheCreationInputTokens",
        truthy(round.get("cache_creation_input_tokens")).cloned(),
    );
    facts.put(
        "cacheReadInputTokens",
        truthy(round.get("cache_read_input_tokens")).cloned(),
    );
    facts.into_value()
}

fn container(container: &Value) -> Value {
    let skills = container.get("skills").and_then(Value::as_array).map(|skills| {
        skills
            .iter()
            .map(|skill| json!({"type": skill.get("type"), "skillId": skill.get("skill_id"), "version": skill.get("version")}))
            .collect::<Vec<_>>()
    });
    json!({"expiresAt": container.get("expires_at"), "id": container.get("id"), "skills": skills})
}

fn stop_details(details: &Value) -> Value {
    let mut facts = Body::new();
    for (key, wire) in [
        ("type", "type"),
        ("category", "category"),
        ("explanation", "explanation"),
        ("recommendedModel", "recommended_model"),
    ] {
        facts.put(key, present(details.get(wire)).cloned());
    }
    facts.into_value()
}

fn applied_edits(management: &Value) -> Value {
    let edit = |edit: &Value| {
        let mut facts = Body::new();
        for (key, wire) in [
            ("type", "type"),
            ("clearedToolUses", "cleared_tool_uses"),
            ("clearedThinkingTurns", "cleared_thinking_turns"),
            ("clearedInputTokens", "cleared_input_tokens"),
        ] {
            facts.put(key, edit.get(wire).cloned());
        }
        facts.into_value()
    };
    let edits = management.get("applied_edits").and_then(Value::as_array);
    json!({"appliedEdits": edits.map(|edits| edits.iter().map(edit).collect::<Vec<_>>()).unwrap_or_default()})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage_of(usage: &Value) -> Usage {
        let mut report = Report::default();
        report.whole(&json!({"usage": usage}));
        report.usage()
    }

    #[test]
    fn rounds_are_summed_unless_another_model_answered() {
        let round = |kind: &str, input: u64, output: u64| json!({"type": kind, "input_tokens": input, "output_tokens": output});
        let table = [
            ("plain", json!({"input_tokens": 5, "output_tokens": 2}), (5, 2)),
            (
                "with cache",
                json!({"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 4}),
                (12, 2),
            ),
            (
                "compacted",
                json!({"input_tokens": 5, "output_tokens": 2, "iterations": [round("compaction", 100, 10), round("message", 20, 7), round("advisor_message", 9, 9)]}),
                (120, 17),
            ),
            (
                "fallback",
                json!({"input_tokens": 5, "output_tokens": 2, "iterations": [round("message", 100, 10), round("fallback_message", 20, 7)]}),
                (5, 2),
            ),
            (
                "advice only",
                json!({"input_tokens": 5, "output_tokens": 2, "iterations": [round("advisor_message", 9, 9)]}),
                (5, 2),
            ),
        ];
        for (name, usage, (input, output)) in table {
            let usage = usage_of(&usage);
            assert_eq!((usage.input, usage.output), (Some(input), Some(output)), "{name}");
        }
    }
}
