//! What commands of the model may do in a place, as configuration wants it (key `sandbox`, beyond the reference).

use std::path::{Path, PathBuf};

use opencode_process::Sandbox;

use super::Location;

impl Location {
    /// The sandbox of commands, if configuration wants one.
    pub(super) fn sandbox(&self) -> Option<Sandbox> {
        let settings = self.config.sandbox.as_ref()?.settings()?;
        let listed = |paths: Option<Vec<String>>| -> Option<Vec<PathBuf>> {
            let paths = paths?.into_iter();
            Some(
                paths
                    .map(|path| opencode_project::path::absolute(&self.directory, &self.paths.expand(&path)))
                    .collect(),
            )
        };
        let mut write = vec![self.directory.clone()];
        if self.worktree != Path::new("/") {
            write.push(self.worktree.clone());
        }
        write.extend(self.git_directories.iter().cloned());
        write.push(PathBuf::from(self.environment.get("TMPDIR").unwrap_or("/tmp")));
        write.push(self.paths.temporary.clone());
        write.push(self.truncation.directory.clone());
        write.extend(listed(settings.write).unwrap_or_default());
        // A folder brings what is in it.
        let mut short: Vec<PathBuf> = Vec::new();
        for path in write {
            if !short.iter().any(|folder| path.starts_with(folder)) {
                short.push(path);
            }
        }
        Some(Sandbox {
            write: short,
            read: listed(settings.read),
            network: settings.network == Some(true),
        })
    }
}
