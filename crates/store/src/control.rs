//! What is asked of a durable session besides answers, until it is done (reference `v2.md` §7 «manual control
//! item», §14 row 17).

use opencode_schema::SessionId;

use crate::{Error, Transaction, View};

/// The table is not the reference program's, which leaves it alone.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS session_control (
  session_id text PRIMARY KEY,
  kind text NOT NULL,
  CONSTRAINT fk_session_control_session FOREIGN KEY (session_id) REFERENCES session (id) ON DELETE CASCADE
)";

impl View<'_> {
    /// Whether somebody wants the conversation to be shortened.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn wants_compaction(&self, session: &SessionId) -> Result<bool, Error> {
        if !self.raw().table_exists(None, "session_control")? {
            return Ok(false);
        }
        Ok(self
            .raw()
            .prepare_cached("SELECT 1 FROM session_control WHERE session_id = ?1 AND kind = 'compact'")?
            .exists([session.as_str()])?)
    }

    /// Whether anything waits to be done in a session.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn has_waiting_work(&self, session: &SessionId) -> Result<bool, Error> {
        Ok(self.has_waiting_inputs(session)? || self.wants_compaction(session)?)
    }
}

impl Transaction<'_> {
    /// Keeps that somebody wants the conversation to be shortened; once is enough.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such session.
    pub fn want_compaction(&mut self, session: &SessionId) -> Result<(), Error> {
        self.session(session)?;
        self.raw().execute_batch(TABLE)?;
        self.raw()
            .prepare_cached(
                "INSERT OR REPLACE INTO session_control (session_id, kind) VALUES (?1, 'compact')",
            )?
            .execute([session.as_str()])?;
        Ok(())
    }

    /// The conversation was shortened, or cannot be.
    ///
    /// # Errors
    /// The database refused it.
    pub fn compaction_done(&mut self, session: &SessionId) -> Result<(), Error> {
        self.raw()
            .prepare_cached("DELETE FROM session_control WHERE session_id = ?1 AND kind = 'compact'")?
            .execute([session.as_str()])?;
        Ok(())
    }
}
