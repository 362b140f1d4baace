//! Snapshots of the files of a worktree, taken before and after each step, so that a turn can be undone
//! (reference `sessions.md` §8).
//!
//! A snapshot is a git tree without a commit, kept in a git folder of our own beside the user's one and
//! shared with the reference program, in the same form. The user's repository is read, never written.
//! Whether snapshots are wanted at all is the caller's business; so is what a failure means, which should
//! be little: no snapshot is a turn that cannot be undone, not a turn that cannot go on.
//!
//! Each operation may be dropped at any point. One that changes the index holds two locks: an async one
//! among the tasks that share this value, a file lock among all others, also those of other processes.
//! Reading trees needs none.

mod collect;
mod compare;
mod held;
mod ignored;
mod links;
mod lock;
mod memo;
mod repository;
mod stage;
mod undo;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use opencode_schema::part::PatchPart;
use opencode_schema::session::FileDiff;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

pub use self::collect::{collect, git_dirs};
pub use self::undo::Reverted;

use self::held::Held;
use self::repository::Repository;
use crate::git;
use crate::identity::Identity;

/// How long looking for changes and storing them may take, all in all.
const STAGE_LIMIT: Duration = Duration::from_secs(120);
/// How long nothing is tried after that was not enough. What was stored until then stays, so a later
/// try goes on from there.
const PAUSE: Duration = Duration::from_secs(300);
/// How long a collection of old objects may take.
const COLLECT_LIMIT: Duration = Duration::from_secs(600);
/// How old an object must be to be collected; the reference's value.
const KEEP: &str = "7.days";

/// Why a snapshot could not be taken, compared or restored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// git could not do its part.
    #[error(transparent)]
    Git(#[from] git::Error),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// Another task or process works on the same snapshots and does not end.
    #[error("snapshots at `{}` are in use", .0.display())]
    Busy(PathBuf),
    /// The repository is too large to look through in time.
    #[error("a snapshot of `{}` takes too long", .0.display())]
    Slow(PathBuf),
    /// The name of a tree is not one, or git has no such tree (any more).
    #[error("there is no snapshot `{0}`")]
    Unknown(String),
    /// The program is about to end.
    #[error("the program is about to end")]
    Shutdown,
}

/// The snapshots of one worktree, as seen from one folder in it. Clones share their lock.
#[derive(Clone, Debug)]
pub struct Snapshots {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    repository: Repository,
    state: Mutex<State>,
}

/// What is remembered from one operation to the next.
#[derive(Debug, Default)]
struct State {
    /// Until when no one looks for changes, because that took too long.
    paused_until: Option<Instant>,
}

/// The turn of one operation, while others wait.
struct Turn<'a> {
    held: Held,
    state: MutexGuard<'a, State>,
}

impl Snapshots {
    /// The snapshots below the data folder `data` for a project, seen from `directory`: only files in
    /// there are looked at and restored. Both paths must be absolute. Nothing without repository.
    #[must_use]
    pub fn new(data: &Path, identity: &Identity, directory: &Path) -> Option<Self> {
        let git = identity.git.clone()?;
        let repository = Repository::new(data, &identity.id, &identity.worktree, directory, git);
        Some(Self {
            inner: Arc::new(Inner {
                repository,
                state: Mutex::default(),
            }),
        })
    }

    /// Where the trees are kept.
    #[must_use]
    pub fn git_dir(&self) -> &Path {
        &self.inner.repository.git_dir
    }

    /// Stores the files as they are now and tells the tree. Nothing when there is no git or the folder
    /// is gone.
    ///
    /// Without changes since the last time this costs two runs of git, side by side.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn track(&self) -> Result<Option<String>, Error> {
        let tracked = async {
            let mut turn = self.turn().await?;
            turn.stage().await?;
            turn.write_tree().await
        };
        match tracked.await {
            Ok(tree) => Ok(Some(tree)),
            Err(Error::Git(git::Error::Missing | git::Error::Directory(_))) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Absolute paths of the files that differ now from the tree `hash`, without those that the project
    /// ignores.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn patch(&self, hash: &str) -> Result<Vec<String>, Error> {
        check(hash)?;
        let mut turn = self.turn().await?;
        turn.stage().await?;
        if turn.tree().await?.as_deref() == Some(hash) {
            return Ok(Vec::new());
        }
        compare::changed(&turn.held.repository, hash).await
    }

    /// The differences between the tree `hash` and now, as text.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn diff(&self, hash: &str) -> Result<String, Error> {
        check(hash)?;
        let mut turn = self.turn().await?;
        turn.stage().await?;
        if turn.tree().await?.as_deref() == Some(hash) {
            return Ok(String::new());
        }
        compare::text(&turn.held.repository, hash).await
    }

    /// The differences between two trees, file by file, with full context.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn diff_full(&self, from: &str, to: &str) -> Result<Vec<FileDiff>, Error> {
        check(from)?;
        check(to)?;
        if from == to {
            return Ok(Vec::new());
        }
        compare::full(&self.inner.repository, from, to).await
    }

    /// Makes the files of the tree `hash` what they were. Files that came later stay.
    ///
    /// # Errors
    /// See [`Error`]. Files that could be restored are restored.
    pub async fn restore(&self, hash: &str) -> Result<(), Error> {
        check(hash)?;
        let turn = self.turn().await?;
        undo::restore(&turn.held, hash).await
    }

    /// Takes back what patches changed: each file becomes what it was in the tree of the first patch
    /// that names it, and is deleted when it was not there.
    ///
    /// # Errors
    /// See [`Error`]. A single file that cannot be taken back is no error but told in the result.
    pub async fn revert(&self, patches: &[PatchPart]) -> Result<Reverted, Error> {
        let turn = self.turn().await?;
        undo::revert(&turn.held, patches).await
    }

    /// Drops what no one can ask for any more, and more than that as long as all takes more than `most` bytes. To be
    /// called now and then; it does not keep others waiting.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn cleanup(&self, most: Option<u64>) -> Result<(), Error> {
        let repository = &self.inner.repository;
        if !repository.exists().await {
            return Ok(());
        }
        collect::collect_one(&repository.git_dir, &repository.worktree, most).await
    }

    /// Waits for both locks and makes sure that there is a git folder to work with.
    async fn turn(&self) -> Result<Turn<'_>, Error> {
        let repository = &self.inner.repository;
        let deadline = Instant::now() + lock::WAIT_LIMIT;
        let state = tokio::time::timeout_at(deadline, self.inner.state.lock())
            .await
            .map_err(|_| Error::Busy(repository.git_dir.to_path_buf()))?;
        let file = lock::file(repository.lock_file(), deadline).await?;
        let held = Held::new(repository.clone(), file);
        held.change(Repository::prepare).await??;
        lock::index(&repository.git_dir).await?;
        Ok(Turn { held, state })
    }
}

/// Whether a text can be the name of a tree at all; anything else could be an option or a search.
fn check(hash: &str) -> Result<(), Error> {
    let digits = hash
        .bytes()
        .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if digits && matches!(hash.len(), 40 | 64) {
        Ok(())
    } else {
        Err(Error::Unknown(hash.to_owned()))
    }
}

/// Runs file operations where they may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::Shutdown)
}

#[cfg(test)]
mod tests;
