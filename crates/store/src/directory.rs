//! The folders of a project: its checkouts, and the copies that were made of them (reference `sessions.md`
//! §5, table `project_directory`).

use crate::sql::params;
use opencode_schema::time::now;

use crate::{Error, Transaction, View};

/// A folder of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFolder {
    /// Absolute path.
    pub directory: String,
    /// How it was copied; none for one that was there.
    pub strategy: Option<String>,
}

impl View<'_> {
    /// The folders of a project, the newest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn project_folders(&self, project_id: &str) -> Result<Vec<ProjectFolder>, Error> {
        let mut statement = self.raw().prepare_cached(
            "SELECT directory, strategy FROM project_directory WHERE project_id = ?1
             ORDER BY time_created DESC, directory",
        )?;
        let rows = statement.query_map([project_id], |row| {
            Ok(ProjectFolder {
                directory: row.get(0)?,
                strategy: row.get(1)?,
            })
        })?;
        rows.collect()
    }
}

impl Transaction<'_> {
    /// Remembers a copy of a project. False when the folder was known.
    ///
    /// # Errors
    /// The database refused it.
    pub fn put_project_copy(
        &mut self,
        project_id: &str,
        directory: &str,
        strategy: &str,
    ) -> Result<bool, Error> {
        let count = self
            .raw()
            .prepare_cached(
                "INSERT INTO project_directory (project_id, directory, strategy, time_created)
                 VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            )?
            .execute(params![project_id, directory, strategy, now()])?;
        Ok(count > 0)
    }

    /// Forgets a copy of a project. False when there was none.
    ///
    /// # Errors
    /// The database refused it.
    pub fn remove_project_copy(&mut self, project_id: &str, directory: &str) -> Result<bool, Error> {
        let count = self
            .raw()
            .prepare_cached(
                "DELETE FROM project_directory
                 WHERE project_id = ?1 AND directory = ?2 AND strategy IS NOT NULL",
            )?
            .execute([project_id, directory])?;
        Ok(count > 0)
    }
}
