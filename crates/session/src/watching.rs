//! Locations are read again when files that configure them change (reference `v2.md` §14 row 49). Where files
//! cannot be watched, each prompt and each step look by themselves.

use std::collections::BTreeSet;
use std::path::PathBuf;

use opencode_project::watch::Watch;
use opencode_schema::EventBody;

use crate::Engine;

impl Engine {
    /// Reads locations again from now on when their files change. For programs that run for long; the end of
    /// the program ends it.
    pub fn watch_configuration(&self) {
        let engine = self.clone();
        self.beside(async move {
            match Watch::new() {
                Ok(watch) => engine.keep_watching(watch).await,
                Err(error) => {
                    tracing::warn!(%error, "files are not watched; changes count from the next step on");
                }
            }
        });
    }

    async fn keep_watching(&self, mut watch: Watch) {
        loop {
            let locations = self.locations();
            let folders: Vec<_> = locations.iter().flat_map(|location| location.watched()).collect();
            drop(locations);
            let aiming = tokio::task::spawn_blocking(move || (watch.aim(folders), watch));
            let is_wider;
            (is_wider, watch) = match aiming.await {
                Ok(aimed) => aimed,
                Err(error) => return tracing::error!(%error, "files are not watched any more"),
            };
            if is_wider {
                // What changed before they were watched.
                self.refresh_all().await;
            }
            tokio::select! {
                () = self.inner.opened.notified() => {}
                changes = watch.changes() => self.take_in(&changes).await,
            }
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
