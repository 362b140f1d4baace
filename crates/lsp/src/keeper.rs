//! The process of a server: seen to its end, bounded in memory, and never left behind.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opencode_process::Peer;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStderr;
use tokio_util::sync::CancellationToken;

use crate::client::START_LIMIT;
use crate::connection::Connection;

/// How long a server may take to answer that it ends.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);
/// How long it may take to end then.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long one that was told to may take before it is killed.
const GRACE: Duration = Duration::from_secs(3);
/// How often its memory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Bytes of its complaints that are kept.
const COMPLAINTS: usize = 2000;

/// What servers may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long one may take to begin.
    pub start: Duration,
    /// How long one may be without work before it is ended; nothing for ever.
    pub idle: Option<Duration>,
    /// Bytes of memory of one with all that it started (Linux).
    pub memory: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start: START_LIMIT,
            idle: Some(Duration::from_secs(15 * 60)),
            memory: Some(4 << 30),
        }
    }
}

/// Who sees to a process.
pub(crate) struct Keeper {
    pub(crate) id: String,
    pub(crate) peer: Peer,
    pub(crate) connection: Connection,
    /// Fires when it should end.
    pub(crate) ending: CancellationToken,
    /// Fires when it has.
    pub(crate) ended: CancellationToken,
    pub(crate) memory: Option<u64>,
}

impl Keeper {
    /// Waits for the end of the process or for a reason to end it; the process and all that it started are gone
    /// afterwards.
    pub(crate) async fn keep(mut self, errors: ChildStderr) {
        let _ended = self.ended.clone().drop_guard();
        let complaints = Mutex::new(Vec::new());
        let listening = listen(errors, &complaints);
        tokio::pin!(listening);
        let mut is_open = true;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                code = self.peer.wait() => {
                    self.explain(code, &complaints);
                    break;
                }
                () = self.connection.closed().cancelled() => {
                    // Who closes its output is about to end, and its code says more.
                    if let Ok(code) = tokio::time::timeout(PATIENCE, self.peer.wait()).await {
                        self.explain(code, &complaints);
                    }
                    break;
                }
                () = self.ending.cancelled() => {
                    self.say_goodbye().await;
                    break;
                }
                () = &mut listening, if is_open => is_open = false,
                _ = looks.tick(), if self.memory.is_some() => {
                    if self.takes_too_much() {
                        break;
                    }
                }
            }
        }
        self.peer.remember_family();
        self.connection.leave();
        // One that was asked to end may do that by itself.
        let _ = tokio::time::timeout(PATIENCE, self.peer.wait()).await;
        self.peer.stop(GRACE).await;
        let fault = self.connection.fault();
        tracing::info!(server = self.id, fault, "a language server has ended");
    }

    fn explain(&self, code: Option<i32>, complaints: &Mutex<Vec<u8>>) {
        let complaints = complaints.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&complaints);
        let last = text
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        let last: String = last.trim().chars().take(300).collect();
        let code = code.map_or_else(
            || "it was killed".to_owned(),
            |code| format!("it ended with code {code}"),
        );
        let said = if last.is_empty() {
            String::new()
        } else {
            format!(": {last}")
        };
        self.connection.close(&format!("{code}{said}"));
    }

    /// Whether it takes more memory than it may; then it is ended at once.
    fn takes_too_much(&self) -> bool {
        let (Some(most), Some(now)) = (self.memory, self.peer.memory()) else {
            return false;
        };
        if now <= most {
            return false;
        }
        let megabytes = |bytes: u64| bytes >> 20;
        self.connection.close(&format!(
            "it took {} MiB of memory, more than {}",
            megabytes(now),
            megabytes(most)
        ));
        true
    }

    async fn say_goodbye(&mut self) {
        let answer = self
            .connection
            .request("shutdown", Value::Null, GOODBYE_LIMIT)
            .await;
        if answer.is_ok() {
            // It may be gone already.
            let _ = self.connection.notify("exit", Value::Null).await;
            // Until it has read that, the pipe stays open.
            let _ = tokio::time::timeout(PATIENCE, self.peer.wait()).await;
        }
    }
}

/// Reads what a process complains about and keeps the newest of it.
async fn listen(mut errors: ChildStderr, complaints: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 2048];
    while let Ok(count @ 1..) = errors.read(&mut buffer).await {
        let mut kept = complaints.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let excess = kept.len().saturating_sub(COMPLAINTS);
        kept.drain(..excess);
    }
}
