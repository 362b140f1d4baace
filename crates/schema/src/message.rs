//! Messages (reference `sessions.md` §3).
//!
//! A message is its ids and its body; the body alone is what the database stores in `message.data`.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::session::{Cost, FileDiff, Tokens};
use crate::time::Millis;
use crate::{MessageError, MessageId, Object, Part, SessionId};

/// A message of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The session it belongs to.
    #[serde(rename = "sessionID")]
    pub session_id: SessionId,
    /// Everything else.
    #[serde(flatten)]
    pub body: MessageBody,
}

/// A message without its ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "lowercase")]
pub enum MessageBody {
    /// From the user.
    User(Box<UserMessage>),
    /// From the model: one step of a turn.
    Assistant(Box<AssistantMessage>),
}

/// What the user sent; its contents are in the parts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UserMessage {
    /// When it was sent.
    pub time: UserTime,
    /// The wanted form of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<OutputFormat>,
    /// What the turn changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<MessageSummary>,
    /// The agent that answers.
    pub agent: String,
    /// The model that answers.
    pub model: MessageModel,
    /// Added to the system prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Tools switched off by name (deprecated way to set permissions).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<IndexMap<String, bool>>,
}

/// When a user message was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserTime {
    /// When it was sent.
    pub created: Millis,
}

/// The wanted form of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OutputFormat {
    /// Free text.
    Text,
    /// JSON that fits a schema.
    JsonSchema {
        /// JSON Schema.
        schema: Object,
        /// How often to ask again.
        #[serde(rename = "retryCount", default = "default_retry_count")]
        retry_count: u32,
    },
}

fn default_retry_count() -> u32 {
    2
}

/// What a turn changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MessageSummary {
    /// Heading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Changed files.
    pub diffs: Vec<FileDiff>,
}

/// The model of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageModel {
    /// Provider id.
    #[serde(rename = "providerID")]
    pub provider_id: String,
    /// Model id within the provider.
    #[serde(rename = "modelID")]
    pub model_id: String,
    /// Named set of options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// One step of the model; its contents are in the parts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AssistantMessage {
    /// When it began and ended.
    pub time: AssistantTime,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<MessageError>,
    /// The user message that it answers.
    #[serde(rename = "parentID")]
    pub parent_id: MessageId,
    /// Model id within the provider.
    #[serde(rename = "modelID")]
    pub model_id: String,
    /// Provider id.
    #[serde(rename = "providerID")]
    pub provider_id: String,
    /// Same as `agent` (older name).
    pub mode: String,
    /// The agent that answered.
    pub agent: String,
    /// Where it worked.
    pub path: MessagePath,
    /// Whether it summarises the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<bool>,
    /// US dollars.
    pub cost: Cost,
    /// Tokens of the last step.
    pub tokens: Tokens,
    /// The captured answer when a JSON schema was wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured: Option<Value>,
    /// Named set of options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Why the model stopped: `stop`, `tool-calls`, `length`, `content-filter`, `error`, `unknown`, other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
}

/// When an assistant message began and ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssistantTime {
    /// When it began.
    pub created: Millis,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<Millis>,
}

/// Where a message was worked on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagePath {
    /// Folder of the session.
    pub cwd: String,
    /// Worktree of the project.
    pub root: String,
}

/// A message with its parts in order, as the API and exports give it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessageWithParts {
    /// The message.
    pub info: Message,
    /// Its parts in the order of their ids.
    pub parts: Vec<Part>,
}

impl Message {
    /// When it was created.
    #[must_use]
    pub fn created(&self) -> Millis {
        match &self.body {
            MessageBody::User(user) => user.time.created,
            MessageBody::Assistant(assistant) => assistant.time.created,
        }
    }

    /// The user's side of it.
    #[must_use]
    pub fn as_user(&self) -> Option<&UserMessage> {
        match &self.body {
            MessageBody::User(user) => Some(user),
            MessageBody::Assistant(_) => None,
        }
    }

    /// The model's side of it.
    #[must_use]
    pub fn as_assistant(&self) -> Option<&AssistantMessage> {
        match &self.body {
            MessageBody::Assistant(assistant) => Some(assistant),
            MessageBody::User(_) => None,
        }
    }
}
