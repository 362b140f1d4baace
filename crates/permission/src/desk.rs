//! One location's desk of permissions: who asks waits here for the user's answer.

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

use crate::rules::{deciding, evaluate};
use crate::wildcard::matches;
use crate::{ledger, suggestion};

/// Permissions that change nothing, or lead to questions that are asked for themselves.
const CHANGES_NOTHING: &[&str] = &[
    "codesearch",
    "doom_loop",
    "external_directory",
    "glob",
    "grep",
    "list",
    "lsp",
    "plan_enter",
    "plan_exit",
    "question",
    "read",
    "skill",
    "task",
    "todoread",
    "todowrite",
    "webfetch",
    "websearch",
];

/// Whether what has this permission leaves files and other programs as they are.
#[must_use]
pub fn changes_nothing(permission: &str) -> bool {
    CHANGES_NOTHING.contains(&permission)
}

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
        // Only now: most questions never come here.
        let saved = self.saved().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the kept approvals could not be read");
            Vec::new()
        });
        let saved: Vec<Rule> = saved.iter().map(Saved::rule).collect();
        let (request, answer) = {
            let mut state = self.state();
            *rulings = judge(&question, rules, &state.approved, &saved);
            if whole(rulings) == Action::Allow {
                return Ok(None);
            }
            let request = Request {
                id: PermissionId::new(),
                suggestions: suggestion::steps(&question.permission, &question.patterns, &question.always),
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
        outcome.map(Some)
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
                Ok(reply)
            });
            (one.request, reply)
        })
        .collect()
}

/// What the rules, then the approvals say of each object. Approvals that are kept only count where the user
/// would be asked: what configuration forbids stays forbidden.
fn judge(question: &Question, rules: &[&[Rule]], approved: &[Rule], saved: &[Rule]) -> Vec<Ruling> {
    let one = |pattern: &String| {
        let find = |rules: &[&[Rule]]| deciding(&question.permission, pattern, rules).cloned();
        let approval = find(&[approved]).map(|rule| (rule, Origin::Approval));
        let decided = approval.or_else(|| find(rules).map(|rule| (rule, Origin::Rules)));
        let undecided = decided
            .as_ref()
            .is_none_or(|(rule, _)| rule.action == Action::Ask);
        let kept = undecided.then(|| find(&[saved])).flatten();
        let decided = kept.map(|rule| (rule, Origin::Saved)).or(decided);
        let (rule, from) = decided.map_or((None, Origin::None), |(rule, from)| (Some(rule), from));
        Ruling {
            pattern: pattern.clone(),
            action: rule.as_ref().map_or(Action::Ask, |rule| rule.action),
            rule,
            from,
        }
    };
    question.patterns.iter().map(one).collect()
}

/// What several rulings mean together.
fn whole(rulings: &[Ruling]) -> Action {
    let any = |action| rulings.iter().any(|ruling| ruling.action == action);
    match (any(Action::Deny), any(Action::Ask)) {
        (true, _) => Action::Deny,
        (false, true) => Action::Ask,
        (false, false) => Action::Allow,
    }
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
                desk: Permissions::new(store, Ground::default()),
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

    /// A desk of a project with a folder for its audit.
    async fn grounded(home: &tempfile::TempDir, read_only: bool) -> Desk {
        let store = Store::open(Database::File(home.path().join("x.db")))
            .await
            .unwrap();
        let made = store.write(|transaction| {
            transaction.put_project(
                &serde_json::from_value(serde_json::json!({
                    "id": "p", "worktree": "/w", "time": { "created": 1, "updated": 1 }, "sandboxes": []
                }))
                .unwrap(),
            )
        });
        made.await.unwrap();
        let ground = Ground {
            project_id: "p".into(),
            ledger: Some(home.path().join("permissions")),
            read_only,
        };
        let events = store.subscribe();
        Desk {
            desk: Permissions::new(store, ground),
            events,
        }
    }

    #[tokio::test]
    async fn a_kept_approval_counts_for_the_next_program_but_not_against_a_rule() {
        let home = tempfile::TempDir::new().unwrap();
        let mut desk = grounded(&home, false).await;
        let first = desk.ask("ses_1", "git status");
        let id = desk.asked().await;
        assert_eq!(
            desk.desk.pending()[0].suggestions,
            [vec!["git status".to_owned()], vec!["git *".to_owned()]]
        );
        let answer = Answer {
            patterns: Some(vec!["git status".into()]),
            save: true,
            ..Reply::Always.into()
        };
        desk.desk.answer(&id, answer).await.unwrap();
        assert_eq!(first.await.unwrap(), Ok(()));
        let Desk { desk, .. } = desk;
        drop(desk);

        let mut desk = grounded(&home, false).await;
        assert_eq!(desk.ask("ses_1", "git status").await.unwrap(), Ok(()));
        let narrower = desk.ask("ses_1", "git log");
        let id = desk.asked().await;
        desk.desk.reply(&id, Reply::Reject, None).await.unwrap();
        assert_eq!(narrower.await.unwrap(), Err(Refusal::Rejected));
        let forbidden = [Rule::new("bash", "git *", Action::Deny)];
        let token = CancellationToken::new();
        let forbidden: [&[Rule]; 1] = [&forbidden];
        let asked = desk
            .desk
            .ask(question("ses_1", &["git status"]), &forbidden, &token);
        assert!(matches!(asked.await, Err(Refusal::Denied { .. })));

        let told: Vec<_> = desk
            .desk
            .decisions(&SessionId::trusted("ses_1"))
            .await
            .into_iter()
            .map(|one| (one.outcome, one.rules[0].from))
            .collect();
        assert_eq!(
            told,
            [
                (Outcome::Always, Origin::None),
                (Outcome::Allowed, Origin::Saved),
                (Outcome::Rejected, Origin::None),
                (Outcome::Denied, Origin::Rules),
            ]
        );
        let saved = desk.desk.saved().await.unwrap();
        assert_eq!((saved.len(), saved[0].resource.as_str()), (1, "git status"));
    }

    #[tokio::test]
    async fn read_only_is_above_every_rule() {
        let home = tempfile::TempDir::new().unwrap();
        let desk = grounded(&home, true).await.desk;
        let all = [Rule::new("*", "*", Action::Allow)];
        let all: [&[Rule]; 1] = [&all];
        let token = CancellationToken::new();
        let ask = |permission: &str| {
            let mut question = question("ses_1", &["x"]);
            question.permission = permission.to_owned();
            desk.ask(question, &all, &token)
        };
        assert_eq!(ask("read").await, Ok(()));
        for permission in ["edit", "bash", "server_tool"] {
            let refused = ask(permission).await;
            assert!(matches!(refused, Err(Refusal::ReadOnly { .. })), "{permission}");
        }
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
