//! Files before and after a step (reference `sessions.md` §8). They are recorded while the model is being
//! asked; only tools wait for it, because they change files.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use opencode_project::snapshot::Snapshots;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::Location;

/// How long the first word of an answer waits for the record, so that both are told at once. The record
/// of a usual project takes a fraction of it, the first word of a model a multiple.
const GRACE: Duration = Duration::from_millis(150);

/// The record of the files before a step.
pub(crate) struct StartSnapshot {
    /// `None` while it is being made, then the tree, if one could be made.
    tree: watch::Receiver<Option<Option<String>>>,
}

impl StartSnapshot {
    /// Begins to record, or takes `known`: the tree after the step before, when nothing could have changed
    /// since.
    pub(crate) fn begin(location: &Arc<Location>, tasks: &TaskTracker, known: Option<String>) -> Self {
        let known = if location.snapshots().is_none() {
            Some(None)
        } else {
            known.map(Some)
        };
        let (sender, tree) = watch::channel(known.clone());
        if known.is_none() {
            let location = Arc::clone(location);
            tasks.spawn(async move {
                let tree = track(location.snapshots()).await;
                sender.send_replace(Some(tree));
            });
        }
        Self { tree }
    }

    /// Ends when the files are recorded, or cannot be.
    pub(crate) fn recorded(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut tree = self.tree.clone();
        async move {
            let _ = tree.wait_for(Option::is_some).await;
        }
    }

    /// The tree, if it is there within [`GRACE`].
    pub(crate) async fn soon(&self) -> Option<String> {
        let _ = tokio::time::timeout(GRACE, self.recorded()).await;
        self.tree.borrow().clone().flatten()
    }

    /// The tree, whenever it is there.
    pub(crate) async fn tree(&self) -> Option<String> {
        self.recorded().await;
        self.tree.borrow().clone().flatten()
    }
}

/// The tree of the files as they are now. What goes wrong is logged: without a record there is no undo,
/// but the turn goes on.
pub(crate) async fn track(snapshots: Option<&Snapshots>) -> Option<String> {
    match snapshots?.track().await {
        Ok(tree) => tree,
        Err(error) => {
            tracing::warn!(%error, "the files could not be recorded");
            None
        }
    }
}
