//! A session at a server, followed while it is worked on.
//!
//! What other sessions do is left out; requests for permission and questions of the session's descendants
//! belong to it. When events were missed, the messages are read anew.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use opencode_client::{Client, CommandRun, Error, Events, Family, Prompt, Signal};
use opencode_schema::session::Status;
use opencode_schema::{
    EventBody, MessageWithParts, PermissionId, QuestionId, SessionId, permission, question,
};
use tokio::time::{Instant, sleep_until};

/// How long the last events of a turn may follow its answer.
const REST_LIMIT: Duration = Duration::from_secs(2);
/// Messages that are read at once.
const PAGE: u32 = 50;
/// Pages that are read to find the beginning of a turn.
const PAGES: usize = 40;
/// Attempts to hear events again before it is given up.
const ATTEMPTS: u32 = 6;

/// What happens in a session.
#[derive(Debug)]
pub(crate) enum Happening {
    /// An event of the session itself.
    Event(Box<EventBody>),
    /// What the turn consists of; some of its events were missed.
    Transcript(Vec<MessageWithParts>),
    /// The user is asked for permission.
    Permission(Box<permission::Request>),
    /// The user is asked something.
    Question(Box<question::Request>),
    /// Nobody waits any more for an answer to the question or the request with this id.
    Settled(String),
    /// The turn that was begun here is over.
    Over(Box<Result<MessageWithParts, Error>>),
    /// The server is not heard; it is tried again.
    Silent(Error),
    /// The server is not heard, and it is not tried again.
    Gone(Error),
}

/// A request that may be for this session.
enum Asked {
    Permission(Box<permission::Request>),
    Question(Box<question::Request>),
}

/// A session that is followed.
pub(crate) struct Live {
    client: Client,
    id: SessionId,
    events: Events,
    answer: Option<BoxFuture<'static, Result<MessageWithParts, Error>>>,
    /// The answer, and until when events of its turn are awaited.
    answered: Option<(Result<MessageWithParts, Error>, Instant)>,
    /// The session has nothing to do, as far as is known.
    rests: bool,
    family: Family,
    /// Requests whose session must be looked at.
    unsorted: VecDeque<Asked>,
    /// Events were missed.
    behind: bool,
    ready: VecDeque<Happening>,
}

impl Live {
    /// Follows a session.
    pub(crate) fn new(client: Client, id: SessionId) -> Self {
        Self {
            events: client.events(),
            client,
            answer: None,
            answered: None,
            rests: true,
            family: Family::default(),
            id,
            unsorted: VecDeque::new(),
            behind: false,
            ready: VecDeque::new(),
        }
    }

    /// Waits until everything that happens from now on is told.
    pub(crate) async fn open(&mut self) -> Result<(), Error> {
        loop {
            match self.events.next().await {
                Signal::Open { .. } => return Ok(()),
                Signal::Lost(error) => return Err(error),
                Signal::Event(_) => {}
            }
        }
    }

    /// Says something.
    pub(crate) fn say(&mut self, prompt: Prompt) {
        let (client, id) = (self.client.clone(), self.id.clone());
        self.begin(async move { client.prompt(&id, &prompt).await }.boxed());
    }

    /// Runs a command.
    pub(crate) fn run(&mut self, command: CommandRun) {
        let (client, id) = (self.client.clone(), self.id.clone());
        self.begin(async move { client.run_command(&id, &command).await }.boxed());
    }

    fn begin(&mut self, answer: BoxFuture<'static, Result<MessageWithParts, Error>>) {
        self.answer = Some(answer);
        self.rests = false;
    }

    /// Whether a turn goes on, here or by somebody else's wish.
    pub(crate) fn is_working(&self) -> bool {
        self.answer.is_some() || self.answered.is_some() || !self.rests
    }

    /// Reads what waits and what is said, as after missed events.
    pub(crate) fn look(&mut self) {
        self.behind = true;
    }

    /// The next happening. A future that is dropped loses nothing.
    pub(crate) async fn next(&mut self) -> Happening {
        loop {
            if self.behind {
                self.catch_up().await;
                self.behind = false;
            }
            while let Some(asked) = self.unsorted.front() {
                let session = match asked {
                    Asked::Permission(request) => request.session_id.clone(),
                    Asked::Question(request) => request.session_id.clone(),
                };
                let root = self
                    .family
                    .root(&self.client, &session, |id| *id == self.id)
                    .await;
                let asked = self.unsorted.pop_front();
                if root.is_some() {
                    self.ready.extend(asked.map(|asked| match asked {
                        Asked::Permission(request) => Happening::Permission(request),
                        Asked::Question(request) => Happening::Question(request),
                    }));
                }
            }
            if let Some(happening) = self.ready.pop_front() {
                return happening;
            }
            if self.rests
                && let Some((answer, _)) = self.answered.take()
            {
                return Happening::Over(Box::new(answer));
            }
            let limit = self.answered.as_ref().map(|(_, limit)| *limit);
            let overdue = async {
                match limit {
                    Some(limit) => sleep_until(limit).await,
                    None => std::future::pending().await,
                }
            };
            let answer = async {
                match &mut self.answer {
                    Some(answer) => answer.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                signal = self.events.next() => self.hear(signal),
                answer = answer => {
                    self.answer = None;
                    // A refused prompt has no turn that could end.
                    self.rests |= answer.is_err();
                    self.answered = Some((answer, Instant::now() + REST_LIMIT));
                }
                () = overdue => {
                    self.rests = true;
                    self.behind = true;
                }
            }
        }
    }

    fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::Event(event) => self.sort(event.body),
            Signal::Open { again } => self.behind |= again,
            Signal::Lost(error) if !error.may_pass() || self.events.failures() > ATTEMPTS => {
                self.ready.push_back(Happening::Gone(error));
            }
            // Once is no news: a server that changes its configuration ends its streams.
            Signal::Lost(error) if self.events.failures() > 1 => {
                self.ready.push_back(Happening::Silent(error));
            }
            Signal::Lost(error) => tracing::info!(%error, "the stream of events ended, it is opened again"),
        }
    }

    fn sort(&mut self, event: EventBody) {
        match event {
            EventBody::PermissionAsked { request } => self.unsorted.push_back(Asked::Permission(request)),
            EventBody::QuestionAsked { request } => self.unsorted.push_back(Asked::Question(request)),
            EventBody::PermissionReplied { request_id, .. } => self.settle(PermissionId::as_str(&request_id)),
            EventBody::QuestionReplied { request_id, .. }
            | EventBody::QuestionRejected { request_id, .. } => {
                self.settle(QuestionId::as_str(&request_id));
            }
            EventBody::SessionCreated { session_id, info } => {
                if let Some(parent) = &info.parent_id {
                    self.family.begins(session_id, parent, |id| *id == self.id);
                }
            }
            other if other.session_id() == Some(&self.id) => {
                match &other {
                    EventBody::SessionStatus {
                        status: Status::Idle, ..
                    }
                    | EventBody::SessionIdle { .. } => self.rests = true,
                    EventBody::SessionStatus { .. } => self.rests = false,
                    _ => {}
                }
                self.ready.push_back(Happening::Event(Box::new(other)));
            }
            _ => {}
        }
    }

    fn settle(&mut self, id: &str) {
        self.ready.push_back(Happening::Settled(id.to_owned()));
    }

    /// Reads the turn and the questions that wait.
    async fn catch_up(&mut self) {
        let result = async {
            let statuses = self.client.statuses().await?;
            let messages = self.turn().await?;
            let permissions = self.client.permissions().await?;
            let questions = self.client.questions().await?;
            Ok::<_, Error>((statuses, messages, permissions, questions))
        };
        match result.await {
            Ok((statuses, messages, permissions, questions)) => {
                // A prompt that is on its way is not in the list yet.
                self.rests = !statuses.contains_key(&self.id) && self.answer.is_none();
                self.ready.push_back(Happening::Transcript(messages));
                let permissions = permissions.into_iter().map(Box::new).map(Asked::Permission);
                self.unsorted.extend(permissions);
                let questions = questions.into_iter().map(Box::new).map(Asked::Question);
                self.unsorted.extend(questions);
            }
            Err(error) => tracing::warn!(%error, "could not catch up"),
        }
    }

    /// The messages from the last prompt on.
    async fn turn(&self) -> Result<Vec<MessageWithParts>, Error> {
        let mut messages = Vec::new();
        let mut before: Option<String> = None;
        for _ in 0..PAGES {
            let page = self.client.messages(&self.id, PAGE, before.as_deref()).await?;
            messages.splice(0..0, page.messages);
            let prompt = messages
                .iter()
                .rposition(|message| message.info.as_user().is_some());
            before = page.older;
            if prompt.is_some() || before.is_none() {
                return Ok(messages.split_off(prompt.unwrap_or_default()));
            }
        }
        Ok(messages)
    }
}
