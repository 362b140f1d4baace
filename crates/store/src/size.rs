//! How much room the kinds of rows take in the file.

use std::path::{Path, PathBuf};

use crate::sql::Connection;
use crate::{Database, Error, backup, migration};

const OF_LOG: [&str; 2] = ["event", "event_sequence"];
const OF_SESSIONS: [&str; 8] = [
    "session",
    "message",
    "part",
    "todo",
    "session_share",
    "session_message",
    "session_input",
    "session_context_epoch",
];

/// How much room the kinds of rows take, in bytes of whole pages with their indexes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Sessions that are stored.
    pub sessions: u64,
    /// What they, their messages and their prompts take.
    pub sessions_bytes: u64,
    /// Events of the log.
    pub events: u64,
    /// What the log takes.
    pub events_bytes: u64,
    /// Everything else, free pages included.
    pub other_bytes: u64,
}

/// Looks how much room the rows of a database take. Reads all of a file, and blocks that long.
///
/// # Errors
/// It cannot be read.
pub fn sizes(database: &Database) -> Result<Sizes, Error> {
    let measured = database.reader().and_then(|connection| match &connection {
        Connection::Sqlite(file) => of_file(file),
        server @ Connection::Postgres(_) => of_server(server),
    });
    measured.map_err(|error| error.explain(&database.place()))
}

fn of_server(connection: &Connection) -> Result<Sizes, Error> {
    let number = |query: &str| -> Result<u64, Error> {
        let count: i64 = connection
            .prepare_cached(query)?
            .query_row([], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or_default())
    };
    let bytes = |tables: &[&str]| -> Result<u64, Error> {
        tables.iter().try_fold(0, |sum, table| {
            Ok(sum + number(&format!("SELECT pg_total_relation_size('{table}')"))?)
        })
    };
    let whole = number("SELECT pg_database_size(current_database())")?;
    let (events_bytes, sessions_bytes) = (bytes(&OF_LOG)?, bytes(&OF_SESSIONS)?);
    Ok(Sizes {
        sessions: number("SELECT count(*) FROM session")?,
        sessions_bytes,
        events: number("SELECT count(*) FROM event")?,
        events_bytes,
        other_bytes: whole.saturating_sub(events_bytes + sessions_bytes),
    })
}

fn of_file(file: &rusqlite::Connection) -> Result<Sizes, Error> {
    let connection = file.unchecked_transaction()?;
    let bytes = |bytes: i64| u64::try_from(bytes).unwrap_or_default();
    let mut sizes = Sizes::default();
    let mut statement = connection.prepare(
        "SELECT coalesce(m.tbl_name, s.name), sum(s.pgsize) FROM dbstat s LEFT JOIN sqlite_master m ON m.name = s.name
         WHERE s.aggregate = TRUE GROUP BY 1",
    )?;
    let mut rows = statement.query([])?;
    let mut known = 0;
    while let Some(row) = rows.next()? {
        let (table, size): (String, i64) = (row.get(0)?, row.get(1)?);
        known += bytes(size);
        match table.as_str() {
            name if OF_LOG.contains(&name) => sizes.events_bytes += bytes(size),
            name if OF_SESSIONS.contains(&name) => sizes.sessions_bytes += bytes(size),
            _ => sizes.other_bytes += bytes(size),
        }
    }
    let number = |query: &str| connection.query_row(query, [], |row| row.get::<_, i64>(0));
    let whole = bytes(number("PRAGMA page_count")?.saturating_mul(number("PRAGMA page_size")?));
    sizes.other_bytes += whole.saturating_sub(known);
    if migration::has_table(&connection, "session")? {
        sizes.sessions = bytes(number("SELECT count(*) FROM session")?);
    }
    if migration::has_table(&connection, "event")? {
        sizes.events = bytes(number("SELECT count(*) FROM event")?);
    }
    Ok(sizes)
}

/// The copies that were kept of the file at `path` before it was changed, the newest first.
#[must_use]
pub fn backups(path: &Path) -> Vec<PathBuf> {
    backup::copies(path)
}
