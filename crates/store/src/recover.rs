//! Sessions that lie in another database file: those of another channel or of an older program.
//!
//! The other file is only read. What is taken over comes from a copy of it, which is brought to the present
//! schema first; sessions that are here already stay as they are. Here is a file or a server.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::sql::{Connection, Owned};
use crate::{Database, Error, backup, migration};

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

/// The ids of the sessions in the file at `other` that the database `here` does not have. Blocks.
///
/// # Errors
/// One of them cannot be read, or is no database of this program.
pub fn missing_sessions(here: &Database, other: &Path) -> Result<Vec<String>, Error> {
    let ids = |database: &Database| {
        let read = database.reader().and_then(|connection| {
            refuse_foreign(&connection, database)?;
            sessions(&connection)
        });
        read.map_err(|error| error.explain(&database.place()))
    };
    let known: HashSet<String> = ids(here)?.into_iter().collect();
    let there = ids(&Database::File(other.to_owned()))?;
    Ok(there.into_iter().filter(|id| !known.contains(id)).collect())
}

fn refuse_foreign(connection: &Connection, database: &Database) -> Result<(), Error> {
    match connection {
        Connection::Sqlite(file) if !migration::has_table(file, "session")? => Err(Error::Foreign {
            path: database.place(),
        }),
        _ => Ok(()),
    }
}

fn sessions(connection: &Connection) -> Result<Vec<String>, Error> {
    let mut statement = connection.prepare_cached("SELECT id FROM session ORDER BY id")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// Takes the sessions of the file at `other` over into the database `here`, which is of the present schema, with all
/// that belongs to them. Blocks.
///
/// # Errors
/// One of them cannot be read or written; then nothing was taken over.
pub fn take_over(here: &Database, other: &Path) -> Result<TakenOver, Error> {
    let scratch = Scratch::beside(other)?;
    let copy = scratch.0.join("copy.db");
    backup::vacuum_into(other, &copy)?;
    let mut connection =
        rusqlite::Connection::open(&copy).map_err(|error| Error::from(error).explain(&copy))?;
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
    take(here, &connection.into()).map_err(|error| error.explain(&here.place()))
}

fn take(here: &Database, copy: &Connection) -> Result<TakenOver, Error> {
    let own = here.reader()?;
    refuse_foreign(&own, here)?;
    if let Connection::Sqlite(file) = &own {
        file.pragma_update(None, "query_only", false)?;
        file.pragma_update(None, "foreign_keys", true)?;
    }
    own.begin()?;
    // What is not committed is undone when the connection closes.
    let known: HashSet<String> = sessions(&own)?.into_iter().collect();
    let mut result = TakenOver::default();
    for id in sessions(copy)? {
        if known.contains(&id) {
            continue;
        }
        own.execute_batch("SAVEPOINT one")?;
        match take_one(&own, copy, &id) {
            Ok(()) => {
                own.execute_batch("RELEASE one")?;
                result.taken.push(id);
            }
            Err(error) if error.is_constraint() => {
                own.execute_batch("ROLLBACK TO one; RELEASE one")?;
                result.refused.push((id, error.to_string()));
            }
            Err(error) => return Err(error),
        }
    }
    own.commit()?;
    Ok(result)
}

fn take_one(own: &Connection, copy: &Connection, id: &str) -> Result<(), Error> {
    let project = "id = (SELECT project_id FROM session WHERE id = ?1)";
    copy_rows(own, copy, "project", project, id, "ON CONFLICT DO NOTHING")?;
    for (table, of_session) in OF_SESSION {
        copy_rows(own, copy, table, &format!("{of_session} = ?1"), id, "")?;
    }
    Ok(())
}

/// Writes the rows of a table that are about `id` into the table of the same name.
fn copy_rows(
    own: &Connection,
    copy: &Connection,
    table: &str,
    condition: &str,
    id: &str,
    conflict: &str,
) -> Result<(), Error> {
    let columns = columns(copy, table)?;
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let (names, marks) = (names.join(", "), vec!["?"; columns.len()].join(", "));
    let mut insert = own.prepare_cached(&format!(
        "INSERT INTO {table} ({names}) VALUES ({marks}) {conflict}"
    ))?;
    let mut select = copy.prepare_cached(&format!("SELECT {names} FROM {table} WHERE {condition}"))?;
    let mut rows = select.query([id])?;
    while let Some(row) = rows.next()? {
        let value = |(at, (_, kind)): (usize, &(String, String))| {
            Ok(match kind.as_str() {
                "integer" => Owned::Integer(row.get(at)?),
                "real" => Owned::Real(row.get(at)?),
                _ => Owned::Text(row.get(at)?),
            })
        };
        let values: Vec<Owned> = columns
            .iter()
            .enumerate()
            .map(value)
            .collect::<Result<_, Error>>()?;
        insert.execute(values)?;
    }
    Ok(())
}

/// The columns of a table, each with its type.
fn columns(connection: &Connection, table: &str) -> Result<Vec<(String, String)>, Error> {
    let mut statement = connection.prepare_cached("SELECT name, lower(type) FROM pragma_table_info(?1)")?;
    statement
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
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
