//! One location's desk of permissions: who asks waits here for the user's answer.

mod judgement;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opencode_schema::permission::{
    Action, Decision, Origin, Outcome, Reply, Request, Rule, Ruling, Saved, ToolReference,
};
use opencode_schema::time::now;
use opencode_schema::{EventBody, Object, PermissionId, SessionId};
use opencode_store::Store;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use self::judgement::{denied, judge, whole};
use crate::read_only::changes_nothing;
use crate::rules::evaluate;
use crate::{ledger, suggestion};

/// Where the answer of a user comes.
type Answering = oneshot::Receiver<Result<Reply, Refusal>>;

/// Questions that may wait when nobody waits for their answers.
const MOST_PENDING: usize = 256;

/// What a desk of permissions stands on.
#[derive(Debug, Clone, Default)]
pub struct Ground {
    /// The project whose kept approvals count.
    pub project_id: String,
    /// The folder of the audit; without one nothing is written down.
    pub ledger: Option<PathBuf>,
    /// Nothing may be changed, whatever the rules say.
    pub read_only: bool,
}

/// The permissions of one location. Approvals given with «always» live as long as it does, unless they are
/// to be kept for the project.
#[derive(Debug)]
pub struct Permissions {
    store: Store,
    ground: Ground,
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
    answer: oneshot::Sender<Result<Reply, Refusal>>,
}

/// A user's answer to a request.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Yes or no.
    pub reply: Reply,
    /// With a no: what to do instead.
    pub feedback: Option<String>,
    /// With «always»: what it allows, instead of what the request says.
    pub patterns: Option<Vec<String>>,
    /// With «always»: whether it is kept for the project.
    pub save: bool,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            feedback: None,
            patterns: None,
            save: false,
        }
    }
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
    /// Whether the session is a durable one.
    pub is_durable: bool,
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
    /// Nothing may be changed.
    #[error(
        "Nothing may be changed here: the program runs in read-only mode, which the permission `{permission}` is not part of. Work without it, and say in your answer what would have to be done."
    )]
    ReadOnly {
        /// What was asked for.
        permission: String,
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
    pub fn new(store: Store, ground: Ground) -> Arc<Self> {
        Arc::new(Self {
            store,
            ground,
            state: Mutex::default(),
        })
    }

    /// Whether nothing may be changed.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.ground.read_only
    }

    /// What «always» has allowed since the desk was made.
    #[must_use]
    pub fn approved(&self) -> Vec<Rule> {
        self.state().approved.clone()
    }

    /// The approvals that are kept for the project.
    ///
    /// # Errors
    /// The database failed.
    pub async fn saved(&self) -> Result<Vec<Saved>, opencode_store::Error> {
        let project_id = self.ground.project_id.clone();
        self.store
            .read(move |view| view.saved_permissions(&project_id))
            .await
    }

    /// Keeps approvals for the project.
    ///
    /// # Errors
    /// The database failed.
    pub async fn save(&self, permission: &str, patterns: Vec<String>) -> Result<(), opencode_store::Error> {
        let (project_id, permission) = (self.ground.project_id.clone(), permission.to_owned());
        let kept = self.store.write(move |transaction| {
            for pattern in &patterns {
                transaction.save_permission(&project_id, &permission, pattern)?;
            }
            Ok(())
        });
        kept.await
    }

    /// What was decided for a session, the oldest first.
    pub async fn decisions(&self, session_id: &SessionId) -> Vec<Decision> {
        let Some(folder) = self.ground.ledger.clone() else {
            return Vec::new();
        };
        let id = session_id.clone();
        let reading = tokio::task::spawn_blocking(move || ledger::read(&folder, &id));
        reading.await.unwrap_or_default()
    }

    /// Forgets what was decided for a session that is gone.
    pub async fn forget(&self, session_id: &SessionId) {
        if let Some(folder) = self.ground.ledger.clone() {
            let id = session_id.clone();
            let _ = tokio::task::spawn_blocking(move || ledger::forget(&folder, &id)).await;
        }
    }

    async fn write_down(&self, session_id: &SessionId, decision: Decision) {
        let Some(folder) = self.ground.ledger.clone() else {
            return;
        };
        let id = session_id.clone();
        let writing = tokio::task::spawn_blocking(move || ledger::append(&folder, &id, &decision));
        if let Ok(Err(error)) = writing.await {
            tracing::warn!(%error, "a decision about a permission could not be written down");
        }
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
        let session_id = question.session_id.clone();
        let mut decision = Decision {
            time: now(),
            tool: question.tool.clone(),
            permission: question.permission.clone(),
            patterns: question.patterns.clone(),
            outcome: Outcome::Cancelled,
            rules: Vec::new(),
        };
        let result = self.decide(question, rules, cancel, &mut decision.rules).await;
        decision.outcome = match &result {
            Ok(None) => Outcome::Allowed,
            Ok(Some(Reply::Always)) => Outcome::Always,
            Ok(Some(_)) => Outcome::Once,
            Err(Refusal::Denied { .. } | Refusal::ReadOnly { .. }) => Outcome::Denied,
            Err(Refusal::Rejected | Refusal::Corrected { .. }) => Outcome::Rejected,
            Err(Refusal::Cancelled) => Outcome::Cancelled,
        };
        self.write_down(&session_id, decision).await;
        result.map(drop)
    }

    /// The user's yes, or none when rules allow it.
    async fn decide(
        &self,
        question: Question,
        rules: &[&[Rule]],
        cancel: &CancellationToken,
        rulings: &mut Vec<Ruling>,
    ) -> Result<Option<Reply>, Refusal> {
        if self.ground.read_only && !changes_nothing(&question.permission) {
            let ruling = |pattern: &String| Ruling {
                pattern: pattern.clone(),
                action: Action::Deny,
                rule: None,
                from: Origin::ReadOnly,
            };
            rulings.extend(question.patterns.iter().map(ruling));
            return Err(Refusal::ReadOnly {
                permission: question.permission,
            });
        }
        let approved = self.approved();
        *rulings = judge(&question, rules, &approved, &[]);
        match whole(rulings) {
            Action::Allow => return Ok(None),
            Action::Deny => return Err(denied(&question.permission, rules)),
            Action::Ask => {}
        }
        let saved = self.saved_rules().await;
        let Some((request, answer)) = self.put(PermissionId::new(), question, rules, &saved, rulings) else {
            return Ok(None);
        };
        let waiting = Waiting {
            desk: self,
            id: request.id.clone(),
        };
        // A listener may answer before this returns; the answer is kept for us.
        let asked = self.store.announce(asked(request)).await;
        if asked.is_err() {
            return Err(Refusal::Cancelled);
        }
        let outcome = tokio::select! {
            outcome = answer => outcome.unwrap_or(Err(Refusal::Cancelled)),
            () = cancel.cancelled() => Err(Refusal::Cancelled),
        };
        drop(waiting);
        outcome.map(Some)
    }

    /// The approvals that are kept, as rules. Asked for late: most questions are decided without them.
    async fn saved_rules(&self) -> Vec<Rule> {
        let saved = self.saved().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the kept approvals could not be read");
            Vec::new()
        });
        saved.iter().map(Saved::rule).collect()
    }

    /// Puts a question before the user, unless what was allowed meanwhile answers it.
    fn put(
        &self,
        id: PermissionId,
        question: Question,
        rules: &[&[Rule]],
        saved: &[Rule],
        rulings: &mut Vec<Ruling>,
    ) -> Option<(Request, Answering)> {
        let mut state = self.state();
        *rulings = judge(&question, rules, &state.approved, saved);
        if whole(rulings) == Action::Allow {
            return None;
        }
        let request = Request {
            id,
            suggestions: suggestion::steps(&question.permission, &question.patterns, &question.always),
            session_id: question.session_id,
            permission: question.permission,
            patterns: question.patterns,
            metadata: question.metadata,
            always: question.always,
            tool: question.tool,
            is_durable: question.is_durable,
        };
        let (sender, answer) = oneshot::channel();
        state.pending.push(Pending {
            request: request.clone(),
            answer: sender,
        });
        Some((request, answer))
    }

    /// Asks without waiting: what rules say, and the id under which the user is asked if they say nothing. The same
    /// id again is the same question. `None` when too many questions wait.
    pub async fn begin(
        &self,
        id: Option<PermissionId>,
        question: Question,
        rules: &[&[Rule]],
    ) -> Option<(PermissionId, Action)> {
        let id = id.unwrap_or_default();
        if self.ground.read_only && !changes_nothing(&question.permission) {
            return Some((id, Action::Deny));
        }
        let decided = whole(&judge(&question, rules, &self.approved(), &[]));
        if decided != Action::Ask {
            return Some((id, decided));
        }
        let saved = self.saved_rules().await;
        {
            let state = self.state();
            if state.pending.iter().any(|pending| pending.request.id == id) {
                return Some((id, Action::Ask));
            }
            if state.pending.len() >= MOST_PENDING {
                return None;
            }
        }
        let Some((request, _nobody_waits)) = self.put(id.clone(), question, rules, &saved, &mut Vec::new())
        else {
            return Some((id, Action::Allow));
        };
        if self.store.announce(asked(request)).await.is_err() {
            tracing::debug!(%id, "a question could not be told");
        }
        Some((id, Action::Ask))
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
        self.answer(
            id,
            Answer {
                feedback,
                ..reply.into()
            },
        )
        .await
    }

    /// The same with a choice of what «always» allows, and for how long.
    ///
    /// # Errors
    /// [`UnknownRequest`].
    pub async fn answer(&self, id: &PermissionId, answer: Answer) -> Result<(), UnknownRequest> {
        let Answer {
            reply,
            feedback,
            patterns,
            save,
        } = answer;
        let mut kept = None;
        let answered = {
            let mut state = self.state();
            let Some(at) = state.pending.iter().position(|pending| pending.request.id == *id) else {
                return Err(UnknownRequest(id.clone()));
            };
            let pending = state.pending.remove(at);
            let session = pending.request.session_id.clone();
            let mut answered = vec![(pending.request.clone(), reply)];
            let outcome = match (reply, feedback.filter(|text| !text.is_empty())) {
                (Reply::Once | Reply::Always, _) => Ok(reply),
                (Reply::Reject, None) => Err(Refusal::Rejected),
                (Reply::Reject, Some(feedback)) => Err(Refusal::Corrected { feedback }),
            };
            // The one who asked may have gone meanwhile.
            let _ = pending.answer.send(outcome);
            match reply {
                Reply::Once => {}
                Reply::Always => {
                    let permission = &pending.request.permission;
                    let allowed = patterns.unwrap_or(pending.request.always);
                    let new = allowed
                        .iter()
                        .map(|pattern| Rule::new(permission, pattern, Action::Allow));
                    state.approved.extend(new);
                    kept = save.then(|| (permission.clone(), allowed));
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
        if let Some((permission, patterns)) = kept
            && let Err(error) = self.save(&permission, patterns).await
        {
            tracing::warn!(%error, "an approval could not be kept for the project");
        }
        for (request, reply) in answered {
            if self.store.announce(replied(request, reply)).await.is_err() {
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
                Ok(reply)
            });
            (one.request, reply)
        })
        .collect()
}

/// A request as it is told.
fn asked(request: Request) -> EventBody {
    if request.is_durable {
        EventBody::PermissionV2Asked {
            request: Box::new(request.into()),
        }
    } else {
        EventBody::PermissionAsked {
            request: Box::new(request),
        }
    }
}

/// An answer as it is told.
fn replied(request: Request, reply: Reply) -> EventBody {
    let (session_id, request_id) = (request.session_id, request.id);
    if request.is_durable {
        EventBody::PermissionV2Replied {
            session_id,
            request_id,
            reply,
        }
    } else {
        EventBody::PermissionReplied {
            session_id,
            request_id,
            reply,
        }
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
            self.desk.store.announce_now(replied(request, Reply::Reject));
        }
    }
}
