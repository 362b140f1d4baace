//! The live feed: every event, durable or passing, in the order in which it was committed.

use std::sync::Arc;

use opencode_schema::Event;
use tokio::sync::broadcast;

/// Events that a listener may be behind before it is cut off.
const CAPACITY: usize = 4096;

/// Sends events to all listeners. A slow listener never slows the others: it loses its place instead.
#[derive(Debug, Clone)]
pub(crate) struct Feed(broadcast::Sender<Arc<Event>>);

impl Feed {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    pub(crate) fn send(&self, event: Arc<Event>) {
        // No listener is no error.
        let _ = self.0.send(event);
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        Subscription(self.0.subscribe())
    }
}

/// A listener's place in the feed. It hears what is committed after it was made.
#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<Arc<Event>>);

/// A listener was too slow and has missed events; its subscription goes on after the gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{missed} events were missed because they were not read in time")]
pub struct Lost {
    /// How many.
    pub missed: u64,
}

impl Subscription {
    /// The next event, or `None` when the store is closed.
    ///
    /// # Errors
    /// [`Lost`] when events were missed.
    pub async fn next(&mut self) -> Option<Result<Arc<Event>, Lost>> {
        match self.0.recv().await {
            Ok(event) => Some(Ok(event)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Err(Lost { missed })),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// The next event if it is there already.
    ///
    /// # Errors
    /// [`Lost`] when events were missed.
    pub fn try_next(&mut self) -> Option<Result<Arc<Event>, Lost>> {
        match self.0.try_recv() {
            Ok(event) => Some(Ok(event)),
            Err(broadcast::error::TryRecvError::Lagged(missed)) => Some(Err(Lost { missed })),
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => None,
        }
    }
}
