//! Newline-delimited JSON-RPC 2.0: messages of a bounded size in, messages through a bounded queue out, and
//! requests of our own with their answers.
//!
//! The official crate has a connection, too. Its queues have no bound and its lines no limit, which is why
//! only its types are used.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};

/// Most bytes of a message that is taken: a prompt with pictures fits.
pub(crate) const LINE_LIMIT: usize = 64 * 1024 * 1024;
/// Messages that wait to be written.
pub(crate) const OUT_BOUND: usize = 256;
/// Requests of our own that wait for their answer.
const PENDING_BOUND: usize = 256;

/// Why a request failed, as JSON-RPC says it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) data: Option<Value>,
}

impl Failure {
    fn new(code: i64, message: impl Into<String>, data: Option<Value>) -> Self {
        Self {
            code,
            message: message.into(),
            data,
        }
    }

    /// What came is no JSON.
    pub(crate) fn parse(reason: impl std::fmt::Display) -> Self {
        Self::new(
            -32700,
            "Parse error",
            Some(json!({ "reason": reason.to_string() })),
        )
    }

    /// What came is JSON, and no message.
    pub(crate) fn invalid_request(reason: impl std::fmt::Display) -> Self {
        let data = json!({ "reason": reason.to_string() });
        Self::new(-32600, "Invalid request", Some(data))
    }

    /// Nobody knows this method.
    pub(crate) fn unknown_method(method: &str) -> Self {
        let message = format!("\"Method not found\": {method}");
        Self::new(-32601, message, Some(json!({ "method": method })))
    }

    /// The parameters are not those of the method.
    pub(crate) fn invalid_form(reason: impl std::fmt::Display) -> Self {
        let data = json!({ "_errors": [reason.to_string()] });
        Self::new(-32602, "Invalid params", Some(data))
    }

    /// The parameters mean nothing here.
    pub(crate) fn invalid(reason: impl std::fmt::Display, data: Value) -> Self {
        Self::new(-32602, format!("Invalid params: {reason}"), Some(data))
    }

    /// Something failed that the caller is not to blame for.
    pub(crate) fn internal(reason: impl std::fmt::Display, data: Value) -> Self {
        Self::new(-32603, format!("Internal error: {reason}"), Some(data))
    }

    /// The user must log in first.
    pub(crate) fn auth_required(reason: &str, data: Value) -> Self {
        let message = format!("Authentication required: {reason}");
        Self::new(-32000, message, Some(data))
    }

    fn to_value(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = &self.data {
            error["data"] = data.clone();
        }
        error
    }
}

/// A message of the peer.
#[derive(Debug, PartialEq)]
pub(crate) enum Incoming {
    Request {
        id: Value,
        method: String,
        params: Option<Value>,
    },
    Notification {
        method: String,
        params: Option<Value>,
    },
    Response {
        id: Value,
        result: Result<Value, Value>,
    },
    /// It is none; this is to be answered.
    Wrong {
        id: Value,
        failure: Failure,
    },
}

impl Incoming {
    /// Reads a line. As in the reference, nobody insists on `"jsonrpc": "2.0"`.
    pub(crate) fn parse(line: &[u8]) -> Self {
        let wrong = |id: Value, failure| Self::Wrong { id, failure };
        let mut message = match serde_json::from_slice::<Value>(line) {
            Ok(Value::Object(message)) => message,
            Ok(Value::Array(_)) => {
                let reason = "batches are not supported";
                return wrong(Value::Null, Failure::invalid_request(reason));
            }
            Ok(_) => {
                let reason = "a message is an object";
                return wrong(Value::Null, Failure::invalid_request(reason));
            }
            Err(error) => return wrong(Value::Null, Failure::parse(error)),
        };
        let id = message.remove("id");
        if let Some(id) = &id
            && !matches!(id, Value::Null | Value::String(_) | Value::Number(_))
        {
            let reason = "an id is a string or a number";
            return wrong(Value::Null, Failure::invalid_request(reason));
        }
        match (message.remove("method"), id) {
            (Some(Value::String(method)), id) => {
                let params = message.remove("params");
                match id {
                    Some(id) => Self::Request { id, method, params },
                    None => Self::Notification { method, params },
                }
            }
            (Some(_), id) => {
                let reason = "a method is a string";
                wrong(id.unwrap_or_default(), Failure::invalid_request(reason))
            }
            (None, Some(id)) => Self::response(id, &mut message),
            (None, None) => wrong(
                Value::Null,
                Failure::invalid_request("a message has a method or an id"),
            ),
        }
    }

    fn response(id: Value, message: &mut Map<String, Value>) -> Self {
        if let Some(error) = message.remove("error") {
            return Self::Response {
                id,
                result: Err(error),
            };
        }
        match message.remove("result") {
            Some(result) => Self::Response {
                id,
                result: Ok(result),
            },
            None => Self::Wrong {
                id,
                failure: Failure::invalid_request("a message has a method, a result or an error"),
            },
        }
    }
}

/// Parameters in their form.
pub(crate) fn params<T: DeserializeOwned>(params: Option<Value>) -> Result<T, Failure> {
    let params = params.unwrap_or_default();
    if !params.is_object() {
        return Err(Failure::invalid_form("an object is wanted"));
    }
    serde_path_to_error::deserialize(params).map_err(|error| match error.path().to_string().as_str() {
        "." => Failure::invalid_form(error.inner()),
        path => Failure::invalid_form(format_args!("{path}: {}", error.inner())),
    })
}

/// A line as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Whole(Vec<u8>),
    /// It was longer than it may be, and is gone.
    TooLong,
}

/// The next line that is not blank; none at the end.
pub(crate) async fn next_line<R: AsyncBufRead + Unpin>(
    input: &mut R,
    limit: usize,
) -> std::io::Result<Option<Line>> {
    loop {
        let mut line = Vec::new();
        let mut too_long = false;
        let ended = loop {
            let buffer = input.fill_buf().await?;
            if buffer.is_empty() {
                break true;
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let piece = &buffer[..end.unwrap_or(buffer.len())];
            too_long |= line.len() + piece.len() > limit;
            if too_long {
                line = Vec::new();
            } else {
                line.extend_from_slice(piece);
            }
            let used = piece.len() + usize::from(end.is_some());
            input.consume(used);
            if end.is_some() {
                break false;
            }
        };
        if too_long {
            return Ok(Some(Line::TooLong));
        }
        if !line.trim_ascii().is_empty() {
            return Ok(Some(Line::Whole(line)));
        }
        if ended {
            return Ok(None);
        }
    }
}

/// Writes what is said until nobody can say anything any more, or nobody reads it.
pub(crate) async fn write<W: AsyncWrite + Unpin>(
    mut output: W,
    mut lines: mpsc::Receiver<String>,
) -> std::io::Result<()> {
    while let Some(mut line) = lines.recv().await {
        line.push('\n');
        output.write_all(line.as_bytes()).await?;
        if lines.is_empty() {
            output.flush().await?;
        }
    }
    output.flush().await
}

type Waiting = HashMap<u64, oneshot::Sender<Result<Value, Value>>>;

/// Our side of the connection.
pub(crate) struct Wire {
    out: mpsc::Sender<String>,
    waiting: Mutex<Waiting>,
    next: AtomicU64,
}

/// A request of ours that waits for its answer; dropping it forgets it.
struct Pending<'a> {
    wire: &'a Wire,
    id: u64,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.wire.waiting().remove(&self.id);
    }
}

impl Wire {
    pub(crate) fn new(out: mpsc::Sender<String>) -> Self {
        Self {
            out,
            waiting: Mutex::default(),
            next: AtomicU64::new(0),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while too much is not read yet. When nobody reads any more, there is nobody to tell.
    async fn say(&self, message: &Value) {
        let _ = self.out.send(message.to_string()).await;
    }

    pub(crate) async fn notify(&self, method: &str, params: Value) {
        self.say(&json!({ "jsonrpc": "2.0", "method": method, "params": params }))
            .await;
    }

    pub(crate) async fn respond(&self, id: Value, result: Result<Value, Failure>) {
        let message = match result {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
            Err(failure) => json!({ "jsonrpc": "2.0", "id": id, "error": failure.to_value() }),
        };
        self.say(&message).await;
    }

    /// Asks the peer; an error is what he answers, or that he is gone.
    pub(crate) async fn request(&self, method: &str, params: Value) -> Result<Value, Value> {
        let never = std::future::pending();
        let answer = self.request_until(method, params, never).await;
        answer.unwrap_or_else(|| Err(Value::Null))
    }

    /// The same until nobody wants to know any more, which the peer is told.
    pub(crate) async fn request_until(
        &self,
        method: &str,
        params: Value,
        until: impl Future<Output = ()>,
    ) -> Option<Result<Value, Value>> {
        let (answer, answered) = oneshot::channel();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        {
            let mut waiting = self.waiting();
            if waiting.len() >= PENDING_BOUND {
                return Some(Err(json!("too many requests wait for their answer")));
            }
            waiting.insert(id, answer);
        }
        let _pending = Pending { wire: self, id };
        self.say(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
            .await;
        tokio::select! {
            biased;
            answer = answered => Some(answer.unwrap_or_else(|_| Err(json!("the connection has ended")))),
            () = until => {
                self.notify("$/cancel_request", json!({ "requestId": id })).await;
                None
            }
        }
    }

    /// Nobody will answer any more.
    pub(crate) fn forget(&self) {
        self.waiting().clear();
    }

    /// The peer has answered one of our requests.
    pub(crate) fn settle(&self, id: &Value, result: Result<Value, Value>) {
        let answer = id.as_u64().and_then(|id| self.waiting().remove(&id));
        match answer {
            // Whoever asked may have gone in this moment.
            Some(answer) => drop(answer.send(result)),
            None => tracing::debug!(%id, "an answer to nothing that was asked"),
        }
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde::Deserialize;

    use super::*;

    fn code(text: &str) -> (Value, i64) {
        match Incoming::parse(text.as_bytes()) {
            Incoming::Wrong { id, failure } => (id, failure.code),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn messages_that_are_none_are_told_apart() {
        for (text, id, wanted) in [
            ("not json", json!(null), -32700),
            ("{\"id\":", json!(null), -32700),
            ("\u{0}", json!(null), -32700),
            ("[]", json!(null), -32600),
            ("5", json!(null), -32600),
            ("{}", json!(null), -32600),
            (r#"{"id":99}"#, json!(99), -32600),
            (r#"{"id":98,"method":4}"#, json!(98), -32600),
            (r#"{"id":[1],"method":"x"}"#, json!(null), -32600),
        ] {
            assert_eq!(code(text), (id, wanted), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(code(&deep).1, -32700);
    }

    #[test]
    fn messages_are_read() {
        let request = Incoming::Request {
            id: json!("a"),
            method: "m".into(),
            params: Some(json!({ "x": 1 })),
        };
        assert_eq!(
            Incoming::parse(br#"{"id":"a","method":"m","params":{"x":1}}"#),
            request
        );
        let notification = Incoming::Notification {
            method: "m".into(),
            params: None,
        };
        assert_eq!(
            Incoming::parse(br#"{"jsonrpc":"2.0","method":"m"}"#),
            notification
        );
        let response = Incoming::Response {
            id: json!(3),
            result: Err(json!({ "code": 1 })),
        };
        assert_eq!(Incoming::parse(br#"{"id":3,"error":{"code":1}}"#), response);
    }

    #[test]
    fn parameters_say_what_does_not_fit() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only its form matters")]
        struct Wanted {
            list: Vec<u8>,
        }
        for (given, wanted) in [
            (None, "an object is wanted"),
            (Some(json!([1])), "an object is wanted"),
            (Some(json!({})), "missing field `list`"),
            (Some(json!({ "list": [1, "x"] })), "list[1]: invalid type"),
        ] {
            let failure = params::<Wanted>(given).unwrap_err();
            let said = failure.data.unwrap()["_errors"][0].as_str().unwrap().to_owned();
            assert_eq!((failure.code, said.starts_with(wanted)), (-32602, true), "{said}");
        }
    }

    #[tokio::test]
    async fn lines_have_a_limit_and_blank_ones_do_not_count() {
        let mut input: &[u8] = b"one\n\n  \r\nfar too long\ntwo";
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input, 5).await.unwrap() {
            lines.push(line);
        }
        let whole = |text: &str| Line::Whole(text.as_bytes().to_vec());
        assert_eq!(lines, [whole("one"), Line::TooLong, whole("two")]);
    }

    #[tokio::test]
    async fn answers_find_who_asked_and_nobody_waits_for_a_peer_that_is_gone() {
        let (out, mut said) = mpsc::channel(4);
        let wire = Wire::new(out);
        let peer = async {
            let asked: Value = serde_json::from_str(&said.recv().await.unwrap()).unwrap();
            wire.settle(&json!("other"), Ok(json!(0)));
            wire.settle(&asked["id"], Ok(json!("yes")));
            asked
        };
        let (answer, asked) = tokio::join!(wire.request("ask", json!({})), peer);
        assert_eq!(answer, Ok(json!("yes")));
        assert_eq!(asked["method"], "ask");
        assert!(wire.waiting().is_empty());
    }
}
