//! What is kept for a while is cleaned up while the program runs for long (reference `sessions.md` §8,
//! `tools.md` §2).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opencode_config::Environment;
use opencode_config::environment::variable;
use opencode_project::snapshot;
use opencode_project::trash::Trash;

use crate::{Engine, Location};

/// Nobody waits for this; short runs do without it.
const FIRST: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(60 * 60);
/// While sessions are at work it is looked again after the first pause, so often at most.
const PUT_OFF: u32 = 60;

/// Cleans up after a location from now on whenever nothing is to be done, until it is given up or the engine ends.
pub(crate) fn begin(engine: &Engine, location: &Arc<Location>) {
    let (resting, ground, inner) = (
        engine.inner.housekeeping.clone(),
        Arc::downgrade(location.ground()),
        Arc::downgrade(&engine.inner),
    );
    engine.inner.tasks.spawn(async move {
        let mut pause = FIRST;
        let mut put_off = 0;
        while resting
            .run_until_cancelled(tokio::time::sleep(pause))
            .await
            .is_some()
        {
            let is_busy = inner
                .upgrade()
                .is_some_and(|inner| !inner.coordinator.statuses().is_empty());
            if is_busy && put_off < PUT_OFF {
                (pause, put_off) = (FIRST, put_off + 1);
                continue;
            }
            (pause, put_off) = (EVERY, 0);
            let Some(location) = ground.upgrade().and_then(|ground| ground.latest()) else {
                break;
            };
            if resting.run_until_cancelled(clean(&location)).await.is_none() {
                break;
            }
        }
    });
}

/// What a clean-up took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleaned {
    /// Whole tool results.
    pub results: usize,
    /// Entries of the trash.
    pub trash: usize,
    /// Snapshots that were looked through.
    pub snapshots: usize,
}

impl Engine {
    /// Takes away what is too old to be kept, of all projects: the same that goes hourly while a server
    /// runs, at once.
    pub async fn clean_up(&self, location: &Location) -> Cleaned {
        let (results, trash) = clean_files(location).await;
        let snapshots = snapshot::collect(&location.paths.data, limit(&self.inner.options.environment)).await;
        Cleaned {
            results,
            trash,
            snapshots,
        }
    }
}

/// Bytes that the trees of one worktree may take.
fn limit(environment: &Environment) -> Option<u64> {
    let megabytes = environment.positive(variable::SNAPSHOT_LIMIT)?;
    Some(megabytes.saturating_mul(1_000_000))
}

async fn clean(location: &Location) {
    let (results, trash) = clean_files(location).await;
    if let Some(snapshots) = location.snapshots()
        && let Err(error) = snapshots.cleanup(limit(&location.environment)).await
    {
        tracing::warn!(%error, "snapshots could not be cleaned up");
    }
    tracing::debug!(results, trash, "cleaned up");
}

/// Whole tool results and entries of the trash: how many are gone now.
async fn clean_files(location: &Location) -> (usize, usize) {
    let results = location.truncation.cleanup(SystemTime::now()).await;
    let trash = Trash::new(location.paths.trash());
    let emptied = tokio::task::spawn_blocking(move || trash.cleanup(SystemTime::now())).await;
    (results, emptied.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use opencode_config::Paths;
    use opencode_schema::SessionId;

    use super::*;
    use crate::Options;

    #[tokio::test]
    async fn old_results_are_removed_after_a_while_when_nobody_is_at_work() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_string_lossy().into_owned();
        let environment: Environment = [("HOME".to_owned(), home)].into_iter().collect();
        let paths = Paths::new(&environment);
        let results = paths.tool_output();
        fs_err::create_dir_all(&results).unwrap();
        let [old, new] = ["tool_old", "tool_new"].map(|name| results.join(name));
        for path in [&old, &new] {
            fs_err::write(path, "x").unwrap();
        }
        let week = SystemTime::now() - 8 * 24 * EVERY;
        fs_err::File::open(&old).unwrap().set_modified(week).unwrap();

        let options = Options {
            paths,
            environment,
            version: "0.0.0-test",
        };
        let engine = Engine::open(options).await.unwrap();
        engine.location(folder.path()).await.unwrap();
        let at_work = engine.inner.coordinator.claim(&SessionId::new()).unwrap();
        tokio::time::pause();
        tokio::time::sleep(10 * FIRST).await;
        assert!(old.exists(), "somebody is at work");
        drop(at_work);
        tokio::time::sleep(2 * FIRST).await;
        while old.exists() {
            tokio::task::yield_now().await;
        }
        assert!(new.exists());
        tokio::time::resume();
        engine.shutdown().await;
    }
}
