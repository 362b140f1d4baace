//! Tasks for other agents: a session of their own each (reference `agent-loop.md` §13, `tools.md` «task»).

use std::sync::Arc;

use opencode_catalog::Choice;
use opencode_schema::agent::{Agent, AgentModel, Mode};
use opencode_schema::id::call_id;
use opencode_schema::input::PartInput;
use opencode_schema::message::{AssistantMessage, AssistantTime, MessagePath, UserMessage};
use opencode_schema::part::{CompletedTime, Span, SubtaskPart, ToolPart};
use opencode_schema::permission::{Action, Rule, Ruleset};
use opencode_schema::session::Session;
use opencode_schema::time::now;
use opencode_schema::{
    EventBody, Message, MessageBody, MessageId, MessageWithParts, Object, Part, PartBody, PartId, SessionId,
    ToolState, WorkspaceId,
};
use opencode_tool::contract::{Delegated, Task};
use opencode_tool::{Call, Failure, task};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::coordinator::Running;
use crate::lifecycle::NewSession;
use crate::prompt::{Prompt, synthetic};
use crate::{Engine, Error, Location};

/// How deep tasks may be given on when configuration does not say.
const DEFAULT_DEPTH: u32 = 1;

/// Who gives a task away.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) session: Session,
    pub(crate) model: Choice,
    pub(crate) variant: Option<String>,
}

/// Gives a task of a tool call to another agent and waits for its answer.
pub(crate) async fn run(
    engine: &Engine,
    location: &Arc<Location>,
    caller: &Caller,
    call: &Call,
    task: Task,
) -> Result<Delegated, Failure> {
    let job = begin(engine, location, caller, &task).await?;
    call.host
        .progress(call, Some(task.description.clone()), job.metadata.clone());
    job.finish(engine, location, &call.cancel).await
}

/// A task that has its session.
struct Job {
    session_id: SessionId,
    prompt: Prompt,
    metadata: Object,
}

async fn begin(
    engine: &Engine,
    location: &Arc<Location>,
    caller: &Caller,
    task: &Task,
) -> Result<Job, Failure> {
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
    let resumed = match &task.resume {
        Some(id) => engine.session(&SessionId::trusted(id.as_str())).await.ok(),
        None => None,
    };
    // A call that went on with the session that makes it would wait for itself.
    let resumed = resumed.filter(|session| session.parent_id.as_ref() == Some(&caller.session.id));
    let session = match resumed {
        Some(session) => session,
        None => {
            let new = NewSession {
                parent_id: Some(caller.session.id.clone()),
                title: Some(format!("{} (@{} subagent)", task.description, agent.name)),
                agent: Some(agent.name.clone()),
                model: None,
                permission: Some(child_rules(location, &caller.session, agent)),
                metadata: None,
                workspace_id: caller.session.workspace_id.clone().map(WorkspaceId::trusted),
            };
            engine.create_session(location, new).await.map_err(told)?
        }
    };
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
    let metadata = json!({
        "parentSessionId": caller.session.id,
        "sessionId": session.id,
        "model": { "providerID": model.provider_id, "modelID": model.model_id },
    });
    let mut prompt = Prompt::new(session.id.clone(), vec![PartInput::text(&task.prompt)]);
    prompt.agent = Some(agent.name.clone());
    prompt.model = Some(model);
    prompt.variant = variant;
    Ok(Job {
        session_id: session.id,
        prompt,
        metadata: metadata.as_object().cloned().unwrap_or_default(),
    })
}

impl Job {
    async fn finish(
        self,
        engine: &Engine,
        location: &Arc<Location>,
        cancel: &CancellationToken,
    ) -> Result<Delegated, Failure> {
        let Self {
            session_id,
            prompt,
            metadata,
        } = self;
        let answer = tokio::select! {
            // Boxed: a task may give tasks away in its turn.
            answer = Box::pin(engine.prompt(location, prompt)) => answer,
            () = cancel.cancelled() => {
                engine.abort(&session_id).await;
                return Err(Failure::Aborted);
            }
        };
        let failed =
            |reason: &str| Failure::told(format!("Subagent failed (task_id: {session_id}): {reason}"));
        let answer = answer.map_err(|error| failed(&error.to_string()))?;
        if let Some(reason) = failure_of(&answer) {
            return Err(failed(&reason));
        }
        let text = answer.parts.iter().rev().find_map(|part| match &part.body {
            PartBody::Text(text) => Some(text.text.clone()),
            _ => None,
        });
        Ok(Delegated {
            session_id,
            text: text.unwrap_or_default(),
            metadata,
        })
    }
}

/// Why an answer is none: its own error, or a call in it that failed.
fn failure_of(answer: &MessageWithParts) -> Option<String> {
    let assistant = answer.info.as_assistant()?;
    if let Some(error) = &assistant.error {
        return Some(error.message().to_owned());
    }
    answer.parts.iter().find_map(|part| match &part.body {
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
    while let Some(id) = parent {
        depth += 1;
        if depth >= limit {
            break;
        }
        parent = engine.session(&id).await.map_err(told)?.parent_id;
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

/// Runs a task that the user gave, without asking the model: a message that holds one call of the task tool.
pub(crate) async fn run_for_user(
    engine: &Engine,
    location: &Arc<Location>,
    session: Session,
    user_id: &MessageId,
    user: &UserMessage,
    task: &SubtaskPart,
    running: &Running,
) -> Result<(), Error> {
    let model = match &task.model {
        Some(model) => Choice {
            provider_id: model.provider_id.clone(),
            model_id: model.model_id.clone(),
        },
        None => Choice {
            provider_id: user.model.provider_id.clone(),
            model_id: user.model.model_id.clone(),
        },
    };
    let mut work = UserTask::new(location, &session, user_id, &user.agent, &model, task);
    work.store(location).await?;
    let caller = Caller {
        session,
        model,
        variant: user.model.variant.clone(),
    };
    let wanted = Task {
        description: task.description.clone(),
        prompt: task.prompt.clone(),
        subagent: task.agent.clone(),
        resume: None,
        command: task.command.clone(),
    };
    let result = match begin(engine, location, &caller, &wanted).await {
        Ok(job) => {
            work.show(location, &task.description, job.metadata.clone())
                .await?;
            job.finish(engine, location, &running.cancel).await
        }
        Err(failure) => Err(failure),
    };
    work.conclude(location, &task.description, result).await?;
    if task.command.is_some() && !running.cancel.is_cancelled() {
        ask_to_go_on(location, &caller.session.id, user).await?;
    }
    Ok(())
}

/// The message of a task that the user gave.
struct UserTask {
    message: Message,
    part: Part,
    input: Value,
    start: i64,
}

impl UserTask {
    fn new(
        location: &Location,
        session: &Session,
        user_id: &MessageId,
        agent: &str,
        model: &Choice,
        task: &SubtaskPart,
    ) -> Self {
        let start = now();
        let message = Message {
            id: MessageId::new(),
            session_id: session.id.clone(),
            body: MessageBody::Assistant(Box::new(AssistantMessage {
                time: AssistantTime {
                    created: start,
                    completed: None,
                },
                parent_id: user_id.clone(),
                model_id: model.model_id.clone(),
                provider_id: model.provider_id.clone(),
                mode: agent.to_owned(),
                agent: agent.to_owned(),
                path: MessagePath {
                    cwd: location.directory_text(),
                    root: location.worktree.to_string_lossy().into_owned(),
                },
                ..AssistantMessage::default()
            })),
        };
        let mut input = json!({
            "prompt": task.prompt, "description": task.description, "subagent_type": task.agent,
        });
        if let Some(command) = &task.command {
            input["command"] = command.as_str().into();
        }
        let part = Part {
            id: PartId::new(),
            session_id: session.id.clone(),
            message_id: message.id.clone(),
            body: PartBody::Tool(ToolPart {
                call_id: call_id(),
                tool: task::NAME.to_owned(),
                state: ToolState::Running {
                    input: input.clone(),
                    title: None,
                    metadata: None,
                    time: Span { start, end: None },
                },
                metadata: None,
            }),
        };
        Self {
            message,
            part,
            input,
            start,
        }
    }

    async fn store(&self, location: &Location) -> Result<(), Error> {
        let (message, part) = (self.message.clone(), self.part.clone());
        location
            .store
            .write(move |transaction| {
                let session_id = message.session_id.clone();
                transaction.publish(EventBody::MessageUpdated {
                    session_id: session_id.clone(),
                    info: Box::new(message),
                })?;
                transaction.publish(EventBody::PartUpdated {
                    session_id,
                    part: Box::new(part),
                    time: now(),
                })
            })
            .await?;
        Ok(())
    }

    fn set(&mut self, state: ToolState) {
        if let PartBody::Tool(part) = &mut self.part.body {
            part.state = state;
        }
    }

    async fn show(&mut self, location: &Location, title: &str, metadata: Object) -> Result<(), Error> {
        let time = Span {
            start: self.start,
            end: None,
        };
        self.set(ToolState::Running {
            input: self.input.clone(),
            title: Some(title.to_owned()),
            metadata: Some(metadata),
            time,
        });
        self.store(location).await
    }

    async fn conclude(
        mut self,
        location: &Location,
        title: &str,
        result: Result<Delegated, Failure>,
    ) -> Result<(), Error> {
        let input = self.input.clone();
        let state = match result {
            Ok(delegated) => ToolState::Completed {
                input,
                output: task::report(&delegated),
                title: title.to_owned(),
                metadata: delegated.metadata,
                time: CompletedTime {
                    start: self.start,
                    end: now(),
                    compacted: None,
                },
                attachments: None,
            },
            Err(failure) => {
                let error = if failure == Failure::Aborted {
                    "Cancelled".to_owned()
                } else {
                    failure.to_string()
                };
                ToolState::Error {
                    input,
                    error,
                    metadata: None,
                    time: Span {
                        start: self.start,
                        end: Some(now()),
                    },
                }
            }
        };
        self.set(state);
        if let MessageBody::Assistant(assistant) = &mut self.message.body {
            assistant.finish = Some("tool-calls".to_owned());
            assistant.time.completed = Some(now());
        }
        self.store(location).await
    }
}

/// After a command's task the model is asked to tell what came of it.
async fn ask_to_go_on(location: &Location, session_id: &SessionId, user: &UserMessage) -> Result<(), Error> {
    let mut next = UserMessage {
        agent: user.agent.clone(),
        model: user.model.clone(),
        ..UserMessage::default()
    };
    next.time.created = now();
    let message = Message {
        id: MessageId::new(),
        session_id: session_id.clone(),
        body: MessageBody::User(Box::new(next)),
    };
    let part = Part {
        id: PartId::new(),
        session_id: session_id.clone(),
        message_id: message.id.clone(),
        body: synthetic("Summarize the output of the task above, then go on with what you were doing."),
    };
    let id = session_id.clone();
    location
        .store
        .write(move |transaction| {
            transaction.publish(EventBody::MessageUpdated {
                session_id: id.clone(),
                info: Box::new(message),
            })?;
            transaction.publish(EventBody::PartUpdated {
                session_id: id,
                part: Box::new(part),
                time: now(),
            })
        })
        .await?;
    Ok(())
}
