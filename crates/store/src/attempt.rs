//! How far the request is that a durable session makes of its model (reference `v2.md` §14 rows 22, 24). It is
//! written down before anything leaves the machine, so that whoever finds a session left behind knows what may
//! have happened.

use crate::sql::{Optional as _, params};
use opencode_schema::SessionId;
use opencode_schema::time::now;

use crate::{Error, Transaction, View};

/// The table is not the reference program's, which leaves it alone.
pub(crate) const TABLE: &str = "CREATE TABLE IF NOT EXISTS provider_attempt (
  session_id text PRIMARY KEY,
  state text NOT NULL,
  time_updated integer NOT NULL,
  CONSTRAINT fk_provider_attempt_session FOREIGN KEY (session_id) REFERENCES session (id) ON DELETE CASCADE
)";

/// How far a request of a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Attempt {
    /// It will be made; nothing has left the machine.
    Prepared,
    /// It may have left.
    Dispatched,
    /// Something of the answer is stored.
    Output,
    /// The answer is whole; its calls may still run.
    Answered,
}

impl Attempt {
    fn as_str(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Dispatched => "dispatched",
            Self::Output => "output",
            Self::Answered => "answered",
        }
    }

    fn named(name: &str) -> Self {
        match name {
            "prepared" => Self::Prepared,
            "output" => Self::Output,
            "answered" => Self::Answered,
            // What a newer program calls otherwise may have left, too.
            _ => Self::Dispatched,
        }
    }
}

impl View<'_> {
    /// The request that a session makes, or was making when its program ended.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn attempt(&self, session: &SessionId) -> Result<Option<Attempt>, Error> {
        if !self.raw().has_table("provider_attempt")? {
            return Ok(None);
        }
        let state: Option<String> = self
            .raw()
            .prepare_cached("SELECT state FROM provider_attempt WHERE session_id = ?1")?
            .query_row([session.as_str()], |row| row.get(0))
            .optional()?;
        Ok(state.map(|state| Attempt::named(&state)))
    }

    /// Sessions that make a request, or were making one when their program ended.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn attempts(&self) -> Result<Vec<(SessionId, Attempt)>, Error> {
        if !self.raw().has_table("provider_attempt")? {
            return Ok(Vec::new());
        }
        let mut statement = self
            .raw()
            .prepare_cached("SELECT session_id, state FROM provider_attempt ORDER BY session_id")?;
        let rows = statement.query_map([], |row| {
            let state: String = row.get(1)?;
            Ok((
                SessionId::trusted(row.get::<_, String>(0)?),
                Attempt::named(&state),
            ))
        })?;
        rows.collect()
    }
}

impl Transaction<'_> {
    /// Writes down how far the request of a session is; `None` when it makes none any more.
    ///
    /// # Errors
    /// The database refused it.
    pub fn set_attempt(&mut self, session: &SessionId, attempt: Option<Attempt>) -> Result<(), Error> {
        self.raw().ensure_table(TABLE)?;
        match attempt {
            Some(attempt) => self
                .raw()
                .prepare_cached(
                    "INSERT INTO provider_attempt (session_id, state, time_updated) VALUES (?1, ?2, ?3)
                     ON CONFLICT (session_id) DO UPDATE SET state = excluded.state,
                       time_updated = excluded.time_updated",
                )?
                .execute(params![session.as_str(), attempt.as_str(), now()])?,
            None => self
                .raw()
                .prepare_cached("DELETE FROM provider_attempt WHERE session_id = ?1")?
                .execute([session.as_str()])?,
        };
        Ok(())
    }
}
