//! Rows of projects (reference `sessions.md` §6). They change without durable events.

use crate::sql::{Optional as _, Row, params};
use opencode_schema::project::{Commands, Icon, Project, Times, Vcs};
use opencode_schema::time::now;

use crate::view::readable;
use crate::{Error, Transaction, View};

const COLUMNS: &str =
    "id, worktree, vcs, name, icon_url, icon_url_override, icon_color, time_created, time_updated,
    time_initialized, sandboxes, commands";

impl View<'_> {
    /// A project, if it is known.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn project(&self, id: &str) -> Result<Option<Project>, Error> {
        self.raw()
            .prepare_cached(&format!("SELECT {COLUMNS} FROM project WHERE id = ?1"))?
            .query_row([id], |row| Ok(project_of(row)))
            .optional()?
            .transpose()
    }

    /// All projects, last changed first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn projects(&self) -> Result<Vec<Project>, Error> {
        let mut statement = self.raw().prepare_cached(&format!(
            "SELECT {COLUMNS} FROM project ORDER BY time_updated DESC, id"
        ))?;
        let rows = statement.query_map([], |row| Ok(project_of(row)))?;
        readable(rows)
    }

    /// The folders of a project that were seen, in that order, each with how it was made if the program
    /// made it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn project_directories(&self, id: &str) -> Result<Vec<(String, Option<String>)>, Error> {
        let mut statement = self.raw().prepare_cached(
            "SELECT directory, strategy FROM project_directory WHERE project_id = ?1 ORDER BY time_created, directory",
        )?;
        let rows = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    }
}

impl Transaction<'_> {
    /// Writes a project, new or known.
    ///
    /// # Errors
    /// The database refused it.
    pub fn put_project(&mut self, project: &Project) -> Result<(), Error> {
        let icon = project.icon.clone().unwrap_or_default();
        self.raw()
            .prepare_cached(
                "INSERT INTO project (id, worktree, vcs, name, icon_url, icon_url_override, icon_color, time_created,
                   time_updated, time_initialized, sandboxes, commands)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
                 ON CONFLICT (id) DO UPDATE SET worktree = excluded.worktree, vcs = excluded.vcs, name = excluded.name,
                   icon_url = excluded.icon_url, icon_url_override = excluded.icon_url_override,
                   icon_color = excluded.icon_color, time_updated = excluded.time_updated,
                   time_initialized = excluded.time_initialized, sandboxes = excluded.sandboxes,
                   commands = excluded.commands",
            )?
            .execute(params![
                project.id,
                project.worktree,
                project.vcs.map(|Vcs::Git| "git"),
                project.name,
                icon.url,
                icon.r#override,
                icon.color,
                project.time.created,
                project.time.updated,
                project.time.initialized,
                serde_json::to_string(&project.sandboxes)?,
                project.commands.as_ref().map(serde_json::to_string).transpose()?,
            ])?;
        Ok(())
    }

    /// Remembers that `directory` belongs to a project.
    ///
    /// # Errors
    /// The database refused it.
    pub fn put_project_directory(&mut self, project_id: &str, directory: &str) -> Result<(), Error> {
        self.raw()
            .prepare_cached(
                "INSERT INTO project_directory (project_id, directory, time_created) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![project_id, directory, now()])?;
        Ok(())
    }

    /// Gives everything of the project `old` to the project `new`, which must exist, and forgets `old`.
    ///
    /// # Errors
    /// The database refused it.
    pub fn move_project(&mut self, old: &str, new: &str) -> Result<(), Error> {
        for statement in [
            "UPDATE session SET project_id = ?2 WHERE project_id = ?1",
            "UPDATE workspace SET project_id = ?2 WHERE project_id = ?1",
            "UPDATE project_directory SET project_id = ?2 WHERE project_id = ?1
               AND directory NOT IN (SELECT directory FROM project_directory WHERE project_id = ?2)",
            "UPDATE permission SET project_id = ?2 WHERE project_id = ?1 AND NOT EXISTS (
               SELECT 1 FROM permission AS known WHERE known.project_id = ?2
                 AND known.action = permission.action AND known.resource = permission.resource)",
        ] {
            self.raw().prepare_cached(statement)?.execute([old, new])?;
        }
        self.raw()
            .prepare_cached("DELETE FROM project WHERE id = ?1")?
            .execute([old])?;
        Ok(())
    }

    /// Gives the sessions of `directory` that had no project (`global`) to `project_id`.
    ///
    /// # Errors
    /// The database refused it.
    pub fn adopt_sessions(&mut self, project_id: &str, directory: &str) -> Result<(), Error> {
        self.raw()
            .prepare_cached(
                "UPDATE session SET project_id = ?1 WHERE project_id = 'global' AND directory = ?2",
            )?
            .execute([project_id, directory])?;
        Ok(())
    }
}

fn project_of(row: &Row<'_>) -> Result<Project, Error> {
    let id: String = row.get("id")?;
    let json = |column: &str| -> Result<Option<String>, Error> { row.get(column) };
    let unreadable = |error: serde_json::Error| Error::Unreadable {
        what: "project",
        id: id.clone(),
        reason: error.to_string(),
    };
    let icon = Icon {
        url: row.get("icon_url")?,
        r#override: row.get("icon_url_override")?,
        color: row.get("icon_color")?,
    };
    let commands: Option<Commands> = json("commands")?
        .map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(unreadable)?;
    let sandboxes: Vec<String> = json("sandboxes")?
        .map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(unreadable)?
        .unwrap_or_default();
    Ok(Project {
        worktree: row.get("worktree")?,
        vcs: row
            .get::<_, Option<String>>("vcs")?
            .filter(|vcs| vcs == "git")
            .map(|_| Vcs::Git),
        name: row.get("name")?,
        icon: (icon != Icon::default()).then_some(icon),
        commands,
        time: Times {
            created: row.get("time_created")?,
            updated: row.get("time_updated")?,
            initialized: row.get("time_initialized")?,
        },
        sandboxes,
        id,
    })
}
