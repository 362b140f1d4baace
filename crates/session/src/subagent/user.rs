//! A task that the user gave with a command: it is run without asking the model (reference `agent-loop.md` §13).

use std::sync::Arc;

use opencode_catalog::Choice;
use opencode_schema::id::call_id;
use opencode_schema::message::{AssistantMessage, AssistantTime, MessagePath, UserMessage};
use opencode_schema::part::{CompletedTime, Span, SubtaskPart, ToolPart};
use opencode_schema::session::Session;
use opencode_schema::time::now;
use opencode_schema::{
    EventBody, Message, MessageBody, MessageId, Object, Part, PartBody, PartId, SessionId, ToolState,
};
use opencode_tool::contract::{Delegated, Task};
use opencode_tool::{Failure, task};
use serde_json::{Value, json};

use super::{Caller, begin};
use crate::coordinator::Running;
use crate::prompt::{say, synthetic};
use crate::{Engine, Error, Location};

/// Runs a task that the user gave, without asking the model: a message that holds one call of the task tool.
pub(crate) async fn run(
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
        is_durable: false,
    };
    let wanted = Task {
        description: task.description.clone(),
        prompt: task.prompt.clone(),
        subagent: task.agent.clone(),
        resume: None,
        command: task.command.clone(),
        background: false,
    };
    let result = match begin(engine, location, &caller, &wanted).await {
        Ok(prepared) => {
            work.show(location, &task.description, prepared.metadata.clone())
                .await?;
            prepared.finish(engine, location, &running.cancel).await
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
    let next = UserMessage {
        agent: user.agent.clone(),
        model: user.model.clone(),
        ..UserMessage::default()
    };
    let words = "Summarize the output of the task above, then go on with what you were doing.";
    say(location, session_id, next, vec![synthetic(words)]).await
}
