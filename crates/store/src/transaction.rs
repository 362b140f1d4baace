//! What a write works on.

use std::ops::Deref;
use std::sync::Arc;

use crate::sql::{Connection, Optional as _, params};
use opencode_schema::event::Origin;
use opencode_schema::session::Todo;
use opencode_schema::time::now;
use opencode_schema::{Event, EventBody, EventId, Session, SessionEvent, SessionId};

use crate::{Error, View, projection};

/// An open transaction: everything that [`View`] reads, and changes by events.
pub struct Transaction<'a> {
    view: View<'a>,
    connection: &'a Connection,
    origin: Option<Arc<Origin>>,
    outbox: Vec<Arc<Event>>,
}

impl<'a> Deref for Transaction<'a> {
    type Target = View<'a>;

    fn deref(&self) -> &Self::Target {
        &self.view
    }
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(connection: &'a Connection, origin: Option<Arc<Origin>>) -> Self {
        Self {
            view: View::new(connection),
            connection,
            origin,
            outbox: Vec::new(),
        }
    }

    pub(crate) fn into_events(self) -> Vec<Arc<Event>> {
        self.outbox
    }

    /// Says what happened: a durable event is appended to its session's log and the rows that it changes
    /// are changed; every event is sent once the transaction is committed.
    ///
    /// # Errors
    /// The database refused it; then nothing of the transaction should be kept.
    pub fn publish(&mut self, body: EventBody) -> Result<(), Error> {
        let id = EventId::new();
        let mut seq = None;
        if let Some(durable) = body.durable() {
            let place = self.append(&id, durable.aggregate.as_str(), durable.version, &body)?;
            projection::apply(self.connection, &body, place)?;
            seq = Some(place);
        }
        if let EventBody::SessionDeleted { session_id, .. } = &body {
            // Parity: sessions.md §5, the log of a deleted session goes with it.
            self.connection
                .prepare_cached("DELETE FROM event_sequence WHERE aggregate_id = ?1")?
                .execute([session_id.as_str()])?;
        }
        let origin = origin_of(&body, &self.origin);
        self.outbox.push(Arc::new(Event {
            id,
            body,
            origin,
            seq,
        }));
        Ok(())
    }

    fn append(&self, id: &EventId, aggregate: &str, version: u32, body: &EventBody) -> Result<i64, Error> {
        let seq: i64 = self
            .connection
            .prepare_cached("SELECT seq FROM event_sequence WHERE aggregate_id = ?1")?
            .query_row([aggregate], |row| row.get(0))
            .optional()?
            .map_or(0, |last: i64| last + 1);
        self.connection
            .prepare_cached(
                "INSERT INTO event_sequence (aggregate_id, seq) VALUES (?1, ?2)
                 ON CONFLICT (aggregate_id) DO UPDATE SET seq = excluded.seq",
            )?
            .execute(params![aggregate, seq])?;
        self.connection
            .prepare_cached(
                "INSERT INTO event (id, aggregate_id, seq, type, data) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                id.as_str(),
                aggregate,
                seq,
                format!("{}.{version}", body.kind()),
                properties(body)?,
            ])?;
        Ok(seq)
    }

    /// Changes a session as it is now, whoever changed it last, and says so with `session.updated`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such session.
    pub fn update_session(
        &mut self,
        id: &SessionId,
        change: impl FnOnce(&mut Session),
    ) -> Result<Session, Error> {
        let before = self.view.session(id)?;
        let mut session = before.clone();
        change(&mut session);
        if session != before {
            self.publish(EventBody::SessionUpdated {
                session_id: id.clone(),
                info: Box::new(session.clone()),
            })?;
        }
        Ok(session)
    }

    /// Sets what a session has used so far back to nothing: what its messages used is not its own.
    ///
    /// # Errors
    /// The database refused it.
    pub fn reset_usage(&mut self, id: &SessionId) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "UPDATE session SET cost = 0, tokens_input = 0, tokens_output = 0, tokens_reasoning = 0,
                   tokens_cache_read = 0, tokens_cache_write = 0 WHERE id = ?1",
            )?
            .execute([id.as_str()])?;
        Ok(())
    }

    /// Replaces a session's list of things to do and says so with `todo.updated`.
    ///
    /// # Errors
    /// The database refused it.
    pub fn replace_todos(&mut self, session_id: &SessionId, todos: Vec<Todo>) -> Result<(), Error> {
        let connection = self.connection;
        connection
            .prepare_cached("DELETE FROM todo WHERE session_id = ?1")?
            .execute([session_id.as_str()])?;
        let mut insert = connection.prepare_cached(
            "INSERT INTO todo (session_id, content, status, priority, position, time_created, time_updated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        )?;
        let at = now();
        for (position, todo) in todos.iter().enumerate() {
            let position = i64::try_from(position).unwrap_or(i64::MAX);
            insert.execute(params![
                session_id.as_str(),
                todo.content,
                todo.status,
                todo.priority,
                position,
                at,
            ])?;
        }
        self.publish(EventBody::TodoUpdated {
            session_id: session_id.clone(),
            todos,
        })
    }
}

/// Where an event is told to come from. Parity: http-api.md §5, what happens to a project comes from
/// everywhere, and a session that moves from nowhere: it is in two places.
fn origin_of(body: &EventBody, own: &Option<Arc<Origin>>) -> Option<Arc<Origin>> {
    match body {
        EventBody::ProjectUpdated { project } => {
            Some(Arc::new(Origin::everywhere(Some(project.id.clone()), None)))
        }
        EventBody::Session(event) if matches!(**event, SessionEvent::Moved { .. }) => None,
        _ => own.clone(),
    }
}

/// The `properties` of an event as they are stored.
fn properties(body: &EventBody) -> Result<String, Error> {
    #[derive(serde::Deserialize)]
    struct Stored<'a> {
        #[serde(borrow)]
        properties: &'a serde_json::value::RawValue,
    }
    let whole = serde_json::to_string(body)?;
    let stored: Stored<'_> = serde_json::from_str(&whole)?;
    Ok(stored.properties.get().to_owned())
}
