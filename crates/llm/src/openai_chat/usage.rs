//! The usage record of a chat completion.

use serde::Deserialize;
use serde_json::Value;

use super::dialect::{CacheRead, CacheWrite, Sums, UsageRules};
use crate::json::Count;
use crate::stream::Usage;

/// A usage record as it comes.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Record {
    #[serde(default)]
    pub(super) prompt_tokens: Option<Count>,
    #[serde(default)]
    pub(super) completion_tokens: Option<Count>,
    #[serde(default)]
    pub(super) total_tokens: Option<Count>,
    #[serde(default)]
    pub(super) prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    pub(super) completion_tokens_details: Option<CompletionDetails>,
    #[serde(default)]
    prompt_token_details: Option<PromptDetails>,
    #[serde(default)]
    num_cached_tokens: Option<Count>,
    #[serde(default)]
    pub(super) prompt_cache_hit_tokens: Option<Count>,
    #[serde(default)]
    pub(super) prompt_cache_miss_tokens: Option<Count>,
    #[serde(default)]
    pub(super) cost: Option<Value>,
    #[serde(default)]
    pub(super) cost_details: Option<Value>,
    #[serde(default)]
    reasoning_tokens: Option<Count>,
    #[serde(default)]
    pub(super) citation_tokens: Option<Count>,
    #[serde(default)]
    pub(super) num_search_queries: Option<Count>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct PromptDetails {
    #[serde(default)]
    pub(super) cached_tokens: Option<Count>,
    #[serde(default)]
    cache_write_tokens: Option<Count>,
    #[serde(default)]
    cache_creation_input_tokens: Option<Count>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct CompletionDetails {
    #[serde(default)]
    pub(super) reasoning_tokens: Option<Count>,
    #[serde(default)]
    pub(super) accepted_prediction_tokens: Option<Count>,
    #[serde(default)]
    pub(super) rejected_prediction_tokens: Option<Count>,
}

/// Reads a record by the rules of a dialect.
pub(super) fn usage(rules: &UsageRules, record: Option<&Record>) -> Usage {
    let Some(record) = record else {
        if !rules.absent_is_zero {
            // Parity: this one figure is zero rather than unknown (§4.2).
            let cache_write = (rules.cache_write == CacheWrite::CreatedOrZero).then_some(0);
            return Usage {
                cache_write,
                ..Usage::default()
            };
        }
        let zero = Some(0);
        let all = Usage {
            input: zero,
            output: zero,
            reasoning: zero,
            cache_read: zero,
            cache_write: zero,
            total: None,
        };
        return all.summed();
    };
    let of = |count: Option<Count>| count.map(|count| count.0);
    let prompt = of(record.prompt_tokens).unwrap_or(0);
    let completion = of(record.completion_tokens).unwrap_or(0);
    let details = record.prompt_tokens_details.as_ref();
    let said = record
        .completion_tokens_details
        .as_ref()
        .and_then(|details| of(details.reasoning_tokens));
    let beside = record.reasoning_tokens.filter(|_| rules.reasoning_beside);
    let said = said.or(of(beside));
    let reasoning = if rules.reasoning_or_zero {
        Some(said.unwrap_or(0))
    } else {
        said
    };
    let cache_read = match rules.cache_read {
        CacheRead::Nowhere => None,
        CacheRead::Details => Some(details.and_then(|details| of(details.cached_tokens)).unwrap_or(0)),
        CacheRead::NumCached => of(record.num_cached_tokens)
            .or_else(|| details.and_then(|details| of(details.cached_tokens)))
            .or_else(|| of(record.prompt_token_details.as_ref()?.cached_tokens))
            .filter(|count| *count > 0),
        CacheRead::Hits => Some(of(record.prompt_cache_hit_tokens).unwrap_or(0)),
    };
    let created = details.and_then(|details| of(details.cache_creation_input_tokens));
    let cache_write = match rules.cache_write {
        CacheWrite::Nowhere => None,
        CacheWrite::Written => details.and_then(|details| of(details.cache_write_tokens)),
        CacheWrite::Created => created,
        CacheWrite::CreatedOrZero => Some(created.unwrap_or(0)),
    };
    let cached = cache_read.unwrap_or(0);
    let thought = reasoning.unwrap_or(0);
    let (input, output) = match rules.sums {
        Sums::Right => (prompt, completion),
        Sums::Apart if cached > prompt => (prompt.saturating_add(cached), completion.saturating_add(thought)),
        Sums::Apart => (prompt, completion.saturating_add(thought)),
        Sums::ApartIfLarger if thought > completion => (prompt, completion.saturating_add(thought)),
        Sums::ApartIfLarger => (prompt, completion),
    };
    Usage {
        input: Some(input),
        output: Some(output),
        reasoning,
        cache_read,
        cache_write,
        total: None,
    }
    .summed()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::openai_chat::dialect::{self, Dialect};

    #[test]
    fn records_are_read_by_the_rules() {
        let record = json!({
            "prompt_tokens": 10,
            "completion_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2, "cache_creation_input_tokens": 1},
            "completion_tokens_details": {"reasoning_tokens": 7},
            "prompt_cache_hit_tokens": 6,
        });
        let all = |input, output, reasoning, cache_read, cache_write| {
            (Some(input), Some(output), reasoning, cache_read, cache_write)
        };
        let table: [(&str, &Dialect, _); 8] = [
            (
                "compatible",
                &dialect::COMPATIBLE,
                all(10, 3, Some(7), Some(4), None),
            ),
            ("openai", &dialect::OPENAI, all(10, 3, Some(7), Some(4), Some(2))),
            ("groq", &dialect::GROQ, all(10, 3, Some(7), None, None)),
            ("xai", &dialect::XAI, all(10, 10, Some(7), Some(4), None)),
            (
                "deepinfra",
                &dialect::DEEPINFRA,
                all(10, 10, Some(7), Some(4), None),
            ),
            (
                "alibaba",
                &dialect::ALIBABA,
                all(10, 3, Some(7), Some(4), Some(1)),
            ),
            (
                "deepseek on azure",
                &dialect::AZURE_DEEPSEEK,
                all(10, 3, Some(7), Some(6), None),
            ),
            (
                "openrouter",
                &dialect::OPENROUTER,
                all(10, 3, Some(7), Some(4), Some(2)),
            ),
        ];
        let record: Record = serde_json::from_value(record).unwrap();
        for (name, dialect, expected) in table {
            let usage = usage(&dialect.answer.usage, Some(&record));
            assert_eq!(
                (
                    usage.input,
                    usage.output,
                    usage.reasoning,
                    usage.cache_read,
                    usage.cache_write
                ),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_not_reported_is_unknown_or_zero() {
        assert_eq!(usage(&dialect::COMPATIBLE.answer.usage, None), Usage::default());
        assert_eq!(usage(&dialect::XAI.answer.usage, None).input, Some(0));
        let empty = usage(&dialect::COMPATIBLE.answer.usage, Some(&Record::default()));
        assert_eq!(
            (empty.input, empty.reasoning, empty.cache_read),
            (Some(0), Some(0), Some(0))
        );
        assert_eq!(
            usage(&dialect::GROQ.answer.usage, Some(&Record::default())).reasoning,
            None
        );
    }
}
