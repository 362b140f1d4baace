//! Usage, and the reason of the end.

use serde_json::Value;

use crate::json::{count_at, present};
use crate::stream::{FinishReason, Usage};

/// The usage record of an answer; unknown figures if it has none.
pub(super) fn openai(response: &Value) -> Usage {
    let Some(record) = present(response.get("usage")) else {
        return Usage::default();
    };
    let details = record.get("input_tokens_details");
    Usage {
        input: count_at(record, "input_tokens"),
        output: count_at(record, "output_tokens"),
        reasoning: Some(reasoning(record)),
        cache_read: Some(cached(record)),
        cache_write: details.and_then(|details| count_at(details, "cache_write_tokens")),
        total: None,
    }
    .summed()
}

/// The same of xAI, whose input may leave out what was cached.
pub(super) fn xai(response: &Value) -> Usage {
    let Some(record) = present(response.get("usage")) else {
        return nothing();
    };
    let cached = cached(record);
    let input = count_at(record, "input_tokens").unwrap_or(0);
    Usage {
        input: Some(if cached <= input {
            input
        } else {
            input.saturating_add(cached)
        }),
        output: Some(count_at(record, "output_tokens").unwrap_or(0)),
        reasoning: Some(reasoning(record)),
        cache_read: Some(cached),
        cache_write: None,
        total: None,
    }
    .summed()
}

/// What xAI's answers count without a record.
pub(super) fn nothing() -> Usage {
    let zero = Some(0);
    Usage {
        input: zero,
        output: zero,
        reasoning: zero,
        cache_read: zero,
        cache_write: zero,
        total: None,
    }
    .summed()
}

fn cached(record: &Value) -> u64 {
    let details = record.get("input_tokens_details");
    details
        .and_then(|details| count_at(details, "cached_tokens"))
        .unwrap_or(0)
}

fn reasoning(record: &Value) -> u64 {
    let details = record.get("output_tokens_details");
    details
        .and_then(|details| count_at(details, "reasoning_tokens"))
        .unwrap_or(0)
}

/// Why an answer is incomplete.
pub(super) fn incomplete_reason(response: &Value) -> Option<&str> {
    response
        .get("incomplete_details")
        .and_then(|details| details.get("reason"))
        .and_then(Value::as_str)
}

/// What that means.
pub(super) fn openai_reason(word: Option<&str>, has_calls: bool) -> FinishReason {
    match word {
        None if has_calls => FinishReason::ToolCalls,
        None => FinishReason::Stop,
        Some("max_output_tokens") => FinishReason::Length,
        Some("content_filter") => FinishReason::ContentFilter,
        Some(_) if has_calls => FinishReason::ToolCalls,
        Some(_) => FinishReason::Other,
    }
}

/// The same in xAI's words, which are states as well as reasons.
pub(super) fn xai_reason(word: &str) -> FinishReason {
    match word {
        "stop" | "completed" => FinishReason::Stop,
        "length" | "max_output_tokens" => FinishReason::Length,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn inputs_count_what_was_cached_once() {
        let record = |input: u64, cached: u64| json!({"usage": {"input_tokens": input, "output_tokens": 5, "input_tokens_details": {"cached_tokens": cached}}});
        for (input, cached, of_openai, of_xai) in [(10, 4, 10, 10), (4, 10, 4, 14), (0, 0, 0, 0)] {
            assert_eq!(openai(&record(input, cached)).input, Some(of_openai));
            assert_eq!(xai(&record(input, cached)).input, Some(of_xai));
        }
        assert_eq!(openai(&json!({})), Usage::default());
        assert_eq!(xai(&json!({})).output, Some(0));
    }

    #[test]
    fn reasons_are_told_from_words_and_calls() {
        let table = [
            (None, false, FinishReason::Stop),
            (None, true, FinishReason::ToolCalls),
            (Some("max_output_tokens"), true, FinishReason::Length),
            (Some("content_filter"), false, FinishReason::ContentFilter),
            (Some("new"), false, FinishReason::Other),
            (Some("new"), true, FinishReason::ToolCalls),
        ];
        for (word, has_calls, expected) in table {
            assert_eq!(openai_reason(word, has_calls), expected, "{word:?} {has_calls}");
        }
    }
}
