//! Sessions that go on by themselves when a server starts: those that were admitted a prompt which nobody took up,
//! and those that were at work when their program was asked to end. What was in the middle of something when its
//! program was killed waits for somebody to say what is to become of it (reference `v2.md` §14 rows 9, 21, 28).

use opencode_schema::{SessionId, SessionMessage};
use opencode_store::Owed;

use crate::{Engine, Error};

/// Sessions that are woken at the same time.
const TOGETHER: usize = 4;

impl Engine {
    /// Lets the sessions go on that work is owed to, a few at a time, beside everything else. For programs that
    /// run for long.
    pub fn resume_sessions(&self) {
        let engine = self.clone();
        self.beside(async move {
            if let Err(error) = engine.wake_owed().await {
                tracing::warn!(%error, "sessions that work is owed to could not be looked for");
            }
        });
    }

    async fn wake_owed(&self) -> Result<(), Error> {
        let store = self.store();
        let (mut owed, waiting) = store
            .read(|view| Ok((view.sessions_owed(Owed::Resume)?, view.sessions_owed(Owed::Wake)?)))
            .await?;
        for id in waiting {
            let of = id.clone();
            let newest = store.read(move |view| view.newest_answer(&of)).await?;
            if !newest.is_some_and(|answer| is_open(&answer)) && !owed.contains(&id) {
                owed.push(id);
            }
        }
        for together in owed.chunks(TOGETHER) {
            let woken = together.iter().map(|id| self.wake_session(id));
            for result in futures_util::future::join_all(woken).await {
                if let Err(error) = result {
                    tracing::warn!(%error, "a session that work is owed to was not woken");
                }
            }
        }
        Ok(())
    }

    /// Wakes a session and waits until it rests.
    async fn wake_session(&self, id: &SessionId) -> Result<(), Error> {
        let session = self.session(id).await?;
        let location = self.location_of(&session).await?;
        tracing::info!(session = %id, "a session goes on");
        self.run(&location, id).await.map(drop)
    }
}

/// Whether an answer was never ended.
fn is_open(answer: &SessionMessage) -> bool {
    answer.time.completed.is_none()
}
