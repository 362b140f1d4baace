//! Which program runs plugins.

use std::path::{Path, PathBuf};

use opencode_config::Environment;

/// Programs that run JavaScript, the best one first.
const NAMES: [&str; 2] = ["bun", "node"];

/// A program that runs JavaScript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Runtime {
    program: PathBuf,
}

/// There is none.
#[derive(Debug, thiserror::Error)]
#[error("plugins need Bun or Node.js, and neither is on the PATH")]
pub(crate) struct Missing;

impl Runtime {
    /// The best one that `PATH` leads to.
    pub(crate) fn find(environment: &Environment) -> Result<Self, Missing> {
        let folders: Vec<PathBuf> = environment
            .get("PATH")
            .map(|path| std::env::split_paths(path).collect())
            .unwrap_or_default();
        let mut candidates = NAMES
            .iter()
            .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        let program = candidates.find(|path| path.is_file()).ok_or(Missing)?;
        Ok(Self { program })
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) fn arguments(&self, host: &Path) -> Vec<String> {
        vec![host.to_string_lossy().into_owned()]
    }
}
