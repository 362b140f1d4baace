//! Files to test with.

use std::path::PathBuf;

use opencode_schema::message::{AssistantMessage, MessageModel, UserMessage, UserTime};
use opencode_schema::part::{StepFinishPart, TextPart};
use opencode_schema::project::{Project, Times as ProjectTimes, Vcs};
use opencode_schema::session::{CacheTokens, Cost, Session, Times, Tokens};
use opencode_schema::{EventBody, Message, MessageBody, MessageId, Part, PartBody, PartId, SessionId};
use opencode_store::{Database, Store};
use tempfile::TempDir;

/// A folder with a database in it.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("opencode.db")
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(Database::File(self.path())).await.unwrap()
    }

    /// The file as SQLite sees it, for looking at rows.
    pub(crate) fn sqlite(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

pub(crate) fn project(id: &str) -> Project {
    Project {
        id: id.into(),
        worktree: "/work/p".into(),
        vcs: Some(Vcs::Git),
        name: None,
        icon: None,
        commands: None,
        time: ProjectTimes {
            created: 1,
            updated: 1,
            initialized: None,
        },
        sandboxes: Vec::new(),
    }
}

pub(crate) fn session() -> Session {
    Session {
        id: SessionId::new(),
        slug: "calm-tiger".into(),
        project_id: "p1".into(),
        directory: "/work/p".into(),
        path: Some(String::new()),
        cost: Some(Cost(0.0)),
        tokens: Some(Tokens::default()),
        title: "A session".into(),
        version: "1".into(),
        time: Times {
            created: 10,
            updated: 10,
            ..Times::default()
        },
        ..Session::default()
    }
}

pub(crate) fn user(session_id: &SessionId, created: i64) -> Message {
    Message {
        id: MessageId::new(),
        session_id: session_id.clone(),
        body: MessageBody::User(Box::new(UserMessage {
            time: UserTime { created },
            agent: "build".into(),
            model: MessageModel {
                provider_id: "p".into(),
                model_id: "m".into(),
                variant: None,
            },
            ..UserMessage::default()
        })),
    }
}

pub(crate) fn assistant(session_id: &SessionId, created: i64) -> Message {
    let mut body = AssistantMessage::default();
    body.time.created = created;
    Message {
        id: MessageId::new(),
        session_id: session_id.clone(),
        body: MessageBody::Assistant(Box::new(body)),
    }
}

pub(crate) fn text(message: &Message, text: &str) -> Part {
    part(
        message,
        PartBody::Text(TextPart {
            text: text.into(),
            ..TextPart::default()
        }),
    )
}

pub(crate) fn step_finish(message: &Message, cost: f64, input: u64) -> Part {
    let tokens = Tokens {
        total: None,
        input,
        output: 2,
        reasoning: 1,
        cache: CacheTokens { read: 4, write: 5 },
    };
    part(
        message,
        PartBody::StepFinish(StepFinishPart {
            reason: "stop".into(),
            snapshot: None,
            cost: Cost(cost),
            tokens,
        }),
    )
}

pub(crate) fn part(message: &Message, body: PartBody) -> Part {
    Part {
        id: PartId::new(),
        session_id: message.session_id.clone(),
        message_id: message.id.clone(),
        body,
    }
}

pub(crate) fn created(session: &Session) -> EventBody {
    EventBody::SessionCreated {
        session_id: session.id.clone(),
        info: Box::new(session.clone()),
    }
}

pub(crate) fn message_updated(message: &Message) -> EventBody {
    EventBody::MessageUpdated {
        session_id: message.session_id.clone(),
        info: Box::new(message.clone()),
    }
}

pub(crate) fn part_updated(part: &Part) -> EventBody {
    EventBody::PartUpdated {
        session_id: part.session_id.clone(),
        part: Box::new(part.clone()),
        time: 20,
    }
}

/// A session of a known project, stored.
pub(crate) async fn stored_session(store: &Store) -> Session {
    let session = session();
    let stored = session.clone();
    store
        .write(move |transaction| {
            transaction.put_project(&project("p1"))?;
            transaction.publish(created(&stored))
        })
        .await
        .unwrap();
    session
}
