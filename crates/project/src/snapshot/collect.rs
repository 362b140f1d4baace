//! Snapshots of all projects: what no one can ask for any more is dropped, also where nobody works now.

use std::path::{Path, PathBuf};

use super::{COLLECT_LIMIT, Error, KEEP, blocking, repository};
use crate::git::{self, Call};

/// How old trees may be where all together take more room than they may: tried one after the other.
const SOONER: [&str; 3] = ["3.days", "1.day", "1.hour"];

/// Drops what no one can ask for any more from all snapshots below the data folder `data`, and in those that take
/// more than `most` bytes more than that. Tells how many were looked through; those that cannot be are logged and
/// left as they are.
pub async fn collect(data: &Path, most: Option<u64>) -> usize {
    let mut done = 0;
    for git_dir in git_dirs(data) {
        match collect_one(&git_dir, &git_dir, most).await {
            Ok(()) => done += 1,
            Err(error) => {
                tracing::warn!(path = %git_dir.display(), %error, "snapshots could not be cleaned up");
            }
        }
    }
    done
}

/// The same for one git folder, of a worktree that may be gone.
pub(super) async fn collect_one(git_dir: &Path, directory: &Path, most: Option<u64>) -> Result<(), Error> {
    prune(git_dir, directory, KEEP).await?;
    let Some(most) = most else { return Ok(()) };
    for keep in SOONER {
        let folder = git_dir.to_owned();
        if blocking(move || size(&folder)).await? <= most {
            break;
        }
        prune(git_dir, directory, keep).await?;
    }
    Ok(())
}

async fn prune(git_dir: &Path, directory: &Path, keep: &str) -> Result<(), Error> {
    // git itself sees to it that two collections do not meet, and spares what is young.
    let prune = format!("--prune={keep}");
    let call = Call::on(git_dir, directory, directory, "gc")
        .arguments([prune.as_str(), "--quiet"])
        // Nobody waits for it: it leaves the processor to others.
        .variable("GIT_CONFIG_COUNT", "1")
        .variable("GIT_CONFIG_KEY_0", "pack.threads")
        .variable("GIT_CONFIG_VALUE_0", "1")
        .timeout(COLLECT_LIMIT);
    match call.succeed().await {
        Err(git::Error::Failed { message, .. }) if message.contains("already running") => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

/// Bytes of the files in a folder and below it; links are not followed.
fn size(folder: &Path) -> u64 {
    let mut bytes = 0;
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs_err::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => waiting.push(entry.path()),
                Ok(metadata) => bytes += metadata.len(),
                // It went meanwhile.
                Err(_) => {}
            }
        }
    }
    bytes
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
