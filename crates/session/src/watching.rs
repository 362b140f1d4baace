//! Locations are read again when files that configure them change (reference `v2.md` §14 row 49), and listeners are
//! told of changes in their folders ([`files`]). Where files cannot be watched, each prompt and each step look by
//! themselves.

mod files;

use std::collections::BTreeSet;
use std::path::PathBuf;

use files::Files;
use opencode_project::watch::Watch;
use opencode_schema::EventBody;

use crate::Engine;

impl Engine {
    /// Watches the files of locations from now on: they are read again when what configures them changes, and
    /// listeners hear of the rest. For programs that run for long; the end of the program ends it.
    pub fn watch_files(&self) {
        let engine = self.clone();
        self.beside(async move {
            match Watch::new().and_then(|watch| Ok((watch, Files::new(Watch::new()?)))) {
                Ok((watch, files)) => engine.keep_watching(watch, files).await,
                Err(error) => {
                    tracing::warn!(%error, "files are not watched; changes count from the next step on");
                }
            }
        });
    }

    async fn keep_watching(&self, mut watch: Watch, mut files: Files) {
        let mut changed = None;
        loop {
            let locations = self.locations();
            let reading = tokio::task::spawn_blocking(move || {
                let folders = locations.iter().flat_map(|location| location.watched());
                let is_wider = watch.aim(folders);
                if let Some(changes) = changed {
                    files.tell(&changes);
                }
                files.aim(&locations);
                (is_wider, watch, files)
            });
            let is_wider;
            (is_wider, watch, files) = match reading.await {
                Ok(read) => read,
                Err(error) => return tracing::error!(%error, "files are not watched any more"),
            };
            if is_wider {
                // What changed before they were watched.
                self.refresh_all().await;
            }
            changed = tokio::select! {
                () = self.inner.opened.notified() => None,
                changes = watch.changes() => {
                    self.take_in(&changes.into_keys().collect()).await;
                    None
                }
                changes = files.changes() => Some(changes),
            };
        }
    }

    /// Reads the locations again that such changes may concern.
    async fn take_in(&self, changes: &BTreeSet<PathBuf>) {
        for location in self.locations() {
            if location.is_concerned_by(changes) {
                self.refreshed(&location).await;
            }
            if location.has_rules_in(changes) {
                let keys = vec!["instructions".to_owned()];
                location.store.announce_now(EventBody::ConfigUpdated { keys });
            }
        }
    }
}
