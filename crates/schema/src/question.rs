//! Questions of the model to the user (reference `openapi.json`, `QuestionRequest`).

use serde::{Deserialize, Serialize};

use crate::permission::ToolReference;
use crate::{QuestionId, SessionId};

/// One question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The question in full.
    pub question: String,
    /// The same in a word or two.
    pub header: String,
    /// What can be chosen.
    pub options: Vec<Choice>,
    /// Whether several can be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiple: Option<bool>,
    /// Whether own words are an answer; they are unless this is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<bool>,
}

/// What can be chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What is shown and answered.
    pub label: String,
    /// What it means.
    pub description: String,
}

/// The labels, or own words, that answer one question.
pub type Answer = Vec<String>;

/// Questions that wait for their answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its id.
    pub id: QuestionId,
    /// The session that waits.
    #[serde(rename = "sessionID")]
    pub session_id: SessionId,
    /// What is asked.
    pub questions: Vec<Question>,
    /// The call that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolReference>,
    /// Whether a durable session asks: its events have names of their own.
    #[serde(skip)]
    pub is_durable: bool,
}
