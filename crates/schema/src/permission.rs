//! Permission rules and requests (reference `agents-commands-permissions.md` §2).

use serde::{Deserialize, Serialize};

use crate::{MessageId, Object, PermissionId, SessionId};

/// What a rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Goes on silently.
    Allow,
    /// Is refused.
    Deny,
    /// The user decides.
    Ask,
}

/// One rule: both fields are patterns with `*` and `?`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Which permission (`bash`, `edit`, the id of a tool…).
    pub permission: String,
    /// Which object of it (a command, a path…).
    pub pattern: String,
    /// What to do.
    pub action: Action,
}

impl Rule {
    /// A rule of its three fields.
    #[must_use]
    pub fn new(permission: impl Into<String>, pattern: impl Into<String>, action: Action) -> Self {
        Self {
            permission: permission.into(),
            pattern: pattern.into(),
            action,
        }
    }
}

/// Rules in the order in which they were declared; the last that matches decides.
pub type Ruleset = Vec<Rule>;

/// A question to the user, as in `permission.asked` and `GET /permission`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Its id.
    pub id: PermissionId,
    /// The session that asks.
    #[serde(rename = "sessionID")]
    pub session_id: SessionId,
    /// Which permission.
    pub permission: String,
    /// All objects that need it.
    pub patterns: Vec<String>,
    /// What a person wants to know before answering (a diff, the command…).
    pub metadata: Object,
    /// The patterns that the answer «always» allows from then on.
    pub always: Vec<String>,
    /// The call that asks, when a tool does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolReference>,
}

/// The tool call that a request belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolReference {
    /// The assistant message.
    #[serde(rename = "messageID")]
    pub message_id: MessageId,
    /// The provider's id of the call.
    #[serde(rename = "callID")]
    pub call_id: String,
}

/// The user's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// This time.
    Once,
    /// From now on, until the instance ends.
    Always,
    /// No.
    Reject,
}
