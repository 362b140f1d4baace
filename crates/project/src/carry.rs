//! Uncommitted work as one patch that can be carried to another worktree of the repository
//! (reference `http-api.md` §6.1, `move-session`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::git::{self, Call, Error};

/// Most bytes of work that are carried.
const LIMIT: usize = 256 << 20;

/// What a worktree holds beside its last commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    patch: Vec<u8>,
}

impl Work {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patch.is_empty()
    }
}

/// Why work was not taken away where it came from.
#[derive(Debug, thiserror::Error)]
pub enum DiscardError {
    /// git did not do its part.
    #[error(transparent)]
    Git(#[from] Error),
    /// More was done meanwhile, and would be lost.
    #[error("the files of `{}` have changed meanwhile", .0.display())]
    Changed(PathBuf),
}

/// Looks what a worktree holds: changes, also staged ones, and new files that git does not ignore.
/// Repositories inside it are left out.
///
/// # Errors
/// git cannot be run, there is no commit, or it is too much.
pub async fn capture(worktree: &Path) -> Result<Work, Error> {
    let index = Index::new(worktree).await?;
    index.call("read-tree").argument("HEAD").succeed().await?;
    index.call("add").argument("--update").succeed().await?;
    let new = index
        .call("ls-files")
        .arguments(["--others", "--exclude-standard", "-z"])
        .succeed()
        .await?;
    index
        .call("update-index")
        .arguments(["--add", "--remove", "-z", "--stdin"])
        .input(joined(&files(&new)))
        .succeed()
        .await?;
    let patch = index
        .call("diff")
        .arguments([
            "--cached",
            "--binary",
            "--full-index",
            "--no-ext-diff",
            "--no-textconv",
            "--no-renames",
            "--no-color",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            "HEAD",
        ])
        .limit(LIMIT)
        .succeed()
        .await?;
    Ok(Work { patch })
}

/// Puts work into another worktree: all of it, or nothing.
///
/// # Errors
/// git cannot be run, or the files there are others: [`Error::Failed`] says which.
pub async fn apply(worktree: &Path, work: &Work) -> Result<(), Error> {
    if work.is_empty() {
        return Ok(());
    }
    Call::new(worktree, "apply")
        .arguments(["--binary", "--whitespace=nowarn", "-"])
        .input(work.patch.clone())
        .succeed()
        .await
        .map(drop)
}

/// Takes work away where it was captured. Parity: http-api.md §6.1, what is staged stays so.
///
/// # Errors
/// It is not the same any more, or git does not do it.
pub async fn discard(worktree: &Path, work: &Work) -> Result<(), DiscardError> {
    if work.is_empty() {
        return Ok(());
    }
    if capture(worktree).await? != *work {
        return Err(DiscardError::Changed(worktree.to_owned()));
    }
    let new = Call::new(worktree, "ls-files")
        .arguments(["--others", "--exclude-standard", "-z"])
        .succeed()
        .await?;
    Call::new(worktree, "checkout-index")
        .arguments(["--all", "--force"])
        .succeed()
        .await?;
    let new: Vec<PathBuf> = files(&new).into_iter().map(git::path).collect();
    let root = worktree.to_owned();
    let removing = tokio::task::spawn_blocking(move || remove(&root, &new));
    if let Err(error) = removing.await {
        tracing::error!(%error, "carried files were not removed");
    }
    Ok(())
}

/// Removes files, and the folders that are empty without them.
fn remove(root: &Path, files: &[PathBuf]) {
    let mut folders = BTreeSet::new();
    for file in files {
        if let Err(error) = fs_err::remove_file(root.join(file)) {
            tracing::warn!(%error, "a carried file stays");
        }
        folders.extend(file.ancestors().skip(1).filter(|folder| *folder != Path::new("")));
    }
    // The deepest first; one that is not empty stays.
    for folder in folders.into_iter().rev() {
        let _ = fs_err::remove_dir(root.join(folder));
    }
}

/// Names of files; those of folders, which are repositories, end with a slash.
fn files(listed: &[u8]) -> Vec<&[u8]> {
    git::records(listed)
        .filter(|name| !name.ends_with(b"/"))
        .collect()
}

fn joined(names: &[&[u8]]) -> Vec<u8> {
    let mut all = names.join(&0);
    if !all.is_empty() {
        all.push(0);
    }
    all
}

/// An index beside the user's, so that nothing of theirs is touched.
struct Index {
    worktree: PathBuf,
    file: PathBuf,
}

impl Index {
    async fn new(worktree: &Path) -> Result<Self, Error> {
        let name = format!("opencode-{}.index", crate::identity::sha1(&unique()));
        let path = Call::new(worktree, "rev-parse")
            .arguments(["--path-format=absolute", "--git-path", &name])
            .succeed()
            .await?;
        Ok(Self {
            worktree: worktree.to_owned(),
            file: git::path(path.trim_ascii_end()),
        })
    }

    fn call(&self, command: &str) -> Call {
        Call::new(&self.worktree, command).variable("GIT_INDEX_FILE", &self.file.to_string_lossy())
    }
}

/// A text that no other call of any process makes.
fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(
        "{} {count} {:?}",
        std::process::id(),
        std::time::SystemTime::now()
    )
}

impl Drop for Index {
    fn drop(&mut self) {
        // It was not made yet, or is gone.
        let _ = fs_err::remove_file(&self.file);
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::git::testing::{Sandbox, git, write};
    use crate::worktree::{self, Start};

    async fn two() -> (Sandbox, PathBuf, PathBuf) {
        let place = Sandbox::new();
        let main = place.committed(
            "main",
            &[("a", "one\ntwo\n"), ("gone", "x\n"), (".gitignore", "no\n")],
        );
        let other = place.path("other");
        worktree::add(&main, &other, Start::Detached).await.unwrap();
        worktree::fill(&other).await.unwrap();
        (place, main, other)
    }

    #[tokio::test]
    async fn work_is_carried_whole_and_then_taken_away() {
        let (place, main, other) = two().await;
        write(&main.join("a"), "one\nTWO\n");
        fs_err::remove_file(main.join("gone")).unwrap();
        write(&main.join("deep/new file"), b"\0\x01binary");
        write(&main.join("staged"), "s\n");
        git(&main, &["add", "staged"]);
        write(&main.join("no"), "ignored");
        place.repository("main/inner");
        let work = capture(&main).await.unwrap();
        apply(&other, &work).await.unwrap();
        assert_eq!(
            git(&other, &["status", "--porcelain"]),
            " M a\n D gone\n?? deep/\n?? staged"
        );
        assert_eq!(
            fs_err::read(other.join("deep/new file")).unwrap(),
            b"\0\x01binary"
        );
        discard(&main, &work).await.unwrap();
        assert_eq!(git(&main, &["status", "--porcelain"]), "A  staged\n?? inner/");
        assert!(main.join("no").exists() && !main.join("deep").exists());
        assert!(apply(&other, &work).await.is_err(), "it is there already");
    }

    #[tokio::test]
    async fn what_was_done_meanwhile_is_not_lost() {
        let (_place, main, _) = two().await;
        write(&main.join("a"), "1\n");
        let work = capture(&main).await.unwrap();
        write(&main.join("late"), "x");
        assert!(matches!(
            discard(&main, &work).await,
            Err(DiscardError::Changed(_))
        ));
        assert!(main.join("late").exists());
    }
}
