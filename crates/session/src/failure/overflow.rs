//! Whether a provider says that a conversation is longer than the model's context
//! (reference `providers.md` §11.2).

use opencode_schema::error::ApiError;
use serde_json::Value;

/// Words by which providers say so. `#` stands for a number, `…` for anything.
const WORDS: &[&str] = &[
    "prompt is too long",
    "request_too_large",
    "input is too long for requested model",
    "exceeds the context window",
    "exceeds maximum context length",
    "exceeds the maximum context length",
    "exceeds model's maximum context length",
    "exceeds the model's maximum context length",
    "input token count…exceeds the maximum",
    "tokens in request more than max tokens allowed",
    "maximum prompt length is #",
    "reduce the length of the messages",
    "maximum context length is # token",
    "exceeds maximum allowed input length of # token",
    "exceeds the maximum allowed input length of # token",
    "is longer than the model's context length",
    "exceeds the limit of #",
    "exceeds the available context size",
    "greater than the context length",
    "context window exceeds limit",
    "exceeded model token limit",
    "context_length_exceeded",
    "context length_exceeded",
    "context_length exceeded",
    "context length exceeded",
    "request entity too large",
    "context length is only # token",
    "input length…exceeds…context length",
    "prompt too long; exceeded context length",
    "prompt too long; exceeded max context length",
    "too large for model with # maximum context length",
    "prompt has # tokens, but the configured context size is # token",
    "model_context_window_exceeded",
    "too many tokens",
    "token limit exceeded",
];

/// Answers without a body: some servers say nothing more about a request that is too large.
const NO_BODY: [&str; 2] = ["400 (status code) (no body)", "413 (status code) (no body)"];

/// Whether an error means that the conversation is too long.
pub(super) fn is_overflow(error: &ApiError) -> bool {
    let message = error.message.to_lowercase();
    let limited = message.starts_with("throttling error:")
        || message.starts_with("service unavailable:")
        || message.contains("rate limit")
        || message.contains("too many requests");
    if limited {
        return false;
    }
    let code = error.response_body.as_ref().and_then(|body| {
        let body: Value = serde_json::from_str(body).ok()?;
        Some(body.get("error")?.get("code")?.as_str()?.to_owned())
    });
    error.status_code == Some(413)
        || code.as_deref() == Some("context_length_exceeded")
        || NO_BODY.contains(&message.trim())
        || WORDS.iter().any(|words| says(&message, words))
}

/// Whether words stand in a text.
fn says(text: &str, words: &str) -> bool {
    let mut rest = text;
    words.split('…').all(|piece| match find(rest, piece) {
        Some(after) => {
            rest = after;
            true
        }
        None => false,
    })
}

/// What follows words without gaps.
fn find<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let (first, others) = words.split_once('#').unwrap_or((words, ""));
    let has_number = words.contains('#');
    text.match_indices(first).find_map(|(at, found)| {
        let after = text.get(at + found.len()..)?;
        if has_number {
            after_number(after, others)
        } else {
            Some(after)
        }
    })
}

/// What follows a number and the words behind it.
fn after_number<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let number = |c: char| c.is_ascii_digit() || matches!(c, ',' | '.' | '_');
    let after = text.trim_start_matches(number);
    let digits = text.len() - after.len();
    if !text.get(..digits)?.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    match words.split_once('#') {
        Some((next, others)) => after_number(after.strip_prefix(next)?, others),
        None => after.strip_prefix(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(message: &str, status: u16, body: &str) -> ApiError {
        ApiError {
            message: message.into(),
            status_code: Some(status),
            response_body: Some(body.into()),
            ..ApiError::default()
        }
    }

    #[test]
    fn providers_say_it_in_many_ways() {
        for message in [
            "prompt is too long: 210000 tokens > 200000 maximum",
            "request_too_large: the request is larger than the maximum",
            "Input is too long for requested model.",
            "Your input exceeds the context window of this model.",
            "This model's maximum context length is 128,000 tokens.",
            "The prompt exceeds the model's maximum context length of 8192 tokens",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            "tokens in request more than max tokens allowed",
            "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
            "Please reduce the length of the messages or completion.",
            "The request exceeds the maximum allowed input length of 131072 tokens",
            "Input (7000 tokens) is longer than the model's context length (4096 tokens).",
            "prompt token count of 9000 exceeds the limit of 8000",
            "the request exceeds the available context size, try increasing it",
            "prompt is greater than the context length",
            "invalid params, context window exceeds limit (2013)",
            "Your request exceeded model token limit: 262144",
            "error: context length_exceeded",
            "Request Entity Too Large",
            "the context length is only 2048 tokens",
            "Input length 5000 exceeds the model\u{2019}s allowed context length of 4096",
            "prompt too long; exceeded max context length by 5 tokens",
            "Prompt contains 50 tokens, too large for model with 32768 maximum context length",
            "prompt has 9000 tokens, but the configured context size is 4096 tokens",
            "model_context_window_exceeded",
            "too many tokens",
            "Token limit exceeded.",
            "400 (status code) (no body)",
            "413 (status code) (no body)",
        ] {
            assert!(is_overflow(&api(message, 400, "")), "{message}");
        }
        assert!(is_overflow(&api(
            "no",
            400,
            r#"{"error":{"code":"context_length_exceeded"}}"#
        )));
        assert!(is_overflow(&api("anything", 413, "")));
    }

    #[test]
    fn other_limits_are_not_it() {
        for (message, status) in [
            ("Rate limit reached: too many tokens per minute", 429),
            ("Throttling error: too many tokens", 400),
            ("Service unavailable: too many tokens", 503),
            ("Too many requests: token limit exceeded", 429),
            ("The number of tools exceeds the limit of this plan", 400),
            ("maximum context length is unknown", 400),
            ("input token count is fine", 400),
            ("bad key", 401),
            ("", 400),
        ] {
            assert!(!is_overflow(&api(message, status, "")), "{message}");
        }
    }
}
