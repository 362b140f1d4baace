//! Tools that plugins and tool files bring (reference `plugins.md` §6).

use std::path::PathBuf;

use futures_util::future::BoxFuture;
use opencode_schema::Object;
use serde::Deserialize;
use serde_json::{Value, json};

/// A tool of a plugin or a tool file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct CustomTool {
    /// The name that the model calls.
    pub name: String,
    /// What the model is told.
    pub description: String,
    /// JSON Schema of its arguments: an object.
    pub parameters: Value,
}

/// One call of such a tool, as the tool sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The session.
    pub session_id: String,
    /// The assistant message.
    pub message_id: String,
    /// The provider's id of the call.
    pub call_id: String,
    /// The agent that calls.
    pub agent: String,
    /// Where it works.
    pub directory: PathBuf,
    /// Top of the checkout.
    pub worktree: PathBuf,
    /// The conversation: messages with parts.
    pub messages: Value,
}

impl Call {
    /// It by the names that tools know.
    pub(crate) fn to_wire(&self) -> Value {
        json!({
            "sessionID": self.session_id,
            "messageID": self.message_id,
            "callID": self.call_id,
            "agent": self.agent,
            "directory": self.directory,
            "worktree": self.worktree,
            "messages": self.messages,
        })
    }
}

/// What a running tool may ask of the engine.
pub trait ToolHost: Send + Sync {
    /// Shows how far it is. Never waits.
    fn metadata(&self, title: Option<String>, metadata: Object);

    /// Asks for a permission (`permission`, `patterns`, `always`, `metadata`).
    ///
    /// # Errors
    /// Why it was not given, in words for the model.
    fn ask<'a>(&'a self, question: Value) -> BoxFuture<'a, Result<(), String>>;
}

/// What a call gave: a text, or an object with one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// Its title, empty for a plain text.
    pub title: String,
    /// The text for the model.
    pub output: String,
    /// What faces are told besides.
    pub metadata: Object,
    /// Files in it: objects of `type`, `mime`, `url` and `filename`.
    pub attachments: Vec<Value>,
}

impl Output {
    /// What the process made of a tool's result; what does not fit is left out.
    pub(crate) fn from_wire(result: Value) -> Self {
        let Value::Object(mut result) = result else {
            return Self::default();
        };
        let mut take = |name: &str| result.remove(name).unwrap_or_default();
        let text = |value: Value| value.as_str().map(str::to_owned).unwrap_or_default();
        Self {
            title: text(take("title")),
            output: text(take("output")),
            metadata: take("metadata").as_object().cloned().unwrap_or_default(),
            attachments: take("attachments").as_array().cloned().unwrap_or_default(),
        }
    }
}
