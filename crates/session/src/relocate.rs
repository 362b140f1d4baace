//! Sessions that go on in another folder of their project (reference `http-api.md` §6.1, `move-session`).

use std::path::{Path, PathBuf};

use opencode_project::carry::{self, Work};
use opencode_project::identity::{self, Identity};
use opencode_project::path::{absolute, relative};
use opencode_schema::event::Place;
use opencode_schema::time::now;
use opencode_schema::{SessionEvent, SessionId};

use crate::worktree::{described, is_folder};
use crate::{Engine, Error};

/// Why a session was not moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// There is no such session.
    #[error("Session not found: {0}")]
    Session(SessionId),
    /// It would leave its project, or the folder is not there.
    #[error("Destination directory belongs to another project")]
    OtherProject,
    /// Its changes do not fit where it is to go. Nothing was done.
    #[error("Unable to apply the changes in the destination: {0}")]
    Apply(String),
    /// It was moved, and its changes are in both places.
    #[error("The session was moved, but its changes stay at the source too: {0}")]
    Discard(String),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] Error),
}

impl From<opencode_store::Error> for MoveError {
    fn from(error: opencode_store::Error) -> Self {
        Self::Engine(error.into())
    }
}

impl Engine {
    /// Lets a session go on in `directory` (relative to `base`), with the uncommitted work of its worktree
    /// if `with_changes` says so.
    ///
    /// # Errors
    /// [`MoveError`].
    pub async fn move_session(
        &self,
        id: &SessionId,
        base: &Path,
        directory: &str,
        with_changes: bool,
    ) -> Result<(), MoveError> {
        let wanted = id.clone();
        let found = self.inner.store.read(move |view| view.find_session(&wanted));
        let session = found.await?.ok_or_else(|| MoveError::Session(id.clone()))?;
        let destination = absolute(base, directory);
        let directory = destination.to_string_lossy().into_owned();
        if directory == session.directory {
            return Ok(());
        }
        if !is_folder(&destination).await {
            return Err(MoveError::OtherProject);
        }
        let to = identity::discover(&destination).await;
        if to.id != session.project_id {
            return Err(MoveError::OtherProject);
        }
        let carried = match with_changes {
            true => carry_from(Path::new(&session.directory), &to).await?,
            false => None,
        };
        let moved = SessionEvent::Moved {
            timestamp: now(),
            session_id: id.clone(),
            location: Place {
                directory,
                workspace_id: None,
            },
            subdirectory: Some(relative(&to.worktree, &destination)),
        };
        self.inner.store.publish(moved.into()).await?;
        if let Some((source, work)) = carried {
            let discarded = carry::discard(&source, &work).await;
            discarded.map_err(|error| MoveError::Discard(error.to_string()))?;
        }
        Ok(())
    }
}

/// Carries the work of a session's worktree to another one; none when they are the same.
async fn carry_from(directory: &Path, to: &Identity) -> Result<Option<(PathBuf, Work)>, MoveError> {
    let from = identity::discover(directory).await;
    if from.git.is_none() || to.git.is_none() || from.worktree == to.worktree {
        return Ok(None);
    }
    let failed = |error: opencode_project::git::Error| MoveError::Apply(described(&error));
    let work = carry::capture(&from.worktree).await.map_err(failed)?;
    carry::apply(&to.worktree, &work).await.map_err(failed)?;
    Ok(Some((from.worktree, work)))
}
