//! Databases to test with.
//!
//! What holds for every database is tested with [`Place::new`], which is a file, or where `OPENCODE_TEST_POSTGRES` is
//! the address of a server whose user may make databases, a database there.

use std::path::PathBuf;

use opencode_schema::message::{AssistantMessage, MessageModel, UserMessage, UserTime};
use opencode_schema::part::{StepFinishPart, TextPart};
use opencode_schema::project::{Project, Times as ProjectTimes, Vcs};
use opencode_schema::session::{CacheTokens, Cost, Session, Times, Tokens};
use opencode_schema::{EventBody, Message, MessageBody, MessageId, Part, PartBody, PartId, SessionId};
use opencode_store::{
    Database, Error, Report, ServerAddress, Store, TakenOver, check, missing_sessions, query, take_over,
};
use opencode_testkit::ServerDatabase;
use serde_json::Value;
use tempfile::TempDir;

/// A folder with a database in it, or a database on a server.
pub(crate) struct Place {
    folder: TempDir,
    server: Option<ServerDatabase>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            server: ServerDatabase::new(),
            ..Self::file()
        }
    }

    /// A file, whatever else there is.
    pub(crate) fn file() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            server: None,
        }
    }

    /// The path of a file, or the address on a server.
    pub(crate) fn address(&self) -> String {
        match &self.server {
            Some(server) => server.url(),
            None => self.path().to_str().unwrap().to_owned(),
        }
    }

    pub(crate) fn database(&self) -> Database {
        database_at(&self.address())
    }

    pub(crate) fn is_file(&self) -> bool {
        self.server.is_none()
    }

    /// The sessions of a file that are not here.
    pub(crate) fn missing_sessions(&self, file: &Self) -> Vec<String> {
        blocking(|| missing_sessions(&self.database(), &file.path())).unwrap()
    }

    /// Takes the sessions of a file over.
    pub(crate) fn take_over(&self, file: &Self) -> TakenOver {
        blocking(|| take_over(&self.database(), &file.path())).unwrap()
    }

    /// What a look through it finds.
    pub(crate) fn check(&self) -> Report {
        blocking(|| check(&self.database())).unwrap()
    }

    /// Changes rows as another program would.
    pub(crate) fn execute(&self, sql: &str) {
        self.rows(sql);
    }

    /// The rows that a query has.
    pub(crate) fn rows(&self, sql: &str) -> Vec<Vec<Value>> {
        let mut rows = Vec::new();
        let keep = |_: &[String], row| {
            rows.push(row);
            Ok::<_, Error>(())
        };
        blocking(|| query(&self.database(), sql, keep)).unwrap();
        rows
    }

    /// How many rows a table has.
    pub(crate) fn count(&self, table: &str) -> i64 {
        self.rows(&format!("SELECT count(*) FROM {table}"))[0][0]
            .as_i64()
            .unwrap()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("opencode.db")
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(self.database()).await.unwrap()
    }

    /// The file as SQLite sees it, for looking at rows.
    pub(crate) fn sqlite(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

/// Does what blocks where it may.
fn blocking<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

/// A database by [`Place::address`].
pub(crate) fn database_at(address: &str) -> Database {
    match address.starts_with("postgres://") {
        true => Database::Server(ServerAddress::parse(address).unwrap()),
        false => Database::File(address.into()),
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
