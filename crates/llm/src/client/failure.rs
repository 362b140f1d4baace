//! Failures: of connections, of answers that are cut or packed wrong, and statuses that mean no.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use serde_json::Value;

use super::watch::Watch;
use crate::adapter::FailureShape;
use crate::error::{Error, HttpError, is_retryable_status, reason_phrase};
use crate::json::text_at;
use crate::target::Target;

/// More of an error's body than this nobody reads.
const BODY_LIMIT: usize = 1024 * 1024;

/// An error of the system by its kind, as Node names it.
const CODES: [(ErrorKind, &str); 9] = [
    (ErrorKind::ConnectionRefused, "ECONNREFUSED"),
    (ErrorKind::ConnectionReset, "ECONNRESET"),
    (ErrorKind::ConnectionAborted, "ECONNABORTED"),
    (ErrorKind::BrokenPipe, "EPIPE"),
    (ErrorKind::TimedOut, "ETIMEDOUT"),
    (ErrorKind::UnexpectedEof, "ECONNRESET"),
    (ErrorKind::HostUnreachable, "EHOSTUNREACH"),
    (ErrorKind::NetworkUnreachable, "ENETUNREACH"),
    (ErrorKind::AddrNotAvailable, "EADDRNOTAVAIL"),
];

/// Words of the libraries below for what has no kind.
const WORDS: [(&str, &str); 6] = [
    ("dns error", "ENOTFOUND"),
    ("failed to lookup address", "ENOTFOUND"),
    ("connection closed before message completed", "ECONNRESET"),
    ("end of file before message length reached", "ECONNRESET"),
    ("unexpected EOF during chunk", "ECONNRESET"),
    ("connection reset", "ECONNRESET"),
];

/// A connection that could not be made, or broke.
pub(super) fn of_connection(error: &reqwest::Error, url: &str) -> Error {
    let chain = chain(error);
    let message = chain
        .last()
        .cloned()
        .unwrap_or_else(|| "no connection".to_owned());
    Error::Connection {
        url: url.to_owned(),
        message,
        code: code(error, &chain),
    }
}

/// What went wrong while an answer came.
pub(super) fn of_body(error: &reqwest::Error, url: &str) -> Error {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<io::Error>()
            && matches!(cause.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput)
        {
            return Error::Decompression {
                url: url.to_owned(),
                message: cause.to_string(),
            };
        }
        source = cause.source();
    }
    of_connection(error, url)
}

/// The causes in words, the first cause last. The outermost error is left out: it names the address.
fn chain(error: &reqwest::Error) -> Vec<String> {
    let mut words = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push(cause.to_string());
        source = cause.source();
    }
    words
}

fn code(error: &reqwest::Error, chain: &[String]) -> Option<String> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<io::Error>()
            && let Some((_, code)) = CODES.iter().find(|(kind, _)| *kind == cause.kind())
        {
            return Some((*code).to_owned());
        }
        source = cause.source();
    }
    let says = |part: &str| chain.iter().any(|words| words.contains(part));
    WORDS
        .iter()
        .find(|(part, _)| says(part))
        .map(|(_, code)| (*code).to_owned())
}

/// An answer whose status means no.
pub(super) async fn of_status(mut response: reqwest::Response, target: &Target, watch: &Watch) -> Error {
    let status = response.status().as_u16();
    let mut headers = indexmap::IndexMap::<String, String>::new();
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|known| {
                known.push_str(", ");
                known.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    let mut bytes = Vec::new();
    while bytes.len() < BODY_LIMIT {
        match watch.piece(target.limits.idle, response.chunk()).await {
            Ok(Ok(Some(piece))) => bytes.extend_from_slice(&piece),
            Err(Error::Cancelled) => return Error::Cancelled,
            // What came so far is worth more than why the rest did not come.
            Ok(Ok(None) | Err(_)) | Err(_) => break,
        }
    }
    bytes.truncate(BODY_LIMIT);
    let body = String::from_utf8_lossy(&bytes).into_owned();
    let words = words(target.adapter.failure, &body);
    let message = words
        .or_else(|| reason_phrase(status).map(str::to_owned))
        .unwrap_or_default();
    let retryable =
        is_retryable_status(status) || (status == 404 && target.provider_id.starts_with("openai"));
    Error::Http(Box::new(HttpError {
        url: watch.url.clone(),
        status,
        message,
        headers,
        body,
        retryable,
    }))
}

/// The provider's words in an error body of its shape.
fn words(shape: FailureShape, body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let error = body.get("error");
    let nested = error
        .and_then(|error| text_at(error, "message"))
        .map(str::to_owned);
    let typed = error.is_some_and(|error| text_at(error, "type").is_some());
    match shape {
        FailureShape::Nested => nested,
        FailureShape::NestedOrType => {
            nested.or_else(|| error.and_then(|error| text_at(error, "type")).map(str::to_owned))
        }
        FailureShape::NestedTyped => nested.filter(|_| typed),
        FailureShape::Anthropic => nested.filter(|_| typed && text_at(&body, "type") == Some("error")),
        FailureShape::Flat => {
            let whole = ["type", "param", "code"]
                .iter()
                .all(|key| text_at(&body, key).is_some());
            text_at(&body, "message").filter(|_| whole).map(str::to_owned)
        }
        FailureShape::Mistral => {
            let whole = text_at(&body, "object") == Some("error")
                && text_at(&body, "type").is_some()
                && ["param", "code"].iter().all(|key| {
                    body.get(key)
                        .is_some_and(|value| value.is_null() || value.is_string())
                });
            text_at(&body, "message").filter(|_| whole).map(str::to_owned)
        }
        FailureShape::Bare => text_at(&body, "message").map(str::to_owned),
        FailureShape::Xai => nested.or_else(|| {
            Some(format!(
                "{}: {}",
                text_at(&body, "code")?,
                text_at(&body, "error")?
            ))
        }),
        FailureShape::Google => {
            let code = error.and_then(|error| error.get("code"));
            let whole = code.is_some_and(|code| code.is_number() || code.is_null())
                && error.is_some_and(|error| text_at(error, "status").is_some());
            nested.filter(|_| whole)
        }
        FailureShape::Bedrock => {
            let words = text_at(&body, "message").or_else(|| text_at(&body, "Message"))?;
            Some(match text_at(&body, "type") {
                Some(kind) => format!("{kind}: {words}"),
                None => words.to_owned(),
            })
        }
        FailureShape::Sap => {
            let first = error.and_then(|error| text_at(error.get(0)?, "message"));
            let words = first.or_else(|| text_at(&body, "message")).map(str::to_owned);
            nested.or(words)
        }
        FailureShape::OpenRouter => nested.map(|message| openrouter_words(error, message)),
        FailureShape::Gateway => nested.map(|words| match text_at(&body, "generationId") {
            Some(id) => format!("{words} [{id}]"),
            None => words,
        }),
    }
}

/// The provider behind the provider and its words, where they are known.
fn openrouter_words(error: Option<&Value>, message: String) -> String {
    let Some(metadata) = error
        .and_then(|error| error.get("metadata"))
        .filter(|metadata| !metadata.is_null())
    else {
        return message;
    };
    let name = text_at(metadata, "provider_name").filter(|name| !name.is_empty());
    let own = metadata
        .get("raw")
        .and_then(|raw| inner_words(raw, 0))
        .filter(|own| !own.is_empty());
    let words = own.unwrap_or(message);
    match name {
        Some(name) => format!("[{name}] {words}"),
        None => words,
    }
}

/// The first words in an error of unknown shape, which may be JSON inside of a text.
fn inner_words(raw: &Value, depth: usize) -> Option<String> {
    const DEEPEST: usize = 8;
    if depth > DEEPEST {
        return None;
    }
    if let Some(text) = raw.as_str() {
        return match serde_json::from_str::<Value>(text) {
            Ok(inner) if inner.is_object() || inner.is_array() => inner_words(&inner, depth + 1),
            _ => Some(text.to_owned()),
        };
    }
    for key in ["message", "error", "detail", "details", "msg"] {
        match raw.get(key) {
            Some(Value::String(text)) if !text.is_empty() => return Some(text.clone()),
            Some(inner @ (Value::Object(_) | Value::Array(_))) => {
                if let Some(words) = inner_words(inner, depth + 1).filter(|words| !words.is_empty()) {
                    return Some(words);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_by_shape() {
        let nested = r#"{"error":{"message":"no","type":"t"}}"#;
        let table = [
            ("nested", FailureShape::Nested, nested, Some("no")),
            (
                "nested without a type",
                FailureShape::NestedTyped,
                r#"{"error":{"message":"no"}}"#,
                None,
            ),
            (
                "anthropic",
                FailureShape::Anthropic,
                r#"{"type":"error","error":{"type":"t","message":"no"}}"#,
                Some("no"),
            ),
            ("anthropic, other shape", FailureShape::Anthropic, nested, None),
            (
                "flat",
                FailureShape::Flat,
                r#"{"message":"no","type":"t","param":"p","code":"c"}"#,
                Some("no"),
            ),
            ("flat, other shape", FailureShape::Flat, nested, None),
            (
                "xai",
                FailureShape::Xai,
                r#"{"code":"c","error":"no"}"#,
                Some("c: no"),
            ),
            (
                "only a type",
                FailureShape::NestedOrType,
                r#"{"error":{"type":"t","code":1}}"#,
                Some("t"),
            ),
            (
                "mistral",
                FailureShape::Mistral,
                r#"{"object":"error","message":"no","type":"invalid_model","param":null,"code":"1500"}"#,
                Some("no"),
            ),
            (
                "mistral, other shape",
                FailureShape::Mistral,
                r#"{"message":"Unauthorized","request_id":"r"}"#,
                None,
            ),
            (
                "bare",
                FailureShape::Bare,
                r#"{"id":"i","message":"no"}"#,
                Some("no"),
            ),
            ("bare, no words", FailureShape::Bare, r#"{"message":5}"#, None),
            ("no json", FailureShape::Nested, "<html>", None),
            (
                "google",
                FailureShape::Google,
                r#"{"error":{"code":429,"message":"no","status":"RESOURCE_EXHAUSTED"}}"#,
                Some("no"),
            ),
            ("google, other shape", FailureShape::Google, nested, None),
            (
                "bedrock",
                FailureShape::Bedrock,
                r#"{"message":"no"}"#,
                Some("no"),
            ),
            (
                "bedrock with a type",
                FailureShape::Bedrock,
                r#"{"message":"no","type":"t"}"#,
                Some("t: no"),
            ),
            (
                "bedrock before the model",
                FailureShape::Bedrock,
                r#"{"Message":"no"}"#,
                Some("no"),
            ),
            ("gateway", FailureShape::Gateway, nested, Some("no")),
            (
                "gateway with an id",
                FailureShape::Gateway,
                r#"{"error":{"message":"no"},"generationId":"gen_1"}"#,
                Some("no [gen_1]"),
            ),
            (
                "sap",
                FailureShape::Sap,
                r#"{"error":[{"message":"no"}]}"#,
                Some("no"),
            ),
            (
                "sap before the model",
                FailureShape::Sap,
                r#"{"request_id":"r","message":"no"}"#,
                Some("no"),
            ),
            ("openrouter", FailureShape::OpenRouter, nested, Some("no")),
            (
                "openrouter with a provider",
                FailureShape::OpenRouter,
                r#"{"error":{"message":"no","metadata":{"provider_name":"P","raw":"{\"error\":{\"message\":\"own\"}}"}}}"#,
                Some("[P] own"),
            ),
            (
                "openrouter with a provider without words",
                FailureShape::OpenRouter,
                r#"{"error":{"message":"no","metadata":{"provider_name":"P"}}}"#,
                Some("[P] no"),
            ),
        ];
        for (name, shape, body, expected) in table {
            assert_eq!(words(shape, body).as_deref(), expected, "{name}");
        }
    }
}
