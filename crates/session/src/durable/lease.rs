//! Running a session as the only one of all programs that use the database (reference `v2.md` §14 row 20).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opencode_config::Paths;
use opencode_config::lock::{self, Lock};
use opencode_schema::{SessionId, id};
use opencode_store::{Lease, Owed, Store};
use tokio_util::sync::CancellationToken;

use crate::{Engine, Error};

/// How long a session is kept by a program that says nothing any more, and how often one says something.
const LASTING: Duration = Duration::from_secs(30);
const RENEWAL: Duration = Duration::from_secs(10);
/// How often it is looked whether another program is done with a session, or wants it stopped.
const LOOK: Duration = Duration::from_millis(500);
/// How long a program that runs a session has to stop it.
const STOPPING: Duration = Duration::from_secs(5);

/// This run of the program among all that use the database. While it lives it holds a lock of its name, so that
/// others on this machine need not wait for one that was killed.
pub(crate) struct Owner {
    name: Arc<str>,
    lock: Mutex<Option<(Paths, Lock)>>,
}

impl Owner {
    pub(crate) fn new() -> Self {
        Self {
            name: id::generate("own", id::Order::Ascending).into(),
            lock: Mutex::default(),
        }
    }

    /// Its name, once others can see whether it lives.
    pub(crate) fn name(&self, paths: &Paths) -> &Arc<str> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_none() {
            match lock::try_hold(paths, &self.name) {
                Ok(held) => *lock = held.map(|held| (paths.clone(), held)),
                Err(error) => tracing::warn!(%error, "others will not see that this program was killed"),
            }
        }
        &self.name
    }

    /// Its name, if others were told of it.
    pub(crate) fn known_name(&self) -> Option<&str> {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        lock.is_some().then_some(&*self.name)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((paths, held)) = lock {
            lock::remove(&paths, &self.name, held);
        }
    }
}

impl Engine {
    /// Says now and then that this program lives, where others cannot see it because they are on other machines.
    pub(crate) fn keep_present(&self) {
        if !self.store().is_on_server() {
            return;
        }
        let engine = self.clone();
        self.beside(async move {
            loop {
                let name = &engine.inner.owner.name;
                if let Err(error) = engine.store().be_present(name, LASTING).await {
                    tracing::warn!(%error, "other machines were not told that this program lives");
                }
                tokio::time::sleep(RENEWAL).await;
            }
        });
    }
}

/// The right to run a session. While another program has it, its work is waited for as long as something waits in
/// the session: that program takes it, too, or leaves it. `None` when nothing waits any more.
pub(super) async fn hold(
    engine: &Engine,
    store: &Store,
    session_id: &SessionId,
    cancel: &CancellationToken,
) -> Result<Option<Lease>, Error> {
    let mut elsewhere = store.elsewhere();
    loop {
        let id = session_id.clone();
        if cancel.is_cancelled() || !store.read(move |view| view.has_waiting_work(&id)).await? {
            return Ok(None);
        }
        if let Some(lease) = try_hold(engine, store, session_id).await? {
            return Ok(Some(lease));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = elsewhere.stored() => {}
            () = cancel.cancelled() => return Ok(None),
        }
    }
}

/// The right to run a session, if no other program has it.
pub(super) async fn try_hold(
    engine: &Engine,
    store: &Store,
    session_id: &SessionId,
) -> Result<Option<Lease>, Error> {
    let paths = engine.paths().clone();
    let is_gone = move |owner: &str| lock::is_left(&paths, owner);
    let owner = engine.inner.owner.name(engine.paths());
    let acquired = store.acquire_lease(session_id, owner, LASTING, is_gone);
    Ok(acquired.await?)
}

/// Whether another program runs a session now.
pub(super) async fn is_elsewhere(
    engine: &Engine,
    store: &Store,
    session_id: &SessionId,
) -> Result<bool, Error> {
    let id = session_id.clone();
    let owner = store.read(move |view| view.lease_owner(&id)).await?;
    Ok(owner
        .is_some_and(|owner| *owner != *engine.inner.owner.name && !lock::is_left(engine.paths(), &owner)))
}

/// Has the program stop a session that runs it, where that is another one, and waits until it did, not for long.
/// False when nobody else runs it.
pub(crate) async fn stop_elsewhere(engine: &Engine, session_id: &SessionId) -> Result<bool, Error> {
    let store = engine.store();
    if !is_elsewhere(engine, store, session_id).await? {
        return Ok(false);
    }
    let mut elsewhere = store.elsewhere();
    let id = session_id.clone();
    store
        .write(move |transaction| transaction.owe(&id, Owed::Stop))
        .await?;
    let stopped = async {
        while is_elsewhere(engine, store, session_id).await? {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = elsewhere.stored() => {}
            }
        }
        Ok(true)
    };
    // It sees what is owed to it when it comes to itself.
    tokio::time::timeout(STOPPING, stopped).await.unwrap_or(Ok(true))
}

/// Waits until another program wants a session stopped that is run here. What was wanted before it was is past.
async fn stop_wanted(store: &Store, session_id: &SessionId) {
    let take = async || {
        let id = session_id.clone();
        let is_owed = store.read(move |view| view.is_owed(&id, Owed::Stop)).await?;
        if !is_owed {
            return Ok(false);
        }
        let id = session_id.clone();
        store
            .write(move |transaction| transaction.settle_owed(&id, Owed::Stop))
            .await
    };
    let mut elsewhere = store.elsewhere();
    let mut is_past = true;
    loop {
        match take().await {
            Ok(true) if !is_past => return,
            Ok(_) => is_past = false,
            Err(error) => tracing::warn!(%error, "it is not known whether a session is to be stopped"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = elsewhere.stored() => {}
        }
    }
}

/// Keeps a lease while `work` goes on, and gives it back after. Work whose lease was taken is stopped, and so is
/// what another program wants stopped; what work without a lease would still write is refused.
pub(super) async fn during<T>(
    engine: &Engine,
    store: &Store,
    lease: &Lease,
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let stopping = async {
        stop_wanted(store, lease.session_id()).await;
        let (engine, id) = (engine.clone(), lease.session_id().clone());
        cancel.cancel();
        // With its commands and its tasks; it waits for this work, too.
        engine.clone().beside(async move {
            engine.abort(&id).await;
        });
        std::future::pending().await
    };
    let keeping = async {
        loop {
            tokio::time::sleep(RENEWAL).await;
            match store.renew_lease(lease, LASTING).await {
                Ok(()) => {}
                Err(opencode_store::Error::Fenced(_)) => break,
                // A database that is busy for a while does not end the work; the next renewal comes in time.
                Err(error) => tracing::warn!(%error, "the right to run a session could not be renewed"),
            }
        }
        tracing::warn!("another program has taken a session that was run here");
        cancel.cancel();
        std::future::pending().await
    };
    let result = tokio::select! {
        result = work => result,
        never = keeping => never,
        never = stopping => never,
    };
    store.release_lease(lease).await?;
    result
}
