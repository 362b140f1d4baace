//! Whether a file is well: its structure, the references between rows, and the agreement of the log with the
//! rows that it made. Nothing is changed.
//!
//! The log of a session is replayed into a database in memory by the same code that wrote the rows, and what
//! comes of it is compared with what is stored. Left out are columns that also change without an event:
//! times of the last change, and the project, the folder and the sums of a session.

use std::collections::{BTreeMap, HashSet};

use opencode_schema::{EventBody, EventId, MessageBody, PartBody, SessionId};
use rusqlite::types::ValueRef;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::replay::{ForeignEvent, body_of};
use crate::sql::Connection;
use crate::{Database, Error, migration, projection};

/// Problems of one kind that are listed at most; the rest is counted.
const MOST: usize = 100;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What was looked at, in lines for people.
    pub notes: Vec<String>,
    /// What is wrong, in lines for people.
    pub problems: Vec<String>,
}

/// What of a table events alone decide: the id first.
struct Table {
    name: &'static str,
    of_session: &'static str,
    columns: &'static [&'static str],
}

const TABLES: [Table; 5] = [
    Table {
        name: "session",
        of_session: "id",
        columns: &[
            "id",
            "workspace_id",
            "parent_id",
            "slug",
            "title",
            "version",
            "share_url",
            "summary_additions",
            "summary_deletions",
            "summary_files",
            "summary_diffs",
            "metadata",
            "revert",
            "permission",
            "agent",
            "model",
            "time_created",
            "time_compacting",
            "time_archived",
        ],
    },
    Table {
        name: "message",
        of_session: "session_id",
        columns: &["id", "time_created", "data"],
    },
    Table {
        name: "part",
        of_session: "session_id",
        columns: &["id", "message_id", "data"],
    },
    Table {
        name: "session_message",
        of_session: "session_id",
        columns: &["id", "type", "seq", "time_created", "data"],
    },
    Table {
        name: "session_input",
        of_session: "session_id",
        columns: &[
            "id",
            "prompt",
            "delivery",
            "admitted_seq",
            "promoted_seq",
            "time_created",
        ],
    },
];

/// Looks through a database. Blocks for as long as it takes to read all of it. What a server says of its own
/// structure is left to it; of a database in memory there is nothing to see.
///
/// # Errors
/// It cannot be opened, or is none of this program.
pub fn check(database: &Database) -> Result<Report, Error> {
    look(database).map_err(|error| error.explain(&database.place()))
}

fn look(database: &Database) -> Result<Report, Error> {
    let mut report = Report::default();
    if *database == Database::Memory {
        return Ok(report);
    }
    let connection = database.reader()?;
    // One state of it, whoever writes meanwhile.
    connection.begin_reading()?;
    if let Connection::Sqlite(file) = &connection {
        if !structure(file, &mut report)? {
            return Ok(report);
        }
        if !migration::has_table(file, "session")? {
            return Err(Error::Foreign {
                path: database.place(),
            });
        }
        references(file, &mut report)?;
        if !migration::is_current(file)? {
            report.notes.push(
                "log: not looked at, because the file is of an older version and is changed at the next start"
                    .to_owned(),
            );
            return Ok(report);
        }
    }
    sessions(&connection, &mut report)?;
    Ok(report)
}

/// What SQLite says of pages and indexes; false when it is of no use to look further.
fn structure(connection: &rusqlite::Connection, report: &mut Report) -> Result<bool, Error> {
    let findings = || -> Result<Vec<String>, rusqlite::Error> {
        let mut statement = connection.prepare(&format!("PRAGMA quick_check({MOST})"))?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    let findings = match findings() {
        Ok(findings) => findings,
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            vec![error.to_string()]
        }
        Err(error) => return Err(error.into()),
    };
    if findings == ["ok"] {
        report.notes.push("structure: whole".to_owned());
        return Ok(true);
    }
    let lines = findings.iter().flat_map(|finding| finding.lines());
    report
        .problems
        .extend(lines.map(|line| format!("structure: {line}")));
    Ok(false)
}

/// Rows that refer to rows which are not there.
fn references(connection: &rusqlite::Connection, report: &mut Report) -> Result<(), Error> {
    let mut statement = connection.prepare(
        "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY \"table\", parent",
    )?;
    let mut rows = statement.query([])?;
    let before = report.problems.len();
    while let Some(row) = rows.next()? {
        let (table, parent, count): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        report.problems.push(format!(
            "references: {count} of the table {table} belong to a {parent} that is not there"
        ));
    }
    if report.problems.len() == before {
        report.notes.push("references: whole".to_owned());
    }
    Ok(())
}

/// How a session compares with its log.
enum Outcome {
    /// Everything can be told, and this is what differs.
    Compared(Vec<String>),
    /// The log does not hold everything: the session was imported, or is older than the log.
    Partial,
    /// It holds events that this version does not know.
    Unknown,
}

fn sessions(connection: &Connection, report: &mut Report) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM session UNION SELECT aggregate_id FROM event_sequence
         UNION SELECT aggregate_id FROM event ORDER BY 1",
    )?;
    let ids = statement.query_map([], |row| row.get::<_, String>(0))?;
    let scratch = Connection::from(rusqlite::Connection::open_in_memory()?);
    scratch.execute_batch(migration::SCHEMA)?;
    scratch.execute_batch("PRAGMA foreign_keys = OFF")?;
    let (mut agree, mut differ, mut partial, mut unknown) = (0, 0, 0, 0);
    let mut differences = Vec::new();
    for id in ids {
        let id = SessionId::trusted(id?);
        match compare(connection, &scratch, &id)? {
            Outcome::Compared(found) if found.is_empty() => agree += 1,
            Outcome::Compared(found) => {
                differ += 1;
                differences.extend(found.into_iter().map(|line| format!("{id}: {line}")));
            }
            Outcome::Partial => partial += 1,
            Outcome::Unknown => unknown += 1,
        }
    }
    report.notes.push(format!("log: {agree} sessions agree with it"));
    if differ > 0 {
        report.notes.push(format!("log: {differ} sessions do not"));
    }
    if partial > 0 {
        report.notes.push(format!(
            "log: {partial} sessions are older than it or were imported, and cannot be compared"
        ));
    }
    if unknown > 0 {
        report.notes.push(format!(
            "log: {unknown} sessions have events that this version does not know, and cannot be compared"
        ));
    }
    let more = differences.len().saturating_sub(MOST);
    differences.truncate(MOST);
    report.problems.extend(differences);
    if more > 0 {
        report.problems.push(format!("and {more} more of the same kind"));
    }
    Ok(())
}

fn compare(connection: &Connection, scratch: &Connection, id: &SessionId) -> Result<Outcome, Error> {
    if !scratch.is_autocommit() {
        scratch.rollback()?;
    }
    clear(scratch)?;
    let last: i64 = connection
        .prepare_cached("SELECT coalesce((SELECT seq FROM event_sequence WHERE aggregate_id = ?1), -1)")?
        .query_row([id.as_str()], |row| row.get(0))?;
    let mut found = Vec::new();
    let mut named = HashSet::new();
    let mut next = 0;
    // Not for what it keeps together: one by one, changes take longer.
    scratch.begin()?;
    {
        let mut statement = connection
            .prepare_cached("SELECT id, seq, type, data FROM event WHERE aggregate_id = ?1 ORDER BY seq")?;
        let mut rows = statement.query([id.as_str()])?;
        while let Some(row) = rows.next()? {
            let (seq, data): (i64, String) = (row.get(1)?, row.get(3)?);
            if seq != next {
                if next > 0 {
                    found.push(format!("the log goes from the place {} to {seq}", next - 1));
                    return Ok(Outcome::Compared(found));
                }
                return Ok(Outcome::Partial);
            }
            let Ok(data) = serde_json::from_str(&data) else {
                found.push(format!("the event at the place {seq} cannot be read"));
                return Ok(Outcome::Compared(found));
            };
            let event = ForeignEvent {
                id: EventId::trusted(row.get::<_, String>(0)?),
                aggregate_id: id.to_string(),
                seq,
                kind: row.get(2)?,
                data,
            };
            let Ok(body) = body_of(&event, id) else {
                return Ok(Outcome::Unknown);
            };
            if seq == 0 && !matches!(body, EventBody::SessionCreated { .. }) {
                return Ok(Outcome::Partial);
            }
            if let Err(error) = projection::apply(scratch, &body, seq) {
                found.push(format!(
                    "the event at the place {seq} ({}) does not fit what was before it: {error}",
                    event.kind
                ));
                return Ok(Outcome::Compared(found));
            }
            match &body {
                EventBody::MessageUpdated { info, .. } => drop(named.insert(info.id.to_string())),
                EventBody::PartUpdated { part, .. } => drop(named.insert(part.id.to_string())),
                EventBody::SessionDeleted { .. } => clear(scratch)?,
                _ => {}
            }
            next = seq + 1;
        }
    }
    scratch.commit()?;
    if next == 0 && last < 0 {
        return Ok(Outcome::Partial);
    }
    if next != last + 1 {
        found.push(format!(
            "the log has {next} events, but its last place is told to be {last}"
        ));
    }
    for table in &TABLES {
        differences(table, connection, scratch, id, &named, &mut found)?;
    }
    Ok(Outcome::Compared(found))
}

fn clear(scratch: &Connection) -> Result<(), Error> {
    for table in &TABLES {
        scratch
            .prepare_cached(&format!("DELETE FROM {}", table.name))?
            .execute([])?;
    }
    Ok(())
}

fn differences(
    table: &Table,
    connection: &Connection,
    scratch: &Connection,
    id: &SessionId,
    named: &HashSet<String>,
    found: &mut Vec<String>,
) -> Result<(), Error> {
    let (stored, mut wanted) = (rows_of(table, connection, id)?, rows_of(table, scratch, id)?);
    // Imports add rows without events.
    let may_be_imported = |row: &str| matches!(table.name, "message" | "part") && !named.contains(row);
    for (row, stored) in &stored {
        let Some(wanted) = wanted.remove(row) else {
            if !may_be_imported(row) {
                found.push(format!(
                    "the {} {row} is not what the log says: it should not be there",
                    table.name
                ));
            }
            continue;
        };
        let differing = table
            .columns
            .iter()
            .zip(stored.iter().zip(&wanted))
            .filter(|(column, (stored, wanted))| !same(table.name, column, stored, wanted));
        let columns: Vec<&str> = differing.map(|(column, _)| *column).collect();
        if !columns.is_empty() {
            found.push(format!(
                "the {} {row} is not what the log says: {} differs",
                table.name,
                columns.join(", ")
            ));
        }
    }
    let missing = wanted.into_keys();
    found.extend(
        missing.map(|row| format!("the {} {row} is not what the log says: it is missing", table.name)),
    );
    Ok(())
}

/// The rows of a session by their ids.
fn rows_of(
    table: &Table,
    connection: &Connection,
    id: &SessionId,
) -> Result<BTreeMap<String, Vec<Value>>, Error> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM {} WHERE {} = ?1",
        table.columns.join(", "),
        table.name,
        table.of_session
    ))?;
    let mut rows = statement.query([id.as_str()])?;
    let mut all = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let values = (0..table.columns.len()).map(|at| Ok(value(row.cell(&at)?)));
        let values = values.collect::<Result<Vec<_>, Error>>()?;
        all.insert(row.get(0)?, values);
    }
    Ok(all)
}

/// A cell; text that is an object or a list as such.
fn value(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => plain(number.into()),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            let text = String::from_utf8_lossy(text);
            let whole = match text.starts_with(['{', '[']) {
                true => serde_json::from_str(&text).ok().map(plain),
                false => None,
            };
            whole.unwrap_or_else(|| Value::String(text.into_owned()))
        }
    }
}

/// One spelling of what means the same: numbers with and without a point, keys without a value.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Number(number), Value::from),
        Value::Array(all) => all.into_iter().map(plain).collect(),
        Value::Object(keys) => keys
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, plain(value)))
            .collect(),
        other => other,
    }
}

/// Whether two cells mean the same, also when another program spelled the stored one.
fn same(table: &str, column: &str, stored: &Value, wanted: &Value) -> bool {
    if stored == wanted {
        return true;
    }
    match (table, column) {
        ("message", "data") => respelled::<MessageBody>(stored).as_ref() == Some(wanted),
        ("part", "data") => respelled::<PartBody>(stored).as_ref() == Some(wanted),
        _ => false,
    }
}

fn respelled<T: DeserializeOwned + Serialize>(value: &Value) -> Option<Value> {
    let typed: T = serde_json::from_value(value.clone()).ok()?;
    serde_json::to_value(typed).ok().map(plain)
}
