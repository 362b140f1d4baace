//! What callers hand in (reference `sessions.md` §4, «Input variants»).

use serde::{Deserialize, Serialize};

use crate::part::{AgentPart, FilePart, SubtaskPart, TextPart};
use crate::{PartBody, PartId};

/// A part of a prompt, with an id when the caller chose one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartInput {
    /// The id that the part shall have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<PartId>,
    /// The part.
    #[serde(flatten)]
    pub body: PartInputBody,
}

/// A part of a prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum PartInputBody {
    /// Words.
    Text(TextPart),
    /// A file or folder.
    File(FilePart),
    /// An agent that is mentioned.
    Agent(AgentPart),
    /// A task for a subagent.
    Subtask(SubtaskPart),
}

impl PartInput {
    /// Words.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            id: None,
            body: PartInputBody::Text(TextPart {
                text: text.into(),
                ..TextPart::default()
            }),
        }
    }

    /// A file or folder.
    #[must_use]
    pub fn file(file: FilePart) -> Self {
        Self {
            id: None,
            body: PartInputBody::File(file),
        }
    }
}

impl From<PartInputBody> for PartBody {
    fn from(input: PartInputBody) -> Self {
        match input {
            PartInputBody::Text(part) => Self::Text(part),
            PartInputBody::File(part) => Self::File(part),
            PartInputBody::Agent(part) => Self::Agent(part),
            PartInputBody::Subtask(part) => Self::Subtask(part),
        }
    }
}
