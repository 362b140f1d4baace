//! The audit log: who had the server execute or change what (reference `seed-http.md` §8).
//!
//! One line of JSON a deed in `audit.jsonl`, readable for the user alone. Whoever records never waits: a
//! queue goes to a thread that writes, and what did not fit into it is counted and told. Commands of the
//! model are heard from the store's feed, wherever they were asked for.

mod deeds;
mod file;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use opencode_schema::id::{Order, generate};
use opencode_schema::time::{iso, now};
use opencode_session::{Engine, Location};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::listen::App;
use crate::secrets;

/// Records that may wait to be written.
const QUEUE: usize = 4096;
/// How long the end of the server waits for the last records.
const ENDING_LIMIT: Duration = Duration::from_secs(2);
/// Characters of a tool's name that are recorded.
const NAME_LIMIT: usize = 256;
/// Bytes of a command that are recorded.
const COMMAND_LIMIT: usize = 8 << 10;

/// How whoever asks has shown who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Auth {
    /// Nobody has to.
    None,
    /// By the password.
    Basic,
    /// By the token.
    Bearer,
    /// By a ticket.
    Ticket,
    /// It is the program itself.
    Internal,
}

/// Who does something.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Actor {
    pub(crate) auth: Auth,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<String>,
}

impl Actor {
    /// The program itself, for the model.
    pub(crate) fn internal() -> Self {
        Self {
            auth: Auth::Internal,
            user: None,
            peer: None,
        }
    }
}

impl FromRequestParts<App> for Actor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        // The guard puts it there before every operation.
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or(Self {
            auth: Auth::None,
            user: None,
            peer: None,
        }))
    }
}

/// What came of a deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Ok,
    Denied,
    Error,
}

/// A deed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Record {
    actor: Actor,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<String>,
    detail: Value,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
}

impl Record {
    /// Something that was done and went well, until said otherwise.
    pub(crate) fn new(actor: &Actor, action: &'static str, detail: Value) -> Self {
        Self {
            actor: actor.clone(),
            action,
            session_id: None,
            directory: None,
            detail,
            outcome: Outcome::Ok,
            status: None,
            duration_ms: None,
        }
    }

    /// Where.
    pub(crate) fn at(self, location: &Location) -> Self {
        self.in_folder(location.directory_text())
    }

    /// Where, by its folder.
    pub(crate) fn in_folder(mut self, directory: String) -> Self {
        self.directory = Some(directory);
        self
    }

    /// For which session.
    pub(crate) fn of_session(mut self, id: impl Into<String>) -> Self {
        self.session_id = Some(id.into());
        self
    }

    /// With which outcome, and which HTTP status where one was answered.
    pub(crate) fn with(mut self, outcome: Outcome, status: Option<u16>) -> Self {
        self.outcome = outcome;
        self.status = status;
        self
    }

    /// For how long.
    pub(crate) fn took(mut self, duration: Duration) -> Self {
        self.duration_ms = u64::try_from(duration.as_millis()).ok();
        self
    }
}

/// The way into the log for routes that are not of this server; it comes with each request that was let in.
#[derive(Clone, Debug)]
pub struct Deeds {
    audit: Audit,
    actor: Actor,
}

impl Deeds {
    pub(crate) fn of(audit: &Audit, actor: &Actor) -> Self {
        Self {
            audit: audit.clone(),
            actor: actor.clone(),
        }
    }

    /// Records that an MCP client called a tool. Never waits.
    pub fn mcp_call(&self, tool: &str, directory: &str, session: Option<&str>, failed: bool, took: Duration) {
        let outcome = if failed { Outcome::Error } else { Outcome::Ok };
        // A client may say anything; what it says is not endless.
        let tool: String = tool.chars().take(NAME_LIMIT).collect();
        let record = Record::new(&self.actor, "mcp.call", json!({ "tool": tool }))
            .in_folder(directory.to_owned())
            .with(outcome, None)
            .took(took);
        self.audit.record(&match session {
            Some(session) => record.of_session(session),
            None => record,
        });
    }
}

/// A command as it is recorded: without secrets, and not endless.
pub(crate) fn command(text: &str) -> String {
    let mut end = text.len().min(COMMAND_LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    secrets::masked(text.get(..end).unwrap_or_default())
}

/// The way into the log. Cheap to clone; without a log, records go nowhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audit {
    /// Lines; nothing ends the log.
    queue: Option<mpsc::Sender<Option<String>>>,
    lost: Arc<AtomicU64>,
}

/// The log while it is written.
pub(crate) struct Writing {
    audit: Audit,
    written: Option<oneshot::Receiver<()>>,
    listening: CancellationToken,
}

impl Audit {
    /// Begins to write, and to listen for what the model does.
    pub(crate) fn begin(path: Option<PathBuf>, engine: &Engine) -> (Self, Writing) {
        let listening = CancellationToken::new();
        let Some(path) = path else {
            let writing = Writing {
                audit: Self::default(),
                written: None,
                listening,
            };
            return (Self::default(), writing);
        };
        let (queue, waiting) = mpsc::channel(QUEUE);
        let audit = Self {
            queue: Some(queue),
            lost: Arc::default(),
        };
        let written = file::write(path, waiting, Arc::clone(&audit.lost));
        tokio::spawn(deeds::listen(
            audit.clone(),
            engine.subscribe(),
            listening.clone(),
        ));
        let writing = Writing {
            audit: audit.clone(),
            written,
            listening,
        };
        (audit, writing)
    }

    /// Records a deed. Never waits.
    pub(crate) fn record(&self, record: &Record) {
        let Some(queue) = &self.queue else { return };
        if queue.try_send(Some(line(record))).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Writing {
    /// Waits until all that was recorded is written.
    pub(crate) async fn end(self) {
        self.listening.cancel();
        let (Some(queue), Some(written)) = (self.audit.queue, self.written) else {
            return;
        };
        let ending = async {
            // It fails when the thread is gone, which the other says too.
            let _ = queue.send(None).await;
            let _ = written.await;
        };
        if tokio::time::timeout(ENDING_LIMIT, ending).await.is_err() {
            tracing::warn!("the last lines of the audit log may be missing");
        }
    }
}

fn line(record: &Record) -> String {
    let mut line = json!({ "ts": iso(now()), "id": generate("aud", Order::Ascending) });
    if let (Some(line), Ok(Value::Object(record))) = (line.as_object_mut(), serde_json::to_value(record)) {
        line.extend(record);
    }
    format!("{line}\n")
}
