//! Command lines that the user runs in a session, without a model (reference `agent-loop.md` §15): a
//! message that says so, and an answer that holds the call of `bash` with what came out.

use std::sync::Arc;
use std::time::Duration;

use opencode_catalog::Choice;
use opencode_process::{Ending, Environment, Event, Running, ShellCommand};
use opencode_schema::id::call_id;
use opencode_schema::message::{AssistantMessage, MessageModel, MessagePath, UserMessage, UserTime};
use opencode_schema::part::{CompletedTime, Span, ToolPart};
use opencode_schema::session::Status;
use opencode_schema::time::now;
use opencode_schema::{
    EventBody, Message, MessageBody, MessageId, MessageWithParts, Object, Part, PartBody, PartId, SessionId,
    ToolState,
};
use opencode_tool::bash::Transcript;
use serde_json::json;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::prompt::synthetic;
use crate::{Engine, Error, Location, revert};

/// What stands in the place of the output of a command whose program ended before it did.
pub(crate) const INTERRUPTED: &str =
    "<metadata>\nInterrupted: the program ended while this ran, and what was printed is gone\n</metadata>";

/// How often what comes out is shown at most.
const SHOW_EVERY: Duration = Duration::from_millis(100);
/// What tells the model later where the call came from.
const NOTE: &str = "The user ran this command line in the session, without a model";

/// A command line of the user.
#[derive(Debug, Clone)]
pub struct UserCommand {
    /// The session.
    pub session_id: SessionId,
    /// The id that the user's message shall have.
    pub message_id: Option<MessageId>,
    /// The agent that the session has from then on.
    pub agent: String,
    /// The model that the messages name; without it that of the session.
    pub model: Option<Choice>,
    /// What is run.
    pub command: String,
}

impl Engine {
    /// Runs a command line of the user and gives the message that holds what came out. There is no time
    /// limit; [`Engine::abort`] stops it.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`]; [`Error::Busy`]; no such agent; no model.
    pub async fn shell(
        &self,
        location: &Arc<Location>,
        command: UserCommand,
    ) -> Result<MessageWithParts, Error> {
        let session = self.session(&command.session_id).await?;
        let agent = location.agent(&command.agent)?;
        let model = self
            .model_for(location, Some(&session), Some(&agent.name), command.model.clone())
            .await?;
        let (engine, place) = (self.clone(), Arc::clone(location));
        self.alone(location, &session.id.clone(), move |cancel| async move {
            revert::commit(&place, &session).await?;
            let shell = Shell::new(&place, &command, &model);
            shell.run(&engine, &place, &command.command, &cancel).await
        })
        .await
    }
}

/// The messages of a command line while it runs.
struct Shell {
    user: MessageWithParts,
    answer: Message,
    part: Part,
    input: serde_json::Value,
    start: i64,
}

impl Shell {
    fn new(location: &Location, command: &UserCommand, model: &Choice) -> Self {
        let start = now();
        let session_id = &command.session_id;
        let user = Message {
            id: command.message_id.clone().unwrap_or_default(),
            session_id: session_id.clone(),
            body: MessageBody::User(Box::new(UserMessage {
                time: UserTime { created: start },
                agent: command.agent.clone(),
                model: MessageModel {
                    provider_id: model.provider_id.clone(),
                    model_id: model.model_id.clone(),
                    variant: None,
                },
                ..UserMessage::default()
            })),
        };
        let mut assistant = AssistantMessage {
            parent_id: user.id.clone(),
            model_id: model.model_id.clone(),
            provider_id: model.provider_id.clone(),
            mode: command.agent.clone(),
            agent: command.agent.clone(),
            path: MessagePath {
                cwd: location.directory_text(),
                root: location.worktree.to_string_lossy().into_owned(),
            },
            ..AssistantMessage::default()
        };
        assistant.time.created = start;
        let answer = Message {
            id: MessageId::new(),
            session_id: session_id.clone(),
            body: MessageBody::Assistant(Box::new(assistant)),
        };
        let input = json!({ "command": command.command });
        let part = |message: &Message, body| Part {
            id: PartId::new(),
            session_id: session_id.clone(),
            message_id: message.id.clone(),
            body,
        };
        let note = part(&user, synthetic(NOTE));
        let call = PartBody::Tool(ToolPart {
            call_id: call_id(),
            tool: "bash".to_owned(),
            state: ToolState::Running {
                input: input.clone(),
                title: None,
                metadata: None,
                time: Span { start, end: None },
            },
            metadata: None,
        });
        Self {
            part: part(&answer, call),
            user: MessageWithParts {
                info: user,
                parts: vec![note],
            },
            answer,
            input,
            start,
        }
    }

    async fn run(
        mut self,
        engine: &Engine,
        location: &Arc<Location>,
        command: &str,
        cancel: &CancellationToken,
    ) -> Result<MessageWithParts, Error> {
        let session_id = self.answer.session_id.clone();
        engine.tell_status(location, &session_id, Status::Busy).await?;
        let begun = async {
            self.begin(location).await?;
            self.store(location).await
        };
        if let Err(error) = begun.await {
            engine.tell_idle(location, &session_id).await?;
            return Err(error);
        }
        let state = self.execute(location, command, cancel).await;
        self.set(state);
        if let MessageBody::Assistant(assistant) = &mut self.answer.body {
            assistant.time.completed = Some(now());
        }
        let stored = self.store(location).await;
        engine.tell_idle(location, &session_id).await?;
        stored?;
        Ok(MessageWithParts {
            info: self.answer,
            parts: vec![self.part],
        })
    }

    async fn begin(&self, location: &Location) -> Result<(), Error> {
        let MessageWithParts { info, parts } = self.user.clone();
        let begun = location.store.write(move |transaction| {
            let id = info.session_id.clone();
            transaction.publish(EventBody::MessageUpdated {
                session_id: id.clone(),
                info: Box::new(info),
            })?;
            for part in parts {
                transaction.publish(EventBody::PartUpdated {
                    session_id: id.clone(),
                    part: Box::new(part),
                    time: now(),
                })?;
            }
            Ok(())
        });
        Ok(begun.await?)
    }

    async fn store(&self, location: &Location) -> Result<(), Error> {
        let (message, part) = (self.answer.clone(), self.part.clone());
        let stored = location.store.write(move |transaction| {
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
        });
        Ok(stored.await?)
    }

    fn set(&mut self, state: ToolState) {
        if let PartBody::Tool(part) = &mut self.part.body {
            part.state = state;
        }
    }

    async fn execute(&mut self, location: &Location, command: &str, cancel: &CancellationToken) -> ToolState {
        let call_id = match &self.part.body {
            PartBody::Tool(part) => part.call_id.as_str(),
            _ => "",
        };
        let of = Some((&self.answer.session_id, call_id));
        let mut running = match start(location, of, command, cancel).await {
            Ok(running) => running,
            Err(reason) => return self.failed(reason),
        };
        let mut transcript = Transcript::new(&location.truncation);
        let (mut show_at, mut fresh) = (Instant::now(), false);
        let ending = loop {
            let event = tokio::select! {
                event = running.next() => Some(event),
                () = sleep_until(show_at), if fresh => None,
            };
            match event {
                Some(Event::Output(bytes)) => {
                    transcript.push(&bytes).await;
                    fresh = true;
                }
                Some(Event::Ended(ending)) => break ending,
                None => {}
            }
            if fresh && show_at <= Instant::now() {
                self.show(location, transcript.preview()).await;
                fresh = false;
                show_at = Instant::now() + SHOW_EVERY;
            }
        };
        let output = printed(transcript, ending).await;
        ToolState::Completed {
            input: self.input.clone(),
            metadata: metadata(output.clone()),
            output,
            title: String::new(),
            time: CompletedTime {
                start: self.start,
                end: now(),
                compacted: None,
            },
            attachments: None,
        }
    }

    fn failed(&self, error: String) -> ToolState {
        ToolState::Error {
            input: self.input.clone(),
            error,
            metadata: None,
            time: Span {
                start: self.start,
                end: Some(now()),
            },
        }
    }

    /// Shows what came out so far; it is stored when all is there.
    async fn show(&mut self, location: &Location, output: String) {
        self.set(ToolState::Running {
            input: self.input.clone(),
            title: None,
            metadata: Some(metadata(output)),
            time: Span {
                start: self.start,
                end: None,
            },
        });
        let event = EventBody::PartUpdated {
            session_id: self.part.session_id.clone(),
            part: Box::new(self.part.clone()),
            time: now(),
        };
        if let Err(error) = location.store.announce(event).await {
            tracing::debug!(%error, "output of a command could not be shown");
        }
    }
}

/// Starts a command line as the user would.
async fn start(
    location: &Location,
    of: Option<(&SessionId, &str)>,
    command: &str,
    cancel: &CancellationToken,
) -> Result<Running, String> {
    let mut environment = Environment::default();
    let variables = location.hooks.variables(&location.directory, of, cancel).await;
    for (name, value) in variables.map_err(|error| error.to_string())? {
        environment.set(name, value);
    }
    environment.set("TERM", "dumb");
    let started = ShellCommand {
        shell: location.user_shell(),
        command: command.to_owned(),
        directory: location.directory.clone(),
        environment,
        as_user: true,
        sandbox: None,
        input: false,
        timeout: None,
        cancel: cancel.clone(),
    }
    .start();
    started.map_err(|error| error.to_string())
}

/// What a command that has ended printed.
async fn printed(mut transcript: Transcript<'_>, ending: Ending) -> String {
    transcript.close().await;
    let mut output = transcript.finish().await.told();
    if ending == Ending::Cancelled {
        output.push_str("\n\n<metadata>\nUser aborted the command\n</metadata>");
    }
    output
}

/// Runs a command line of the user until it ends, and gives what it printed, or why it was not run.
pub(crate) async fn run_to_end(
    location: &Location,
    of: (&SessionId, &str),
    command: &str,
    cancel: &CancellationToken,
) -> Result<String, String> {
    let mut running = start(location, Some(of), command, cancel).await?;
    let mut transcript = Transcript::new(&location.truncation);
    let ending = loop {
        match running.next().await {
            Event::Output(bytes) => transcript.push(&bytes).await,
            Event::Ended(ending) => break ending,
        }
    };
    Ok(printed(transcript, ending).await)
}

fn metadata(output: String) -> Object {
    Object::from_iter([("output".to_owned(), output.into())])
}
