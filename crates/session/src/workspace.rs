//! Workspaces: places of a project that sessions can be sent to (reference `http-api.md` §3, §6.11). A
//! worktree on this machine is the only kind that there is.

use std::path::{Path, PathBuf};

use opencode_config::environment::variable;
use opencode_project::{carry, identity, worktree};
use opencode_schema::event::{Connection, Origin};
use opencode_schema::time::now;
use opencode_schema::{EventBody, Session, SessionId, Workspace, WorkspaceId};
use opencode_store::SessionFilter;
use serde_json::Value;

use crate::worktree::{Branch, NewWorktree, WorktreeError, described, is_folder};
use crate::{Engine, Error, Location};

/// The kind of workspace that there is.
pub const KIND: &str = "worktree";

/// What a new workspace is made of.
#[derive(Debug, Clone)]
pub struct NewWorkspace {
    /// Its id, if the client chooses it.
    pub id: Option<WorkspaceId>,
    /// What kind of place it is.
    pub kind: String,
    /// The branch to check out there.
    pub branch: Option<String>,
    /// Anything to keep with it.
    pub extra: Option<Value>,
}

/// Why nothing was done to a workspace.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// It was not made.
    #[error("{0}")]
    Create(String),
    /// There is none of this id.
    #[error("Workspace not found: {0}")]
    NotFound(WorkspaceId),
    /// The session cannot go there.
    #[error("{0}")]
    Warp(String),
    /// The changes of the session do not fit there.
    #[error("{0}")]
    Apply(String),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] Error),
}

impl From<opencode_store::Error> for WorkspaceError {
    fn from(error: opencode_store::Error) -> Self {
        Self::Engine(error.into())
    }
}

impl Engine {
    /// Whether workspaces are switched on.
    fn has_workspaces(&self) -> bool {
        self.inner
            .options
            .environment
            .is_experiment_on(variable::WORKSPACES)
    }

    /// The workspace that this program works for, if it was started as one.
    #[must_use]
    pub fn own_workspace(&self) -> Option<WorkspaceId> {
        let id = self.inner.options.environment.get(variable::WORKSPACE_ID)?;
        WorkspaceId::parse(id).ok()
    }

    /// The workspaces of a location's project; none while they are switched off.
    ///
    /// # Errors
    /// The database failed.
    pub async fn workspaces(&self, location: &Location) -> Result<Vec<Workspace>, Error> {
        if !self.has_workspaces() {
            return Ok(Vec::new());
        }
        let id = location.project_id.clone();
        Ok(self.inner.store.read(move |view| view.workspaces(&id)).await?)
    }

    /// The folder of a workspace.
    ///
    /// # Errors
    /// [`WorkspaceError::NotFound`], also when its folder is not on this machine.
    pub async fn workspace_folder(&self, id: &WorkspaceId) -> Result<PathBuf, WorkspaceError> {
        let workspace = self.workspace(id).await?;
        let here = workspace.directory.filter(|_| workspace.kind == KIND);
        here.map(PathBuf::from)
            .ok_or_else(|| WorkspaceError::NotFound(id.clone()))
    }

    async fn workspace(&self, id: &WorkspaceId) -> Result<Workspace, WorkspaceError> {
        let wanted = id.clone();
        let found = self.inner.store.read(move |view| view.workspace(&wanted)).await?;
        found.ok_or_else(|| WorkspaceError::NotFound(id.clone()))
    }

    /// Makes a workspace.
    ///
    /// # Errors
    /// [`WorkspaceError::Create`].
    pub async fn create_workspace(
        &self,
        location: &Location,
        new: NewWorkspace,
    ) -> Result<Workspace, WorkspaceError> {
        if !self.has_workspaces() {
            return Err(WorkspaceError::Create(format!(
                "workspaces are switched off; start the program with {}=true",
                variable::WORKSPACES
            )));
        }
        if new.kind != KIND {
            return Err(WorkspaceError::Create(format!(
                "Unknown workspace adapter: {}",
                new.kind
            )));
        }
        let id = new.id.unwrap_or_default();
        if self.workspace(&id).await.is_ok() {
            return Err(WorkspaceError::Create(format!(
                "there is a workspace {id} already"
            )));
        }
        let branch = new.branch.filter(|branch| !branch.is_empty());
        let wanted = NewWorktree {
            branch: branch.clone().map_or(Branch::Detached, Branch::Named),
            ..NewWorktree::default()
        };
        let made = self
            .add_worktree(location, &wanted)
            .await
            .map_err(|error| match error {
                WorktreeError::Engine(error) => WorkspaceError::Engine(error),
                other => WorkspaceError::Create(other.to_string()),
            })?;
        let workspace = Workspace {
            id,
            kind: KIND.to_owned(),
            name: made.name.clone(),
            branch,
            directory: Some(made.directory.to_string_lossy().into_owned()),
            extra: new.extra,
            project_id: location.project_id.clone(),
            time_used: now(),
        };
        if let Err(error) = self.register(&workspace).await {
            // Whoever took the id meanwhile keeps it.
            let directory = made.directory.to_string_lossy();
            if let Err(error) = self.remove_worktree(location, &directory).await {
                tracing::warn!(%error, "the worktree of a workspace that was not made stays");
            }
            return Err(WorkspaceError::Create(error.to_string()));
        }
        self.settle_worktree(location, &made, None);
        Ok(workspace)
    }

    /// Stores a workspace and tells that it can be reached.
    async fn register(&self, workspace: &Workspace) -> Result<(), Error> {
        let store = self
            .inner
            .store
            .at(Origin::everywhere(None, Some(workspace.id.clone())));
        let workspace = workspace.clone();
        let stored = store.write(move |transaction| {
            transaction.add_workspace(&workspace)?;
            transaction.publish(EventBody::WorkspaceStatus {
                workspace_id: workspace.id,
                status: Connection::Connected,
            })
        });
        Ok(stored.await?)
    }

    /// Whether each workspace can be reached.
    ///
    /// # Errors
    /// The database failed.
    pub async fn workspace_statuses(
        &self,
        location: &Location,
    ) -> Result<Vec<(WorkspaceId, Connection)>, Error> {
        let mut statuses = Vec::new();
        for workspace in self.workspaces(location).await? {
            let status = match &workspace.directory {
                Some(directory) if is_folder(Path::new(directory)).await => Connection::Connected,
                _ => Connection::Error,
            };
            statuses.push((workspace.id, status));
        }
        Ok(statuses)
    }

    /// Makes workspaces of the project's worktrees that are none yet. Nothing happens while workspaces are
    /// switched off.
    ///
    /// # Errors
    /// The database failed.
    pub async fn list_workspaces_anew(&self, location: &Location) -> Result<(), Error> {
        if !self.has_workspaces() || !location.is_git {
            return Ok(());
        }
        let known = self.workspaces(location).await?;
        let listed = worktree::list(&location.worktree).await;
        let there = listed.unwrap_or_else(|error| {
            tracing::warn!(%error, "the worktrees are not known");
            Vec::new()
        });
        for one in there.into_iter().filter(|one| !one.is_main) {
            let directory = one.directory.to_string_lossy().into_owned();
            let is_known = known
                .iter()
                .any(|known| known.directory.as_ref() == Some(&directory));
            if is_known || !is_folder(&one.directory).await {
                continue;
            }
            let name = one.directory.file_name().unwrap_or_default().to_string_lossy();
            self.register(&Workspace {
                id: WorkspaceId::new(),
                kind: KIND.to_owned(),
                name: name.to_lowercase(),
                branch: one.branch,
                directory: Some(directory),
                extra: None,
                project_id: location.project_id.clone(),
                time_used: now(),
            })
            .await?;
        }
        Ok(())
    }

    /// Removes a workspace with its sessions and its worktree, and gives what it was. Nothing happens when
    /// there is none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn remove_workspace(
        &self,
        location: &Location,
        id: &WorkspaceId,
    ) -> Result<Option<Workspace>, Error> {
        let workspace = match self.workspace(id).await {
            Ok(workspace) => workspace,
            Err(WorkspaceError::Engine(error)) => return Err(error),
            Err(_) => return Ok(None),
        };
        let filter = SessionFilter {
            workspace_id: Some(id.to_string()),
            ..SessionFilter::default()
        };
        for session in self.sessions(filter).await? {
            match self.delete_session(location, &session.id).await {
                // It went with the session that started it.
                Ok(()) | Err(Error::SessionNotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(directory) = workspace.directory.as_ref().filter(|_| workspace.kind == KIND)
            && let Err(error) = self.remove_worktree(location, directory).await
        {
            tracing::warn!(%error, "the worktree of a removed workspace stays");
        }
        let id = id.clone();
        let removed = self
            .inner
            .store
            .write(move |transaction| transaction.remove_workspace(&id));
        removed.await?;
        Ok(Some(workspace))
    }

    /// Sends a session to a workspace, or back from there, with a copy of its uncommitted work if
    /// `with_changes` says so. What runs in it is stopped.
    ///
    /// # Errors
    /// [`WorkspaceError`]; [`Error::SessionNotFound`] in it.
    pub async fn warp_session(
        &self,
        location: &Location,
        id: &SessionId,
        to: Option<&WorkspaceId>,
        with_changes: bool,
    ) -> Result<(), WorkspaceError> {
        let target = match to {
            Some(to) => Some(self.workspace(to).await?),
            None => None,
        };
        let session = self.session(id).await?;
        if let Some(target) = &target
            && target.project_id != session.project_id
        {
            return Err(WorkspaceError::Warp(
                "The workspace belongs to another project than the session".to_owned(),
            ));
        }
        let directory = match to {
            Some(to) => self.workspace_folder(to).await?,
            None => location.directory.clone(),
        };
        self.inner.coordinator.stop(id).await;
        if with_changes {
            let from = self.folder_of(&session).await?;
            copy_work(&from, &directory).await?;
        }
        let (id, workspace_id) = (id.clone(), to.map(ToString::to_string));
        let owner = workspace_id.clone().unwrap_or_else(|| session.project_id.clone());
        let warped = location.store.write(move |transaction| {
            transaction.update_session(&id, |session| {
                session.workspace_id = workspace_id;
                session.time.updated = now();
            })?;
            transaction.claim(&id, &owner)
        });
        Ok(warped.await?)
    }

    /// Where a session works: its workspace's folder, else its own.
    async fn folder_of(&self, session: &Session) -> Result<PathBuf, WorkspaceError> {
        match &session.workspace_id {
            Some(id) => self.workspace_folder(&WorkspaceId::trusted(id)).await,
            None => Ok(PathBuf::from(&session.directory)),
        }
    }

    /// Takes a session over for the workspace that this program works for.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`].
    pub async fn steal_session(
        &self,
        location: &Location,
        id: &SessionId,
        workspace: &WorkspaceId,
    ) -> Result<(), Error> {
        let (id, owner) = (id.clone(), workspace.to_string());
        let stolen = location.store.write(move |transaction| {
            transaction.update_session(&id, |session| session.workspace_id = Some(owner.clone()))?;
            transaction.claim(&id, &owner)
        });
        Ok(stolen.await?)
    }
}

/// Copies the uncommitted work of one worktree to another.
async fn copy_work(from: &Path, to: &Path) -> Result<(), WorkspaceError> {
    let (from, to) = (identity::discover(from).await, identity::discover(to).await);
    if from.git.is_none() || to.git.is_none() || from.worktree == to.worktree {
        return Ok(());
    }
    let failed = |error: opencode_project::git::Error| WorkspaceError::Apply(described(&error));
    let work = carry::capture(&from.worktree).await.map_err(failed)?;
    carry::apply(&to.worktree, &work).await.map_err(failed)
}
