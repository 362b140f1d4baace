//! Bringing files back: all of a tree, or those that patches name.
//!
//! Patches come from stored or imported sessions, so a path in them may be anything. Nothing outside the
//! worktree, inside a `.git`, or behind a symbolic link is touched, and nothing is deleted unless its
//! tree is there to say that the file was not.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use opencode_schema::part::PatchPart;

use super::held::Held;
use super::links::Links;
use super::repository::Repository;
use super::{Error, compare};
use crate::git;
use crate::path::absolute;

/// How many files are brought back by one run of git; the reference's value.
const BATCH: usize = 100;

/// What [`Snapshots::revert`](super::Snapshots::revert) did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reverted {
    /// Files that are as they were.
    pub restored: Vec<String>,
    /// Files that were not there, and are not now.
    pub deleted: Vec<String>,
    /// Files that are left alone: they could not be written, are outside the worktree, or their tree is
    /// gone.
    pub kept: Vec<String>,
}

/// A file to bring back.
#[derive(Clone, Debug)]
struct Target {
    hash: String,
    /// As the patch names it.
    file: String,
    /// Relative to the top.
    path: PathBuf,
}

/// Makes the files of a tree what they were, as far as they are under the instance's folder.
///
/// The reference restores the whole worktree; outside the folder it would undo what no snapshot has seen.
pub(super) async fn restore(held: &Held, hash: &str) -> Result<(), Error> {
    let repository = &held.repository;
    // Keeps what the index knows of unchanged files, so that those need not be written again.
    let read = repository.call("read-tree").arguments(["--reset", hash]);
    if let Err(error) = held.write(read).await {
        compare::exists(repository, hash).await?;
        return Err(error);
    }
    let write = repository
        .call_here("checkout-index")
        .arguments(["-u", "-a", "-f", "-q"]);
    held.write(write).await.map(drop)
}

/// Takes back what patches changed.
pub(super) async fn revert(held: &Held, patches: &[PatchPart]) -> Result<Reverted, Error> {
    let mut out = Reverted::default();
    let mut seen = HashSet::new();
    let mut targets = Vec::new();
    for patch in patches {
        for file in patch.files.iter().filter(|file| seen.insert(file.as_str())) {
            match inside(&held.repository.worktree, file).filter(|_| super::check(&patch.hash).is_ok()) {
                Some(path) => targets.push(Target {
                    hash: patch.hash.clone(),
                    file: file.clone(),
                    path,
                }),
                None => out.kept.push(file.clone()),
            }
        }
    }
    let mut rest = targets.as_slice();
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(batch(rest));
        revert_batch(held, batch, &mut out).await?;
        rest = after;
    }
    Ok(out)
}

/// The path of a file seen from the top; nothing when it is not a file of the worktree.
fn inside(top: &Path, file: &str) -> Option<PathBuf> {
    let path = absolute(top, file);
    let path = path.strip_prefix(top).ok()?;
    let git = path
        .components()
        .any(|part| matches!(part, Component::Normal(name) if name.eq_ignore_ascii_case(".git")));
    (!git && path.components().next().is_some()).then(|| path.to_owned())
}

/// How many of the first targets can be done together: of one tree, and none inside another.
fn batch(targets: &[Target]) -> usize {
    let Some(first) = targets.first() else { return 0 };
    let mut paths: HashSet<&Path> = HashSet::new();
    let mut above: HashSet<&Path> = HashSet::new();
    let mut count = 0;
    for target in targets
        .iter()
        .take(BATCH)
        .take_while(|target| target.hash == first.hash)
    {
        let mut parents = target.path.ancestors().skip(1);
        if above.contains(target.path.as_path()) || parents.any(|parent| paths.contains(parent)) {
            break;
        }
        above.extend(target.path.ancestors().skip(1));
        paths.insert(&target.path);
        count += 1;
    }
    count
}

async fn revert_batch(held: &Held, batch: &[Target], out: &mut Reverted) -> Result<(), Error> {
    let Some(hash) = batch.first().map(|target| target.hash.as_str()) else {
        return Ok(());
    };
    let listed = held
        .repository
        .call("ls-tree")
        .arguments(["-z", hash, "--"])
        .arguments(batch.iter().map(|target| &target.path))
        .succeed()
        .await;
    let listed = match listed {
        Ok(listed) => listed,
        Err(error @ git::Error::Failed { .. }) => {
            tracing::warn!(%error, hash, "cannot take files back to a snapshot");
            out.kept.extend(batch.iter().map(|target| target.file.clone()));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let present: HashSet<PathBuf> = git::records(&listed).filter_map(file).collect();
    let (restore, delete): (Vec<&Target>, Vec<&Target>) =
        batch.iter().partition(|target| present.contains(&target.path));
    check_out(held, hash, &restore, out).await?;
    let delete: Vec<Target> = delete.into_iter().cloned().collect();
    let remove_all = move |repository: &Repository| {
        let mut links = Links::new(&repository.worktree);
        let remove = |target: Target| (remove(&repository.worktree, &mut links, &target), target.file);
        delete.into_iter().map(remove).collect::<Vec<_>>()
    };
    let results = held.change(remove_all).await?;
    for (gone, file) in results {
        let list = if gone { &mut out.deleted } else { &mut out.kept };
        list.push(file);
    }
    Ok(())
}

/// The path in a line of `ls-tree`. A folder is none: where the tree has a folder, the file that a patch
/// names was not there, and what was in the folder is named by itself.
fn file(line: &[u8]) -> Option<PathBuf> {
    let (data, path) = line.split_at_checked(line.iter().position(|byte| *byte == b'\t')?)?;
    let folder = data.split(|byte| *byte == b' ').nth(1) == Some(b"tree");
    (!folder).then(|| git::path(path.strip_prefix(b"\t").unwrap_or(path)))
}

/// Writes files of a tree, all at once, or one by one when that fails.
async fn check_out(held: &Held, hash: &str, targets: &[&Target], out: &mut Reverted) -> Result<(), Error> {
    let mut groups = vec![targets];
    while let Some(group) = groups.pop().filter(|group| !group.is_empty()) {
        let mut input = Vec::new();
        for target in group {
            input.extend(git::bytes(&target.path));
            input.push(0);
        }
        let call = held
            .repository
            .call("checkout")
            .arguments([
                "--quiet",
                "--no-recurse-submodules",
                "--pathspec-from-file=-",
                "--pathspec-file-nul",
            ])
            .argument(hash)
            .input(input);
        match held.write(call).await {
            Ok(_) => out
                .restored
                .extend(group.iter().map(|target| target.file.clone())),
            Err(Error::Git(error @ git::Error::Failed { .. })) => match group {
                [target] => {
                    tracing::warn!(%error, file = target.file, "could not take a file back");
                    out.kept.push(target.file.clone());
                }
                several => groups.extend(several.chunks(1).rev()),
            },
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Deletes a file; a folder stays, as a patch names none. Whether nothing is left of it.
fn remove(top: &Path, links: &mut Links<'_>, target: &Target) -> bool {
    if links.lead_to(&target.path) {
        return false;
    }
    let path = top.join(&target.path);
    match fs_err::symlink_metadata(&path) {
        // A file where the folder was: what was in there is gone.
        Err(error) => matches!(
            error.kind(),
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
        ),
        Ok(metadata) if metadata.is_dir() => false,
        Ok(_) => fs_err::remove_file(&path)
            .inspect_err(|error| tracing::warn!(%error, "could not delete a file that was not there before"))
            .is_ok(),
    }
}
