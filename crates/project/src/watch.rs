//! Watching folders for changes, collected while they come in quick succession.
//!
//! One [`Watch`] looks after any number of folders; which, may change at any time. Folders that are not there,
//! or that the system refuses to watch, are left out: whoever watches must also look by itself now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::event::{EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
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
}

#[derive(Debug, Default)]
struct Changed {
    paths: Mutex<BTreeSet<PathBuf>>,
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
            Ok(event) if is_change(event.kind) => of_watcher.add(event.paths),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "a watch failed"),
        })?;
        Ok(Self {
            watcher,
            watched: BTreeMap::new(),
            changed,
        })
    }

    /// Watches these folders and no others from now on. Tells whether any is watched that was not before.
    pub fn aim(&mut self, folders: impl IntoIterator<Item = (PathBuf, Depth)>) -> bool {
        let mut wanted = BTreeMap::new();
        for (folder, depth) in folders {
            let known = wanted.entry(folder).or_insert(depth);
            *known = depth.max(*known);
        }
        wanted.retain(|folder, _| folder.is_dir());
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
        let watching = self.watcher.watch(folder, mode);
        if let Err(error) = &watching {
            tracing::warn!(%error, folder = %folder.display(), "a folder cannot be watched");
        }
        watching.is_ok()
    }

    /// Waits for changes and gives the paths, once there is a little quiet. Changes that nobody waited for are
    /// kept. May be given up at any time without losing any.
    pub async fn changes(&self) -> BTreeSet<PathBuf> {
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
    fn add(&self, paths: Vec<PathBuf>) {
        {
            let mut all = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
            let room = MOST_PATHS.saturating_sub(all.len());
            all.extend(paths.into_iter().take(room));
        }
        self.came.notify_one();
    }

    fn is_empty(&self) -> bool {
        self.paths
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    fn take(&self) -> BTreeSet<PathBuf> {
        std::mem::take(&mut *self.paths.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether something is different after it; reading is no change.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => false,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    async fn next(watch: &Watch) -> BTreeSet<PathBuf> {
        tokio::time::timeout(LIMIT, watch.changes()).await.unwrap()
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
        assert_eq!(told, BTreeSet::from([flat.join("seen")]));

        fs_err::write(deep.join("below/seen"), "x").unwrap();
        assert!(next(&watch).await.contains(&deep.join("below/seen")));

        // Another aim: what was watched is not, what was not there is.
        fs_err::create_dir(&gone).unwrap();
        assert!(watch.aim([(gone.clone(), Depth::Flat)]));
        fs_err::write(flat.join("other"), "x").unwrap();
        fs_err::write(gone.join("new"), "x").unwrap();
        let told = next(&watch).await;
        assert!(
            told.contains(&gone.join("new")) && !told.contains(&flat.join("other")),
            "{told:?}"
        );
    }
}
