//! Files that were thrown away and can be had back.
//!
//! Each lies in a folder of its own beside a note of where it was. The note is written first and the content
//! follows, so that a crash in between leaves the content where it was, or a note that leads to it.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;
use opencode_schema::id::{Order, generate};
use opencode_schema::time::now;
use serde::{Deserialize, Serialize};

const PREFIX: &str = "trash";
const NOTE: &str = "entry.json";
const CONTENT: &str = "content";
/// How long things are kept.
const AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A folder for what was thrown away.
#[derive(Clone, Debug)]
pub struct Trash {
    folder: PathBuf,
}

/// Something that was thrown away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is restored by.
    #[serde(skip)]
    pub id: String,
    /// Where it was, absolute.
    pub path: PathBuf,
    /// When it was thrown away, in milliseconds since 1970.
    pub time: i64,
}

/// Why something is not where it should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such entry.
    #[error("nothing in the trash has the id {0}")]
    Unknown(String),
    /// Something took its place.
    #[error("there is something at {} again; move it away first", .0.display())]
    Taken(PathBuf),
    /// The system refused.
    #[error("{operation}: {source}")]
    System {
        /// What was tried, with the path.
        operation: String,
        /// Why not.
        source: io::Error,
    },
}

fn failed(operation: impl Display) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::System {
        operation: operation.to_string(),
        source,
    }
}

impl Trash {
    /// The trash in `folder`, which is made when something is thrown away.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Throws a file, a folder with everything in it, or a link away.
    ///
    /// # Errors
    /// It stays where it is if it cannot be moved.
    pub fn discard(&self, path: &Path) -> Result<Entry, Error> {
        let id = generate(PREFIX, Order::Ascending);
        let place = self.folder.join(&id);
        let entry = Entry {
            id,
            path: path.to_owned(),
            time: now(),
        };
        let moved = self.make(&place).and_then(|()| {
            let note = serde_json::to_vec(&entry)?;
            fs::write(place.join(NOTE), note)?;
            relocate(path, &place.join(CONTENT))
        });
        if let Err(error) = moved {
            // A whole copy is there, and what it was made of may not be whole any more.
            if fs::symlink_metadata(place.join(CONTENT)).is_ok() {
                let operation = format!(
                    "{} is in the trash as {}, but could not be taken away",
                    path.display(),
                    entry.id
                );
                return Err(failed(operation)(error));
            }
            let _ = fs::remove_dir_all(&place);
            return Err(failed(format_args!("{} stays where it is", path.display()))(
                error,
            ));
        }
        Ok(entry)
    }

    fn make(&self, place: &Path) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        // What was thrown away may have been readable for its owner only because of a folder around it.
        #[cfg(unix)]
        fs::set_permissions(&self.folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        fs::create_dir(place)
    }

    /// What is in the trash, the newest first.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let Ok(folders) = fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let names = folders.filter_map(|folder| folder.ok()?.file_name().into_string().ok());
        let mut entries: Vec<Entry> = names.filter_map(|id| self.entry(&id)).collect();
        entries.sort_by(|one, other| other.id.cmp(&one.id));
        entries
    }

    fn entry(&self, id: &str) -> Option<Entry> {
        let known = id.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('_'))?;
        if known.is_empty() || !known.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let place = self.folder.join(id);
        fs::symlink_metadata(place.join(CONTENT)).ok()?;
        let note = fs::read(place.join(NOTE)).ok()?;
        let entry: Entry = serde_json::from_slice(&note).ok()?;
        Some(Entry {
            id: id.to_owned(),
            ..entry
        })
    }

    /// Puts something back where it was. What has taken its place meanwhile is never replaced.
    ///
    /// # Errors
    /// There is no such entry; its place is taken; the system refused.
    pub fn restore(&self, id: &str) -> Result<Entry, Error> {
        let entry = self.entry(id).ok_or_else(|| Error::Unknown(id.to_owned()))?;
        if fs::symlink_metadata(&entry.path).is_ok() {
            return Err(Error::Taken(entry.path));
        }
        let place = self.folder.join(id);
        let parent = entry.path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent)
            .and_then(|()| relocate(&place.join(CONTENT), &entry.path))
            .map_err(failed(format_args!(
                "{} stays in the trash",
                entry.path.display()
            )))?;
        if let Err(error) = fs::remove_dir_all(&place) {
            tracing::warn!(%error, "a note of the trash is left over");
        }
        Ok(entry)
    }

    /// Deletes something for good.
    ///
    /// # Errors
    /// There is no such entry; the system refused.
    pub fn delete(&self, id: &str) -> Result<(), Error> {
        let entry = self.entry(id).ok_or_else(|| Error::Unknown(id.to_owned()))?;
        fs::remove_dir_all(self.folder.join(&entry.id))
            .map_err(failed(format_args!("{id} stays in the trash")))
    }

    /// Deletes what has been in the trash for long. How much that was.
    pub fn cleanup(&self, now: SystemTime) -> usize {
        let Some(limit) = now
            .checked_sub(AGE)
            .and_then(|limit| limit.duration_since(SystemTime::UNIX_EPOCH).ok())
        else {
            return 0;
        };
        let limit = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
        let old = self.entries().into_iter().filter(|entry| entry.time < limit);
        old.filter(|entry| match self.delete(&entry.id) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "old trash could not be deleted");
                false
            }
        })
        .count()
    }
}

/// Moves something, also to another disk.
fn relocate(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
        other => return other,
    }
    if let Err(error) = copy(from, to) {
        let _ = take_away(to);
        return Err(error);
    }
    take_away(from)
}

fn take_away(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

/// Copies a file, a link, or a folder with everything in it.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut open = vec![(from.to_owned(), to.to_owned())];
    // Folders get their mode last: one that may not be written is filled, too.
    let mut modes = Vec::new();
    while let Some((from, to)) = open.pop() {
        let metadata = fs::symlink_metadata(&from)?;
        if metadata.is_symlink() {
            link(&fs::read_link(&from)?, &to)?;
        } else if metadata.is_dir() {
            fs::create_dir(&to)?;
            for entry in fs::read_dir(&from)? {
                let name = entry?.file_name();
                open.push((from.join(&name), to.join(&name)));
            }
            modes.push((to, metadata.permissions()));
        } else if metadata.is_file() {
            fs::copy(&from, &to)?;
        } else {
            let reason = format!("{} is neither a file nor a folder", from.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
    }
    modes
        .into_iter()
        .rev()
        .try_for_each(|(folder, mode)| fs::set_permissions(folder, mode))
}

#[cfg(unix)]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

#[cfg(not(unix))]
fn link(_target: &Path, _at: &Path) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "links are not moved to another disk",
    ))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    struct Place {
        folder: tempfile::TempDir,
        trash: Trash,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let trash = Trash::new(folder.path().join("data/trash"));
            fs::create_dir_all(folder.path().join("project/sub")).unwrap();
            fs::write(folder.path().join("project/sub/a"), "text").unwrap();
            Self { folder, trash }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join("project").join(name)
        }
    }

    #[test]
    fn what_was_thrown_away_comes_back_as_it_was() {
        let place = Place::new();
        let (sub, file) = (place.path("sub"), place.path("sub/a"));
        let first = place.trash.discard(&file).unwrap();
        let second = place.trash.discard(&sub).unwrap();
        assert_eq!(fs::read_dir(place.path("")).unwrap().count(), 0);
        assert_eq!(place.trash.entries(), [second.clone(), first.clone()]);
        // The folder that it was in is made again.
        assert_eq!(place.trash.restore(&first.id).unwrap(), first);
        assert_eq!(fs::read_to_string(&file).unwrap(), "text");
        let refused = place.trash.restore(&second.id);
        assert!(matches!(refused, Err(Error::Taken(path)) if path == sub));
        assert_eq!(place.trash.entries(), [second]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_moved_and_not_followed() {
        let place = Place::new();
        let link = place.path("link");
        std::os::unix::fs::symlink("sub", &link).unwrap();
        let entry = place.trash.discard(&link).unwrap();
        assert!(place.path("sub/a").exists() && fs::symlink_metadata(&link).is_err());
        place.trash.restore(&entry.id).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("sub"));
    }

    #[test]
    fn what_is_not_there_leaves_nothing() {
        let place = Place::new();
        assert!(place.trash.discard(&place.path("none")).is_err());
        assert_eq!(
            fs::read_dir(place.folder.path().join("data/trash"))
                .unwrap()
                .count(),
            0
        );
    }

    #[test]
    fn only_ids_are_taken_for_ids() {
        let place = Place::new();
        for id in ["", "trash_", "../../project/sub", "trash_../..", "trash_1"] {
            assert!(matches!(place.trash.restore(id), Err(Error::Unknown(_))), "{id}");
            assert!(matches!(place.trash.delete(id), Err(Error::Unknown(_))), "{id}");
        }
        assert!(place.path("sub/a").exists());
    }

    #[test]
    fn the_old_goes_and_the_new_stays() {
        let place = Place::new();
        place.trash.discard(&place.path("sub/a")).unwrap();
        assert_eq!(place.trash.cleanup(SystemTime::now()), 0);
        assert_eq!(place.trash.cleanup(SystemTime::now() + AGE + AGE), 1);
        assert_eq!(place.trash.entries(), []);
    }

    #[cfg(unix)]
    #[test]
    fn copies_are_whole() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = Place::new();
        let sub = place.path("sub");
        std::os::unix::fs::symlink("a", sub.join("link")).unwrap();
        fs::set_permissions(&sub, std::fs::Permissions::from_mode(0o555)).unwrap();
        let to = place.path("copy");
        copy(&sub, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("a")).unwrap(), "text");
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("a"));
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o555);
        for folder in [&sub, &to] {
            fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
}
