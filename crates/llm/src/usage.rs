//! From what a provider reports to what a session stores (reference `providers.md` §10).

use serde_json::Value;

use crate::json::count;
use crate::stream::{ProviderMetadata, Usage};

/// The token record of an answer: parts that do not overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Input and output as reported.
    pub total: Option<u64>,
    /// Prompt that was neither read from nor written to the cache.
    pub input: u64,
    /// Answer without reasoning.
    pub output: u64,
    /// Reasoning.
    pub reasoning: u64,
    /// Prompt read from the cache.
    pub cache_read: u64,
    /// Prompt written to the cache.
    pub cache_write: u64,
}

/// Where providers put the cache-write count when it is not in their usage record.
const CACHE_WRITE: [(&str, &[&str]); 4] = [
    ("anthropic", &["cacheCreationInputTokens"]),
    ("vertex", &["cacheCreationInputTokens"]),
    ("bedrock", &["usage", "cacheWriteInputTokens"]),
    ("venice", &["usage", "cacheCreationInputTokens"]),
];

/// Splits a report into parts that do not overlap. What is missing counts as zero.
#[must_use]
pub fn tokens(usage: &Usage, metadata: &ProviderMetadata) -> Tokens {
    let input = usage.input.unwrap_or(0);
    let output = usage.output.unwrap_or(0);
    let reasoning = usage.reasoning.unwrap_or(0);
    let cache_read = usage.cache_read.unwrap_or(0);
    let cache_write = usage
        .cache_write
        .or_else(|| cache_write_of(metadata))
        .unwrap_or(0);
    Tokens {
        total: usage.total,
        input: input.saturating_sub(cache_read).saturating_sub(cache_write),
        output: output.saturating_sub(reasoning),
        reasoning,
        cache_read,
        cache_write,
    }
}

fn cache_write_of(metadata: &ProviderMetadata) -> Option<u64> {
    CACHE_WRITE.iter().find_map(|(namespace, path)| {
        let (first, rest) = path.split_first()?;
        let mut value = metadata.get(*namespace)?.get(*first)?;
        for key in rest {
            value = value.get(key)?;
        }
        match value {
            Value::Number(number) => count(number),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(value: Value) -> ProviderMetadata {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn parts_do_not_overlap() {
        let usage = |input, output, reasoning, cache_read, cache_write| {
            Usage {
                input,
                output,
                reasoning,
                cache_read,
                cache_write,
                total: None,
            }
            .summed()
        };
        let tokens_of = |total, input, output, reasoning, cache_read, cache_write| Tokens {
            total,
            input,
            output,
            reasoning,
            cache_read,
            cache_write,
        };
        let none = json!({});
        let table = [
            (
                "nothing",
                usage(None, None, None, None, None),
                none.clone(),
                tokens_of(None, 0, 0, 0, 0, 0),
            ),
            (
                "everything",
                usage(Some(100), Some(50), Some(20), Some(30), Some(10)),
                none.clone(),
                tokens_of(Some(150), 60, 30, 20, 30, 10),
            ),
            (
                "more reasoning than answer",
                usage(Some(12), Some(2), Some(340), Some(11), None),
                none,
                tokens_of(Some(14), 1, 0, 340, 11, 0),
            ),
            (
                "cache writes beside the usage",
                usage(Some(10), Some(1), None, None, None),
                json!({"anthropic": {"cacheCreationInputTokens": 4}}),
                tokens_of(Some(11), 6, 1, 0, 0, 4),
            ),
            (
                "cache writes deep beside the usage",
                usage(Some(10), Some(1), None, None, None),
                json!({"bedrock": {"usage": {"cacheWriteInputTokens": 3}}}),
                tokens_of(Some(11), 7, 1, 0, 0, 3),
            ),
            (
                "the usage wins",
                usage(Some(10), Some(1), None, None, Some(0)),
                json!({"anthropic": {"cacheCreationInputTokens": 4}}),
                tokens_of(Some(11), 10, 1, 0, 0, 0),
            ),
        ];
        for (name, usage, facts, expected) in table {
            assert_eq!(tokens(&usage, &metadata(facts)), expected, "{name}");
        }
    }
}
