//! Commands: prompts with a name that are filled with arguments, with what command lines print and with the
//! files that they mention (reference `agents-commands-permissions.md` §3.1, `agent-loop.md` §14).

mod template;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use opencode_catalog::Choice;
use opencode_config::command::INIT;
use opencode_process::Program;
use opencode_schema::agent::{Agent, AgentModel, Mode};
use opencode_schema::command::Command;
use opencode_schema::input::{PartInput, PartInputBody};
use opencode_schema::part::{AgentPart, FilePart, SubtaskModel, SubtaskPart};
use opencode_schema::project::Project;
use opencode_schema::session::Session;
use opencode_schema::time::now;
use opencode_schema::{EventBody, MessageId, MessageWithParts, SessionId};
use tokio::task::JoinHandle;
use url::Url;

use crate::prompt::Prompt;
use crate::{Engine, Error, Location};

/// How long a command line in a template may take.
const SHELL_LIMIT: Duration = Duration::from_secs(120);
/// Bytes of its output that are taken.
const OUTPUT_LIMIT: usize = 1 << 20;

/// A command that a user gives.
#[derive(Debug, Clone)]
pub struct CommandCall {
    /// The session.
    pub session_id: SessionId,
    /// The name of the command.
    pub command: String,
    /// What it is given.
    pub arguments: String,
    /// The id that the message shall have.
    pub message_id: Option<MessageId>,
    /// The agent, where the command does not say.
    pub agent: Option<String>,
    /// The model, where neither the command nor its agent say.
    pub model: Option<Choice>,
    /// Named set of options of the model, where the command does not say.
    pub variant: Option<String>,
    /// Files beside it.
    pub parts: Vec<PartInput>,
}

impl Engine {
    /// Gives a command to a session and runs it until it has nothing more to do. It is work of the engine's
    /// own: it goes on when nobody waits for it.
    pub fn begin_command(
        &self,
        location: &Arc<Location>,
        call: CommandCall,
    ) -> JoinHandle<Result<MessageWithParts, Error>> {
        let (engine, location) = (self.clone(), Arc::clone(location));
        self.inner.tasks.spawn(async move {
            let session_id = call.session_id.clone();
            let prepared = async {
                let mut prompt = prepare(&engine, &location, &call).await?;
                let (name, arguments) = (call.command.as_str(), call.arguments.as_str());
                let (parts, ending) = (prompt.parts, &engine.inner.housekeeping);
                let asked = location
                    .hooks
                    .command(&session_id, name, arguments, parts, ending);
                prompt.parts = asked.await?;
                Ok(prompt)
            };
            let prompt = match prepared.await {
                Ok(prompt) => prompt,
                Err(error) => {
                    engine.tell_failure(&location, &session_id, &error).await;
                    return Err(error);
                }
            };
            let answer = engine.prompt(&location, prompt).await?;
            executed(&engine, &location, &call, &answer).await?;
            Ok(answer)
        })
    }
}

/// The prompt that a command becomes.
async fn prepare(engine: &Engine, location: &Arc<Location>, call: &CommandCall) -> Result<Prompt, Error> {
    let session = engine.session(&call.session_id).await?;
    let command = &location.current_command(&call.command).await?;
    let chosen = command.agent.as_deref().or(call.agent.as_deref());
    let agent = match chosen {
        Some(name) => location.agent(name)?,
        None => location.default_agent()?,
    };
    let text = template::filled(&command.template, &call.arguments);
    let text = run_embedded(location, &text).await.trim().to_owned();
    let mut prompt = Prompt::new(call.session_id.clone(), Vec::new());
    prompt.message_id.clone_from(&call.message_id);
    let is_subtask = match command.subtask {
        Some(is_subtask) => is_subtask,
        None => agent.mode == Mode::Subagent,
    };
    if is_subtask {
        // The task is the agent's; the message around it is that of the session.
        prompt.agent.clone_from(&call.agent);
        prompt.model.clone_from(&call.model);
        prompt.variant.clone_from(&call.variant);
        let task = subtask(engine, location, &session, command, agent, call, text).await?;
        prompt.parts.push(PartInput {
            id: None,
            body: PartInputBody::Subtask(task),
        });
        return Ok(prompt);
    }
    prompt.agent = Some(agent.name.clone());
    prompt.model = model_of(location, command).or_else(|| call.model.clone());
    prompt.variant = command.variant.clone().or_else(|| call.variant.clone());
    let mentioned = mentioned(location, &text).await;
    prompt.parts.push(PartInput::text(text));
    prompt.parts.extend(mentioned);
    prompt.parts.extend(call.parts.iter().cloned());
    Ok(prompt)
}

/// The model that a command asks for, itself or through its agent.
fn model_of(location: &Location, command: &Command) -> Option<Choice> {
    let own = command.model.as_deref().map(AgentModel::parse);
    let of_agent = || {
        let agent = location.agents.get(command.agent.as_deref()?)?;
        agent.model.clone()
    };
    own.or_else(of_agent).map(|model| Choice {
        provider_id: model.provider_id,
        model_id: model.model_id,
    })
}

async fn subtask(
    engine: &Engine,
    location: &Arc<Location>,
    session: &Session,
    command: &Command,
    agent: &Agent,
    call: &CommandCall,
    prompt: String,
) -> Result<SubtaskPart, Error> {
    let model = match model_of(location, command) {
        Some(model) => model,
        None => {
            engine
                .model_for(location, Some(session), call.agent.as_deref(), call.model.clone())
                .await?
        }
    };
    Ok(SubtaskPart {
        prompt,
        description: command.description.clone().unwrap_or_default(),
        agent: agent.name.clone(),
        model: Some(SubtaskModel {
            provider_id: model.provider_id,
            model_id: model.model_id,
        }),
        command: Some(command.name.clone()),
    })
}

/// The text with what its command lines print in their place. One that fails prints what it prints.
async fn run_embedded(location: &Location, text: &str) -> String {
    let embedded = template::embedded(text);
    let shell = location.shell();
    let outputs = join_all(embedded.iter().map(|one| {
        let program = Program::new(&shell)
            .args(["-c", one.command.as_str()])
            .directory(&location.directory)
            .timeout(SHELL_LIMIT)
            .limit(OUTPUT_LIMIT);
        async move {
            match program.run().await {
                Ok(finished) => finished.text(),
                Err(error) => {
                    tracing::warn!(%error, "a command line of a template failed");
                    String::new()
                }
            }
        }
    }))
    .await;
    let mut filled = String::with_capacity(text.len());
    let mut at = 0;
    for (one, output) in embedded.iter().zip(outputs) {
        filled.push_str(&text[at..one.range.start]);
        filled.push_str(&output);
        at = one.range.end;
    }
    filled.push_str(&text[at..]);
    filled
}

/// What a text mentions: files and folders of the worktree, else agents.
pub(crate) async fn mentioned(location: &Location, text: &str) -> Vec<PartInput> {
    let mut parts = Vec::new();
    for name in template::mentions(text) {
        let path = match name.strip_prefix("~/") {
            Some(below) => location.paths.home.join(below),
            None => opencode_project::path::absolute(&location.worktree, &name),
        };
        match tokio::fs::metadata(&path).await {
            Ok(metadata) => parts.extend(file(name, &path, metadata.is_dir())),
            Err(_) if location.agents.contains_key(&name) => parts.push(PartInput {
                id: None,
                body: PartInputBody::Agent(AgentPart { name, source: None }),
            }),
            Err(_) => {}
        }
    }
    parts
}

fn file(name: String, path: &PathBuf, is_folder: bool) -> Option<PartInput> {
    let mime = if is_folder {
        "application/x-directory"
    } else {
        "text/plain"
    };
    Some(PartInput::file(FilePart {
        mime: mime.to_owned(),
        filename: Some(name),
        url: Url::from_file_path(path).ok()?.to_string(),
        source: None,
    }))
}

/// Tells that a command was answered; `init` marks its project.
async fn executed(
    engine: &Engine,
    location: &Location,
    call: &CommandCall,
    answer: &MessageWithParts,
) -> Result<(), Error> {
    let event = EventBody::CommandExecuted {
        name: call.command.clone(),
        session_id: call.session_id.clone(),
        arguments: call.arguments.clone(),
        message_id: answer.info.id.clone(),
    };
    location.store.announce(event).await?;
    if call.command == INIT {
        let mark = |project: &mut Project| project.time.initialized = Some(now());
        engine.rewrite_project(&location.project_id, mark).await?;
    }
    Ok(())
}
