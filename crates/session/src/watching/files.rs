//! Listeners are told what changes in the folders of locations and in their repositories (reference
//! `integrations-2.md` §H, §K).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use opencode_config::environment::variable;
use opencode_project::vcs;
use opencode_project::watch::tree::{MOST_FOLDERS, Tree};
use opencode_project::watch::{Changes, Depth, Watch};
use opencode_schema::EventBody;
use opencode_schema::event::{FileChange, ToastVariant};
use opencode_store::Store;
use serde_json::Value;

use crate::Location;

/// The folders that are looked after, by the folder of their location.
pub(super) struct Files {
    watch: Watch,
    places: BTreeMap<PathBuf, Place>,
    /// That not everything is watched was said.
    is_told: bool,
}

/// What is looked after of one location.
struct Place {
    store: Store,
    ignore: Vec<String>,
    /// The folder itself, where that is wanted.
    tree: Option<Tree>,
    repository: Option<Repository>,
}

/// The folder in which git keeps what belongs to one checkout.
struct Repository {
    folder: PathBuf,
    /// What was there from the beginning, of which only `HEAD` is told.
    known: BTreeSet<OsString>,
    branch: Option<String>,
}

impl Files {
    pub(super) fn new(watch: Watch) -> Self {
        Self {
            watch,
            places: BTreeMap::new(),
            is_told: false,
        }
    }

    /// Looks after these locations and no others from now on. Reads folders.
    pub(super) fn aim(&mut self, locations: &[Arc<Location>]) {
        let mut places = BTreeMap::new();
        for location in locations {
            if !location.is_git || location.environment.is_on(variable::DISABLE_FILE_WATCHER) {
                continue;
            }
            let ignore = ignored(location);
            let kept = self.places.remove(&location.directory);
            let place = match kept.filter(|kept| kept.ignore == ignore) {
                Some(kept) => kept,
                None => Place::of(location, ignore),
            };
            places.insert(location.directory.clone(), place);
        }
        self.places = places;
        let folders = self.places.values().flat_map(Place::folders);
        self.watch.aim(folders);
        self.tell_limits();
    }

    /// Waits for changes. May be given up at any time without losing any.
    pub(super) async fn changes(&self) -> Changes {
        self.watch.changes().await
    }

    /// Tells of changes. Reads folders that are new.
    pub(super) fn tell(&mut self, changes: &Changes) {
        for place in self.places.values_mut() {
            for (path, change) in changes {
                place.tell(path, *change);
            }
        }
    }

    /// Says once that not everything is watched.
    fn tell_limits(&mut self) {
        let cut = |place: &Place| place.tree.as_ref().is_some_and(Tree::is_cut);
        let message = if self.watch.is_exhausted() {
            "The system has no file watches left, so changes in part of the project are not noticed at once. \
             On Linux, raise fs.inotify.max_user_watches."
                .to_owned()
        } else if self.places.values().any(cut) {
            format!(
                "Only {MOST_FOLDERS} folders of the project are watched. Name folders under watcher.ignore in the \
                 configuration whose changes are of no interest."
            )
        } else {
            return;
        };
        if std::mem::replace(&mut self.is_told, true) {
            return;
        }
        tracing::warn!(message, "files are watched in part");
        for place in self.places.values() {
            place.store.announce_now(EventBody::TuiToastShow {
                title: Some("Files are watched in part".to_owned()),
                message: message.clone(),
                variant: ToastVariant::Warning,
                duration: 8000,
            });
        }
    }
}

impl Place {
    fn of(location: &Location, ignore: Vec<String>) -> Self {
        let wants_tree = location.environment.is_on(variable::FILE_WATCHER);
        let git = location.git_directory().filter(|folder| {
            let path = folder.to_string_lossy();
            !ignore.iter().any(|glob| glob == ".git" || *glob == path)
        });
        Self {
            tree: wants_tree.then(|| Tree::new(&location.directory, &ignore)),
            repository: git.map(Repository::at),
            store: location.store.clone(),
            ignore,
        }
    }

    fn folders(&self) -> impl Iterator<Item = (PathBuf, Depth)> {
        let own = self.tree.iter().flat_map(Tree::folders);
        let git = self.repository.iter().map(|repository| &repository.folder);
        own.chain(git).map(|folder| (folder.clone(), Depth::Flat))
    }

    fn tell(&mut self, path: &Path, change: FileChange) {
        if let Some(repository) = &mut self.repository
            && repository.tells(path)
        {
            announce(&self.store, path, change);
            if path.file_name().is_some_and(|name| name == "HEAD") {
                let branch = vcs::checked_out(&repository.folder);
                if branch != repository.branch {
                    repository.branch.clone_from(&branch);
                    let event = EventBody::VcsBranchUpdated { branch };
                    self.store.announce_now(event);
                }
            }
            return;
        }
        let Some(tree) = self.tree.as_mut().filter(|tree| tree.has(path)) else {
            return;
        };
        if change == FileChange::Unlink {
            tree.give_up(path);
        }
        if path.is_dir() {
            // What is in a folder that came counts, not the folder.
            for file in tree.take_in(path) {
                announce(&self.store, &file, FileChange::Add);
            }
            return;
        }
        announce(&self.store, path, change);
    }
}

impl Repository {
    fn at(folder: &Path) -> Self {
        let known = std::fs::read_dir(folder).into_iter().flatten().flatten();
        Self {
            known: known.map(|entry| entry.file_name()).collect(),
            branch: vcs::checked_out(folder),
            folder: folder.to_owned(),
        }
    }

    /// Whether a change of this path is told.
    fn tells(&self, path: &Path) -> bool {
        path.parent() == Some(&self.folder)
            && path
                .file_name()
                .is_some_and(|name| name == "HEAD" || !self.known.contains(name))
    }
}

fn announce(store: &Store, path: &Path, event: FileChange) {
    store.announce_now(EventBody::FileWatcherUpdated {
        file: path.to_string_lossy().into_owned(),
        event,
    });
}

/// What configuration wants to be ignored.
fn ignored(location: &Location) -> Vec<String> {
    let globs = location.effective_config["watcher"]["ignore"].as_array();
    let texts = globs.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}
