//! Bringing the index up to date with the files, and writing it as a tree.
//!
//! Only what differs is looked at: files that changed against the index, and files that it does not
//! know. Ignored files leave the index, new files that are too large do not enter it. One file that
//! cannot be read does not keep the others out.

use std::collections::HashSet;
use std::path::Path;

use tokio::time::{Instant, timeout};

use super::held::Held;
use super::repository::Repository;
use super::{Error, PAUSE, STAGE_LIMIT, Turn, blocking, ignored, memo};
use crate::git;

/// New files of more bytes than this are not kept (reference `sessions.md` §8).
const LARGE: u64 = 2_097_152;
/// How many files are stored by one run of git. An interrupted run stores nothing, so with a very large
/// worktree this is the progress that stays.
const BATCH: usize = 10_000;
/// After so many files that cannot be stored, the cause is likely none of theirs (a full disk, say).
const TROUBLES: usize = 16;
/// What git says of an index that it cannot read.
const UNREADABLE: [&str; 4] = ["index file", "index uses", "index entry", "index version"];

/// What differs between index and files; paths are relative to the top.
#[derive(Debug, Default)]
struct Listed {
    /// In the index, not in this form on disk.
    changed: Vec<Vec<u8>>,
    /// In the index, not on disk.
    gone: Vec<Vec<u8>>,
    /// On disk only. A nested repository is one entry that ends with `/`.
    new: Vec<Vec<u8>>,
}

/// What is to be done with the index.
#[derive(Debug, Default)]
struct Plan {
    /// Leaves the index.
    remove: Vec<Vec<u8>>,
    /// Is stored as it is, unless it is ignored, and then it leaves the index.
    changed: Vec<Vec<u8>>,
    /// Is stored, unless it is ignored.
    new: Vec<Vec<u8>>,
    /// New and not stored.
    large: Vec<Vec<u8>>,
}

impl Turn<'_> {
    /// Brings the index up to date.
    pub(super) async fn stage(&mut self) -> Result<(), Error> {
        let slow = || Error::Slow(self.held.repository.worktree.to_path_buf());
        if self
            .state
            .paused_until
            .is_some_and(|until| Instant::now() < until)
        {
            return Err(slow());
        }
        let result = match timeout(STAGE_LIMIT, stage(&self.held)).await {
            Ok(Err(Error::Git(error))) if error.is_timeout() => Err(slow()),
            Ok(result) => result,
            Err(_) => Err(slow()),
        };
        self.state.paused_until = matches!(result, Err(Error::Slow(_))).then(|| Instant::now() + PAUSE);
        result
    }

    /// The tree that the index stands for, when it is known without asking git.
    pub(super) async fn tree(&self) -> Result<Option<String>, Error> {
        let git_dir = self.held.repository.git_dir.clone();
        blocking(move || memo::load(&git_dir)).await
    }

    /// Writes the index as a tree.
    pub(super) async fn write_tree(&self) -> Result<String, Error> {
        if let Some(tree) = self.tree().await? {
            return Ok(tree);
        }
        let call = || self.held.repository.call("write-tree");
        let output = match self.held.write(call()).await {
            // Objects that were borrowed may be gone. A snapshot without those files is better than none.
            Err(Error::Git(git::Error::Failed { message, .. })) => {
                tracing::warn!(message, "writing a snapshot that lacks objects");
                self.held.write(call().argument("--missing-ok")).await?
            }
            result => result?,
        };
        let tree = String::from_utf8_lossy(&output).trim().to_owned();
        super::check(&tree)?;
        let known = tree.clone();
        self.held
            .change(move |repository| memo::store(&repository.git_dir, &known))
            .await?;
        Ok(tree)
    }
}

async fn stage(held: &Held) -> Result<(), Error> {
    let repository = &held.repository;
    let listed = list(repository).await?;
    if listed.changed.is_empty() && listed.gone.is_empty() && listed.new.is_empty() {
        return Ok(());
    }
    let top = repository.worktree.clone();
    let Plan {
        mut remove,
        mut changed,
        mut new,
        large,
    } = blocking(move || plan(&top, listed)).await?;
    let asked = [changed.as_slice(), new.as_slice()].concat();
    let ignored = ignored::among(repository, &asked).await?;
    if !ignored.is_empty() {
        remove.extend(changed.extract_if(.., |path| ignored.contains(path)));
        new.retain(|path| !ignored.contains(path));
    }
    if !large.is_empty() {
        held.change(move |repository| repository.write_exclude(&large))
            .await??;
    }
    if !remove.is_empty() {
        let call = repository
            .call("update-index")
            .arguments(["--force-remove", "-z", "--stdin"]);
        held.write(call.input(joined(&remove))).await?;
    }
    let nested = new.extract_if(.., |path| path.ends_with(b"/"));
    let nested: Vec<_> = nested
        .map(|path| path.strip_suffix(b"/").unwrap_or(&path).to_vec())
        .collect();
    changed.append(&mut new);
    store(held, &changed).await?;
    // Apart from the others, because one without commits fails every time.
    store(held, &nested).await
}

/// Asks git what differs, in two runs side by side.
async fn list(repository: &Repository) -> Result<Listed, Error> {
    match list_once(repository).await {
        Err(git::Error::Failed { message, .. }) if UNREADABLE.iter().any(|words| message.contains(words)) => {
            // It was copied from the project, which may use a form that cannot be copied, or a disk was
            // full. Without it, all files are stored anew.
            tracing::warn!(
                message,
                "the index of the snapshots cannot be read, starting a new one"
            );
            fs_err::tokio::remove_file(repository.git_dir.join("index")).await?;
            Ok(list_once(repository).await?)
        }
        result => Ok(result?),
    }
}

async fn list_once(repository: &Repository) -> Result<Listed, git::Error> {
    let changed = repository
        .call_here("diff-files")
        .arguments([
            "--name-status",
            "--no-renames",
            "--ignore-submodules=dirty",
            "-z",
            "--",
            ".",
        ])
        .succeed();
    let new = repository
        .call_here("ls-files")
        .arguments(["--full-name", "--others", "--exclude-standard", "-z", "--", "."])
        .succeed();
    let (changed, new) = tokio::try_join!(changed, new)?;
    let mut listed = Listed {
        new: git::records(&new).map(<[u8]>::to_vec).collect(),
        ..Listed::default()
    };
    let mut seen = HashSet::new();
    let mut fields = git::records(&changed);
    while let (Some(status), Some(path)) = (fields.next(), fields.next()) {
        // A file with a merge conflict is told twice.
        if !seen.insert(path) {
            continue;
        }
        let list = if status == b"D" {
            &mut listed.gone
        } else {
            &mut listed.changed
        };
        list.push(path.to_vec());
    }
    Ok(listed)
}

/// Looks at the files and says what is to be done with them.
fn plan(top: &Path, listed: Listed) -> Plan {
    let mut plan = Plan {
        remove: listed.gone,
        ..Plan::default()
    };
    for path in listed.changed {
        let kept = fs_err::symlink_metadata(top.join(git::path(&path)))
            .is_ok_and(|metadata| metadata.is_file() || metadata.is_symlink() || metadata.is_dir());
        let list = if kept { &mut plan.changed } else { &mut plan.remove };
        list.push(path);
    }
    for path in listed.new {
        // Parity: sessions.md §8, a link to a large file counts as one.
        let large = fs_err::metadata(top.join(git::path(&path)))
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() > LARGE);
        let list = if large { &mut plan.large } else { &mut plan.new };
        list.push(path);
    }
    plan
}

/// Stores files in the index. git takes all of a batch or none, so one that fails is halved until only
/// those are left that make trouble: files that may not be read, that a filter refuses, that vanish.
async fn store(held: &Held, paths: &[Vec<u8>]) -> Result<(), Error> {
    let mut batches: Vec<&[Vec<u8>]> = paths.chunks(BATCH).rev().collect();
    let mut troubles = 0;
    while let Some(batch) = batches.pop() {
        let call = held
            .repository
            .call("update-index")
            .arguments([
                "--add",
                "--remove",
                "--replace",
                "--ignore-skip-worktree-entries",
                "-z",
                "--stdin",
            ])
            .input(joined(batch));
        let error = match held.write(call).await {
            Ok(_) => continue,
            Err(Error::Git(error @ git::Error::Failed { .. })) => error,
            Err(error) => return Err(error),
        };
        if let [path] = batch {
            tracing::warn!(%error, path = %git::path(path).display(), "a file is not in the snapshot");
            troubles += 1;
        } else {
            let (first, second) = batch.split_at(batch.len() / 2);
            batches.extend([second, first]);
        }
        if troubles > TROUBLES {
            tracing::warn!("too many files cannot be stored, leaving out the rest");
            break;
        }
    }
    Ok(())
}

/// Paths as git reads them from its input.
fn joined(paths: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(paths.iter().map(|path| path.len() + 1).sum());
    for path in paths {
        out.extend(path);
        out.push(0);
    }
    out
}
