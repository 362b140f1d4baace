//! Which files configure a location, as folders to watch.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use opencode_config::instruction;
use opencode_project::watch::Depth;

use super::Location;

/// Folders in a folder of configuration that are read with all that is below them.
const DEEP: [&str; 8] = [
    "agent", "agents", "command", "commands", "mode", "modes", "skill", "skills",
];
/// Folders of other programs whose skills count.
const FOREIGN: [&str; 2] = [".claude/skills", ".agents/skills"];
/// Names that configure something wherever they are, besides those of rules files.
const NAMES: [&str; 7] = [
    "opencode.json",
    "opencode.jsonc",
    "opencode.toml",
    "config.json",
    ".opencode",
    ".claude",
    ".agents",
];

impl Location {
    /// The folders whose files configure it.
    pub(crate) fn watched(&self) -> Vec<(PathBuf, Depth)> {
        let flat = self.place().upward().map(Path::to_path_buf);
        let flat = flat.chain(self.directories.iter().cloned());
        let in_directories = self
            .directories
            .iter()
            .flat_map(|folder| DEEP.map(|name| folder.join(name)));
        flat.map(|folder| (folder, Depth::Flat))
            .chain(
                in_directories
                    .chain(self.foreign())
                    .map(|folder| (folder, Depth::Deep)),
            )
            .collect()
    }

    /// Whether it may be configured in another way after these changes.
    pub(crate) fn is_concerned_by(&self, changes: &BTreeSet<PathBuf>) -> bool {
        let foreign: Vec<PathBuf> = self.foreign().collect();
        changes.iter().any(|path| {
            let folders = self.directories.iter().chain(&foreign);
            folders.into_iter().any(|folder| path.starts_with(folder))
                || (self.is_right_above(path) && is_one_of(path, &NAMES))
        })
    }

    /// Whether these changes are of its rules files.
    pub(crate) fn has_rules_in(&self, changes: &BTreeSet<PathBuf>) -> bool {
        let names = instruction::names(&self.environment);
        changes.iter().any(|path| {
            is_one_of(path, names)
                && (self.is_right_above(path) || path.parent() == Some(self.paths.config.as_path()))
        })
    }

    /// Whether it is in the folder or right in one above it.
    fn is_right_above(&self, path: &Path) -> bool {
        path.parent()
            .is_some_and(|parent| self.directory.starts_with(parent))
    }

    fn foreign(&self) -> impl Iterator<Item = PathBuf> {
        let folders = self.place().upward().chain([self.paths.home.as_path()]);
        folders.flat_map(|folder| FOREIGN.map(|name| folder.join(name)))
    }
}

fn is_one_of(path: &Path, names: &[&str]) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| names.contains(&name))
}
