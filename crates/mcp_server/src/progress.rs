//! What a client is told of a call while it waits. A client that does not read loses messages, never the answer.

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::Peer;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Messages that wait to be sent.
const BOUND: usize = 64;
/// How long the last ones may take.
const REST_LIMIT: Duration = Duration::from_secs(2);
/// Bytes of a message, after which text is told although no line has ended.
const PIECE: usize = 200;

/// Tells a client how far a call is, if it asked for that.
pub(crate) struct Progress {
    telling: Option<(mpsc::Sender<String>, JoinHandle<()>)>,
}

impl Progress {
    pub(crate) fn new(peer: Peer<RoleServer>, token: Option<ProgressToken>) -> Self {
        let telling = token.map(|token| {
            let (sender, mut messages) = mpsc::channel::<String>(BOUND);
            let task = tokio::spawn(async move {
                let mut count = 0.0;
                while let Some(message) = messages.recv().await {
                    count += 1.0;
                    let param = ProgressNotificationParam::new(token.clone(), count).with_message(message);
                    if peer.notify_progress(param).await.is_err() {
                        break;
                    }
                }
            });
            (sender, task)
        });
        Self { telling }
    }

    /// Tells something.
    pub(crate) fn tell(&self, message: impl Into<String>) {
        if let Some((sender, _)) = &self.telling
            && sender.try_send(message.into()).is_err()
        {
            tracing::debug!("an MCP client does not read its progress");
        }
    }

    /// Waits until everything is told, for a moment.
    pub(crate) async fn end(mut self) {
        let Some((sender, mut task)) = self.telling.take() else {
            return;
        };
        drop(sender);
        if tokio::time::timeout(REST_LIMIT, &mut task).await.is_err() {
            task.abort();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((_, task)) = &self.telling {
            task.abort();
        }
    }
}

/// Text that comes in pieces, told line by line.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pending: String,
}

impl Lines {
    /// What is to be told now.
    pub(crate) fn push(&mut self, text: &str) -> Option<String> {
        self.pending.push_str(text);
        if self.pending.contains('\n') || self.pending.len() >= PIECE {
            return self.take();
        }
        None
    }

    /// What has not been told yet.
    pub(crate) fn take(&mut self) -> Option<String> {
        let text = std::mem::take(&mut self.pending);
        Some(text).filter(|text| !text.trim().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_by_lines_and_nothing_is_lost() {
        let mut lines = Lines::default();
        assert_eq!(lines.push("a "), None);
        assert_eq!(lines.push("b\nc"), Some("a b\nc".to_owned()));
        assert_eq!(lines.take(), None);
        assert_eq!(lines.push(&"x".repeat(PIECE)).map(|text| text.len()), Some(PIECE));
        assert_eq!(lines.push("end"), None);
        assert_eq!(lines.take(), Some("end".to_owned()));
    }
}
