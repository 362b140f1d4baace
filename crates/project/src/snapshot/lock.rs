//! Who may change the snapshots: a lock file of ours, and git's own lock of the index.
//!
//! Ours keeps apart all programs of this kind. The reference program does not know it, but every git
//! that it starts takes the lock of the index, which is waited for. Neither wait is without end.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err::{File, OpenOptions};
use tokio::time::Instant;

use super::{Error, blocking};

/// How long an operation waits for others to end theirs.
pub(super) const WAIT_LIMIT: Duration = Duration::from_secs(30);
/// How long one waits for another program's git.
const INDEX_LIMIT: Duration = Duration::from_secs(5);
/// An index lock of this age was left behind: no git of ours runs as long, and one that is ended takes
/// its lock away unless it is killed.
const LEFT_BEHIND: Duration = Duration::from_secs(300);
/// The first and the longest pause between two looks at a lock; the system does not tell when one is free.
const POLL: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(100));

/// The lock file, held until this is dropped. Without a file where the file system knows no locks.
#[derive(Debug)]
pub(super) struct FileLock(#[expect(dead_code, reason = "what counts is that it stays open")] Option<File>);

/// Waits for the lock file at `path`.
pub(super) async fn file(path: PathBuf, deadline: Instant) -> Result<FileLock, Error> {
    let mut pause = POLL.0;
    loop {
        let attempt = path.clone();
        if let Some(lock) = blocking(move || try_file(&attempt)).await?? {
            return Ok(lock);
        }
        if Instant::now() + pause > deadline {
            return Err(Error::Busy(path));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(POLL.1);
    }
}

/// Takes the lock file if nobody has it.
fn try_file(path: &Path) -> Result<Option<FileLock>, Error> {
    let open = || {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
    };
    let file = match open() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                fs_err::create_dir_all(parent)?;
            }
            open()?
        }
        opened => opened?,
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(FileLock(Some(file)))),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => {
            tracing::warn!(%error, path = %path.display(), "working without a lock");
            Ok(Some(FileLock(None)))
        }
    }
}

/// Waits until no git has the index of `git_dir` locked. A lock that was left behind is taken away; the
/// lock file must be held, so that two do not do it at once.
pub(super) async fn index(git_dir: &Path) -> Result<(), Error> {
    let path = git_dir.join("index.lock");
    let deadline = Instant::now() + INDEX_LIMIT;
    let mut pause = POLL.0;
    loop {
        let modified = match fs_err::tokio::symlink_metadata(&path).await {
            Ok(metadata) => metadata.modified()?,
            Err(_) => return Ok(()),
        };
        if distance(modified, SystemTime::now()) > LEFT_BEHIND {
            tracing::warn!(path = %path.display(), "removing a lock that was left behind");
            fs_err::tokio::remove_file(&path).await?;
            return Ok(());
        }
        if Instant::now() + pause > deadline {
            return Err(Error::Busy(path));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(POLL.1);
    }
}

/// The time between two moments; a lock from the future is as old as one from the past.
fn distance(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|error| error.duration())
}
