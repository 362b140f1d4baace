//! Installing packages of plugins into the cache, in the reference's places. What is there is used as it is, without
//! the network.
//!
//! An installation is made beside its place and put there when it is whole; a lock lets one program at a time make it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opencode_config::{Environment, Paths, lock};
use opencode_process::{Finished, Program};
use tokio::time::{Instant, sleep};

use super::manifest;
use super::specification::Package;
use crate::Runtime;

/// How long an installation may take, with the wait for that of another program.
const LIMIT: Duration = Duration::from_secs(120);
/// How long what could not be installed is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(60);
/// How often one looks whether another program is done; the system does not tell.
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes that are kept of what a package manager says.
const SAID: usize = 16 << 10;
/// What package managers put before what they say.
const PREFIXES: [&str; 3] = ["npm error", "npm ERR!", "error:"];
/// Numbers and names of failures, which say nothing to users.
const MARKS: [&str; 7] = ["code", "errno", "syscall", "address", "port", "path", "dest"];

/// The folder of a package that is installed.
pub(super) fn there(package: &Package, cache: &Path) -> Option<PathBuf> {
    in_folder(package, &cache.join("packages").join(package.folder()))
}

/// As [`bring`], but what failed a moment ago has failed.
pub(super) async fn once(
    package: &Package,
    paths: &Paths,
    environment: &Environment,
    runtime: &Runtime,
) -> Result<PathBuf, String> {
    static FAILED: Mutex<Option<HashMap<PathBuf, (Instant, String)>>> = Mutex::new(None);
    let failed = || FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(folder) = there(package, &paths.cache) {
        return Ok(folder);
    }
    let key = paths.cache.join(package.folder());
    {
        let mut failed = failed();
        let failed = failed.get_or_insert_default();
        failed.retain(|_, (at, _)| at.elapsed() < RETRY_AFTER);
        if let Some((_, reason)) = failed.get(&key) {
            return Err(reason.clone());
        }
    }
    let brought = bring(package, paths, environment, runtime).await;
    if let Err(reason) = &brought {
        failed()
            .get_or_insert_default()
            .insert(key, (Instant::now(), reason.clone()));
    }
    brought
}

/// Installs a package if it is not there; gives its folder, or the reason why there is none. Who drops this ends it.
pub(super) async fn bring(
    package: &Package,
    paths: &Paths,
    environment: &Environment,
    runtime: &Runtime,
) -> Result<PathBuf, String> {
    let end = Instant::now() + LIMIT;
    let name = format!("plugin-{package}");
    let lock = loop {
        match lock::try_hold(paths, &name) {
            Ok(Some(held)) => break held,
            Ok(None) if Instant::now() >= end => {
                return Err("another program installs it and does not end".to_owned());
            }
            Ok(None) => sleep(PAUSE).await,
            Err(error) => return Err(error.to_string()),
        }
    };
    if let Some(folder) = there(package, &paths.cache) {
        return Ok(folder);
    }
    let packages = paths.cache.join("packages");
    let made = make(package, &packages, environment, runtime, end).await;
    lock::remove(paths, &name, lock);
    made?;
    there(package, &paths.cache).ok_or_else(|| "the package manager brought something else".to_owned())
}

async fn make(
    package: &Package,
    packages: &Path,
    environment: &Environment,
    runtime: &Runtime,
    end: Instant,
) -> Result<(), String> {
    let (manager, words) = runtime.installer(environment)?;
    fs_err::tokio::create_dir_all(packages).await.map_err(text)?;
    let fresh = tempfile::Builder::new()
        .prefix(".new-")
        .tempdir_in(packages)
        .map_err(text)?;
    // Without it the manager would take a project that lies above.
    fs_err::tokio::write(fresh.path().join("package.json"), "{ \"private\": true }\n")
        .await
        .map_err(text)?;
    tracing::info!(%package, "installing a plugin");
    let mut program = Program::new(manager)
        .args(words)
        .arg(package.wanted())
        .directory(fresh.path())
        .timeout(end.saturating_duration_since(Instant::now()))
        .limit(SAID);
    for (name, value) in environment.iter() {
        program = program.variable(name, value);
    }
    let finished = program.run().await.map_err(text)?;
    if !finished.success() {
        return Err(reason(&finished));
    }
    let Some(brought) = in_folder(package, fresh.path()) else {
        return Err("the package manager brought no package".to_owned());
    };
    manifest::read(&brought)?;
    let folder = packages.join(package.folder());
    if let Some(parent) = folder.parent() {
        fs_err::tokio::create_dir_all(parent).await.map_err(text)?;
    }
    // What somebody left there without the package is in the way.
    if fs_err::tokio::metadata(&folder).await.is_ok() {
        fs_err::tokio::remove_dir_all(&folder).await.map_err(text)?;
    }
    fs_err::tokio::rename(fresh.keep(), &folder).await.map_err(text)
}

/// The package in a folder that it was installed into. Where its specification does not say its name, the manager
/// wrote it down.
fn in_folder(package: &Package, folder: &Path) -> Option<PathBuf> {
    let name = match &package.name {
        Some(name) => name.clone(),
        None => manifest::dependency(folder)?,
    };
    let path = folder.join("node_modules").join(name);
    path.join("package.json").is_file().then_some(path)
}

/// The first thing that a package manager complains of.
fn reason(finished: &Finished) -> String {
    let said = finished.error_text();
    let complaint = |line: &str| {
        let rest = PREFIXES
            .iter()
            .find_map(|prefix| line.strip_prefix(prefix))?
            .trim();
        let is_mark = MARKS.contains(&rest.split(' ').next().unwrap_or_default());
        (!rest.is_empty() && !is_mark).then(|| rest.to_owned())
    };
    let last = || said.lines().rev().find(|line| !line.trim().is_empty());
    let found = said.lines().find_map(complaint);
    found.unwrap_or_else(|| last().unwrap_or("the package manager failed").to_owned())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
