//! Snapshots with the real git, in temporary folders.

mod form;
mod operations;
mod property;
mod trouble;

use super::*;
use crate::git::testing::{Sandbox, git, write};
use crate::identity::discover;

/// A repository and its snapshots.
struct Fixture {
    sandbox: Sandbox,
    top: PathBuf,
    snapshots: Snapshots,
}

impl Fixture {
    /// A repository with these files committed.
    async fn new(files: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::new();
        let top = sandbox.committed("repo", files);
        Self::of(sandbox, &top).await
    }

    /// The snapshots of `directory`, which is in a repository of the sandbox.
    async fn of(sandbox: Sandbox, directory: &Path) -> Self {
        let snapshots = open(&sandbox, directory).await;
        Self {
            top: snapshots.inner.repository.worktree.to_path_buf(),
            sandbox,
            snapshots,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.join(name)
    }

    fn absolute(&self, names: &[&str]) -> Vec<String> {
        names
            .iter()
            .map(|name| self.path(name).to_str().unwrap().to_owned())
            .collect()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        write(&self.path(name), content);
    }

    fn remove(&self, name: &str) {
        fs_err::remove_file(self.path(name)).unwrap();
    }

    fn read(&self, name: &str) -> Option<String> {
        fs_err::read_to_string(self.path(name)).ok()
    }

    async fn track(&self) -> String {
        self.snapshots.track().await.unwrap().unwrap()
    }

    fn patch(&self, hash: &str, names: &[&str]) -> PatchPart {
        PatchPart {
            hash: hash.to_owned(),
            files: self.absolute(names),
        }
    }

    /// Asks the snapshots' repository.
    fn ask(&self, arguments: &[&str]) -> String {
        let git_dir = self.snapshots.git_dir().to_str().unwrap();
        let top = self.top.to_str().unwrap();
        git(
            &self.top,
            &[&["--git-dir", git_dir, "--work-tree", top], arguments].concat(),
        )
    }

    /// Names of the files in a tree, quoted by git where they are strange.
    fn names(&self, tree: &str) -> Vec<String> {
        self.ask(&["ls-tree", "-r", "--name-only", tree])
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

async fn open(sandbox: &Sandbox, directory: &Path) -> Snapshots {
    let identity = discover(directory).await;
    Snapshots::new(&sandbox.path("data"), &identity, directory).unwrap()
}
