//! Why a call failed.
//!
//! What a user reads in the end is made by the session engine (reference `providers.md` §11); here is
//! what it needs for that: which kind, where, and the words of the provider.

use indexmap::IndexMap;
use serde_json::Value;

/// Why a call failed before or while its answer came.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// No key for a provider that needs one.
    #[error("no API key for {provider}")]
    MissingKey {
        /// The provider.
        provider: String,
    },
    /// A provider that wants to know who asks, and nothing that says it.
    #[error("{message}")]
    NoIdentity {
        /// The provider.
        provider: String,
        /// What was looked at, and what to do.
        message: String,
    },
    /// The request cannot be expressed in the wire protocol.
    #[error("{message}")]
    Unsupported {
        /// What cannot be expressed.
        message: String,
    },
    /// The address of the provider is no address.
    #[error("`{url}` is not a usable address: {reason}")]
    BadAddress {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The provider answered with a status of 400 or more, or said so inside the answer before any content.
    #[error("{}", .0.message)]
    Http(Box<HttpError>),
    /// No answer: name not found, connection refused or broken.
    #[error("cannot reach {url}: {message}")]
    Connection {
        /// The address.
        url: String,
        /// What the system says.
        message: String,
        /// Code of the system as Node names it (`ECONNREFUSED`, `ECONNRESET`, `ENOTFOUND`…), when known.
        code: Option<String>,
    },
    /// Headers did not come in time.
    #[error("{url} sent no answer within {timeout_ms} ms")]
    HeaderTimeout {
        /// The address.
        url: String,
        /// The limit.
        timeout_ms: u64,
    },
    /// The answer stood still for too long.
    #[error("{url} sent nothing more for {timeout_ms} ms")]
    IdleTimeout {
        /// The address.
        url: String,
        /// The limit.
        timeout_ms: u64,
    },
    /// The whole call took too long.
    #[error("{url} did not finish within {timeout_ms} ms")]
    RequestTimeout {
        /// The address.
        url: String,
        /// The limit.
        timeout_ms: u64,
    },
    /// The answer is compressed, and broken.
    #[error("the answer of {url} cannot be unpacked: {message}")]
    Decompression {
        /// The address.
        url: String,
        /// What is wrong with it.
        message: String,
    },
    /// The answer is not what the protocol says.
    #[error("{message}")]
    InvalidAnswer {
        /// What is wrong with it.
        message: String,
        /// The answer, as far as it is short.
        body: Option<String>,
    },
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// An error answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HttpError {
    /// Where it came from.
    pub url: String,
    /// Status.
    pub status: u16,
    /// The provider's words, else the reason phrase of the status.
    pub message: String,
    /// Headers, names in lower case.
    pub headers: IndexMap<String, String>,
    /// Body.
    pub body: String,
    /// 408, 409, 429, 500 and above; or what the provider's own rules say.
    pub retryable: bool,
}

impl HttpError {
    /// What to show: the message, and the body where the message says no more than the status does
    /// (reference `providers.md` §11.1).
    #[must_use]
    pub fn description(&self) -> String {
        self.describe().trim().to_owned()
    }

    fn describe(&self) -> String {
        let reason = reason_phrase(self.status);
        if self.message.is_empty() {
            let candidates = [self.body.as_str(), reason.unwrap_or_default(), "Unknown error"];
            return candidates
                .into_iter()
                .find(|text| !text.is_empty())
                .unwrap_or_default()
                .to_owned();
        }
        if self.body.is_empty() || reason != Some(self.message.as_str()) {
            return self.message.clone();
        }
        if let Some(words) = serde_json::from_str(&self.body).ok().as_ref().and_then(own_words) {
            return format!("{}: {words}", self.message);
        }
        if !is_html(&self.body) {
            return format!("{}: {}", self.message, self.body);
        }
        match self.status {
            401 => format!(
                "{}: a gateway or proxy in front of the provider refused the request. \
                 The login may have expired; log in again.",
                self.message
            ),
            403 => format!(
                "{}: a gateway or proxy in front of the provider refused the request. \
                 The account may lack the right to use it.",
                self.message
            ),
            _ => self.message.clone(),
        }
    }
}

/// The words in an error body of unknown shape: `message`, else `error` if it is a text.
fn own_words(body: &Value) -> Option<&str> {
    let first = crate::json::truthy(body.get("message")).or_else(|| crate::json::truthy(body.get("error")));
    first.and_then(Value::as_str)
}

/// Whether a body is a web page.
pub(crate) fn is_html(body: &str) -> bool {
    let start = body.trim_start();
    ["<!doctype", "<html"].iter().any(|tag| {
        start
            .get(..tag.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(tag))
    })
}

/// The words of a status.
pub(crate) fn reason_phrase(status: u16) -> Option<&'static str> {
    reqwest::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
}

/// Whether a status is worth another try.
#[must_use]
pub fn is_retryable_status(status: u16) -> bool {
    matches!(status, 408 | 409 | 429) || status >= 500
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_say_more_than_the_status() {
        let table = [
            (
                "own words",
                400,
                "too long",
                r#"{"error":{"message":"too long"}}"#,
                "too long",
            ),
            ("status only", 502, "Bad Gateway", "", "Bad Gateway"),
            (
                "status and a message",
                502,
                "Bad Gateway",
                r#"{"message":"no upstream"}"#,
                "Bad Gateway: no upstream",
            ),
            (
                "status and an error text",
                502,
                "Bad Gateway",
                r#"{"error":"no upstream"}"#,
                "Bad Gateway: no upstream",
            ),
            (
                "status and an error object",
                502,
                "Bad Gateway",
                r#"{"error":{"message":"x"}}"#,
                r#"Bad Gateway: {"error":{"message":"x"}}"#,
            ),
            (
                "status and a text",
                500,
                "Internal Server Error",
                " oops ",
                "Internal Server Error:  oops",
            ),
            (
                "a web page",
                502,
                "Bad Gateway",
                "<!DOCTYPE html><p>",
                "Bad Gateway",
            ),
            ("nothing but a body", 599, "", "body", "body"),
            ("nothing but a status", 404, "", "", "Not Found"),
            ("nothing", 599, "", "", "Unknown error"),
        ];
        for (name, status, message, body, expected) in table {
            let error = HttpError {
                status,
                message: message.to_owned(),
                body: body.to_owned(),
                ..HttpError::default()
            };
            assert_eq!(error.description(), expected, "{name}");
        }
    }

    #[test]
    fn web_pages_of_gateways_get_a_hint() {
        for status in [401, 403] {
            let error = HttpError {
                status,
                message: reason_phrase(status).unwrap().to_owned(),
                body: "\n<HTML>".to_owned(),
                ..HttpError::default()
            };
            assert!(error.description().contains("gateway or proxy"), "{status}");
        }
    }
}
