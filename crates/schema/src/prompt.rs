//! Prompts of durable sessions, from admission to the conversation (reference `v2.md` §4).

use serde::{Deserialize, Serialize};

use crate::time::Millis;
use crate::{MessageId, PartBody, SessionId};

/// What a user says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    /// In words.
    pub text: String,
    /// Files that belong to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<PromptFile>>,
    /// Agents that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agents: Option<Vec<PromptAgent>>,
}

impl Prompt {
    /// The prompt as it was given, without what was read of its files.
    #[must_use]
    pub fn without_content(&self) -> Self {
        let mut given = self.clone();
        for file in given.files.iter_mut().flatten() {
            file.content = Vec::new();
        }
        given
    }
}

/// A file of a prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromptFile {
    /// Its address: `file:`, `data:`, `http:` or `https:`.
    pub uri: String,
    /// Media type.
    pub mime: String,
    /// Name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where the text names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PromptSource>,
    /// What was read of it when the prompt was admitted, as a model is told it; not in the reference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<PartBody>,
}

/// An agent that a prompt names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromptAgent {
    /// Its name.
    pub name: String,
    /// Where the text names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PromptSource>,
}

/// A piece of the text of a prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromptSource {
    /// Its first character, from 0.
    pub start: u64,
    /// The character behind its last.
    pub end: u64,
    /// The piece.
    pub text: String,
}

/// When a prompt is taken into the conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// Before the next call of a model.
    #[default]
    Steer,
    /// When everything before it is answered.
    Queue,
}

impl Delivery {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Steer => "steer",
            Self::Queue => "queue",
        }
    }
}

/// A prompt that was admitted to a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionInput {
    /// Its place in the log.
    pub admitted_seq: i64,
    /// The id of the message that it becomes.
    pub id: MessageId,
    /// Of which session.
    #[serde(rename = "sessionID")]
    pub session_id: SessionId,
    /// What is said.
    pub prompt: Prompt,
    /// When it is taken.
    pub delivery: Delivery,
    /// When it was admitted.
    pub time_created: Millis,
    /// The place in the log where it was taken into the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted_seq: Option<i64>,
}
