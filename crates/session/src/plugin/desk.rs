//! Which plugins run for a location: they are started with what configuration and folders name, and anew when that,
//! or one of their files, is not what it was (reference `plugins.md` §2).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use opencode_config::environment::variable;
use opencode_config::{Environment, Loaded};
use opencode_plugin::{Draft, Fault, Listener, Plugins, Settings, Source};
use opencode_schema::{EventBody, MessageError};
use opencode_store::Store;
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use url::Url;

use super::{Held, Hooks};
use crate::location::Ground;

/// Files by which one knows whether the plugin in a folder is as it was.
const OF_FOLDERS: [&str; 6] = [
    "package.json",
    "index.ts",
    "index.tsx",
    "index.js",
    "index.mjs",
    "index.cjs",
];

/// What plugins are given of the program.
#[derive(Clone)]
pub(crate) struct Link {
    /// Takes connections to the HTTP interface of this very engine.
    pub(crate) door: Arc<OnceLock<mpsc::Sender<DuplexStream>>>,
    /// Where the engine listens, if it does.
    pub(crate) address: Arc<OnceLock<Url>>,
    /// Takes the folders whose plugins registered something anew.
    pub(crate) changed: mpsc::Sender<PathBuf>,
    /// Owns the end of plugins that nobody needs any more.
    pub(crate) tasks: TaskTracker,
}

/// What plugins are started with, and how their files were then.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wanted {
    source: Source,
    files: Vec<(PathBuf, Option<(SystemTime, u64)>)>,
}

impl Wanted {
    /// What configuration and folders name. Reads folders.
    pub(crate) fn of(loaded: &Loaded, environment: &Environment) -> Self {
        let mut source = Source::of(&loaded.effective, &loaded.directories);
        if environment.is_on(variable::PURE) {
            source.plugins.clear();
        }
        let plugins = source.plugins.iter().filter_map(path_of).flat_map(|path| {
            let inside = path.is_dir().then(|| OF_FOLDERS.map(|name| path.join(name)));
            std::iter::once(path).chain(inside.into_iter().flatten())
        });
        let files = plugins.chain(source.tools.iter().cloned());
        Self {
            files: files.map(|path| (path.clone(), stamp(&path))).collect(),
            source,
        }
    }

    /// Whether there is nothing to start.
    pub(crate) fn is_empty(&self) -> bool {
        self.source.is_empty()
    }

    /// The files that it depends on.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }
}

/// Where a plugin is that is a file or a folder.
fn path_of(entry: &Value) -> Option<PathBuf> {
    let specification = match entry {
        Value::Array(parts) => parts.first()?,
        other => other,
    };
    let text = specification.as_str()?;
    if Path::new(text).is_absolute() {
        return Some(PathBuf::from(text));
    }
    let address = Url::parse(text)
        .ok()
        .filter(|address| address.scheme() == "file")?;
    address.to_file_path().ok()
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let facts = fs_err::metadata(path).ok()?;
    Some((facts.modified().ok()?, facts.len()))
}

/// The plugins of a location and what they are given.
pub(crate) struct Desk {
    link: Link,
    running: Mutex<Option<Running>>,
    /// How often plugins registered something anew.
    changes: Arc<AtomicU64>,
}

struct Running {
    wanted: Wanted,
    hooks: Hooks,
    /// The configuration that they were last asked about, and what they made of it.
    configured: Option<(Value, Loaded)>,
    /// Lists that they were last asked about, and what they made of them.
    transformed: HashMap<Draft, Transformed>,
}

struct Transformed {
    /// How often plugins had registered something anew.
    at: u64,
    given: Value,
    made: Value,
}

impl Desk {
    pub(crate) fn new(link: Link) -> Self {
        Self {
            link,
            running: Mutex::default(),
            changes: Arc::default(),
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of what runs: nothing is wanted any more.
    pub(crate) fn clear(&self) {
        let gone = self.running().take();
        drop(gone);
    }

    /// Ends what runs, for ever.
    pub(crate) async fn close(&self) {
        let running = self.running().take();
        if let Some(Hooks(Some(held))) = running.map(|running| running.hooks) {
            held.end().await;
        }
    }

    /// The plugins that are wanted: those that run, or new ones. One caller at a time.
    pub(crate) async fn with(&self, ground: &Ground, wanted: Wanted) -> Hooks {
        let known = self
            .running()
            .as_ref()
            .filter(|running| running.wanted == wanted)
            .map(|running| running.hooks.clone());
        let hooks = match known {
            Some(hooks) => hooks,
            None => {
                let hooks = self.start(ground, wanted.source.clone()).await;
                let before = self.running().replace(Running {
                    wanted,
                    hooks: hooks.clone(),
                    configured: None,
                    transformed: HashMap::new(),
                });
                drop(before);
                hooks
            }
        };
        if let Hooks(Some(held)) = &hooks {
            held.listen(&ground.store, &ground.directory_text());
        }
        hooks
    }

    async fn start(&self, ground: &Ground, source: Source) -> Hooks {
        let id = ground.project_id.clone();
        let project = match ground.store.read(move |view| view.project(&id)).await {
            Ok(project) => serde_json::to_value(project).unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "plugins are not told of their project");
                Value::Null
            }
        };
        let plugins = Plugins::start(Settings {
            source,
            directory: ground.directory.clone(),
            worktree: ground.worktree.clone(),
            project,
            paths: ground.paths.clone(),
            environment: ground.environment.clone(),
            version: ground.version(),
            door: self.link.door.get().cloned(),
            address: self.link.address.get().cloned(),
            listener: Arc::new(Told {
                store: ground.store.clone(),
                directory: ground.directory.clone(),
                changed: self.link.changed.clone(),
                changes: Arc::clone(&self.changes),
            }),
        })
        .await;
        Hooks(Some(Arc::new(Held::new(plugins, self.link.tasks.clone()))))
    }

    /// A list, and what the plugins make of it; nothing where that is the same.
    pub(crate) async fn transformed(
        &self,
        hooks: &Hooks,
        draft: Draft,
        list: impl FnOnce() -> Value,
    ) -> Option<(Value, Value)> {
        let Hooks(Some(held)) = hooks else { return None };
        if !held.plugins.transforms(draft) {
            return None;
        }
        let (at, given) = (self.changes.load(Ordering::Relaxed), list());
        let known = self.running().as_ref().and_then(|running| {
            let known = running.transformed.get(&draft)?;
            (known.at == at && known.given == given).then(|| known.made.clone())
        });
        let made = match known {
            Some(made) => made,
            None => {
                let made = held.plugins.transform(draft, given.clone()).await;
                if let Some(running) = &mut *self.running() {
                    let (given, made) = (given.clone(), made.clone());
                    running.transformed.insert(draft, Transformed { at, given, made });
                }
                made
            }
        };
        (made != given).then_some((given, made))
    }

    /// The configuration as the plugins change it. What is none any more is told and does not count.
    pub(crate) async fn configured(&self, ground: &Ground, hooks: &Hooks, loaded: Loaded) -> Loaded {
        let Hooks(Some(held)) = hooks else { return loaded };
        if let Some(running) = &*self.running()
            && let Some((asked, made)) = &running.configured
            && *asked == loaded.effective
        {
            return Loaded {
                layers: loaded.layers,
                directories: loaded.directories,
                ..made.clone()
            };
        }
        let made = held.plugins.configure(loaded.effective.clone()).await;
        let asked = loaded.effective.clone();
        let made = if made == asked {
            loaded
        } else {
            loaded.with(made).unwrap_or_else(|error| {
                let message = format!("What plugins made of the configuration does not count: {error}");
                tell_failure(&ground.store, message);
                loaded
            })
        };
        if let Some(running) = &mut *self.running() {
            running.configured = Some((asked, made.clone()));
        }
        made
    }
}

/// Tells of what happens to plugins.
struct Told {
    store: Store,
    directory: PathBuf,
    changed: mpsc::Sender<PathBuf>,
    changes: Arc<AtomicU64>,
}

impl Listener for Told {
    fn failed(&self, fault: Fault) {
        tracing::warn!(plugin = fault.plugin, message = fault.message, "a plugin failed");
        tell_failure(&self.store, fault.message);
    }

    fn changed(&self, _: Option<Draft>) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        // When the queue is full the location is about to be read again anyway.
        let _ = self.changed.try_send(self.directory.clone());
    }
}

pub(super) fn tell_failure(store: &Store, message: String) {
    store.announce_now(EventBody::SessionError {
        session_id: None,
        error: Some(MessageError::unknown(message)),
    });
}
