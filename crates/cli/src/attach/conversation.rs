//! The face: what is typed goes to the session, what happens there is shown.

use std::collections::VecDeque;
use std::fmt::Display;
use std::path::PathBuf;

use opencode_client::{Client, CommandRun, NewSession, Prompt, PromptModel};
use opencode_schema::input::PartInput;
use opencode_schema::{Session, SessionId};
use opencode_tui::Replay;

use super::asking::{Asked, Meaning};
use super::input::Input;
use super::orders;
use crate::arguments::Format;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Style;
use crate::remote::{Happening, Live};
use crate::run::show::Show;
use crate::signals::{self, Signal, Signals};

/// Messages that are shown of a session that is continued, unless the user says how many.
const REMEMBERED: u32 = 10;

/// A session that is followed, and where it is shown.
pub(super) struct Place {
    session: Session,
    live: Live,
    show: Show,
}

/// The face.
pub(super) struct Face<'a> {
    context: &'a Context,
    pub(super) client: Client,
    directory: PathBuf,
    input: Input,
    signals: Signals,
    /// None before the first prompt.
    pub(super) place: Option<Place>,
    /// What the next session is made with.
    pub(super) new: NewSession,
    pub(super) model: Option<String>,
    pub(super) agent: Option<String>,
    asked: VecDeque<Asked>,
    /// The user has been told that it is their turn.
    invited: bool,
    /// Ctrl-C was pressed in this turn.
    stopped: bool,
    failed: bool,
    /// Messages that are shown of a session that is continued.
    remembered: u32,
}

impl<'a> Face<'a> {
    pub(super) fn new(context: &'a Context, client: Client, directory: PathBuf) -> Result<Self, Failure> {
        let signals = Signals::new().ok_or_else(|| Failure::told("The system gives no signals"))?;
        Ok(Self {
            context,
            client,
            directory,
            input: Input::new(),
            signals,
            place: None,
            new: NewSession::default(),
            model: None,
            agent: None,
            asked: VecDeque::new(),
            invited: false,
            stopped: false,
            failed: false,
            remembered: REMEMBERED,
        })
    }

    /// Takes how much is shown of a session that is continued.
    pub(super) fn replay(&mut self, replay: Replay) {
        self.remembered = match replay {
            Replay { is_wanted: false, .. } => 0,
            Replay {
                limit: Some(limit), ..
            } => u32::try_from(limit).unwrap_or(u32::MAX),
            Replay { limit: None, .. } => REMEMBERED,
        };
    }

    pub(super) fn say(&self, line: impl Display) {
        self.context.output.say(line);
    }

    pub(super) fn session_id(&self) -> Option<&SessionId> {
        self.place.as_ref().map(|place| &place.session.id)
    }

    /// Goes on with a session, and shows where it stands.
    pub(super) async fn enter(&mut self, session: Session) -> Result<(), Failure> {
        self.say(format_args!("{} ({})", session.title, session.id.as_str()));
        let mut place = self.follow(session).await?;
        if self.remembered > 0 {
            let page = self
                .client
                .messages(&place.session.id, self.remembered, None)
                .await?;
            place.show.history(&page.messages);
        }
        // Perhaps somebody else has it work, or it waits for an answer.
        place.live.look();
        self.asked.clear();
        self.place = Some(place);
        Ok(())
    }

    async fn follow(&self, session: Session) -> Result<Place, Failure> {
        let mut live = Live::new(self.client.clone(), session.id.clone());
        live.open().await?;
        let directory = self.directory.clone();
        let show = Show::new(
            self.context.output,
            session.id.clone(),
            directory,
            Format::Default,
            false,
        );
        Ok(Place {
            session,
            live,
            show: show.live(),
        })
    }

    fn is_working(&self) -> bool {
        self.place.as_ref().is_some_and(|place| place.live.is_working())
    }

    /// Goes on until the user has enough.
    pub(super) async fn run(mut self) -> Result<(), Failure> {
        loop {
            let is_working = self.is_working();
            if self.input.has_ended() && !is_working {
                return if self.failed && !self.input.is_terminal() {
                    Err(Failure::Silent)
                } else {
                    Ok(())
                };
            }
            let listens = !self.input.has_ended() && (!is_working || !self.asked.is_empty());
            self.invite(listens);
            let happening = async {
                match &mut self.place {
                    Some(place) => place.live.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                signal = self.signals.next() => self.on_signal(signal),
                happening = happening => self.on_happening(happening).await?,
                line = self.input.next(), if listens => match line {
                    Some(line) => self.on_line(&line).await?,
                    None => self.on_end().await,
                },
            }
        }
    }

    /// Tells the user that it is their turn, once.
    fn invite(&mut self, listens: bool) {
        if !listens || std::mem::replace(&mut self.invited, true) {
            return;
        }
        let output = self.context.output;
        match self.asked.front() {
            Some(asked) if self.input.is_terminal() => {
                output.ask(output.styled(Style::Warning, asked.words()));
            }
            // What is piped in does not show, nor end the line.
            Some(asked) => output.say(asked.words().trim_end()),
            None if self.input.is_terminal() => output.ask("\n› "),
            None => {}
        }
    }

    fn on_signal(&mut self, signal: Signal) {
        let again = std::mem::replace(&mut self.stopped, true);
        let Some(id) = self.session_id().cloned() else {
            signals::end();
        };
        if signal == Signal::End || again || !self.is_working() {
            signals::end();
        }
        self.say("\nStopping; once more to end.");
        let client = self.client.clone();
        tokio::spawn(async move {
            if let Err(error) = client.abort(&id).await {
                tracing::warn!(%error, "the turn could not be stopped");
            }
        });
    }

    async fn on_line(&mut self, line: &str) -> Result<(), Failure> {
        self.invited = false;
        let result = if self.asked.is_empty() {
            self.on_words(line).await
        } else {
            self.on_answer(line).await;
            Ok(())
        };
        // What one order or prompt gets wrong does not end the talk.
        if let Err(failure) = result {
            self.failed = true;
            self.context.output.error(failure);
        }
        Ok(())
    }

    async fn on_words(&mut self, line: &str) -> Result<(), Failure> {
        if line.trim().is_empty() {
            return Ok(());
        }
        if let Some((name, rest)) = orders::split(line) {
            if self.order(name, rest).await? {
                return Ok(());
            }
            return self.run_command(name.trim_start_matches('/'), rest).await;
        }
        let prompt = Prompt {
            parts: vec![PartInput::text(line)],
            model: self.model.as_deref().map(PromptModel::parse),
            agent: self.agent.clone(),
            ..Prompt::default()
        };
        self.live().await?.say(prompt);
        Ok(())
    }

    async fn run_command(&mut self, name: &str, arguments: &str) -> Result<(), Failure> {
        let known = match self.client.commands().await {
            Err(error) if error.is_not_found() => Vec::new(),
            known => known?,
        };
        if !known.iter().any(|command| command.name == name) {
            return Err(Failure::told(format!(
                "There is no /{name}; /help lists what there is"
            )));
        }
        let command = CommandRun {
            command: name.to_owned(),
            arguments: arguments.to_owned(),
            agent: self.agent.clone(),
            model: self.model.clone(),
            ..CommandRun::default()
        };
        self.live().await?.run(command);
        Ok(())
    }

    /// The session that is spoken to; it is made when there is something to say.
    async fn live(&mut self) -> Result<&mut Live, Failure> {
        self.stopped = false;
        if self.place.is_none() {
            let session = self.client.create_session(&self.new).await?;
            self.new = NewSession::default();
            self.place = Some(self.follow(session).await?);
        }
        match &mut self.place {
            Some(place) => {
                place.show.begin();
                Ok(&mut place.live)
            }
            None => Err(Failure::told("There is no session")),
        }
    }

    async fn on_answer(&mut self, line: &str) {
        let Some(mut asked) = self.asked.pop_front() else {
            return;
        };
        match asked.answer(line) {
            Meaning::Unclear | Meaning::More => self.asked.push_front(asked),
            meaning => self.settle(&asked, meaning).await,
        }
    }

    async fn settle(&self, asked: &Asked, meaning: Meaning) {
        let settled = match (asked, meaning) {
            (Asked::Permission(request), Meaning::Reply(reply)) => {
                self.client.reply_permission(&request.id, reply, None).await
            }
            (Asked::Question { request, .. }, Meaning::Answers(answers)) => {
                self.client.reply_question(&request.id, &answers).await
            }
            (Asked::Question { request, .. }, _) => self.client.reject_question(&request.id).await,
            (Asked::Permission(request), _) => {
                let reject = opencode_schema::permission::Reply::Reject;
                self.client.reply_permission(&request.id, reject, None).await
            }
        };
        if let Err(error) = settled {
            self.context
                .output
                .warning(format_args!("the answer did not arrive: {error}"));
        }
    }

    /// Nobody answers any more.
    async fn on_end(&mut self) {
        self.say("");
        self.reject_all().await;
    }

    async fn reject_all(&mut self) {
        while let Some(asked) = self.asked.pop_front() {
            self.settle(&asked, Meaning::Reject).await;
        }
    }

    async fn on_happening(&mut self, happening: Happening) -> Result<(), Failure> {
        let Some(place) = &mut self.place else {
            return Ok(());
        };
        match happening {
            Happening::Event(event) => place.show.event(&event),
            Happening::Transcript(messages) => place.show.transcript(&messages),
            Happening::Permission(request) => self.ask(Asked::Permission(request)).await,
            Happening::Question(request) => {
                let answers = Vec::new();
                self.ask(Asked::Question { request, answers }).await;
            }
            Happening::Settled(id) => {
                // Somebody else was faster, or the turn was stopped.
                let before = self.asked.len();
                self.asked.retain(|asked| asked.id() != id);
                if self.asked.len() < before {
                    self.invited = false;
                    self.say("(no answer is needed any more)");
                }
            }
            Happening::Over(result) => {
                self.stopped = false;
                self.invited = false;
                match *result {
                    Ok(answer) => {
                        place.show.answer(&answer);
                        let error = answer
                            .info
                            .as_assistant()
                            .and_then(|answer| answer.error.as_ref());
                        self.failed |= error.is_some();
                    }
                    Err(error) => {
                        self.failed = true;
                        self.context.output.error(error);
                    }
                }
            }
            Happening::Silent(error) => self.context.output.warning(error),
            Happening::Gone(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn ask(&mut self, asked: Asked) {
        if self.asked.iter().any(|other| other.id() == asked.id()) {
            return;
        }
        self.invited &= !self.asked.is_empty();
        self.asked.push_back(asked);
        if self.input.has_ended() {
            self.reject_all().await;
        }
    }
}
