//! Bringing a file to the present schema.
//!
//! The reference keeps the migrations that a file has had in the table `migration` (38 of them at
//! 1.18.33) and runs the missing ones one by one. The sum of them is what counts, so an older file is
//! compared with the present schema and brought there in one transaction: missing columns are added,
//! columns that are gone are dropped, tables whose content can be made again are made anew. Then all
//! known ids are marked, and both programs take the file as current (reference `sessions.md` §5).

use std::path::Path;
use std::time::Duration;

use opencode_schema::time::now;
use rusqlite::Connection;

use crate::writer::{patiently, patiently_for};
use crate::{Error, backup};

/// How long SQLite itself waits for a lock.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a process waits for another one that copies the file and changes it: both take as long as the
/// file is large.
const CLAIM_PATIENCE: Duration = Duration::from_secs(300);

pub(crate) const SCHEMA: &str = include_str!("schema.sql");

/// The migrations of 1.18.33 in order.
pub(crate) const KNOWN: [&str; 38] = [
    "20260127222353_familiar_lady_ursula",
    "20260211171708_add_project_commands",
    "20260213144116_wakeful_the_professor",
    "20260225215848_workspace",
    "20260227213759_add_session_workspace_id",
    "20260228203230_blue_harpoon",
    "20260303231226_add_workspace_fields",
    "20260309230000_move_org_to_state",
    "20260312043431_session_message_cursor",
    "20260323234822_events",
    "20260410174513_workspace-name",
    "20260413175956_chief_energizer",
    "20260423070820_add_icon_url_override",
    "20260427172553_slow_nightmare",
    "20260428004200_add_session_path",
    "20260501142318_next_venus",
    "20260504145000_add_sync_owner",
    "20260507164347_add_workspace_time",
    "20260510033149_session_usage",
    "20260511000411_data_migration_state",
    "20260511173437_session-metadata",
    "20260601010001_normalize_storage_paths",
    "20260601202201_amazing_prowler",
    "20260602002951_lowly_union_jack",
    "20260602182828_add_project_directories",
    "20260603001617_session_message_projection_indexes",
    "20260603040000_session_message_projection_order",
    "20260603141458_session_input_inbox",
    "20260603160727_jittery_ezekiel_stane",
    "20260604172448_event_sourced_session_input",
    "20260605003541_add_session_context_snapshot",
    "20260605042240_add_context_epoch_agent",
    "20260611035744_credential",
    "20260611192811_lush_chimera",
    "20260612174303_project_dir_strategy",
    "20260622142730_simplify_session_context_epoch",
    "20260622170816_reset_v2_session_state",
    "20260622202450_simplify_session_input",
];

/// Tables whose rows are kept whatever their shape; what they lack is added, what they have too much is dropped.
const KEPT: [&str; 9] = [
    "project",
    "project_directory",
    "session",
    "message",
    "part",
    "todo",
    "session_share",
    "account",
    "account_state",
];

/// Sets up a connection for writing and brings the file to the present schema. Safe to run from several
/// processes at once: one claims the file and does the work, the others wait and find it done. The claim is
/// SQLite's own lock on the file, which the system releases when a process dies; what it had changed until
/// then is undone.
pub(crate) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(128);
    // Switching to WAL asks for the file alone and does not wait by itself.
    patiently(path, || {
        Ok(connection.pragma_update(None, "journal_mode", "WAL")?)
    })?;
    // The system keeps the pages of the file anyway: a larger cache of our own grows with the file and gains nothing.
    connection
        .execute_batch("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -2000; PRAGMA foreign_keys = ON;")?;
    if is_current(connection)? {
        return check_not_newer(connection, path);
    }
    // Tables are made anew and columns dropped below; the rows that refer to them stay as they are.
    connection.execute_batch("PRAGMA foreign_keys = OFF")?;
    let claimed = patiently_for(CLAIM_PATIENCE, path, || {
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        migrate(&transaction, path)?;
        Ok(transaction.commit()?)
    });
    claimed.map_err(|error| match error {
        Error::Busy { path, waited } => Error::Claimed { path, waited },
        other => other,
    })?;
    connection.execute_batch("PRAGMA foreign_keys = ON")?;
    Ok(())
}

fn migrate(connection: &Connection, path: &Path) -> Result<(), Error> {
    if is_current(connection)? {
        return check_not_newer(connection, path);
    }
    if has_table(connection, "session")? {
        check_not_newer(connection, path)?;
        backup::before_change(connection, path)?;
        upgrade(connection)?;
    } else if is_empty(connection)? {
        connection.execute_batch(SCHEMA)?;
    } else {
        return Err(Error::Foreign {
            path: path.to_owned(),
        });
    }
    let mut mark =
        connection.prepare("INSERT OR IGNORE INTO migration (id, time_completed) VALUES (?1, ?2)")?;
    for id in KNOWN {
        mark.execute((id, now()))?;
    }
    Ok(())
}

pub(crate) fn has_table(connection: &Connection, name: &str) -> Result<bool, Error> {
    // By a statement: SQLite's own look-up answers from memory and misses what another process just made.
    Ok(connection
        .prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1")?
        .exists([name])?)
}

fn is_empty(connection: &Connection) -> Result<bool, Error> {
    let count: i64 = connection.query_row(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT IN ('migration', '__drizzle_migrations')",
        [],
        |row| row.get(0),
    )?;
    Ok(count == 0)
}

pub(crate) fn is_current(connection: &Connection) -> Result<bool, Error> {
    if !has_table(connection, "migration")? || !has_table(connection, "session")? {
        return Ok(false);
    }
    let mut have = connection.prepare("SELECT 1 FROM migration WHERE id = ?1")?;
    for id in KNOWN.iter().rev() {
        if !have.exists([id])? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn check_not_newer(connection: &Connection, path: &Path) -> Result<(), Error> {
    if !has_table(connection, "migration")? {
        return Ok(());
    }
    let mut ids = connection.prepare("SELECT id FROM migration ORDER BY id")?;
    let ids = ids
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<Result<Vec<_>, _>>()?;
    match ids.into_iter().find(|id| !KNOWN.contains(&id.as_str())) {
        Some(migration) => Err(Error::Newer {
            path: path.to_owned(),
            migration,
        }),
        None => Ok(()),
    }
}

/// A column as `PRAGMA table_info` tells it.
#[derive(Debug, PartialEq)]
struct Column {
    name: String,
    kind: String,
    not_null: bool,
    default: Option<String>,
    key: i64,
}

fn columns(connection: &Connection, table: &str) -> Result<Vec<Column>, Error> {
    let mut statement =
        connection.prepare("SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info(?1)")?;
    let rows = statement.query_map([table], |row| {
        Ok(Column {
            name: row.get(0)?,
            kind: row.get(1)?,
            not_null: row.get(2)?,
            default: row.get(3)?,
            key: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn upgrade(connection: &Connection) -> Result<(), Error> {
    let wanted = Connection::open_in_memory()?;
    wanted.execute_batch(SCHEMA)?;
    // Older files may have indexes of these names on other columns.
    drop_indexes(connection)?;
    connection.execute_batch("DROP TABLE IF EXISTS session_entry")?;
    let mut added: Vec<(String, String)> = Vec::new();
    for (table, statement) in tables_of(&wanted)? {
        if !has_table(connection, &table)? {
            connection.execute_batch(&statement)?;
            continue;
        }
        let (have, want) = (columns(connection, &table)?, columns(&wanted, &table)?);
        if table == "migration" || same_shape(&have, &want) {
            continue;
        }
        if !KEPT.contains(&table.as_str()) {
            connection.execute_batch(&format!("DROP TABLE {table}; {statement}"))?;
            continue;
        }
        for column in want
            .iter()
            .filter(|column| !have.iter().any(|old| old.name == column.name))
        {
            add_column(connection, &table, column)?;
            added.push((table.clone(), column.name.clone()));
        }
        fill_added(connection, &table, &added)?;
        for column in have
            .iter()
            .filter(|column| !want.iter().any(|new| new.name == column.name))
        {
            connection.execute_batch(&format!("ALTER TABLE {table} DROP COLUMN {}", column.name))?;
        }
    }
    // The last migrations of the reference empty these: their content is of an older form.
    connection.execute_batch(
        "DELETE FROM session_context_epoch; DELETE FROM session_input; DELETE FROM session_message;
         DELETE FROM event; DELETE FROM event_sequence;
         UPDATE session SET workspace_id = NULL WHERE workspace_id IS NOT NULL; DELETE FROM workspace;",
    )?;
    for statement in indexes_of(&wanted)? {
        connection.execute_batch(&statement)?;
    }
    Ok(())
}

/// Same columns with the same meaning, in any order.
fn same_shape(have: &[Column], want: &[Column]) -> bool {
    have.len() == want.len()
        && want.iter().all(|wanted| {
            have.iter().any(|column| {
                column.name == wanted.name && column.not_null == wanted.not_null && column.key == wanted.key
            })
        })
}

fn add_column(connection: &Connection, table: &str, column: &Column) -> Result<(), Error> {
    let default = column
        .default
        .as_ref()
        .map_or_else(String::new, |value| format!(" DEFAULT {value}"));
    let not_null = if column.not_null { " NOT NULL" } else { "" };
    connection.execute_batch(&format!(
        "ALTER TABLE {table} ADD COLUMN {} {}{default}{not_null}",
        column.name, column.kind
    ))?;
    Ok(())
}

/// What a new column holds for rows that were there before.
fn fill_added(connection: &Connection, table: &str, added: &[(String, String)]) -> Result<(), Error> {
    let is_new = |column: &str| added.iter().any(|(t, c)| t == table && c == column);
    if table == "project" && is_new("icon_url_override") {
        connection
            .execute_batch("UPDATE project SET icon_url_override = icon_url WHERE icon_url IS NOT NULL")?;
    }
    if table == "account_state" && is_new("active_org_id") {
        let old = columns(connection, "account")?;
        if old.iter().any(|column| column.name == "selected_org_id") {
            connection.execute_batch(
                "UPDATE account_state SET active_org_id =
                   (SELECT selected_org_id FROM account WHERE account.id = account_state.active_account_id)",
            )?;
        }
    }
    if table == "session" && is_new("cost") {
        for (column, path) in [
            ("cost", "$.cost"),
            ("tokens_input", "$.tokens.input"),
            ("tokens_output", "$.tokens.output"),
            ("tokens_reasoning", "$.tokens.reasoning"),
            ("tokens_cache_read", "$.tokens.cache.read"),
            ("tokens_cache_write", "$.tokens.cache.write"),
        ] {
            connection.execute(
                &format!(
                    "UPDATE session SET {column} = coalesce((SELECT sum(coalesce(json_extract(data, ?1), 0)) FROM message
                       WHERE session_id = session.id AND json_extract(data, '$.role') = 'assistant'), 0)"
                ),
                [path],
            )?;
        }
    }
    Ok(())
}

fn tables_of(connection: &Connection) -> Result<Vec<(String, String)>, Error> {
    let mut statement = connection.prepare(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name = 'account', rowid",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn indexes_of(connection: &Connection) -> Result<Vec<String>, Error> {
    let mut statement = connection
        .prepare("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY rowid")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn drop_indexes(connection: &Connection) -> Result<(), Error> {
    let mut statement = connection.prepare(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name NOT LIKE 'opencode\\_%' ESCAPE '\\'",
    )?;
    let names = statement
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<Result<Vec<_>, _>>()?;
    drop(statement);
    for name in names {
        connection.execute_batch(&format!("DROP INDEX \"{name}\""))?;
    }
    Ok(())
}
