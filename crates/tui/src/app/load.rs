//! What is read when the server is there (reference `tui.md` §16): first what nothing works without, the rest
//! beside it. What is missed while it is away is read again.

use std::collections::HashMap;

use opencode_client::{Error, PathInfo, Providers, Request, Signal};
use opencode_schema::session::Status;
use opencode_schema::{Session, SessionId, permission, question};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::App;
use crate::store::{Connection, NamedFolder, Store};

/// How many sessions are listed.
const SESSIONS: &str = "100";

/// What the server says of the version control.
#[derive(Deserialize)]
struct Vcs {
    #[serde(default)]
    branch: Option<String>,
}

/// What the server can do besides.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Capabilities {
    #[serde(default)]
    background_subagents: bool,
}

/// A list of the newer interface.
#[derive(Deserialize)]
struct Listed<T> {
    data: Vec<T>,
}

impl App {
    /// Takes what the stream of events says.
    pub(super) fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::Open { .. } => {
                self.store.connection = Connection::Open;
                self.load();
            }
            Signal::Event(event) => self.hear(event.body),
            Signal::Lost(error) => {
                if !self.store.is_ready && !error.may_pass() {
                    return self.fail(error.to_string());
                }
                self.store.connection = Connection::Lost(error.to_string());
            }
        }
    }

    /// Reads everything anew.
    pub(crate) fn load(&mut self) {
        self.need(&["path"], |store, path: PathInfo| store.path = Some(path));
        self.need(&["config", "providers"], |store, providers: Providers| {
            store.set_providers(providers);
        });
        self.need(&["agent"], |store, agents| store.agents = agents);
        self.need(&["config"], |store, config: Value| store.config = config);
        self.load_sessions();
        self.want(&["command"], |store, commands| store.commands = commands);
        self.want(
            &["session", "status"],
            |store, statuses: HashMap<SessionId, Status>| {
                store.statuses = statuses;
            },
        );
        self.want(&["permission"], |store, requests: Vec<permission::Request>| {
            let requests = requests.into_iter();
            store.permissions = requests.map(|request| (request.id.clone(), request)).collect();
        });
        self.want(&["question"], |store, requests: Vec<question::Request>| {
            let requests = requests.into_iter();
            store.questions = requests.map(|request| (request.id.clone(), request)).collect();
        });
        self.want(&["experimental", "capabilities"], |store, known: Capabilities| {
            store.has_background = known.background_subagents;
        });
        self.want(&["api", "reference"], |store, answer: Listed<NamedFolder>| {
            store.references = answer.data;
        });
        self.want(&["mcp"], |store, servers| store.mcp = servers);
        self.want(&["lsp"], |store, servers| store.lsp = servers);
        self.want(&["formatter"], |store, formatters| store.formatters = formatters);
        self.want(&["vcs"], |store, vcs: Vcs| store.branch = vcs.branch);
        let loaded: Vec<SessionId> = self.store.conversations.keys().cloned().collect();
        let shown = self.session_id().cloned();
        for id in loaded {
            if Some(&id) == shown.as_ref() {
                self.load_session(&id);
            } else {
                self.store.conversations.shift_remove(&id);
            }
        }
    }

    /// Asks for so many sessions: those of this folder and below it, where only those are wanted.
    pub(crate) fn session_query(&self, limit: &'static str) -> Request {
        let request = Request::get(&["session"])
            .query("roots", "true")
            .query("limit", limit);
        let path = self.store.path.as_ref().and_then(|path| {
            let below = path.directory.strip_prefix(path.worktree.trim_end_matches('/'))?;
            below.strip_prefix('/').filter(|below| !below.is_empty())
        });
        match path.filter(|_| self.settings.switches.session_directory_filter) {
            Some(path) => request.query("path", path),
            None => request,
        }
    }

    /// Reads the list of sessions.
    pub(crate) fn load_sessions(&mut self) {
        let request = self.session_query(SESSIONS);
        self.waiting += 1;
        self.try_ask(request, |app, sessions: Result<Vec<Session>, Error>| {
            if let Ok(sessions) = sessions {
                for session in sessions {
                    app.store.sessions.insert(session.id.clone(), session);
                }
                app.store.has_sessions = true;
            }
            app.loaded();
        });
    }

    /// Something that nothing works without.
    fn need<T: DeserializeOwned + 'static>(&mut self, path: &[&str], take: fn(&mut Store, T)) {
        self.waiting += 1;
        self.try_ask(
            Request::get(path),
            move |app, answer: Result<T, Error>| match answer {
                Ok(value) => {
                    take(&mut app.store, value);
                    app.loaded();
                }
                Err(error) if app.store.is_ready => app.complain(&error),
                Err(error) => app.fail(error.to_string()),
            },
        );
    }

    /// Something that can come later, or not at all from an older server.
    fn want<T: DeserializeOwned + 'static>(&mut self, path: &[&str], take: fn(&mut Store, T)) {
        self.try_ask(
            Request::get(path),
            move |app, answer: Result<T, Error>| match answer {
                Ok(value) => take(&mut app.store, value),
                Err(error) => tracing::warn!(%error, "a list could not be read"),
            },
        );
    }

    /// Reads again what a part of the configuration changes.
    pub(super) fn reload_catalog(&mut self) {
        self.want(&["config", "providers"], |store, providers: Providers| {
            store.set_providers(providers);
        });
        self.want(&["config"], |store, config: Value| store.config = config);
    }

    /// Reads what MCP servers offer to be attached; not before somebody attaches something, for it starts them.
    pub(super) fn load_resources(&mut self) {
        self.want(&["experimental", "resource"], |store, resources| {
            store.resources = resources;
        });
    }

    /// Reads all providers there are; not before somebody wants to connect one, for they are many.
    pub(crate) fn load_all_providers(&mut self) {
        self.want(&["provider"], |store, all| store.all_providers = all);
    }

    /// Reads the agents again.
    pub(super) fn reload_agents(&mut self) {
        self.want(&["agent"], |store, agents| store.agents = agents);
    }

    /// Reads the commands again.
    pub(super) fn reload_commands(&mut self) {
        self.want(&["command"], |store, commands| store.commands = commands);
    }

    /// Reads the states of MCP servers again.
    pub(crate) fn reload_mcp(&mut self) {
        self.want(&["mcp"], |store, servers| store.mcp = servers);
    }

    /// Reads the states of language servers again.
    pub(super) fn reload_lsp(&mut self) {
        self.want(&["lsp"], |store, servers| store.lsp = servers);
    }

    fn loaded(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting == 0 && !self.store.is_ready {
            self.store.is_ready = true;
            self.begin();
        }
    }
}
