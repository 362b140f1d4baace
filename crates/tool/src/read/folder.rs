//! What is in a folder.

use std::io;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::collate;

/// Names that are suggested at most.
const SUGGESTIONS: usize = 3;

/// Names of everything in a folder in the order that people expect. Folders, and links to folders, end
/// with a slash.
pub(super) fn entries(path: &Path, cancel: &CancellationToken) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(path)? {
        if cancel.is_cancelled() {
            return Err(io::Error::other("nobody waits for this folder any longer"));
        }
        let entry = entry?;
        let mut name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.file_type().is_ok_and(|kind| {
            kind.is_dir() || (kind.is_symlink() && fs_err::metadata(entry.path()).is_ok_and(|to| to.is_dir()))
        });
        if is_folder {
            name.push('/');
        }
        names.push(name);
    }
    collate::sort(&mut names);
    Ok(names)
}

/// Paths of a few neighbours whose names contain the missing one's name, or are contained in it.
pub(super) fn near_names(path: &Path) -> Vec<String> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let wanted = name.to_string_lossy().to_lowercase();
    let Ok(neighbours) = fs_err::read_dir(folder) else {
        return Vec::new();
    };
    let mut near: Vec<String> = neighbours
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|name| {
            let name = name.to_lowercase();
            name.contains(&wanted) || wanted.contains(&name)
        })
        .collect();
    collate::sort(&mut near);
    near.truncate(SUGGESTIONS);
    near.into_iter()
        .map(|name| folder.join(name).to_string_lossy().into_owned())
        .collect()
}
