//! Sessions from outside: rows without a history of events (reference `sessions.md` §9).

use crate::sql::{Optional as _, params};
use opencode_schema::time::now;
use opencode_schema::{MessageWithParts, Session, SessionId};

use crate::{Error, Transaction, projection};

impl Transaction<'_> {
    /// Writes a session as it is. One that exists already only moves to the project, folder and path of
    /// `session`; what it holds stays.
    ///
    /// # Errors
    /// The database refused it.
    pub fn import_session(&mut self, session: &Session) -> Result<(), Error> {
        if self.find_session(&session.id)?.is_none() {
            return projection::insert_session(self.raw(), session);
        }
        self.raw()
            .prepare_cached("UPDATE session SET project_id = ?2, directory = ?3, path = ?4 WHERE id = ?1")?
            .execute(params![
                session.id.as_str(),
                session.project_id,
                session.directory,
                session.path
            ])?;
        Ok(())
    }

    /// Writes a message and its parts as they are; those that exist already stay as they are.
    ///
    /// # Errors
    /// [`Error::Taken`] when an id is that of a message or part of another session; the database refused it.
    pub fn import_message(&mut self, message: &MessageWithParts) -> Result<(), Error> {
        let MessageWithParts { info, parts } = message;
        self.refuse_taken("message", info.id.as_str(), &info.session_id)?;
        for part in parts {
            self.refuse_taken("part", part.id.as_str(), &info.session_id)?;
        }
        self.raw()
            .prepare_cached(
                "INSERT INTO message (id, session_id, time_created, time_updated, data) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                info.id.as_str(),
                info.session_id.as_str(),
                info.created(),
                now(),
                serde_json::to_string(&info.body)?
            ])?;
        let mut insert = self.raw().prepare_cached(
            "INSERT INTO part (id, message_id, session_id, time_created, time_updated, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        )?;
        for part in parts {
            insert.execute(params![
                part.id.as_str(),
                info.id.as_str(),
                info.session_id.as_str(),
                info.created(),
                now(),
                serde_json::to_string(&part.body)?
            ])?;
        }
        Ok(())
    }

    /// Sees to it that an id is free, or already that of something in this session.
    ///
    /// # Errors
    /// [`Error::Taken`].
    pub fn refuse_taken(&self, what: &'static str, id: &str, session_id: &SessionId) -> Result<(), Error> {
        let owner: Option<String> = self
            .raw()
            .prepare_cached(&format!("SELECT session_id FROM {what} WHERE id = ?1"))?
            .query_row([id], |row| row.get(0))
            .optional()?;
        match owner {
            Some(owner) if owner != session_id.as_str() => Err(Error::Taken {
                what,
                id: id.to_owned(),
                owner,
            }),
            _ => Ok(()),
        }
    }
}
