//! The language servers of a location: which run, which could not, and when they end (reference `integrations.md`
//! §B3, §B6).

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::{Client, MOST_TEXT, Sent};
use crate::config::{Server, servers};
use crate::diagnostics::unique;
use crate::keeper::Limits;
use crate::launch::Ground;
use crate::root::Place;
use crate::waiting::Mode;

/// Servers that run at the same time for one location.
const MOST_RUNNING: usize = 32;
/// How long a server that died is left alone at first; doubled with each death that follows soon.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Deaths soon after each other after which a server is given up.
const MOST_DEATHS: u32 = 5;
/// Who runs for that long has not died soon.
const LONG_LIFE: Duration = Duration::from_secs(120);
/// How long all servers may take to end.
const CLOSE_LIMIT: Duration = Duration::from_secs(6);
/// How often is looked for servers that nobody wants anything of.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What is told when servers come and go.
pub type OnChange = dyn Fn() + Send + Sync;

/// What the servers of a place depend on.
pub struct Settings {
    /// `lsp` of the configuration.
    pub config: Value,
    /// Python is for `ty`.
    pub with_ty: bool,
    /// Where they are started.
    pub ground: Ground,
    /// What they may take.
    pub limits: Limits,
    /// Told when servers come and go.
    pub on_change: Box<OnChange>,
}

/// The language servers of a location. They end with the last who holds this.
pub struct Languages {
    inner: Arc<Inner>,
}

struct Inner {
    servers: Vec<Server>,
    ground: Ground,
    limits: Limits,
    on_change: Box<OnChange>,
    slots: Mutex<HashMap<Key, Slot>>,
    tasks: TaskTracker,
    /// Fires when all shall end.
    closing: CancellationToken,
}

/// A server for a project.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    /// Its place in the order of servers.
    order: usize,
    root: PathBuf,
}

/// A server that was begun, and until when it is waited for.
#[derive(Clone)]
struct Starting {
    client: watch::Receiver<Option<Arc<Client>>>,
    until: Instant,
}

/// How far a server is.
enum Slot {
    Starting(Starting),
    Running {
        client: Arc<Client>,
        since: Instant,
        deaths: u32,
    },
    /// It could not be started, and is not tried again. Why, unless it is just not here.
    Broken(Option<String>),
    /// It died, and may be started again.
    Dead {
        deaths: u32,
        until: Instant,
        reason: String,
    },
}

/// A language server as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its project's folder, as seen from that of the location.
    pub root: String,
    /// How it is.
    pub status: State,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How a language server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It runs.
    Connected,
    /// It could not be started, or died.
    Error,
}

impl std::fmt::Debug for Languages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Languages").finish_non_exhaustive()
    }
}

impl Drop for Languages {
    fn drop(&mut self) {
        self.inner.closing.cancel();
    }
}

impl Languages {
    /// The servers that configuration wants; none is started.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            inner: Arc::new(Inner {
                servers: servers(&settings.config, settings.with_ty),
                ground: settings.ground,
                limits: settings.limits,
                on_change: settings.on_change,
                slots: Mutex::default(),
                tasks: TaskTracker::new(),
                closing: CancellationToken::new(),
            }),
        }
    }

    /// No servers.
    #[must_use]
    pub fn none() -> Self {
        Self::new(Settings {
            config: Value::Null,
            with_ty: false,
            ground: Ground {
                directory: PathBuf::from("/"),
                worktree: PathBuf::from("/"),
                packages: crate::Packages::new("", "/"),
                may_install: false,
                virtual_env: None,
                home: PathBuf::from("/"),
            },
            limits: Limits::default(),
            on_change: Box::new(|| {}),
        })
    }

    /// Whether there is any server for files of this name, as far as one can tell without starting it.
    #[must_use]
    pub fn serve(&self, path: &Path) -> bool {
        self.inner.keys(path).into_iter().any(|key| {
            let slots = self.inner.slots();
            !matches!(slots.get(&key), Some(Slot::Broken(_)))
        })
    }

    /// Starts the servers for a file and shows it to them, beside whoever calls.
    pub fn warm(&self, path: &Path) {
        if self.inner.keys(path).is_empty() || self.inner.closing.is_cancelled() {
            return;
        }
        let (inner, path) = (Arc::clone(&self.inner), path.to_owned());
        let closing = inner.closing.clone();
        self.inner.tasks.spawn(async move {
            tokio::select! {
                () = closing.cancelled() => {}
                () = async {
                    inner.show(&path, false).await;
                } => {}
            }
        });
    }

    /// Shows a file as it is now to the servers that are for it, and waits until they have said what they think of
    /// it, or for a limit. Those that do not run are started.
    pub async fn touch(&self, path: &Path, mode: Mode) {
        self.wait(path, mode, true).await;
    }

    /// The same, for servers that have not seen the file as it is now.
    pub async fn catch_up(&self, path: &Path) {
        self.wait(path, Mode::Document, false).await;
    }

    async fn wait(&self, path: &Path, mode: Mode, anew: bool) {
        let shown = self.inner.show(path, anew).await.into_iter();
        let waits = shown.map(|(client, sent)| async move {
            if let Some(sent) = sent {
                client.wait_for_diagnostics(path, sent, mode).await;
            }
        });
        join_all(waits).await;
    }

    /// The servers for a file, which see it as it is now.
    pub(crate) async fn clients(&self, path: &Path) -> Vec<Arc<Client>> {
        let shown = self.inner.show(path, false).await;
        shown.into_iter().map(|(client, _)| client).collect()
    }

    /// All servers that run, in order.
    pub(crate) fn running(&self) -> Vec<Arc<Client>> {
        let slots = self.inner.slots();
        let mut running: Vec<_> = slots
            .iter()
            .filter_map(|(key, slot)| match slot {
                Slot::Running { client, .. } if client.is_alive() => Some((key, Arc::clone(client))),
                _ => None,
            })
            .collect();
        running.sort_by(|(a, _), (b, _)| (a.order, &a.root).cmp(&(b.order, &b.root)));
        running.into_iter().map(|(_, client)| client).collect()
    }

    /// What all servers say is wrong, by file.
    #[must_use]
    pub fn diagnostics(&self) -> IndexMap<PathBuf, Vec<Value>> {
        let mut all: IndexMap<PathBuf, Vec<Value>> = IndexMap::new();
        for client in self.running() {
            for (path, items) in client.shared.diagnostics.all() {
                all.entry(path).or_default().extend(items);
            }
        }
        for items in all.values_mut() {
            *items = unique(std::mem::take(items));
        }
        all
    }

    /// Those that run, and those that failed.
    #[must_use]
    pub fn status(&self) -> Vec<Status> {
        let inner = &self.inner;
        let slots = inner.slots();
        let mut rows: Vec<_> = slots
            .iter()
            .filter_map(|(key, slot)| {
                let error = match slot {
                    Slot::Running { client, .. } if !client.ended.is_cancelled() => None,
                    Slot::Running { client, .. } => Some(client.connection.fault().unwrap_or_default()),
                    Slot::Broken(Some(reason)) | Slot::Dead { reason, .. } => Some(reason.clone()),
                    Slot::Starting(_) | Slot::Broken(None) => return None,
                };
                let id = inner.servers.get(key.order)?.id.clone();
                let row = Status {
                    name: id.clone(),
                    id,
                    root: opencode_project::path::relative(&inner.ground.directory, &key.root),
                    status: if error.is_none() {
                        State::Connected
                    } else {
                        State::Error
                    },
                    error,
                };
                Some((key.order, row))
            })
            .collect();
        rows.sort_by(|(a, one), (b, other)| (a, &one.root).cmp(&(b, &other.root)));
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// Ends all servers, for ever, and waits until they are gone.
    pub async fn close(&self) {
        self.inner.closing.cancel();
        self.inner.tasks.close();
        if timeout(CLOSE_LIMIT, self.inner.tasks.wait()).await.is_err() {
            tracing::warn!("language servers did not end in time");
        }
    }
}

impl Inner {
    fn slots(&self) -> MutexGuard<'_, HashMap<Key, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The servers that are for a file, each with the root of its project.
    fn keys(&self, path: &Path) -> Vec<Key> {
        let place = Place {
            directory: &self.ground.directory,
            worktree: &self.ground.worktree,
        };
        if self.servers.is_empty() || !place.holds(path) {
            return Vec::new();
        }
        let matching = self
            .servers
            .iter()
            .enumerate()
            .filter(|(_, server)| server.is_for(path));
        matching
            .filter_map(|(order, server)| {
                let root = match server.row {
                    Some(row) => place.root(path, &row.root)?,
                    None => self.ground.directory.clone(),
                };
                Some(Key { order, root })
            })
            .collect()
    }

    /// Shows a file as it is now to all servers that are for it.
    async fn show(self: &Arc<Self>, path: &Path, anew: bool) -> Vec<(Arc<Client>, Option<Sent>)> {
        let Some(text) = self.text_for(path).await else {
            return Vec::new();
        };
        let shown = self.keys(path).into_iter().map(|key| {
            let text = &text;
            async move {
                let client = self.client(key).await?;
                let sent = client.show(path, text, anew).await.ok()?;
                Some((client, sent))
            }
        });
        join_all(shown).await.into_iter().flatten().collect()
    }

    /// The text of a file that some server is for.
    async fn text_for(&self, path: &Path) -> Option<String> {
        if self.closing.is_cancelled() || self.keys(path).is_empty() {
            return None;
        }
        let path = path.to_owned();
        let reading = tokio::task::spawn_blocking(move || {
            if !fs_err::metadata(&path).ok()?.is_file() {
                return None;
            }
            let mut bytes = Vec::new();
            let file = fs_err::File::open(&path).ok()?;
            file.take(MOST_TEXT + 1).read_to_end(&mut bytes).ok()?;
            // The mark of its encoding is no part of a text.
            let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
            (text.len() as u64 <= MOST_TEXT).then(|| String::from_utf8_lossy(text).into_owned())
        });
        reading.await.ok().flatten()
    }

    /// A server, started if it does not run; nothing when it cannot be had now.
    async fn client(self: &Arc<Self>, key: Key) -> Option<Arc<Client>> {
        let mut starting = {
            let mut slots = self.slots();
            match self.look(&mut slots, &key) {
                Look::Runs(client) => return Some(client),
                Look::Not => return None,
                Look::Starts(starting) => starting,
                Look::Start(deaths) => {
                    let running = slots.values().filter(|slot| slot.is_alive()).count();
                    if running >= MOST_RUNNING {
                        tracing::warn!("too many language servers run");
                        return None;
                    }
                    let (sender, client) = watch::channel(None);
                    let until = Instant::now() + self.limits.start;
                    let starting = Starting { client, until };
                    slots.insert(key.clone(), Slot::Starting(starting.clone()));
                    self.tasks.spawn(Arc::clone(self).start(key, deaths, sender));
                    starting
                }
            }
        };
        // The start itself has a limit, but may install something first, which takes longer than turns want to wait
        // altogether.
        let wait = timeout_at(starting.until, starting.client.wait_for(Option::is_some));
        tokio::select! {
            started = wait => started.ok()?.ok()?.clone(),
            () = self.closing.cancelled() => None,
        }
    }

    /// What there is of a server; a dead one is noticed here.
    fn look(&self, slots: &mut HashMap<Key, Slot>, key: &Key) -> Look {
        match slots.get(key) {
            None => Look::Start(0),
            Some(Slot::Starting(starting)) => Look::Starts(starting.clone()),
            Some(Slot::Broken(_)) => Look::Not,
            Some(Slot::Dead { until, deaths, .. }) if *until <= Instant::now() => Look::Start(*deaths),
            Some(Slot::Dead { .. }) => Look::Not,
            Some(Slot::Running { client, .. }) if client.is_alive() => Look::Runs(Arc::clone(client)),
            Some(Slot::Running { client, .. }) => {
                // Until its process is gone it is not known why it died.
                if client.ended.is_cancelled() {
                    self.bury(slots, key);
                }
                Look::Not
            }
        }
    }

    /// Takes note that a server died.
    fn bury(&self, slots: &mut HashMap<Key, Slot>, key: &Key) {
        let Some(Slot::Running {
            client,
            since,
            deaths,
        }) = slots.get(key)
        else {
            return;
        };
        let reason = client.connection.fault().unwrap_or_default();
        let deaths = if since.elapsed() > LONG_LIFE {
            1
        } else {
            deaths + 1
        };
        tracing::warn!(server = client.id, reason, deaths, "a language server died");
        let slot = if deaths >= MOST_DEATHS {
            Slot::Broken(Some(reason))
        } else {
            Slot::Dead {
                deaths,
                until: Instant::now() + FIRST_PAUSE * 2u32.pow(deaths.saturating_sub(1)),
                reason,
            }
        };
        slots.insert(key.clone(), slot);
    }

    async fn start(self: Arc<Self>, key: Key, deaths: u32, sender: watch::Sender<Option<Arc<Client>>>) {
        let started = tokio::select! {
            started = self.begin(&key) => started,
            () = self.closing.cancelled() => Err(None),
        };
        let slot = match started {
            Ok(client) => {
                let client = Arc::new(client);
                self.attend(&key, &client);
                sender.send_replace(Some(Arc::clone(&client)));
                Slot::Running {
                    client,
                    since: Instant::now(),
                    deaths,
                }
            }
            Err(reason) => Slot::Broken(reason),
        };
        self.slots().insert(key, slot);
        (self.on_change)();
    }

    async fn begin(&self, key: &Key) -> Result<Client, Option<String>> {
        let server = self.servers.get(key.order).ok_or(None)?;
        let Some(launch) = self.ground.launch(server, &key.root).await else {
            tracing::info!(server = server.id, "there is no such language server here");
            return Err(None);
        };
        tracing::info!(server = server.id, root = %key.root.display(), "starting a language server");
        let ending = self.closing.child_token();
        let started = Client::start(&server.id, &key.root, launch, self.limits, &self.tasks, ending);
        started.await.map_err(|error| {
            tracing::warn!(server = server.id, %error, "a language server did not begin");
            Some(error.to_string())
        })
    }

    /// Sees to the end of a server that runs: when it dies, and when nobody wants anything of it.
    fn attend(self: &Arc<Self>, key: &Key, client: &Arc<Client>) {
        let (inner, key): (Weak<Self>, Key) = (Arc::downgrade(self), key.clone());
        let (client, idle) = (Arc::clone(client), self.limits.idle);
        self.tasks.spawn(async move {
            let looking = async {
                loop {
                    let Some(idle) = idle else {
                        return std::future::pending().await;
                    };
                    sleep(LOOK_EVERY.min(idle)).await;
                    if client.idle() >= idle {
                        return;
                    }
                }
            };
            let is_idle = tokio::select! {
                () = looking => true,
                () = client.ended.cancelled() => false,
            };
            let Some(inner) = inner.upgrade() else { return };
            {
                let mut slots = inner.slots();
                let is_it = matches!(slots.get(&key), Some(Slot::Running { client: now, .. }) if Arc::ptr_eq(now, &client));
                if is_it && is_idle {
                    tracing::info!(server = client.id, "a language server has nothing to do and is ended");
                    slots.remove(&key);
                } else if is_it && !inner.closing.is_cancelled() {
                    inner.bury(&mut slots, &key);
                }
            }
            client.end();
            if !inner.closing.is_cancelled() {
                (inner.on_change)();
            }
        });
    }
}

/// What there is of a server.
enum Look {
    Runs(Arc<Client>),
    Starts(Starting),
    /// It has to be started, and died that often before.
    Start(u32),
    Not,
}

impl Slot {
    fn is_alive(&self) -> bool {
        match self {
            Self::Starting(_) => true,
            Self::Running { client, .. } => client.is_alive(),
            Self::Broken(_) | Self::Dead { .. } => false,
        }
    }
}
