//! Fetching the repositories that references name (reference `agents-commands-permissions.md` §8): once for
//! each while the program runs, beside the work, and never waited for.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opencode_config::lock;
use opencode_config::reference::{Reference, Repository};
use opencode_project::git::{self, Call};

use crate::{Engine, Location};

/// How long fetching one may take.
const LIMIT: Duration = Duration::from_secs(300);
/// What git may speak; other ways can run programs. Folders are reached only through a base that the user set.
const PROTOCOLS: &str = "https:http:ssh:git:file";

/// Folders that were fetched, or are being fetched, by this process.
static BEGUN: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);

/// Begins to fetch what has not been fetched yet.
pub(crate) fn fetch(engine: &Engine, location: &Location) {
    for reference in location.references.iter() {
        let Some(repository) = &reference.repository else {
            continue;
        };
        let is_new = BEGUN
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_default()
            .insert(reference.path.clone());
        if !is_new {
            continue;
        }
        // Two programs at once would stand in each other's way; the other one's result is as good.
        let name = format!("reference-{}", reference.path.display());
        let Ok(Some(held)) = lock::try_hold(location.paths(), &name) else {
            continue;
        };
        let (Reference { name, path, .. }, repository) = (reference.clone(), repository.clone());
        let ending = engine.inner.ending.clone();
        engine.inner.tasks.spawn(async move {
            let fetched = ending.run_until_cancelled(into(&path, &repository)).await;
            if let Some(Err(error)) = fetched {
                tracing::warn!(name, error, "a reference could not be fetched");
            }
            drop(held);
        });
    }
}

/// Clones anew, or brings what was cloned up to date. What is there stays when that fails.
async fn into(path: &Path, repository: &Repository) -> Result<(), String> {
    let parent = path.parent().ok_or("it has no place")?;
    let told = |error: std::io::Error| error.to_string();
    tokio::fs::create_dir_all(parent).await.map_err(told)?;
    if is_clone_of(path, &repository.remote).await {
        let wanted = repository.branch.as_deref().unwrap_or("HEAD");
        let fetch = call(path, "fetch").arguments(["--depth", "1", "origin", wanted]);
        fetch.succeed().await.map_err(|error| reason(&error))?;
        let reset = call(path, "reset").arguments(["--hard", "FETCH_HEAD"]);
        reset.succeed().await.map_err(|error| reason(&error))?;
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = parent.join(format!(".{name}.new"));
    remove(&fresh).await.map_err(told)?;
    let mut clone = call(parent, "clone").arguments(["--depth", "1"]);
    if let Some(branch) = &repository.branch {
        clone = clone.arguments(["--branch", branch]);
    }
    let clone = clone
        .arguments(["--", repository.remote.as_str()])
        .argument(&fresh);
    if let Err(error) = clone.succeed().await {
        let _ = remove(&fresh).await;
        return Err(reason(&error));
    }
    remove(path).await.map_err(told)?;
    tokio::fs::rename(&fresh, path).await.map_err(told)
}

fn call(directory: &Path, command: &str) -> Call {
    Call::new(directory, command)
        .timeout(LIMIT)
        .variable("GIT_ALLOW_PROTOCOL", PROTOCOLS)
}

fn reason(error: &git::Error) -> String {
    error.to_string()
}

async fn is_clone_of(path: &Path, remote: &str) -> bool {
    if !path.join(".git").exists() {
        return false;
    }
    let asked = call(path, "remote").arguments(["get-url", "origin"]);
    matches!(asked.succeed().await, Ok(told) if String::from_utf8_lossy(&told).trim_end() == remote)
}

async fn remove(folder: &Path) -> std::io::Result<()> {
    match tokio::fs::remove_dir_all(folder).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
