//! The right to change the snapshots, and everything that changes them.
//!
//! What was begun here is brought to its end even if nobody waits for it any more: a git that is ended
//! in the wrong moment leaves the lock of the index behind, and files would be written while someone
//! else already works on them. So each step takes its share of the lock along. Steps are short, and a
//! run of git has its time limit.

use std::sync::Arc;

use super::lock::{self, FileLock};
use super::repository::Repository;
use super::{Error, blocking};
use crate::git::Call;

/// How often a call is made when other programs take the lock of the index in between.
const ATTEMPTS: usize = 3;

/// A repository for snapshots whose lock file is held.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// The repository.
    pub(super) repository: Repository,
    lock: Arc<FileLock>,
}

impl Held {
    pub(super) fn new(repository: Repository, lock: FileLock) -> Self {
        Self {
            repository,
            lock: Arc::new(lock),
        }
    }

    /// Makes a call that changes the index. The git of another program is waited for.
    pub(super) async fn write(&self, call: Call) -> Result<Vec<u8>, Error> {
        let held = self.clone();
        let task = tokio::spawn(async move {
            for _ in 1..ATTEMPTS {
                match call.clone().succeed().await {
                    Err(error) if error.is_locked() => lock::index(&held.repository.git_dir).await?,
                    result => return Ok(result?),
                }
            }
            Ok(call.succeed().await?)
        });
        task.await.map_err(|_| Error::Shutdown)?
    }

    /// Changes files, where that may block.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Repository) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let Self { repository, lock } = self.clone();
        blocking(move || {
            let result = work(&repository);
            drop(lock);
            result
        })
        .await
    }
}
