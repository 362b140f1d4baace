//! The log of events as other programs read it and give it (reference `v2.md` §3, `http-api.md` §6.11).

use std::collections::BTreeMap;

use crate::sql::{Optional as _, params};
use opencode_schema::{EventBody, EventId, Object, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Error, Transaction, View, projection};

/// An event as the log keeps it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogEntry {
    /// Its id.
    pub id: String,
    /// The sequence that it is part of.
    pub aggregate_id: String,
    /// Its place there.
    pub seq: i64,
    /// `<type>.<version>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened.
    pub data: Value,
}

/// An event of another log.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ForeignEvent {
    /// Its id.
    pub id: EventId,
    /// The sequence that it is part of.
    #[serde(rename = "aggregateID")]
    pub aggregate_id: String,
    /// Its place there.
    pub seq: i64,
    /// `<type>.<version>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened.
    pub data: Object,
}

impl View<'_> {
    /// Where in the log the events are that come after `known` (the last known place of each sequence), in
    /// order: for [`View::log_entries`].
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn log_after(&self, known: &BTreeMap<String, i64>) -> Result<Vec<i64>, Error> {
        let mut statement = self
            .raw()
            .prepare_cached("SELECT rowid, aggregate_id, seq FROM event ORDER BY seq, rowid")?;
        let mut rows = statement.query([])?;
        let mut places = Vec::new();
        while let Some(row) = rows.next()? {
            let (aggregate, seq): (String, i64) = (row.get(1)?, row.get(2)?);
            if known.get(&aggregate).is_none_or(|last| seq > *last) {
                places.push(row.get(0)?);
            }
        }
        Ok(places)
    }

    /// The events at these places of the log, without those that are gone by now.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn log_entries(&self, places: &[i64]) -> Result<Vec<LogEntry>, Error> {
        let mut statement = self
            .raw()
            .prepare_cached("SELECT id, aggregate_id, seq, type, data FROM event WHERE rowid = ?1")?;
        let mut entries = Vec::new();
        for place in places {
            let row = statement.query_row([place], |row| {
                let data: String = row.get(4)?;
                let entry = |data| LogEntry {
                    id: row.get(0).unwrap_or_default(),
                    aggregate_id: row.get(1).unwrap_or_default(),
                    seq: row.get(2).unwrap_or_default(),
                    kind: row.get(3).unwrap_or_default(),
                    data,
                };
                Ok(serde_json::from_str(&data).map(entry))
            });
            match row.optional()? {
                Some(Ok(entry)) => entries.push(entry),
                Some(Err(error)) => tracing::error!(place, %error, "an event cannot be read and is left out"),
                None => {}
            }
        }
        Ok(entries)
    }
}

impl Transaction<'_> {
    /// Takes over events of another log, all of one sequence, each right after the one before it. Those
    /// that are known must be the same; nobody is told of them. With `owner`, the sequence must be its own
    /// or nobody's, and is its own afterwards.
    ///
    /// # Errors
    /// [`Error::Refused`] says what does not fit; then nothing is to be kept.
    pub fn replay(&mut self, events: &[ForeignEvent], owner: Option<&str>) -> Result<SessionId, Error> {
        let first = events.first().ok_or_else(|| refused("there is no event"))?;
        refuse_bent(&first.aggregate_id)?;
        let session_id = SessionId::parse(&first.aggregate_id).map_err(|error| refused(error.to_string()))?;
        for event in events {
            if event.aggregate_id != first.aggregate_id {
                return Err(refused("the events are of more than one session"));
            }
            self.replay_one(event, &session_id, owner)?;
        }
        Ok(session_id)
    }

    fn replay_one(
        &mut self,
        event: &ForeignEvent,
        session_id: &SessionId,
        owner: Option<&str>,
    ) -> Result<(), Error> {
        let body = body_of(event, session_id)?;
        let known: Option<(i64, Option<String>)> = self
            .raw()
            .prepare_cached("SELECT seq, owner_id FROM event_sequence WHERE aggregate_id = ?1")?
            .query_row([session_id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (last, stored_owner) = known.unwrap_or((-1, None));
        if let (Some(owner), Some(stored)) = (owner, &stored_owner)
            && owner != stored
        {
            return Err(refused(format!("the session {session_id} belongs to {stored}")));
        }
        if event.seq <= last {
            return self.must_be_known(event);
        }
        if event.seq != last + 1 {
            return Err(refused(format!(
                "the event {} has the place {}, but {} comes next",
                event.id,
                event.seq,
                last + 1
            )));
        }
        if !matches!(body, EventBody::SessionCreated { .. }) && self.find_session(session_id)?.is_none() {
            return Err(refused(format!("there is no session {session_id}")));
        }
        self.refuse_foreign_rows(&body, session_id)?;
        projection::apply(self.raw(), &body, event.seq).map_err(unfitting)?;
        self.raw()
            .prepare_cached(
                "INSERT INTO event_sequence (aggregate_id, seq, owner_id) VALUES (?1, ?2, ?3)
                 ON CONFLICT (aggregate_id) DO UPDATE SET seq = excluded.seq,
                   owner_id = coalesce(excluded.owner_id, event_sequence.owner_id)",
            )?
            .execute(params![session_id.as_str(), event.seq, owner])?;
        let inserted = self
            .raw()
            .prepare_cached(
                "INSERT INTO event (id, aggregate_id, seq, type, data) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                event.id.as_str(),
                session_id.as_str(),
                event.seq,
                event.kind,
                // As it came: it must be recognised when it comes again.
                serde_json::to_string(&event.data)?,
            ]);
        inserted.map(drop).map_err(unfitting)
    }

    /// An event at a place that is taken must be the one that is there.
    fn must_be_known(&self, event: &ForeignEvent) -> Result<(), Error> {
        let stored: Option<(String, String, String)> = self
            .raw()
            .prepare_cached("SELECT id, type, data FROM event WHERE aggregate_id = ?1 AND seq = ?2")?
            .query_row(params![event.aggregate_id, event.seq], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let same = stored.is_some_and(|(id, kind, data)| {
            id == event.id.as_str()
                && kind == event.kind
                && serde_json::from_str::<Object>(&data).is_ok_and(|data| data == event.data)
        });
        if same {
            return Ok(());
        }
        Err(refused(format!(
            "at the place {} of {} there is another event",
            event.seq, event.aggregate_id
        )))
    }

    /// Rows are found by their ids alone: an event must not name those of another session.
    fn refuse_foreign_rows(&self, body: &EventBody, session_id: &SessionId) -> Result<(), Error> {
        match body {
            EventBody::MessageUpdated { info, .. } => {
                self.refuse_taken("message", info.id.as_str(), session_id)
            }
            EventBody::PartUpdated { part, .. } => {
                self.refuse_taken("part", part.id.as_str(), session_id)?;
                self.message(session_id, &part.message_id).map(drop)
            }
            _ => Ok(()),
        }
        .map_err(unfitting)
    }

    /// Gives the sequence of a session to `owner`.
    ///
    /// # Errors
    /// The database refused it.
    pub fn claim(&mut self, session_id: &SessionId, owner: &str) -> Result<(), Error> {
        self.raw()
            .prepare_cached("UPDATE event_sequence SET owner_id = ?2 WHERE aggregate_id = ?1")?
            .execute([session_id.as_str(), owner])?;
        Ok(())
    }
}

/// What an event says, if it is one of the log and about its own session.
pub(crate) fn body_of(event: &ForeignEvent, session_id: &SessionId) -> Result<EventBody, Error> {
    let unknown = || refused(format!("{} is no event of the log", event.kind));
    let (kind, version) = event.kind.rsplit_once('.').ok_or_else(unknown)?;
    let body: EventBody = serde_json::from_value(json!({ "type": kind, "properties": event.data }))
        .map_err(|error| refused(format!("the event {} ({}): {error}", event.id, event.kind)))?;
    let durable = body.durable().ok_or_else(unknown)?;
    if version.parse() != Ok(durable.version) {
        return Err(unknown());
    }
    let (about, ids): (&SessionId, Vec<&str>) = match &body {
        EventBody::SessionCreated { info, .. }
        | EventBody::SessionUpdated { info, .. }
        | EventBody::SessionDeleted { info, .. } => (&info.id, Vec::new()),
        EventBody::MessageUpdated { info, .. } => (&info.session_id, vec![info.id.as_str()]),
        EventBody::PartUpdated { part, .. } => (&part.session_id, vec![part.id.as_str()]),
        _ => (session_id, Vec::new()),
    };
    if durable.aggregate != session_id || about != session_id {
        return Err(refused(format!(
            "the event {} is about another session than {session_id}",
            event.id
        )));
    }
    for id in ids {
        refuse_bent(id)?;
    }
    refuse_bent(event.id.as_str())?;
    Ok(body)
}

/// Ids become names of files and parts of addresses.
fn refuse_bent(id: &str) -> Result<(), Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !id.is_empty() && id.len() <= 128 && id.bytes().all(is_plain) {
        return Ok(());
    }
    Err(refused(format!("{id:?} is not an id")))
}

fn refused(reason: impl Into<String>) -> Error {
    Error::Refused(reason.into())
}

/// What the tables do not take is the fault of the event, as long as they are well.
fn unfitting(error: Error) -> Error {
    match error {
        error if error.is_constraint() => refused(format!("the event does not fit what is stored: {error}")),
        Error::NotFound { .. } | Error::Taken { .. } => refused(error.to_string()),
        other => other,
    }
}
