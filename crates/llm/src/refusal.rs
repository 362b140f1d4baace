//! Errors inside of answers: their words, and the status that fits them.

use serde_json::Value;

use crate::protocol::Fault;
use crate::stream::StreamError;

/// Parts of an error's code or type, and the status that they stand for; the first that fits.
const STATUSES: [(&[&str], u16); 7] = [
    (&["insufficient_quota", "rate_limit"], 429),
    (&["authentication"], 401),
    (&["permission"], 403),
    (&["not_found"], 404),
    (&["invalid", "bad_request", "context_length"], 400),
    (&["overload"], 503),
    (&["timeout"], 504),
];

/// An error event as a part.
pub(crate) fn stream_error(error: &Value) -> StreamError {
    let words = error
        .as_str()
        .or_else(|| error.get("message").and_then(Value::as_str));
    let code = match error.get("code") {
        Some(Value::String(code)) => Some(code.clone()),
        Some(Value::Number(code)) => Some(code.to_string()),
        _ => error.get("type").and_then(Value::as_str).map(str::to_owned),
    };
    StreamError {
        message: words
            .unwrap_or("the provider reports an error without words")
            .to_owned(),
        code,
        body: Some(error.clone()),
    }
}

/// An event that is neither a piece of an answer nor a report of tokens. Some servers write their errors
/// this way, without an envelope.
pub(super) fn bare(data: &str) -> StreamError {
    let event: Value = serde_json::from_str(data).unwrap_or(Value::Null);
    if event.get("message").is_some_and(Value::is_string) {
        return stream_error(&event);
    }
    StreamError {
        message: "an event of the answer cannot be read: neither choices nor usage are in it".to_owned(),
        code: None,
        body: Some(event),
    }
}

/// An error before any content: the call failed, though its status says otherwise.
pub(crate) fn early(error: &Value) -> Fault {
    let status = status(error);
    Fault::Refused {
        status,
        message: stream_error(error).message,
        retryable: crate::error::is_retryable_status(status),
        body: error.to_string(),
    }
}

/// An error in place of a whole answer. It keeps the status that it came with.
pub(crate) fn in_place(error: &Value, body: &Value) -> Fault {
    // The one case that a provider of this kind calls passing.
    let passing = body.get("code").and_then(Value::as_str) == Some("The service is currently unavailable");
    Fault::Refused {
        status: 200,
        message: stream_error(error).message,
        retryable: passing,
        body: body.to_string(),
    }
}

/// The status that fits an error.
pub(crate) fn status(error: &Value) -> u16 {
    let named = match error.get("code") {
        Some(Value::Number(code)) => code.as_u64(),
        Some(Value::String(code)) if code.len() == 3 => code.parse().ok(),
        _ => None,
    };
    if let Some(status) = named
        .and_then(|code| u16::try_from(code).ok())
        .filter(|code| (400..600).contains(code))
    {
        return status;
    }
    let word = |key: &str| match error.get(key) {
        Some(Value::String(text)) => text.to_lowercase(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let words = format!("{} {}", word("code"), word("type"));
    let fits = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    STATUSES
        .iter()
        .find(|(parts, _)| fits(parts))
        .map_or(500, |(_, status)| *status)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_get_the_status_that_fits() {
        let table = [
            (json!({"code": 418}), 418),
            (json!({"code": "429"}), 429),
            (json!({"code": 99}), 500),
            (json!({"code": "insufficient_quota"}), 429),
            (json!({"type": "rate_limit_error"}), 429),
            (
                json!({"code": "invalid_api_key", "type": "authentication_error"}),
                401,
            ),
            (json!({"code": "context_length_exceeded"}), 400),
            (json!({"type": "overloaded"}), 503),
            (json!({"code": "Request_Timeout"}), 504),
            (json!({"message": "?"}), 500),
        ];
        for (error, expected) in table {
            assert_eq!(status(&error), expected, "{error}");
        }
    }

    #[test]
    fn words_are_found_in_texts_and_objects() {
        assert_eq!(stream_error(&json!("gone")).message, "gone");
        let error = stream_error(&json!({"message": "gone", "type": "server_error"}));
        assert_eq!(
            (error.message.as_str(), error.code.as_deref()),
            ("gone", Some("server_error"))
        );
    }
}
