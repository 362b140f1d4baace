//! What is sent and received beyond the types of `schema` (reference `openapi.json`).

use indexmap::IndexMap;
use opencode_schema::input::PartInput;
use opencode_schema::model::Provider;
use opencode_schema::permission::Ruleset;
use opencode_schema::session::SessionModel;
use opencode_schema::time::Millis;
use opencode_schema::{MessageId, MessageWithParts, Session, SessionId};
use serde::{Deserialize, Serialize};

/// That a server is there, and which.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// It can work.
    pub healthy: bool,
    /// Version of the program.
    pub version: String,
}

/// Folders of the server and of the location.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PathInfo {
    /// The home of the server's user.
    pub home: String,
    /// Root of the project's working tree.
    pub worktree: String,
    /// The folder of the location.
    pub directory: String,
}

/// The providers that are connected.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Providers {
    /// All of them with their models.
    pub providers: Vec<Provider>,
    /// The best model of each by the id of the provider.
    pub default: IndexMap<String, String>,
}

/// A command that stands for a longer prompt.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Command {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
}

/// What configuration says of models.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Settings {
    /// The model when nobody chooses one, as `provider/model`.
    pub model: Option<String>,
}

/// Sessions, the last used first.
#[derive(Clone, Debug)]
pub struct SessionPage {
    /// The sessions.
    pub sessions: Vec<Session>,
    /// Before which time there are more, if there are any.
    pub older: Option<Millis>,
}

/// Which sessions are listed.
#[derive(Clone, Debug, Default)]
pub struct SessionQuery {
    /// Only those of the client's own folder, not of the whole project.
    pub only_directory: bool,
    /// Only those that no other session began.
    pub roots: bool,
    /// So many at most.
    pub limit: Option<u32>,
}

/// A session that is to be made.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewSession {
    /// The session that begins it.
    #[serde(rename = "parentID", skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<SessionId>,
    /// Its title; without one it is made of the first prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The agent that works in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The model that answers in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<SessionModel>,
    /// Rules of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<Ruleset>,
}

/// What is to be changed of a session.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SessionChange {
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Rules that are added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<Ruleset>,
    /// When it was archived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<ChangedTime>,
}

/// Times that can be set.
#[derive(Clone, Debug, Serialize)]
pub struct ChangedTime {
    /// When the session was archived.
    pub archived: Millis,
}

/// The model that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PromptModel {
    /// Who offers it.
    #[serde(rename = "providerID")]
    pub provider_id: String,
    /// Its id there.
    #[serde(rename = "modelID")]
    pub model_id: String,
}

impl PromptModel {
    /// Reads `provider/model`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (provider, model) = text.split_once('/').unwrap_or((text, ""));
        Self {
            provider_id: provider.to_owned(),
            model_id: model.to_owned(),
        }
    }
}

/// What is said to a session.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Prompt {
    /// The words and files.
    pub parts: Vec<PartInput>,
    /// The model that answers; without one the session's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PromptModel>,
    /// The agent that answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The variant of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Store it and answer nothing.
    #[serde(rename = "noReply", skip_serializing_if = "std::ops::Not::not")]
    pub no_reply: bool,
}

/// A command as it is run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CommandRun {
    /// Its name.
    pub command: String,
    /// What follows the name.
    pub arguments: String,
    /// The agent that answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The model that answers, as `provider/model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The variant of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Files that go with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartInput>,
}

/// Messages, the oldest first.
#[derive(Clone, Debug)]
pub struct MessagePage {
    /// The messages.
    pub messages: Vec<MessageWithParts>,
    /// Where older ones are, if there are any.
    pub older: Option<String>,
}

/// The body of a fork.
#[derive(Serialize)]
pub(crate) struct Fork<'a> {
    #[serde(rename = "messageID", skip_serializing_if = "Option::is_none")]
    pub(crate) message_id: Option<&'a MessageId>,
}
