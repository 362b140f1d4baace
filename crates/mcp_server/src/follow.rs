//! What happens in a session and its descendants, heard for a call.

use std::collections::VecDeque;
use std::time::Duration;

use opencode_client::{Client, Error, Events, Family, Signal};
use opencode_schema::{EventBody, PermissionId, QuestionId, SessionId, permission, question};

/// Attempts to hear events again before it is given up.
const ATTEMPTS: u32 = 6;
/// How long it may take until everything is heard.
const OPEN_LIMIT: Duration = Duration::from_secs(20);

/// Something that the user is asked.
#[derive(Debug)]
pub(crate) enum Asked {
    /// For permission.
    Permission(Box<permission::Request>),
    /// Questions of the model.
    Question(Box<question::Request>),
}

impl Asked {
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Permission(request) => request.id.as_str(),
            Self::Question(request) => request.id.as_str(),
        }
    }

    fn session(&self) -> &SessionId {
        match self {
            Self::Permission(request) => &request.session_id,
            Self::Question(request) => &request.session_id,
        }
    }
}

/// What is heard.
#[derive(Debug)]
pub(crate) enum Heard {
    /// An event of the session itself.
    Event(Box<EventBody>),
    /// The user is asked something, for the session or one that it began.
    Asked(Asked),
    /// Nobody waits any more for the answer to what has this id.
    Settled(String),
    /// Nothing is heard any more.
    Gone(Error),
}

/// A session that is listened to.
pub(crate) struct Follow {
    client: Client,
    id: SessionId,
    events: Events,
    family: Family,
    /// What is asked by sessions that must be looked at.
    unsorted: VecDeque<Asked>,
    behind: bool,
}

impl Follow {
    /// Listens from now on.
    ///
    /// # Errors
    /// Nothing can be heard.
    pub(crate) async fn open(client: &Client, id: &SessionId) -> Result<Self, Error> {
        let mut follow = Self {
            events: client.events(),
            client: client.clone(),
            id: id.clone(),
            family: Family::default(),
            unsorted: VecDeque::new(),
            behind: false,
        };
        let opening = async {
            loop {
                match follow.events.next().await {
                    Signal::Open { .. } => return Ok(()),
                    Signal::Lost(error) => return Err(error),
                    Signal::Event(_) => {}
                }
            }
        };
        let timed_out = || Error::TimedOut {
            server: client.server(),
            what: "GET /event".to_owned(),
            limit: OPEN_LIMIT,
        };
        let opened = tokio::time::timeout(OPEN_LIMIT, opening).await;
        opened.unwrap_or_else(|_| Err(timed_out()))?;
        Ok(follow)
    }

    /// What is heard next. A future that is dropped loses nothing.
    pub(crate) async fn next(&mut self) -> Heard {
        loop {
            if self.behind {
                self.catch_up().await;
                self.behind = false;
            }
            while let Some(asked) = self.unsorted.front() {
                let session = asked.session().clone();
                let root = self
                    .family
                    .root(&self.client, &session, |id| *id == self.id)
                    .await;
                if let Some(asked) = self.unsorted.pop_front().filter(|_| root.is_some()) {
                    return Heard::Asked(asked);
                }
            }
            match self.events.next().await {
                Signal::Event(event) => {
                    if let Some(heard) = self.sort(event.body) {
                        return heard;
                    }
                }
                Signal::Open { again } => self.behind |= again,
                Signal::Lost(error) if !error.may_pass() || self.events.failures() > ATTEMPTS => {
                    return Heard::Gone(error);
                }
                Signal::Lost(error) => {
                    tracing::info!(%error, "the stream of events ended, it is opened again");
                }
            }
        }
    }

    fn sort(&mut self, event: EventBody) -> Option<Heard> {
        match event {
            EventBody::PermissionAsked { request } => self.unsorted.push_back(Asked::Permission(request)),
            EventBody::QuestionAsked { request } => self.unsorted.push_back(Asked::Question(request)),
            EventBody::PermissionReplied { request_id, .. } => {
                return Some(Heard::Settled(PermissionId::as_str(&request_id).to_owned()));
            }
            EventBody::QuestionReplied { request_id, .. }
            | EventBody::QuestionRejected { request_id, .. } => {
                return Some(Heard::Settled(QuestionId::as_str(&request_id).to_owned()));
            }
            other if other.session_id() == Some(&self.id) => return Some(Heard::Event(Box::new(other))),
            _ => {}
        }
        None
    }

    /// Reads what waits for an answer.
    async fn catch_up(&mut self) {
        match tokio::try_join!(self.client.permissions(), self.client.questions()) {
            Ok((permissions, questions)) => {
                let permissions = permissions.into_iter().map(Box::new).map(Asked::Permission);
                let questions = questions.into_iter().map(Box::new).map(Asked::Question);
                self.unsorted.extend(permissions.chain(questions));
            }
            Err(error) => tracing::warn!(%error, "what waits for an answer could not be read"),
        }
    }
}
