//! The tables in PostgreSQL: those of the file, column by column, and the functions that SQLite brings along.

use opencode_schema::time::now;

use super::Session;
use crate::migration::{KNOWN, SCHEMA};
use crate::sql::Value;
use crate::{Error, activity, attempt, control, job, lease, presence};

/// Tables of our own, which a file gets when they are first needed.
const OWN_TABLES: [&str; 9] = [
    activity::ACTIVITIES,
    activity::OPEN,
    activity::INPUTS,
    attempt::TABLE,
    control::TABLE,
    job::TABLE,
    job::INDEX,
    lease::TABLE,
    presence::TABLE,
];

/// What statements use of SQLite. Text that is no JSON has nothing in it.
const FUNCTIONS: &str = r"
CREATE OR REPLACE FUNCTION json_valid(document text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  PERFORM document::json;
  RETURN true;
EXCEPTION WHEN others THEN
  RETURN false;
END $$;
CREATE OR REPLACE FUNCTION json_extract(document text, path text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  RETURN replace(document, '\u0000', '\ufffd')::json #>> string_to_array(substr(path, 3), '.');
EXCEPTION WHEN others THEN
  RETURN NULL;
END $$;";

/// Makes what is missing. Of several programs that start at once one does it, and the others wait.
pub(super) fn prepare(session: &Session) -> Result<(), Error> {
    // Another lock than that for writing, whose name is that of a table.
    session.execute_batch("BEGIN; SELECT pg_advisory_xact_lock(1329876804, 0)")?;
    let prepared = make(session);
    match prepared {
        Ok(()) => session.execute_batch("COMMIT"),
        Err(error) => {
            if !session.is_closed() {
                session.execute_batch("ROLLBACK")?;
            }
            Err(error)
        }
    }
}

fn make(session: &Session) -> Result<(), Error> {
    if !has_table(session, "migration")? {
        if has_table(session, "session")? {
            return Err(Error::Foreign {
                path: session.address().to_string().into(),
            });
        }
        session.execute_batch(&in_postgres(SCHEMA))?;
        // SQLite's own number of a row.
        session.execute_batch(
            "ALTER TABLE event ADD COLUMN rowid bigserial; CREATE UNIQUE INDEX event_rowid_idx ON event (rowid)",
        )?;
        for id in KNOWN {
            session.execute(
                "INSERT INTO migration (id, time_completed) VALUES (?1, ?2)",
                &[Value::Text(Some(id)), Value::Integer(Some(now()))],
            )?;
        }
    }
    for row in session.query("SELECT id FROM migration ORDER BY id", &[])? {
        let id: String = row.get(0);
        if !KNOWN.contains(&id.as_str()) {
            return Err(Error::Newer {
                path: session.address().to_string().into(),
                migration: id,
            });
        }
    }
    for table in OWN_TABLES {
        session.execute_batch(&in_postgres(table))?;
    }
    session.execute_batch(FUNCTIONS)
}

fn has_table(session: &Session, name: &str) -> Result<bool, Error> {
    let rows = session.query(
        "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = ?1",
        &[Value::Text(Some(name))],
    )?;
    Ok(!rows.is_empty())
}

/// A schema of SQLite in the types of PostgreSQL. Text is ordered byte by byte, as there.
fn in_postgres(schema: &str) -> String {
    let lines = schema.lines().filter(|line| !line.trim_start().starts_with("--"));
    let column = |line: &str| {
        let mut words: Vec<&str> = line.trim().splitn(3, ' ').collect();
        if let Some(kind) = words.get_mut(1) {
            let (name, comma) = kind.strip_suffix(',').map_or((*kind, ""), |name| (name, ","));
            *kind = match (name, comma) {
                ("text", "") => "text COLLATE \"C\"",
                ("text", _) => "text COLLATE \"C\",",
                ("integer", "") => "bigint",
                ("integer", _) => "bigint,",
                ("real", "") => "double precision",
                ("real", _) => "double precision,",
                _ => return line.to_owned(),
            };
        }
        format!("  {}", words.join(" "))
    };
    lines.map(column).collect::<Vec<_>>().join("\n")
}
