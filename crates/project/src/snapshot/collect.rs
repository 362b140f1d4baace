//! Snapshots of all projects: what no one can ask for any more is dropped, also where nobody works now.

use std::path::{Path, PathBuf};

use super::{COLLECT_LIMIT, Error, KEEP, repository};
use crate::git::{self, Call};

/// Drops what no one can ask for any more from all snapshots below the data folder `data`. Tells how many
/// were looked through; those that cannot be are logged and left as they are.
pub async fn collect(data: &Path) -> usize {
    let mut done = 0;
    for git_dir in git_dirs(data) {
        match collect_one(&git_dir, &git_dir).await {
            Ok(()) => done += 1,
            Err(error) => {
                tracing::warn!(path = %git_dir.display(), %error, "snapshots could not be cleaned up");
            }
        }
    }
    done
}

/// The same for one git folder, of a worktree that may be gone.
pub(super) async fn collect_one(git_dir: &Path, directory: &Path) -> Result<(), Error> {
    // git itself sees to it that two collections do not meet, and spares what is young.
    let prune = format!("--prune={KEEP}");
    let call = Call::on(git_dir, directory, directory, "gc")
        .arguments([prune.as_str(), "--quiet"])
        .timeout(COLLECT_LIMIT);
    match call.succeed().await {
        Err(git::Error::Failed { message, .. }) if message.contains("already running") => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

/// The git folders of all snapshots below `data`.
#[must_use]
pub fn git_dirs(data: &Path) -> Vec<PathBuf> {
    let folders = |folder: &Path| -> Vec<PathBuf> {
        let Ok(entries) = fs_err::read_dir(folder) else {
            return Vec::new();
        };
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
    };
    let mut found: Vec<PathBuf> = folders(&data.join("snapshot"))
        .iter()
        .flat_map(|project| folders(project))
        .filter(|folder| repository::is_whole(folder))
        .collect();
    found.sort();
    found
}
