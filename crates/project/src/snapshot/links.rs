//! Which paths lead through a symbolic link.
//!
//! Such a path names something elsewhere: git refuses to speak of it (and then of all others in the same
//! call), and to delete it would delete a file that no snapshot knows.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Looks each folder up only once.
#[derive(Debug)]
pub(super) struct Links<'a> {
    top: &'a Path,
    known: HashMap<PathBuf, bool>,
}

impl<'a> Links<'a> {
    pub(super) fn new(top: &'a Path) -> Self {
        Self {
            top,
            known: HashMap::new(),
        }
    }

    /// Whether a folder on the way to `path`, which is relative to the top, is a symbolic link.
    pub(super) fn lead_to(&mut self, path: &Path) -> bool {
        let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
            return false;
        };
        if let Some(known) = self.known.get(parent) {
            return *known;
        }
        let metadata = fs_err::symlink_metadata(self.top.join(parent));
        let link = metadata.is_ok_and(|metadata| metadata.is_symlink()) || self.lead_to(parent);
        self.known.insert(parent.to_owned(), link);
        link
    }
}
