//! Worktrees: further checkouts of one repository (reference `integrations-2.md` §G).
//!
//! Their names, their places and who is told of them are the business of the callers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use opencode_process::{Finished, Program, program};

use crate::git::{self, Call, Error};

/// What branches begin with that were made for a worktree, and go with it.
pub const BRANCH_PREFIX: &str = "opencode/";

/// How long git may take to write or clean a whole checkout, or to fetch a branch.
const CHECKOUT_LIMIT: Duration = Duration::from_secs(600);
/// How long a start script may take.
const SCRIPT_LIMIT: Duration = Duration::from_secs(1800);
/// What is kept of its output.
const SCRIPT_OUTPUT: usize = 16 << 10;
/// How often a folder that does not go away is tried to be removed, and the pause between.
const REMOVAL_TRIES: u32 = 5;
const REMOVAL_PAUSE: Duration = Duration::from_millis(100);

/// A checkout of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worktree {
    /// Its top, as git knows it.
    pub directory: PathBuf,
    /// The branch that is checked out.
    pub branch: Option<String>,
    /// The one that holds the repository.
    pub is_main: bool,
}

/// What a new worktree begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<'a> {
    /// A new branch at the last commit.
    Branch(&'a str),
    /// A branch that is there.
    Existing(&'a str),
    /// The last commit, without a branch.
    Detached,
}

/// Why a worktree was not reset.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// git did not do it.
    #[error(transparent)]
    Git(#[from] Error),
    /// There is no branch to put it on.
    #[error("the repository has no default branch")]
    NoDefault,
    /// Something is left that git does not clean.
    #[error("the worktree is not clean after the reset: {0}")]
    Dirty(String),
}

/// The worktrees of the repository that `directory` is in, the main one first.
///
/// # Errors
/// git cannot be run.
pub async fn list(directory: &Path) -> Result<Vec<Worktree>, Error> {
    let output = Call::new(directory, "worktree")
        .arguments(["list", "--porcelain", "-z"])
        .succeed()
        .await?;
    let mut all: Vec<Worktree> = Vec::new();
    for line in git::records(&output) {
        if let Some(path) = line.strip_prefix(b"worktree ") {
            all.push(Worktree {
                directory: git::path(path),
                branch: None,
                is_main: all.is_empty(),
            });
        } else if let (Some(name), Some(last)) = (line.strip_prefix(b"branch refs/heads/"), all.last_mut()) {
            last.branch = Some(String::from_utf8_lossy(name).into_owned());
        }
    }
    Ok(all)
}

/// The worktree at `directory`, however its path is written.
///
/// # Errors
/// git cannot be run.
pub async fn find(repository: &Path, directory: &Path) -> Result<Option<Worktree>, Error> {
    let wanted = real(directory).await;
    for one in list(repository).await? {
        if real(&one.directory).await == wanted {
            return Ok(Some(one));
        }
    }
    Ok(None)
}

/// The path without symbolic links, or as it is when nothing is there.
async fn real(path: &Path) -> PathBuf {
    fs_err::tokio::canonicalize(path)
        .await
        .unwrap_or_else(|_| path.to_owned())
}

/// Makes a worktree without its files: [`fill`] brings them.
///
/// # Errors
/// git does not make it: the folder is there and not empty, the branch exists, there is no commit.
pub async fn add(repository: &Path, directory: &Path, start: Start<'_>) -> Result<(), Error> {
    let call = Call::new(repository, "worktree").arguments(["add", "--no-checkout"]);
    let call = match start {
        Start::Branch(name) => call.arguments(["-b", name]).argument("--").argument(directory),
        Start::Existing(name) => call.argument("--").argument(directory).argument(name),
        Start::Detached => call
            .argument("--detach")
            .argument("--")
            .argument(directory)
            .argument("HEAD"),
    };
    call.succeed().await.map(drop)
}

/// Writes the files of a new worktree.
///
/// # Errors
/// git does not write them.
pub async fn fill(directory: &Path) -> Result<(), Error> {
    large(directory, "reset")
        .argument("--hard")
        .succeed()
        .await
        .map(drop)
}

/// Whether the repository has a branch of this name.
///
/// # Errors
/// git cannot be run.
pub async fn has_branch(repository: &Path, name: &str) -> Result<bool, Error> {
    let reference = format!("refs/heads/{name}");
    let known = Call::new(repository, "show-ref").arguments(["--verify", "--quiet", &reference]);
    Ok(known.run().await?.code == Some(0))
}

/// Removes a worktree: its folder, what git knows of it, and the branch that was made for it. With `force`
/// also when it holds changes.
///
/// # Errors
/// git does not remove it: it is the main one, or it holds changes.
pub async fn remove(repository: &Path, worktree: &Worktree, force: bool) -> Result<(), Error> {
    let mut call = large(repository, "worktree").argument("remove");
    if force {
        call = call.argument("--force");
    }
    call.argument("--")
        .argument(&worktree.directory)
        .succeed()
        .await?;
    remove_folder(&worktree.directory).await;
    let own = worktree
        .branch
        .as_deref()
        .filter(|name| name.starts_with(BRANCH_PREFIX));
    if let Some(name) = own {
        let gone = Call::new(repository, "branch")
            .arguments(["-D", "--", name])
            .succeed();
        if let Err(error) = gone.await {
            tracing::warn!(name, %error, "the branch of a removed worktree stays");
        }
    }
    Ok(())
}

/// Removes what is left of a worktree's folder; what does not go away is logged.
pub async fn remove_folder(directory: &Path) {
    for _ in 0..REMOVAL_TRIES {
        match fs_err::tokio::remove_dir_all(directory).await {
            Ok(()) => return,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            // Something may still write there.
            Err(error) => tracing::debug!(%error, "a folder does not go away"),
        }
        tokio::time::sleep(REMOVAL_PAUSE).await;
    }
    tracing::warn!(directory = %directory.display(), "the folder of a worktree stays");
}

/// Puts a worktree on the default branch as it is now, and takes away everything that is not of it.
///
/// # Errors
/// The branch cannot be had, or something stays.
pub async fn reset(directory: &Path) -> Result<(), ResetError> {
    let target = default_branch(directory).await?;
    large(directory, "reset")
        .arguments(["--hard", &target, "--"])
        .succeed()
        .await?;
    clean(directory).await?;
    if fs_err::tokio::metadata(directory.join(".gitmodules"))
        .await
        .is_ok()
    {
        for arguments in [
            ["update", "--init", "--recursive", "--force"].as_slice(),
            &["foreach", "--recursive", "git reset --hard"],
            &["foreach", "--recursive", "git clean -ffdx"],
        ] {
            large(directory, "submodule")
                .arguments(arguments)
                .succeed()
                .await?;
        }
    }
    let left = Call::new(directory, "status")
        .argument("--porcelain=v1")
        .succeed()
        .await?;
    match left.is_empty() {
        true => Ok(()),
        false => Err(ResetError::Dirty(
            String::from_utf8_lossy(&left).trim().to_owned(),
        )),
    }
}

async fn clean(directory: &Path) -> Result<(), Error> {
    let call = || large(directory, "clean").arguments(["-ffdx", "--quiet"]);
    // What git could not remove at first may be free by now.
    if call().succeed().await.is_err() {
        tokio::time::sleep(REMOVAL_PAUSE).await;
        call().succeed().await?;
    }
    Ok(())
}

/// The branch that others start from: that of the remote, fetched, else the local one.
async fn default_branch(directory: &Path) -> Result<String, ResetError> {
    let head = Call::new(directory, "symbolic-ref")
        .arguments(["--quiet", "--short", "refs/remotes/origin/HEAD"])
        .run()
        .await?;
    let text = String::from_utf8_lossy(&head.stdout);
    if let Some(name) = text
        .trim()
        .strip_prefix("origin/")
        .filter(|_| head.code == Some(0))
    {
        large(directory, "fetch")
            .arguments(["--quiet", "origin", name])
            .succeed()
            .await?;
        return Ok(format!("origin/{name}"));
    }
    let branches = crate::vcs::branches(directory).await?;
    branches.default.ok_or(ResetError::NoDefault)
}

/// A call that may have much to do, also over the network.
fn large(directory: &Path, command: &str) -> Call {
    Call::new(directory, command)
        .timeout(CHECKOUT_LIMIT)
        .variable("GIT_NO_LAZY_FETCH", "0")
}

/// Runs a script that makes a new worktree ready, in the shell that the user works in. A future that is
/// dropped ends it.
///
/// # Errors
/// It cannot be started, or does not end.
pub async fn run_script(directory: &Path, script: &str) -> Result<Finished, program::Error> {
    Program::new("bash")
        .args(["-lc", script])
        .directory(directory)
        .timeout(SCRIPT_LIMIT)
        .limit(SCRIPT_OUTPUT)
        .run()
        .await
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::git::testing::{Sandbox, commit, git, write};

    #[tokio::test]
    async fn worktrees_come_and_go_with_their_branches() {
        let place = Sandbox::new();
        let main = place.committed("main", &[("a", "one\n")]);
        let (first, second) = (place.path("first place"), place.path("second"));
        add(&main, &first, Start::Branch("opencode/first")).await.unwrap();
        assert!(!first.join("a").exists());
        fill(&first).await.unwrap();
        assert!(first.join("a").exists());
        add(&main, &second, Start::Detached).await.unwrap();
        git(&main, &["worktree", "add", "-q", "-b", "mine", "../third"]);
        let known = list(&first).await.unwrap();
        let names: Vec<_> = known
            .iter()
            .map(|one| (one.branch.as_deref(), one.is_main))
            .collect();
        assert_eq!(
            names,
            [
                (Some("main"), true),
                (Some("opencode/first"), false),
                (None, false),
                (Some("mine"), false)
            ]
        );
        assert!(
            add(&main, &place.path("x"), Start::Branch("opencode/first"))
                .await
                .is_err()
        );
        assert!(
            remove(&main, &known[0], true).await.is_err(),
            "the main one stays"
        );
        write(&first.join("new"), "n");
        assert!(
            remove(&main, &known[1], false).await.is_err(),
            "it holds a change"
        );
        for one in &known[1..] {
            remove(&main, one, true).await.unwrap();
        }
        assert!(!first.exists());
        assert!(!has_branch(&main, "opencode/first").await.unwrap());
        assert!(has_branch(&main, "mine").await.unwrap(), "the user made it");
        assert_eq!(list(&main).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_reset_brings_the_default_branch_and_nothing_else() {
        let place = Sandbox::new();
        let main = place.committed("main", &[("a", "one\n"), (".gitignore", "ignored\n")]);
        let other = place.path("other");
        add(&main, &other, Start::Branch("opencode/other")).await.unwrap();
        fill(&other).await.unwrap();
        write(&other.join("ignored"), "x");
        write(&other.join("new/file"), "x");
        write(&other.join("a"), "changed");
        write(&main.join("a"), "two\n");
        commit(&main, "second");
        reset(&other).await.unwrap();
        assert_eq!(fs_err::read_to_string(other.join("a")).unwrap(), "two\n");
        assert!(!other.join("ignored").exists() && !other.join("new").exists());
        assert_eq!(git(&other, &["status", "--porcelain"]), "");
    }
}
