//! A place with servers, and what is told of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use indexmap::IndexMap;
use opencode_mcp::{NoAuthorizers, Notice, Servers, Settings};
use opencode_schema::mcp::{Entry, Status};
use opencode_testkit::McpPeer;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

/// How long anything is waited for.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// How a scripted server is configured.
pub(crate) fn peer(script: &Value) -> Value {
    McpPeer::config("peer", script)
}

pub(crate) fn entries(servers: &Value) -> IndexMap<String, Entry> {
    serde_json::from_value(servers.clone()).unwrap()
}

/// A place; ends its servers with it.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) servers: Servers,
    notices: Arc<Mutex<Vec<Notice>>>,
    count: watch::Receiver<usize>,
}

impl Place {
    pub(crate) fn new(servers: &Value) -> Self {
        Self::at(tempfile::tempdir().unwrap(), servers)
    }

    /// Where somebody may be asked.
    pub(crate) fn asked(servers: &Value) -> Self {
        Self::with(tempfile::tempdir().unwrap(), servers, true)
    }

    pub(crate) fn at(folder: TempDir, servers: &Value) -> Self {
        Self::with(folder, servers, false)
    }

    fn with(folder: TempDir, servers: &Value, may_ask: bool) -> Self {
        let notices: Arc<Mutex<Vec<Notice>>> = Arc::default();
        let (counter, count) = watch::channel(0);
        let told = Arc::clone(&notices);
        let place = Servers::new(Settings {
            directory: folder.path().to_owned(),
            version: "1.2.3",
            cache: Some(folder.path().join("cache")),
            may_ask,
            authorizers: Arc::new(NoAuthorizers),
            listener: Box::new(move |notice| {
                told.lock().unwrap().push(notice);
                counter.send_modify(|count| *count += 1);
            }),
        });
        place.configure(&entries(servers), None);
        Self {
            folder,
            servers: place,
            notices,
            count,
        }
    }

    /// Waits until the servers are so.
    pub(crate) async fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let waiting = async {
            loop {
                self.count.mark_unchanged();
                if is_so(self) {
                    return;
                }
                self.count.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(LIMIT, waiting).await.is_err() {
            panic!("{what}: {:?}", self.notices.lock().unwrap());
        }
    }

    /// Names of the tools of a server.
    pub(crate) fn tools(&self, server: &str) -> Vec<String> {
        let offered = self.servers.offered();
        let found = offered.iter().find(|offered| offered.server == server);
        let tools = found.iter().flat_map(|offered| offered.offer.tools.iter());
        tools.map(|tool| tool.name.clone()).collect()
    }

    pub(crate) fn status(&self, server: &str) -> Status {
        self.servers.status(server).unwrap()
    }

    /// What the server has read, as its script's `log` has it.
    pub(crate) fn log(&self, name: &str) -> Vec<Value> {
        let text = fs_err::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }
}
