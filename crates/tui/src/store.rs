//! What the server told: a copy of what this face shows, read once and kept true by events (reference
//! `tui.md` §16). Events win over what was read before they came.

mod conversation;
mod hear;

use std::collections::HashMap;

use indexmap::IndexMap;
use opencode_client::{PathInfo, Providers};
use opencode_schema::agent::Agent;
use opencode_schema::command::Command;
use opencode_schema::model::{Model, Provider};
use opencode_schema::session::Status;
use opencode_schema::{PermissionId, QuestionId, Session, SessionId, permission, question};
use serde::Deserialize;
use serde_json::Value;

pub(crate) use conversation::{Conversation, Entry, PAGE};

/// The provider that only shows how things go, which is there where no other is.
const DEMONSTRATION: &str = "demo";
/// How many sessions are kept loaded: the one that is shown, those of its tasks, and some that were shown before.
const LOADED: usize = 16;

/// Whether the server is there.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) enum Connection {
    /// Nothing was heard of it yet.
    #[default]
    Connecting,
    /// It tells what happens.
    Open,
    /// It does not any more, and why.
    Lost(String),
}

/// A server of the Model Context Protocol.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct McpStatus {
    /// `connected`, `disabled`, `failed`, `needs_auth`, `needs_client_registration` or a word of a newer server.
    pub(crate) status: String,
    /// What went wrong.
    #[serde(default)]
    pub(crate) error: Option<String>,
}

/// A resource of an MCP server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct McpResource {
    /// Its name.
    pub(crate) name: String,
    /// Its address.
    pub(crate) uri: String,
    /// What it is.
    #[serde(default)]
    pub(crate) description: Option<String>,
    /// Its media type.
    #[serde(default)]
    pub(crate) mime_type: Option<String>,
    /// The server.
    pub(crate) client: String,
}

/// A folder that configuration gives a name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct NamedFolder {
    /// The name.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: String,
}

/// A language server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct LspStatus {
    /// Its name.
    pub(crate) id: String,
    /// The folder that it is for, from the worktree.
    pub(crate) root: String,
    /// `connected` or `error`.
    pub(crate) status: String,
}

/// A formatter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct FormatterStatus {
    /// Its name.
    pub(crate) name: String,
    /// The ends of the names of its files.
    pub(crate) extensions: Vec<String>,
    /// Whether it is used.
    pub(crate) enabled: bool,
}

/// All providers there are, and those that are connected.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct AllProviders {
    /// All of them.
    pub(crate) all: Vec<ProviderName>,
    /// Ids of those that are connected.
    pub(crate) connected: Vec<String>,
}

/// A provider by its names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct ProviderName {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
}

/// What the server told.
#[derive(Debug, Default)]
pub(crate) struct Store {
    /// Whether it is there.
    pub(crate) connection: Connection,
    /// What is needed to work has been read.
    pub(crate) is_ready: bool,
    /// The folders.
    pub(crate) path: Option<PathInfo>,
    /// The branch that is checked out.
    pub(crate) branch: Option<String>,
    /// The configuration.
    pub(crate) config: Value,
    /// The agents.
    pub(crate) agents: Vec<Agent>,
    /// The providers that are connected, with their models.
    pub(crate) providers: Vec<Provider>,
    /// The best model of each of them.
    pub(crate) default_models: IndexMap<String, String>,
    /// All providers.
    pub(crate) all_providers: AllProviders,
    /// The server's commands.
    pub(crate) commands: Vec<Command>,
    /// Sessions that are known, in no order.
    pub(crate) sessions: HashMap<SessionId, Session>,
    /// The list of sessions has been read.
    pub(crate) has_sessions: bool,
    /// What sessions do that do something.
    pub(crate) statuses: HashMap<SessionId, Status>,
    /// Sessions whose messages are loaded, the last shown at the end.
    pub(crate) conversations: IndexMap<SessionId, Conversation>,
    /// What waits for permission.
    pub(crate) permissions: IndexMap<PermissionId, permission::Request>,
    /// What waits for an answer.
    pub(crate) questions: IndexMap<QuestionId, question::Request>,
    /// Tasks of subagents can be sent to the background.
    pub(crate) has_background: bool,
    /// Folders that configuration gives names.
    pub(crate) references: Vec<NamedFolder>,
    /// Resources of MCP servers.
    pub(crate) resources: IndexMap<String, McpResource>,
    /// MCP servers.
    pub(crate) mcp: IndexMap<String, McpStatus>,
    /// Language servers.
    pub(crate) lsp: Vec<LspStatus>,
    /// Formatters.
    pub(crate) formatters: Vec<FormatterStatus>,
}

impl Store {
    /// Takes the providers.
    pub(crate) fn set_providers(&mut self, providers: Providers) {
        self.providers = providers.providers;
        self.default_models = providers.default;
    }

    /// A model and its provider.
    pub(crate) fn model(&self, provider: &str, model: &str) -> Option<(&Provider, &Model)> {
        let provider = self.providers.iter().find(|known| known.id == provider)?;
        Some((provider, provider.models.get(model)?))
    }

    /// What a session does.
    pub(crate) fn status(&self, session: &SessionId) -> &Status {
        self.statuses.get(session).unwrap_or(&Status::Idle)
    }

    /// Whether a session is at work.
    pub(crate) fn is_busy(&self, session: &SessionId) -> bool {
        !matches!(self.status(session), Status::Idle)
    }

    /// The sessions that a session began, the first first.
    pub(crate) fn children(&self, parent: &SessionId) -> Vec<&Session> {
        let mut children: Vec<&Session> = self
            .sessions
            .values()
            .filter(|session| session.parent_id.as_ref() == Some(parent))
            .collect();
        children.sort_by_key(|session| (session.time.created, session.id.clone()));
        children
    }

    /// Whether a session is another or was begun by it, however far down.
    pub(crate) fn is_within(&self, session: &SessionId, root: &SessionId) -> bool {
        let mut at = Some(session);
        // Parents of a session that is told of wrongly could go round.
        for _ in 0..64 {
            match at {
                None => return false,
                Some(id) if id == root => return true,
                Some(id) => at = self.sessions.get(id).and_then(|known| known.parent_id.as_ref()),
            }
        }
        false
    }

    /// The permission that a session and those that it began wait for, the first first.
    pub(crate) fn permission_of(&self, root: &SessionId) -> Option<&permission::Request> {
        let mut requests = self.permissions.values();
        requests.find(|request| self.is_within(&request.session_id, root))
    }

    /// The question that a session and those that it began wait for, the first first.
    pub(crate) fn question_of(&self, root: &SessionId) -> Option<&question::Request> {
        let mut requests = self.questions.values();
        requests.find(|request| self.is_within(&request.session_id, root))
    }

    /// The messages of a session; those of few are kept.
    pub(crate) fn conversation(&mut self, id: &SessionId) -> &mut Conversation {
        let conversation = self.conversations.shift_remove(id).unwrap_or_default();
        while self.conversations.len() >= LOADED {
            self.conversations.shift_remove_index(0);
        }
        self.conversations.entry(id.clone()).or_insert(conversation)
    }

    /// Providers of models; the demonstration is none.
    pub(crate) fn own_providers(&self) -> impl Iterator<Item = &Provider> {
        self.providers
            .iter()
            .filter(|provider| provider.id != DEMONSTRATION)
    }

    /// Whether a prompt can name this model: the demonstration's can be named where it is not listed, too.
    pub(crate) fn has_model(&self, provider: &str, model: &str) -> bool {
        provider == DEMONSTRATION || self.model(provider, model).is_some()
    }

    /// Roots, the last used first.
    pub(crate) fn roots(&self) -> Vec<&Session> {
        let mut roots: Vec<&Session> = self
            .sessions
            .values()
            .filter(|session| session.parent_id.is_none() && session.time.archived.is_none())
            .collect();
        roots.sort_by(|a, b| (b.time.updated, &b.id).cmp(&(a.time.updated, &a.id)));
        roots
    }
}
