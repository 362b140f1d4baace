//! Which files configure a location, as folders to watch.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use opencode_config::{instruction, skill, source};
use opencode_project::watch::Depth;

use super::Location;

impl Location {
    /// The folders whose files configure it.
    pub(crate) fn watched(&self) -> Vec<(PathBuf, Depth)> {
        let flat = self.place().upward().map(Path::to_path_buf);
        let flat = flat.chain(self.directories.iter().cloned());
        let in_directories = self
            .directories
            .iter()
            .flat_map(|folder| source::deep_folders().map(|name| folder.join(name)));
        let directories = self.directories.iter();
        let scripts = directories.flat_map(|folder| source::script_folders().map(|name| folder.join(name)));
        flat.chain(scripts)
            .map(|folder| (folder, Depth::Flat))
            .chain(self.folders_of_plugins().map(|folder| (folder, Depth::Flat)))
            .chain(
                in_directories
                    .chain(self.of_others())
                    .map(|folder| (folder, Depth::Deep)),
            )
            .collect()
    }

    /// Whether it may be configured in another way after these changes.
    pub(crate) fn is_concerned_by(&self, changes: &BTreeSet<PathBuf>) -> bool {
        let others = self.of_others();
        changes.iter().any(|path| {
            let folders = self.directories.iter().chain(&others);
            folders.into_iter().any(|folder| path.starts_with(folder))
                || self.plugin_files.contains(path)
                || (self.is_right_above(path) && name(path).is_some_and(source::is_name))
        })
    }

    /// Whether these changes are of its rules files.
    pub(crate) fn has_rules_in(&self, changes: &BTreeSet<PathBuf>) -> bool {
        let names = instruction::names(&self.environment);
        changes.iter().any(|path| {
            name(path).is_some_and(|name| names.contains(&name))
                && (self.is_right_above(path) || path.parent() == Some(self.paths.config.as_path()))
        })
    }

    /// Where its plugins are that lie elsewhere.
    fn folders_of_plugins(&self) -> impl Iterator<Item = PathBuf> {
        let folders = self.plugin_files.iter().filter_map(|file| file.parent());
        folders.map(Path::to_path_buf)
    }

    /// Whether it is in the folder or right in one above it.
    fn is_right_above(&self, path: &Path) -> bool {
        path.parent()
            .is_some_and(|parent| self.directory.starts_with(parent))
    }

    fn of_others(&self) -> Vec<PathBuf> {
        skill::of_others(self.place(), &self.paths, &self.environment)
    }
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}
