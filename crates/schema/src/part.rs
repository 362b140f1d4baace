//! Parts of messages (reference `sessions.md` §4).
//!
//! A part is its ids and its body; the body alone is what the database stores in `part.data`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ApiError;
use crate::session::{Cost, Tokens};
use crate::time::Millis;
use crate::{MessageId, Object, PartId, SessionId};

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its id; parts of a message are in the order of their ids.
    pub id: PartId,
    /// The session it belongs to.
    #[serde(rename = "sessionID")]
    pub session_id: SessionId,
    /// The message it belongs to.
    #[serde(rename = "messageID")]
    pub message_id: MessageId,
    /// Everything else.
    #[serde(flatten)]
    pub body: PartBody,
}

/// A part without its ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum PartBody {
    /// Words.
    Text(TextPart),
    /// The model's thoughts.
    Reasoning(ReasoningPart),
    /// A file or folder that the user attached.
    File(FilePart),
    /// An agent that the user mentioned.
    Agent(AgentPart),
    /// A task that the user gave to a subagent.
    Subtask(SubtaskPart),
    /// The place where the conversation was shortened.
    Compaction(CompactionPart),
    /// A tool call and its result.
    Tool(ToolPart),
    /// A step begins.
    StepStart(StepStartPart),
    /// A step ended.
    StepFinish(StepFinishPart),
    /// Files that a step changed.
    Patch(PatchPart),
    /// A tree of files (older form).
    Snapshot(SnapshotPart),
    /// A provider error that was tried again.
    Retry(RetryPart),
    /// A kind that this version does not know, or a part without what its kind needs; kept as it is.
    #[serde(untagged)]
    Other(Object),
}

/// Words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TextPart {
    /// The words.
    pub text: String,
    /// Made by the program, not by the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synthetic: Option<bool>,
    /// Not sent to the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignored: Option<bool>,
    /// When they were written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Span>,
    /// What the provider wants back with them, by provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

/// The model's thoughts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReasoningPart {
    /// The words.
    pub text: String,
    /// What the provider wants back with them (signatures), by provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    /// When they were thought.
    pub time: Span,
}

/// From when to when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Begin.
    pub start: Millis,
    /// End; absent while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<Millis>,
}

/// A file or folder that the user attached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FilePart {
    /// Media type; `application/x-directory` for folders.
    pub mime: String,
    /// Name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// `data:` or `file:` address.
    pub url: String,
    /// Where in the prompt it was mentioned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<FileSource>,
}

/// Where in the prompt a file was mentioned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum FileSource {
    /// A path.
    File {
        /// The mention.
        text: Mention,
        /// Path of the file.
        path: String,
    },
    /// A symbol of a language server.
    Symbol {
        /// The mention.
        text: Mention,
        /// Path of the file.
        path: String,
        /// Where the symbol stands.
        range: Range,
        /// Its name.
        name: String,
        /// Its kind, as LSP numbers them.
        kind: u32,
    },
    /// A resource of an MCP server.
    Resource {
        /// The mention.
        text: Mention,
        /// The server.
        #[serde(rename = "clientName")]
        client_name: String,
        /// The resource.
        uri: String,
    },
}

/// A piece of the prompt text; offsets are UTF-16 code units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// The words.
    pub value: String,
    /// First unit.
    pub start: i64,
    /// After the last unit.
    pub end: i64,
}

/// A range of a file, lines and characters from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// First position.
    pub start: Position,
    /// After the last position.
    pub end: Position,
}

/// A place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Line from 0.
    pub line: u32,
    /// UTF-16 unit from 0.
    pub character: u32,
}

/// An agent that the user mentioned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentPart {
    /// Its name.
    pub name: String,
    /// Where in the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Mention>,
}

/// A task that the user gave to a subagent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SubtaskPart {
    /// What to do.
    pub prompt: String,
    /// In few words.
    pub description: String,
    /// Who does it.
    pub agent: String,
    /// With which model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<SubtaskModel>,
    /// The command that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// The model of a subtask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtaskModel {
    /// Provider id.
    #[serde(rename = "providerID")]
    pub provider_id: String,
    /// Model id within the provider.
    #[serde(rename = "modelID")]
    pub model_id: String,
}

/// The place where the conversation was shortened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompactionPart {
    /// Not asked for by the user.
    pub auto: bool,
    /// Because the provider said that the context is full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overflow: Option<bool>,
    /// The first message that is kept word by word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail_start_id: Option<MessageId>,
}

/// A tool call and its result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolPart {
    /// The provider's id of the call.
    #[serde(rename = "callID")]
    pub call_id: String,
    /// Name of the tool.
    pub tool: String,
    /// How far it is.
    pub state: ToolState,
    /// What the provider wants back with the call, by provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

/// How far a tool call is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum ToolState {
    /// Its arguments are being written.
    Pending {
        /// Empty.
        input: Object,
        /// Empty.
        raw: String,
    },
    /// It runs.
    Running {
        /// Arguments.
        input: Value,
        /// What it does now.
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// What it has to show so far.
        #[serde(skip_serializing_if = "Option::is_none")]
        metadata: Option<Object>,
        /// Since when; `end` is absent.
        time: Span,
    },
    /// It has a result.
    Completed {
        /// Arguments.
        input: Value,
        /// What the model is told.
        output: String,
        /// What a person is told, in few words.
        title: String,
        /// Further facts, by tool.
        metadata: Object,
        /// From when to when.
        time: CompletedTime,
        /// Files that belong to the result.
        #[serde(skip_serializing_if = "Option::is_none")]
        attachments: Option<Vec<Part>>,
    },
    /// It failed.
    Error {
        /// Arguments.
        input: Value,
        /// What the model is told.
        error: String,
        /// Further facts; `interrupted: true` when the turn was stopped.
        #[serde(skip_serializing_if = "Option::is_none")]
        metadata: Option<Object>,
        /// From when to when.
        time: Span,
    },
}

/// From when to when a tool ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletedTime {
    /// Begin.
    pub start: Millis,
    /// End.
    pub end: Millis,
    /// When its output was left out of the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compacted: Option<Millis>,
}

impl ToolState {
    /// The arguments, as far as they are known.
    #[must_use]
    pub fn input(&self) -> Value {
        match self {
            Self::Pending { input, .. } => Value::Object(input.clone()),
            Self::Running { input, .. } | Self::Completed { input, .. } | Self::Error { input, .. } => {
                input.clone()
            }
        }
    }

    /// Whether it has ended, well or badly.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Error { .. })
    }
}

/// A step begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepStartPart {
    /// Tree of the files before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
}

/// A step ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepFinishPart {
    /// Why the model stopped.
    pub reason: String,
    /// Tree of the files after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// US dollars.
    pub cost: Cost,
    /// Tokens.
    pub tokens: Tokens,
}

/// Files that a step changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchPart {
    /// Tree of the files before it.
    pub hash: String,
    /// Absolute paths.
    pub files: Vec<String>,
}

/// A tree of files (older form).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotPart {
    /// Its hash.
    pub snapshot: String,
}

/// A provider error that was tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetryPart {
    /// Which retry, from 1.
    pub attempt: u32,
    /// The error, on the wire `{"name": "APIError", "data": …}`.
    pub error: NamedApiError,
    /// When.
    pub time: RetryTime,
}

/// An [`ApiError`] with its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", content = "data")]
pub enum NamedApiError {
    /// The only name.
    #[serde(rename = "APIError")]
    Api(ApiError),
}

/// When a retry was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryTime {
    /// When.
    pub created: Millis,
}
