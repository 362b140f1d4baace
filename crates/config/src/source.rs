//! Which files configure a folder.

use std::path::{Path, PathBuf};

use crate::load::{GLOBAL_FILES, PROJECT_FILES};
use crate::{Paths, Place};

/// A file that configures a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it configures every folder.
    pub is_global: bool,
}

/// The files that are there, in the order in which they count. Blocks while it looks.
#[must_use]
pub fn files(place: Place<'_>, paths: &Paths) -> Vec<SourceFile> {
    let in_folder = |folder: &Path, is_global: bool| {
        let names = if is_global {
            &GLOBAL_FILES[..]
        } else {
            &PROJECT_FILES[..]
        };
        names
            .iter()
            .map(|name| folder.join(name))
            .filter(|path| path.is_file())
            .map(|path| SourceFile { path, is_global })
            .collect::<Vec<_>>()
    };
    let mut folders: Vec<&Path> = place.upward().collect();
    folders.reverse();
    let mut found = in_folder(&paths.config, true);
    found.extend(folders.iter().flat_map(|folder| in_folder(folder, false)));
    // The nearest of these counts least, as `load` reads them.
    let hidden = folders.iter().rev().map(|folder| folder.join(".opencode"));
    found.extend(hidden.flat_map(|folder| in_folder(&folder, false)));
    found
}
