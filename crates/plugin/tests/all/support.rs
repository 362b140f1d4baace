//! A folder with plugins, and what is heard of them.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opencode_config::{Environment, Paths};
use opencode_plugin::{Call, Draft, Fault, Listener, Plugins, Settings, Source, ToolHost};
use opencode_schema::Object;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

/// How long anything is waited for.
const LIMIT: Duration = Duration::from_secs(40);

/// A folder with plugins and tools.
pub(crate) struct Project {
    folder: TempDir,
    source: Source,
    pub(crate) door: Option<mpsc::Sender<DuplexStream>>,
}

/// Plugins that run, and what is heard of them.
pub(crate) struct Running {
    pub(crate) plugins: Plugins,
    pub(crate) heard: Arc<Heard>,
}

#[derive(Default)]
pub(crate) struct Heard {
    faults: Mutex<Vec<(String, String)>>,
    changes: Mutex<Vec<Option<Draft>>>,
}

impl Listener for Heard {
    fn failed(&self, fault: Fault) {
        self.faults.lock().unwrap().push((fault.plugin, fault.message));
    }

    fn changed(&self, draft: Option<Draft>) {
        self.changes.lock().unwrap().push(draft);
    }
}

impl Heard {
    pub(crate) fn faults(&self) -> Vec<(String, String)> {
        self.faults.lock().unwrap().clone()
    }

    pub(crate) fn changes(&self) -> Vec<Option<Draft>> {
        self.changes.lock().unwrap().clone()
    }
}

/// A project, where a program is there that runs plugins.
pub(crate) fn project() -> Option<Project> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    if !is_there("bun") && !is_there("node") {
        println!("left out: neither bun nor node is on the PATH");
        return None;
    }
    Some(Project {
        folder: tempfile::tempdir().unwrap(),
        source: Source::default(),
        door: None,
    })
}

impl Project {
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, text).unwrap();
        path
    }

    /// Adds a plugin; gives its id where it has none of its own.
    pub(crate) fn plugin(&mut self, name: &str, text: &str) -> String {
        let address = address(&self.file(name, text));
        self.source.plugins.push(json!(address));
        address
    }

    pub(crate) fn plugin_with(&mut self, name: &str, options: &Value, text: &str) {
        let address = address(&self.file(name, text));
        self.source.plugins.push(json!([address, options]));
    }

    pub(crate) fn tool(&mut self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name, text);
        self.source.tools.push(path.clone());
        path
    }

    pub(crate) async fn start(&self) -> Running {
        let home = self.path().join("home");
        let variables = std::env::vars().filter(|(name, _)| !name.starts_with("XDG_"));
        let environment: Environment = variables.collect();
        let environment = environment.with([("HOME".to_owned(), home.to_string_lossy().into_owned())]);
        let heard = Arc::new(Heard::default());
        let settings = Settings {
            source: self.source.clone(),
            directory: self.path(),
            worktree: PathBuf::from("/"),
            project: json!({"id": "global"}),
            paths: Paths::new(&environment),
            environment,
            version: "1.18.33",
            door: self.door.clone(),
            address: None,
            listener: heard.clone(),
        };
        Running {
            plugins: in_time(Plugins::start(settings)).await,
            heard,
        }
    }
}

fn address(path: &Path) -> String {
    url::Url::from_file_path(path).unwrap().into()
}

pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work)
        .await
        .expect("it takes too long")
}

/// Waits until a condition holds that nobody tells of.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    in_time(async {
        let mut often = tokio::time::interval(Duration::from_millis(5));
        while !condition() {
            often.tick().await;
        }
    })
    .await;
}

pub(crate) fn call() -> Call {
    Call {
        session_id: "ses_1".to_owned(),
        message_id: "msg_1".to_owned(),
        call_id: "call_1".to_owned(),
        agent: "build".to_owned(),
        directory: "/folder".into(),
        worktree: "/".into(),
        messages: json!([]),
    }
}

/// Allows what is not about secrets, and keeps what it was told.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) told: Mutex<Vec<(Option<String>, Object)>>,
    pub(crate) asked: Mutex<Vec<Value>>,
}

impl ToolHost for Desk {
    fn metadata(&self, title: Option<String>, metadata: Object) {
        self.told.lock().unwrap().push((title, metadata));
    }

    fn ask<'a>(&'a self, question: Value) -> futures_util::future::BoxFuture<'a, Result<(), String>> {
        let is_secret = question["permission"] == "secret";
        self.asked.lock().unwrap().push(question);
        Box::pin(async move {
            match is_secret {
                true => Err("secrets stay secret".to_owned()),
                false => Ok(()),
            }
        })
    }
}
