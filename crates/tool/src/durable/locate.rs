//! Where a path of a call leads, and what permissions call it (reference `v2.md` §6, §11).
//!
//! A relative path stays in the session's folder, also over links; another place has to be named by its absolute
//! path, and is asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use opencode_project::place::Place;

use crate::contract::{Call, Failure, PathKind, Scope};
use crate::write::blocking;

/// A place that a call may reach.
#[derive(Clone, Debug)]
pub(super) struct Located {
    /// Its name, absolute.
    pub(super) path: PathBuf,
    /// What it is.
    pub(super) place: Place,
}

/// Finds what `given` names, and asks for it if it lies outside.
pub(super) async fn locate(call: &Call, given: &str) -> Result<Located, Failure> {
    let path = call.scope.resolve(given);
    check(call, given, &path).await?;
    let is_folder = tokio::fs::metadata(&path)
        .await
        .is_ok_and(|metadata| metadata.is_dir());
    let kind = if is_folder {
        PathKind::Directory
    } else {
        PathKind::File
    };
    let place = call.reach(&path, kind).await?;
    Ok(Located { path, place })
}

/// Refuses a relative path and a link that lead out of the session's folder.
pub(crate) async fn check(call: &Call, given: &str, path: &Path) -> Result<(), Failure> {
    if !path.starts_with(&call.scope.directory) {
        if Path::new(given).is_absolute() {
            return Ok(());
        }
        return Err(Failure::told(format!(
            "{given} lies outside the session's folder. Give its absolute path instead."
        )));
    }
    let (path, scope) = (path.to_owned(), Arc::clone(&call.scope));
    let inside = blocking(move || -> std::io::Result<bool> {
        let place = Place::of(&path)?;
        let worktree = Some(&scope.worktree).filter(|worktree| *worktree != Path::new("/"));
        for folder in std::iter::once(&scope.directory).chain(worktree) {
            if place.target().starts_with(Place::of(folder)?.target()) {
                return Ok(true);
            }
        }
        Ok(false)
    });
    if inside.await?? {
        return Ok(());
    }
    Err(Failure::told(format!(
        "{given} is a link that leads out of the session's folder. Give the absolute path of what it leads to instead."
    )))
}

/// What permissions and results call a path: as seen from the session's folder, absolute if it lies outside.
pub(crate) fn resource(scope: &Scope, path: &Path) -> String {
    match path.strip_prefix(&scope.directory) {
        Ok(rest) if rest == Path::new("") => ".".into(),
        Ok(_) => opencode_project::path::relative(&scope.directory, path),
        Err(_) => path.to_string_lossy().into_owned(),
    }
}
