//! Rows of workspaces. They change without durable events.

use crate::sql::{Optional as _, Row, params};
use opencode_schema::{Workspace, WorkspaceId};

use crate::view::readable;
use crate::{Error, Transaction, View};

const COLUMNS: &str = "id, type, name, branch, directory, extra, project_id, time_used";

impl View<'_> {
    /// A workspace, if it is known.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn workspace(&self, id: &WorkspaceId) -> Result<Option<Workspace>, Error> {
        self.raw()
            .prepare_cached(&format!("SELECT {COLUMNS} FROM workspace WHERE id = ?1"))?
            .query_row([id.as_str()], |row| Ok(workspace_of(row)))
            .optional()?
            .transpose()
    }

    /// The workspace of a folder, if it is one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn workspace_at(&self, directory: &str) -> Result<Option<WorkspaceId>, Error> {
        let id = self
            .raw()
            .prepare_cached("SELECT id FROM workspace WHERE directory = ?1 LIMIT 1")?
            .query_row([directory], |row| row.get::<_, String>(0))
            .optional()?;
        Ok(id.map(WorkspaceId::trusted))
    }

    /// The workspaces of a project, the oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn workspaces(&self, project_id: &str) -> Result<Vec<Workspace>, Error> {
        let mut statement = self.raw().prepare_cached(&format!(
            "SELECT {COLUMNS} FROM workspace WHERE project_id = ?1 ORDER BY id"
        ))?;
        let rows = statement.query_map([project_id], |row| Ok(workspace_of(row)))?;
        readable(rows)
    }
}

impl Transaction<'_> {
    /// Remembers a new workspace.
    ///
    /// # Errors
    /// [`Error::Taken`] when there is one of this id; the database refused it.
    pub fn add_workspace(&mut self, workspace: &Workspace) -> Result<(), Error> {
        if let Some(known) = self.workspace(&workspace.id)? {
            return Err(Error::Taken {
                what: "workspace",
                id: workspace.id.to_string(),
                owner: known.project_id,
            });
        }
        self.raw()
            .prepare_cached(&format!(
                "INSERT INTO workspace ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
            ))?
            .execute(params![
                workspace.id.as_str(),
                workspace.kind,
                workspace.name,
                workspace.branch,
                workspace.directory,
                workspace.extra.as_ref().map(serde_json::to_string).transpose()?,
                workspace.project_id,
                workspace.time_used,
            ])?;
        Ok(())
    }

    /// Forgets a workspace.
    ///
    /// # Errors
    /// The database refused it.
    pub fn remove_workspace(&mut self, id: &WorkspaceId) -> Result<(), Error> {
        self.raw()
            .prepare_cached("DELETE FROM workspace WHERE id = ?1")?
            .execute([id.as_str()])?;
        Ok(())
    }
}

fn workspace_of(row: &Row<'_>) -> Result<Workspace, Error> {
    let id: String = row.get("id")?;
    let extra: Option<String> = row.get("extra")?;
    let extra = extra
        .map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|error: serde_json::Error| Error::Unreadable {
            what: "workspace",
            id: id.clone(),
            reason: error.to_string(),
        })?;
    Ok(Workspace {
        kind: row.get("type")?,
        name: row.get("name")?,
        branch: row.get("branch")?,
        directory: row.get("directory")?,
        extra,
        project_id: row.get("project_id")?,
        time_used: row.get("time_used")?,
        id: WorkspaceId::trusted(id),
    })
}
