//! A prompt becomes a message of the session (reference `agent-loop.md` §1–2).

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use indexmap::IndexMap;
use opencode_catalog::Choice;
use opencode_schema::agent::Agent;
use opencode_schema::input::{PartInput, PartInputBody};
use opencode_schema::message::{MessageModel, OutputFormat, UserMessage, UserTime};
use opencode_schema::part::{AgentPart, TextPart};
use opencode_schema::permission::{Action, Rule};
use opencode_schema::session::{Session, SessionModel};
use opencode_schema::time::now;
use opencode_schema::{
    EventBody, Message, MessageBody, MessageError, MessageId, MessageWithParts, Part, PartBody, PartId,
    SessionId,
};

use opencode_store::Role;

use tokio::task::JoinHandle;

use crate::plugin::Said;
use crate::{Engine, Error, Location, attachment, revert};

/// The variant of a session whose user chose none.
pub(crate) const DEFAULT_VARIANT: &str = "default";

/// Attachments that are read at the same time.
const RESOLVED_AT_ONCE: usize = 8;

/// What a user wants of a session.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The session.
    pub session_id: SessionId,
    /// The id that the message shall have.
    pub message_id: Option<MessageId>,
    /// The model that shall answer.
    pub model: Option<Choice>,
    /// The agent that shall answer.
    pub agent: Option<String>,
    /// Named set of options of the model.
    pub variant: Option<String>,
    /// Added to the system prompt.
    pub system: Option<String>,
    /// Tools on and off; replaces the rules of the session (deprecated).
    pub tools: Option<IndexMap<String, bool>>,
    /// The wanted form of the answer.
    pub format: Option<OutputFormat>,
    /// The message is stored and nobody answers.
    pub no_reply: bool,
    /// What is said.
    pub parts: Vec<PartInput>,
}

impl Prompt {
    /// A prompt of these parts with everything else left to the session.
    #[must_use]
    pub fn new(session_id: SessionId, parts: Vec<PartInput>) -> Self {
        Self {
            session_id,
            message_id: None,
            model: None,
            agent: None,
            variant: None,
            system: None,
            tools: None,
            format: None,
            no_reply: false,
            parts,
        }
    }

    /// A prompt of the program's own: it tells a session something that came up meanwhile.
    pub(crate) fn notice(session_id: SessionId, text: String) -> Self {
        let text = TextPart {
            text,
            synthetic: Some(true),
            ..TextPart::default()
        };
        let body = PartInputBody::Text(text);
        Self::new(session_id, vec![PartInput { id: None, body }])
    }
}

impl Engine {
    /// Stores a prompt and runs the session until it has nothing more to do.
    ///
    /// Gives the last message that is not the user's (or the prompt itself with [`Prompt::no_reply`]).
    /// What goes wrong in a turn is in that message, and in the events.
    ///
    /// # Errors
    /// The prompt cannot be stored: no such session, no such agent, no model, the database failed.
    pub async fn prompt(&self, location: &Arc<Location>, prompt: Prompt) -> Result<MessageWithParts, Error> {
        let session_id = prompt.session_id.clone();
        let no_reply = prompt.no_reply;
        let location = &self.refreshed(location).await;
        self.settle_lost_jobs(Some(&session_id)).await;
        let stored = match self.admit(location, prompt).await {
            Ok(stored) => stored,
            Err(error) => {
                self.tell_failure(location, &session_id, &error).await;
                return Err(error);
            }
        };
        if no_reply {
            return Ok(stored);
        }
        let answer = self.run(location, &session_id).await?;
        Ok(answer.unwrap_or(stored))
    }

    /// Stores a prompt that nobody answers yet.
    pub(crate) async fn store_prompt(&self, location: &Arc<Location>, prompt: Prompt) -> Result<(), Error> {
        let location = self.refreshed(location).await;
        self.admit(&location, prompt).await.map(drop)
    }

    /// [`Engine::prompt`] as work of the engine's own: it goes on when nobody waits for it, and the end of the
    /// program knows of it.
    pub fn begin_prompt(
        &self,
        location: &Arc<Location>,
        prompt: Prompt,
    ) -> JoinHandle<Result<MessageWithParts, Error>> {
        let (engine, location) = (self.clone(), Arc::clone(location));
        let work = async move { engine.prompt(&location, prompt).await };
        self.inner.tasks.spawn(work)
    }

    /// A prompt that could not be stored is told to those who listen; a session that does not exist has
    /// nobody who listens.
    pub(crate) async fn tell_failure(&self, location: &Location, session_id: &SessionId, error: &Error) {
        if matches!(error, Error::SessionNotFound(_)) {
            return;
        }
        let event = EventBody::SessionError {
            session_id: Some(session_id.clone()),
            error: Some(MessageError::unknown(error.to_string())),
        };
        if let Err(error) = location.store.announce(event).await {
            tracing::debug!(%error, "a failed prompt could not be told");
        }
    }

    /// Stores the message of a prompt.
    async fn admit(&self, location: &Arc<Location>, prompt: Prompt) -> Result<MessageWithParts, Error> {
        let session = self.session(&prompt.session_id).await?;
        revert::commit(location, &session).await?;
        let agent = match &prompt.agent {
            Some(name) => location.agent(name)?,
            None => location.default_agent()?,
        };
        let model = self
            .choose_model(location, Some(&session), agent, prompt.model.clone())
            .await?;
        let variant = choose_variant(location, agent, &model, prompt.variant.as_deref());
        let message_id = prompt.message_id;
        let message = Message {
            id: message_id.clone().unwrap_or_default(),
            session_id: session.id.clone(),
            body: MessageBody::User(Box::new(UserMessage {
                time: UserTime { created: now() },
                agent: agent.name.clone(),
                model: MessageModel {
                    provider_id: model.provider_id.clone(),
                    model_id: model.model_id.clone(),
                    variant: variant.clone(),
                },
                system: prompt.system,
                format: prompt.format,
                tools: prompt.tools.clone(),
                ..UserMessage::default()
            })),
        };
        let parts = resolve_parts(location, agent, &message, prompt.parts).await?;
        remember_choice(location, &session, agent, &model, variant.as_deref()).await?;
        let said = Said {
            session_id: &session.id,
            agent: prompt.agent.as_deref(),
            model: prompt.model.as_ref(),
            message_id: message_id.as_ref(),
            variant: prompt.variant.as_deref(),
        };
        let stored = MessageWithParts { info: message, parts };
        let ending = &self.inner.housekeeping;
        let stored = location.hooks.chat_message(said, stored, ending).await?;
        let (to_store, id, tools) = (stored.clone(), session.id.clone(), prompt.tools);
        location
            .store
            .write(move |transaction| {
                let MessageWithParts { info, parts } = to_store;
                transaction.publish(EventBody::MessageUpdated {
                    session_id: id.clone(),
                    info: Box::new(info),
                })?;
                for part in parts {
                    let time = now();
                    transaction.publish(EventBody::PartUpdated {
                        session_id: id.clone(),
                        part: Box::new(part),
                        time,
                    })?;
                }
                transaction.update_session(&id, |session| {
                    session.time.updated = now();
                    if let Some(tools) = tools.filter(|tools| !tools.is_empty()) {
                        session.permission = Some(tool_rules(&tools));
                    }
                })
            })
            .await?;
        Ok(stored)
    }

    /// The model that a prompt to a session (or a new one) would be answered by; whether it can be used is
    /// not looked at.
    ///
    /// # Errors
    /// No such agent; nothing to choose from; the database failed.
    pub async fn model_for(
        &self,
        location: &Location,
        session: Option<&Session>,
        agent: Option<&str>,
        wanted: Option<Choice>,
    ) -> Result<Choice, Error> {
        let agent = match agent {
            Some(name) => location.agent(name)?,
            None => location.default_agent()?,
        };
        self.choose_model(location, session, agent, wanted).await
    }

    /// The model of a prompt: the wanted one, else the agent's, else that of the session, else that of its
    /// last message, else the default.
    async fn choose_model(
        &self,
        location: &Location,
        session: Option<&Session>,
        agent: &Agent,
        wanted: Option<Choice>,
    ) -> Result<Choice, Error> {
        if let Some(wanted) = wanted {
            return Ok(wanted);
        }
        if let Some(model) = &agent.model {
            return Ok(Choice {
                provider_id: model.provider_id.clone(),
                model_id: model.model_id.clone(),
            });
        }
        let Some(session) = session else {
            return Ok(location.catalog.default_model()?);
        };
        if let Some(model) = &session.model {
            return Ok(Choice {
                provider_id: model.provider_id.clone(),
                model_id: model.id.clone(),
            });
        }
        let id = session.id.clone();
        let last = self.inner.store.read(move |view| {
            let newest = view.newest_of(&id, Role::User)?;
            Ok(newest.and_then(|message| message.as_user().map(|user| user.model.clone())))
        });
        match last.await? {
            Some(model) => Ok(Choice {
                provider_id: model.provider_id,
                model_id: model.model_id,
            }),
            None => Ok(location.catalog.default_model()?),
        }
    }
}

/// The variant of a prompt: the wanted one, else the agent's if the model is the agent's and has it.
fn choose_variant(
    location: &Location,
    agent: &Agent,
    model: &Choice,
    wanted: Option<&str>,
) -> Option<String> {
    if let Some(wanted) = wanted {
        return Some(wanted.to_owned());
    }
    let own = agent.model.as_ref()?;
    if own.provider_id != model.provider_id || own.model_id != model.model_id {
        return None;
    }
    let variant = agent.variant.as_ref()?;
    let model = location.catalog.model(&model.provider_id, &model.model_id).ok()?;
    model
        .variants
        .is_some_and(|variants| variants.contains_key(variant))
        .then(|| variant.clone())
}

/// The session remembers who answers in it.
async fn remember_choice(
    location: &Location,
    session: &Session,
    agent: &Agent,
    model: &Choice,
    variant: Option<&str>,
) -> Result<(), Error> {
    let chosen = SessionModel {
        id: model.model_id.clone(),
        provider_id: model.provider_id.clone(),
        variant: Some(variant.unwrap_or(DEFAULT_VARIANT).to_owned()),
    };
    if session.agent.as_deref() == Some(&agent.name) && session.model.as_ref() == Some(&chosen) {
        return Ok(());
    }
    let (id, agent) = (session.id.clone(), agent.name.clone());
    location
        .store
        .write(move |transaction| {
            transaction.update_session(&id, |session| {
                session.agent = Some(agent);
                session.model = Some(chosen);
                session.time.updated = now();
            })
        })
        .await?;
    Ok(())
}

fn tool_rules(tools: &IndexMap<String, bool>) -> Vec<Rule> {
    tools
        .iter()
        .map(|(tool, on)| Rule::new(tool, "*", if *on { Action::Allow } else { Action::Deny }))
        .collect()
}

/// The parts of a message as they are stored: what is attached is read, all of it at the same time, and what is
/// mentioned explained.
async fn resolve_parts(
    location: &Arc<Location>,
    agent: &Agent,
    message: &Message,
    inputs: Vec<PartInput>,
) -> Result<Vec<Part>, Error> {
    let resolved = inputs.into_iter().map(|input| async move {
        Ok::<_, Error>(match input.body {
            PartInputBody::File(file) => {
                attachment::resolve(location, &message.session_id, input.id, file).await?
            }
            PartInputBody::Agent(mentioned) => {
                let hint = synthetic(mention_hint(&mentioned, agent));
                vec![(input.id, PartBody::Agent(mentioned)), (None, hint)]
            }
            body @ (PartInputBody::Text(_) | PartInputBody::Subtask(_)) => vec![(input.id, body.into())],
        })
    });
    let bodies: Vec<Vec<(Option<PartId>, PartBody)>> = stream::iter(resolved)
        .buffered(RESOLVED_AT_ONCE)
        .try_collect()
        .await?;
    let part = |(id, body): (Option<PartId>, PartBody)| Part {
        id: id.unwrap_or_else(PartId::new),
        session_id: message.session_id.clone(),
        message_id: message.id.clone(),
        body,
    };
    Ok(bodies.into_iter().flatten().map(part).collect())
}

/// Stores a message as if the user had said it now.
pub(crate) async fn say(
    location: &Location,
    session_id: &SessionId,
    mut user: UserMessage,
    parts: Vec<PartBody>,
) -> Result<(), Error> {
    user.time = UserTime { created: now() };
    let message = Message {
        id: MessageId::new(),
        session_id: session_id.clone(),
        body: MessageBody::User(Box::new(user)),
    };
    let id = session_id.clone();
    let stored = location.store.write(move |transaction| {
        let message_id = message.id.clone();
        transaction.publish(EventBody::MessageUpdated {
            session_id: id.clone(),
            info: Box::new(message),
        })?;
        for body in parts {
            let part = Part {
                id: PartId::new(),
                session_id: id.clone(),
                message_id: message_id.clone(),
                body,
            };
            transaction.publish(EventBody::PartUpdated {
                session_id: id.clone(),
                part: Box::new(part),
                time: now(),
            })?;
        }
        Ok(())
    });
    Ok(stored.await?)
}

/// A text of the program in a user's message.
pub(crate) fn synthetic(text: impl Into<String>) -> PartBody {
    PartBody::Text(TextPart {
        text: text.into(),
        synthetic: Some(true),
        ..TextPart::default()
    })
}

fn mention_hint(mentioned: &AgentPart, agent: &Agent) -> String {
    let name = &mentioned.name;
    let denied = opencode_permission::rules::evaluate("task", name, &[&agent.permission]) == Action::Deny;
    let sure = if denied {
        " The user named it, so it exists and may be used."
    } else {
        ""
    };
    format!(
        "Use the message and the context above to write a prompt, and give it to the subagent «{name}» with the task tool.{sure}"
    )
}
