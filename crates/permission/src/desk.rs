//! One location's desk of permissions: who asks waits here for the user's answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opencode_schema::permission::{Action, Reply, Request, Rule, ToolReference};
use opencode_schema::{EventBody, Object, PermissionId, SessionId};
use opencode_store::Store;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::rules::evaluate;
use crate::wildcard::matches;

/// The permissions of one location. Approvals given with «always» live as long as it does.
#[derive(Debug)]
pub struct Permissions {
    store: Store,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    approved: Vec<Rule>,
    /// In the order in which they were asked.
    pending: Vec<Pending>,
}

#[derive(Debug)]
struct Pending {
    request: Request,
    answer: oneshot::Sender<Result<(), Refusal>>,
}

/// What someone wants to know.
#[derive(Debug, Clone)]
pub struct Question {
    /// The session that asks.
    pub session_id: SessionId,
    /// Which permission.
    pub permission: String,
    /// All objects that need it.
    pub patterns: Vec<String>,
    /// What «always» will allow.
    pub always: Vec<String>,
    /// What a person wants to know before answering.
    pub metadata: Object,
    /// The call that asks.
    pub tool: Option<ToolReference>,
}

/// Why something is not allowed. The text is what the model is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A rule forbids it.
    #[error("A permission rule forbids this call. The rules for it: {rules}")]
    Denied {
        /// The rules of that permission as JSON.
        rules: String,
    },
    /// The user said no.
    #[error("The user rejected permission to use this specific tool call.")]
    Rejected,
    /// The user said no, and what to do instead.
    #[error(
        "The user rejected permission to use this specific tool call with the following feedback: {feedback}"
    )]
    Corrected {
        /// The user's words.
        feedback: String,
    },
    /// The turn was stopped while the user was asked.
    #[error("The turn was stopped before the user answered.")]
    Cancelled,
}

/// Nobody waits for an answer to this request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Permission request not found: {0}")]
pub struct UnknownRequest(pub PermissionId);

impl Permissions {
    /// A desk that sends its events through `store`, which should be that of the location.
    #[must_use]
    pub fn new(store: Store) -> Arc<Self> {
        Arc::new(Self {
            store,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks. Answers at once when rules decide, else waits for the user.
    ///
    /// # Errors
    /// Why it is not allowed.
    pub async fn ask(
        &self,
        question: Question,
        rules: &[&[Rule]],
        cancel: &CancellationToken,
    ) -> Result<(), Refusal> {
        let (request, answer) = {
            let mut state = self.state();
            let mut decided = true;
            for pattern in &question.patterns {
                let mut all = rules.to_vec();
                all.push(&state.approved);
                match evaluate(&question.permission, pattern, &all) {
                    Action::Allow => {}
                    Action::Ask => decided = false,
                    Action::Deny => return Err(denied(&question.permission, rules)),
                }
            }
            if decided {
                return Ok(());
            }
            let request = Request {
                id: PermissionId::new(),
                session_id: question.session_id,
                permission: question.permission,
                patterns: question.patterns,
                metadata: question.metadata,
                always: question.always,
                tool: question.tool,
            };
            let (sender, answer) = oneshot::channel();
            state.pending.push(Pending {
                request: request.clone(),
                answer: sender,
            });
            (request, answer)
        };
        let waiting = Waiting {
            desk: self,
            id: request.id.clone(),
        };
        // A listener may answer before this returns; the answer is kept for us.
        let asked = self
            .store
            .announce(EventBody::PermissionAsked {
                request: Box::new(request),
            })
            .await;
        if asked.is_err() {
            return Err(Refusal::Cancelled);
        }
        let outcome = tokio::select! {
            outcome = answer => outcome.unwrap_or(Err(Refusal::Cancelled)),
            () = cancel.cancelled() => Err(Refusal::Cancelled),
        };
        drop(waiting);
        outcome
    }

    /// Answers a request.
    ///
    /// «Always» allows the request's `always` patterns from now on and answers what else waits and is
    /// thereby allowed. «Reject» also rejects what else the session waits for, so that its turn ends.
    ///
    /// # Errors
    /// [`UnknownRequest`].
    pub async fn reply(
        &self,
        id: &PermissionId,
        reply: Reply,
        feedback: Option<String>,
    ) -> Result<(), UnknownRequest> {
        let answered = {
            let mut state = self.state();
            let Some(at) = state.pending.iter().position(|pending| pending.request.id == *id) else {
                return Err(UnknownRequest(id.clone()));
            };
            let pending = state.pending.remove(at);
            let session = pending.request.session_id.clone();
            let mut answered = vec![(pending.request.clone(), reply)];
            let outcome = match (reply, feedback.filter(|text| !text.is_empty())) {
                (Reply::Once | Reply::Always, _) => Ok(()),
                (Reply::Reject, None) => Err(Refusal::Rejected),
                (Reply::Reject, Some(feedback)) => Err(Refusal::Corrected { feedback }),
            };
            // The one who asked may have gone meanwhile.
            let _ = pending.answer.send(outcome);
            match reply {
                Reply::Once => {}
                Reply::Always => {
                    let permission = &pending.request.permission;
                    let new = pending
                        .request
                        .always
                        .iter()
                        .map(|pattern| Rule::new(permission, pattern, Action::Allow));
                    state.approved.extend(new);
                    let approved = state.approved.clone();
                    let allowed = |request: &Request| {
                        request.patterns.iter().all(|pattern| {
                            evaluate(&request.permission, pattern, &[&approved]) == Action::Allow
                        })
                    };
                    answered.extend(settle(&mut state.pending, allowed, Reply::Always));
                }
                Reply::Reject => {
                    answered.extend(settle(
                        &mut state.pending,
                        |request| request.session_id == session,
                        Reply::Reject,
                    ));
                }
            }
            answered
        };
        for (request, reply) in answered {
            let event = EventBody::PermissionReplied {
                session_id: request.session_id,
                request_id: request.id,
                reply,
            };
            if self.store.announce(event).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// What waits for an answer, in the order in which it was asked.
    #[must_use]
    pub fn pending(&self) -> Vec<Request> {
        self.state()
            .pending
            .iter()
            .map(|pending| pending.request.clone())
            .collect()
    }
}

/// Answers everything that waits and is `chosen`.
fn settle(
    pending: &mut Vec<Pending>,
    chosen: impl Fn(&Request) -> bool,
    reply: Reply,
) -> Vec<(Request, Reply)> {
    let (done, waiting): (Vec<_>, Vec<_>) = std::mem::take(pending)
        .into_iter()
        .partition(|one| chosen(&one.request));
    *pending = waiting;
    done.into_iter()
        .map(|one| {
            let _ = one.answer.send(if reply == Reply::Reject {
                Err(Refusal::Rejected)
            } else {
                Ok(())
            });
            (one.request, reply)
        })
        .collect()
}

fn denied(permission: &str, rules: &[&[Rule]]) -> Refusal {
    let relevant: Vec<&Rule> = rules
        .iter()
        .flat_map(|set| set.iter())
        .filter(|rule| matches(permission, &rule.permission))
        .collect();
    Refusal::Denied {
        rules: serde_json::to_string(&relevant).unwrap_or_default(),
    }
}

/// Takes a request off the desk when the one who asked stops waiting, however that comes.
struct Waiting<'a> {
    desk: &'a Permissions,
    id: PermissionId,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let left = {
            let mut state = self.desk.state();
            let at = state
                .pending
                .iter()
                .position(|pending| pending.request.id == self.id);
            at.map(|at| state.pending.remove(at).request)
        };
        if let Some(request) = left {
            self.desk.store.announce_now(EventBody::PermissionReplied {
                session_id: request.session_id,
                request_id: request.id,
                reply: Reply::Reject,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use opencode_store::{Database, Subscription};
    use pretty_assertions::assert_eq;

    use super::*;

    fn question(session: &str, patterns: &[&str]) -> Question {
        Question {
            session_id: SessionId::trusted(session),
            permission: "bash".into(),
            patterns: patterns.iter().map(|text| (*text).to_owned()).collect(),
            always: vec!["git *".into()],
            metadata: Object::new(),
            tool: None,
        }
    }

    struct Desk {
        desk: Arc<Permissions>,
        events: Subscription,
    }

    impl Desk {
        async fn new() -> Self {
            let store = Store::open(Database::Memory).await.unwrap();
            let events = store.subscribe();
            Self {
                desk: Permissions::new(store),
                events,
            }
        }

        fn ask(&self, session: &str, pattern: &str) -> tokio::task::JoinHandle<Result<(), Refusal>> {
            let (desk, question) = (Arc::clone(&self.desk), question(session, &[pattern]));
            tokio::spawn(async move { desk.ask(question, &[], &CancellationToken::new()).await })
        }

        async fn asked(&mut self) -> PermissionId {
            loop {
                if let EventBody::PermissionAsked { request } =
                    &self.events.next().await.unwrap().unwrap().body
                {
                    return request.id.clone();
                }
            }
        }
    }

    #[tokio::test]
    async fn rules_decide_without_asking() {
        let desk = Desk::new().await.desk;
        let rules = [
            Rule::new("*", "*", Action::Allow),
            Rule::new("bash", "rm *", Action::Deny),
        ];
        let token = CancellationToken::new();
        assert_eq!(
            desk.ask(question("ses_1", &["git status", "ls"]), &[&rules], &token)
                .await,
            Ok(())
        );
        let refusal = desk
            .ask(question("ses_1", &["ls", "rm -rf x"]), &[&rules], &token)
            .await
            .unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "A permission rule forbids this call. The rules for it: \
             [{\"permission\":\"*\",\"pattern\":\"*\",\"action\":\"allow\"},\
             {\"permission\":\"bash\",\"pattern\":\"rm *\",\"action\":\"deny\"}]"
        );
        assert!(desk.pending().is_empty());
    }

    #[tokio::test]
    async fn once_allows_once() {
        let mut desk = Desk::new().await;
        let first = desk.ask("ses_1", "git status");
        let id = desk.asked().await;
        desk.desk.reply(&id, Reply::Once, None).await.unwrap();
        assert_eq!(first.await.unwrap(), Ok(()));
        let second = desk.ask("ses_1", "git status");
        let id = desk.asked().await;
        desk.desk
            .reply(&id, Reply::Reject, Some("use jj".into()))
            .await
            .unwrap();
        assert_eq!(
            second.await.unwrap(),
            Err(Refusal::Corrected {
                feedback: "use jj".into()
            })
        );
        assert_eq!(
            desk.desk.reply(&id, Reply::Once, None).await,
            Err(UnknownRequest(id))
        );
    }

    #[tokio::test]
    async fn always_releases_whatever_it_allows() {
        let mut desk = Desk::new().await;
        let first = desk.ask("ses_1", "git status");
        let id = desk.asked().await;
        let other_session = desk.ask("ses_2", "git log");
        desk.asked().await;
        let unrelated = desk.ask("ses_2", "ls");
        let unrelated_id = desk.asked().await;
        desk.desk.reply(&id, Reply::Always, None).await.unwrap();
        assert_eq!(first.await.unwrap(), Ok(()));
        assert_eq!(other_session.await.unwrap(), Ok(()));
        assert_eq!(
            desk.desk
                .pending()
                .iter()
                .map(|request| &request.id)
                .collect::<Vec<_>>(),
            [&unrelated_id]
        );
        desk.desk.reply(&unrelated_id, Reply::Once, None).await.unwrap();
        assert_eq!(unrelated.await.unwrap(), Ok(()));
        let later = desk.ask("ses_3", "git push");
        assert_eq!(later.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn reject_ends_everything_the_session_waits_for() {
        let mut desk = Desk::new().await;
        let first = desk.ask("ses_1", "git status");
        let id = desk.asked().await;
        let second = desk.ask("ses_1", "ls");
        desk.asked().await;
        let other = desk.ask("ses_2", "ls");
        let other_id = desk.asked().await;
        desk.desk.reply(&id, Reply::Reject, None).await.unwrap();
        assert_eq!(first.await.unwrap(), Err(Refusal::Rejected));
        assert_eq!(second.await.unwrap(), Err(Refusal::Rejected));
        assert_eq!(desk.desk.pending().len(), 1);
        desk.desk.reply(&other_id, Reply::Once, None).await.unwrap();
        assert_eq!(other.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn a_stopped_turn_takes_its_question_along() {
        let mut desk = Desk::new().await;
        let token = CancellationToken::new();
        let waiting = {
            let (desk, token) = (Arc::clone(&desk.desk), token.clone());
            tokio::spawn(async move { desk.ask(question("ses_1", &["ls"]), &[], &token).await })
        };
        desk.asked().await;
        token.cancel();
        assert_eq!(waiting.await.unwrap(), Err(Refusal::Cancelled));
        assert!(desk.desk.pending().is_empty());
    }
}
