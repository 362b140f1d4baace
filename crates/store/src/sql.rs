//! The calls in which statements are made, the same for both databases.
//!
//! Statements are written once, in what SQLite and PostgreSQL have in common: numbered parameters (`?1`),
//! `ON CONFLICT`, `CAST` to `bigint` and `double precision`, `json_extract` and `json_valid` of text. What is spelled
//! otherwise in PostgreSQL is translated in [`postgres`] ([`postgres::translated`]).

#![allow(
    clippy::needless_pass_by_value,
    reason = "parameters are given as they stand at the call"
)]

pub(crate) mod postgres;

use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::Error;
use postgres::Session;

/// An open connection to either database.
pub(crate) enum Connection {
    Sqlite(rusqlite::Connection),
    Postgres(Box<Session>),
}

impl From<rusqlite::Connection> for Connection {
    fn from(connection: rusqlite::Connection) -> Self {
        Self::Sqlite(connection)
    }
}

impl Connection {
    /// A statement, kept by the connection for the next time.
    pub(crate) fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>, Error> {
        Ok(match self {
            Self::Sqlite(connection) => Statement::Sqlite(connection.prepare_cached(sql)?),
            Self::Postgres(session) => Statement::Postgres(session, sql.to_owned()),
        })
    }

    /// Statements without parameters and results.
    pub(crate) fn execute_batch(&self, sql: &str) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Self::Postgres(session) => session.execute_batch(sql),
        }
    }

    /// Sees to it that a table of our own is there. A file that the reference program opens, too, gets it when it is
    /// first needed; a PostgreSQL database has it from the start ([`postgres::OWN_TABLES`]).
    pub(crate) fn ensure_table(&self, statement: &str) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(statement)?),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Whether a table of our own is there.
    pub(crate) fn has_table(&self, name: &str) -> Result<bool, Error> {
        match self {
            // What the connection remembers of the tables may be older than the file; a statement looks again.
            Self::Sqlite(connection) => Ok(connection
                .prepare_cached("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1")?
                .exists([name])?),
            Self::Postgres(_) => Ok(true),
        }
    }

    /// Begins a transaction that writes: nobody else writes until it ends.
    pub(crate) fn begin(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch("BEGIN IMMEDIATE")?),
            Self::Postgres(session) => session.begin(),
        }
    }

    /// Begins a transaction that sees one state.
    pub(crate) fn begin_reading(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch("BEGIN")?),
            Self::Postgres(session) => session.begin_reading(),
        }
    }

    /// Commits what was written since the transaction was begun.
    pub(crate) fn commit(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch("COMMIT")?),
            Self::Postgres(session) => session.commit(),
        }
    }

    /// Undoes what was written since the transaction was begun.
    pub(crate) fn rollback(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch("ROLLBACK")?),
            Self::Postgres(session) => session.rollback(),
        }
    }

    /// Whether no transaction is open, also because the database has given it up.
    pub(crate) fn is_autocommit(&self) -> bool {
        match self {
            Self::Sqlite(connection) => connection.is_autocommit(),
            Self::Postgres(session) => session.is_autocommit(),
        }
    }

    /// Milliseconds since 1970 by the clock that all who use the database share.
    pub(crate) fn clock(&self) -> Result<i64, Error> {
        match self {
            Self::Sqlite(_) => Ok(opencode_schema::time::now()),
            Self::Postgres(_) => self
                .prepare_cached("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)")?
                .query_row([], |row| row.get(0)),
        }
    }
}

/// A statement that is ready to be run.
pub(crate) enum Statement<'a> {
    Sqlite(rusqlite::CachedStatement<'a>),
    Postgres(&'a Session, String),
}

impl Statement<'_> {
    /// Runs a change; gives the number of changed rows.
    pub(crate) fn execute(&mut self, parameters: impl Params) -> Result<usize, Error> {
        let values = parameters.values();
        match self {
            Self::Sqlite(statement) => Ok(statement.execute(rusqlite::params_from_iter(values))?),
            Self::Postgres(session, sql) => session.execute(sql, &values),
        }
    }

    /// Runs a query.
    pub(crate) fn query(&mut self, parameters: impl Params) -> Result<Rows<'_>, Error> {
        let values = parameters.values();
        Ok(match self {
            Self::Sqlite(statement) => Rows::Sqlite(statement.query(rusqlite::params_from_iter(values))?),
            Self::Postgres(session, sql) => Rows::Postgres {
                rest: session.query(sql, &values)?.into_iter(),
                row: None,
            },
        })
    }

    /// The first row of a query; [`Error::NotFound`] without one, for [`Optional::optional`].
    pub(crate) fn query_row<T>(
        &mut self,
        parameters: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match self.query(parameters)?.next()? {
            Some(row) => read(&row),
            None => Err(Error::NotFound {
                what: ROW,
                id: String::new(),
            }),
        }
    }

    /// All rows of a query, read one by one.
    pub(crate) fn query_map<T, F: FnMut(&Row<'_>) -> Result<T, Error>>(
        &mut self,
        parameters: impl Params,
        read: F,
    ) -> Result<Mapped<'_, F>, Error> {
        Ok(Mapped {
            rows: self.query(parameters)?,
            read,
        })
    }

    /// Whether a query has a row.
    pub(crate) fn exists(&mut self, parameters: impl Params) -> Result<bool, Error> {
        Ok(self.query(parameters)?.next()?.is_some())
    }
}

/// What [`Error::NotFound`] calls a row that is not there.
const ROW: &str = "row";

/// A row that may be missing.
pub(crate) trait Optional<T> {
    /// `None` when there was no row.
    fn optional(self) -> Result<Option<T>, Error>;
}

impl<T> Optional<T> for Result<T, Error> {
    fn optional(self) -> Result<Option<T>, Error> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(Error::NotFound { what: ROW, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The rows of a query.
pub(crate) enum Rows<'s> {
    Sqlite(rusqlite::Rows<'s>),
    Postgres {
        rest: std::vec::IntoIter<::postgres::Row>,
        row: Option<::postgres::Row>,
    },
}

impl Rows<'_> {
    /// The next row, if there is one.
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>, Error> {
        Ok(match self {
            Self::Sqlite(rows) => rows.next()?.map(Row::Sqlite),
            Self::Postgres { rest, row } => {
                *row = rest.next();
                row.as_ref().map(Row::Postgres)
            }
        })
    }
}

/// The rows of a query as values.
pub(crate) struct Mapped<'s, F> {
    rows: Rows<'s>,
    read: F,
}

impl<T, F: FnMut(&Row<'_>) -> Result<T, Error>> Iterator for Mapped<'_, F> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.rows.next() {
            Ok(row) => row.map(|row| (self.read)(&row)),
            Err(error) => Some(Err(error)),
        }
    }
}

/// A row of a result.
pub(crate) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r ::postgres::Row),
}

impl Row<'_> {
    /// A value by the number or the name of its column.
    pub(crate) fn get<I: Column, T: FromCell>(&self, column: I) -> Result<T, Error> {
        let cell = self.cell(&column)?;
        T::from_cell(cell).ok_or_else(|| Error::Unreadable {
            what: "column",
            id: column.to_string(),
            reason: format!("{cell:?} is not of its type"),
        })
    }

    /// A value as it is stored.
    pub(crate) fn cell(&self, column: &impl Column) -> Result<ValueRef<'_>, Error> {
        match self {
            Self::Sqlite(row) => column.of_sqlite(row),
            Self::Postgres(row) => column.of_postgres(row),
        }
    }
}

/// A column by its number or its name.
pub(crate) trait Column: std::fmt::Display {
    fn of_sqlite<'r>(&self, row: &'r rusqlite::Row<'_>) -> Result<ValueRef<'r>, Error>;
    fn of_postgres<'r>(&self, row: &'r ::postgres::Row) -> Result<ValueRef<'r>, Error>;
}

impl Column for usize {
    fn of_sqlite<'r>(&self, row: &'r rusqlite::Row<'_>) -> Result<ValueRef<'r>, Error> {
        Ok(row.get_ref(*self)?)
    }

    fn of_postgres<'r>(&self, row: &'r ::postgres::Row) -> Result<ValueRef<'r>, Error> {
        postgres::cell(row, *self)
    }
}

impl Column for &str {
    fn of_sqlite<'r>(&self, row: &'r rusqlite::Row<'_>) -> Result<ValueRef<'r>, Error> {
        Ok(row.get_ref(*self)?)
    }

    fn of_postgres<'r>(&self, row: &'r ::postgres::Row) -> Result<ValueRef<'r>, Error> {
        let at = row.columns().iter().position(|column| column.name() == *self);
        let at = at.ok_or_else(|| Error::NotFound {
            what: "column",
            id: (*self).to_owned(),
        })?;
        postgres::cell(row, at)
    }
}

/// What a value of a row can be read as.
pub(crate) trait FromCell: Sized {
    /// `None` when it is of another type.
    fn from_cell(cell: ValueRef<'_>) -> Option<Self>;
}

impl FromCell for String {
    fn from_cell(cell: ValueRef<'_>) -> Option<Self> {
        Some(cell.as_str().ok()?.to_owned())
    }
}

impl FromCell for i64 {
    fn from_cell(cell: ValueRef<'_>) -> Option<Self> {
        cell.as_i64().ok()
    }
}

impl FromCell for bool {
    fn from_cell(cell: ValueRef<'_>) -> Option<Self> {
        Some(cell.as_i64().ok()? != 0)
    }
}

impl FromCell for f64 {
    fn from_cell(cell: ValueRef<'_>) -> Option<Self> {
        match cell {
            ValueRef::Integer(number) => Some(number as Self),
            other => other.as_f64().ok(),
        }
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: ValueRef<'_>) -> Option<Self> {
        match cell {
            ValueRef::Null => Some(None),
            cell => T::from_cell(cell).map(Some),
        }
    }
}

/// A value for a statement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Text(Option<&'a str>),
    Integer(Option<i64>),
    Real(Option<f64>),
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Integer(Some(number)) => ValueRef::Integer(number),
            Self::Real(Some(number)) => ValueRef::Real(number),
            Self::Text(None) | Self::Integer(None) | Self::Real(None) => ValueRef::Null,
        }))
    }
}

/// What can be given to a statement. Also of what is not there the type is known, which PostgreSQL wants to be told.
pub(crate) trait Param {
    /// The value of what may be missing.
    fn value_of(this: Option<&Self>) -> Value<'_>;
}

macro_rules! param {
    ($($type:ty: $variant:ident($value:ident => $expression:expr)),* $(,)?) => {
        $(impl Param for $type {
            fn value_of(this: Option<&Self>) -> Value<'_> {
                Value::$variant(this.map(|$value| $expression))
            }
        })*
    };
}

param! {
    str: Text(text => text),
    String: Text(text => text.as_str()),
    i64: Integer(number => *number),
    u32: Integer(number => i64::from(*number)),
    bool: Integer(yes => i64::from(*yes)),
    f64: Real(number => *number),
}

impl<T: Param + ?Sized> Param for &T {
    fn value_of(this: Option<&Self>) -> Value<'_> {
        T::value_of(this.copied())
    }
}

impl<T: Param> Param for Option<T> {
    fn value_of(this: Option<&Self>) -> Value<'_> {
        T::value_of(this.and_then(Option::as_ref))
    }
}

/// [`Param`] of any type.
pub(crate) trait AnyParam {
    fn value(&self) -> Value<'_>;
}

impl<T: Param> AnyParam for T {
    fn value(&self) -> Value<'_> {
        T::value_of(Some(self))
    }
}

/// A value for a statement that is put together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Owned {
    Text(Option<String>),
    Integer(Option<i64>),
    Real(Option<f64>),
}

impl From<String> for Owned {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<i64> for Owned {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

/// The parameters of a statement, in their order.
pub(crate) trait Params {
    fn values(&self) -> Vec<Value<'_>>;
}

impl Params for &[&dyn AnyParam] {
    fn values(&self) -> Vec<Value<'_>> {
        self.iter().map(|value| value.value()).collect()
    }
}

impl Params for [&dyn AnyParam; 0] {
    fn values(&self) -> Vec<Value<'_>> {
        Vec::new()
    }
}

macro_rules! arrays {
    ($($count:literal),*) => {
        $(impl<T: Param> Params for [T; $count] {
            fn values(&self) -> Vec<Value<'_>> {
                self.iter().map(AnyParam::value).collect()
            }
        })*
    };
}

arrays!(1, 2, 3, 4);

impl Params for Vec<Owned> {
    fn values(&self) -> Vec<Value<'_>> {
        let value = |owned| match owned {
            &Owned::Integer(number) => Value::Integer(number),
            &Owned::Real(number) => Value::Real(number),
            Owned::Text(text) => Value::Text(text.as_deref()),
        };
        self.iter().map(value).collect()
    }
}

/// Parameters of several types.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &dyn $crate::sql::AnyParam),*] as &[&dyn $crate::sql::AnyParam]
    };
}
pub(crate) use params;
