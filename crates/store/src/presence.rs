//! Which programs live that use a database on a server (reference `v2.md` §14 row 16, «restart mid-job → status
//! `lost`»). On one machine locks of files tell that; a machine that is lost takes them along.

use std::sync::Arc;
use std::time::Duration;

use opencode_schema::time::Millis;

use crate::sql::params;
use crate::{Error, Store, View};

/// The table is not the reference program's, which leaves it alone.
pub(crate) const TABLE: &str = "CREATE TABLE IF NOT EXISTS program_presence (
  owner text PRIMARY KEY,
  time_expires integer NOT NULL
)";

/// How long it is remembered that a program is gone.
const REMEMBERED: Millis = 30 * 24 * 60 * 60 * 1000;

impl Store {
    /// Says that a program lives for so long from now on, by the clock of the database.
    ///
    /// # Errors
    /// The database refused it.
    pub async fn be_present(&self, owner: &Arc<str>, lasting: Duration) -> Result<(), Error> {
        let owner = Arc::clone(owner);
        self.write(move |transaction| {
            transaction.raw().ensure_table(TABLE)?;
            let now = transaction.raw().clock()?;
            let end = now.saturating_add(Millis::try_from(lasting.as_millis()).unwrap_or(Millis::MAX));
            transaction
                .raw()
                .prepare_cached(
                    "INSERT INTO program_presence (owner, time_expires) VALUES (?1, ?2)
                     ON CONFLICT (owner) DO UPDATE SET time_expires = excluded.time_expires",
                )?
                .execute(params![&*owner, end])?;
            transaction
                .raw()
                .prepare_cached("DELETE FROM program_presence WHERE time_expires < ?1")?
                .execute([now - REMEMBERED])?;
            Ok(())
        })
        .await
    }
}

impl View<'_> {
    /// Whether a program that has said for how long it lives has said nothing since. Of others nothing is known.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn is_absent(&self, owner: &str) -> Result<bool, Error> {
        if !self.raw().has_table("program_presence")? {
            return Ok(false);
        }
        let now = self.raw().clock()?;
        self.raw()
            .prepare_cached("SELECT 1 FROM program_presence WHERE owner = ?1 AND time_expires < ?2")?
            .exists(params![owner, now])
    }
}
