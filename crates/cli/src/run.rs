//! `opencode run` (reference `cli.md` §3): a prompt, shown while it is worked on.

mod growing;
pub(crate) mod message;
mod remote;
pub(crate) mod show;
mod tool_line;

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_catalog::Choice;
use opencode_schema::agent::Mode;
use opencode_schema::permission::{Action, Reply, Request, Rule, Ruleset};
use opencode_schema::session::Status;
use opencode_schema::{EventBody, MessageError, MessageWithParts, Session, SessionId};
use opencode_session::{CommandCall, Engine, Error, Location, NewSession, Prompt};
use opencode_store::{SessionFilter, Subscription};
use tokio_util::sync::CancellationToken;

use crate::arguments::{Format, Run};
use crate::context::Context;
use crate::failure::Failure;
use crate::{provider_help, signals};
use show::Show;

/// Sends a message and shows what comes of it.
pub(crate) async fn run(context: &Context, arguments: Run) -> Result<(), Failure> {
    arguments.continued.check()?;
    if let Some(url) = arguments.attach.clone() {
        if arguments.max_cost.is_some() {
            return Err(Failure::told(
                "--max-cost does not go together with --attach: set limits.cost.run in the configuration of the server",
            ));
        }
        return remote::run(context, arguments, &url).await;
    }
    let directory = working_directory(context, &arguments)?;
    let message = message::read(&arguments, &directory, message::attach)?;
    let engine = context.engine().await?;
    if let Some(dollars) = arguments.max_cost {
        engine.cap_runs(dollars);
    }
    let location = engine.location(&directory).await?;
    location
        .warnings
        .iter()
        .for_each(|warning| context.output.warning(warning));
    let model = arguments.model.as_deref().map(Choice::parse);
    let found = session(&engine, &location, &arguments).await?;
    let agent = agent(context, &location, arguments.agent.as_deref());
    let wanted = engine.model_for(&location, found.as_ref(), agent.as_deref(), model.clone());
    check_model(context, &location, &arguments, wanted.await).await?;
    let session = match found {
        Some(session) => session,
        None => new_session(&engine, &location, title(&arguments, &message.text)).await?,
    };
    if arguments.share {
        let shared = engine.share_session(&location, &session.id).await?;
        said_where(context, &shared);
    }
    let (id, session_id) = (session.id.clone(), session.id.clone());
    let watch = Watch::new(context, &arguments, &engine, &location, session.id);
    let stop = CancellationToken::new();
    // As long as the program runs: the second signal ends it, whatever it waits for.
    let signals = tokio::spawn(signals::wait(stop.clone()));
    let events = engine.subscribe();
    let work = match &arguments.command {
        Some(command) => {
            let call = CommandCall {
                session_id: id,
                command: command.clone(),
                arguments: message.text,
                message_id: None,
                agent,
                model,
                variant: arguments.variant.clone(),
                parts: message.parts,
            };
            let begun = engine.begin_command(&location, call);
            async move { begun.await.map_err(|error| Error::Broken(error.to_string()))? }.boxed()
        }
        None => {
            let mut prompt = Prompt::new(id, message.parts);
            prompt.model = model;
            prompt.agent = agent;
            prompt.variant = arguments.variant.clone();
            engine.prompt(&location, prompt).boxed()
        }
    };
    // Tasks in the background are told to the session, which then answers once more.
    let work = async {
        let answer = work.await;
        engine.tasks_ended(&session_id).await;
        answer
    };
    let watched = watch.work(work.boxed(), events, stop).await;
    engine.shutdown().await;
    signals.abort();
    watched
}

/// Says where a session can be seen.
fn said_where(context: &Context, session: &Session) {
    if let Some(share) = &session.share {
        context.output.say(format_args!("~  {}", share.url));
    }
}

fn working_directory(context: &Context, arguments: &Run) -> Result<PathBuf, Failure> {
    let here = context.directory()?;
    let Some(wanted) = &arguments.dir else {
        return Ok(here);
    };
    let directory = opencode_project::path::absolute(&here, &wanted.to_string_lossy());
    if directory.is_dir() {
        return Ok(directory);
    }
    Err(Failure::told(format!(
        "Failed to change directory to {}",
        wanted.display()
    )))
}

/// The session that is continued, if one is: the one that is named, the last one of the folder, or a copy
/// of it.
async fn session(engine: &Engine, location: &Location, arguments: &Run) -> Result<Option<Session>, Failure> {
    let missing = || Failure::told("Session not found");
    let found = if let Some(id) = &arguments.continued.session {
        let id = SessionId::parse(id.as_str()).map_err(|_| missing())?;
        Some(engine.session(&id).await.map_err(|error| match error {
            opencode_session::Error::SessionNotFound(_) => missing(),
            other => other.into(),
        })?)
    } else if arguments.continued.continue_last {
        let filter = SessionFilter {
            project_id: Some(location.project_id.clone()),
            directory: Some(location.directory_text()),
            roots: true,
            limit: Some(1),
            ..SessionFilter::default()
        };
        engine.sessions(filter).await?.pop()
    } else {
        None
    };
    match found {
        Some(session) if arguments.continued.fork => {
            Ok(Some(engine.fork_session(location, &session.id, None).await?))
        }
        found => Ok(found),
    }
}

/// Parity: cli.md §3.3, nobody sits there to answer questions or to approve plans.
fn denied() -> Ruleset {
    ["question", "plan_enter", "plan_exit"]
        .map(|name| Rule::new(name, "*", Action::Deny))
        .into()
}

async fn new_session(
    engine: &Engine,
    location: &Arc<Location>,
    title: Option<String>,
) -> Result<Session, Failure> {
    let new = NewSession {
        title,
        permission: Some(denied()),
        ..NewSession::default()
    };
    Ok(engine.create_session(location, new).await?)
}

/// The title of a new session; an empty one is made of the first characters of the message.
fn title(arguments: &Run, message: &str) -> Option<String> {
    const LENGTH: usize = 50;
    let title = arguments.title.as_ref()?;
    if !title.is_empty() {
        return Some(title.clone());
    }
    let first: String = message.chars().take(LENGTH).collect();
    let more = if message.chars().count() > LENGTH {
        "..."
    } else {
        ""
    };
    Some(format!("{first}{more}"))
}

/// The agent if it can be used, else none with a warning.
fn agent(context: &Context, location: &Location, wanted: Option<&str>) -> Option<String> {
    let wanted = wanted?;
    usable(
        context,
        wanted,
        location.agents.get(wanted).map(|agent| agent.mode),
    )
}

fn usable(context: &Context, wanted: &str, mode: Option<Mode>) -> Option<String> {
    let reason = match mode {
        Some(Mode::Subagent) => "is a subagent, not a primary agent",
        Some(_) => return Some(wanted.to_owned()),
        None => "not found",
    };
    context.output.warning(format_args!(
        "agent \"{wanted}\" {reason}. Falling back to default agent"
    ));
    None
}

/// How a request for permission is answered, with nobody there to ask.
fn reply_to(context: &Context, auto: bool, request: &Request) -> Reply {
    if auto {
        return Reply::Once;
    }
    let patterns = request.patterns.join(", ");
    let what = &request.permission;
    context.output.warning(format_args!(
        "permission requested: {what} ({patterns}); auto-rejecting"
    ));
    Reply::Reject
}

/// Sees to it that the model that will be asked exists, before the prompt is stored.
async fn check_model(
    context: &Context,
    location: &Location,
    arguments: &Run,
    chosen: Result<Choice, opencode_session::Error>,
) -> Result<(), Failure> {
    use opencode_catalog::Error as Unusable;
    if let Ok(chosen) = &chosen {
        location.catalog.ready(&chosen.provider_id).await;
    }
    let found =
        chosen.and_then(|chosen| Ok(location.catalog.model(&chosen.provider_id, &chosen.model_id)?));
    let problem = match found {
        Ok(model) => {
            if let Some(warning) = location.catalog.warning(&model) {
                context.output.warning(warning);
            }
            return Ok(());
        }
        Err(opencode_session::Error::Catalog(Unusable::NoProvider)) => {
            provider_help::no_provider(&location.catalog).await
        }
        Err(opencode_session::Error::Catalog(unknown @ Unusable::UnknownModel { .. })) => {
            provider_help::unknown_model(&unknown)
        }
        Err(other) => other.to_string(),
    };
    if arguments.format == Format::Json {
        show::lonely_error(context.output, &MessageError::unknown(problem.as_str()))?;
    }
    Err(Failure::told(problem))
}

/// What is watched while a prompt is worked on.
struct Watch<'a> {
    engine: &'a Engine,
    location: &'a Arc<Location>,
    context: &'a Context,
    auto: bool,
    session_id: SessionId,
    show: Show,
    /// The session rests: what comes now is none of the user's business.
    rested: bool,
    interrupted: bool,
}

impl<'a> Watch<'a> {
    fn new(
        context: &'a Context,
        arguments: &Run,
        engine: &'a Engine,
        location: &'a Arc<Location>,
        session_id: SessionId,
    ) -> Self {
        Self {
            engine,
            location,
            context,
            auto: arguments.auto,
            show: Show::new(
                context.output,
                session_id.clone(),
                location.directory.clone(),
                arguments.format,
                arguments.thinking,
            ),
            session_id,
            rested: false,
            interrupted: false,
        }
    }

    async fn work(
        mut self,
        mut answer: BoxFuture<'_, Result<MessageWithParts, Error>>,
        mut events: Subscription,
        stop: CancellationToken,
    ) -> Result<(), Failure> {
        let result = loop {
            tokio::select! {
                biased;
                () = stop.cancelled(), if !self.interrupted => {
                    self.interrupted = true;
                    self.engine.hurry();
                    if !self.engine.is_running(&self.session_id) {
                        // The prompt has not even begun its turn, or has just ended it.
                        return Err(Failure::Interrupted);
                    }
                    self.stop();
                }
                Some(event) = events.next() => match event {
                    Ok(event) => self.on_event(&event.body).await,
                    Err(lost) => self.catch_up(lost.missed).await,
                },
                answer = &mut answer => break answer,
            }
        };
        self.drain(&mut events).await?;
        if self.interrupted {
            return Err(Failure::Interrupted);
        }
        if let Ok(answer) = &result
            && let Some(error) = answer
                .info
                .as_assistant()
                .and_then(|answer| answer.error.as_ref())
            && !self.show.failed()
        {
            // The event was lost because standard output did not keep up.
            self.show.error(error);
        }
        match result {
            Ok(_) if self.show.failed() => Err(Failure::Silent),
            Ok(_) => Ok(()),
            Err(_) if self.show.failed() => Err(Failure::Silent),
            Err(error) => Err(error.into()),
        }
    }

    /// Stops the turn beside the loop that shows its end.
    fn stop(&self) {
        let (engine, session_id) = (self.engine.clone(), self.session_id.clone());
        tokio::spawn(async move { engine.abort(&session_id).await });
    }

    /// Shows what was sent before the turn ended.
    async fn drain(&mut self, events: &mut Subscription) -> Result<(), Failure> {
        self.engine.store().flush().await?;
        while let Some(event) = events.try_next() {
            match event {
                Ok(event) => self.on_event(&event.body).await,
                Err(lost) => self.catch_up(lost.missed).await,
            }
        }
        Ok(())
    }

    async fn on_event(&mut self, event: &EventBody) {
        match event {
            // Whoever asks, asks for this turn: nothing else runs in this engine.
            EventBody::PermissionAsked { request } => {
                let reply = reply_to(self.context, self.auto, request);
                if let Err(error) = self.location.permissions.reply(&request.id, reply, None).await {
                    tracing::debug!(%error, "nobody waits for the answer any more");
                }
            }
            EventBody::SessionIdle { session_id } if *session_id == self.session_id => self.rested = true,
            EventBody::SessionStatus { session_id, status }
                if *session_id == self.session_id && *status == Status::Busy =>
            {
                self.rested = false;
            }
            _ if self.rested => {}
            other => self.show.event(other),
        }
    }

    /// Events were missed because standard output did not keep up: what they would have shown is in the store.
    async fn catch_up(&mut self, missed: u64) {
        tracing::warn!(missed, "catching up with the store");
        match self.engine.export_session(&self.session_id).await {
            Ok(transcript) => self.show.transcript(&transcript.messages),
            Err(error) => tracing::warn!(%error, "could not catch up"),
        }
        for request in self.location.permissions.pending() {
            Box::pin(self.on_event(&EventBody::PermissionAsked {
                request: Box::new(request),
            }))
            .await;
        }
    }
}
