//! Events: everything that happens, as the log stores it and the bus sends it
//! (reference `sessions.md` §5, `agent-loop.md` §16).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::permission::{DurableRequest, Reply, Request};
use crate::project::Project;
use crate::pty::Pty;
use crate::session::{FileDiff, Status, Todo};
use crate::session_event::SessionEvent;
use crate::time::Millis;
use crate::{
    EventId, Message, MessageError, MessageId, Part, PartId, PermissionId, PtyId, QuestionId, Session,
    SessionId, WorkspaceId, question,
};

/// An event on the bus: `{id, type, properties}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
    /// Where it happened; not on the wire of `/event`.
    #[serde(skip)]
    pub origin: Option<Arc<Origin>>,
    /// Its number in the log of its session, for events that are stored.
    #[serde(skip)]
    pub seq: Option<i64>,
}

/// The location in which an event happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its folder.
    pub directory: String,
    /// Id of its project, if it has one.
    pub project_id: Option<String>,
    /// Id of its workspace, if it is in one.
    pub workspace_id: Option<WorkspaceId>,
}

impl Origin {
    /// The place of what happens to a project, a workspace or the program as a whole
    /// (reference `http-api.md` §5).
    #[must_use]
    pub fn everywhere(project_id: Option<String>, workspace_id: Option<WorkspaceId>) -> Self {
        Self {
            directory: Self::EVERYWHERE.to_owned(),
            project_id,
            workspace_id,
        }
    }

    /// Whether it is such a place.
    #[must_use]
    pub fn is_everywhere(&self) -> bool {
        self.directory == Self::EVERYWHERE
    }

    const EVERYWHERE: &str = "global";
}

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $kind:literal { $($(#[$field_meta:meta])* $field:ident : $type:ty),* $(,)? })*) => {
        /// What happened, on the wire `"type"` and `"properties"`.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "properties")]
        pub enum EventBody {
            $(
                $(#[$doc])*
                #[serde(rename = $kind)]
                $name { $($(#[$field_meta])* $field: $type),* },
            )*
            /// What happened in a durable session.
            #[serde(untagged)]
            Session(Box<SessionEvent>),
        }

        impl EventBody {
            /// The name on the wire.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $kind,)*
                    Self::Session(event) => event.kind(),
                }
            }
        }
    };
}

events! {
    /// A session was made.
    SessionCreated = "session.created" {
        /// Which.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// All of it.
        info: Box<Session>,
    }
    /// A session changed; carries all of it.
    SessionUpdated = "session.updated" {
        /// Which.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// All of it.
        info: Box<Session>,
    }
    /// A session was deleted.
    SessionDeleted = "session.deleted" {
        /// Which.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// What it was.
        info: Box<Session>,
    }
    /// A message was made or changed.
    MessageUpdated = "message.updated" {
        /// Of which session.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// All of it.
        info: Box<Message>,
    }
    /// A message was removed.
    MessageRemoved = "message.removed" {
        /// Of which session.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// Which.
        #[serde(rename = "messageID")] message_id: MessageId,
    }
    /// A part was made or changed.
    PartUpdated = "message.part.updated" {
        /// Of which session.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// All of it.
        part: Box<Part>,
        /// When.
        time: Millis,
    }
    /// A part was removed.
    PartRemoved = "message.part.removed" {
        /// Of which session.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// Of which message.
        #[serde(rename = "messageID")] message_id: MessageId,
        /// Which.
        #[serde(rename = "partID")] part_id: PartId,
    }
    /// A text grows; never stored, the final text is.
    PartDelta = "message.part.delta" {
        /// Of which session.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// Of which message.
        #[serde(rename = "messageID")] message_id: MessageId,
        /// Which part.
        #[serde(rename = "partID")] part_id: PartId,
        /// Which field of it.
        field: String,
        /// What is added to it.
        delta: String,
    }
    /// What a session does.
    SessionStatus = "session.status" {
        /// Which.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// What it does now.
        status: Status,
    }
    /// A session has nothing more to do.
    SessionIdle = "session.idle" {
        /// Which.
        #[serde(rename = "sessionID")] session_id: SessionId,
    }
    /// Something failed.
    SessionError = "session.error" {
        /// In which session.
        #[serde(rename = "sessionID", skip_serializing_if = "Option::is_none")] session_id: Option<SessionId>,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none")] error: Option<MessageError>,
    }
    /// The files that a session changed.
    SessionDiff = "session.diff" {
        /// Which.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// How.
        diff: Vec<FileDiff>,
    }
    /// The list of things to do was replaced.
    TodoUpdated = "todo.updated" {
        /// Of which session.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// All of it.
        todos: Vec<Todo>,
    }
    /// A command was answered.
    CommandExecuted = "command.executed" {
        /// Its name.
        name: String,
        /// In which session.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// What it was given.
        arguments: String,
        /// The answer.
        #[serde(rename = "messageID")] message_id: MessageId,
    }
    /// A conversation was shortened.
    SessionCompacted = "session.compacted" {
        /// Which.
        #[serde(rename = "sessionID")] session_id: SessionId,
    }
    /// The user is asked.
    PermissionAsked = "permission.asked" {
        /// The question.
        #[serde(flatten)] request: Box<Request>,
    }
    /// The user answered.
    PermissionReplied = "permission.replied" {
        /// In which session.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// Which question.
        #[serde(rename = "requestID")] request_id: PermissionId,
        /// How.
        reply: Reply,
    }
    /// The user is asked for a durable session.
    PermissionV2Asked = "permission.v2.asked" {
        /// The question.
        #[serde(flatten)] request: Box<DurableRequest>,
    }
    /// The user answered for a durable session.
    PermissionV2Replied = "permission.v2.replied" {
        /// In which session.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// Which question.
        #[serde(rename = "requestID")] request_id: PermissionId,
        /// How.
        reply: Reply,
    }
    /// The model of a durable session asks the user.
    QuestionV2Asked = "question.v2.asked" {
        /// The questions.
        #[serde(flatten)] request: Box<question::Request>,
    }
    /// The user answered in a durable session.
    QuestionV2Replied = "question.v2.replied" {
        /// In which session.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// What was asked.
        #[serde(rename = "requestID")] request_id: QuestionId,
        /// One answer to each question.
        answers: Vec<question::Answer>,
    }
    /// The user of a durable session does not answer, or nobody waits for it any more.
    QuestionV2Rejected = "question.v2.rejected" {
        /// In which session.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// What was asked.
        #[serde(rename = "requestID")] request_id: QuestionId,
    }
    /// The model asks the user.
    QuestionAsked = "question.asked" {
        /// The questions.
        #[serde(flatten)] request: Box<question::Request>,
    }
    /// The user answered.
    QuestionReplied = "question.replied" {
        /// In which session.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// What was asked.
        #[serde(rename = "requestID")] request_id: QuestionId,
        /// One answer to each question.
        answers: Vec<question::Answer>,
    }
    /// The user does not answer, or nobody waits for it any more.
    QuestionRejected = "question.rejected" {
        /// In which session.
        #[serde(rename = "sessionID")] session_id: SessionId,
        /// What was asked.
        #[serde(rename = "requestID")] request_id: QuestionId,
    }
    /// A terminal was opened.
    PtyCreated = "pty.created" {
        /// All of it.
        info: Box<Pty>,
    }
    /// A terminal has another title or size.
    PtyUpdated = "pty.updated" {
        /// All of it.
        info: Box<Pty>,
    }
    /// The program in a terminal has ended, and the terminal with it.
    PtyExited = "pty.exited" {
        /// Which terminal.
        id: PtyId,
        /// The program's exit code.
        #[serde(rename = "exitCode")] exit_code: u32,
    }
    /// A terminal was closed.
    PtyDeleted = "pty.deleted" {
        /// Which.
        id: PtyId,
    }
    /// A location is given up: it is read anew when it is next asked for.
    InstanceDisposed = "server.instance.disposed" {
        /// Its folder.
        directory: String,
    }
    /// A language server has come or gone.
    LspUpdated = "lsp.updated" {}
    /// There is a newer catalogue of models; open locations keep theirs.
    ModelsRefreshed = "models-dev.refreshed" {}
    /// Providers or models have come or gone.
    CatalogUpdated = "catalog.updated" {}
    /// What can be connected, or how, is different.
    IntegrationUpdated = "integration.updated" {}
    /// A credential has come, changed or gone.
    IntegrationConnectionUpdated = "integration.connection.updated" {
        /// What it opens.
        #[serde(rename = "integrationID")] integration_id: String,
    }
    /// The configuration of a location differs, and is in force from the next step on.
    ConfigUpdated = "config.updated" {
        /// Its keys that differ.
        keys: Vec<String>,
    }
    /// The configuration of a location became wrong; the one before stays in force.
    ConfigFailed = "config.failed" {
        /// What is wrong, and where.
        message: String,
    }
    /// An agent has come.
    AgentAdded = "agent.added" {
        /// Its name.
        name: String,
    }
    /// An agent is another than it was.
    AgentUpdated = "agent.updated" {
        /// Its name.
        name: String,
    }
    /// An agent is gone.
    AgentRemoved = "agent.removed" {
        /// Its name.
        name: String,
    }
    /// A command has come.
    CommandAdded = "command.added" {
        /// Its name.
        name: String,
    }
    /// A command is another than it was.
    CommandUpdated = "command.updated" {
        /// Its name.
        name: String,
    }
    /// A command is gone.
    CommandRemoved = "command.removed" {
        /// Its name.
        name: String,
    }
    /// A skill has come.
    SkillAdded = "skill.added" {
        /// Its name.
        name: String,
    }
    /// A skill is another than it was.
    SkillUpdated = "skill.updated" {
        /// Its name.
        name: String,
    }
    /// A skill is gone.
    SkillRemoved = "skill.removed" {
        /// Its name.
        name: String,
    }
    /// A plugin has come.
    PluginAdded = "plugin.added" {
        /// Its specification.
        id: String,
    }
    /// A plugin is gone.
    PluginRemoved = "plugin.removed" {
        /// Its specification.
        id: String,
    }
    /// A tool of a plugin or a tool file has come.
    ToolAdded = "tool.added" {
        /// Its name.
        name: String,
    }
    /// A tool of a plugin or a tool file is another than it was.
    ToolUpdated = "tool.updated" {
        /// Its name.
        name: String,
    }
    /// A tool of a plugin or a tool file is gone.
    ToolRemoved = "tool.removed" {
        /// Its name.
        name: String,
    }
    /// A provider has come into the configuration.
    ProviderAdded = "provider.added" {
        /// Its id.
        #[serde(rename = "providerID")] provider_id: String,
    }
    /// A provider is configured in another way.
    ProviderUpdated = "provider.updated" {
        /// Its id.
        #[serde(rename = "providerID")] provider_id: String,
    }
    /// A provider is not configured any more.
    ProviderRemoved = "provider.removed" {
        /// Its id.
        #[serde(rename = "providerID")] provider_id: String,
    }
    /// A model has come into the configuration.
    ModelAdded = "model.added" {
        /// Its provider.
        #[serde(rename = "providerID")] provider_id: String,
        /// Its id.
        #[serde(rename = "modelID")] model_id: String,
    }
    /// A model is configured in another way.
    ModelUpdated = "model.updated" {
        /// Its provider.
        #[serde(rename = "providerID")] provider_id: String,
        /// Its id.
        #[serde(rename = "modelID")] model_id: String,
    }
    /// A model is not configured any more.
    ModelRemoved = "model.removed" {
        /// Its provider.
        #[serde(rename = "providerID")] provider_id: String,
        /// Its id.
        #[serde(rename = "modelID")] model_id: String,
    }
    /// All locations are given up.
    GlobalDisposed = "global.disposed" {}
    /// Something is to be added to the prompt of a terminal face.
    TuiPromptAppend = "tui.prompt.append" {
        /// What.
        text: String,
    }
    /// A terminal face is to do something.
    TuiCommandExecute = "tui.command.execute" {
        /// The name of the command.
        #[serde(default, skip_serializing_if = "Option::is_none")] command: Option<String>,
    }
    /// A terminal face is to show a notice.
    TuiToastShow = "tui.toast.show" {
        /// Its title.
        #[serde(default, skip_serializing_if = "Option::is_none")] title: Option<String>,
        /// What it says.
        message: String,
        /// How it looks.
        variant: ToastVariant,
        /// Milliseconds that it stays.
        #[serde(default = "toast_duration")] duration: u64,
    }
    /// A terminal face is to show a session.
    TuiSessionSelect = "tui.session.select" {
        /// Which.
        #[serde(rename = "sessionID")] selected: SessionId,
    }
    /// A tool changed a file.
    FileEdited = "file.edited" {
        /// Absolute path.
        file: String,
    }
    /// A file changed.
    FileWatcherUpdated = "file.watcher.updated" {
        /// Absolute path.
        file: String,
        /// How.
        event: FileChange,
    }
    /// Another branch is checked out, or none.
    VcsBranchUpdated = "vcs.branch.updated" {
        /// Its name.
        #[serde(default, skip_serializing_if = "Option::is_none")] branch: Option<String>,
    }
    /// An MCP server has other tools than before.
    McpToolsChanged = "mcp.tools.changed" {
        /// Which.
        server: String,
    }
    /// The page for logging in at an MCP server could not be opened.
    McpBrowserOpenFailed = "mcp.browser.open.failed" {
        /// Which server.
        #[serde(rename = "mcpName")] mcp_name: String,
        /// The page.
        url: String,
    }
    /// A project was seen or changed.
    ProjectUpdated = "project.updated" {
        /// All of it.
        #[serde(flatten)] project: Box<Project>,
    }
    /// The folders of a project changed: a copy was made or removed.
    ProjectDirectoriesUpdated = "project.directories.updated" {
        /// Of which project.
        #[serde(rename = "projectID")] project_id: String,
    }
    /// A new worktree can be worked in.
    WorktreeReady = "worktree.ready" {
        /// Its name.
        name: String,
        /// Its branch, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")] branch: Option<String>,
    }
    /// A new worktree did not become one.
    WorktreeFailed = "worktree.failed" {
        /// Why.
        message: String,
    }
    /// Whether a workspace can be reached.
    WorkspaceStatus = "workspace.status" {
        /// Which.
        #[serde(rename = "workspaceID")] workspace_id: WorkspaceId,
        /// Whether.
        status: Connection,
    }
}

/// A folder, and the workspace that it is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Absolute path.
    pub directory: String,
    /// The workspace, if it is in one.
    #[serde(rename = "workspaceID", default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<WorkspaceId>,
}

/// Whether something elsewhere can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Connection {
    /// It can.
    Connected,
    /// It cannot.
    Error,
}

/// How a notice looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToastVariant {
    /// Good to know.
    Info,
    /// It worked.
    Success,
    /// It needs attention.
    Warning,
    /// It failed.
    Error,
}

/// How long a notice stays when nobody says, in milliseconds.
#[must_use]
pub fn toast_duration() -> u64 {
    5000
}

/// How a file changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileChange {
    /// It is new.
    Add,
    /// It has other content.
    Change,
    /// It is gone.
    Unlink,
}

/// How a durable event is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durable<'a> {
    /// The sequence that it is part of: the session.
    pub aggregate: &'a SessionId,
    /// Version of its shape; stored as `<type>.<version>`.
    pub version: u32,
}

impl EventBody {
    /// How the event is stored, or `None` for one that is only sent (reference `sessions.md` §5).
    #[must_use]
    pub fn durable(&self) -> Option<Durable<'_>> {
        match self {
            Self::SessionCreated { session_id, .. }
            | Self::SessionUpdated { session_id, .. }
            | Self::SessionDeleted { session_id, .. }
            | Self::MessageUpdated { session_id, .. }
            | Self::MessageRemoved { session_id, .. }
            | Self::PartUpdated { session_id, .. }
            | Self::PartRemoved { session_id, .. } => Some(Durable {
                aggregate: session_id,
                version: 1,
            }),
            Self::Session(event) => Some(Durable {
                aggregate: event.session_id(),
                version: event.version()?,
            }),
            _ => None,
        }
    }

    /// The session that the event is about.
    #[must_use]
    pub fn session_id(&self) -> Option<&SessionId> {
        match self {
            Self::SessionCreated { session_id, .. }
            | Self::SessionUpdated { session_id, .. }
            | Self::SessionDeleted { session_id, .. }
            | Self::MessageUpdated { session_id, .. }
            | Self::MessageRemoved { session_id, .. }
            | Self::PartUpdated { session_id, .. }
            | Self::PartRemoved { session_id, .. }
            | Self::PartDelta { session_id, .. }
            | Self::SessionStatus { session_id, .. }
            | Self::SessionIdle { session_id }
            | Self::SessionCompacted { session_id }
            | Self::CommandExecuted { session_id, .. }
            | Self::SessionDiff { session_id, .. }
            | Self::TodoUpdated { session_id, .. }
            | Self::QuestionReplied { session_id, .. }
            | Self::QuestionV2Replied { session_id, .. }
            | Self::QuestionV2Rejected { session_id, .. }
            | Self::PermissionV2Replied { session_id, .. }
            | Self::QuestionRejected { session_id, .. }
            | Self::PermissionReplied { session_id, .. } => Some(session_id),
            Self::QuestionAsked { request } | Self::QuestionV2Asked { request } => Some(&request.session_id),
            Self::PermissionV2Asked { request } => Some(&request.session_id),
            Self::SessionError { session_id, .. } => session_id.as_ref(),
            Self::Session(event) => Some(event.session_id()),
            Self::PermissionAsked { request } => Some(&request.session_id),
            _ => None,
        }
    }
}

impl From<SessionEvent> for EventBody {
    fn from(event: SessionEvent) -> Self {
        Self::Session(Box::new(event))
    }
}
