//! Permission rules and requests (reference `agents-commands-permissions.md` §2).

use serde::{Deserialize, Serialize};

use crate::time::Millis;
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
    /// What «always» could allow instead, from the narrowest to the broadest; not in the reference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<Vec<String>>,
    /// The call that asks, when a tool does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolReference>,
    /// Whether a durable session asks: then it is told as a [`DurableRequest`].
    #[serde(skip)]
    pub is_durable: bool,
}

/// A question to the user in a durable session, as in `permission.v2.asked` and `GET /api/permission/request`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DurableRequest {
    /// Its id.
    pub id: PermissionId,
    /// The session that asks.
    #[serde(rename = "sessionID")]
    pub session_id: SessionId,
    /// Which permission.
    pub action: String,
    /// All objects that need it.
    pub resources: Vec<String>,
    /// The patterns that the answer «always» keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub save: Option<Vec<String>>,
    /// What a person wants to know before answering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<RequestSource>,
}

/// Who asks for a permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum RequestSource {
    /// A call of a tool.
    Tool(ToolReference),
}

impl From<Request> for DurableRequest {
    fn from(request: Request) -> Self {
        Self {
            id: request.id,
            session_id: request.session_id,
            action: request.permission,
            resources: request.patterns,
            save: (!request.always.is_empty()).then_some(request.always),
            metadata: (!request.metadata.is_empty()).then_some(request.metadata),
            source: request.tool.map(RequestSource::Tool),
        }
    }
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

/// An approval that is kept for a project, as `GET /api/permission/saved` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Its id.
    pub id: String,
    /// The project that it counts for.
    #[serde(rename = "projectID")]
    pub project_id: String,
    /// Which permission.
    pub action: String,
    /// Which objects of it, as a pattern.
    pub resource: String,
}

impl Saved {
    /// The same as a rule.
    #[must_use]
    pub fn rule(&self) -> Rule {
        Rule::new(&self.action, &self.resource, Action::Allow)
    }
}

/// What was decided about something that needed permission: a line of a session's audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// When.
    pub time: Millis,
    /// The call that asked, when a tool did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolReference>,
    /// Which permission.
    pub permission: String,
    /// All objects that needed it.
    pub patterns: Vec<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// For each object, what the rules say.
    pub rules: Vec<Ruling>,
}

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Rules allowed it.
    Allowed,
    /// Rules forbade it.
    Denied,
    /// The user allowed it this time.
    Once,
    /// The user allowed it for good.
    Always,
    /// The user refused it.
    Rejected,
    /// The turn ended before the user answered.
    Cancelled,
}

/// What the rules say of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// The object.
    pub pattern: String,
    /// What is to be done.
    pub action: Action,
    /// The rule that decides; without one the user is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// Where that rule comes from.
    pub from: Origin,
}

/// Where a rule comes from, as far as the desk of permissions knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// No rule fits.
    None,
    /// The agent or the session.
    Rules,
    /// An answer «always» since the program began.
    Approval,
    /// An approval that is kept for the project.
    Saved,
    /// Nothing may be changed.
    ReadOnly,
}
