//! A connection to PostgreSQL that takes the statements of the other database.

mod address;
mod bell;
mod schema;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error as StdError;
use std::time::{Duration, Instant};

use opencode_schema::EventId;
use postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use postgres::{Client, Row, Statement};
use rusqlite::types::ValueRef;

pub use address::ServerAddress;
pub use bell::Elsewhere;
pub(crate) use bell::{Bell, listen};

use super::Value;
use crate::Error;

/// How long a server that is started again is waited for before a write is refused.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it is waited between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// Statements that a connection keeps.
const PREPARED: usize = 256;

/// What is set for each connection. Whoever holds the lock for writing and says nothing any more, because the
/// machine was taken from the network or the program was stopped, loses it after a while.
const SETTINGS: &str = "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s';
  SET statement_timeout = '120s'; SET client_min_messages = 'warning'; SET standard_conforming_strings = on;
  SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;";

/// Begins a transaction that writes. All programs write one after the other, as to a file: what a write reads is
/// true until it is committed.
const BEGIN: &str =
    "BEGIN; SELECT pg_advisory_xact_lock(1329876804, CAST(CAST('event_sequence' AS regclass) AS oid)::int)";

/// A connection to a server, made again when it is lost.
pub(crate) struct Session {
    address: ServerAddress,
    /// Always there until it is dropped.
    client: RefCell<Closing>,
    prepared: RefCell<HashMap<(String, Vec<Type>), Statement>>,
    /// A transaction was begun.
    open: Cell<bool>,
    /// The server has ended the connection, whether the client has seen it or not.
    lost: Cell<bool>,
    /// What others hear of a commit.
    voice: String,
}

impl Session {
    /// Connects, and sees to it that the tables are there.
    pub(crate) fn open(address: &ServerAddress) -> Result<Self, Error> {
        let session = Self::connect(address)?;
        schema::prepare(&session)?;
        Ok(session)
    }

    /// The same, for whoever listens to others by [`listen`] and not to itself.
    pub(crate) fn open_as(address: &ServerAddress, voice: &EventId) -> Result<Self, Error> {
        Ok(Self {
            voice: voice.to_string(),
            ..Self::open(address)?
        })
    }

    /// Connects to a database whose tables are there.
    pub(crate) fn connect(address: &ServerAddress) -> Result<Self, Error> {
        Ok(Self {
            client: RefCell::new(Closing(Some(client(address)?))),
            address: address.clone(),
            prepared: RefCell::default(),
            open: Cell::new(false),
            lost: Cell::new(false),
            voice: String::new(),
        })
    }

    pub(crate) fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// Whether the server has gone away.
    pub(crate) fn is_closed(&self) -> bool {
        self.lost.get() || self.client.borrow().0.as_ref().is_none_or(Client::is_closed)
    }

    pub(crate) fn is_autocommit(&self) -> bool {
        !self.open.get() || self.is_closed()
    }

    /// Begins a transaction that writes. A connection that was lost meanwhile is made again.
    pub(crate) fn begin(&self) -> Result<(), Error> {
        let begin = Instant::now();
        loop {
            let begun = self.reconnect().and_then(|()| self.execute_batch(BEGIN));
            match begun {
                Ok(()) => {
                    self.open.set(true);
                    return Ok(());
                }
                Err(error) if self.is_closed() && begin.elapsed() < PATIENCE => {
                    tracing::debug!(%error, "the database server is tried again");
                    std::thread::sleep(PAUSE);
                }
                Err(error) => {
                    if !self.is_closed() {
                        let _ = self.execute_batch("ROLLBACK");
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Begins a transaction that sees one state.
    pub(crate) fn begin_reading(&self) -> Result<(), Error> {
        let begin = || {
            self.reconnect()?;
            self.execute_batch("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        };
        // That the server has gone away meanwhile is seen by the first try.
        let begun = begin().or_else(|error| if self.is_closed() { begin() } else { Err(error) });
        self.open.set(begun.is_ok());
        begun
    }

    /// Commits, and tells the other programs that it did.
    pub(crate) fn commit(&self) -> Result<(), Error> {
        let committed = self.execute_batch(&format!("NOTIFY opencode, '{}'; COMMIT", self.voice));
        if committed.is_err() && !self.is_closed() {
            let _ = self.execute_batch("ROLLBACK");
        }
        self.open.set(false);
        committed
    }

    pub(crate) fn rollback(&self) -> Result<(), Error> {
        self.open.set(false);
        self.execute_batch("ROLLBACK")
    }

    fn reconnect(&self) -> Result<(), Error> {
        if self.is_closed() {
            self.open.set(false);
            self.prepared.borrow_mut().clear();
            let client = client(&self.address)?;
            self.lost.set(false);
            *self.client.borrow_mut() = Closing(Some(client));
        }
        Ok(())
    }

    pub(crate) fn execute_batch(&self, sql: &str) -> Result<(), Error> {
        self.with(|client| client.batch_execute(sql))
    }

    pub(crate) fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<usize, Error> {
        let statement = self.prepared(sql, values)?;
        let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let changed = self.with(|client| client.execute(&statement, &parameters))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    pub(crate) fn query(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Error> {
        let statement = self.prepared(sql, values)?;
        let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        self.with(|client| client.query(&statement, &parameters))
    }

    /// Runs a statement as it is written.
    pub(crate) fn query_untranslated(&self, sql: &str) -> Result<Vec<Row>, Error> {
        self.with(|client| client.query(sql, &[]))
    }

    fn prepared(&self, sql: &str, values: &[Value<'_>]) -> Result<Statement, Error> {
        let types: Vec<Type> = values.iter().map(type_of).collect();
        let key = (sql.to_owned(), types);
        if let Some(statement) = self.prepared.borrow().get(&key) {
            return Ok(statement.clone());
        }
        let statement = self.with(|client| client.prepare_typed(&translated(sql), &key.1))?;
        let mut prepared = self.prepared.borrow_mut();
        if prepared.len() >= PREPARED {
            prepared.clear();
        }
        prepared.insert(key, statement.clone());
        Ok(statement)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Client) -> Result<T, postgres::Error>) -> Result<T, Error> {
        let mut client = self.client.borrow_mut();
        let client = client.0.as_mut().ok_or(Error::Closed)?;
        work(client).map_err(|error| {
            // «operator intervention» and «connection exception»; or nothing was said any more.
            let ends = |code: &str| code.starts_with("57P") || code.starts_with("08");
            if error.code().is_none_or(|code| ends(code.code())) {
                self.lost.set(true);
            }
            Error::server(&self.address, &error)
        })
    }
}

fn client(address: &ServerAddress) -> Result<Client, Error> {
    let mut client = address.connect()?;
    client
        .batch_execute(SETTINGS)
        .map_err(|error| Error::server(address, &error))?;
    Ok(client)
}

/// A client that says good-bye from a thread of its own: that waits, and whoever drops it may be one that must not.
struct Closing(Option<Client>);

impl Drop for Closing {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            std::thread::spawn(move || drop(client));
        }
    }
}

fn type_of(value: &Value<'_>) -> Type {
    match value {
        Value::Text(_) => Type::TEXT,
        Value::Integer(_) => Type::INT8,
        Value::Real(_) => Type::FLOAT8,
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            // PostgreSQL has no text with this character.
            Value::Text(Some(text)) if text.contains('\0') => {
                text.replace('\0', "\u{fffd}").to_sql(kind, out)
            }
            Value::Text(text) => text.to_sql(kind, out),
            Value::Integer(number) => number.to_sql(kind, out),
            Value::Real(number) => number.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A value of a row.
pub(crate) fn cell(row: &Row, at: usize) -> Result<ValueRef<'_>, Error> {
    let column = &row.columns()[at];
    let value = match *column.type_() {
        Type::BOOL => row
            .try_get::<_, Option<bool>>(at)
            .map(|yes| yes.map(i64::from).map(ValueRef::Integer)),
        Type::INT2 => row
            .try_get::<_, Option<i16>>(at)
            .map(|number| number.map(i64::from).map(ValueRef::Integer)),
        Type::INT4 => row
            .try_get::<_, Option<i32>>(at)
            .map(|number| number.map(i64::from).map(ValueRef::Integer)),
        Type::INT8 => row
            .try_get::<_, Option<i64>>(at)
            .map(|number| number.map(ValueRef::Integer)),
        Type::FLOAT4 => row
            .try_get::<_, Option<f32>>(at)
            .map(|number| number.map(f64::from).map(ValueRef::Real)),
        Type::FLOAT8 => row
            .try_get::<_, Option<f64>>(at)
            .map(|number| number.map(ValueRef::Real)),
        _ => row
            .try_get::<_, Option<&str>>(at)
            .map(|text| text.map(|text| ValueRef::Text(text.as_bytes()))),
    };
    match value {
        Ok(value) => Ok(value.unwrap_or(ValueRef::Null)),
        Err(error) => Err(Error::Unreadable {
            what: "column",
            id: column.name().to_owned(),
            reason: error.to_string(),
        }),
    }
}

/// A statement in the words of PostgreSQL: its parameters are `$1`, and its `LIKE` takes large letters for others
/// than small ones.
pub(crate) fn translated(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 8);
    let (mut quoted, mut count) = (false, 0);
    let mut rest = sql.char_indices().peekable();
    while let Some((at, letter)) = rest.next() {
        match letter {
            '\'' => {
                quoted = !quoted;
                out.push(letter);
            }
            '?' if !quoted => {
                out.push('$');
                if !rest.peek().is_some_and(|(_, next)| next.is_ascii_digit()) {
                    count += 1;
                    out.push_str(&count.to_string());
                }
            }
            'L' if !quoted && sql[at..].starts_with("LIKE ") && out.ends_with(' ') => out.push_str("IL"),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_translated_outside_of_quotes() {
        for (given, wanted) in [
            (
                "SELECT a FROM t WHERE b = ?1 AND c = ?2",
                "SELECT a FROM t WHERE b = $1 AND c = $2",
            ),
            (
                "a = ? AND b LIKE ? ESCAPE '\\'",
                "a = $1 AND b ILIKE $2 ESCAPE '\\'",
            ),
            (
                "a = '?1 LIKE ' AND LIKELY = ?12",
                "a = '?1 LIKE ' AND LIKELY = $12",
            ),
        ] {
            assert_eq!(translated(given), wanted);
        }
    }
}
