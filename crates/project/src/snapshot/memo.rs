//! Which tree the index stands for, remembered so that git need not be asked when nothing changed.
//!
//! A file of ours in the git folder holds the tree and what the system said of the index at that time.
//! Whoever changes the index, be it the reference program, replaces the file, so a memo is never wrong,
//! only old.

use std::fs::Metadata;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// The memo's name in the git folder.
const FILE: &str = "opencode-tree";
/// When git is asked again all the same: it looks whether the objects of a tree are still there, which
/// those borrowed from the project may not be for ever.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// The tree of the index, when it is known.
pub(super) fn load(git_dir: &Path) -> Option<String> {
    let path = git_dir.join(FILE);
    let age = fs_err::metadata(&path).ok()?.modified().ok()?.elapsed().ok()?;
    if age > KEEP {
        return None;
    }
    let mut text = String::new();
    fs_err::File::open(path)
        .ok()?
        .take(1024)
        .read_to_string(&mut text)
        .ok()?;
    let (stamp, tree) = text.strip_suffix('\n')?.split_once('\n')?;
    (stamp == self::stamp(git_dir) && super::check(tree).is_ok()).then(|| tree.to_owned())
}

/// Remembers the tree of the index as it is now.
pub(super) fn store(git_dir: &Path, tree: &str) {
    let text = format!("{}\n{tree}\n", stamp(git_dir));
    if let Err(error) = fs_err::write(git_dir.join(FILE), text) {
        tracing::debug!(%error, "could not remember the tree of a snapshot");
    }
}

/// What tells one state of the index from another.
fn stamp(git_dir: &Path) -> String {
    fs_err::metadata(git_dir.join("index")).map_or_else(|_| "none".to_owned(), |metadata| describe(&metadata))
}

#[cfg(unix)]
fn describe(metadata: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!(
        "{}.{:09} {}.{:09} {} {}",
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
        metadata.size(),
        metadata.ino()
    )
}

#[cfg(not(unix))]
fn describe(metadata: &Metadata) -> String {
    let modified = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    format!("{} {}", modified.unwrap_or_default().as_nanos(), metadata.len())
}
