//! Messages of durable sessions, as they are read (reference `v2.md` §10).

use crate::sql::{Connection, Optional as _, Row, params};
use opencode_schema::{MessageId, Object, SessionId, SessionMessage};
use serde_json::Value;

use crate::{Error, View};

/// Which way a list goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The oldest first.
    Ascending,
    /// The newest first.
    Descending,
}

impl View<'_> {
    /// A message of a durable session.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn session_message(
        &self,
        session: &SessionId,
        id: &MessageId,
    ) -> Result<Option<SessionMessage>, Error> {
        message(self.raw(), session, id)
    }

    /// Whether a message of any session has this id.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn is_message(&self, id: &MessageId) -> Result<bool, Error> {
        Ok(owner(self.raw(), id)?.is_some())
    }

    /// Messages of a durable session, at most `limit`, from behind `anchor` in the direction of the list. One
    /// that is not there has nothing behind it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn session_messages(
        &self,
        session: &SessionId,
        direction: Direction,
        anchor: Option<&MessageId>,
        limit: u32,
    ) -> Result<Vec<SessionMessage>, Error> {
        let from: Option<i64> = match anchor {
            Some(id) => {
                let mut statement = self
                    .raw()
                    .prepare_cached("SELECT seq FROM session_message WHERE session_id = ?1 AND id = ?2")?;
                let seq = statement.query_row([session.as_str(), id.as_str()], |row| row.get(0));
                let Some(seq) = seq.optional()? else {
                    return Ok(Vec::new());
                };
                Some(seq)
            }
            None => None,
        };
        let (statement, from) = match direction {
            Direction::Ascending => (
                "SELECT id, type, data FROM session_message WHERE session_id = ?1 AND seq > ?2
                 ORDER BY seq LIMIT ?3",
                from.unwrap_or(i64::MIN),
            ),
            Direction::Descending => (
                "SELECT id, type, data FROM session_message WHERE session_id = ?1 AND seq < ?2
                 ORDER BY seq DESC LIMIT ?3",
                from.unwrap_or(i64::MAX),
            ),
        };
        read(self.raw(), statement, params![session.as_str(), from, limit])
    }

    /// The newest answer of a model.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn newest_answer(&self, session: &SessionId) -> Result<Option<SessionMessage>, Error> {
        newest(self.raw(), session, "assistant", |_| true)
    }

    /// What a model is told of a durable session: its newest summary and what came after it, the oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn session_context(&self, session: &SessionId) -> Result<Vec<SessionMessage>, Error> {
        read(
            self.raw(),
            "SELECT id, type, data FROM session_message WHERE session_id = ?1 AND seq >= coalesce(
               (SELECT max(seq) FROM session_message WHERE session_id = ?1 AND type = 'compaction'), 0)
             ORDER BY seq",
            params![session.as_str()],
        )
    }
}

/// The message of an id, if it is of this session.
pub(crate) fn message(
    connection: &Connection,
    session: &SessionId,
    id: &MessageId,
) -> Result<Option<SessionMessage>, Error> {
    let found = read(
        connection,
        "SELECT id, type, data FROM session_message WHERE id = ?1 AND session_id = ?2",
        params![id.as_str(), session.as_str()],
    )?;
    Ok(found.into_iter().next())
}

/// The session that a message of either kind belongs to.
pub(crate) fn owner(connection: &Connection, id: &MessageId) -> Result<Option<SessionId>, Error> {
    let owner: Option<String> = connection
        .prepare_cached(
            "SELECT session_id FROM session_message WHERE id = ?1
             UNION ALL SELECT session_id FROM message WHERE id = ?1 LIMIT 1",
        )?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?;
    Ok(owner.map(SessionId::trusted))
}

/// The newest message of a kind that is `wanted`.
pub(crate) fn newest(
    connection: &Connection,
    session: &SessionId,
    kind: &str,
    wanted: impl Fn(&SessionMessage) -> bool,
) -> Result<Option<SessionMessage>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT id, type, data FROM session_message WHERE session_id = ?1 AND type = ?2 ORDER BY seq DESC",
    )?;
    let mut rows = statement.query([session.as_str(), kind])?;
    while let Some(row) = rows.next()? {
        if let Some(message) = message_of(&row)?.filter(&wanted) {
            return Ok(Some(message));
        }
    }
    Ok(None)
}

fn read(
    connection: &Connection,
    statement: &str,
    parameters: impl crate::sql::Params,
) -> Result<Vec<SessionMessage>, Error> {
    let mut statement = connection.prepare_cached(statement)?;
    let mut rows = statement.query(parameters)?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        messages.extend(message_of(&row)?);
    }
    Ok(messages)
}

/// A row of id, type and data. One that cannot be read is left out, so that the others can be.
fn message_of(row: &Row<'_>) -> Result<Option<SessionMessage>, Error> {
    let (id, kind, data): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let parsed = serde_json::from_str(&data).and_then(|mut data: Object| {
        data.insert("id".to_owned(), Value::String(id.clone()));
        data.insert("type".to_owned(), Value::String(kind));
        serde_json::from_value(Value::Object(data))
    });
    match parsed {
        Ok(message) => Ok(Some(message)),
        Err(error) => {
            tracing::error!(id, %error, "a message cannot be read and is left out");
            Ok(None)
        }
    }
}

/// A message as its row holds it, without what stands in columns of their own.
pub(crate) fn stored(message: &SessionMessage) -> Result<String, Error> {
    let mut data = serde_json::to_value(message)?;
    if let Some(data) = data.as_object_mut() {
        data.shift_remove("id");
        data.shift_remove("type");
    }
    Ok(data.to_string())
}

/// What the model was last told of its surroundings (reference `v2.md` §8).
#[derive(Clone, Debug, PartialEq)]
pub struct ContextEpoch {
    /// What stands before the conversation.
    pub baseline: String,
    /// What each source said, by its name.
    pub snapshot: Object,
    /// The place in the log from which on changes are told.
    pub baseline_seq: i64,
}

impl View<'_> {
    /// What the model was last told of its surroundings.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn context_epoch(&self, session: &SessionId) -> Result<Option<ContextEpoch>, Error> {
        let row: Option<(String, String, i64)> = self
            .raw()
            .prepare_cached(
                "SELECT baseline, snapshot, baseline_seq FROM session_context_epoch WHERE session_id = ?1",
            )?
            .query_row([session.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        Ok(row.map(|(baseline, snapshot, baseline_seq)| ContextEpoch {
            baseline,
            // One that cannot be read differs from everything.
            snapshot: serde_json::from_str(&snapshot).unwrap_or_default(),
            baseline_seq,
        }))
    }
}

impl crate::Transaction<'_> {
    /// Keeps what the model was told of its surroundings.
    ///
    /// # Errors
    /// The database refused it.
    pub fn put_context_epoch(&mut self, session: &SessionId, epoch: &ContextEpoch) -> Result<(), Error> {
        self.raw()
            .prepare_cached(
                "INSERT INTO session_context_epoch (session_id, baseline, snapshot, baseline_seq)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (session_id) DO UPDATE SET baseline = excluded.baseline,
                   snapshot = excluded.snapshot, baseline_seq = excluded.baseline_seq",
            )?
            .execute(params![
                session.as_str(),
                epoch.baseline,
                serde_json::to_string(&epoch.snapshot)?,
                epoch.baseline_seq,
            ])?;
        Ok(())
    }
}
