//! Tools that clients call themselves (reference `seed-http.md` §4).

use opencode_schema::SessionId;
use opencode_schema::permission::Action;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::client::Client;
use crate::error::Error;

/// A tool that a location offers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ToolOffer {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The JSON schema of its arguments.
    pub parameters: Value,
    /// What the rules say of it in general.
    pub permission: Action,
}

/// A call of a tool.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ToolExecution {
    /// The tool.
    pub tool: String,
    /// What it is given.
    pub arguments: Map<String, Value>,
    /// The session that is asked where rules say so; without one nobody is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// Milliseconds that it may take, the user's answers included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ToolOutcome {
    /// `completed` or `error`.
    pub status: String,
    /// What the tool says.
    pub output: String,
    /// Files that belong to it.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
}

/// A file that belongs to the outcome of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Attachment {
    /// Its media type.
    pub mime: String,
    /// Its content as a `data:` address, or where it is.
    pub url: String,
    /// What it is called.
    pub name: Option<String>,
}

#[derive(Deserialize)]
struct Offers {
    tools: Vec<ToolOffer>,
}

/// Every call fails as [`Error`] says; what a server refuses is [`Error::Refused`].
#[allow(clippy::missing_errors_doc, reason = "said above for all of them")]
impl Client {
    /// The tools of the location, as its usual agent may use them.
    pub async fn tools(&self) -> Result<Vec<ToolOffer>, Error> {
        let offers: Offers = self.answer(self.call(Method::GET, &["api", "tools"])).await?;
        Ok(offers.tools)
    }

    /// Runs a tool. It is stopped when nobody waits for it any more.
    pub async fn execute_tool(&self, execution: &ToolExecution) -> Result<ToolOutcome, Error> {
        let call = self.call(Method::POST, &["api", "tools", "execute"]);
        self.answer(call.body(execution).unlimited()).await
    }
}
