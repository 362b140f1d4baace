//! `opencode run --attach`: the same as `run`, by a server elsewhere (reference `cli.md` §3).

use std::path::PathBuf;
use std::time::Duration;

use opencode_client::{Client, CommandRun, NewSession, Prompt, PromptModel};
use opencode_schema::permission::Request;
use opencode_schema::{EventBody, MessageError, SessionId};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::show::Show;
use super::{denied, message, reply_to, said_where, title, usable};
use crate::arguments::Run;
use crate::context::Context;
use crate::failure::Failure;
use crate::remote::{self, Happening, Live};
use crate::signals;

/// How long a turn gets to end after it was stopped.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Sends a message to a server and shows what comes of it.
pub(super) async fn run(context: &Context, arguments: Run, url: &str) -> Result<(), Failure> {
    // The folder is one of the server: files are those of this machine.
    let message = message::read(&arguments, &context.directory()?, message::enclose)?;
    let directory = arguments.dir.as_ref().map(|path| path.display().to_string());
    let client = remote::client(context, url, &arguments.access, directory)?;
    let stop = CancellationToken::new();
    let signals = tokio::spawn(signals::wait(stop.clone()));
    let ready = tokio::select! {
        ready = Box::pin(Attached::prepare(context, &arguments, client, message)) => ready,
        () = stop.cancelled() => Err(Failure::Interrupted),
    };
    let result = match ready {
        Ok(attached) => attached.work(&stop).await,
        Err(failure) => Err(failure),
    };
    signals.abort();
    result
}

/// A session of a server with something to say to it.
struct Attached<'a> {
    context: &'a Context,
    client: Client,
    auto: bool,
    id: SessionId,
    live: Live,
    show: Show,
    /// The session rests: what comes now is none of the user's business.
    rested: bool,
    /// Until when a turn that was stopped may end.
    stopped: Option<Instant>,
}

impl<'a> Attached<'a> {
    async fn prepare(
        context: &'a Context,
        arguments: &Run,
        client: Client,
        message: message::Message,
    ) -> Result<Self, Failure> {
        let found = remote::continued(&client, &arguments.continued).await?;
        let agent = match arguments.agent.as_deref() {
            None => None,
            Some(wanted) => {
                let agents = client.agents().await?;
                let mode = agents
                    .iter()
                    .find(|agent| agent.name == wanted)
                    .map(|agent| agent.mode);
                usable(context, wanted, mode)
            }
        };
        let session = match found {
            Some(session) => session,
            None => {
                let new = NewSession {
                    title: title(arguments, &message.text),
                    permission: Some(denied()),
                    ..NewSession::default()
                };
                client.create_session(&new).await?
            }
        };
        if arguments.share {
            said_where(context, &client.share_session(&session.id).await?);
        }
        let directory = PathBuf::from(client.path().await?.directory);
        let mut live = Live::new(client.clone(), session.id.clone());
        live.open().await?;
        match &arguments.command {
            Some(command) => live.run(CommandRun {
                command: command.clone(),
                arguments: message.text,
                agent,
                model: arguments.model.clone(),
                variant: arguments.variant.clone(),
                parts: message.parts,
            }),
            None => live.say(Prompt {
                parts: message.parts,
                model: arguments.model.as_deref().map(PromptModel::parse),
                agent,
                variant: arguments.variant.clone(),
                ..Prompt::default()
            }),
        }
        let show = Show::new(
            context.output,
            session.id.clone(),
            directory,
            arguments.format,
            arguments.thinking,
        );
        Ok(Self {
            context,
            client,
            auto: arguments.auto,
            id: session.id,
            live,
            show,
            rested: false,
            stopped: None,
        })
    }

    async fn work(mut self, stop: &CancellationToken) -> Result<(), Failure> {
        loop {
            let stopped = self.stopped;
            let overdue = async {
                match stopped {
                    Some(limit) => sleep_until(limit).await,
                    None => std::future::pending().await,
                }
            };
            let happening = tokio::select! {
                biased;
                () = stop.cancelled(), if stopped.is_none() => {
                    self.stopped = Some(Instant::now() + STOP_LIMIT);
                    self.abort();
                    continue;
                }
                () = overdue => return Err(Failure::Interrupted),
                happening = self.live.next() => happening,
            };
            match happening {
                Happening::Event(event) => self.on_event(&event),
                Happening::Transcript(messages) => self.show.transcript(&messages),
                Happening::Permission(request) => self.reply(&request).await,
                // The rules of the session forbid the tool; who asks all the same is not answered here.
                Happening::Question(_) | Happening::Settled(_) => {}
                Happening::Silent(error) => self.context.output.warning(error),
                Happening::Gone(error) => return Err(error.into()),
                Happening::Over(_) if stopped.is_some() => return Err(Failure::Interrupted),
                Happening::Over(result) => return self.end(*result),
            }
        }
    }

    fn end(
        mut self,
        result: Result<opencode_schema::MessageWithParts, opencode_client::Error>,
    ) -> Result<(), Failure> {
        match result {
            Ok(answer) => {
                self.show.answer(&answer);
                let error = answer
                    .info
                    .as_assistant()
                    .and_then(|answer| answer.error.as_ref());
                if let Some(error) = error.filter(|_| !self.show.failed()) {
                    self.show.error(error);
                }
                // Parity: cli.md §3.7, that the turn failed is the server's affair.
                if self.show.is_broken() {
                    Err(Failure::Silent)
                } else {
                    Ok(())
                }
            }
            Err(_) if self.show.failed() => Err(Failure::Silent),
            Err(error) => {
                if self.show.is_for_programs() {
                    self.show.error(&MessageError::unknown(error.to_string()));
                }
                Err(error.into())
            }
        }
    }

    /// Stops the turn beside the loop that shows its end.
    fn abort(&self) {
        let (client, id) = (self.client.clone(), self.id.clone());
        tokio::spawn(async move {
            if let Err(error) = client.abort(&id).await {
                tracing::warn!(%error, "the turn could not be stopped");
            }
        });
    }

    fn on_event(&mut self, event: &EventBody) {
        match event {
            EventBody::SessionIdle { .. } => self.rested = true,
            EventBody::SessionStatus { status, .. } if *status != opencode_schema::session::Status::Idle => {
                self.rested = false;
                self.show.event(event);
            }
            _ if self.rested => {}
            other => self.show.event(other),
        }
    }

    async fn reply(&self, request: &Request) {
        let reply = reply_to(self.context, self.auto, request);
        if let Err(error) = self.client.reply_permission(&request.id, reply, None).await {
            tracing::debug!(%error, "nobody waits for the answer any more");
        }
    }
}
