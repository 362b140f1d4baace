//! What a terminal face is to do, for faces that ask instead of listening (reference `http-api.md` §6.10).
//!
//! A face that asks is sent every command of the `/tui` routes in order, each once. Faces that listen to
//! events are told of them all the same. Nothing is kept for a face that stopped asking.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Commands that wait at most; the oldest are dropped for new ones.
const LIMIT: usize = 64;
/// How long commands are kept for a face that asked and is not asking now: it may be busy with the last one.
const PATIENCE: Duration = Duration::from_secs(30);

/// A command.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Order {
    /// The route that it came by.
    pub(crate) path: String,
    /// What came with it.
    pub(crate) body: Value,
}

/// The commands that wait.
#[derive(Default)]
pub(crate) struct Orders {
    state: Mutex<State>,
    added: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Order>,
    /// Handed out and not answered.
    open: usize,
    /// Faces that ask now.
    asking: usize,
    asked_at: Option<Instant>,
}

impl Orders {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a command, if a face asks for them.
    pub(crate) fn give(&self, order: Order) {
        let mut state = self.state();
        let is_asked = state.asking > 0 || state.asked_at.is_some_and(|at| at.elapsed() < PATIENCE);
        if !is_asked {
            state.waiting.clear();
            return;
        }
        if state.waiting.len() == LIMIT {
            state.waiting.pop_front();
            tracing::warn!("a terminal face does not keep up, a command was dropped");
        }
        state.waiting.push_back(order);
        drop(state);
        self.added.notify_one();
    }

    /// The next command. Waits for one for as long as the caller does.
    pub(crate) async fn next(&self) -> Order {
        let _asking = Asking::new(self);
        loop {
            let added = self.added.notified();
            {
                let mut state = self.state();
                if let Some(order) = state.waiting.pop_front() {
                    state.open += 1;
                    if !state.waiting.is_empty() {
                        self.added.notify_one();
                    }
                    return order;
                }
            }
            added.await;
        }
    }

    /// A face says what came of the oldest command that it has not answered yet. False when there is none.
    pub(crate) fn answer(&self) -> bool {
        let mut state = self.state();
        let was_open = state.open > 0;
        state.open = state.open.saturating_sub(1);
        was_open
    }
}

/// A face that asks, until it goes away.
struct Asking<'a>(&'a Orders);

impl<'a> Asking<'a> {
    fn new(orders: &'a Orders) -> Self {
        orders.state().asking += 1;
        Self(orders)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.asking -= 1;
        state.asked_at = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn order(number: usize) -> Order {
        Order {
            path: "/tui/append-prompt".into(),
            body: json!(number),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn commands_are_kept_in_order_for_a_face_that_asks() {
        let orders = Arc::new(Orders::default());
        orders.give(order(0));
        let asking = tokio::spawn({
            let orders = Arc::clone(&orders);
            async move { orders.next().await }
        });
        tokio::task::yield_now().await;
        orders.give(order(1));
        assert_eq!(
            asking.await.unwrap(),
            order(1),
            "what came before it asked is not for it"
        );
        assert!(orders.answer());
        assert!(!orders.answer(), "one answer each");
        for number in 2..LIMIT + 4 {
            orders.give(order(number));
        }
        assert_eq!(orders.next().await, order(4), "the oldest are dropped");
        tokio::time::advance(PATIENCE).await;
        orders.give(order(99));
        let none = tokio::time::timeout(PATIENCE, orders.next()).await;
        assert!(none.is_err(), "nothing is kept for a face that went away");
    }
}
