//! The servers of a place: which there are, how they are, and what they have (reference `integrations.md` §A2).
//!
//! Nothing is started before somebody needs a server; then all that are enabled are connected, side by side, each
//! by a task of its own ([`supervisor`](crate::supervisor)). Nobody waits for a server without a limit.

mod inner;
mod requests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indexmap::IndexMap;
use opencode_schema::mcp::{Entry, ServerConfig, Status};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authorization::Authorizers;
use crate::catalogue::Offer;
use crate::connection::Connection;
use crate::error::Error;
use crate::facts::Facts;
use crate::known::{Known, Shelf};

/// How long a server may take to connect, and to list its tools, when nothing is configured (reference §A3).
const START: Duration = Duration::from_secs(30);
/// How long a call may take when nothing is configured (reference §A3).
const CALL: Duration = Duration::from_secs(60);
/// How long all connections may take to end.
const CLOSE: Duration = Duration::from_secs(5);

/// What the servers of a place depend on.
pub struct Settings {
    /// The folder of the project.
    pub directory: PathBuf,
    /// The version of this program.
    pub version: &'static str,
    /// Where is kept what servers had; nowhere when there is none.
    pub cache: Option<PathBuf>,
    /// How requests to servers elsewhere are authorized.
    pub authorizers: Arc<dyn Authorizers>,
    /// Whether whoever calls may answer when a server asks.
    pub may_ask: bool,
    /// Is told what happens. Must not wait.
    pub listener: Box<dyn Fn(Notice) + Send + Sync>,
}

/// What happens to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It has other tools than before.
    ToolsChanged {
        /// Which.
        server: String,
    },
    /// It is otherwise than before.
    StatusChanged {
        /// Which.
        server: String,
        /// How it is now.
        status: Status,
    },
}

/// What a server has, connected or known from an earlier connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered {
    /// Its name.
    pub server: String,
    /// What it has.
    pub offer: Offer,
    /// It is connected.
    pub is_live: bool,
}

/// Whether a server may ask the model, by its name.
pub type MaySample = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// The servers of a place. Clones are the same servers.
#[derive(Clone)]
pub struct Servers {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) directory: PathBuf,
    /// The project, as an address.
    pub(crate) root: String,
    pub(crate) version: &'static str,
    pub(crate) may_ask: bool,
    pub(crate) authorizers: Arc<dyn Authorizers>,
    pub(crate) shelf: Shelf,
    listener: Box<dyn Fn(Notice) + Send + Sync>,
    state: Mutex<State>,
    /// Counts changes of anything, for who waits.
    changed: watch::Sender<u64>,
    pub(crate) tracker: TaskTracker,
    pub(crate) closing: CancellationToken,
}

#[derive(Default)]
struct State {
    /// Somebody needed a server.
    is_started: bool,
    /// When that was for the first time.
    needed: Option<Instant>,
    servers: IndexMap<String, Server>,
    /// For calls, as configuration has it for all servers.
    call: Option<Duration>,
    /// None may when there is none.
    may_sample: Option<MaySample>,
    /// Counts servers that were begun with.
    generation: u64,
    snapshot: Option<Arc<[Offered]>>,
}

/// A server as it is.
pub(crate) struct Server {
    config: Arc<ServerConfig>,
    /// It was added while the program runs.
    is_added: bool,
    /// It is to be connected.
    is_wanted: bool,
    may_sample: bool,
    pub(crate) status: Status,
    /// The attempt that is going on, or the last one, has an outcome.
    pub(crate) is_settled: bool,
    pub(crate) connection: Option<Arc<Connection>>,
    pub(crate) offer: Option<Offer>,
    known: Option<Known>,
    generation: u64,
    stop: CancellationToken,
    pub(crate) wake: Arc<Notify>,
    pub(crate) facts: Arc<Facts>,
}

impl Server {
    fn new(config: ServerConfig, is_added: bool, may_sample: bool) -> Self {
        Self {
            is_wanted: config.is_enabled(),
            config: Arc::new(config),
            is_added,
            may_sample,
            status: Status::Disabled,
            is_settled: false,
            connection: None,
            offer: None,
            known: None,
            generation: 0,
            stop: CancellationToken::new(),
            wake: Arc::default(),
            facts: Arc::default(),
        }
    }

    /// Whether it will be something else than it is now without anybody doing something.
    fn is_awaited(&self) -> bool {
        self.is_wanted && !self.is_settled
    }

    /// Forgets its connection. Whether its tools were known by it.
    pub(crate) fn drop_connection(&mut self) -> bool {
        self.connection = None;
        self.offer.take().is_some()
    }
}

impl State {
    fn may_sample(&self, name: &str) -> bool {
        self.may_sample
            .as_ref()
            .is_some_and(|may_sample| may_sample(name))
    }
}

impl Servers {
    /// None yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let root = url::Url::from_directory_path(&settings.directory)
            .map(|url| url.as_str().trim_end_matches('/').to_owned())
            .unwrap_or_default();
        Self {
            inner: Arc::new(Inner {
                root,
                version: settings.version,
                may_ask: settings.may_ask,
                authorizers: settings.authorizers,
                shelf: Shelf::new(settings.cache, &settings.directory),
                directory: settings.directory,
                listener: settings.listener,
                state: Mutex::default(),
                changed: watch::Sender::new(0),
                tracker: TaskTracker::new(),
                closing: CancellationToken::new(),
            }),
        }
    }

    /// Takes over which servers may ask the model; it counts for connections that are made from now on, and with the
    /// next [`Servers::configure`] also for those that there are.
    pub fn let_sample(&self, may_sample: MaySample) {
        self.inner.state().may_sample = Some(may_sample);
    }

    /// Takes over what configuration says now. What it says otherwise than before is connected anew, what it does
    /// not say any more is ended; nothing is started before somebody needs a server.
    pub fn configure(&self, entries: &IndexMap<String, Entry>, call: Option<Duration>) {
        let mut started = Vec::new();
        let mut changed = Vec::new();
        {
            let mut state = self.inner.state();
            state.call = call;
            let wanted = |name: &String| match entries.get(name) {
                Some(Entry::Server(config)) => Some(&**config),
                _ => None,
            };
            let gone: Vec<String> = state
                .servers
                .iter()
                .filter(|(name, server)| {
                    let is_same = wanted(name) == Some(&*server.config);
                    let may_the_same = state.may_sample(name) == server.may_sample;
                    !(server.is_added || (is_same && may_the_same))
                })
                .map(|(name, _)| name.clone())
                .collect();
            for name in gone {
                if let Some(mut server) = state.servers.shift_remove(&name) {
                    server.stop.cancel();
                    if server.drop_connection() {
                        changed.push(name);
                    }
                }
            }
            for (name, entry) in entries {
                match entry {
                    Entry::Server(config) if !state.servers.contains_key(name) => {
                        let may_sample = state.may_sample(name);
                        let server = Server::new((**config).clone(), false, may_sample);
                        state.servers.insert(name.clone(), server);
                        started.push(name.clone());
                    }
                    Entry::Server(_) => {}
                    Entry::Switch { .. } => {
                        // Parity: integrations.md §A1.
                        tracing::debug!(server = name, "an MCP server is switched that nobody defines");
                    }
                }
            }
            started.retain(|_| state.is_started);
            state.snapshot = None;
        }
        for name in started {
            self.inner.begin(&name, false);
        }
        for server in changed {
            self.inner.tell(Notice::ToolsChanged { server });
        }
        self.inner.changed();
    }

    /// Whether there is any server that could be needed.
    #[must_use]
    pub fn are_any(&self) -> bool {
        let state = self.inner.state();
        state.servers.values().any(|server| server.is_wanted)
    }

    /// Somebody needs the servers: those that are enabled are connected from now on. Those of which is known what
    /// they have may take their time, unless `at_once`.
    pub async fn need(&self, at_once: bool) {
        let unread: Vec<(String, Arc<ServerConfig>)> = {
            let state = self.inner.state();
            if state.is_started {
                if at_once {
                    let awaited = state.servers.values().filter(|server| server.is_awaited());
                    awaited.for_each(|server| server.wake.notify_one());
                }
                return;
            }
            let servers = state.servers.iter().filter(|(_, server)| server.is_wanted);
            servers
                .map(|(name, server)| (name.clone(), Arc::clone(&server.config)))
                .collect()
        };
        let shelf = self.inner.shelf.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let read = |(name, config): (String, Arc<ServerConfig>)| {
                let known = shelf.read(&name, &config);
                (name, config, known)
            };
            unread.into_iter().map(read).collect::<Vec<_>>()
        });
        let known = reading.await.unwrap_or_default();
        let names: Vec<String> = {
            let mut state = self.inner.state();
            if std::mem::replace(&mut state.is_started, true) {
                return;
            }
            state.needed = Some(Instant::now());
            for (name, config, known) in known {
                if let Some(server) = state
                    .servers
                    .get_mut(&name)
                    .filter(|server| server.config == config)
                {
                    server.known = known;
                }
            }
            state.snapshot = None;
            let wanted = state.servers.iter().filter(|(_, server)| server.is_wanted);
            wanted.map(|(name, _)| name.clone()).collect()
        };
        for name in names {
            self.inner.begin(&name, !at_once);
        }
    }

    /// As [`Servers::need`], and waits until it is known of each server what it has: for at most `limit` since a
    /// server was needed for the first time, so that one that hangs is waited for once.
    pub async fn ready(&self, limit: Duration) {
        if !self.are_any() {
            return;
        }
        self.need(false).await;
        let since = self
            .inner
            .state()
            .needed
            .map_or(Duration::ZERO, |at| at.elapsed());
        let limit = limit.saturating_sub(since);
        let is_awaited = |server: &Server| server.is_awaited() && server.known.is_none();
        self.wait(limit, |servers| !servers.values().any(is_awaited))
            .await;
    }

    /// As [`Servers::need`], and waits until each server is connected or is not, for at most `limit`.
    pub async fn settled(&self, limit: Duration) {
        self.need(true).await;
        self.wait(limit, |servers| !servers.values().any(Server::is_awaited))
            .await;
    }

    /// Waits until the servers are so. False when they are not within the limit.
    async fn wait(&self, limit: Duration, is_so: impl Fn(&IndexMap<String, Server>) -> bool) -> bool {
        let mut changes = self.inner.changed.subscribe();
        let until = Instant::now() + limit;
        loop {
            changes.mark_unchanged();
            if is_so(&self.inner.state().servers) {
                return true;
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep_until(until) => return false,
                () = self.inner.closing.cancelled() => return false,
            }
        }
    }

    /// How the servers are, by name.
    #[must_use]
    pub fn statuses(&self) -> BTreeMap<String, Status> {
        let state = self.inner.state();
        let statuses = state
            .servers
            .iter()
            .map(|(name, server)| (name.clone(), server.status.clone()));
        statuses.collect()
    }

    /// The servers with their configuration, in its order.
    #[must_use]
    pub fn configured(&self) -> Vec<(String, Arc<ServerConfig>, Status)> {
        let state = self.inner.state();
        let servers = state.servers.iter();
        servers
            .map(|(name, server)| (name.clone(), Arc::clone(&server.config), server.status.clone()))
            .collect()
    }

    /// How often a server wrote what is no message, and the last that it complained of.
    #[must_use]
    pub fn oddities(&self, name: &str) -> Option<(u64, Option<String>)> {
        let state = self.inner.state();
        let facts = &state.servers.get(name)?.facts;
        Some((facts.skips(), facts.complaint()))
    }

    /// What the servers have: those that are connected, and those that will be and of which is known what they had.
    /// The same list as long as nothing changes.
    #[must_use]
    pub fn offered(&self) -> Arc<[Offered]> {
        let mut state = self.inner.state();
        if let Some(snapshot) = &state.snapshot {
            return Arc::clone(snapshot);
        }
        let offered = state.servers.iter().filter_map(|(name, server)| {
            let known = server.known.clone().filter(|_| server.is_awaited());
            Some(Offered {
                server: name.clone(),
                is_live: server.offer.is_some(),
                offer: server.offer.clone().or(known.map(Known::offer))?,
            })
        });
        let snapshot: Arc<[Offered]> = offered.collect();
        state.snapshot = Some(Arc::clone(&snapshot));
        snapshot
    }

    /// Adds a server, or puts it in the place of another one, until the program ends; connects it, and waits for
    /// what comes of that.
    pub async fn add(&self, name: &str, config: ServerConfig) {
        let had_tools = {
            let mut state = self.inner.state();
            let server = Server::new(config, true, state.may_sample(name));
            let before = state.servers.insert(name.to_owned(), server);
            state.snapshot = None;
            before.is_some_and(|mut before| {
                before.stop.cancel();
                before.drop_connection()
            })
        };
        if had_tools {
            let server = name.to_owned();
            self.inner.tell(Notice::ToolsChanged { server });
        }
        self.inner.begin(name, false);
        self.await_outcome(name).await;
    }

    /// Connects a server, also one that configuration disables, and waits for what comes of that.
    ///
    /// # Errors
    /// There is none by this name.
    pub async fn connect(&self, name: &str) -> Result<Status, Error> {
        self.restart(name, true)?;
        self.inner.begin(name, false);
        self.await_outcome(name).await;
        self.status(name)
    }

    /// Ends the connection of a server until somebody connects it again.
    ///
    /// # Errors
    /// There is none by this name.
    pub fn disconnect(&self, name: &str) -> Result<(), Error> {
        self.restart(name, false)
    }

    /// How a server is.
    ///
    /// # Errors
    /// There is none by this name.
    pub fn status(&self, name: &str) -> Result<Status, Error> {
        let state = self.inner.state();
        let server = state.servers.get(name);
        server
            .map(|server| server.status.clone())
            .ok_or_else(|| Error::UnknownServer(name.to_owned()))
    }

    /// Ends what a server does, and lets it begin anew.
    fn restart(&self, name: &str, is_wanted: bool) -> Result<(), Error> {
        let had_tools = {
            let mut state = self.inner.state();
            let may_sample = state.may_sample(name);
            let server = state
                .servers
                .get_mut(name)
                .ok_or_else(|| Error::UnknownServer(name.to_owned()))?;
            server.stop.cancel();
            let had_tools = server.drop_connection();
            let (config, is_added) = (Arc::clone(&server.config), server.is_added);
            *server = Server {
                is_wanted,
                config,
                ..Server::new((*server.config).clone(), is_added, may_sample)
            };
            state.snapshot = None;
            had_tools
        };
        if had_tools {
            let server = name.to_owned();
            self.inner.tell(Notice::ToolsChanged { server });
        }
        self.inner.changed();
        Ok(())
    }

    /// Waits until a server is connected or is not: it has its own time for that.
    async fn await_outcome(&self, name: &str) {
        let limit = self.inner.timeouts(name).start * 3;
        let is_settled =
            |servers: &IndexMap<String, Server>| !servers.get(name).is_some_and(Server::is_awaited);
        self.wait(limit, is_settled).await;
    }

    /// Ends all connections and all programs, and does not wait for it.
    pub fn end(&self) {
        self.inner.closing.cancel();
    }

    /// Ends all connections and all programs. Takes a known time.
    pub async fn close(&self) {
        self.inner.closing.cancel();
        {
            let state = self.inner.state();
            for (name, server) in &state.servers {
                server.stop.cancel();
                if state.is_started && server.is_awaited() && server.known.is_none() {
                    self.inner.shelf.keep(name, &server.config, Known::slow());
                }
            }
        }
        self.inner.tracker.close();
        if tokio::time::timeout(CLOSE, self.inner.tracker.wait())
            .await
            .is_err()
        {
            tracing::warn!("connections to MCP servers are still there");
        }
    }
}
