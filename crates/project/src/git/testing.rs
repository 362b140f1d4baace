//! Repositories for tests: made by the real git in a temporary folder, apart from the user's settings.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder that is deleted at the end, with a repository or without.
pub(crate) struct Sandbox {
    root: tempfile::TempDir,
}

impl Sandbox {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
        }
    }

    /// The folder, as git names it.
    pub(crate) fn root(&self) -> PathBuf {
        fs_err::canonicalize(self.root.path()).unwrap()
    }

    /// A path below it.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root().join(name)
    }

    /// A new repository at `name`, without commits.
    pub(crate) fn repository(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs_err::create_dir_all(&path).unwrap();
        git(&path, &["init", "-q", "-b", "main"]);
        path
    }

    /// A new repository at `name` with these files in its first commit.
    pub(crate) fn committed(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let path = self.repository(name);
        for (file, content) in files {
            write(&path.join(file), content);
        }
        commit(&path, "first");
        path
    }
}

/// Runs git in `directory` and returns what it says, without the last line end.
#[track_caller]
pub(crate) fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = attempt(directory, arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {message}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Runs git in `directory`, with whatever result.
pub(crate) fn attempt(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("git");
    for name in super::environment::REMOVED {
        command.env_remove(name);
    }
    command
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.com"])
        .args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap()
}

/// Commits everything there is.
#[track_caller]
pub(crate) fn commit(repository: &Path, message: &str) -> String {
    git(repository, &["add", "-A"]);
    git(repository, &["commit", "-q", "--allow-empty", "-m", message]);
    git(repository, &["rev-parse", "HEAD"])
}

/// Writes a file, with the folders on the way to it.
#[track_caller]
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, content).unwrap();
}
