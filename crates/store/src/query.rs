//! A query of the user's own on the database (reference `cli.md` §11).

use std::path::Path;
use std::time::Duration;

use rusqlite::types::ValueRef;
use serde_json::Value;

use crate::sql::postgres::{self, Session};
use crate::{Database, Error};

/// How long another process may keep the file.
const BUSY: Duration = Duration::from_secs(5);

/// Runs one statement, which may write, and hands over each row with the names of its columns. Blocks.
///
/// # Errors
/// What the database says, or what `each` returned.
pub fn query<E: From<Error>>(
    database: &Database,
    sql: &str,
    each: impl FnMut(&[String], Vec<Value>) -> Result<(), E>,
) -> Result<(), E> {
    match database {
        Database::File(path) => of_file(path, sql, each),
        Database::Memory => of_file(Path::new(":memory:"), sql, each),
        Database::Server(address) => of_server(&Session::connect(address)?, sql, each),
    }
}

fn of_file<E: From<Error>>(
    path: &Path,
    sql: &str,
    mut each: impl FnMut(&[String], Vec<Value>) -> Result<(), E>,
) -> Result<(), E> {
    let refused = |error: rusqlite::Error| E::from(Error::from(error));
    let connection = rusqlite::Connection::open(path).map_err(refused)?;
    connection.busy_timeout(BUSY).map_err(refused)?;
    let mut statement = connection.prepare(sql).map_err(refused)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([]).map_err(refused)?;
    while let Some(row) = rows.next().map_err(refused)? {
        let values = (0..names.len()).map(|at| row.get_ref(at).map(value));
        let values = values.collect::<Result<Vec<_>, _>>().map_err(refused)?;
        each(&names, values)?;
    }
    Ok(())
}

fn of_server<E: From<Error>>(
    session: &Session,
    sql: &str,
    mut each: impl FnMut(&[String], Vec<Value>) -> Result<(), E>,
) -> Result<(), E> {
    for row in session.query_untranslated(sql)? {
        let names: Vec<String> = row
            .columns()
            .iter()
            .map(|column| column.name().to_owned())
            .collect();
        let values = (0..names.len()).map(|at| Ok(value(postgres::cell(&row, at)?)));
        each(&names, values.collect::<Result<_, Error>>()?)?;
    }
    Ok(())
}

/// Bytes are shown as hexadecimal digits.
fn value(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) if number.fract() == 0.0 && number.abs() < 1e15 => (number as i64).into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
        ValueRef::Blob(bytes) => {
            let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
            digits.collect::<String>().into()
        }
    }
}
