//! Arguments of this face's own tools.

use rmcp::model::JsonObject;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// `prompt`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Prompt {
    /// What is said.
    pub(crate) text: String,
    /// The session that goes on.
    #[serde(rename = "sessionID")]
    pub(crate) session_id: Option<String>,
    /// The agent that answers.
    pub(crate) agent: Option<String>,
    /// The model that answers, as `provider/model`.
    pub(crate) model: Option<String>,
}

/// `session_list`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionList {
    /// So many at most.
    pub(crate) limit: Option<u32>,
}

/// `session_read`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionRead {
    /// The session.
    #[serde(rename = "sessionID")]
    pub(crate) session_id: String,
    /// So many messages at most.
    pub(crate) limit: Option<u32>,
    /// Those before this place, as an earlier page named it.
    pub(crate) before: Option<String>,
}

/// Reads arguments; what is wrong with them is told.
pub(crate) fn read<T: DeserializeOwned>(given: Option<JsonObject>) -> Result<T, String> {
    let given = Value::Object(given.unwrap_or_default());
    serde_json::from_value(given).map_err(|error| format!("The arguments do not fit: {error}"))
}

/// A limit between 1 and `most`.
pub(crate) fn limit(given: Option<u32>, usual: u32, most: u32) -> Result<u32, String> {
    match given.unwrap_or(usual) {
        limit if (1..=most).contains(&limit) => Ok(limit),
        limit => Err(format!("The argument `limit` is 1 to {most}, not {limit}")),
    }
}
