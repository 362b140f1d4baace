//! Tasks that are being worked on: who gave them, what was added to them, and whether anybody waits
//! (reference `sessions.md` §10). They live in memory and end with the program.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use opencode_schema::SessionId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::prompt::Prompt;

/// Prompts that may wait for their turn in one task.
const QUEUE: usize = 32;

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With an answer.
    Answer(String),
    /// With a reason why there is none.
    Failure(String),
    /// Somebody stopped it.
    Stopped,
}

/// The tasks of this process that have not ended.
#[derive(Default)]
pub(crate) struct Delegations {
    inner: Mutex<Inner>,
    /// Told when a task has ended, and when its giver has been told.
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Inner {
    /// By the session that works on it.
    running: HashMap<SessionId, Delegation>,
    /// The sessions that are being told of an end.
    told: Vec<SessionId>,
    /// The program ends: nothing begins any more.
    closed: bool,
}

struct Delegation {
    parent: SessionId,
    /// Nobody waits for it: its end is told to the session that gave it.
    background: bool,
    detached: CancellationToken,
    cancel: CancellationToken,
    queue: VecDeque<Prompt>,
    end: watch::Receiver<Option<End>>,
}

/// What came of handing a prompt in.
pub(crate) enum Entered {
    /// A task has begun; the caller must see to the work.
    Begun(Box<Begun>),
    /// It waits for its turn in a task that runs.
    Added,
    /// Too many wait already.
    Full,
    /// The program ends.
    Closed,
}

/// A task that has begun.
pub(crate) struct Begun {
    pub(crate) work: Work,
    pub(crate) wait: Wait,
}

/// The side of a task that does the work.
pub(crate) struct Work {
    pub(crate) prompt: Prompt,
    /// Stops it.
    pub(crate) cancel: CancellationToken,
    end: watch::Sender<Option<End>>,
}

/// The side of a task that waits.
pub(crate) struct Wait {
    detached: CancellationToken,
    end: watch::Receiver<Option<End>>,
}

/// Why waiting ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The task did.
    Ended(End),
    /// It goes on in the background.
    Detached,
}

/// What follows the end of a piece of work.
pub(crate) enum After {
    /// More was added meanwhile.
    Next(Box<Prompt>),
    /// The task has ended, and whoever waits knows.
    Told,
    /// The task has ended, and its giver is to be told.
    Tell,
}

impl Wait {
    /// Waits for the end, or until nobody is to wait any more.
    pub(crate) async fn ended(mut self) -> Waited {
        tokio::select! {
            // Who is sent to the background is told by a message, and only so.
            biased;
            () = self.detached.cancelled() => Waited::Detached,
            end = self.end.wait_for(Option::is_some) => {
                let end = end.ok().and_then(|end| end.clone());
                Waited::Ended(end.unwrap_or(End::Stopped))
            }
        }
    }
}

impl Delegations {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands in a prompt for its session: it joins the task that runs there, or begins one.
    pub(crate) fn enter(&self, parent: &SessionId, prompt: Prompt, background: bool) -> Entered {
        let mut inner = self.inner();
        if inner.closed {
            return Entered::Closed;
        }
        if let Some(delegation) = inner.running.get_mut(&prompt.session_id) {
            if delegation.queue.len() >= QUEUE {
                return Entered::Full;
            }
            delegation.queue.push_back(prompt);
            return Entered::Added;
        }
        let (sender, end) = watch::channel(None);
        let (detached, cancel) = (CancellationToken::new(), CancellationToken::new());
        let delegation = Delegation {
            parent: parent.clone(),
            background,
            detached: detached.clone(),
            cancel: cancel.clone(),
            queue: VecDeque::new(),
            end: end.clone(),
        };
        inner.running.insert(prompt.session_id.clone(), delegation);
        let work = Work {
            prompt,
            cancel,
            end: sender,
        };
        Entered::Begun(Box::new(Begun {
            work,
            wait: Wait { detached, end },
        }))
    }

    /// A piece of work has ended. After a failure what was added is not begun any more.
    pub(crate) fn conclude(&self, id: &SessionId, work: &Work, end: &End) -> After {
        let tell = {
            let mut inner = self.inner();
            let delegation = inner.running.get_mut(id);
            let next = delegation.and_then(|delegation| match end {
                End::Answer(_) => delegation.queue.pop_front(),
                End::Failure(_) | End::Stopped => None,
            });
            if let Some(next) = next {
                return After::Next(Box::new(next));
            }
            let delegation = inner.running.remove(id);
            let quiet = inner.closed || *end == End::Stopped;
            let tell = delegation.filter(|delegation| delegation.background && !quiet);
            inner
                .told
                .extend(tell.iter().map(|delegation| delegation.parent.clone()));
            tell.is_some()
        };
        work.end.send_replace(Some(end.clone()));
        self.changed.send_replace(());
        if tell { After::Tell } else { After::Told }
    }

    /// A session has been told of an end, or cannot be.
    pub(crate) fn told(&self, parent: &SessionId) {
        let mut inner = self.inner();
        if let Some(place) = inner.told.iter().position(|id| id == parent) {
            inner.told.swap_remove(place);
        }
        drop(inner);
        self.changed.send_replace(());
    }

    /// Waits until no task of a session runs and the session has been told of all that it is told of.
    pub(crate) async fn none_of(&self, parent: &SessionId) {
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            if !self.any_of(parent) || changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Whether tasks of a session run, or it is being told of one.
    fn any_of(&self, parent: &SessionId) -> bool {
        let inner = self.inner();
        let mut parents = inner
            .running
            .values()
            .map(|delegation| &delegation.parent)
            .chain(&inner.told);
        parents.any(|id| id == parent)
    }

    /// Whether somebody would wait for himself if a task of `caller` were given to the session `id`.
    pub(crate) fn waits_for(&self, caller: &SessionId, id: &SessionId) -> bool {
        let inner = self.inner();
        let mut at = caller;
        // Every task has begun after its giver's, so the way up ends; the bound is for the eye.
        for _ in 0..=inner.running.len() {
            if at == id {
                return true;
            }
            match inner.running.get(at) {
                Some(delegation) => at = &delegation.parent,
                None => return false,
            }
        }
        true
    }

    /// Sends the tasks that a session waits for to the background. False when it waits for none.
    pub(crate) fn detach(&self, parent: &SessionId) -> bool {
        let mut inner = self.inner();
        let mut any = false;
        for delegation in inner.running.values_mut() {
            if delegation.parent == *parent && !delegation.background {
                delegation.background = true;
                delegation.detached.cancel();
                any = true;
            }
        }
        any
    }

    /// Stops the task that a session works on, and those that it gave, and those that they gave; the answer
    /// waits until they have ended.
    pub(crate) fn stop(&self, id: &SessionId) -> impl Future<Output = ()> + use<> {
        let inner = self.inner();
        let mut concerned = vec![id.clone()];
        let mut at = 0;
        while let Some(parent) = concerned.get(at).cloned() {
            let children = inner
                .running
                .iter()
                .filter(|(_, delegation)| delegation.parent == parent);
            let new = children.map(|(id, _)| id).filter(|id| !concerned.contains(id));
            concerned.extend(new.cloned().collect::<Vec<_>>());
            at += 1;
        }
        let delegations = concerned.iter().filter_map(|id| inner.running.get(id));
        all(delegations.map(Delegation::stop).collect())
    }

    /// Stops all tasks for good; the answer waits until they have ended.
    pub(crate) fn close(&self) -> impl Future<Output = ()> + use<> {
        let mut inner = self.inner();
        inner.closed = true;
        all(inner.running.values().map(Delegation::stop).collect())
    }
}

impl Delegation {
    /// Stops it; the end is still to come.
    fn stop(&self) -> watch::Receiver<Option<End>> {
        self.cancel.cancel();
        self.end.clone()
    }
}

async fn all(ends: Vec<watch::Receiver<Option<End>>>) {
    join_all(ends.into_iter().map(|mut end| async move {
        // Without a sender nobody works on it any more.
        let _ = end.wait_for(Option::is_some).await;
    }))
    .await;
}

/// A task whose work breaks down does not keep its place.
pub(crate) struct Guard {
    pub(crate) delegations: Arc<Delegations>,
    pub(crate) id: SessionId,
    pub(crate) end: watch::Receiver<Option<End>>,
}

impl Work {
    /// Sees to it that the task has an end whatever happens to its work.
    pub(crate) fn guard(&self, delegations: &Arc<Delegations>, id: &SessionId) -> Guard {
        Guard {
            delegations: Arc::clone(delegations),
            id: id.clone(),
            end: self.end.subscribe(),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut inner = self.delegations.inner();
        let own = |delegation: &Delegation| delegation.end.same_channel(&self.end);
        if inner.running.get(&self.id).is_some_and(own) {
            inner.running.remove(&self.id);
        }
        drop(inner);
        self.delegations.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> SessionId {
        SessionId::trusted(name)
    }

    fn prompt(child: &str) -> Prompt {
        Prompt::new(id(child), Vec::new())
    }

    fn begun(delegations: &Delegations, parent: &str, child: &str, background: bool) -> Begun {
        match delegations.enter(&id(parent), prompt(child), background) {
            Entered::Begun(begun) => *begun,
            _ => panic!("nothing runs there"),
        }
    }

    fn answer() -> End {
        End::Answer("done".to_owned())
    }

    #[tokio::test]
    async fn whoever_waits_gets_the_end() {
        let delegations = Delegations::default();
        let Begun { work, wait } = begun(&delegations, "a", "b", false);
        assert!(matches!(
            delegations.conclude(&id("b"), &work, &answer()),
            After::Told
        ));
        assert_eq!(wait.ended().await, Waited::Ended(answer()));
        assert!(!delegations.detach(&id("a")), "it has ended");
        begun(&delegations, "a", "b", false);
    }

    #[tokio::test]
    async fn what_was_sent_to_the_background_is_told_once() {
        let delegations = Delegations::default();
        let Begun { work, wait } = begun(&delegations, "a", "b", false);
        assert!(!delegations.detach(&id("b")), "it gave none");
        assert!(delegations.detach(&id("a")));
        assert!(!delegations.detach(&id("a")));
        assert!(matches!(
            delegations.conclude(&id("b"), &work, &answer()),
            After::Tell
        ));
        assert_eq!(wait.ended().await, Waited::Detached);
        let giver = id("a");
        let resting = delegations.none_of(&giver);
        tokio::pin!(resting);
        assert!(futures_util::poll!(&mut resting).is_pending(), "it is being told");
        delegations.told(&id("a"));
        resting.await;
    }

    #[tokio::test]
    async fn what_is_added_comes_one_after_the_other_until_one_fails() {
        let delegations = Delegations::default();
        let Begun { work, .. } = begun(&delegations, "a", "b", true);
        for _ in 0..QUEUE {
            assert!(matches!(
                delegations.enter(&id("c"), prompt("b"), false),
                Entered::Added
            ));
        }
        assert!(matches!(
            delegations.enter(&id("c"), prompt("b"), false),
            Entered::Full
        ));
        assert!(matches!(
            delegations.conclude(&id("b"), &work, &answer()),
            After::Next(_)
        ));
        let failure = End::Failure("no".to_owned());
        assert!(matches!(
            delegations.conclude(&id("b"), &work, &failure),
            After::Tell
        ));
    }

    #[tokio::test]
    async fn stopping_reaches_what_was_given_on_and_is_not_told() {
        let delegations = Delegations::default();
        let b = begun(&delegations, "a", "b", true).work;
        let c = begun(&delegations, "b", "c", true).work;
        let other = begun(&delegations, "x", "y", true).work;
        let stopping = delegations.stop(&id("a"));
        assert!(b.cancel.is_cancelled() && c.cancel.is_cancelled() && !other.cancel.is_cancelled());
        for (name, work) in [("b", &b), ("c", &c)] {
            assert!(matches!(
                delegations.conclude(&id(name), work, &End::Stopped),
                After::Told
            ));
        }
        stopping.await;
        let closing = delegations.close();
        assert!(matches!(
            delegations.conclude(&id("y"), &other, &answer()),
            After::Told
        ));
        closing.await;
        assert!(matches!(
            delegations.enter(&id("a"), prompt("b"), true),
            Entered::Closed
        ));
    }

    #[test]
    fn nobody_waits_for_himself() {
        let delegations = Delegations::default();
        let _b = begun(&delegations, "a", "b", false);
        let _c = begun(&delegations, "b", "c", false);
        for (caller, wanted, itself) in [
            ("c", "a", true),
            ("c", "b", true),
            ("c", "c", true),
            ("a", "a", true),
            ("a", "b", false),
            ("c", "z", false),
        ] {
            assert_eq!(
                delegations.waits_for(&id(caller), &id(wanted)),
                itself,
                "{caller} {wanted}"
            );
        }
    }

    #[tokio::test]
    async fn work_that_breaks_down_ends_its_task() {
        let delegations = Arc::new(Delegations::default());
        let Begun { work, wait } = begun(&delegations, "a", "b", false);
        drop(work.guard(&delegations, &id("b")));
        drop(work);
        assert_eq!(wait.ended().await, Waited::Ended(End::Stopped));
        begun(&delegations, "a", "b", false);
    }
}
