//! Messages of durable sessions: what events made of a conversation (reference `v2.md` §3.1,
//! `openapi.json` `SessionMessage`).

use serde::{Deserialize, Serialize};

use crate::prompt::{PromptAgent, PromptFile};
use crate::session::{Cost, SessionModel, Tokens};
use crate::time::Millis;
use crate::{MessageId, Object};

/// A message of a durable session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionMessage {
    /// Its id.
    pub id: MessageId,
    /// When.
    pub time: MessageTime,
    /// What it is.
    #[serde(flatten)]
    pub body: SessionMessageBody,
}

/// When a message was made, and when it was whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageTime {
    /// When it was made.
    pub created: Millis,
    /// When it was whole, for those that grow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Millis>,
}

/// What a message is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum SessionMessageBody {
    /// Another agent works from here on.
    AgentSwitched {
        /// Its name.
        agent: String,
    },
    /// Another model works from here on.
    ModelSwitched {
        /// Which.
        model: SessionModel,
    },
    /// What a user said.
    User {
        /// In words.
        text: String,
        /// Files that belong to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        files: Option<Vec<PromptFile>>,
        /// Agents that it names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agents: Option<Vec<PromptAgent>>,
    },
    /// What the program said in the user's place.
    Synthetic {
        /// Of which session.
        #[serde(rename = "sessionID")]
        session_id: crate::SessionId,
        /// In words.
        text: String,
    },
    /// What the model was told of its surroundings.
    System {
        /// In words.
        text: String,
    },
    /// A command line of the user.
    Shell {
        /// Which run.
        #[serde(rename = "callID")]
        call_id: String,
        /// The command line.
        command: String,
        /// What it printed.
        output: String,
    },
    /// An answer of the model.
    Assistant(Box<Answer>),
    /// A summary of what was before.
    Compaction {
        /// Why it was made.
        reason: CompactionReason,
        /// The summary.
        summary: String,
        /// The newest of what was said, as it was said.
        recent: String,
    },
}

impl SessionMessageBody {
    /// The name of its kind on the wire.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AgentSwitched { .. } => "agent-switched",
            Self::ModelSwitched { .. } => "model-switched",
            Self::User { .. } => "user",
            Self::Synthetic { .. } => "synthetic",
            Self::System { .. } => "system",
            Self::Shell { .. } => "shell",
            Self::Assistant(_) => "assistant",
            Self::Compaction { .. } => "compaction",
        }
    }
}

/// An answer of a model, as far as it has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Who worked.
    pub agent: String,
    /// Which model.
    pub model: SessionModel,
    /// What it said and did, in order.
    pub content: Vec<AnswerContent>,
    /// Trees of the files around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<AnswerSnapshot>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// What it cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// What it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
    /// Why it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StepError>,
}

impl Answer {
    /// Calls that have no result yet.
    pub fn open_calls(&self) -> impl Iterator<Item = &ToolCallContent> {
        self.calls()
            .filter(|call| matches!(call.state, CallState::Pending { .. } | CallState::Running { .. }))
    }

    /// Whether tools of this program were called and all calls have results: then the model is to be told of them.
    #[must_use]
    pub fn waits_for_model(&self) -> bool {
        let mut local = self.calls().filter(|call| {
            let provider = call.provider.as_ref();
            !provider.is_some_and(|provider| provider.executed)
        });
        local.next().is_some() && self.open_calls().next().is_none()
    }

    /// All its calls, in order.
    pub fn calls(&self) -> impl Iterator<Item = &ToolCallContent> {
        self.content.iter().filter_map(|content| match content {
            AnswerContent::Tool(call) => Some(&**call),
            _ => None,
        })
    }
}

/// Trees of the files around an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerSnapshot {
    /// Before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// After.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// Files that differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<String>>,
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum AnswerContent {
    /// A text.
    Text {
        /// Which, within the answer.
        id: String,
        /// All of it so far.
        text: String,
    },
    /// A thought.
    Reasoning(ReasoningContent),
    /// A call.
    Tool(Box<ToolCallContent>),
}

/// A thought of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReasoningContent {
    /// Which, within the answer.
    pub id: String,
    /// All of it so far.
    pub text: String,
    /// What the provider wants to have back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_metadata: Option<Object>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<MessageTime>,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCallContent {
    /// Which call.
    pub id: String,
    /// Of which tool.
    pub name: String,
    /// Who runs it; known once it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Execution>,
    /// How far it is.
    pub state: CallState,
    /// When.
    pub time: CallTime,
}

impl ToolCallContent {
    /// Its arguments; none as long as they are being written.
    #[must_use]
    pub fn input(&self) -> Object {
        match &self.state {
            CallState::Pending { .. } => Object::new(),
            CallState::Running { input, .. }
            | CallState::Completed { input, .. }
            | CallState::Error { input, .. } => input.clone(),
        }
    }
}

/// Who runs a tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// The provider.
    pub executed: bool,
    /// What the provider wants to have back with the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    /// What the provider wants to have back with the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_metadata: Option<Object>,
}

/// How far a call is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum CallState {
    /// Its arguments are being written.
    Pending {
        /// As far as they have come.
        input: String,
    },
    /// It runs.
    Running {
        /// Its arguments.
        input: Object,
        /// Facts.
        structured: Object,
        /// Words and files.
        content: Vec<ToolContent>,
    },
    /// It has its result.
    Completed {
        /// Its arguments.
        input: Object,
        /// Words and files.
        content: Vec<ToolContent>,
        /// Files that hold what was too long to be told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output_paths: Option<Vec<String>>,
        /// Facts.
        structured: Object,
        /// What the provider gave, when it ran the tool.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<serde_json::Value>,
    },
    /// It has no result.
    Error {
        /// Its arguments.
        input: Object,
        /// Words and files.
        content: Vec<ToolContent>,
        /// Facts.
        structured: Object,
        /// Why.
        error: StepError,
        /// What the provider gave, when it ran the tool.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<serde_json::Value>,
    },
}

/// When a call was written, begun and done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallTime {
    /// When the model began to write it.
    pub created: Millis,
    /// When it was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ran: Option<Millis>,
    /// When it had its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Millis>,
    /// When the result was left out of what the model is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruned: Option<Millis>,
}

/// Words or a file of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ToolContent {
    /// Words.
    Text {
        /// Which.
        text: String,
    },
    /// A file.
    File {
        /// `data:` address or path.
        uri: String,
        /// Media type.
        mime: String,
        /// Name to show.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
}

/// Why something did not end well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum StepError {
    /// Told in words.
    Unknown {
        /// Which.
        message: String,
    },
}

impl StepError {
    /// Told in words.
    #[must_use]
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::Unknown {
            message: message.into(),
        }
    }
}

/// Why a conversation is shortened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CompactionReason {
    /// It was too long.
    Auto,
    /// Somebody wants it.
    Manual,
}
