//! One language server while it runs: its start, the texts that it is shown, and what it asks (reference
//! `integrations.md` §B3).

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::{Value, json};
use tokio::io::BufReader;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{Connection, Handler, Unanswered};
use crate::diagnostics::Diagnostics;
use crate::keeper::{Keeper, Limits};
use crate::launch::{self, Launch};
use crate::location::{self, Position};
use crate::table;

/// How long a server may take to begin.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(45);
/// Texts that a server is shown at the same time; the oldest are put away.
const MOST_DOCUMENTS: usize = 512;
/// Bytes of a text that a server is shown.
pub(crate) const MOST_TEXT: u64 = 16 << 20;
/// How long one waits before asking a server again that is about to know more.
const ASK_AGAIN: Duration = Duration::from_millis(200);
/// Works of a server that are told as going on.
const MOST_WORKS: usize = 256;

/// A server that runs, or did.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) connection: Connection,
    /// What it can.
    pub(crate) capabilities: Value,
    pub(crate) shared: Arc<Shared>,
    documents: tokio::sync::Mutex<IndexMap<PathBuf, Document>>,
    used: Mutex<Instant>,
    /// Asks it to end.
    ending: CancellationToken,
    /// Fires when its process is gone.
    pub(crate) ended: CancellationToken,
}

/// A text that the server is shown.
#[derive(Debug)]
struct Document {
    version: i64,
    end: Position,
    hash: u64,
}

/// A text as it was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) version: i64,
    pub(crate) at: Instant,
}

/// What is known of a server beside its connection: what it told.
pub(crate) struct Shared {
    root: PathBuf,
    initialization: Option<Value>,
    pub(crate) diagnostics: Diagnostics,
    /// What it wants to be asked about diagnostics, by the id of its wish.
    wishes: Mutex<HashMap<String, Wish>>,
    /// What it does at the moment.
    works: Mutex<HashSet<String>>,
    /// How often it wanted to be asked anew.
    refreshes: AtomicU64,
}

/// A question about diagnostics that a server wants to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The name of the question.
    pub(crate) identifier: Option<String>,
    /// It may be asked about all files.
    pub(crate) of_workspace: bool,
}

impl Wish {
    fn of(options: &Value) -> Self {
        Self {
            identifier: options["identifier"].as_str().map(str::to_owned),
            of_workspace: options["workspaceDiagnostics"] == true,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handler for Shared {
    fn request(&self, method: &str, params: &Value) -> Option<Value> {
        let answer = match method {
            "workspace/configuration" => {
                let items = params["items"].as_array().map_or(&[][..], Vec::as_slice);
                let answer =
                    |item: &Value| launch::section(self.initialization.as_ref(), item["section"].as_str());
                items.iter().take(1000).map(answer).collect()
            }
            "workspace/workspaceFolders" => {
                json!([{ "name": "workspace", "uri": location::address(&self.root) }])
            }
            "client/registerCapability" => {
                self.register(params);
                Value::Null
            }
            "client/unregisterCapability" => {
                // The protocol has it spelled like that.
                for one in params["unregisterations"].as_array().into_iter().flatten() {
                    if let Some(id) = one["id"].as_str() {
                        lock(&self.wishes).remove(id);
                    }
                }
                Value::Null
            }
            "workspace/diagnostic/refresh" => {
                self.refreshes.fetch_add(1, Ordering::Relaxed);
                self.diagnostics.wake();
                Value::Null
            }
            "workspace/applyEdit" => json!({
                "applied": false,
                "failureReason": "files are changed by those who are asked for permission",
            }),
            "window/workDoneProgress/create" | "window/showMessageRequest" => Value::Null,
            "window/showDocument" => json!({ "success": false }),
            _ => return None,
        };
        Some(answer)
    }

    fn notification(&self, method: &str, mut params: Value) {
        match method {
            "textDocument/publishDiagnostics" => {
                let path = params["uri"].as_str().and_then(location::path);
                let version = params["version"].as_i64();
                if let (Some(path), Value::Array(items)) = (path, params["diagnostics"].take()) {
                    self.diagnostics.push(path, version, items);
                }
            }
            "$/progress" => {
                let token = params["token"].to_string();
                let mut works = lock(&self.works);
                match params["value"]["kind"].as_str() {
                    Some("begin") if works.len() < MOST_WORKS => {
                        works.insert(token);
                    }
                    Some("end") => {
                        works.remove(&token);
                    }
                    _ => return,
                }
                drop(works);
                self.diagnostics.wake();
            }
            "window/logMessage" | "window/showMessage" => {
                let words = params["message"].as_str().unwrap_or_default();
                let words: String = words.chars().take(500).collect();
                tracing::debug!(root = %self.root.display(), words, "a language server says");
            }
            _ => {}
        }
    }
}

impl Shared {
    fn register(&self, params: &Value) {
        for one in params["registrations"].as_array().into_iter().flatten() {
            if one["method"] == "textDocument/diagnostic"
                && let Some(id) = one["id"].as_str()
            {
                let mut wishes = lock(&self.wishes);
                if wishes.len() < MOST_WORKS {
                    wishes.insert(id.to_owned(), Wish::of(&one["registerOptions"]));
                }
            }
        }
        self.diagnostics.wake();
    }

    pub(crate) fn refreshes(&self) -> u64 {
        self.refreshes.load(Ordering::Relaxed)
    }

    /// Whether it is at work on something that it tells of.
    pub(crate) fn is_busy(&self) -> bool {
        !lock(&self.works).is_empty()
    }
}

/// Why a server did not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotStarted {
    #[error(transparent)]
    Program(#[from] opencode_process::program::Error),
    #[error("{error}{}", fault.as_ref().map(|fault| format!(" ({fault})")).unwrap_or_default())]
    Silent {
        error: Unanswered,
        fault: Option<String>,
    },
}

impl Client {
    /// Starts a server and waits until it is ready. Its process is a task of `tasks`, which `ending` ends.
    pub(crate) async fn start(
        id: &str,
        root: &Path,
        launch: Launch,
        limits: Limits,
        tasks: &TaskTracker,
        ending: CancellationToken,
    ) -> Result<Self, NotStarted> {
        let (peer, pipes) = launch.program.start()?;
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            initialization: launch.initialization.clone(),
            diagnostics: Diagnostics::new(id == "typescript"),
            wishes: Mutex::default(),
            works: Mutex::default(),
            refreshes: AtomicU64::new(0),
        });
        let handler = Arc::clone(&shared) as Arc<dyn Handler>;
        let (connection, talk) = Connection::new(BufReader::new(pipes.output), pipes.input, handler);
        tasks.spawn(talk);
        let ended = CancellationToken::new();
        let keeper = Keeper {
            id: id.to_owned(),
            peer,
            connection: connection.clone(),
            ending: ending.clone(),
            ended: ended.clone(),
            memory: limits.memory,
        };
        tasks.spawn(keeper.keep(pipes.errors));
        let options = launch.initialization.as_ref();
        let begun = async {
            let answer = connection
                .request("initialize", introduction(root, options), limits.start)
                .await?;
            connection.notify("initialized", json!({})).await?;
            if let Some(options) = options {
                let settings = json!({ "settings": options });
                connection
                    .notify("workspace/didChangeConfiguration", settings)
                    .await?;
            }
            Ok(answer)
        };
        match begun.await {
            Ok(mut answer) => Ok(Self {
                id: id.to_owned(),
                connection,
                capabilities: answer["capabilities"].take(),
                shared,
                documents: tokio::sync::Mutex::default(),
                used: Mutex::new(Instant::now()),
                ending,
                ended,
            }),
            Err(error) => {
                let is_gone = error == Unanswered::Gone;
                connection.leave();
                ended.cancelled().await;
                let fault = connection.fault().filter(|_| is_gone);
                Err(NotStarted::Silent { error, fault })
            }
        }
    }

    /// Whether it can still be talked to.
    pub(crate) fn is_alive(&self) -> bool {
        !self.connection.is_closed() && !self.ending.is_cancelled()
    }

    /// Asks it to end.
    pub(crate) fn end(&self) {
        self.ending.cancel();
    }

    /// How long nobody wanted anything of it.
    pub(crate) fn idle(&self) -> Duration {
        if self.connection.is_at_work() {
            return Duration::ZERO;
        }
        lock(&self.used).elapsed()
    }

    fn touch(&self) {
        *lock(&self.used) = Instant::now();
    }

    /// Shows it a text as it is now; nothing is sent when it knows it, unless that is wanted `anew`.
    pub(crate) async fn show(&self, path: &Path, text: &str, anew: bool) -> Result<Option<Sent>, Unanswered> {
        self.touch();
        let uri = location::address(path);
        let end = Position::end_of(text);
        // Held while it is told, so that versions are told in order.
        let mut documents = self.documents.lock().await;
        let hash = hash_of(text);
        if !anew && documents.get(path).is_some_and(|document| document.hash == hash) {
            return Ok(None);
        }
        let known = documents.get_mut(path).map(|document| {
            document.version += 1;
            document.hash = hash;
            let before = std::mem::replace(&mut document.end, end);
            (document.version, before)
        });
        let watched = |kind: u8| json!({ "changes": [{ "uri": uri, "type": kind }] });
        let at = Instant::now();
        let Some((version, before)) = known else {
            self.connection
                .notify("workspace/didChangeWatchedFiles", watched(1))
                .await?;
            let document = json!({
                "uri": uri, "languageId": table::language(path), "version": 0, "text": text,
            });
            self.connection
                .notify("textDocument/didOpen", json!({ "textDocument": document }))
                .await?;
            documents.insert(
                path.to_owned(),
                Document {
                    version: 0,
                    end,
                    hash,
                },
            );
            if documents.len() > MOST_DOCUMENTS
                && let Some((oldest, _)) = documents.shift_remove_index(0)
            {
                let closed = json!({ "textDocument": { "uri": location::address(&oldest) } });
                self.connection.notify("textDocument/didClose", closed).await?;
            }
            return Ok(Some(Sent { version: 0, at }));
        };
        self.connection
            .notify("workspace/didChangeWatchedFiles", watched(2))
            .await?;
        let change = if self.takes_parts() {
            let all = json!({ "start": Position::default().value(), "end": before.value() });
            json!({ "range": all, "text": text })
        } else {
            json!({ "text": text })
        };
        let params = json!({
            "textDocument": { "uri": uri, "version": version }, "contentChanges": [change],
        });
        self.connection.notify("textDocument/didChange", params).await?;
        Ok(Some(Sent { version, at }))
    }

    fn takes_parts(&self) -> bool {
        let sync = &self.capabilities["textDocumentSync"];
        sync == 2 || sync["change"] == 2
    }

    /// What it wants to be asked about diagnostics.
    pub(crate) fn wishes(&self) -> Vec<Wish> {
        let provider = &self.capabilities["diagnosticProvider"];
        let fixed = (provider.is_object() || *provider == true).then(|| Wish::of(provider));
        let mut wishes: Vec<_> = fixed.into_iter().collect();
        for wish in lock(&self.shared.wishes).values() {
            if !wishes.contains(wish) {
                wishes.push(wish.clone());
            }
        }
        wishes
    }

    /// Asks it something.
    pub(crate) async fn ask(
        &self,
        method: &'static str,
        params: Value,
        limit: Duration,
    ) -> Result<Value, Unanswered> {
        self.touch();
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let answer = self.connection.request(method, params.clone(), left).await;
            self.touch();
            match answer {
                Err(error) if error.is_passing() && left > ASK_AGAIN => sleep(ASK_AGAIN).await,
                answer => return answer,
            }
        }
    }
}

fn hash_of(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Who is speaking, and about which folder.
fn introduction(root: &Path, options: Option<&Value>) -> Value {
    let uri = location::address(root);
    let mut params = json!({
        "rootUri": uri,
        // Servers end by themselves when this process is gone.
        "processId": std::process::id(),
        "clientInfo": { "name": "opencode" },
        "workspaceFolders": [{ "name": "workspace", "uri": uri }],
        "capabilities": {
            "window": { "workDoneProgress": true },
            "workspace": {
                "configuration": true,
                "workspaceFolders": true,
                "didChangeWatchedFiles": { "dynamicRegistration": true },
                "diagnostics": { "refreshSupport": false },
                "workspaceEdit": { "documentChanges": true },
                "symbol": {},
            },
            "textDocument": {
                "synchronization": { "didOpen": true, "didChange": true },
                "diagnostic": { "dynamicRegistration": true, "relatedDocumentSupport": true },
                "publishDiagnostics": { "versionSupport": false },
                "codeAction": {
                    "codeActionLiteralSupport": { "codeActionKind": { "valueSet": ["quickfix", "refactor", "source"] } },
                    "resolveSupport": { "properties": ["edit"] },
                },
                "rename": { "prepareSupport": true },
                "callHierarchy": {},
                "formatting": {},
                "completion": { "completionItem": { "snippetSupport": false } },
            },
        },
    });
    if let Some(options) = options {
        params["initializationOptions"] = options.clone();
    }
    params
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn shared() -> Shared {
        Shared {
            root: PathBuf::from("/work"),
            initialization: Some(json!({ "a": { "b": 1 } })),
            diagnostics: Diagnostics::new(false),
            wishes: Mutex::default(),
            works: Mutex::default(),
            refreshes: AtomicU64::new(0),
        }
    }

    #[test]
    fn what_servers_ask_is_answered() {
        let shared = shared();
        let items = json!({ "items": [{ "section": "a.b" }, { "section": "a.x.y" }, {}, { "section": 7 }] });
        for (method, params, wanted) in [
            (
                "workspace/configuration",
                items,
                json!([1, null, { "a": { "b": 1 } }, { "a": { "b": 1 } }]),
            ),
            ("workspace/configuration", json!(null), json!([])),
            (
                "workspace/workspaceFolders",
                json!({}),
                json!([{ "name": "workspace", "uri": "file:///work" }]),
            ),
            (
                "window/workDoneProgress/create",
                json!({ "token": 1 }),
                json!(null),
            ),
            ("workspace/diagnostic/refresh", json!(null), json!(null)),
        ] {
            assert_eq!(shared.request(method, &params), Some(wanted), "{method}");
        }
        assert_eq!(
            shared.request("workspace/applyEdit", &json!({})).unwrap()["applied"],
            false
        );
        assert_eq!(shared.request("something/else", &json!({})), None);
    }

    #[test]
    fn wishes_and_works_come_and_go() {
        let shared = shared();
        let wish = json!({ "registrations": [
            { "id": "1", "method": "textDocument/diagnostic", "registerOptions": { "identifier": "x" } },
            { "id": "2", "method": "textDocument/other" },
            { "id": 3 },
        ] });
        shared.request("client/registerCapability", &wish);
        let wanted = Wish {
            identifier: Some("x".to_owned()),
            of_workspace: false,
        };
        assert_eq!(lock(&shared.wishes).values().collect::<Vec<_>>(), [&wanted]);
        shared.request(
            "client/unregisterCapability",
            &json!({ "unregisterations": [{ "id": "1" }] }),
        );
        assert!(lock(&shared.wishes).is_empty());
        for (kind, busy) in [("begin", true), ("report", true), ("end", false)] {
            shared.notification("$/progress", json!({ "token": "t", "value": { "kind": kind } }));
            assert_eq!(shared.is_busy(), busy, "{kind}");
        }
    }

    #[test]
    fn nonsense_that_is_told_changes_nothing() {
        let shared = shared();
        for params in [
            json!(null),
            json!({ "uri": 5, "diagnostics": [] }),
            json!({ "uri": "file:///a", "diagnostics": "x" }),
            json!({ "uri": "other:a", "diagnostics": [{}] }),
        ] {
            shared.notification("textDocument/publishDiagnostics", params);
        }
        assert_eq!(shared.diagnostics.all(), []);
    }
}
