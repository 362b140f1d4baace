//! Approvals that are kept for a project (reference `v2.md`, table `permission`).

use crate::sql::params;
use opencode_schema::id::{Order, generate};
use opencode_schema::permission::Saved;
use opencode_schema::time::now;

use crate::{Error, Transaction, View};

impl View<'_> {
    /// The approvals of a project, the oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn saved_permissions(&self, project_id: &str) -> Result<Vec<Saved>, Error> {
        let mut statement = self.raw().prepare_cached(
            "SELECT id, project_id, action, resource FROM permission WHERE project_id = ?1
             ORDER BY time_created, id",
        )?;
        let rows = statement.query_map([project_id], |row| {
            Ok(Saved {
                id: row.get(0)?,
                project_id: row.get(1)?,
                action: row.get(2)?,
                resource: row.get(3)?,
            })
        })?;
        rows.collect()
    }
}

impl Transaction<'_> {
    /// Keeps an approval for a project. One that is known stays as it is.
    ///
    /// # Errors
    /// The database refused it.
    pub fn save_permission(&mut self, project_id: &str, action: &str, resource: &str) -> Result<(), Error> {
        self.raw()
            .prepare_cached(
                "INSERT INTO permission (id, project_id, action, resource, time_created, time_updated)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                generate("psv", Order::Ascending),
                project_id,
                action,
                resource,
                now()
            ])?;
        Ok(())
    }

    /// Forgets an approval. False when there was none.
    ///
    /// # Errors
    /// The database refused it.
    pub fn remove_saved_permission(&mut self, id: &str) -> Result<bool, Error> {
        let count = self
            .raw()
            .prepare_cached("DELETE FROM permission WHERE id = ?1")?
            .execute([id])?;
        Ok(count > 0)
    }
}
