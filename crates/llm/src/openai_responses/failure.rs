//! Errors inside of answers.

use serde_json::{Value, json};

use crate::protocol::Fault;
use crate::refusal;
use crate::stream::StreamError;

/// The error in an event of a failure, if it names one: nested, flat, or in the answer as it ended.
pub(super) fn of_event(frame: &Value) -> Option<Value> {
    let nested = frame
        .get("error")
        .or_else(|| frame.pointer("/response/error"))
        .filter(|error| error.is_object());
    if let Some(error) = nested {
        return Some(error.clone());
    }
    if frame.get("type").and_then(Value::as_str) != Some("error") {
        return None;
    }
    Some(json!({"code": frame.get("code"), "message": frame.get("message")}))
}

/// A part for an error; whatever shape it came in, its body is an event of type `error`.
pub(super) fn part(error: &Value) -> StreamError {
    let mut part = refusal::stream_error(error);
    part.body = Some(json!({"type": "error", "error": error}));
    part
}

/// An error before any content: the call failed, though its status says otherwise.
pub(super) fn early(error: &Value, frame: &Value) -> Fault {
    let status = refusal::status(error);
    Fault::Refused {
        status,
        message: refusal::stream_error(error).message,
        retryable: crate::error::is_retryable_status(status),
        body: frame.to_string(),
    }
}

/// An error in place of a whole answer; the protocol has them for requests that cannot be served.
pub(super) fn in_place(error: &Value, answer: &Value) -> Fault {
    Fault::Refused {
        status: 400,
        message: refusal::stream_error(error).message,
        retryable: false,
        body: answer.to_string(),
    }
}

/// An event that cannot be read.
pub(super) fn unreadable(message: String, data: &str) -> StreamError {
    StreamError {
        message,
        code: None,
        body: serde_json::from_str(data).ok(),
    }
}
