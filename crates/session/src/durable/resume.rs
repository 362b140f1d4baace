//! Sessions that go on by themselves when a server starts: those that were admitted a prompt which nobody took up,
//! and those that were at work when their program was asked to end. What was in the middle of something when its
//! program was killed waits for somebody to say what is to become of it (reference `v2.md` §14 rows 9, 21, 28).

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use opencode_schema::{SessionId, SessionMessage};
use opencode_store::{Attempt, Owed};

use super::lease;
use crate::{Engine, Error, Location};

/// What a session was in the middle of when its program was killed.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftBehind {
    /// How far its request was.
    pub attempt: Attempt,
    /// The answer that was never ended, as far as it came.
    pub answer: Option<SessionMessage>,
}

/// How often it is looked for sessions that another machine left.
const LOOK: Duration = Duration::from_secs(10);
/// Sessions that are woken at the same time.
const TOGETHER: usize = 4;
/// How long the next ones wait for one to rest.
const PATIENCE: Duration = Duration::from_secs(10);

impl Engine {
    /// Lets the sessions go on that work is owed to, a few at a time, beside everything else. For programs that
    /// run for long. Where other machines use the same database it is looked again and again: one of them may be lost.
    pub fn resume_sessions(&self) {
        let engine = self.clone();
        self.beside(async move {
            loop {
                if let Err(error) = engine.wake_owed().await {
                    tracing::warn!(%error, "sessions that work is owed to could not be looked for");
                }
                if !engine.store().is_on_server() {
                    break;
                }
                tokio::time::sleep(LOOK).await;
            }
        });
    }

    async fn wake_owed(&self) -> Result<(), Error> {
        self.settle_lost_jobs(None).await;
        let store = self.store();
        let owed: Vec<SessionId> = store
            .read(|view| {
                let mut owed = view.sessions_owed(Owed::Resume)?;
                owed.extend(view.sessions_owed(Owed::Continuation)?);
                for (id, _) in view.attempts()? {
                    if view.is_safe_to_go_on(&id)? {
                        owed.push(id);
                    }
                }
                for id in view.sessions_owed(Owed::Wake)? {
                    // Who was in the middle of something waits for a decision.
                    if view.attempt(&id)?.is_none() {
                        owed.push(id);
                    }
                }
                owed.sort_unstable();
                owed.dedup();
                Ok(owed)
            })
            .await?;
        let waking = futures_util::stream::iter(owed).for_each_concurrent(TOGETHER, |id| async move {
            if self.is_running(&id) {
                return;
            }
            // One that waits for its user, say, does not keep the others.
            let woken = tokio::time::timeout(PATIENCE, self.wake_session(&id)).await;
            if let Ok(Err(error)) = woken {
                tracing::warn!(%error, session = %id, "a session that work is owed to was not woken");
            }
        });
        waking.await;
        Ok(())
    }

    /// What a session was in the middle of when its program was killed, if nobody works on it now.
    ///
    /// # Errors
    /// There is no such session; the database failed.
    pub async fn left_behind(&self, id: &SessionId) -> Result<Option<LeftBehind>, Error> {
        self.session(id).await?;
        if self.is_running(id) {
            return Ok(None);
        }
        // Somebody else may be at work on it.
        match lease::try_hold(self, self.store(), id).await? {
            Some(lease) => self.store().release_lease(&lease).await?,
            None => return Ok(None),
        }
        let of = id.clone();
        let read = self.store().read(move |view| {
            let Some(attempt) = view.attempt(&of)? else {
                return Ok(None);
            };
            let newest = view.newest_answer(&of)?;
            let answer = newest.filter(|message| message.time.completed.is_none());
            Ok(Some(LeftBehind { attempt, answer }))
        });
        Ok(read.await?)
    }

    /// Decides what becomes of what a session was in the middle of: its model goes on with it, or it is ended. False
    /// when there was nothing to decide.
    ///
    /// # Errors
    /// There is no such session; another program works on it; the database failed.
    pub async fn decide(&self, location: &Arc<Location>, id: &SessionId, retry: bool) -> Result<bool, Error> {
        if self.left_behind(id).await?.is_none() {
            return Ok(false);
        }
        let (engine, place, of) = (self.clone(), Arc::clone(location), id.clone());
        self.alone(location, id, |_| async move {
            let Some(lease) = lease::try_hold(&engine, &place.store, &of).await? else {
                return Err(Error::Busy(of));
            };
            let settle = super::drain::settlement(&of);
            let store = place.store.fenced(&lease);
            let decided = store.write(move |transaction| {
                settle(transaction)?;
                transaction.settle_owed(&of, Owed::Continuation)?;
                if retry {
                    transaction.owe(&of, Owed::Resume)?;
                }
                Ok(())
            });
            decided.await?;
            Ok(place.store.release_lease(&lease).await?)
        })
        .await?;
        if retry {
            self.wake(location, id);
        }
        Ok(true)
    }

    /// Wakes a session and waits until it rests.
    async fn wake_session(&self, id: &SessionId) -> Result<(), Error> {
        // Another program that works on it does so with what is owed, too.
        match lease::try_hold(self, self.store(), id).await? {
            Some(lease) => self.store().release_lease(&lease).await?,
            None => return Ok(()),
        }
        let session = self.session(id).await?;
        let location = self.location_of(&session).await?;
        tracing::info!(session = %id, "a session goes on");
        self.run(&location, id).await.map(drop)
    }
}
