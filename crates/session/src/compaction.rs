//! Shortening a conversation: older messages give way to a summary (reference `agent-loop.md` §10).
//!
//! A request is a message of the user with a part of its own ([`request`]); the run of the session deals
//! with it ([`run`]): what is kept word by word ([`budget`]), the rest as text ([`transcript`]), one call of
//! the model for the summary or one for each of the [`pieces`] of it, and what the conversation goes on with.
//! What the user said stays beside the summary ([`kept`]).

pub(crate) mod budget;
pub(crate) mod kept;
pub(crate) mod pieces;
mod prune;
pub(crate) mod transcript;

use std::sync::Arc;

use opencode_catalog::Choice;
use opencode_config::environment::variable;
use opencode_plugin::Hook;
use opencode_schema::agent::Agent;
use opencode_schema::message::{MessageModel, UserMessage};
use opencode_schema::model::Model;
use opencode_schema::part::{CompactionPart, TextPart};
use opencode_schema::session::Session;
use opencode_schema::time::now;
use opencode_schema::{
    EventBody, MessageError, MessageId, MessageWithParts, Object, Part, PartBody, SessionId,
};
use opencode_store::Role;
use tokio_util::sync::CancellationToken;

pub(crate) use self::budget::Budget;
use self::budget::is_request;
pub(crate) use self::prune::prune;
use crate::coordinator::Running;
use crate::plugin::request::About;
use crate::plugin::{Hooks, Instructions};
use crate::prompt::say;
use crate::spending::Held;
use crate::step::{self, Billed, StepInput, Verdict};
use crate::{Engine, Error, Location, revert};

/// What a summary is to look like.
const PROMPT: &str = include_str!("compaction/prompt.md");
/// How it goes together with an earlier one.
const PRIOR: &str = include_str!("compaction/prior.md");
/// What the conversation goes on with when nobody asked for anything.
const GO_ON: &str = "Go on with the next step if there is one. If something is unclear, stop and ask.";
/// The same when attached files filled the context.
const TOO_LARGE: &str = "What was attached did not fit and is left out. Tell the user that files of this size \
    cannot be dealt with, and suggest smaller ones.";

/// Characters of a conversation that are summarised at once at least, however often they are refused.
const LEAST_PIECE: usize = 2_000;

impl Engine {
    /// Shortens a conversation and gives back when that is done. Where something runs, it is done after the
    /// step that goes on.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`]; no agent; the database failed.
    pub async fn summarize(
        &self,
        location: &Arc<Location>,
        session_id: &SessionId,
        model: Choice,
        automatic: bool,
    ) -> Result<(), Error> {
        let session = self.session(session_id).await?;
        revert::commit(location, &session).await?;
        let id = session_id.clone();
        let newest = location
            .store
            .read(move |view| view.newest_of(&id, Role::User))
            .await?;
        let of_last = newest.and_then(|message| message.as_user().map(|user| user.agent.clone()));
        let agent = match of_last {
            Some(agent) => agent,
            None => location.default_agent()?.name.clone(),
        };
        let model = MessageModel {
            provider_id: model.provider_id,
            model_id: model.model_id,
            variant: None,
        };
        request(location, session_id, agent, model, automatic, false).await?;
        self.run(location, session_id).await.map(drop)
    }
}

impl Location {
    /// What a model can take here.
    pub(crate) fn budget(&self, model: &Model) -> Budget<'_> {
        Budget::new(model, self.config.compaction.as_ref(), self.output_limit())
    }

    /// Tokens of an answer at most.
    pub(crate) fn output_limit(&self) -> u64 {
        self.environment
            .positive(variable::OUTPUT_TOKEN_MAX)
            .unwrap_or(opencode_catalog::request::OUTPUT_TOKEN_MAX)
    }
}

/// Stores the request to shorten a session.
pub(crate) async fn request(
    location: &Location,
    session_id: &SessionId,
    agent: String,
    model: MessageModel,
    auto: bool,
    overflow: bool,
) -> Result<(), Error> {
    let user = UserMessage {
        agent,
        model,
        ..UserMessage::default()
    };
    let part = PartBody::Compaction(CompactionPart {
        auto,
        overflow: overflow.then_some(true),
        tail_start_id: None,
    });
    say(location, session_id, user, vec![part]).await
}

/// A request that a run found.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) message: MessageWithParts,
    pub(crate) part: CompactionPart,
}

/// Deals with a request: `history` is what counts of the session, the request in it.
pub(crate) async fn run(
    engine: &Engine,
    location: &Arc<Location>,
    session_id: &SessionId,
    history: &[MessageWithParts],
    request: &Request,
    running: &Running,
) -> Result<Verdict, Error> {
    let Some(user) = request.message.info.as_user() else {
        return Ok(Verdict::Stop);
    };
    let agent = location.agent("compaction")?;
    let model = match &agent.model {
        Some(own) => location.catalog.model(&own.provider_id, &own.model_id)?,
        None => location
            .catalog
            .model(&user.model.provider_id, &user.model.model_id)?,
    };
    let before: Vec<&MessageWithParts> = history
        .iter()
        .take_while(|message| message.info.id != request.message.info.id)
        .collect();
    let (before, replayed) = if request.part.overflow == Some(true) {
        without_last_prompt(&before)
    } else {
        (before.as_slice(), None)
    };
    let prior = before.iter().rev().find(|message| is_summary(message)).copied();
    let plain: Vec<&MessageWithParts> = before
        .iter()
        .filter(|message| !is_request(message) && !is_summary(message))
        .copied()
        .collect();
    let tail_start = location.budget(&model).tail_start(&plain, &model);
    let (head, tail) = plain.split_at(tail_start);
    if let Some(first) = tail.first() {
        keep_from(location, request, &first.info.id).await?;
    }
    let wanted = location.hooks.compacting(session_id, &running.cancel).await?;
    let work = Work {
        wanted,
        engine,
        location,
        session: engine.session(session_id).await?,
        agent,
        model,
        request,
        user,
        running,
    };
    let text = match told(&location.hooks, head, &running.cancel).await {
        Ok(text) => text,
        Err(error) => {
            let error = MessageError::unknown(error.to_string());
            step::refuse(&work.step(None, Billed::default()), error).await?;
            return Ok(Verdict::Stop);
        }
    };
    let (agent_model, overflow) = (work.model.clone(), request.part.overflow == Some(true));
    if !Box::pin(work.summarise(text, prior)).await? {
        return Ok(Verdict::Stop);
    }
    if request.part.auto {
        match replayed {
            Some(prompt) => replay(location, session_id, prompt).await?,
            None => {
                let provider = location.catalog.provider(&agent_model.provider_id);
                let about = About {
                    session_id: session_id.as_str(),
                    agent: &user.agent,
                    model: &agent_model,
                    provider: provider.as_deref(),
                    message_id: request.message.info.id.as_str(),
                    user,
                };
                if location.hooks.goes_on(&about, overflow, &running.cancel).await? {
                    go_on(location, session_id, user, overflow).await?;
                }
            }
        }
    }
    let event = EventBody::SessionCompacted {
        session_id: session_id.clone(),
    };
    location.store.announce(event).await?;
    Ok(Verdict::Continue)
}

/// Making a summary.
struct Work<'a> {
    /// What plugins want of the summary.
    wanted: Instructions,
    engine: &'a Engine,
    location: &'a Arc<Location>,
    session: Session,
    agent: &'a Agent,
    model: Model,
    request: &'a Request,
    user: &'a UserMessage,
    running: &'a Running,
}

impl Work<'_> {
    /// Makes the summary of a text, which goes together with an earlier one. False when there is none. A text
    /// that is too long is summarised in pieces, which get smaller as long as the provider refuses them.
    async fn summarise(self, text: String, prior: Option<&MessageWithParts>) -> Result<bool, Error> {
        let mut billed = Billed::default();
        let mut held = None;
        let mut rest = text;
        let mut prior = prior.map(text_of).filter(|prior| !prior.is_empty());
        let mut room = self.location.budget(&self.model).question();
        loop {
            let mut pieces = pieces::split(&rest, room);
            let failed = self
                .pieces(&mut pieces, &mut prior, &mut billed, &mut held)
                .await?;
            let failed = match failed {
                None => self.refused().await?,
                failed => failed,
            };
            rest = pieces.concat();
            let is_too_long = match failed {
                Some(error) => {
                    let is_too_long = matches!(error, MessageError::ContextOverflow { .. });
                    if !(is_too_long && room > LEAST_PIECE) {
                        step::refuse(&self.step(None, billed), error).await?;
                        return Ok(false);
                    }
                    is_too_long
                }
                None => {
                    let asked = question(&rest, prior.as_deref(), &self.wanted);
                    let step = self.step(Some(asked), std::mem::take(&mut billed));
                    let outcome = Box::pin(step::run(step)).await?;
                    // It is stored now.
                    held = None;
                    if !outcome.failed {
                        return Ok(true);
                    }
                    outcome.overflowed
                }
            };
            let length = rest.chars().count();
            if !is_too_long || length <= LEAST_PIECE || self.running.cancel.is_cancelled() {
                return Ok(false);
            }
            room = (room.min(length) / 2).max(LEAST_PIECE);
        }
    }

    /// Summarises all pieces but the last, and leaves those that are still to do.
    async fn pieces(
        &self,
        pieces: &mut Vec<String>,
        prior: &mut Option<String>,
        billed: &mut Billed,
        held: &mut Option<Held>,
    ) -> Result<Option<MessageError>, Error> {
        let asker = pieces::Asker {
            engine: self.engine,
            location: self.location,
            session: &self.session,
            agent: self.agent,
            model: &self.model,
            user: self.user,
            request_id: self.request.message.info.id.as_str(),
            cancel: &self.running.cancel,
            wanted: &self.wanted,
        };
        while pieces.len() > 1 {
            if let Some(refused) = self.refused().await? {
                return Ok(Some(refused));
            }
            let asked = question(&pieces[0], prior.as_deref(), &self.wanted);
            let summary = asker.ask(&asked, billed).await;
            *held = Some(self.engine.inner.runs.hold(&self.session.id, billed.spent()));
            match summary {
                Ok(summary) => *prior = Some(summary),
                Err(error) => return Ok(Some(error)),
            }
            pieces.remove(0);
        }
        Ok(None)
    }

    /// Why the model is not asked, if a limit is reached by what was asked before.
    async fn refused(&self) -> Result<Option<MessageError>, Error> {
        let refused = self.engine.refused_spending(self.location, &self.session.id);
        Ok(refused.await?.map(MessageError::unknown))
    }

    fn step(&self, question: Option<String>, billed: Billed) -> StepInput<'_> {
        StepInput {
            engine: self.engine,
            location: self.location,
            session: self.session.clone(),
            agent: self.agent,
            model: self.model.clone(),
            user_id: self.request.message.info.id.clone(),
            user: self.user,
            history: &[],
            durable: None,
            summary_of: Some(question.unwrap_or_default()),
            billed,
            answer_tool: None,
            is_last: false,
            user_named_agent: false,
            known_tree: None,
            cancel: self.running.cancel.clone(),
        }
    }
}

/// The text of messages, as plugins want them to be told.
pub(crate) async fn told(
    hooks: &Hooks,
    messages: &[&MessageWithParts],
    cancel: &CancellationToken,
) -> Result<String, opencode_plugin::Error> {
    if !hooks.has(Hook::MessagesTransform) {
        return Ok(transcript::text(messages));
    }
    let all: Vec<MessageWithParts> = messages.iter().map(|message| (*message).clone()).collect();
    let changed = hooks.messages(&all, cancel).await?.unwrap_or(all);
    Ok(transcript::text(&changed.iter().collect::<Vec<_>>()))
}

/// The messages before the newest prompt of the user, and that prompt; all of them when nothing would be left
/// to summarise.
fn without_last_prompt<'a, 'b>(
    messages: &'a [&'b MessageWithParts],
) -> (&'a [&'b MessageWithParts], Option<&'b MessageWithParts>) {
    let is_prompt = |message: &&MessageWithParts| message.info.as_user().is_some() && !is_request(message);
    let Some(at) = messages.iter().rposition(is_prompt) else {
        return (messages, None);
    };
    if messages[..at].iter().any(is_prompt) {
        (&messages[..at], Some(messages[at]))
    } else {
        (messages, None)
    }
}

fn is_summary(message: &MessageWithParts) -> bool {
    message
        .info
        .as_assistant()
        .is_some_and(|one| one.summary == Some(true))
}

/// What the model is asked.
fn question(conversation: &str, prior: Option<&str>, wanted: &Instructions) -> String {
    let mut text = format!("<conversation>\n{conversation}\n</conversation>\n\n");
    if let Some(prior) = prior {
        text.push_str(&format!(
            "<prior-summary>\n{prior}\n</prior-summary>\n\n{PRIOR}\n"
        ));
    }
    match &wanted.prompt {
        Some(prompt) => text.push_str(prompt),
        None => {
            text.push_str(PROMPT.trim_end());
            for more in &wanted.context {
                text.push_str("\n\n");
                text.push_str(more);
            }
        }
    }
    text
}

/// The texts of a message.
fn text_of(message: &MessageWithParts) -> String {
    let texts = message.parts.iter().filter_map(|part| match &part.body {
        PartBody::Text(part) => Some(part.text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// The request says from which message on the conversation is kept word by word.
async fn keep_from(location: &Location, request: &Request, first: &MessageId) -> Result<(), Error> {
    let part = request.message.parts.iter().find_map(|part| match &part.body {
        PartBody::Compaction(body) => Some((part, body)),
        _ => None,
    });
    let Some((part, body)) = part else { return Ok(()) };
    let body = CompactionPart {
        tail_start_id: Some(first.clone()),
        ..body.clone()
    };
    let part = Part {
        body: PartBody::Compaction(body),
        ..part.clone()
    };
    let event = EventBody::PartUpdated {
        session_id: part.session_id.clone(),
        part: Box::new(part),
        time: now(),
    };
    Ok(location.store.publish(event).await?)
}

/// The prompt that did not fit is given again; pictures and the like are only named.
async fn replay(location: &Location, session_id: &SessionId, prompt: &MessageWithParts) -> Result<(), Error> {
    let Some(user) = prompt.info.as_user() else {
        return Ok(());
    };
    let user = UserMessage {
        summary: None,
        ..user.clone()
    };
    let parts = prompt.parts.iter().map(|part| match &part.body {
        PartBody::File(file) if is_media(&file.mime) => {
            let name = file.filename.as_deref().unwrap_or("file");
            PartBody::Text(TextPart {
                text: format!("[Attached {}: {name}]", file.mime),
                ..TextPart::default()
            })
        }
        body => body.clone(),
    });
    say(location, session_id, user, parts.collect()).await
}

fn is_media(mime: &str) -> bool {
    mime.starts_with("image/") || mime == "application/pdf"
}

async fn go_on(
    location: &Location,
    session_id: &SessionId,
    user: &UserMessage,
    overflow: bool,
) -> Result<(), Error> {
    let text = if overflow {
        format!("{TOO_LARGE}\n\n{GO_ON}")
    } else {
        GO_ON.to_owned()
    };
    let next = UserMessage {
        agent: user.agent.clone(),
        model: user.model.clone(),
        ..UserMessage::default()
    };
    let part = PartBody::Text(TextPart {
        text,
        synthetic: Some(true),
        metadata: Some(Object::from_iter([(
            "compaction_continue".to_owned(),
            true.into(),
        )])),
        ..TextPart::default()
    });
    say(location, session_id, next, vec![part]).await
}
