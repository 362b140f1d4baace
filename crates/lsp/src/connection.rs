//! Requests, answers and notifications between us and one language server.
//!
//! Whatever waits for the other side has a limit: an answer, and also room in the pipe. A server that does not read
//! what it is sent is given up.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::wire::{self, Broken};

/// Messages that wait to be written.
const QUEUE: usize = 256;
/// How long a server may take to read what it was sent.
const ROOM_LIMIT: Duration = Duration::from_secs(5);
/// Requests that wait for their answers.
const MOST_PENDING: usize = 256;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The server says why.
    #[error("the language server refused `{method}`: {message}")]
    Refused {
        /// The request.
        method: String,
        /// The number of its reason.
        code: i64,
        /// Its words.
        message: String,
    },
    /// It took too long.
    #[error("the language server did not answer `{method}` within {} ms", after.as_millis())]
    TimedOut {
        /// The request.
        method: String,
        /// How long it had.
        after: Duration,
    },
    /// It is gone.
    #[error("the language server is gone")]
    Gone,
}

impl Unanswered {
    /// Whether the same could be answered in a moment: what the server was about to say was overtaken by what it
    /// learned meanwhile.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                code: -32801 | -32802,
                ..
            }
        )
    }
}

type Answer = Result<Value, Unanswered>;

/// A connection. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connection {
    inner: Arc<Inner>,
}

struct Inner {
    outgoing: mpsc::Sender<Value>,
    pending: Mutex<HashMap<i64, Pending>>,
    next: AtomicI64,
    /// Fires when nothing can be said or heard any more.
    closed: CancellationToken,
    /// Why it is closed.
    fault: Mutex<Option<Fault>>,
}

/// Why a connection ended.
#[derive(Clone)]
struct Fault {
    reason: String,
    /// The other side was just gone; somebody may know more.
    is_vague: bool,
}

struct Pending {
    method: &'static str,
    answer: oneshot::Sender<Answer>,
}

/// What a server asks or tells.
pub(crate) trait Handler: Send + Sync + 'static {
    /// An answer to a request, at once; `None` when the method is not known.
    fn request(&self, method: &str, params: &Value) -> Option<Value>;
    /// Takes notice.
    fn notification(&self, method: &str, params: Value);
}

/// Waits for an answer; forgets about it when dropped.
struct Waiting<'a> {
    connection: &'a Connection,
    id: i64,
    is_answered: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.is_answered {
            return;
        }
        self.connection.pending().remove(&self.id);
        let note = json!({ "jsonrpc": "2.0", "method": "$/cancelRequest", "params": { "id": self.id } });
        // Only a courtesy: without room for it the server works for nothing.
        let _ = self.connection.inner.outgoing.try_send(note);
    }
}

impl Connection {
    /// Begins to speak; the future ends when the connection does, and must be driven by somebody.
    pub(crate) fn new(
        input: impl AsyncBufRead + Unpin + Send,
        output: impl AsyncWrite + Unpin + Send,
        handler: Arc<dyn Handler>,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (outgoing, queue) = mpsc::channel(QUEUE);
        let connection = Self {
            inner: Arc::new(Inner {
                outgoing,
                pending: Mutex::default(),
                next: AtomicI64::new(1),
                closed: CancellationToken::new(),
                fault: Mutex::default(),
            }),
        };
        let talk = connection.clone().talk(input, output, queue, handler);
        (connection, talk)
    }

    async fn talk(
        self,
        mut input: impl AsyncBufRead + Unpin + Send,
        mut output: impl AsyncWrite + Unpin + Send,
        mut queue: mpsc::Receiver<Value>,
        handler: Arc<dyn Handler>,
    ) {
        let reading = async {
            loop {
                match wire::read(&mut input).await {
                    Ok(message) => self.hear(message, &*handler),
                    Err(broken) => return broken,
                }
            }
        };
        let writing = async {
            while let Some(message) = queue.recv().await {
                match tokio::time::timeout(ROOM_LIMIT, wire::write(&mut output, &message)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return Broken::Pipe(error),
                    Err(_) => return Broken::Pipe(std::io::ErrorKind::TimedOut.into()),
                }
            }
            Broken::Closed
        };
        let broken = tokio::select! {
            broken = reading => broken,
            broken = writing => broken,
            () = self.inner.closed.cancelled() => Broken::Closed,
        };
        self.end(Fault {
            reason: broken.to_string(),
            is_vague: matches!(broken, Broken::Closed | Broken::Pipe(_)),
        });
    }

    fn hear(&self, message: Value, handler: &dyn Handler) {
        let Value::Object(mut message) = message else {
            return;
        };
        let id = message.remove("id");
        let method = message.remove("method");
        let params = message.remove("params").unwrap_or_default();
        match (method.as_ref().and_then(Value::as_str), id) {
            (Some(method), Some(id)) => {
                let answer = match handler.request(method, &params) {
                    Some(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
                    None => json!({
                        "jsonrpc": "2.0", "id": id,
                        "error": { "code": -32601, "message": "method not found" },
                    }),
                };
                if self.inner.outgoing.try_send(answer).is_err() {
                    self.close("the language server asks more than it reads");
                }
            }
            (Some(method), None) => handler.notification(method, params),
            (None, Some(id)) => {
                let Some(pending) = id.as_i64().and_then(|id| self.pending().remove(&id)) else {
                    return;
                };
                let answer = match message.remove("error") {
                    Some(error) if !error.is_null() => Err(Unanswered::Refused {
                        method: pending.method.to_owned(),
                        code: error["code"].as_i64().unwrap_or(0),
                        message: error["message"]
                            .as_str()
                            .unwrap_or("no reason")
                            .chars()
                            .take(500)
                            .collect(),
                    }),
                    _ => Ok(message.remove("result").unwrap_or_default()),
                };
                // Nobody may want it any more.
                let _ = pending.answer.send(answer);
            }
            (None, None) => {}
        }
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub(crate) async fn request(&self, method: &'static str, params: Value, limit: Duration) -> Answer {
        let id = self.inner.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        {
            let mut pending = self.pending();
            if self.is_closed() {
                return Err(Unanswered::Gone);
            }
            if pending.len() >= MOST_PENDING {
                return Err(Unanswered::Refused {
                    method: method.to_owned(),
                    code: 0,
                    message: "too many requests wait for it".to_owned(),
                });
            }
            pending.insert(id, Pending { method, answer });
        }
        let mut waiting = Waiting {
            connection: self,
            id,
            is_answered: false,
        };
        let exchange = async {
            self.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
                .await?;
            answered.await.unwrap_or(Err(Unanswered::Gone))
        };
        let outcome = tokio::time::timeout(limit, exchange).await;
        waiting.is_answered = outcome.is_ok();
        outcome.unwrap_or_else(|_| {
            Err(Unanswered::TimedOut {
                method: method.to_owned(),
                after: limit,
            })
        })
    }

    /// Tells it something.
    ///
    /// # Errors
    /// It is gone.
    pub(crate) async fn notify(&self, method: &str, params: Value) -> Result<(), Unanswered> {
        self.send(json!({ "jsonrpc": "2.0", "method": method, "params": params }))
            .await
    }

    async fn send(&self, message: Value) -> Result<(), Unanswered> {
        tokio::select! {
            sent = tokio::time::timeout(ROOM_LIMIT, self.inner.outgoing.send(message)) => match sent {
                Ok(Ok(())) => Ok(()),
                _ => {
                    self.close("the language server does not read what it is sent");
                    Err(Unanswered::Gone)
                }
            },
            () = self.inner.closed.cancelled() => Err(Unanswered::Gone),
        }
    }

    /// Ends it; the first reason counts that is more than that the other side is gone. Nobody waits for an answer any more.
    pub(crate) fn close(&self, reason: &str) {
        self.end(Fault {
            reason: reason.to_owned(),
            is_vague: false,
        });
    }

    /// Ends it, if it has not ended for any reason.
    pub(crate) fn leave(&self) {
        self.end(Fault {
            reason: "it was ended".to_owned(),
            is_vague: true,
        });
    }

    fn end(&self, fault: Fault) {
        let mut known = self.inner.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if known
            .as_ref()
            .is_none_or(|known| known.is_vague && !fault.is_vague)
        {
            *known = Some(fault);
        }
        drop(known);
        self.inner.closed.cancel();
        self.pending().clear();
    }

    /// Fires when it is ended.
    pub(crate) fn closed(&self) -> &CancellationToken {
        &self.inner.closed
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.inner.closed.is_cancelled()
    }

    /// Why it is ended.
    pub(crate) fn fault(&self) -> Option<String> {
        let fault = self.inner.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.as_ref().map(|fault| fault.reason.clone())
    }

    /// Whether somebody waits for an answer.
    pub(crate) fn is_at_work(&self) -> bool {
        !self.pending().is_empty()
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<i64, Pending>> {
        self.inner.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use tokio::io::{AsyncReadExt as _, BufReader, DuplexStream, duplex};

    use super::*;

    struct Echo(Mutex<Vec<String>>);

    impl Handler for Echo {
        fn request(&self, method: &str, params: &Value) -> Option<Value> {
            (method == "echo").then(|| params.clone())
        }

        fn notification(&self, method: &str, _params: Value) {
            self.0.lock().unwrap().push(method.to_owned());
        }
    }

    fn pair() -> (Connection, BufReader<DuplexStream>, DuplexStream, Arc<Echo>) {
        let (output, theirs) = duplex(1 << 12);
        let (input, ours) = duplex(1 << 12);
        let echo = Arc::new(Echo(Mutex::default()));
        let (connection, talk) = Connection::new(
            BufReader::new(input),
            output,
            Arc::clone(&echo) as Arc<dyn Handler>,
        );
        tokio::spawn(talk);
        (connection, BufReader::new(theirs), ours, echo)
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn answers_find_who_asked() {
        let (connection, mut theirs, mut ours, echo) = pair();
        let server = async {
            let mut asked = Vec::new();
            for _ in 0..2 {
                asked.push(wire::read(&mut theirs).await.unwrap());
            }
            for message in asked.iter().rev() {
                let answer = json!({ "id": message["id"], "result": message["params"] });
                wire::write(&mut ours, &answer).await.unwrap();
            }
            wire::write(&mut ours, &json!({ "id": "x", "method": "echo", "params": 5 }))
                .await
                .unwrap();
            wire::write(&mut ours, &json!({ "id": 9, "method": "unknown" }))
                .await
                .unwrap();
            wire::write(&mut ours, &json!({ "method": "told" }))
                .await
                .unwrap();
            wire::write(&mut ours, &json!({ "id": 4711, "result": 1 }))
                .await
                .unwrap();
            wire::write(&mut ours, &json!([1])).await.unwrap();
            (
                wire::read(&mut theirs).await.unwrap(),
                wire::read(&mut theirs).await.unwrap(),
            )
        };
        let (one, two, (echoed, refused)) = tokio::join!(
            connection.request("one", json!(1), LONG),
            connection.request("two", json!(2), LONG),
            server
        );
        assert_eq!((one, two), (Ok(json!(1)), Ok(json!(2))));
        assert_eq!((&echoed["id"], &echoed["result"]), (&json!("x"), &json!(5)));
        assert_eq!(
            (&refused["id"], &refused["error"]["code"]),
            (&json!(9), &json!(-32601))
        );
        assert_eq!(*echo.0.lock().unwrap(), ["told"]);
        assert!(!connection.is_at_work());
    }

    #[tokio::test]
    async fn a_request_without_answer_ends_and_is_taken_back() {
        let (connection, mut theirs, _ours, _) = pair();
        let limit = Duration::from_millis(20);
        let answer = connection.request("slow", json!({}), limit).await;
        assert!(matches!(answer, Err(Unanswered::TimedOut { .. })), "{answer:?}");
        wire::read(&mut theirs).await.unwrap();
        assert_eq!(
            wire::read(&mut theirs).await.unwrap()["method"],
            "$/cancelRequest"
        );
        assert!(!connection.is_at_work());
    }

    #[tokio::test]
    async fn who_is_gone_holds_nobody_up() {
        let (connection, mut theirs, ours, _) = pair();
        let asking = tokio::spawn({
            let connection = connection.clone();
            async move { connection.request("never", json!({}), LONG).await }
        });
        wire::read(&mut theirs).await.unwrap();
        drop((theirs, ours));
        assert_eq!(asking.await.unwrap(), Err(Unanswered::Gone));
        assert_eq!(
            connection.request("late", json!({}), LONG).await,
            Err(Unanswered::Gone)
        );
        assert!(connection.fault().unwrap().contains("closed"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_given_up() {
        let (connection, mut theirs, _ours, _) = pair();
        let large = "x".repeat(1 << 16);
        connection.notify("large", json!(large)).await.unwrap();
        connection.closed().cancelled().await;
        let mut rest = Vec::new();
        theirs.read_to_end(&mut rest).await.unwrap();
        assert!(rest.len() < large.len());
    }
}
