//! Plugins that run, for as long as anybody holds them: the views of a location that were made with them, and the
//! turns that hold those.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opencode_plugin::Plugins;
use opencode_store::{Store, Subscription};
use opencode_tool::custom::CustomTools;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::logins::Pages;
use super::providers::Known;

/// How long plugins may take to end.
const ENDING_LIMIT: Duration = Duration::from_secs(5);

/// Plugins that run. Who lets go of the last handle ends them.
pub(crate) struct Held {
    pub(super) plugins: Plugins,
    /// Ids of those that were started.
    pub(super) ids: Vec<String>,
    pub(super) tools: CustomTools,
    /// What they made of providers.
    pub(super) providers: Mutex<Known>,
    /// Where they sent users to log in.
    pub(super) pages: Mutex<Pages>,
    listening: Mutex<Option<Listening>>,
    tasks: TaskTracker,
}

/// What tells plugins of events.
struct Listening {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Held {
    pub(super) fn new(plugins: Plugins, tasks: TaskTracker) -> Self {
        Self {
            tools: CustomTools::new(plugins.clone()),
            ids: plugins.loaded(),
            plugins,
            providers: Mutex::default(),
            pages: Mutex::default(),
            listening: Mutex::default(),
            tasks,
        }
    }

    /// Tells plugins of the events of a folder from now on, if one listens.
    pub(super) fn listen(&self, store: &Store, directory: &str) {
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if listening.is_some() || !self.plugins.listens() {
            return;
        }
        let stop = CancellationToken::new();
        let told = tell(
            self.plugins.clone(),
            store.subscribe(),
            directory.to_owned(),
            stop.clone(),
        );
        *listening = Some(Listening {
            task: tokio::spawn(told),
            stop,
        });
    }

    /// Tells plugins what happened until now, then ends them.
    pub(super) async fn end(&self) {
        let listening = self.take_listening();
        end(listening, self.plugins.clone()).await;
    }

    fn take_listening(&self) -> Option<Listening> {
        self.listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (listening, plugins) = (self.take_listening(), self.plugins.clone());
        // Without a runtime everything ends anyway.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            self.tasks.spawn_on(end(listening, plugins), &runtime);
        }
    }
}

async fn end(listening: Option<Listening>, plugins: Plugins) {
    let ending = async {
        if let Some(listening) = listening {
            listening.stop.cancel();
            // It only looks at what is there.
            let _ = listening.task.await;
        }
        plugins.end().await;
    };
    if tokio::time::timeout(ENDING_LIMIT, ending).await.is_err() {
        tracing::warn!("the plugins did not end in time");
    }
}

/// Tells plugins of the events of a folder, until it is stopped; then also of those that are there already.
async fn tell(plugins: Plugins, mut events: Subscription, directory: String, stop: CancellationToken) {
    let tell = |event: &opencode_schema::Event| {
        let is_here = event
            .origin
            .as_deref()
            .is_some_and(|origin| origin.directory == directory);
        if !is_here {
            return;
        }
        match serde_json::to_value(event) {
            Ok(event @ Value::Object(_)) => plugins.tell(&event),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "an event is not told to plugins"),
        }
    };
    loop {
        tokio::select! {
            biased;
            event = events.next() => match event {
                Some(Ok(event)) => tell(&event),
                Some(Err(lost)) => tracing::warn!(%lost, "plugins are not told of everything"),
                None => return,
            },
            () = stop.cancelled() => break,
        }
    }
    while let Some(event) = events.try_next() {
        if let Ok(event) = event {
            tell(&event);
        }
    }
}
