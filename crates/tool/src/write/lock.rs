//! One change of a file at a time.
//!
//! Calls run side by side, also those of different sessions. Whoever reads a file to change it holds the
//! file's lock until the change is written, so that no change is lost.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use tokio_util::sync::CancellationToken;

use crate::contract::Failure;

type Locks = HashMap<PathBuf, Weak<tokio::sync::Mutex<()>>>;

/// Locks that somebody holds or waits for, in the whole process.
static LOCKS: LazyLock<Mutex<Locks>> = LazyLock::new(Mutex::default);

fn locks() -> MutexGuard<'static, Locks> {
    LOCKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lock of a file; given back when dropped.
#[derive(Debug)]
pub(crate) struct FileLock {
    // Dropped first, so that the place has no other owner when it is cleared away.
    _held: tokio::sync::OwnedMutexGuard<()>,
    _place: Place,
}

/// A place in the list of locks, held or waited for.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    mutex: Arc<tokio::sync::Mutex<()>>,
}

impl Place {
    fn of(path: PathBuf) -> Self {
        let mut locks = locks();
        let known = locks.get(&path).and_then(Weak::upgrade);
        let mutex = known.unwrap_or_else(|| {
            let mutex = Arc::default();
            locks.insert(path.clone(), Arc::downgrade(&mutex));
            mutex
        });
        Self { path, mutex }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // New owners come only from the list, which is locked here.
        let mut locks = locks();
        if Arc::strong_count(&self.mutex) == 1 {
            locks.remove(&self.path);
        }
    }
}

/// Waits until nobody else changes `path`.
///
/// # Errors
/// [`Failure::Aborted`] when `cancel` fires first.
pub(crate) async fn lock(path: &Path, cancel: &CancellationToken) -> Result<FileLock, Failure> {
    let place = Place::of(true_name(path).await);
    tokio::select! {
        held = Arc::clone(&place.mutex).lock_owned() => Ok(FileLock { _held: held, _place: place }),
        () = cancel.cancelled() => Err(Failure::Aborted),
    }
}

/// One path for all names of a file; a file that is not there yet has the name that it will have.
async fn true_name(path: &Path) -> PathBuf {
    if let Ok(path) = tokio::fs::canonicalize(path).await {
        return path;
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return path.to_owned();
    };
    tokio::fs::canonicalize(folder)
        .await
        .map_or_else(|_| path.to_owned(), |folder| folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(path: &Path) -> bool {
        locks().contains_key(path)
    }

    #[tokio::test]
    async fn one_at_a_time_and_nothing_left_behind() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = fs_err::canonicalize(folder.path())
            .expect("it is there")
            .join("file");
        let cancel = CancellationToken::new();
        let first = lock(&path, &cancel).await.expect("free");
        let waiting = tokio::spawn({
            let (path, cancel) = (path.clone(), cancel.clone());
            async move { lock(&path, &cancel).await.map(drop) }
        });
        let impatient = CancellationToken::new();
        impatient.cancel();
        assert_eq!(lock(&path, &impatient).await.map(drop), Err(Failure::Aborted));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert!(known(&path));
        drop(first);
        assert_eq!(waiting.await.expect("no panic"), Ok(()));
        assert!(!known(&path));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_has_the_lock_of_its_target() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs_err::write(folder.path().join("file"), "").expect("writable");
        std::os::unix::fs::symlink("file", folder.path().join("link")).expect("links can be made");
        let cancel = CancellationToken::new();
        let _first = lock(&folder.path().join("file"), &cancel).await.expect("free");
        cancel.cancel();
        // Biased by nothing, but a lock that is held can only end in the cancellation.
        assert_eq!(
            lock(&folder.path().join("link"), &cancel).await.map(drop),
            Err(Failure::Aborted)
        );
    }
}
