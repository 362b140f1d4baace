//! What is in a folder.

use std::io;
use std::path::Path;

use opencode_project::place::{Folder, Place};
use tokio_util::sync::CancellationToken;

use super::collate;

/// Names that are suggested at most.
const SUGGESTIONS: usize = 3;

/// Names of everything in a folder in the order that people expect. Folders, and links to folders, end
/// with a slash.
pub(super) fn entries(place: &Place, cancel: &CancellationToken) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    place.open_folder()?.entries(|name, is_folder| {
        if cancel.is_cancelled() {
            return Err(io::Error::other("nobody waits for this folder any longer"));
        }
        let mut name = name.to_string_lossy().into_owned();
        if is_folder {
            name.push('/');
        }
        names.push(name);
        Ok(())
    })?;
    collate::sort(&mut names);
    Ok(names)
}

/// Paths of a few neighbours whose names contain the missing one's name, or are contained in it.
pub(super) fn near_names(path: &Path, place: &Place) -> Vec<String> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let wanted = name.to_string_lossy().to_lowercase();
    let mut near: Vec<String> = Vec::new();
    let neighbours = place.target().parent().map(Folder::open);
    let Some(Ok(neighbours)) = neighbours else {
        return Vec::new();
    };
    let told = neighbours.entries(|name, _| {
        let name = name.to_string_lossy().into_owned();
        let lower = name.to_lowercase();
        if lower.contains(&wanted) || wanted.contains(&lower) {
            near.push(name);
        }
        Ok(())
    });
    if told.is_err() {
        return Vec::new();
    }
    collate::sort(&mut near);
    near.truncate(SUGGESTIONS);
    near.into_iter()
        .map(|name| folder.join(name).to_string_lossy().into_owned())
        .collect()
}
