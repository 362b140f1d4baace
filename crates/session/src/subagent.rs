//! Tasks for other agents: a session of their own each (reference `agent-loop.md` §13, `tools.md` «task»).

mod durable;
pub(crate) mod user;

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_catalog::Choice;
use opencode_schema::agent::{Agent, AgentModel, Mode};
use opencode_schema::input::PartInput;
use opencode_schema::part::ToolPart;
use opencode_schema::permission::{Action, Rule, Ruleset};
use opencode_schema::session::{Session, SessionModel};
use opencode_schema::{MessageWithParts, Object, PartBody, SessionId, ToolState, WorkspaceId};
use opencode_store::{JobKind, JobStatus};
use opencode_tool::contract::{Delegated, Progress, Task};
use opencode_tool::{Call, Failure, jobs, task};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::delegations::{After, End, Entered, Waited, Work};
use crate::lifecycle::{NewSession, SessionChange};
use crate::prompt::{DEFAULT_VARIANT, Prompt};
use crate::{Engine, Error, Location, command};

/// How deep tasks may be given on when configuration does not say.
const DEFAULT_DEPTH: u32 = 1;

/// Who gives a task away.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) session: Session,
    pub(crate) model: Choice,
    pub(crate) variant: Option<String>,
    /// The session is a durable one; then those of its tasks are, too.
    pub(crate) is_durable: bool,
}

/// Gives a task of a tool call to another agent, and waits for its answer unless it is for the background.
pub(crate) async fn run(
    engine: &Engine,
    location: &Arc<Location>,
    caller: &Caller,
    call: &Call,
    task: Task,
) -> Result<Delegated, Failure> {
    let prepared = begin(engine, location, caller, &task).await?;
    call.host
        .progress(call, Some(task.description.clone()), prepared.metadata.clone());
    prepared.finish(engine, location, &call.cancel).await
}

/// A task that has its session.
struct Prepared {
    /// Who gave it.
    parent: SessionId,
    is_durable: bool,
    description: String,
    background: bool,
    prompt: Prompt,
    metadata: Object,
}

async fn begin(
    engine: &Engine,
    location: &Arc<Location>,
    caller: &Caller,
    task: &Task,
) -> Result<Prepared, Failure> {
    let agent = location
        .agents
        .get(&task.subagent)
        .filter(|agent| agent.mode != Mode::Primary)
        .ok_or_else(|| {
            Failure::told(format!(
                "There is no agent \"{}\" that takes tasks",
                task.subagent
            ))
        })?;
    check_depth(engine, location, &caller.session).await?;
    let rules = child_rules(location, &caller.session, agent);
    let own = agent.model.as_ref().map(
        |AgentModel {
             provider_id,
             model_id,
         }| Choice {
            provider_id: provider_id.clone(),
            model_id: model_id.clone(),
        },
    );
    let variant = if own.is_none() {
        caller.variant.clone()
    } else {
        None
    };
    let model = own.unwrap_or_else(|| caller.model.clone());
    let session = match resumed(engine, location, caller, task, &rules).await? {
        Some(session) => session,
        None => {
            let new = NewSession {
                id: None,
                parent_id: Some(caller.session.id.clone()),
                title: Some(format!("{} (@{} subagent)", task.description, agent.name)),
                agent: Some(agent.name.clone()),
                model: caller.is_durable.then(|| chosen(&model, variant.as_deref())),
                permission: Some(rules),
                metadata: None,
                workspace_id: caller.session.workspace_id.clone().map(WorkspaceId::trusted),
            };
            engine.create_session(location, new).await.map_err(told)?
        }
    };
    let mut metadata = Object::from_iter([
        ("parentSessionId".to_owned(), json!(caller.session.id)),
        ("sessionId".to_owned(), json!(session.id)),
        (
            "model".to_owned(),
            json!({ "providerID": model.provider_id, "modelID": model.model_id }),
        ),
    ]);
    if task.background {
        metadata.insert("background".to_owned(), true.into());
    }
    let mut parts = vec![PartInput::text(&task.prompt)];
    parts.extend(command::mentioned(location, &task.prompt).await);
    let mut prompt = Prompt::new(session.id, parts);
    prompt.agent = Some(agent.name.clone());
    prompt.model = Some(model);
    prompt.variant = variant;
    Ok(Prepared {
        parent: caller.session.id.clone(),
        is_durable: caller.is_durable,
        description: task.description.clone(),
        background: task.background,
        prompt,
        metadata,
    })
}

/// The session of an earlier task that this one goes on with. What its giver may not do now, it may not do
/// either from then on.
async fn resumed(
    engine: &Engine,
    location: &Location,
    caller: &Caller,
    task: &Task,
    rules: &[Rule],
) -> Result<Option<Session>, Failure> {
    let Some(id) = &task.resume else { return Ok(None) };
    let Ok(session) = engine.session(&SessionId::trusted(id.as_str())).await else {
        return Ok(None);
    };
    let is_task = session.parent_id.is_some() && session.directory == location.directory_text();
    if !is_task
        || engine
            .inner
            .delegations
            .waits_for(&caller.session.id, &session.id)
    {
        return Ok(None);
    }
    let known = session.permission.as_deref().unwrap_or_default();
    let missing: Ruleset = rules
        .iter()
        .filter(|rule| rule.action == Action::Deny && !known.contains(rule))
        .cloned()
        .collect();
    if missing.is_empty() {
        return Ok(Some(session));
    }
    let change = SessionChange {
        permission: Some(missing),
        ..SessionChange::default()
    };
    let changed = engine.change_session(&location.store, &session.id, change);
    changed.await.map(Some).map_err(told)
}

impl Prepared {
    /// Sees to it that the task is worked on, and waits for its end as long as anybody is to wait.
    async fn finish(
        self,
        engine: &Engine,
        location: &Arc<Location>,
        cancel: &CancellationToken,
    ) -> Result<Delegated, Failure> {
        let Self {
            parent,
            is_durable,
            description,
            background,
            prompt,
            mut metadata,
        } = self;
        if cancel.is_cancelled() {
            return Err(Failure::Aborted);
        }
        let session_id = prompt.session_id.clone();
        let entered = engine.inner.delegations.enter(&parent, prompt, background);
        let waited = match entered {
            Entered::Closed => return Err(Failure::Aborted),
            Entered::Full => {
                return Err(Failure::told(
                    "The task has not yet come to what it was told before. Wait for its end.",
                ));
            }
            Entered::Added => None,
            Entered::Begun(begun) => {
                let mut job = engine.new_job(jobs::new_id(), &parent, JobKind::Task, description.clone());
                job.child = Some(session_id.clone());
                job.is_durable = is_durable;
                job.is_background = background;
                let id = job.id.clone();
                if let Err(error) = engine.begin_job(location, job).await {
                    let _ = engine
                        .inner
                        .delegations
                        .conclude(&session_id, &begun.work, &End::Stopped);
                    return Err(told(error));
                }
                let giver = Giver {
                    session_id: parent,
                    job: id,
                    is_durable,
                    description,
                };
                let work = work(engine.clone(), Arc::clone(location), begun.work, giver);
                engine.inner.tasks.spawn(work);
                if background {
                    Some(Waited::Detached)
                } else {
                    tokio::select! {
                        waited = begun.wait.ended() => Some(waited),
                        () = cancel.cancelled() => {
                            engine.inner.delegations.stop(&session_id).await;
                            return Err(Failure::Aborted);
                        }
                    }
                }
            }
        };
        let progress = match waited {
            Some(Waited::Ended(End::Answer(text))) => Progress::Done(text),
            Some(Waited::Ended(End::Failure(reason))) => return Err(Failure::Told(reason)),
            Some(Waited::Ended(End::Stopped)) if cancel.is_cancelled() => return Err(Failure::Aborted),
            Some(Waited::Ended(End::Stopped)) => return Err(Failure::told("Task cancelled")),
            Some(Waited::Detached) => Progress::Begun,
            None => Progress::Extended,
        };
        if !matches!(progress, Progress::Done(_)) {
            metadata.insert("background".to_owned(), true.into());
            metadata.insert("jobId".to_owned(), json!(session_id));
        }
        Ok(Delegated {
            session_id,
            progress,
            metadata,
        })
    }
}

/// Who gave a task, and is told what came of it when nobody waits.
struct Giver {
    session_id: SessionId,
    /// The row of the task.
    job: String,
    is_durable: bool,
    description: String,
}

/// Works on a task until nothing is left of it.
fn work(engine: Engine, location: Arc<Location>, mut work: Work, giver: Giver) -> BoxFuture<'static, ()> {
    // Boxed: a task may give tasks away in its turn.
    async move {
        let id = work.prompt.session_id.clone();
        let delegations = Arc::clone(&engine.inner.delegations);
        let _guard = work.guard(&delegations, &id);
        loop {
            let end = piece(&engine, &location, &work.prompt, giver.is_durable, &work.cancel).await;
            match delegations.conclude(&id, &work, &end) {
                After::Next(prompt) => work.prompt = *prompt,
                After::Told => return giver.hear(&engine, &location, &id, &end, false).await,
                After::Tell => {
                    giver.hear(&engine, &location, &id, &end, true).await;
                    return delegations.told(&giver.session_id);
                }
            }
        }
    }
    .boxed()
}

/// One prompt of a task and its answer.
async fn piece(
    engine: &Engine,
    location: &Arc<Location>,
    prompt: &Prompt,
    is_durable: bool,
    cancel: &CancellationToken,
) -> End {
    let id = &prompt.session_id;
    let answering = async {
        match is_durable {
            true => durable::answer(engine, location, prompt).await,
            false => answer(engine, location, prompt).await,
        }
    };
    let answer = tokio::select! {
        biased;
        () = cancel.cancelled() => {
            engine.inner.coordinator.stop(id).await;
            return End::Stopped;
        }
        answer = answering => answer,
    };
    match answer {
        Ok(text) => End::Answer(text),
        Err(reason) => End::Failure(format!("Subagent failed (task_id: {id}): {reason}")),
    }
}

/// The last words that answer a prompt, or why there are none.
async fn answer(engine: &Engine, location: &Arc<Location>, prompt: &Prompt) -> Result<String, String> {
    let answer = engine.prompt(location, prompt.clone()).await;
    let answer = answer.map_err(|error| error.to_string())?;
    if let Some(reason) = failure_of(&answer) {
        return Err(reason);
    }
    let text = answer.parts.into_iter().rev().find_map(|part| match part.body {
        PartBody::Text(text) => Some(text.text),
        _ => None,
    });
    Ok(text.unwrap_or_default())
}

impl Giver {
    /// Writes down what came of the task. With `tell` nobody waits for it: the session goes to work because of it,
    /// or hears it in what it does.
    async fn hear(&self, engine: &Engine, location: &Arc<Location>, id: &SessionId, end: &End, tell: bool) {
        let (status, result) = match end {
            End::Answer(text) => (JobStatus::Completed, Ok(text.as_str())),
            End::Failure(reason) => (JobStatus::Error, Err(reason.as_str())),
            End::Stopped => (JobStatus::Cancelled, Err("It was stopped.")),
        };
        let notice = task::notice(id, &self.description, result);
        // A failure has been told to whoever listens.
        if let Err(error) = engine.end_job(location, &self.job, status, &notice, tell).await {
            tracing::debug!(%error, "the end of a task could not be told");
        }
    }
}

/// A model as sessions name it.
fn chosen(model: &Choice, variant: Option<&str>) -> SessionModel {
    SessionModel {
        id: model.model_id.clone(),
        provider_id: model.provider_id.clone(),
        variant: Some(variant.unwrap_or(DEFAULT_VARIANT).to_owned()),
    }
}

/// Why an answer is none: its own error, or a call in it that failed.
fn failure_of(answer: &MessageWithParts) -> Option<String> {
    let assistant = answer.info.as_assistant()?;
    if let Some(error) = &assistant.error {
        return Some(error.message().to_owned());
    }
    answer.parts.iter().rev().find_map(|part| match &part.body {
        PartBody::Tool(ToolPart {
            state: ToolState::Error { error, .. },
            ..
        }) => Some(error.clone()),
        _ => None,
    })
}

fn told(error: impl Into<Error>) -> Failure {
    let error = error.into();
    Failure::told(error.to_string())
}

/// How many sessions stand above a session that is to give a task away.
async fn check_depth(engine: &Engine, location: &Location, session: &Session) -> Result<(), Failure> {
    let limit = location.config.subagent_depth.unwrap_or(DEFAULT_DEPTH);
    let mut depth = 0;
    let mut parent = session.parent_id.clone();
    let mut seen = Vec::new();
    while let Some(id) = parent {
        depth += 1;
        // A damaged file may make a session its own ancestor.
        if depth >= limit || seen.contains(&id) {
            depth = limit;
            break;
        }
        parent = engine.session(&id).await.map_err(told)?.parent_id;
        seen.push(id);
    }
    if depth < limit {
        return Ok(());
    }
    Err(Failure::told(format!(
        "Tasks may go {limit} deep here (`subagent_depth` in opencode.json), and this one would go deeper."
    )))
}

/// The rules of a task's session: what its parent forbids or says about other folders, and no further
/// tasks or lists unless the agent is made for them.
fn child_rules(location: &Location, parent: &Session, agent: &Agent) -> Ruleset {
    let inherited = parent.permission.iter().flatten();
    let mut rules: Ruleset = inherited
        .filter(|rule| rule.permission == "external_directory" || rule.action == Action::Deny)
        .cloned()
        .collect();
    for tool in ["todowrite", "task"] {
        if !agent.permission.iter().any(|rule| rule.permission == tool) {
            rules.push(Rule::new(tool, "*", Action::Deny));
        }
    }
    let primary = location
        .config
        .experimental
        .as_ref()
        .and_then(|one| one.primary_tools.as_ref());
    rules.extend(
        primary
            .into_iter()
            .flatten()
            .map(|tool| Rule::new(tool, "*", Action::Deny)),
    );
    rules
}
