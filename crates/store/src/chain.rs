//! Writes in a row that nobody waits for one by one.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use opencode_schema::{Event, EventBody};
use tokio::sync::oneshot;

use crate::sql::Connection;
use crate::writer::{Task, Work};
use crate::{Error, Store, Transaction};

/// Writes in a row. Each is stored after those before it, and none once one has failed: what is stored of them is
/// always a beginning of the row. Those that wait in the queue of the store at one time are committed together.
#[derive(Debug, Clone)]
pub struct Chain {
    store: Store,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Why one was not stored.
    failure: OnceLock<Error>,
    /// How many were handed in.
    handed_in: AtomicU64,
    /// How many of them are stored.
    stored: AtomicU64,
}

impl Chain {
    /// A row of writes that begins here.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            state: Arc::default(),
        }
    }

    /// Hands a write in. Waits only where the queue is full.
    ///
    /// # Errors
    /// Why an earlier one was not stored; [`Error::Closed`].
    pub async fn write<F>(&self, work: F) -> Result<(), Error>
    where
        F: FnOnce(&mut Transaction<'_>) -> Result<(), Error> + Send + 'static,
    {
        self.send(work).await.map(drop)
    }

    /// Hands an event in, to be stored and sent.
    ///
    /// # Errors
    /// Those of [`Chain::write`].
    pub async fn publish(&self, body: EventBody) -> Result<(), Error> {
        self.write(move |transaction| transaction.publish(body)).await
    }

    /// Sends an event without storing it, after everything that was handed in before.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn announce(&self, body: EventBody) -> Result<(), Error> {
        self.store.announce(body).await
    }

    /// Waits until everything that was handed in so far is stored.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn settled(&self) -> Result<(), Error> {
        let State {
            handed_in, stored, ..
        } = &*self.state;
        if stored.load(Ordering::Acquire) < handed_in.load(Ordering::Acquire) {
            let answer = self.send(|_| Ok(())).await?;
            answer.await.map_err(|_| Error::Closed)??;
        }
        self.state.failure.get().cloned().map_or(Ok(()), Err)
    }

    async fn send<F>(&self, work: F) -> Result<oneshot::Receiver<Result<(), Error>>, Error>
    where
        F: FnOnce(&mut Transaction<'_>) -> Result<(), Error> + Send + 'static,
    {
        if let Some(error) = self.state.failure.get() {
            return Err(error.clone());
        }
        let (work, answer) = self.store.work(work);
        let link = Link {
            work,
            state: Arc::clone(&self.state),
        };
        self.state.handed_in.fetch_add(1, Ordering::AcqRel);
        self.store.hand_in(Task::Write(Box::new(link))).await?;
        Ok(answer)
    }
}

/// One write of a row.
struct Link {
    work: Box<dyn Work>,
    state: Arc<State>,
}

impl Work for Link {
    fn run(&mut self, connection: &Connection) -> Result<Vec<Arc<Event>>, Error> {
        match self.state.failure.get() {
            Some(error) => Err(error.clone()),
            None => self.work.run(connection),
        }
    }

    // Of several that are lost together, the first to hear of it tells why for all.
    fn answer(self: Box<Self>, committed: Result<(), Error>) {
        match &committed {
            Ok(()) => _ = self.state.stored.fetch_add(1, Ordering::AcqRel),
            Err(error) => _ = self.state.failure.set(error.clone()),
        }
        self.work.answer(committed);
    }
}
