//! Sessions that lie in another database file: those of another channel or of an older program.
//!
//! The other file is only read. What is taken over comes from a copy of it, which is brought to the present
//! schema first; sessions that are here already stay as they are.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::{Error, backup, migration};

/// Tables whose rows go along, in an order in which what is referred to comes first, each with the column
/// that names the session.
const OF_SESSION: [(&str, &str); 10] = [
    ("session", "id"),
    ("message", "session_id"),
    ("part", "session_id"),
    ("todo", "session_id"),
    ("session_share", "session_id"),
    ("session_message", "session_id"),
    ("session_input", "session_id"),
    ("session_context_epoch", "session_id"),
    ("event_sequence", "aggregate_id"),
    ("event", "aggregate_id"),
];

/// What became of the sessions of another file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenOver {
    /// Ids of sessions that are here now.
    pub taken: Vec<String>,
    /// Ids of those that do not fit, each with why.
    pub refused: Vec<(String, String)>,
}

/// The ids of the sessions in the file at `other` that the file at `path` does not have. Blocks.
///
/// # Errors
/// One of them cannot be read, or is no database of this program.
pub fn missing_sessions(path: &Path, other: &Path) -> Result<Vec<String>, Error> {
    let ids = |file: &Path| -> Result<Vec<String>, Error> {
        let read = || -> Result<Vec<String>, Error> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(file, flags)?;
            connection.busy_timeout(migration::BUSY_TIMEOUT)?;
            connection.pragma_update(None, "query_only", true)?;
            if !migration::has_table(&connection, "session")? {
                return Err(Error::Foreign {
                    path: file.to_owned(),
                });
            }
            let mut statement = connection.prepare("SELECT id FROM session ORDER BY id")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        read().map_err(|error| error.explain(file))
    };
    let here: std::collections::HashSet<String> = ids(path)?.into_iter().collect();
    let there = ids(other)?;
    Ok(there.into_iter().filter(|id| !here.contains(id)).collect())
}

/// Takes the sessions of the file at `other` over into the file at `path`, which is of the present schema,
/// with all that belongs to them. Blocks.
///
/// # Errors
/// One of the files cannot be read or written; then nothing was taken over.
pub fn take_over(path: &Path, other: &Path) -> Result<TakenOver, Error> {
    let scratch = Scratch::beside(path)?;
    let copy = scratch.0.join("copy.db");
    backup::vacuum_into(other, &copy)?;
    let mut connection = Connection::open(&copy).map_err(|error| Error::from(error).explain(&copy))?;
    // A file that cannot be brought to the present schema is told by its own name.
    migration::prepare(&mut connection, &copy).map_err(|error| match error {
        Error::Newer { migration, .. } => Error::Newer {
            path: other.to_owned(),
            migration,
        },
        Error::Foreign { .. } => Error::Foreign {
            path: other.to_owned(),
        },
        error => error,
    })?;
    drop(connection);
    take(path, &copy).map_err(|error| error.explain(path))
}

fn take(path: &Path, copy: &Path) -> Result<TakenOver, Error> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(migration::BUSY_TIMEOUT)?;
    connection.execute("ATTACH ?1 AS other", [copy.to_string_lossy()])?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let ids: Vec<String> = transaction
        .prepare("SELECT id FROM other.session WHERE id NOT IN (SELECT id FROM main.session) ORDER BY id")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut result = TakenOver::default();
    for id in ids {
        let mut point = transaction.savepoint()?;
        match take_one(&point, &id) {
            Ok(()) => {
                point.commit()?;
                result.taken.push(id);
            }
            Err(Error::Sqlite(error))
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) =>
            {
                point.rollback()?;
                point.commit()?;
                result.refused.push((id, error.to_string()));
            }
            Err(error) => return Err(error),
        }
    }
    transaction.commit()?;
    Ok(result)
}

fn take_one(connection: &Connection, id: &str) -> Result<(), Error> {
    let columns = columns(connection, "project")?;
    connection.execute(
        &format!(
            "INSERT OR IGNORE INTO main.project ({columns}) SELECT {columns} FROM other.project
             WHERE id = (SELECT project_id FROM other.session WHERE id = ?1)"
        ),
        [id],
    )?;
    for (table, of_session) in OF_SESSION {
        let columns = self::columns(connection, table)?;
        connection.execute(
            &format!(
                "INSERT INTO main.{table} ({columns}) SELECT {columns} FROM other.{table} WHERE {of_session} = ?1"
            ),
            [id],
        )?;
    }
    Ok(())
}

/// Files may have the same columns in another order.
fn columns(connection: &Connection, table: &str) -> Result<String, Error> {
    let mut statement = connection.prepare_cached("SELECT name FROM pragma_table_info(?1, 'main')")?;
    let names = statement.query_map([table], |row| row.get::<_, String>(0))?;
    Ok(names.collect::<Result<Vec<_>, _>>()?.join(", "))
}

/// A folder that only its owner can look into, gone when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn beside(path: &Path) -> Result<Self, Error> {
        let name = format!(".recover-{}-{}", std::process::id(), opencode_schema::time::now());
        let folder = path.with_file_name(name);
        let made = || -> std::io::Result<()> {
            fs_err::create_dir(&folder)?;
            #[cfg(unix)]
            fs_err::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
            Ok(())
        };
        made().map_err(|error| Error::Open {
            path: folder.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs_err::remove_dir_all(&self.0) {
            tracing::warn!(%error, "a copy of a database could not be removed");
        }
    }
}
