//! Copies of a project: checkouts in folders that the user chooses (reference `http-api.md` §6.7).

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use opencode_project::path;
use opencode_project::worktree::{self, Start};
use opencode_schema::EventBody;

use crate::worktree::{described, is_folder};
use crate::{Engine, Error, Location, slug};

/// The way of copying that there is.
const STRATEGY: &str = "git_worktree";
/// How many names are tried: `name`, `name-2` and so on.
const NAMES: u32 = 10;

/// Why nothing was done to a copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There is no such way of copying.
    #[error("Project copy strategy unavailable: {0}")]
    Strategy(String),
    /// The folder that would be copied is not one of the project.
    #[error("Project copy source not found: {0}")]
    Source(String),
    /// The name of a copy is not one of a folder.
    #[error("{0:?} is not a name for a folder")]
    Name(String),
    /// All names that were tried are taken.
    #[error("Project copy destination already exists: {0}")]
    Taken(String),
    /// The folder is not there.
    #[error("Project copy directory unavailable: {0}")]
    Missing(String),
    /// The folder is not a copy.
    #[error("Invalid project copy directory: {0}")]
    NoCopy(String),
    /// git did not do it.
    #[error("{0}")]
    Git(String),
    /// The copy holds changes, which nobody said may go.
    #[error("{0}")]
    ForceRequired(String),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] Error),
}

impl From<opencode_store::Error> for CopyError {
    fn from(error: opencode_store::Error) -> Self {
        Self::Engine(error.into())
    }
}

impl From<opencode_project::git::Error> for CopyError {
    fn from(error: opencode_project::git::Error) -> Self {
        let message = described(&error);
        // git names the switch that a client has too.
        if message.contains("--force") {
            Self::ForceRequired(message)
        } else {
            Self::Git(message)
        }
    }
}

impl Engine {
    /// Copies a location's project into a new folder below `parent`, and says which.
    ///
    /// # Errors
    /// [`CopyError`].
    pub async fn copy_project(
        &self,
        location: &Location,
        project_id: &str,
        strategy: &str,
        parent: &str,
        name: Option<&str>,
    ) -> Result<PathBuf, CopyError> {
        if strategy != STRATEGY {
            return Err(CopyError::Strategy(strategy.to_owned()));
        }
        if !location.is_git || location.project_id != project_id {
            return Err(CopyError::Source(location.directory_text()));
        }
        let name = name.map_or_else(slug::random, str::to_owned);
        if !is_plain(&name) {
            return Err(CopyError::Name(name));
        }
        let parent = path::absolute(&location.directory, parent);
        let directory = {
            let _naming = self.inner.worktrees.lock().await;
            let directory = free_folder(&parent, &name).await?;
            worktree::add(&location.worktree, &directory, Start::Detached).await?;
            directory
        };
        worktree::fill(&directory).await?;
        let (id, folder) = (project_id.to_owned(), directory.to_string_lossy().into_owned());
        let remembered = location.store.write(move |transaction| {
            transaction.put_project_copy(&id, &folder, STRATEGY)?;
            transaction.publish(EventBody::ProjectDirectoriesUpdated { project_id: id })
        });
        remembered.await?;
        Ok(directory)
    }

    /// Removes a copy of a project; with `force` also one that holds changes.
    ///
    /// # Errors
    /// [`CopyError`].
    pub async fn remove_copy(
        &self,
        location: &Location,
        project_id: &str,
        directory: &str,
        force: bool,
    ) -> Result<(), CopyError> {
        let directory = path::absolute(&location.directory, directory);
        let folder = directory.to_string_lossy().into_owned();
        if !is_folder(&directory).await {
            return Err(CopyError::Missing(folder));
        }
        let id = project_id.to_owned();
        let known = self
            .inner
            .store
            .read(move |view| view.project_folders(&id))
            .await?;
        let is_copy = known
            .iter()
            .any(|known| known.directory == folder && known.strategy.is_some());
        let found = match is_copy && location.project_id == project_id {
            true => worktree::find(&location.worktree, &directory).await?,
            false => None,
        };
        let Some(found) = found.filter(|found| !found.is_main) else {
            return Err(CopyError::NoCopy(folder));
        };
        if force {
            self.leave(&directory).await?;
        }
        worktree::remove(&location.worktree, &found, force).await?;
        self.leave(&directory).await?;
        self.forget_folder(project_id, &directory).await?;
        let project_id = project_id.to_owned();
        let told = location
            .store
            .announce(EventBody::ProjectDirectoriesUpdated { project_id });
        Ok(told.await?)
    }

    /// Looks which copies of a project there are, whoever made them. Nothing happens for another project
    /// than the location's.
    ///
    /// # Errors
    /// git cannot be run, or the database failed.
    pub async fn refresh_copies(&self, location: &Location, project_id: &str) -> Result<(), CopyError> {
        if !location.is_git || location.project_id != project_id {
            return Ok(());
        }
        let mut there = HashSet::new();
        for one in worktree::list(&location.worktree).await? {
            if !one.is_main && is_folder(&one.directory).await {
                there.insert(one.directory.to_string_lossy().into_owned());
            }
        }
        let id = project_id.to_owned();
        let refreshed = location.store.write(move |transaction| {
            let mut changed = false;
            for known in transaction.project_folders(&id)? {
                if known.strategy.is_some() && !there.contains(&known.directory) {
                    changed |= transaction.remove_project_copy(&id, &known.directory)?;
                }
            }
            for folder in &there {
                changed |= transaction.put_project_copy(&id, folder, STRATEGY)?;
            }
            if changed {
                transaction.publish(EventBody::ProjectDirectoriesUpdated { project_id: id })?;
            }
            Ok(())
        });
        Ok(refreshed.await?)
    }
}

/// Whether a name is one of a folder, and not a way to another one.
fn is_plain(name: &str) -> bool {
    let mut components = Path::new(name).components();
    let is_one = matches!(
        (components.next(), components.next()),
        (Some(Component::Normal(only)), None) if only == name
    );
    is_one && !name.contains(['\0', '\\']) && name.len() <= 255
}

async fn free_folder(parent: &Path, name: &str) -> Result<PathBuf, CopyError> {
    for number in 1..=NAMES {
        let directory = match number {
            1 => parent.join(name),
            _ => parent.join(format!("{name}-{number}")),
        };
        if fs_err::tokio::symlink_metadata(&directory).await.is_err() {
            return Ok(directory);
        }
    }
    Err(CopyError::Taken(parent.join(name).to_string_lossy().into_owned()))
}
