//! Why a call failed: no server, no answer, or an error in one of the server's shapes
//! (reference `http-api.md` §4).

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address of the server is none.
    #[error("{text:?} is no address of a server: {reason}")]
    Address {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers, or the connection broke.
    #[error("cannot reach {server}: {reason}")]
    Unreachable {
        /// Its address.
        server: String,
        /// What the system says.
        reason: String,
    },
    /// No answer came in time.
    #[error("{server} did not answer {what} within {} s", limit.as_secs())]
    TimedOut {
        /// Its address.
        server: String,
        /// The call.
        what: String,
        /// How long it was waited.
        limit: Duration,
    },
    /// The server wants a name and a password, or others than were given.
    #[error("{server} wants another name or password")]
    Unauthorized {
        /// Its address.
        server: String,
    },
    /// The server refuses.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The server does not have this operation.
    #[error("{server} does not know {what}")]
    Unsupported {
        /// Its address.
        server: String,
        /// The call.
        what: String,
    },
    /// The answer is not what the interface says.
    #[error("{server} answered {what} with something unexpected: {reason}")]
    Unexpected {
        /// Its address.
        server: String,
        /// The call.
        what: String,
        /// How it differs.
        reason: String,
    },
    /// The answer is larger than anything that makes sense.
    #[error("the answer to {what} is larger than {limit} bytes")]
    TooLarge {
        /// The call.
        what: String,
        /// The limit.
        limit: usize,
    },
}

/// An error that the server sent.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// Its name (`NotFoundError`), or its tag; empty when the body has none.
    pub name: String,
    /// What it says.
    pub message: String,
    /// The number to look for in the server's log.
    pub reference: Option<String>,
    /// All of it.
    pub body: Value,
}

impl Error {
    /// Whether what was asked for is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == StatusCode::NOT_FOUND)
    }

    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::TooLarge { .. } => true,
            Self::Refused(refusal) => refusal.status >= 500 || refusal.status == 429,
            _ => false,
        }
    }
}

impl Refusal {
    /// Reads the body of an error: `{name, data: {message}}`, `{_tag, message}`, or any text.
    pub(crate) fn read(status: StatusCode, bytes: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).trim().to_owned()));
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
        let name = text("/name").or(text("/_tag")).unwrap_or_default().to_owned();
        let said = [
            text("/data/message"),
            text("/message"),
            text("/error"),
            body.as_str(),
        ];
        let message = said.into_iter().flatten().find(|text| !text.is_empty());
        let message = message.map_or_else(
            || match name.as_str() {
                "" => format!("the server answered {status}"),
                name => format!("the server answered {status}: {name}"),
            },
            str::to_owned,
        );
        let reference = text("/data/ref").map(str::to_owned);
        Self {
            status: status.as_u16(),
            name,
            message,
            reference,
            body,
        }
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn errors_are_read_in_every_shape() {
        let unknown = r#"{"name":"UnknownError","data":{"message":"no","ref":"err_1"}}"#;
        for (body, name, message, reference) in [
            (unknown, "UnknownError", "no", Some("err_1")),
            (
                r#"{"_tag":"SessionBusyError","sessionID":"s","message":"busy"}"#,
                "SessionBusyError",
                "busy",
                None,
            ),
            (
                r#"{"_tag":"BadRequest"}"#,
                "BadRequest",
                "the server answered 400 Bad Request: BadRequest",
                None,
            ),
            (r#"{"error":"no OAuth"}"#, "", "no OAuth", None),
            ("plain words\n", "", "plain words", None),
            ("", "", "the server answered 400 Bad Request", None),
        ] {
            let read = Refusal::read(StatusCode::BAD_REQUEST, body.as_bytes());
            assert_eq!(
                (
                    read.name.as_str(),
                    read.message.as_str(),
                    read.reference.as_deref()
                ),
                (name, message, reference),
                "{body}"
            );
        }
    }
}
