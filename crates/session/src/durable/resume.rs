//! Sessions that go on by themselves when a server starts, or notices that another one has ended: those that were
//! admitted a prompt which nobody took up, those that were at work when their program was asked to end, and those
//! that can go on without doing anything twice. What else was in the middle of something when its program was killed
//! waits for somebody to say what is to become of it (reference `v2.md` §14 rows 9, 21, 22, 27, 28).

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use opencode_schema::{SessionId, SessionMessage};
use opencode_store::{Activity, Attempt, Owed, Standing};

use super::{lease, unfinished};
use crate::{Engine, Error, Location};

/// What a session was in the middle of when its program was killed.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftBehind {
    /// How far its request was; nothing when none was being made.
    pub attempt: Option<Attempt>,
    /// What it was doing, since when, and because of which prompt.
    pub activity: Option<Activity>,
    /// The answer that was never ended, as far as it came.
    pub answer: Option<SessionMessage>,
}

/// How often it is looked for sessions that another program left.
const LOOK: Duration = Duration::from_secs(10);
/// Sessions that are woken at the same time.
const TOGETHER: usize = 4;
/// How long the next ones wait for one to rest.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a decision waits for a session to rest.
const TIDYING: Duration = Duration::from_secs(1);
/// Sessions that are looked for at a time.
const PAGE: u32 = 64;

impl Engine {
    /// Lets the sessions go on that work is owed to, a few at a time, beside everything else. For programs that
    /// run for long. It is looked again and again: other programs may use the same database, and end.
    pub fn resume_sessions(&self) {
        let engine = self.clone();
        self.beside(async move {
            loop {
                if let Err(error) = engine.wake_owed().await {
                    tracing::warn!(%error, "sessions that work is owed to could not be looked for");
                }
                tokio::time::sleep(LOOK).await;
            }
        });
    }

    async fn wake_owed(&self) -> Result<(), Error> {
        self.settle_lost_jobs(None).await;
        let mut owed: Vec<SessionId> = self
            .store()
            .read(|view| {
                let mut owed = view.sessions_owed(Owed::Resume)?;
                owed.extend(view.sessions_owed(Owed::Continuation)?);
                owed.extend(view.sessions_owed(Owed::Wake)?);
                owed.extend(view.attempts()?.into_iter().map(|(id, _)| id));
                Ok(owed)
            })
            .await?;
        owed.sort_unstable();
        owed.dedup();
        self.take_up_all(&owed).await;
        let mut after = None;
        loop {
            let from = after.clone();
            let page = self
                .store()
                .read(move |view| view.sessions_with_open_activities(from.as_ref(), PAGE));
            let mut page = page.await?;
            let Some(last) = page.last().cloned() else {
                return Ok(());
            };
            after = Some(last);
            page.retain(|id| owed.binary_search(id).is_err());
            self.take_up_all(&page).await;
        }
    }

    /// Takes sessions up that were left, a few at a time.
    async fn take_up_all(&self, sessions: &[SessionId]) {
        let all = futures_util::stream::iter(sessions).for_each_concurrent(TOGETHER, |id| async move {
            // One that waits for its user, say, does not keep the others.
            let taken = tokio::time::timeout(PATIENCE, self.take_up(id)).await;
            if let Ok(Err(error)) = taken {
                tracing::warn!(%error, session = %id, "a session that was left was not taken up");
            }
        });
        all.await;
    }

    /// Lets a session go on if it can, else puts it in order, so that nothing is taken for running.
    async fn take_up(&self, id: &SessionId) -> Result<(), Error> {
        // Another program that works on it does so with what is owed, too.
        if self.is_running(id) || lease::is_elsewhere(self, self.store(), id).await? {
            return Ok(());
        }
        let of = id.clone();
        let read = self.store().read(move |view| {
            let standing = match view.standing(&of)? {
                Standing::Undecided if !unfinished::has_open_calls(view, &of)? => Standing::Rests,
                standing => standing,
            };
            let wakes = view.is_owed(&of, Owed::Wake)? && view.attempt(&of)?.is_none();
            Ok((standing, wakes))
        });
        match read.await? {
            (Standing::GoesOn | Standing::Answered, _) => self.wake_session(id).await,
            // Who was in the middle of something waits for a decision.
            (Standing::Rests, true) => self.wake_session(id).await,
            (Standing::Rests, false) => Ok(()),
            (Standing::Undecided | Standing::Over, wakes) => {
                self.tidy(id).await?;
                if wakes {
                    self.wake_session(id).await?;
                }
                Ok(())
            }
        }
    }

    /// Puts a session in order that does not go on by itself, unless somebody works on it meanwhile.
    async fn tidy(&self, id: &SessionId) -> Result<(), Error> {
        let session = self.session(id).await?;
        let location = self.location_of(&session).await?;
        let (engine, place, of) = (self.clone(), Arc::clone(&location), id.clone());
        let tidied = self.alone(&location, id, |_| async move {
            let Some(lease) = lease::try_hold(&engine, &place.store, &of).await? else {
                return Ok(());
            };
            let ended = place.store.fenced(&lease).write(unfinished::tidy(&of)).await;
            place.store.release_lease(&lease).await?;
            Ok(ended?)
        });
        match tidied.await {
            Err(Error::Busy(_)) => Ok(()),
            tidied => tidied,
        }
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
        if lease::is_elsewhere(self, self.store(), id).await? {
            return Ok(None);
        }
        let of = id.clone();
        let read = self.store().read(move |view| {
            let (attempt, activity) = (view.attempt(&of)?, view.open_activity(&of)?);
            if attempt.is_none() && activity.is_none() {
                return Ok(None);
            }
            let newest = view.newest_answer(&of)?;
            let answer = newest.filter(|message| message.time.completed.is_none());
            Ok(Some(LeftBehind {
                attempt,
                activity,
                answer,
            }))
        });
        Ok(read.await?)
    }

    /// Decides what becomes of what a session was in the middle of: its model goes on with it, or it is ended. False
    /// when there was nothing to decide.
    ///
    /// # Errors
    /// There is no such session; another program works on it; the database failed.
    pub async fn decide(&self, location: &Arc<Location>, id: &SessionId, retry: bool) -> Result<bool, Error> {
        // Whoever puts it in order after a start is done at once.
        let _ = tokio::time::timeout(TIDYING, self.settled(id)).await;
        if self.left_behind(id).await?.is_none() {
            return Ok(false);
        }
        let (engine, place, of) = (self.clone(), Arc::clone(location), id.clone());
        self.alone(location, id, |_| async move {
            let Some(lease) = lease::try_hold(&engine, &place.store, &of).await? else {
                return Err(Error::Busy(of));
            };
            let store = place.store.fenced(&lease);
            let decided = store.write(unfinished::decision(&of, retry));
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
        let session = self.session(id).await?;
        let location = self.location_of(&session).await?;
        tracing::info!(session = %id, "a session goes on");
        self.run(&location, id).await.map(drop)
    }
}
