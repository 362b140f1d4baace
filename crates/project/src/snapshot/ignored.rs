//! Which files the project ignores.
//!
//! The project's own repository is asked, as it knows the settings that the snapshots' one does not.

use std::collections::HashSet;

use super::links::Links;
use super::repository::Repository;
use super::{Error, blocking};
use crate::git::{self, Call};

/// Goes before a name that begins with a colon, which is magic to this command; it alone cannot be told
/// that names are names.
const GUARD: &[u8] = b"./";

/// Those of `paths`, relative to the top, that the project ignores, even if it keeps them all the same.
///
/// When the project cannot be asked, nothing is ignored.
pub(super) async fn among(repository: &Repository, paths: &[Vec<u8>]) -> Result<HashSet<Vec<u8>>, Error> {
    if paths.is_empty() {
        return Ok(HashSet::new());
    }
    let (paths, top) = (paths.to_vec(), repository.worktree.clone());
    let input = blocking(move || {
        let mut links = Links::new(&top);
        let mut input = Vec::new();
        for path in paths.iter().filter(|path| !links.lead_to(&git::path(path))) {
            if path.starts_with(b":") {
                input.extend(GUARD);
            }
            input.extend(path);
            input.push(0);
        }
        input
    })
    .await?;
    if input.is_empty() {
        return Ok(HashSet::new());
    }
    let call = Call::on(
        &repository.git.git_dir,
        &repository.worktree,
        &repository.worktree,
        "check-ignore",
    )
    .arguments(["--no-index", "--stdin", "-z"])
    .input(input);
    let output = call.run().await?;
    // 1 means that none is ignored.
    if !matches!(output.code, Some(0 | 1)) {
        tracing::warn!(
            code = output.code,
            message = output.stderr.trim(),
            "could not ask what is ignored"
        );
        return Ok(HashSet::new());
    }
    let name = |path: &[u8]| path.strip_prefix(GUARD).unwrap_or(path).to_vec();
    Ok(git::records(&output.stdout).map(name).collect())
}
