//! One run a session: who asks while it runs joins it (reference `agent-loop.md` §5, `v2.md` §5).

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use opencode_schema::session::Status;
use opencode_schema::{MessageWithParts, SessionId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::Error;

/// What a run ends with: the last message that is not the user's.
pub(crate) type Outcome = Result<Option<MessageWithParts>, Error>;

type Runs = Arc<Mutex<HashMap<SessionId, Run>>>;

/// The runs of this process.
#[derive(Default)]
pub(crate) struct Coordinator {
    runs: Runs,
}

struct Run {
    cancel: CancellationToken,
    outcome: watch::Receiver<Option<Arc<Outcome>>>,
    /// What it does, as listeners were told last.
    status: Status,
    /// Something was added to the session that the run may not have seen.
    woken: bool,
    /// The run that follows this stopped one: somebody asked while it came to its end.
    next: Option<Running>,
}

/// A place to wait for the end of a run.
pub(crate) struct Waiter(watch::Receiver<Option<Arc<Outcome>>>);

impl Waiter {
    /// What the run ended with.
    pub(crate) async fn outcome(mut self) -> Outcome {
        match self.0.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.as_deref().cloned().unwrap_or(Err(Error::Ending)),
            Err(_) => Err(Error::Ending),
        }
    }
}

/// The side of a run that does the work.
pub(crate) struct Running {
    session_id: SessionId,
    /// Stops the run.
    pub(crate) cancel: CancellationToken,
    outcome: watch::Sender<Option<Arc<Outcome>>>,
    runs: Weak<Mutex<HashMap<SessionId, Run>>>,
}

impl Running {
    fn new(session_id: &SessionId, runs: &Runs) -> Self {
        Self {
            session_id: session_id.clone(),
            cancel: CancellationToken::new(),
            outcome: watch::channel(None).0,
            runs: Arc::downgrade(runs),
        }
    }

    fn entry(&self) -> Run {
        Run {
            cancel: self.cancel.clone(),
            outcome: self.outcome.subscribe(),
            status: Status::Busy,
            woken: false,
            next: None,
        }
    }
}

/// A run that breaks down does not keep its session.
impl Drop for Running {
    fn drop(&mut self) {
        let Some(runs) = self.runs.upgrade() else { return };
        let mut runs = runs.lock().unwrap_or_else(PoisonError::into_inner);
        let own = runs
            .get(&self.session_id)
            .is_some_and(|run| run.outcome.same_channel(&self.outcome.subscribe()));
        let run = if own { runs.remove(&self.session_id) } else { None };
        // Dropping a run that was to follow comes here again.
        drop(runs);
        drop(run);
    }
}

impl Coordinator {
    fn runs(&self) -> MutexGuard<'_, HashMap<SessionId, Run>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the session's run, or begins one: then the second value is there, and the caller must do the
    /// work and [`Coordinator::finish`] it. A run that is being stopped is not joined but followed.
    pub(crate) fn join(&self, session_id: &SessionId) -> (Waiter, Option<Running>) {
        let mut runs = self.runs();
        let Some(run) = runs.get_mut(session_id) else {
            let running = Running::new(session_id, &self.runs);
            let waiter = Waiter(running.outcome.subscribe());
            runs.insert(session_id.clone(), running.entry());
            return (waiter, Some(running));
        };
        if run.cancel.is_cancelled() {
            let next = run
                .next
                .get_or_insert_with(|| Running::new(session_id, &self.runs));
            return (Waiter(next.outcome.subscribe()), None);
        }
        run.woken = true;
        (Waiter(run.outcome.clone()), None)
    }

    /// Takes a session that has no run for work that must be alone; `None` when there is one. Who asks while
    /// it goes on joins it, and [`Coordinator::finish`] then gives it back to be run.
    pub(crate) fn claim(&self, session_id: &SessionId) -> Option<Running> {
        let mut runs = self.runs();
        if runs.contains_key(session_id) {
            return None;
        }
        let running = Running::new(session_id, &self.runs);
        runs.insert(session_id.clone(), running.entry());
        Some(running)
    }

    /// Called before a run reads its session: what was added until now, it will see.
    pub(crate) fn look(&self, running: &Running) {
        if let Some(run) = self.runs().get_mut(&running.session_id) {
            run.woken = false;
        }
    }

    /// Keeps what a run does.
    pub(crate) fn set_status(&self, session_id: &SessionId, status: &Status) {
        if let Some(run) = self.runs().get_mut(session_id) {
            run.status = status.clone();
        }
    }

    /// What the sessions that have a run do.
    pub(crate) fn statuses(&self) -> Vec<(SessionId, Status)> {
        let runs = self.runs();
        let all = runs.iter().map(|(id, run)| (id.clone(), run.status.clone()));
        all.filter(|(_, status)| *status != Status::Idle).collect()
    }

    /// Whether the session has a run.
    pub(crate) fn is_running(&self, session_id: &SessionId) -> bool {
        self.runs().contains_key(session_id)
    }

    /// A place to wait for the end of the session's run, if it has one.
    pub(crate) fn waiter(&self, session_id: &SessionId) -> Option<Waiter> {
        let outcome = self.runs().get(session_id)?.outcome.clone();
        Some(Waiter(outcome))
    }

    /// Ends a run: whoever waits gets `outcome`. If something was added since it last looked, the run is
    /// given back instead and must go on, unless it was stopped; if another run is to follow, that one is
    /// given.
    pub(crate) fn finish(&self, running: Running, outcome: Outcome) -> Option<Running> {
        let next = {
            let mut runs = self.runs();
            let run = runs.get_mut(&running.session_id);
            let (woken, next) = run.map_or((false, None), |run| (run.woken, run.next.take()));
            if woken && !running.cancel.is_cancelled() {
                if let Some(run) = runs.get_mut(&running.session_id) {
                    run.woken = false;
                }
                return Some(running);
            }
            match &next {
                Some(next) => runs.insert(running.session_id.clone(), next.entry()),
                None => runs.remove(&running.session_id),
            };
            next
        };
        running.outcome.send_replace(Some(Arc::new(outcome)));
        next
    }

    /// Stops the session's run, and the one that is to follow it, and waits until they have ended. False
    /// when there was none.
    pub(crate) async fn stop(&self, session_id: &SessionId) -> bool {
        let stopped = self.runs().get(session_id).map(Run::stop);
        let Some(stopped) = stopped else { return false };
        stopped.await;
        true
    }

    /// Stops all runs and waits until they have ended.
    pub(crate) fn stop_all(&self) -> impl Future<Output = ()> + use<> {
        let stopped: Vec<_> = self.runs().values().map(Run::stop).collect();
        async move {
            for run in stopped {
                run.await;
            }
        }
    }
}

impl Run {
    /// Stops it and what follows it; the answer waits until they have ended.
    fn stop(&self) -> impl Future<Output = ()> + use<> {
        self.cancel.cancel();
        let next = self.next.as_ref().map(|next| {
            next.cancel.cancel();
            next.outcome.subscribe()
        });
        let ends = [Some(self.outcome.clone()), next];
        async move {
            for end in ends.into_iter().flatten() {
                // What it ended with is told to those who wait for it.
                let _ = Waiter(end).outcome().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> SessionId {
        SessionId::trusted("ses_1")
    }

    #[tokio::test]
    async fn whoever_asks_while_it_runs_joins() {
        let coordinator = Coordinator::default();
        let (first, running) = coordinator.join(&session());
        let running = running.unwrap();
        let (second, none) = coordinator.join(&session());
        assert!(none.is_none());
        coordinator.look(&running);
        assert!(
            coordinator.finish(running, Ok(None)).is_none(),
            "the joiner's message was seen"
        );
        assert!(matches!(first.outcome().await, Ok(None)));
        assert!(matches!(second.outcome().await, Ok(None)));
        assert!(
            coordinator.join(&session()).1.is_some(),
            "the session is free again"
        );
    }

    #[tokio::test]
    async fn a_wake_in_the_last_moment_is_not_lost() {
        let coordinator = Coordinator::default();
        let (_, running) = coordinator.join(&session());
        let running = running.unwrap();
        coordinator.look(&running);
        let (joined, _) = coordinator.join(&session());
        let running = coordinator.finish(running, Ok(None)).unwrap();
        assert!(coordinator.finish(running, Ok(None)).is_none());
        assert!(matches!(joined.outcome().await, Ok(None)));
    }

    #[tokio::test]
    async fn a_claimed_session_is_run_for_who_asked_meanwhile() {
        let coordinator = Coordinator::default();
        let claimed = coordinator.claim(&session()).unwrap();
        assert!(coordinator.claim(&session()).is_none());
        assert!(coordinator.finish(claimed, Ok(None)).is_none(), "nobody asked");
        let claimed = coordinator.claim(&session()).unwrap();
        let (_, none) = coordinator.join(&session());
        assert!(none.is_none());
        assert!(coordinator.finish(claimed, Ok(None)).is_some());
    }

    #[tokio::test]
    async fn a_stopped_run_does_not_go_on() {
        let coordinator = Arc::new(Coordinator::default());
        let (_, running) = coordinator.join(&session());
        let running = running.unwrap();
        coordinator.join(&session());
        let stopping = {
            let coordinator = Arc::clone(&coordinator);
            tokio::spawn(async move { coordinator.stop(&session()).await })
        };
        running.cancel.cancelled().await;
        assert!(coordinator.finish(running, Ok(None)).is_none());
        assert!(stopping.await.unwrap());
        assert!(!coordinator.stop(&session()).await);
    }

    #[tokio::test]
    async fn whoever_asks_while_it_is_stopped_gets_the_next_run() {
        let coordinator = Coordinator::default();
        let (first, running) = coordinator.join(&session());
        let running = running.unwrap();
        let stopped = coordinator.runs()[&session()].stop();
        let (late, none) = coordinator.join(&session());
        let (later, also_none) = coordinator.join(&session());
        assert!(none.is_none() && also_none.is_none());
        let next = coordinator.finish(running, Ok(None)).unwrap();
        assert!(!next.cancel.is_cancelled());
        assert!(matches!(first.outcome().await, Ok(None)));
        stopped.await;
        assert!(coordinator.finish(next, Err(Error::Ending)).is_none());
        assert!(matches!(late.outcome().await, Err(Error::Ending)));
        assert!(matches!(later.outcome().await, Err(Error::Ending)));
    }

    #[tokio::test]
    async fn stopping_twice_stops_the_next_run_too() {
        let coordinator = Coordinator::default();
        let (_, running) = coordinator.join(&session());
        let running = running.unwrap();
        drop(coordinator.runs()[&session()].stop());
        coordinator.join(&session());
        drop(coordinator.runs()[&session()].stop());
        let next = coordinator.finish(running, Ok(None)).unwrap();
        assert!(next.cancel.is_cancelled());
    }

    #[tokio::test]
    async fn a_run_that_breaks_down_frees_its_session() {
        let coordinator = Coordinator::default();
        let (first, running) = coordinator.join(&session());
        drop(coordinator.runs()[&session()].stop());
        let (late, _) = coordinator.join(&session());
        drop(running);
        assert!(matches!(first.outcome().await, Err(Error::Ending)));
        assert!(matches!(late.outcome().await, Err(Error::Ending)));
        assert!(coordinator.join(&session()).1.is_some());
    }
}
