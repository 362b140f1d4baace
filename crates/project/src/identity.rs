//! Which project a folder belongs to (reference `sessions.md` §6).
//!
//! A project is a repository, recognised again in every clone of it: by its remote, by the id that was
//! left in its git folder, or by its first commit. A folder without repository belongs to the project
//! [`GLOBAL`]. Nothing here stops a program from starting: whatever is wrong with git or the repository
//! makes the folder a global one, with a [`Warning`] to show.
//!
//! Rows about projects are not kept here; [`Identity`] has what their keeper needs. It must move rows
//! first ([`Identity::moved_from`]) and call [`Identity::remember`] after that.

mod remote;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha1::{Digest, Sha1};

use crate::git::{self, Call};
use crate::path;

/// The id of the project that has no repository, or one without commits.
pub const GLOBAL: &str = "global";

/// How long git may take to say where a repository is.
const LOCATE_LIMIT: Duration = Duration::from_secs(15);
/// The file in the common git folder that holds the id.
const ID_FILE: &str = "opencode";
/// An id is a hash; what is longer was not written by either program.
const ID_LIMIT: usize = 128;

/// A folder's project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The project's id: a hash, or [`GLOBAL`].
    pub id: String,
    /// Top of this checkout; `/` without repository.
    pub worktree: PathBuf,
    /// The repository. A repository without commits and remote has one although its id is [`GLOBAL`].
    pub git: Option<Git>,
    /// The id that an earlier start left in the repository.
    pub cached_id: Option<String>,
    /// Why there is no repository although there seems to be one.
    pub warning: Option<Warning>,
}

/// Where a repository keeps its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Git {
    /// Of this checkout: index and HEAD.
    pub git_dir: PathBuf,
    /// Of all checkouts: objects, refs, `info/exclude`. The same as `git_dir` in the main one.
    pub common_dir: PathBuf,
}

/// Why a folder with a `.git` is treated as one without.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// There is no git on this machine.
    #[error("`{}` belongs to a git repository, but git is not installed: no undo, no project history", .folder.display())]
    GitMissing {
        /// The folder with `.git`.
        folder: PathBuf,
    },
    /// Another user owns it, and git does not trust it.
    #[error("git does not trust the repository at `{0}` because another user owns it; to trust it: git config --global --add safe.directory '{0}'", .folder.display())]
    Refused {
        /// The folder with `.git`.
        folder: PathBuf,
    },
    /// `.git` is not what git expects, or cannot be read.
    #[error("`{}` has a .git that git cannot use: {reason}", .folder.display())]
    Unusable {
        /// The folder with `.git`.
        folder: PathBuf,
        /// What git or the system said.
        reason: String,
    },
}

impl Identity {
    /// A folder without repository.
    fn global(warning: Option<Warning>) -> Self {
        Self {
            id: GLOBAL.to_owned(),
            worktree: PathBuf::from("/"),
            git: None,
            cached_id: None,
            warning,
        }
    }

    /// The project whose rows are now this one's: the stored id, when it is another one.
    #[must_use]
    pub fn moved_from(&self) -> Option<&str> {
        self.cached_id
            .as_deref()
            .filter(|cached| *cached != self.id && *cached != GLOBAL)
    }

    /// Leaves the id in the repository, so that the next start knows it without asking the history.
    /// Nothing happens without repository, for [`GLOBAL`], and when it is already there.
    ///
    /// # Errors
    /// The git folder cannot be written. That is no reason to stop: the id is found again without it.
    pub async fn remember(&self) -> std::io::Result<()> {
        let Some(git) = &self.git else { return Ok(()) };
        if self.id == GLOBAL || self.cached_id.as_ref() == Some(&self.id) {
            return Ok(());
        }
        // Renamed into place: half an id would be another project.
        let fresh = git
            .common_dir
            .join(format!("{ID_FILE}.{}.tmp", std::process::id()));
        fs_err::tokio::write(&fresh, &self.id).await?;
        let renamed = fs_err::tokio::rename(&fresh, git.common_dir.join(ID_FILE)).await;
        if renamed.is_err() {
            fs_err::tokio::remove_file(&fresh).await?;
        }
        renamed
    }
}

/// Finds out which project `directory`, an absolute path, belongs to. Two runs of git side by side when
/// it lies in a repository, a third one when nothing but the history tells the id, none otherwise.
pub async fn discover(directory: &Path) -> Identity {
    let folder = match upward(directory).await {
        Ok(Some(folder)) => folder,
        Ok(None) => return Identity::global(None),
        Err(warning) => return Identity::global(Some(warning)),
    };
    // `remote get-url` knows the user's `insteadOf`, which the configuration file does not show.
    let origin = Call::new(&folder, "remote")
        .arguments(["get-url", "origin"])
        .timeout(LOCATE_LIMIT);
    let (located, origin) = tokio::join!(locate(&folder), origin.succeed());
    let (worktree, git) = match located {
        Ok(located) => located,
        Err(warning) => return Identity::global(Some(warning)),
    };
    let cached_id = stored_id(git.common_dir.clone()).await;
    let named = origin
        .ok()
        .and_then(|url| remote::canonical(&String::from_utf8_lossy(&url)));
    let id = match named {
        Some(name) => Some(sha1(&format!("git-remote:{name}"))),
        None => match &cached_id {
            Some(id) => Some(id.clone()),
            None => first_commit(&folder).await,
        },
    };
    let id = id.unwrap_or_else(|| GLOBAL.to_owned());
    Identity {
        id,
        worktree,
        git: Some(git),
        cached_id,
        warning: None,
    }
}

/// SHA-1 of a text as hexadecimal digits.
pub(crate) fn sha1(text: &str) -> String {
    hex::encode(Sha1::digest(text.as_bytes()))
}

/// The nearest folder with a `.git`, from `directory` upward.
async fn upward(directory: &Path) -> Result<Option<PathBuf>, Warning> {
    let start = directory.to_owned();
    let search = move || {
        let mut refused = None;
        for folder in start.ancestors() {
            match fs_err::metadata(folder.join(".git")) {
                Ok(_) => return Ok(Some(folder.to_owned())),
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    let reason = error.to_string();
                    refused.get_or_insert(Warning::Unusable {
                        folder: folder.to_owned(),
                        reason,
                    });
                }
                Err(_) => {}
            }
        }
        refused.map_or(Ok(None), Err)
    };
    // The task ends early only when the program ends.
    tokio::task::spawn_blocking(search).await.unwrap_or(Ok(None))
}

/// Asks git for the top of the checkout and its two folders.
async fn locate(folder: &Path) -> Result<(PathBuf, Git), Warning> {
    const QUESTIONS: [&str; 3] = ["--git-dir", "--git-common-dir", "--show-toplevel"];
    let output = match ask(folder, &QUESTIONS).await {
        Ok(output) => output,
        Err(git::Error::Missing) => {
            return Err(Warning::GitMissing {
                folder: folder.to_owned(),
            });
        }
        Err(error) => return Err(unusable(folder, &error.to_string())),
    };
    let lines: Vec<&[u8]> = output
        .stdout
        .strip_suffix(b"\n")
        .unwrap_or_default()
        .split(|b| *b == b'\n')
        .collect();
    let (git_dir, common_dir, top) = match *lines.as_slice() {
        [git_dir, common_dir, top] if output.code == Some(0) => {
            (git_dir.to_vec(), common_dir.to_vec(), top.to_vec())
        }
        // A repository that calls itself bare has no top; the answers before that one still count.
        [git_dir, common_dir] => (git_dir.to_vec(), common_dir.to_vec(), Vec::new()),
        [] | [_] => return Err(unusable(folder, &output.stderr)),
        // A path with a line break in it: one answer at a time.
        _ => (
            answer(folder, "--git-dir").await.unwrap_or_default(),
            answer(folder, "--git-common-dir").await.unwrap_or_default(),
            answer(folder, "--show-toplevel").await.unwrap_or_default(),
        ),
    };
    if git_dir.is_empty() || common_dir.is_empty() {
        return Err(unusable(folder, &output.stderr));
    }
    let git = Git {
        git_dir: resolve(folder, &git_dir),
        common_dir: resolve(folder, &common_dir),
    };
    let worktree = if top.is_empty() {
        folder.to_owned()
    } else {
        resolve(folder, &top)
    };
    Ok((worktree, git))
}

async fn ask(folder: &Path, questions: &[&str]) -> Result<git::Output, git::Error> {
    Call::new(folder, "rev-parse")
        .arguments(questions)
        .timeout(LOCATE_LIMIT)
        .run()
        .await
}

/// The answer to one question, without its line end.
async fn answer(folder: &Path, question: &str) -> Option<Vec<u8>> {
    let output = ask(folder, &[question])
        .await
        .ok()
        .filter(|output| output.code == Some(0))?;
    output.stdout.strip_suffix(b"\n").map(<[u8]>::to_vec)
}

fn unusable(folder: &Path, message: &str) -> Warning {
    let folder = folder.to_owned();
    if message.contains("dubious ownership") {
        return Warning::Refused { folder };
    }
    let reason = message
        .trim()
        .lines()
        .next()
        .unwrap_or("no reason given")
        .to_owned();
    Warning::Unusable { folder, reason }
}

/// A path that git printed, made absolute.
fn resolve(folder: &Path, printed: &[u8]) -> PathBuf {
    path::plain(&folder.join(git::path(printed)))
}

/// The id in the common git folder, when there is a usable one.
async fn stored_id(common_dir: PathBuf) -> Option<String> {
    let read = move || {
        let path = common_dir.join(ID_FILE);
        if !fs_err::metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
            return None;
        }
        let mut text = String::new();
        let file = fs_err::File::open(&path).ok()?;
        file.take(ID_LIMIT as u64 * 2).read_to_string(&mut text).ok()?;
        let id = text.trim();
        if id.is_empty() {
            return None;
        }
        if !is_usable(id) {
            tracing::warn!(path = %path.display(), "the stored project id is not one");
            return None;
        }
        Some(id.to_owned())
    };
    tokio::task::spawn_blocking(read).await.ok().flatten()
}

/// Whether a stored id may be one: it becomes the name of a folder, and anyone may have written it.
fn is_usable(id: &str) -> bool {
    id.len() <= ID_LIMIT
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The first commit of the history; of several, the first in order of their hashes.
async fn first_commit(folder: &Path) -> Option<String> {
    let output = Call::new(folder, "rev-list")
        .arguments(["--max-parents=0", "HEAD"])
        .succeed()
        .await;
    let output = match output {
        Ok(output) => output,
        // Without any commit this fails, and that is how it is meant.
        Err(git::Error::Failed { .. }) => return None,
        Err(error) => {
            tracing::warn!(%error, folder = %folder.display(), "could not find the first commit");
            return None;
        }
    };
    String::from_utf8_lossy(&output)
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .min()
        .map(str::to_owned)
}

#[cfg(test)]
mod tests;
