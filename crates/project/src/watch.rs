//! Watching folders for changes, collected while they come in quick succession.
//!
//! One [`Watch`] looks after any number of folders; which, may change at any time. Folders that are not there,
//! or that the system refuses to watch, are left out: whoever watches must also look by itself now and then.

pub mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::event::{EventKind, ModifyKind, RenameMode};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use opencode_schema::event::FileChange;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Quiet after a change before it is told.
const QUIET: Duration = Duration::from_millis(50);
/// How long changes are collected at most when there is no quiet.
const LONGEST: Duration = Duration::from_secs(1);
/// Paths that are collected at most; the ones beyond are left out.
const MOST_PATHS: usize = 1024;

/// How much of a folder is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// What is right in it.
    Flat,
    /// Everything below it.
    Deep,
}

/// Watches folders. Dropping it ends the watch.
#[derive(Debug)]
pub struct Watch {
    watcher: RecommendedWatcher,
    watched: BTreeMap<PathBuf, Depth>,
    changed: Arc<Changed>,
    is_exhausted: bool,
}

/// Paths that changed, and how.
pub type Changes = BTreeMap<PathBuf, FileChange>;

#[derive(Debug, Default)]
struct Changed {
    paths: Mutex<Changes>,
    /// What was there is not any more, and maybe something else is.
    gone: Mutex<BTreeSet<PathBuf>>,
    came: Notify,
}

impl Watch {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// The system has no watches left, or none at all.
    pub fn new() -> Result<Self, notify::Error> {
        let changed = Arc::new(Changed::default());
        let of_watcher = Arc::clone(&changed);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| match event {
            Ok(event) => of_watcher.add(event),
            Err(error) => tracing::debug!(%error, "a watch failed"),
        })?;
        Ok(Self {
            watcher,
            watched: BTreeMap::new(),
            changed,
            is_exhausted: false,
        })
    }

    /// Whether the system had no watches left for some of the folders.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.is_exhausted
    }

    /// Watches these folders and no others from now on. Tells whether any is watched that was not before.
    pub fn aim(&mut self, folders: impl IntoIterator<Item = (PathBuf, Depth)>) -> bool {
        let mut wanted = BTreeMap::new();
        for (folder, depth) in folders {
            let known = wanted.entry(folder).or_insert(depth);
            *known = depth.max(*known);
        }
        wanted.retain(|folder, _| folder.is_dir());
        // A watch is of what was there, not of its name.
        let lost = std::mem::take(&mut *self.changed.gone.lock().unwrap_or_else(PoisonError::into_inner));
        for folder in lost {
            if self.watched.remove(&folder).is_some() {
                drop(self.watcher.unwatch(&folder));
            }
        }
        self.is_exhausted = false;
        let gone = self
            .watched
            .iter()
            .filter(|(folder, depth)| wanted.get(*folder) != Some(depth));
        let gone: Vec<PathBuf> = gone.map(|(folder, _)| folder.clone()).collect();
        for folder in gone {
            self.watched.remove(&folder);
            // It is no error that a folder which is gone is not watched any more.
            drop(self.watcher.unwatch(&folder));
        }
        let mut is_wider = false;
        for (folder, depth) in wanted {
            if !self.watched.contains_key(&folder) && self.watch(&folder, depth) {
                self.watched.insert(folder, depth);
                is_wider = true;
            }
        }
        is_wider
    }

    fn watch(&mut self, folder: &Path, depth: Depth) -> bool {
        let mode = match depth {
            Depth::Flat => RecursiveMode::NonRecursive,
            Depth::Deep => RecursiveMode::Recursive,
        };
        // The system refuses each of them from then on.
        if self.is_exhausted {
            return false;
        }
        let watching = self.watcher.watch(folder, mode);
        if let Err(error) = &watching {
            self.is_exhausted = matches!(error.kind, notify::ErrorKind::MaxFilesWatch);
            tracing::warn!(%error, folder = %folder.display(), "a folder cannot be watched");
        }
        watching.is_ok()
    }

    /// Waits for changes and gives the paths, once there is a little quiet. Changes that nobody waited for are
    /// kept. May be given up at any time without losing any.
    pub async fn changes(&self) -> Changes {
        while self.changed.is_empty() {
            self.changed.came.notified().await;
        }
        let last = Instant::now() + LONGEST;
        while timeout_at(last.min(Instant::now() + QUIET), self.changed.came.notified())
            .await
            .is_ok()
        {}
        self.changed.take()
    }
}

impl Changed {
    fn add(&self, event: Event) {
        let count = event.paths.len();
        let mut came = false;
        for (number, path) in event.paths.into_iter().enumerate() {
            let Some(change) = change(event.kind, number, count) else {
                continue;
            };
            came = true;
            if change == FileChange::Unlink {
                let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
                if gone.len() < MOST_PATHS {
                    gone.insert(path.clone());
                }
            }
            let mut all = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
            match (all.get(&path), change) {
                // What came and went in one moment was never there.
                (Some(FileChange::Add), FileChange::Unlink) => _ = all.remove(&path),
                (Some(FileChange::Add), _) => {}
                (Some(FileChange::Unlink), FileChange::Add) => _ = all.insert(path, FileChange::Change),
                (Some(_), change) => _ = all.insert(path, change),
                (None, change) if all.len() < MOST_PATHS => _ = all.insert(path, change),
                (None, _) => {}
            }
        }
        if came {
            self.came.notify_one();
        }
    }

    fn is_empty(&self) -> bool {
        self.paths
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    fn take(&self) -> Changes {
        std::mem::take(&mut *self.paths.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What an event says of one of its paths; reading is no change.
fn change(kind: EventKind, number: usize, count: usize) -> Option<FileChange> {
    Some(match kind {
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => return None,
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => FileChange::Add,
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => FileChange::Unlink,
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) if count == 2 && number == 0 => {
            FileChange::Unlink
        }
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => FileChange::Add,
        EventKind::Any | EventKind::Modify(_) | EventKind::Other => FileChange::Change,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    async fn next(watch: &Watch) -> Changes {
        tokio::time::timeout(LIMIT, watch.changes()).await.unwrap()
    }

    #[tokio::test]
    async fn what_comes_goes_and_moves_is_told_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs_err::write(root.join("old"), "x").unwrap();
        fs_err::write(root.join("moved"), "x").unwrap();
        let mut watch = Watch::new().unwrap();
        watch.aim([(root.clone(), Depth::Flat)]);
        fs_err::write(root.join("new"), "x").unwrap();
        fs_err::write(root.join("short"), "x").unwrap();
        fs_err::remove_file(root.join("short")).unwrap();
        fs_err::write(root.join("old"), "y").unwrap();
        fs_err::rename(root.join("moved"), root.join("there")).unwrap();
        let mut told = next(&watch).await;
        while told.len() < 4 {
            told.extend(next(&watch).await);
        }
        let wanted = [
            ("moved", FileChange::Unlink),
            ("new", FileChange::Add),
            ("old", FileChange::Change),
            ("there", FileChange::Add),
        ];
        assert_eq!(
            told,
            wanted.map(|(name, change)| (root.join(name), change)).into()
        );
    }

    #[tokio::test]
    async fn a_folder_that_is_made_anew_is_watched_again() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let inner = root.join("inner");
        fs_err::create_dir(&inner).unwrap();
        let aim = [(root.clone(), Depth::Flat), (inner.clone(), Depth::Flat)];
        let mut watch = Watch::new().unwrap();
        watch.aim(aim.clone());
        fs_err::remove_dir(&inner).unwrap();
        fs_err::create_dir(&inner).unwrap();
        assert!(next(&watch).await.contains_key(&inner));
        assert!(watch.aim(aim));
        fs_err::write(inner.join("file"), "x").unwrap();
        assert!(next(&watch).await.contains_key(&inner.join("file")));
    }

    #[tokio::test]
    async fn changes_are_told_flat_and_deep() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (flat, deep) = (root.join("flat"), root.join("deep"));
        fs_err::create_dir_all(flat.join("below")).unwrap();
        fs_err::create_dir_all(deep.join("below")).unwrap();
        let mut watch = Watch::new().unwrap();
        let gone = root.join("gone");
        assert!(watch.aim([
            (flat.clone(), Depth::Flat),
            (deep.clone(), Depth::Flat),
            (deep.clone(), Depth::Deep),
            (gone.clone(), Depth::Deep),
        ]));

        fs_err::write(flat.join("below/unseen"), "x").unwrap();
        fs_err::write(flat.join("seen"), "x").unwrap();
        let told = next(&watch).await;
        assert_eq!(told, Changes::from([(flat.join("seen"), FileChange::Add)]));

        fs_err::write(deep.join("below/seen"), "x").unwrap();
        assert!(next(&watch).await.contains_key(&deep.join("below/seen")));

        // Another aim: what was watched is not, what was not there is.
        fs_err::create_dir(&gone).unwrap();
        assert!(watch.aim([(gone.clone(), Depth::Flat)]));
        fs_err::write(flat.join("other"), "x").unwrap();
        fs_err::write(gone.join("new"), "x").unwrap();
        let told = next(&watch).await;
        assert!(
            told.contains_key(&gone.join("new")) && !told.contains_key(&flat.join("other")),
            "{told:?}"
        );
    }
}
