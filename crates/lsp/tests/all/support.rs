//! A project, and the servers for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use opencode_lsp::{Ground, Languages, Limits, Packages, Settings, Status};
use opencode_testkit::LanguageServer;
use serde_json::{Value, json};

/// Longer than anything takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A project in a temporary folder.
pub(crate) struct Project {
    folder: tempfile::TempDir,
    pub(crate) languages: Languages,
    changes: Arc<AtomicUsize>,
}

impl Project {
    /// With one scripted server.
    pub(crate) fn new(server: LanguageServer) -> Self {
        Self::limited(server, Limits::default())
    }

    pub(crate) fn limited(server: LanguageServer, limits: Limits) -> Self {
        Self::make(
            |root| {
                let server = server.with("log", root.join("log").to_str().unwrap());
                json!({ "own": server.config() })
            },
            limits,
            "",
        )
    }

    /// With servers of one's own.
    pub(crate) fn configured(config: Value) -> Self {
        Self::make(|_| config, Limits::default(), "")
    }

    /// With the real servers of a folder.
    pub(crate) fn real(tools: &std::path::Path) -> Self {
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
        Self::make(|_| json!(true), Limits::default(), &path)
    }

    /// With the servers of the program, which may be installed.
    pub(crate) fn installing(path: &str, may_install: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::with(folder, |_| json!(true), Limits::default(), path, may_install)
    }

    /// The same, when nobody waits longer than that for a start.
    pub(crate) fn installing_within(path: &str, start: Duration) -> Self {
        let limits = Limits {
            start,
            ..Limits::default()
        };
        Self::with(tempfile::tempdir().unwrap(), |_| json!(true), limits, path, true)
    }

    /// The same folder with servers that are all to be started.
    pub(crate) fn anew(self, tools: &std::path::Path) -> Self {
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
        Self::with(self.folder, |_| json!(true), Limits::default(), &path, false)
    }

    fn make(config: impl FnOnce(&std::path::Path) -> Value, limits: Limits, path: &str) -> Self {
        Self::with(tempfile::tempdir().unwrap(), config, limits, path, false)
    }

    fn with(
        folder: tempfile::TempDir,
        config: impl FnOnce(&std::path::Path) -> Value,
        limits: Limits,
        path: &str,
        may_install: bool,
    ) -> Self {
        let root = fs_err::canonicalize(folder.path()).unwrap();
        let work = root.join("work");
        fs_err::create_dir_all(&work).unwrap();
        let changes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&changes);
        let languages = Languages::new(Settings {
            config: config(&root),
            with_ty: false,
            ground: Ground {
                directory: work,
                worktree: PathBuf::from("/"),
                packages: Packages::new(path, root.join("cache")),
                may_install,
                virtual_env: None,
                home: root.clone(),
            },
            limits,
            on_change: Box::new(move || {
                counted.fetch_add(1, Ordering::Relaxed);
            }),
        });
        Self {
            folder,
            languages,
            changes,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        fs_err::canonicalize(self.folder.path())
            .unwrap()
            .join("work")
            .join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, text).unwrap();
        path
    }

    /// What the server was sent.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.log_of(&self.path("../log"))
    }

    pub(crate) fn log_of(&self, path: &std::path::Path) -> Vec<Value> {
        let text = fs_err::read_to_string(path).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// What it was sent of one kind.
    pub(crate) fn sent(&self, method: &str) -> Vec<Value> {
        let all = self.log().into_iter();
        all.filter(|message| message["method"] == method).collect()
    }

    /// The lines of a file's diagnostics.
    pub(crate) fn lines(&self, path: &std::path::Path) -> Vec<String> {
        let all = self.languages.diagnostics();
        let items = all.get(path).cloned().unwrap_or_default();
        items.iter().map(opencode_lsp::diagnostics::line).collect()
    }

    /// How often it was told that servers came or went.
    pub(crate) fn changes(&self) -> usize {
        self.changes.load(Ordering::Relaxed)
    }

    /// Waits until the list of servers is as wanted.
    pub(crate) async fn until(&self, wanted: impl Fn(&[Status]) -> bool) -> Vec<Status> {
        let looking = async {
            loop {
                let status = self.languages.status();
                if wanted(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LONG, looking).await.expect("in time")
    }
}
