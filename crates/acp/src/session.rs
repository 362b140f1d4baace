//! A session that a client works with, and what this side knows of it.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use opencode_client::Client;
use opencode_schema::permission::Request;
use opencode_schema::{PermissionId, SessionId};
use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::choice::Choice;
use crate::transcript::Transcript;

/// Requests for permission of a session that wait behind the one that the user sees.
pub(crate) const ASKS_BOUND: usize = 256;

/// A session that a client works with.
pub(crate) struct Known {
    pub(crate) id: SessionId,
    /// The folder that the client works in, which every request names.
    pub(crate) directory: String,
    pub(crate) client: Client,
    /// What the client was told. Whoever tells it something holds this meanwhile.
    pub(crate) transcript: AsyncMutex<Transcript>,
    /// How often a turn has been heard to end.
    pub(crate) ends: watch::Sender<u64>,
    /// Requests for permission and questions that nobody has to answer any more, by their ids.
    pub(crate) settled: watch::Sender<HashSet<String>>,
    pub(crate) asks: mpsc::Sender<Request>,
    /// The client has closed it.
    pub(crate) closed: CancellationToken,
    inner: Mutex<Inner>,
}

struct Inner {
    choice: Choice,
    is_busy: bool,
    turns: Vec<CancellationToken>,
    /// Requests for permission of this turn.
    asked: HashSet<PermissionId>,
    /// Files that calls may change, by call: the client hears of them when the call is done.
    changes: HashMap<String, Vec<PathBuf>>,
}

impl Known {
    pub(crate) fn new(
        id: SessionId,
        directory: String,
        client: Client,
        choice: Choice,
        asks: mpsc::Sender<Request>,
    ) -> Self {
        let inner = Inner {
            choice,
            is_busy: false,
            turns: Vec::new(),
            asked: HashSet::new(),
            changes: HashMap::new(),
        };
        Self {
            id,
            directory,
            client,
            transcript: AsyncMutex::default(),
            ends: watch::Sender::new(0),
            settled: watch::Sender::default(),
            asks,
            closed: CancellationToken::new(),
            inner: Mutex::new(inner),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn choice(&self) -> Choice {
        self.inner().choice.clone()
    }

    pub(crate) fn choose(&self, choice: Choice) {
        self.inner().choice = choice;
    }

    /// A turn begins; the token ends it.
    pub(crate) fn begin(&self) -> CancellationToken {
        let turn = CancellationToken::new();
        let mut inner = self.inner();
        inner.turns.retain(|turn| !turn.is_cancelled());
        inner.turns.push(turn.clone());
        turn
    }

    /// Ends the turns that go on.
    pub(crate) fn cancel(&self) {
        for turn in std::mem::take(&mut self.inner().turns) {
            turn.cancel();
        }
    }

    /// The session has been heard to begin or to end its work; says whether that is new.
    pub(crate) fn hear(&self, is_busy: bool) -> bool {
        let mut inner = self.inner();
        let was_busy = std::mem::replace(&mut inner.is_busy, is_busy);
        if is_busy && !was_busy {
            // What was told at the end of the last turn has been heard by whoever waited for it.
            inner.changes.clear();
            inner.asked.clear();
            drop(inner);
            self.settled.send_modify(HashSet::clear);
        } else if was_busy && !is_busy {
            drop(inner);
            self.ends.send_modify(|ends| *ends += 1);
        }
        was_busy != is_busy
    }

    /// Nobody has to answer a request or a question any more.
    pub(crate) fn settle(&self, id: &str) {
        self.settled.send_modify(|settled| {
            settled.insert(id.to_owned());
        });
    }

    /// Whether a turn goes on, as far as has been heard.
    pub(crate) fn is_busy(&self) -> bool {
        let inner = self.inner();
        inner.is_busy || inner.turns.iter().any(|turn| !turn.is_cancelled())
    }

    /// Puts a request for permission before the user, once; says whether that can be done.
    pub(crate) fn ask(&self, request: Request) -> bool {
        if !self.inner().asked.insert(request.id.clone()) {
            return true;
        }
        self.asks.try_send(request).is_ok()
    }

    /// A call may change files.
    pub(crate) fn expect_changes(&self, call: &str, files: Vec<PathBuf>) {
        self.inner().changes.insert(call.to_owned(), files);
    }

    /// The files that a call was to change.
    pub(crate) fn take_changes(&self, call: &str) -> Vec<PathBuf> {
        self.inner().changes.remove(call).unwrap_or_default()
    }
}
