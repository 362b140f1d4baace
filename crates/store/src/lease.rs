//! Who runs a session: one program at a time, for as long as it says so (reference `v2.md` §14 rows 20, 29).
//!
//! A lease is a row with an owner, a number that grows with each owner, and an end. Who holds it writes through
//! [`Store::fenced`]: a write of somebody whose lease was taken meanwhile is refused in its own transaction, so
//! that one who was away for long changes nothing. The owner of a session's log (`event_sequence.owner_id`), which
//! is about copies of logs, is another thing and stays as it is.

use std::sync::Arc;
use std::time::Duration;

use crate::sql::{Optional as _, params};
use opencode_schema::SessionId;

use crate::{Error, Store, Transaction, View};

/// The table is not the reference program's, which leaves it alone.
pub(crate) const TABLE: &str = "CREATE TABLE IF NOT EXISTS execution_lease (
  session_id text PRIMARY KEY,
  owner text NOT NULL,
  epoch integer NOT NULL,
  time_expires integer NOT NULL,
  CONSTRAINT fk_execution_lease_session FOREIGN KEY (session_id) REFERENCES session (id) ON DELETE CASCADE
)";

/// The right to run a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    session_id: SessionId,
    owner: Arc<str>,
    epoch: i64,
}

impl Store {
    /// Takes the right to run a session for so long; `None` when somebody else has it, who is not known to be gone.
    ///
    /// # Errors
    /// The database refused it; there is no such session.
    pub async fn acquire_lease(
        &self,
        session_id: &SessionId,
        owner: &Arc<str>,
        lasting: Duration,
        is_gone: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<Option<Lease>, Error> {
        let (session_id, owner) = (session_id.clone(), Arc::clone(owner));
        self.write(move |transaction| {
            transaction.raw().ensure_table(TABLE)?;
            let now = transaction.raw().clock()?;
            let known: Option<(String, i64, i64)> = transaction
                .raw()
                .prepare_cached("SELECT owner, epoch, time_expires FROM execution_lease WHERE session_id = ?1")?
                .query_row([session_id.as_str()], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
                .optional()?;
            let epoch = match known {
                Some((other, _, expires)) if *other != *owner && expires > now && !is_gone(&other) => {
                    return Ok(None);
                }
                Some((_, epoch, _)) => epoch + 1,
                None => 0,
            };
            transaction
                .raw()
                .prepare_cached(
                    "INSERT INTO execution_lease (session_id, owner, epoch, time_expires) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (session_id) DO UPDATE SET owner = excluded.owner, epoch = excluded.epoch,
                       time_expires = excluded.time_expires",
                )?
                .execute(params![session_id.as_str(), &*owner, epoch, end(now, lasting)])?;
            Ok(Some(Lease {
                session_id,
                owner,
                epoch,
            }))
        })
        .await
    }

    /// Keeps a lease for so long from now on.
    ///
    /// # Errors
    /// [`Error::Fenced`] when somebody else has taken it.
    pub async fn renew_lease(&self, lease: &Lease, lasting: Duration) -> Result<(), Error> {
        self.set_end(lease, Some(lasting)).await
    }

    /// Gives a lease back; nothing when somebody else has taken it.
    ///
    /// # Errors
    /// The database refused it.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), Error> {
        match self.set_end(lease, None).await {
            Err(Error::Fenced(_)) => Ok(()),
            released => released,
        }
    }

    async fn set_end(&self, lease: &Lease, lasting: Option<Duration>) -> Result<(), Error> {
        let lease = lease.clone();
        self.write(move |transaction| {
            lease.check(transaction)?;
            let end = match lasting {
                Some(lasting) => end(transaction.raw().clock()?, lasting),
                None => 0,
            };
            transaction
                .raw()
                .prepare_cached("UPDATE execution_lease SET time_expires = ?2 WHERE session_id = ?1")?
                .execute(params![lease.session_id.as_str(), end])?;
            Ok(())
        })
        .await
    }
}

impl View<'_> {
    /// Who has the right to run a session, if anybody has.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn lease_owner(&self, session_id: &SessionId) -> Result<Option<String>, Error> {
        if !self.raw().has_table("execution_lease")? {
            return Ok(None);
        }
        let now = self.raw().clock()?;
        self.raw()
            .prepare_cached("SELECT owner FROM execution_lease WHERE session_id = ?1 AND time_expires > ?2")?
            .query_row(params![session_id.as_str(), now], |row| row.get(0))
            .optional()
    }
}

impl Lease {
    /// Whose right it is about.
    #[must_use]
    pub fn session_id(&self) -> &SessionId {
        &self.session_id
    }

    /// Whether it still holds, as a write sees it.
    ///
    /// # Errors
    /// [`Error::Fenced`] when somebody else has taken it.
    pub(crate) fn check(&self, transaction: &Transaction<'_>) -> Result<(), Error> {
        let holds = transaction
            .raw()
            .prepare_cached(
                "SELECT 1 FROM execution_lease WHERE session_id = ?1 AND owner = ?2 AND epoch = ?3",
            )?
            .exists(params![self.session_id.as_str(), &*self.owner, self.epoch])?;
        match holds {
            true => Ok(()),
            false => Err(Error::Fenced(self.session_id.clone())),
        }
    }
}

fn end(now: i64, lasting: Duration) -> i64 {
    now.saturating_add(i64::try_from(lasting.as_millis()).unwrap_or(i64::MAX))
}
