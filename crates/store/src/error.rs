//! Why the database did not do what was asked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use opencode_schema::SessionId;

use crate::sql::postgres::ServerAddress;

/// Why the database did not do what was asked. Cheap to clone, because one failed commit fails every
/// write that was in it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The file or its folder cannot be opened or made.
    #[error("cannot open the database {}: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A newer program has changed the file.
    #[error(
        "the database {} was written by a newer version of opencode (it has the migration {migration}); \
         update opencode, or set OPENCODE_DB to another file",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The first migration that this version does not know.
        migration: String,
    },
    /// The file is a database of something else.
    #[error(
        "{} is a database, but not one of opencode; set OPENCODE_DB to another file",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another process has been writing all the time.
    #[error("another process has kept the database {} busy for {} s; try again when it is done", path.display(), waited.as_secs())]
    Busy {
        /// The file.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// Another process has been bringing the file to the present schema all the time.
    #[error(
        "another process has been bringing the database {} to this version for more than {} s; \
         try again when it is done",
        path.display(), waited.as_secs()
    )]
    Claimed {
        /// The file.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// No copy could be made of a file that is about to be changed.
    #[error(
        "the database {} is of an older version, and no copy of it can be made before it is changed: {reason}; \
         nothing was changed",
        path.display()
    )]
    Backup {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The disk is full.
    #[error("the disk is full: {} cannot grow; free some space and try again", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The system did not read or write the file.
    #[error("the database {} cannot be read or written ({reason}); is the disk full, or gone?", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// The file or its folder cannot be written.
    #[error("the database {} cannot be written: it is read-only", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// Something that should be there is not.
    #[error("{what} not found: {id}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// Something from outside has the id of something else.
    #[error("the {what} {id} exists already, in the session {owner}")]
    Taken {
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
        /// Where it is.
        owner: String,
    },
    /// Somebody else runs the session by now; nothing was stored.
    #[error("another program runs the session {0} by now")]
    Fenced(SessionId),
    /// An event of another log does not fit this one.
    #[error("{0}")]
    Refused(String),
    /// A stored value does not fit its type.
    #[error("the {what} {id} cannot be read: {reason}")]
    Unreadable {
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An address of a database server that is none.
    #[error(
        "the address in OPENCODE_DATABASE_URL cannot be used: {reason}; it is like postgres://user:password@host/database"
    )]
    Address {
        /// What is wrong with it.
        reason: String,
    },
    /// A database server did not do what was asked, or cannot be reached.
    #[error("the database {server}: {reason}")]
    Server {
        /// Its address, without a password.
        server: String,
        /// What it says.
        reason: String,
        /// Its code for that, if it has said anything (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
        code: Option<String>,
    },
    /// The writer has ended.
    #[error("the database is closed")]
    Closed,
    /// Anything else that SQLite says.
    #[error("database: {0}")]
    Sqlite(Arc<rusqlite::Error>),
    /// A value could not be written as JSON.
    #[error("a value cannot be stored: {0}")]
    Json(Arc<serde_json::Error>),
    /// A bug: the code of a write panicked. Nothing of it was stored.
    #[error("a write failed inside: {0}")]
    Panicked(String),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(Arc::new(error))
    }
}

impl Error {
    /// Says what SQLite's code means for the file at `path`.
    pub(crate) fn explain(self, path: &std::path::Path) -> Self {
        let Self::Sqlite(error) = &self else { return self };
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full { path },
            Some(rusqlite::ErrorCode::ReadOnly) => Self::ReadOnly { path },
            // A full disk among other things: the files beside the database are not told apart.
            Some(rusqlite::ErrorCode::SystemIoFailure) => Self::Broken {
                path,
                reason: error.to_string(),
            },
            _ if self.is_busy() => Self::Busy {
                path,
                waited: crate::migration::BUSY_TIMEOUT,
            },
            Some(
                rusqlite::ErrorCode::CannotOpen
                | rusqlite::ErrorCode::NotADatabase
                | rusqlite::ErrorCode::DatabaseCorrupt,
            ) => Self::Open {
                path,
                reason: error.to_string(),
            },
            _ => self,
        }
    }

    /// What a database server means by an error.
    pub(crate) fn server(address: &ServerAddress, error: &postgres::Error) -> Self {
        let server = address.to_string();
        match error.as_db_error() {
            Some(told) => match told.code().code() {
                "53100" => Self::Full { path: server.into() },
                "25006" => Self::ReadOnly { path: server.into() },
                code => Self::Server {
                    server,
                    reason: told.message().to_owned(),
                    code: Some(code.to_owned()),
                },
            },
            None => Self::Server {
                server,
                reason: whole(error),
                code: None,
            },
        }
    }

    /// Whether another process holds the lock that was wanted.
    pub(crate) fn is_busy(&self) -> bool {
        match self {
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
            ),
            // «lock not available»
            Self::Server { code, .. } => code.as_deref() == Some("55P03"),
            _ => false,
        }
    }

    /// Whether a row does not fit those that are there.
    pub(crate) fn is_constraint(&self) -> bool {
        match self {
            Self::Sqlite(error) => {
                error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
            }
            // «integrity constraint violation»
            Self::Server { code, .. } => code.as_ref().is_some_and(|code| code.starts_with("23")),
            _ => false,
        }
    }
}

/// An error with its causes.
pub(crate) fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
