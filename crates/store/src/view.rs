//! What can be read: sessions, messages with their parts, lists.

use crate::sql::Owned as SqlValue;
use crate::sql::{Connection, Optional as _, Row, params};
use opencode_schema::session::{CacheTokens, Cost, Session, Share, Summary, Times, Todo, Tokens};
use opencode_schema::time::Millis;
use opencode_schema::{
    Event, EventBody, EventId, Message, MessageBody, MessageId, MessageWithParts, Part, PartBody, PartId,
    SessionId,
};
use serde::de::DeserializeOwned;

use crate::Error;

/// A consistent state of the database.
pub struct View<'a> {
    connection: &'a Connection,
}

/// A place in the messages of a session: everything before it is older.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cursor {
    /// A message.
    pub id: MessageId,
    /// When it was created.
    pub time: Millis,
}

/// Messages that were read together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MessagePage {
    /// The newest first.
    pub messages: Vec<Message>,
    /// Where the page ends, counted over everything that was there to read; none when nothing was.
    pub oldest: Option<Cursor>,
}

/// Who a message is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The user.
    User,
    /// The model.
    Assistant,
}

/// Which sessions to list; an empty filter lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct SessionFilter {
    /// Of this project.
    pub project_id: Option<String>,
    /// In this workspace.
    pub workspace_id: Option<String>,
    /// In exactly this folder.
    pub directory: Option<String>,
    /// In this folder of the worktree or below it.
    pub path: Option<String>,
    /// Without those that another session started.
    pub roots: bool,
    /// Touched at this time or later.
    pub updated_from: Option<Millis>,
    /// Touched before this time.
    pub updated_before: Option<Millis>,
    /// With this text in the title.
    pub search: Option<String>,
    /// Without those that were put away.
    pub unarchived: bool,
    /// So many at most.
    pub limit: Option<u32>,
    /// Without so many of the first.
    pub offset: Option<u32>,
}

pub(crate) const SESSION_COLUMNS: &str =
    "id, project_id, workspace_id, parent_id, slug, directory, path, title, version, share_url,
    summary_additions, summary_deletions, summary_files, summary_diffs, metadata,
    cost, tokens_input, tokens_output, tokens_reasoning, tokens_cache_read, tokens_cache_write,
    revert, permission, agent, model, time_created, time_updated, time_compacting, time_archived";

/// Where the columns of [`SESSION_COLUMNS`] stand: looking for their names in every row takes longer than
/// reading them.
mod column {
    pub(super) const ID: usize = 0;
    pub(super) const PROJECT_ID: usize = 1;
    pub(super) const WORKSPACE_ID: usize = 2;
    pub(super) const PARENT_ID: usize = 3;
    pub(super) const SLUG: usize = 4;
    pub(super) const DIRECTORY: usize = 5;
    pub(super) const PATH: usize = 6;
    pub(super) const TITLE: usize = 7;
    pub(super) const VERSION: usize = 8;
    pub(super) const SHARE_URL: usize = 9;
    pub(super) const SUMMARY_ADDITIONS: usize = 10;
    pub(super) const SUMMARY_DELETIONS: usize = 11;
    pub(super) const SUMMARY_FILES: usize = 12;
    pub(super) const SUMMARY_DIFFS: usize = 13;
    pub(super) const METADATA: usize = 14;
    pub(super) const COST: usize = 15;
    pub(super) const TOKENS_INPUT: usize = 16;
    pub(super) const TOKENS_OUTPUT: usize = 17;
    pub(super) const TOKENS_REASONING: usize = 18;
    pub(super) const TOKENS_CACHE_READ: usize = 19;
    pub(super) const TOKENS_CACHE_WRITE: usize = 20;
    pub(super) const REVERT: usize = 21;
    pub(super) const PERMISSION: usize = 22;
    pub(super) const AGENT: usize = 23;
    pub(super) const MODEL: usize = 24;
    pub(super) const TIME_CREATED: usize = 25;
    pub(super) const TIME_UPDATED: usize = 26;
    pub(super) const TIME_COMPACTING: usize = 27;
    pub(super) const TIME_ARCHIVED: usize = 28;
}

impl<'a> View<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Self {
        Self { connection }
    }

    /// The connection, for the other files of this room.
    pub(crate) fn raw(&self) -> &'a Connection {
        self.connection
    }

    /// A session.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn session(&self, id: &SessionId) -> Result<Session, Error> {
        self.find_session(id)?.ok_or_else(|| Error::NotFound {
            what: "session",
            id: id.to_string(),
        })
    }

    /// A session, if it exists.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn find_session(&self, id: &SessionId) -> Result<Option<Session>, Error> {
        self.connection
            .prepare_cached(&format!("SELECT {SESSION_COLUMNS} FROM session WHERE id = ?1"))?
            .query_row([id.as_str()], |row| Ok(session_of(row)))
            .optional()?
            .transpose()
    }

    /// Sessions by filter, last touched first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sessions(&self, filter: &SessionFilter) -> Result<Vec<Session>, Error> {
        let (condition, values) = conditions(filter);
        // An offset needs a limit in SQLite.
        let limit = filter.limit.map_or(i64::MAX, i64::from);
        let offset = filter.offset.unwrap_or_default();
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {SESSION_COLUMNS} FROM session {condition} ORDER BY time_updated DESC, id DESC
             LIMIT {limit} OFFSET {offset}"
        ))?;
        let rows = statement.query_map(values, |row| Ok(session_of(row)))?;
        readable(rows)
    }

    /// How many sessions a filter lets through, without its limit.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn session_count(&self, filter: &SessionFilter) -> Result<u64, Error> {
        let (condition, values) = conditions(filter);
        let query = format!("SELECT count(*) FROM session {condition}");
        let mut statement = self.connection.prepare_cached(&query)?;
        let count: i64 = statement.query_row(values, |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// The durable events of a session after `seq`, in order, at most `limit`. What cannot be read (a kind of
    /// another version, say) is left out.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn events_after(&self, session_id: &SessionId, seq: i64, limit: u32) -> Result<Vec<Event>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, seq, type, data FROM event WHERE aggregate_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )?;
        let rows = statement.query_map(params![session_id.as_str(), seq, limit], |row| {
            let (id, seq): (String, i64) = (row.get(0)?, row.get(1)?);
            let (kind, data): (String, String) = (row.get(2)?, row.get(3)?);
            Ok(stored_event(&id, seq, &kind, &data))
        })?;
        readable(rows)
    }

    /// The number of a session's newest durable event; -1 when there is none.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn last_seq(&self, session_id: &SessionId) -> Result<i64, Error> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT seq FROM event_sequence WHERE aggregate_id = ?1")?;
        let found = statement.query_row([session_id.as_str()], |row| row.get(0));
        Ok(found.optional()?.unwrap_or(-1))
    }

    /// Sessions that `id` started, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn children(&self, id: &SessionId) -> Result<Vec<Session>, Error> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {SESSION_COLUMNS} FROM session WHERE parent_id = ?1 ORDER BY time_created, id DESC"
        ))?;
        let rows = statement.query_map([id.as_str()], |row| Ok(session_of(row)))?;
        readable(rows)
    }

    /// A message without its parts.
    ///
    /// # Errors
    /// [`Error::NotFound`], also when it belongs to another session; [`Error::Unreadable`].
    pub fn message(&self, session_id: &SessionId, id: &MessageId) -> Result<Message, Error> {
        self.connection
            .prepare_cached("SELECT id, session_id, data FROM message WHERE id = ?1 AND session_id = ?2")?
            .query_row([id.as_str(), session_id.as_str()], |row| Ok(message_of(row)))
            .optional()?
            .ok_or_else(|| Error::NotFound {
                what: "message",
                id: id.to_string(),
            })?
    }

    /// A message by its id alone, if there is one.
    ///
    /// # Errors
    /// The file cannot be read, or the message in it.
    pub fn find_message(&self, id: &MessageId) -> Result<Option<Message>, Error> {
        self.connection
            .prepare_cached("SELECT id, session_id, data FROM message WHERE id = ?1")?
            .query_row([id.as_str()], |row| Ok(message_of(row)))
            .optional()?
            .transpose()
    }

    /// The newest messages of a session, at most `limit` and the newest first, without parts. A message that
    /// cannot be read is left out and logged: it must not make the rest unusable.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn newest_messages(&self, session_id: &SessionId, limit: usize) -> Result<Vec<Message>, Error> {
        Ok(self.messages_before(session_id, None, limit)?.messages)
    }

    /// The newest message of a session that is by `role`.
    ///
    /// # Errors
    /// The file cannot be read, or the message in it.
    pub fn newest_of(&self, session_id: &SessionId, role: Role) -> Result<Option<Message>, Error> {
        let role = match role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let mut statement = self.connection.prepare_cached(
            "SELECT id, session_id, data FROM message WHERE session_id = ?1 AND json_extract(data, '$.role') = ?2
             ORDER BY time_created DESC, id DESC LIMIT 1",
        )?;
        let found = statement.query_row([session_id.as_str(), role], |row| Ok(message_of(row)));
        found.optional()?.transpose()
    }

    /// Messages of a session older than `before` (or all), at most `limit` and the newest first, without
    /// parts, and where to go on. What cannot be read is left out as by [`View::newest_messages`].
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn messages_before(
        &self,
        session_id: &SessionId,
        before: Option<&Cursor>,
        limit: usize,
    ) -> Result<MessagePage, Error> {
        let (time, id) = before.map_or((i64::MAX, ""), |cursor| (cursor.time, cursor.id.as_str()));
        let mut statement = self.connection.prepare_cached(
            "SELECT id, session_id, data, time_created FROM message
             WHERE session_id = ?1 AND (time_created < ?2 OR (time_created = ?2 AND id < ?3))
             ORDER BY time_created DESC, id DESC LIMIT ?4",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut oldest = None;
        let rows = statement.query_map(params![session_id.as_str(), time, id, limit], |row| {
            oldest = Some(Cursor {
                id: MessageId::trusted(row.get::<_, String>(0)?),
                time: row.get(3)?,
            });
            Ok(message_of(row))
        })?;
        let messages = readable(rows)?;
        Ok(MessagePage { messages, oldest })
    }

    /// The parts of a message in order.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn parts(&self, message_id: &MessageId) -> Result<Vec<Part>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, session_id, message_id, data FROM part WHERE message_id = ?1 ORDER BY id",
        )?;
        let rows = statement.query_map([message_id.as_str()], |row| Ok(part_of(row)))?;
        readable(rows)
    }

    /// A message with its parts.
    ///
    /// # Errors
    /// Those of [`View::message`].
    pub fn message_with_parts(
        &self,
        session_id: &SessionId,
        id: &MessageId,
    ) -> Result<MessageWithParts, Error> {
        let info = self.message(session_id, id)?;
        let parts = self.parts(id)?;
        Ok(MessageWithParts { info, parts })
    }

    /// How many messages and parts of a session are stored, whether they can be read or not.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn stored_count(&self, session_id: &SessionId) -> Result<u64, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT (SELECT count(*) FROM message WHERE session_id = ?1)
                  + (SELECT count(*) FROM part WHERE session_id = ?1)",
        )?;
        let count: i64 = statement.query_row([session_id.as_str()], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// All messages of a session with their parts, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn transcript(&self, session_id: &SessionId) -> Result<Vec<MessageWithParts>, Error> {
        let mut messages = self.newest_messages(session_id, usize::MAX)?;
        messages.reverse();
        messages
            .into_iter()
            .map(|info| {
                let parts = self.parts(&info.id)?;
                Ok(MessageWithParts { info, parts })
            })
            .collect()
    }

    /// A part.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::Unreadable`].
    pub fn part(&self, id: &PartId) -> Result<Part, Error> {
        self.connection
            .prepare_cached("SELECT id, session_id, message_id, data FROM part WHERE id = ?1")?
            .query_row([id.as_str()], |row| Ok(part_of(row)))
            .optional()?
            .ok_or_else(|| Error::NotFound {
                what: "part",
                id: id.to_string(),
            })?
    }

    /// The list of things to do of a session, in order.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn todos(&self, session_id: &SessionId) -> Result<Vec<Todo>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT content, status, priority FROM todo WHERE session_id = ?1 ORDER BY position",
        )?;
        let rows = statement.query_map([session_id.as_str()], |row| {
            Ok(Todo {
                content: row.get(0)?,
                status: row.get(1)?,
                priority: row.get(2)?,
            })
        })?;
        rows.collect()
    }
}

/// What a filter means in SQL, with its values.
pub(crate) fn conditions(filter: &SessionFilter) -> (String, Vec<SqlValue>) {
    let mut conditions: Vec<&str> = Vec::new();
    let mut values: Vec<SqlValue> = Vec::new();
    let mut with = |condition: &'static str, value: Option<SqlValue>| {
        if let Some(value) = value {
            conditions.push(condition);
            values.push(value);
        }
    };
    with("project_id = ?", filter.project_id.clone().map(Into::into));
    with("workspace_id = ?", filter.workspace_id.clone().map(Into::into));
    with("directory = ?", filter.directory.clone().map(Into::into));
    // One value, two uses: the folder itself, and everything below it.
    with(
        "path || '/' LIKE ? ESCAPE '\\'",
        filter
            .path
            .as_deref()
            .map(|path| format!("{}/%", escape_like(path)).into()),
    );
    with("time_updated >= ?", filter.updated_from.map(Into::into));
    with("time_updated < ?", filter.updated_before.map(Into::into));
    with(
        "title LIKE ? ESCAPE '\\'",
        filter
            .search
            .as_deref()
            .map(|text| format!("%{}%", escape_like(text)).into()),
    );
    if filter.roots {
        conditions.push("parent_id IS NULL");
    }
    if filter.unarchived {
        conditions.push("time_archived IS NULL");
    }
    let condition = if conditions.is_empty() {
        String::new()
    } else {
        format!("WHERE {}", conditions.join(" AND "))
    };
    (condition, values)
}

/// An event as it is stored: `type` has the version of its shape behind it.
pub(crate) fn stored_event(id: &str, seq: i64, kind: &str, data: &str) -> Result<Event, Error> {
    let kind = kind.rsplit_once('.').map_or(kind, |(kind, _)| kind);
    let properties: serde_json::Value = parse("event", id, data)?;
    let body = serde_json::json!({ "type": kind, "properties": properties });
    let body: EventBody = serde_json::from_value(body).map_err(|error| Error::Unreadable {
        what: "event",
        id: id.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Event {
        id: EventId::trusted(id),
        body,
        origin: None,
        seq: Some(seq),
    })
}

/// Rows that can be read; the others are logged.
pub(crate) fn readable<T>(
    rows: impl Iterator<Item = Result<Result<T, Error>, Error>>,
) -> Result<Vec<T>, Error> {
    let mut out = Vec::new();
    for row in rows {
        match row? {
            Ok(value) => out.push(value),
            Err(error) => tracing::error!(%error, "left out"),
        }
    }
    Ok(out)
}

/// `text` for a LIKE pattern with `\` as its escape.
fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn parse<T: DeserializeOwned>(what: &'static str, id: &str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Unreadable {
        what,
        id: id.to_owned(),
        reason: error.to_string(),
    })
}

fn optional<T: DeserializeOwned>(row: &Row<'_>, column: usize, id: &str) -> Result<Option<T>, Error> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| parse("session", id, &text)).transpose()
}

fn unsigned(row: &Row<'_>, column: usize) -> Result<u64, Error> {
    use rusqlite::types::ValueRef;
    Ok(match row.cell(&column)? {
        ValueRef::Integer(count) => u64::try_from(count).unwrap_or(0),
        // A sum that has left the range of integers.
        ValueRef::Real(count) => count as u64,
        _ => 0,
    })
}

pub(crate) fn session_of(row: &Row<'_>) -> Result<Session, Error> {
    let id: String = row.get(column::ID)?;
    let additions: Option<i64> = row.get(column::SUMMARY_ADDITIONS)?;
    let summary = match additions {
        None => None,
        Some(_) => Some(Summary {
            additions: unsigned(row, column::SUMMARY_ADDITIONS)?,
            deletions: row
                .get::<_, Option<i64>>(column::SUMMARY_DELETIONS)?
                .and_then(|n| u64::try_from(n).ok())
                .unwrap_or(0),
            files: row
                .get::<_, Option<i64>>(column::SUMMARY_FILES)?
                .and_then(|n| u64::try_from(n).ok())
                .unwrap_or(0),
            diffs: optional(row, column::SUMMARY_DIFFS, &id)?,
        }),
    };
    Ok(Session {
        slug: row.get(column::SLUG)?,
        project_id: row.get(column::PROJECT_ID)?,
        workspace_id: row.get(column::WORKSPACE_ID)?,
        directory: row.get(column::DIRECTORY)?,
        path: row.get(column::PATH)?,
        parent_id: row
            .get::<_, Option<String>>(column::PARENT_ID)?
            .map(SessionId::trusted),
        summary,
        cost: Some(Cost(row.get(column::COST)?)),
        tokens: Some(Tokens {
            total: None,
            input: unsigned(row, column::TOKENS_INPUT)?,
            output: unsigned(row, column::TOKENS_OUTPUT)?,
            reasoning: unsigned(row, column::TOKENS_REASONING)?,
            cache: CacheTokens {
                read: unsigned(row, column::TOKENS_CACHE_READ)?,
                write: unsigned(row, column::TOKENS_CACHE_WRITE)?,
            },
        }),
        share: row
            .get::<_, Option<String>>(column::SHARE_URL)?
            .map(|url| Share { url }),
        title: row.get(column::TITLE)?,
        agent: row.get(column::AGENT)?,
        model: optional(row, column::MODEL, &id)?,
        version: row.get(column::VERSION)?,
        metadata: optional(row, column::METADATA, &id)?,
        time: Times {
            created: row.get(column::TIME_CREATED)?,
            updated: row.get(column::TIME_UPDATED)?,
            compacting: row.get(column::TIME_COMPACTING)?,
            archived: row.get(column::TIME_ARCHIVED)?,
        },
        permission: optional(row, column::PERMISSION, &id)?,
        revert: optional(row, column::REVERT, &id)?,
        id: SessionId::trusted(id),
    })
}

fn message_of(row: &Row<'_>) -> Result<Message, Error> {
    let (id, session_id, data): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let body: MessageBody = parse("message", &id, &data)?;
    Ok(Message {
        id: MessageId::trusted(id),
        session_id: SessionId::trusted(session_id),
        body,
    })
}

fn part_of(row: &Row<'_>) -> Result<Part, Error> {
    let (id, session_id, message_id): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let data: String = row.get(3)?;
    let body: PartBody = parse("part", &id, &data)?;
    Ok(Part {
        id: PartId::trusted(id),
        session_id: SessionId::trusted(session_id),
        message_id: MessageId::trusted(message_id),
        body,
    })
}
