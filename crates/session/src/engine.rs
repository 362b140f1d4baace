//! The engine: what all faces talk to.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use opencode_catalog::public::{self, Public};
use opencode_config::{Environment, Paths};
use opencode_llm::{Client, ClientOptions};
use opencode_mcp::oauth::{self, OAuth};
use opencode_schema::EventBody;
use opencode_schema::event::Origin;
use opencode_store::{Store, Subscription};
use tokio::io::DuplexStream;
use tokio::sync::{Notify, OnceCell, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::compaction::kept::KeptWords;
use crate::coordinator::Coordinator;
use crate::database::database;
use crate::delegations::Delegations;
use crate::durable::Owner;
use crate::location::Surroundings;
use crate::plugin::desk::Link;
use crate::spending::Runs;
use crate::{Error, Location, housekeeping, share};

/// How long the end of the program waits for what still runs in the background: titles, the end of
/// stopped commands.
const ENDING_LIMIT: Duration = Duration::from_secs(4);

/// Locations that are kept while nobody uses them.
const MOST_LOCATIONS: usize = 64;
/// Connections of plugins that may wait to be taken.
const CONNECTIONS: usize = 16;
/// Locations that may wait to be read again because of their plugins.
const PLUGIN_CHANGES: usize = 16;
/// Worktrees whose files are written at the same time.
const CHECKOUTS: usize = 4;

/// What an engine needs to know of the world.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where files are.
    pub paths: Paths,
    /// The environment of the process, as it was at start.
    pub environment: Environment,
    /// Version of the program.
    pub version: &'static str,
}

/// The engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
    /// It works for plugins: nothing of it waits for plugins that are being started, for those would wait for it.
    is_of_plugins: bool,
}

pub(crate) struct Inner {
    /// What this run of the program is called among those that use the database.
    pub(crate) owner: Owner,
    pub(crate) options: Options,
    pub(crate) store: Store,
    pub(crate) client: Client,
    pub(crate) coordinator: Coordinator,
    /// Tasks that agents gave to others.
    pub(crate) delegations: Arc<Delegations>,
    /// Everything that runs beside the caller.
    pub(crate) tasks: TaskTracker,
    /// Stops what runs in the background.
    pub(crate) ending: CancellationToken,
    /// Stops what nobody waits for.
    pub(crate) housekeeping: CancellationToken,
    /// Held while a name for a worktree is chosen and taken.
    pub(crate) worktrees: tokio::sync::Mutex<()>,
    /// What runs may spend.
    pub(crate) runs: Arc<Runs>,
    /// What stays beside summaries, as it was found last.
    pub(crate) kept: KeptWords,
    /// New worktrees whose files may be written at the same time.
    pub(crate) checkouts: tokio::sync::Semaphore,
    /// The public catalogue of models, which all locations share.
    pub(crate) public: Arc<Public>,
    /// Logins at MCP servers.
    pub(crate) mcp_logins: OAuth,
    /// What plugins are given.
    link: Link,
    /// What answers plugins.
    answering: Mutex<Option<Answering>>,
    locations: Mutex<Locations>,
    /// Told when a location is opened.
    pub(crate) opened: Notify,
}

/// What answers plugins, and its end.
struct Answering {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

/// The locations that are kept, and when each was last asked for.
#[derive(Default)]
struct Locations {
    kept: HashMap<PathBuf, Kept>,
    /// How often any was asked for.
    asked: u64,
}

#[derive(Default)]
struct Kept {
    cell: Arc<OnceCell<Opened>>,
    asked: u64,
}

/// A location as it was last read.
struct Opened {
    now: Mutex<Arc<Location>>,
    /// Its plugins run, if it has any.
    ready: OnceCell<()>,
}

impl Opened {
    fn new(location: Arc<Location>) -> Self {
        Self {
            ready: OnceCell::new_with((!location.awaits_plugins).then_some(())),
            now: Mutex::new(location),
        }
    }

    fn now(&self) -> Arc<Location> {
        Arc::clone(&self.now.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until its plugins run. Who stops waiting does not stop them.
    async fn ready(&self, engine: &Engine) {
        let started = self.ready.get_or_init(|| async {
            let (own, location) = (engine.clone(), self.now());
            let starting = async move { drop(own.refreshed(&location).await) };
            // What broke down is logged, and the location works without.
            let _ = engine.inner.tasks.spawn(starting).await;
        });
        started.await;
    }

    /// Puts the newest reading in force.
    fn catch_up(&self) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(latest) = now.ground().latest() {
            *now = latest;
        }
    }

    /// Whether nobody holds it, as it is or as it was, and nobody works in its terminals.
    fn is_idle(&self) -> bool {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::strong_count(&now) == 1 && Arc::strong_count(now.ground()) == 1 && !now.has_terminal()
    }
}

impl Kept {
    /// Whether neither a turn, nor a listener, nor a request holds it, and nobody works in its terminals.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.cell) == 1 && self.cell.get().is_none_or(Opened::is_idle)
    }
}

impl Locations {
    /// The place of a location. If it is one too many, the idle ones go that were last asked for the longest
    /// time ago.
    fn cell(&mut self, directory: &Path) -> Arc<OnceCell<Opened>> {
        self.asked += 1;
        let kept = self.kept.entry(directory.to_owned()).or_default();
        kept.asked = self.asked;
        let cell = Arc::clone(&kept.cell);
        while self.kept.len() > MOST_LOCATIONS {
            let idle = self.kept.iter().filter(|(_, kept)| kept.is_idle());
            let oldest = idle.min_by_key(|(_, kept)| kept.asked);
            let Some(oldest) = oldest.map(|(directory, _)| directory.clone()) else {
                break;
            };
            tracing::debug!(directory = %oldest.display(), "an idle location is given up");
            self.kept.remove(&oldest);
        }
        cell
    }
}

impl Engine {
    /// Opens the database and makes an engine on it.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let store = Store::open(database(&options.paths, &options.environment)?).await?;
        let client = Client::new(ClientOptions {
            extra_roots: options.environment.get("NODE_EXTRA_CA_CERTS").map(PathBuf::from),
            ..ClientOptions::default()
        });
        let public = Public::new(&options.paths, &options.environment, options.version);
        let (paths, environment) = (options.paths.clone(), options.environment.clone());
        let mcp_logins = OAuth::new(paths, environment, oauth::Options::default());
        let tasks = TaskTracker::new();
        let (changed, changes) = mpsc::channel(PLUGIN_CHANGES);
        let link = Link {
            door: Arc::default(),
            address: Arc::default(),
            changed,
            tasks: tasks.clone(),
        };
        let inner = Inner {
            link,
            answering: Mutex::default(),
            owner: Owner::new(),
            public: Arc::new(public),
            options,
            store,
            client,
            coordinator: Coordinator::default(),
            delegations: Arc::default(),
            tasks,
            housekeeping: CancellationToken::new(),
            ending: CancellationToken::new(),
            runs: Arc::default(),
            kept: KeptWords::default(),
            worktrees: tokio::sync::Mutex::default(),
            checkouts: tokio::sync::Semaphore::new(CHECKOUTS),
            mcp_logins,
            locations: Mutex::default(),
            opened: Notify::new(),
        };
        let engine = Self {
            inner: Arc::new(inner),
            is_of_plugins: false,
        };
        engine.keep_present();
        engine.follow_plugins(changes);
        Ok(engine)
    }

    /// Stops what is made in the background for later: titles. For the end of a program that its user does
    /// not want to wait for.
    pub fn hurry(&self) {
        self.inner.ending.cancel();
    }

    /// The store, for faces that only read or listen.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Where files of the program are.
    #[must_use]
    pub fn paths(&self) -> &Paths {
        &self.inner.options.paths
    }

    /// The environment of the process, as it was at start.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.inner.options.environment
    }

    /// Hears every event from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        self.inner.store.subscribe()
    }

    /// The location of a folder, made when it is first asked for.
    ///
    /// # Errors
    /// Configuration is wrong, or the database failed. The next call tries again.
    pub async fn location(&self, directory: &Path) -> Result<Arc<Location>, Error> {
        let inner = &self.inner;
        let cell = inner
            .locations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .cell(directory);
        let made = cell
            .get_or_try_init(|| async {
                let surroundings = Surroundings {
                    paths: inner.options.paths.clone(),
                    environment: inner.options.environment.clone(),
                    public: Arc::clone(&inner.public),
                    logins: inner.mcp_logins.clone(),
                    link: inner.link.clone(),
                    version: inner.options.version,
                };
                let location = Location::open(directory, &inner.store, surroundings).await?;
                housekeeping::begin(self, &location);
                share::begin(self, &location).await;
                inner.opened.notify_one();
                Ok::<_, Error>(Opened::new(location))
            })
            .await?;
        if !self.is_of_plugins {
            made.ready(self).await;
        }
        Ok(made.now())
    }

    /// The location as its files are now. When they differ from the newest reading, everybody gets the new one
    /// from here on, and listeners hear what differs. A configuration that is wrong leaves the last good one in
    /// force.
    pub(crate) async fn refreshed(&self, location: &Arc<Location>) -> Arc<Location> {
        let (latest, events) = location.read_again(!self.is_of_plugins).await;
        if events.is_empty() {
            return latest;
        }
        {
            let locations = self
                .inner
                .locations
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let kept = locations.kept.get(&latest.directory);
            if let Some(opened) = kept.and_then(|kept| kept.cell.get()) {
                opened.catch_up();
            }
        }
        share::begin(self, &latest).await;
        for event in events {
            latest.store.announce_now(event);
        }
        latest
    }

    /// Reads all locations again.
    pub async fn refresh_all(&self) {
        for location in self.locations() {
            self.refreshed(&location).await;
        }
    }

    /// Lets plugins of locations that are opened from now on talk to the engine: `answer` answers what comes through
    /// the door, until its token. It is given an engine that does not wait for plugins.
    pub fn open_door<F>(
        &self,
        answer: impl FnOnce(Self, mpsc::Receiver<DuplexStream>, CancellationToken) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let (door, connections) = mpsc::channel(CONNECTIONS);
        if self.inner.link.door.set(door).is_err() {
            return;
        }
        let stop = CancellationToken::new();
        let engine = Self {
            is_of_plugins: true,
            ..self.clone()
        };
        let task = tokio::spawn(answer(engine, connections, stop.clone()));
        *self.answering() = Some(Answering { task, stop });
    }

    fn answering(&self) -> MutexGuard<'_, Option<Answering>> {
        self.inner
            .answering
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Says where the engine can be reached over a network, for the plugins that are started from now on. The first
    /// address counts.
    pub fn listens_at(&self, address: Url) {
        let _ = self.inner.link.address.set(address);
    }

    /// Reads locations again whose plugins registered something anew.
    fn follow_plugins(&self, mut changes: mpsc::Receiver<PathBuf>) {
        let engine = self.clone();
        self.beside(async move {
            while let Some(directory) = changes.recv().await {
                let all = engine.locations();
                for location in all.iter().filter(|location| location.directory == directory) {
                    engine.refreshed(location).await;
                }
            }
        });
    }

    /// Gives a location up: it is read anew when it is next asked for. What runs in it goes on as it began.
    ///
    /// # Errors
    /// The database is closed.
    pub async fn dispose(&self, location: &Location) -> Result<(), Error> {
        {
            let inner = &self.inner;
            let mut locations = inner.locations.lock().unwrap_or_else(PoisonError::into_inner);
            locations.kept.remove(&location.directory);
        }
        location.jobs.close();
        // What runs holds on to them, and ends them when it is done.
        location.plugins.clear();
        tokio::join!(
            location.close_terminals(),
            location.close_servers(),
            location.languages.close()
        );
        let directory = location.directory.to_string_lossy().into_owned();
        Ok(location
            .store
            .announce(EventBody::InstanceDisposed { directory })
            .await?)
    }

    /// The public catalogue of models.
    #[must_use]
    pub fn public_models(&self) -> &Arc<Public> {
        &self.inner.public
    }

    /// Keeps the public catalogue of models fresh from now on. For programs that run for long: nobody waits
    /// for it.
    pub fn keep_models_fresh(&self) {
        if !self.inner.public.may_fetch() {
            return;
        }
        let (models, store) = (Arc::clone(&self.inner.public), self.inner.store.clone());
        let store = store.at(Origin::everywhere(None, None));
        self.beside(async move {
            loop {
                match models.refresh(false).await {
                    Ok(true) => {
                        store.announce_now(EventBody::ModelsRefreshed {});
                        store.announce_now(EventBody::CatalogUpdated {});
                    }
                    Ok(false) => {}
                    Err(error) => tracing::info!(%error, "no newer catalogue of models"),
                }
                tokio::time::sleep(public::EVERY).await;
            }
        });
    }

    /// Does something that nobody waits for; the end of the program ends it.
    pub(crate) fn beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        let ending = self.inner.housekeeping.clone();
        self.inner.tasks.spawn(async move {
            tokio::select! {
                () = ending.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Gives all locations up.
    ///
    /// # Errors
    /// The database is closed.
    pub async fn dispose_all(&self) -> Result<(), Error> {
        for location in self.locations() {
            self.dispose(&location).await?;
        }
        let everywhere = self.inner.store.at(Origin::everywhere(None, None));
        Ok(everywhere.announce(EventBody::GlobalDisposed {}).await?)
    }

    /// The locations that were asked for and not given up since.
    #[must_use]
    pub fn locations(&self) -> Vec<Arc<Location>> {
        let locations = &self.inner.locations;
        let locations = locations.lock().unwrap_or_else(PoisonError::into_inner);
        locations
            .kept
            .values()
            .filter_map(|kept| kept.cell.get().map(Opened::now))
            .collect()
    }

    /// Ends everything that runs: turns are stopped and leave their sessions consistent, background work
    /// gets a little time to end.
    pub async fn shutdown(&self) {
        self.inner.housekeeping.cancel();
        self.inner.tasks.close();
        let opened = self.locations();
        for location in &opened {
            location.jobs.close();
        }
        let rest = async {
            let terminals = opened.iter().map(|location| location.close_terminals());
            let servers = opened.iter().map(|location| location.close_servers());
            let languages = opened.iter().map(|location| location.languages.close());
            tokio::join!(
                join_all(terminals),
                join_all(servers),
                join_all(languages),
                self.inner.mcp_logins.shutdown(),
                self.inner.delegations.close(),
                self.inner.coordinator.stop_all()
            );
            self.inner.tasks.wait().await;
        };
        if tokio::time::timeout(ENDING_LIMIT, rest).await.is_err() {
            tracing::warn!("background work did not end in time");
        }
        self.inner.ending.cancel();
        // They hear of everything, and may ask until their end.
        join_all(opened.iter().map(|location| location.plugins.close())).await;
        let answering = self.answering().take();
        if let Some(Answering { task, stop }) = answering {
            stop.cancel();
            // It ends a second after it is told to.
            let _ = task.await;
        }
        self.leave_jobs().await;
        if let Err(error) = self.inner.store.flush().await {
            tracing::debug!(%error, "ending");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn idle_locations_are_given_up_and_used_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_string_lossy().into_owned();
        let environment: Environment = [("HOME".to_owned(), home)].into_iter().collect();
        let options = Options {
            paths: Paths::new(&environment),
            environment,
            version: "0",
        };
        let engine = Engine::open(options).await.unwrap();
        let used = engine.location(&folder.path().join("used")).await.unwrap();
        for at in 0..MOST_LOCATIONS * 2 {
            engine
                .location(&folder.path().join(at.to_string()))
                .await
                .unwrap();
        }
        let again = engine.location(&folder.path().join("used")).await.unwrap();
        assert!(Arc::ptr_eq(&used, &again), "somebody holds it");
        let kept = engine.inner.locations.lock().unwrap().kept.len();
        assert_eq!(kept, MOST_LOCATIONS);
        engine.shutdown().await;
    }
}
