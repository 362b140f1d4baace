//! Worktrees of a project: made beside the user's checkout, made ready in the background, and removed
//! (reference `integrations-2.md` §G, `http-api.md` §6.7).

use std::path::{Path, PathBuf};

use opencode_project::worktree::{self, Start};
use opencode_project::{identity, path};
use opencode_schema::EventBody;
use opencode_schema::event::Origin;
use opencode_schema::project::Project;

use crate::{Engine, Error, Location, slug};

/// How many names are tried.
const NAMES: usize = 26;
/// Characters of a name that a client chooses.
const NAME_LIMIT: usize = 64;

/// What a new worktree is to be like.
#[derive(Debug, Clone, Default)]
pub struct NewWorktree {
    /// Its name; without one it gets two words.
    pub name: Option<String>,
    /// A script that makes it ready, after that of the project.
    pub start_command: Option<String>,
    /// What it begins with.
    pub branch: Branch,
}

/// What a new worktree begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Branch {
    /// A branch of its own, by its name.
    #[default]
    Own,
    /// This branch, made if there is none.
    Named(String),
    /// The last commit.
    Detached,
}

/// A worktree that is there, and may still be made ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worktree {
    /// Its name.
    pub name: String,
    /// Its branch, if one was made for it.
    pub branch: Option<String>,
    /// Its folder.
    pub directory: PathBuf,
}

/// Why nothing was done to a worktree.
#[derive(Debug, thiserror::Error)]
pub enum WorktreeError {
    /// There is no repository.
    #[error("Worktrees need a git repository, and this folder is in none")]
    NotGit,
    /// All names that were tried are taken.
    #[error("No free name was found for the worktree")]
    NoName,
    /// It was not made.
    #[error("{0}")]
    Create(String),
    /// It was not removed.
    #[error("{0}")]
    Remove(String),
    /// It was not reset.
    #[error("{0}")]
    Reset(String),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] Error),
}

impl From<opencode_store::Error> for WorktreeError {
    fn from(error: opencode_store::Error) -> Self {
        Self::Engine(error.into())
    }
}

impl Engine {
    /// The folders of the worktrees of a location's project that are there.
    ///
    /// # Errors
    /// The database failed.
    pub async fn worktrees(&self, location: &Location) -> Result<Vec<String>, Error> {
        let project = self.project(&location.project_id).await?;
        let mut there = Vec::new();
        for directory in project.into_iter().flat_map(|project| project.sandboxes) {
            if is_folder(Path::new(&directory)).await {
                there.push(directory);
            }
        }
        Ok(there)
    }

    /// Makes a worktree, and begins to make it ready: `worktree.ready` or `worktree.failed` says how that
    /// ended.
    ///
    /// # Errors
    /// git does not make it.
    pub async fn create_worktree(
        &self,
        location: &Location,
        new: NewWorktree,
    ) -> Result<Worktree, WorktreeError> {
        let made = self.add_worktree(location, &new).await?;
        self.settle_worktree(location, &made, new.start_command);
        Ok(made)
    }

    /// Makes a worktree without its files, and makes it known.
    pub(crate) async fn add_worktree(
        &self,
        location: &Location,
        new: &NewWorktree,
    ) -> Result<Worktree, WorktreeError> {
        if !location.is_git {
            return Err(WorktreeError::NotGit);
        }
        let made = {
            // A name that is free must still be free when it is taken.
            let _naming = self.inner.worktrees.lock().await;
            self.add_named(location, new).await?
        };
        let folder = made.directory.to_string_lossy().into_owned();
        self.rewrite_project(&location.project_id, move |project| {
            if project.id != identity::GLOBAL && !project.sandboxes.contains(&folder) {
                project.sandboxes.push(folder);
            }
        })
        .await?;
        Ok(made)
    }

    async fn add_named(&self, location: &Location, new: &NewWorktree) -> Result<Worktree, WorktreeError> {
        let failed = |error: opencode_project::git::Error| WorktreeError::Create(described(&error));
        let repository = &location.worktree;
        let root = self.worktree_root(&location.project_id);
        let wanted = new.name.as_deref().map(slugged).filter(|name| !name.is_empty());
        for attempt in 0..NAMES {
            let name = match &wanted {
                Some(name) if attempt == 0 => name.clone(),
                Some(name) => format!("{name}-{}", slug::random()),
                None => slug::random(),
            };
            let directory = root.join(&name);
            let branch = match &new.branch {
                Branch::Own => Some(format!("{}{name}", worktree::BRANCH_PREFIX)),
                Branch::Named(branch) => Some(branch.clone()),
                Branch::Detached => None,
            };
            let known = match &branch {
                Some(branch) => worktree::has_branch(repository, branch).await.map_err(failed)?,
                None => false,
            };
            let is_taken = fs_err::tokio::symlink_metadata(&directory).await.is_ok();
            if is_taken || (known && new.branch == Branch::Own) {
                continue;
            }
            let start = match branch.as_deref() {
                Some(branch) if known => Start::Existing(branch),
                Some(branch) => Start::Branch(branch),
                None => Start::Detached,
            };
            worktree::add(repository, &directory, start)
                .await
                .map_err(failed)?;
            return Ok(Worktree {
                name,
                branch,
                directory,
            });
        }
        Err(WorktreeError::NoName)
    }

    /// Brings the files of a new worktree and runs what makes it ready, in the background.
    pub(crate) fn settle_worktree(&self, location: &Location, made: &Worktree, script: Option<String>) {
        let (engine, made) = (self.clone(), made.clone());
        let project_id = location.project_id.clone();
        self.beside(async move {
            let store = engine.inner.store.at(Origin {
                directory: made.directory.to_string_lossy().into_owned(),
                project_id: Some(project_id.clone()),
                workspace_id: None,
            });
            let turn = engine.inner.checkouts.acquire().await;
            let filled = match worktree::fill(&made.directory).await {
                Ok(()) => engine
                    .location(&made.directory)
                    .await
                    .map_err(|error| error.to_string()),
                Err(error) => Err(described(&error)),
            };
            drop(turn);
            let event = match &filled {
                Ok(_) => EventBody::WorktreeReady {
                    name: made.name,
                    branch: made
                        .branch
                        .filter(|name| name.starts_with(worktree::BRANCH_PREFIX)),
                },
                Err(message) => EventBody::WorktreeFailed {
                    message: message.clone(),
                },
            };
            if let Err(error) = store.announce(event).await {
                tracing::debug!(%error, "ending");
            }
            if filled.is_ok() {
                engine.run_scripts(&made.directory, &project_id, script).await;
            }
        });
    }

    /// Runs what makes a worktree ready: the script of the project, then the one that came with it.
    async fn run_scripts(&self, directory: &Path, project_id: &str, script: Option<String>) {
        let project = self.project(project_id).await.unwrap_or_default();
        let of_project = project.and_then(|project| project.commands?.start);
        for script in of_project.into_iter().chain(script) {
            if script.trim().is_empty() {
                continue;
            }
            match worktree::run_script(directory, &script).await {
                Ok(done) if done.success() => {}
                Ok(done) => {
                    tracing::warn!(
                        code = done.code,
                        says = done.error_text(),
                        "a start script failed"
                    );
                    return;
                }
                Err(error) => return tracing::warn!(%error, "a start script did not run"),
            }
        }
    }

    /// Removes a worktree with its branch. One that nobody knows is no error.
    ///
    /// # Errors
    /// It is not one, it is the main one, or git does not remove it.
    pub async fn remove_worktree(&self, location: &Location, directory: &str) -> Result<(), WorktreeError> {
        if !location.is_git {
            return Err(WorktreeError::NotGit);
        }
        let failed = |error: opencode_project::git::Error| WorktreeError::Remove(described(&error));
        let directory = path::absolute(&location.directory, directory);
        let found = worktree::find(&location.worktree, &directory)
            .await
            .map_err(failed)?;
        let Some(found) = found else {
            let is_own = directory.parent() == Some(&self.worktree_root(&location.project_id));
            if is_own {
                worktree::remove_folder(&directory).await;
            } else if fs_err::tokio::symlink_metadata(&directory).await.is_ok() {
                return Err(WorktreeError::Remove(format!(
                    "{} is not a worktree of this project",
                    directory.display()
                )));
            }
            return Ok(());
        };
        if found.is_main {
            return Err(WorktreeError::Remove(format!(
                "{} holds the repository and cannot be removed",
                directory.display()
            )));
        }
        self.leave(&directory).await?;
        worktree::remove(&location.worktree, &found, true)
            .await
            .map_err(failed)?;
        Ok(self.forget_folder(&location.project_id, &directory).await?)
    }

    /// Puts a worktree on the default branch, without anything that was done in it.
    ///
    /// # Errors
    /// It is not one, it is the main one, or git does not do it.
    pub async fn reset_worktree(&self, location: &Location, directory: &str) -> Result<(), WorktreeError> {
        if !location.is_git {
            return Err(WorktreeError::NotGit);
        }
        let directory = path::absolute(&location.directory, directory);
        let found = worktree::find(&location.worktree, &directory).await;
        let found = found.map_err(|error| WorktreeError::Reset(described(&error)))?;
        let Some(found) = found else {
            return Err(WorktreeError::Reset(format!(
                "{} is no worktree",
                directory.display()
            )));
        };
        if found.is_main {
            return Err(WorktreeError::Reset(format!(
                "{} holds the repository and cannot be reset",
                directory.display()
            )));
        }
        worktree::reset(&directory)
            .await
            .map_err(|error| WorktreeError::Reset(error.to_string()))?;
        let (engine, project_id) = (self.clone(), location.project_id.clone());
        self.beside(async move { engine.run_scripts(&directory, &project_id, None).await });
        Ok(())
    }

    /// Where the worktrees of a project are made.
    fn worktree_root(&self, project_id: &str) -> PathBuf {
        self.paths().data.join("worktree").join(project_id)
    }

    /// Stops what runs in a folder that will be gone, and gives its location up.
    pub(crate) async fn leave(&self, directory: &Path) -> Result<(), Error> {
        for (id, _) in self.inner.coordinator.statuses() {
            let session = self.session(&id).await;
            if session.is_ok_and(|session| Path::new(&session.directory).starts_with(directory)) {
                self.inner.coordinator.stop(&id).await;
            }
        }
        for location in self.locations() {
            if location.directory.starts_with(directory) {
                self.dispose(&location).await?;
            }
        }
        Ok(())
    }

    /// Takes a folder out of what is known of a project.
    pub(crate) async fn forget_folder(&self, project_id: &str, directory: &Path) -> Result<(), Error> {
        let folder = directory.to_string_lossy().into_owned();
        let (id, gone) = (project_id.to_owned(), folder.clone());
        let forgotten = self
            .inner
            .store
            .write(move |transaction| transaction.remove_project_copy(&id, &gone));
        forgotten.await?;
        self.rewrite_project(project_id, move |project| {
            project.sandboxes.retain(|one| *one != folder);
        })
        .await?;
        Ok(())
    }

    async fn project(&self, id: &str) -> Result<Option<Project>, Error> {
        let id = id.to_owned();
        Ok(self.inner.store.read(move |view| view.project(&id)).await?)
    }
}

pub(crate) async fn is_folder(path: &Path) -> bool {
    fs_err::tokio::metadata(path)
        .await
        .is_ok_and(|metadata| metadata.is_dir())
}

/// What git says, where it says something.
pub(crate) fn described(error: &opencode_project::git::Error) -> String {
    match error {
        opencode_project::git::Error::Failed { message, .. } if !message.is_empty() => message.clone(),
        other => other.to_string(),
    }
}

/// A name for folders and branches: small letters, digits, and `-` for everything else.
pub(crate) fn slugged(name: &str) -> String {
    let plain = name.to_lowercase();
    let words = plain
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let slug: String = words
        .collect::<Vec<_>>()
        .join("-")
        .chars()
        .take(NAME_LIMIT)
        .collect();
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_plain() {
        for (name, wanted) in [
            ("My Feature!!", "my-feature"),
            ("../../etc", "etc"),
            ("!!!", ""),
            ("a--b_c", "a-b-c"),
            ("Äpfel", "pfel"),
        ] {
            assert_eq!(slugged(name), wanted, "{name}");
        }
        assert_eq!(slugged(&"x-".repeat(200)).len(), NAME_LIMIT - 1);
    }
}
