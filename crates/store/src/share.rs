//! Where sessions are shared, and with which secret (reference `sessions.md` §5, `session_share`).

use std::fmt;

use crate::sql::{Optional as _, params};
use opencode_schema::SessionId;
use opencode_schema::time::now;

use crate::{Error, Transaction, View};

/// A session that is shared.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedSession {
    /// Its id at the service.
    pub id: String,
    /// What the service asks for before it changes anything.
    pub secret: String,
    /// Where people see it.
    pub url: String,
}

impl fmt::Debug for SharedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSession")
            .field("id", &self.id)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl View<'_> {
    /// How a session is shared, if it is.
    ///
    /// # Errors
    /// The database failed.
    pub fn share(&self, session_id: &SessionId) -> Result<Option<SharedSession>, Error> {
        let mut statement = self
            .raw()
            .prepare_cached("SELECT id, secret, url FROM session_share WHERE session_id = ?1")?;
        let found = statement.query_row([session_id.as_str()], |row| {
            Ok(SharedSession {
                id: row.get(0)?,
                secret: row.get(1)?,
                url: row.get(2)?,
            })
        });
        found.optional()
    }

    /// Whether any session is shared.
    ///
    /// # Errors
    /// The database failed.
    pub fn is_anything_shared(&self) -> Result<bool, Error> {
        let mut statement = self
            .raw()
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM session_share)")?;
        statement.query_row([], |row| row.get(0))
    }
}

impl Transaction<'_> {
    /// Keeps how a session is shared; `None` when it is not any more.
    ///
    /// # Errors
    /// The database refused it.
    pub fn put_share(&mut self, session_id: &SessionId, share: Option<&SharedSession>) -> Result<(), Error> {
        let id = session_id.as_str();
        let Some(share) = share else {
            self.raw()
                .prepare_cached("DELETE FROM session_share WHERE session_id = ?1")?
                .execute([id])?;
            return Ok(());
        };
        self.raw()
            .prepare_cached(
                "INSERT INTO session_share (session_id, id, secret, url, time_created, time_updated)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5)
                 ON CONFLICT (session_id) DO UPDATE SET id = ?2, secret = ?3, url = ?4, time_updated = ?5",
            )?
            .execute(params![id, share.id, share.secret, share.url, now()])?;
        Ok(())
    }
}
