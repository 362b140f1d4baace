//! What is owed to a durable session besides the prompts in its inbox, until it is done (reference `v2.md` §7
//! «manual control item», §14 rows 9, 17, 28).

use crate::sql::params;
use opencode_schema::SessionId;

use crate::{Error, Standing, Transaction, View};

/// The table is not the reference program's, which leaves it alone.
pub(crate) const TABLE: &str = "CREATE TABLE IF NOT EXISTS session_control (
  session_id text NOT NULL,
  kind text NOT NULL,
  CONSTRAINT session_control_pk PRIMARY KEY (session_id, kind),
  CONSTRAINT fk_session_control_session FOREIGN KEY (session_id) REFERENCES session (id) ON DELETE CASCADE
)";

/// Something that is owed to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owed {
    /// Its conversation is to be shortened.
    Compaction,
    /// It is to go to work on what waits in its inbox.
    Wake,
    /// It is to go on with what it was doing when its program was ended.
    Resume,
    /// Its model is to be told what its calls gave.
    Continuation,
    /// The program that runs it is to stop.
    Stop,
}

impl Owed {
    fn as_str(self) -> &'static str {
        match self {
            Self::Compaction => "compact",
            Self::Wake => "wake",
            Self::Resume => "resume",
            Self::Continuation => "continue",
            Self::Stop => "stop",
        }
    }
}

impl View<'_> {
    /// Whether this is owed to a session.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn is_owed(&self, session: &SessionId, what: Owed) -> Result<bool, Error> {
        if !self.raw().has_table("session_control")? {
            return Ok(false);
        }
        self.raw()
            .prepare_cached("SELECT 1 FROM session_control WHERE session_id = ?1 AND kind = ?2")?
            .exists([session.as_str(), what.as_str()])
    }

    /// Sessions that this is owed to.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sessions_owed(&self, what: Owed) -> Result<Vec<SessionId>, Error> {
        if !self.raw().has_table("session_control")? {
            return Ok(Vec::new());
        }
        let mut statement = self
            .raw()
            .prepare_cached("SELECT session_id FROM session_control WHERE kind = ?1 ORDER BY session_id")?;
        let rows = statement.query_map([what.as_str()], |row| {
            Ok(SessionId::trusted(row.get::<_, String>(0)?))
        })?;
        rows.collect()
    }

    /// Whether there is anything to do in a session.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn has_waiting_work(&self, session: &SessionId) -> Result<bool, Error> {
        Ok(self.has_waiting_inputs(session)?
            || self.is_owed(session, Owed::Compaction)?
            || matches!(self.standing(session)?, Standing::GoesOn | Standing::Answered))
    }
}

impl Transaction<'_> {
    /// Owes this to a session from now on; once is enough.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such session.
    pub fn owe(&mut self, session: &SessionId, what: Owed) -> Result<(), Error> {
        self.session(session)?;
        self.raw().ensure_table(TABLE)?;
        self.raw()
            .prepare_cached(
                "INSERT INTO session_control (session_id, kind) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute([session.as_str(), what.as_str()])?;
        Ok(())
    }

    /// Takes away what is owed, because it is done or begins. Whether it was owed: of several that ask, one is told
    /// yes.
    ///
    /// # Errors
    /// The database refused it.
    pub fn settle_owed(&mut self, session: &SessionId, what: Owed) -> Result<bool, Error> {
        if !self.raw().has_table("session_control")? {
            return Ok(false);
        }
        let changed = self
            .raw()
            .prepare_cached("DELETE FROM session_control WHERE session_id = ?1 AND kind = ?2")?
            .execute(params![session.as_str(), what.as_str()])?;
        Ok(changed > 0)
    }
}
