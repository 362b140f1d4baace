//! What crosses the pipes to the process that runs plugins: lines of JSON.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CustomTool, Login};

/// A line that it writes. An answer has an id; a notice a method; a question of it both.
#[derive(Debug, Deserialize)]
pub(crate) struct Incoming {
    pub(crate) id: Option<u64>,
    pub(crate) method: Option<String>,
    #[serde(default)]
    pub(crate) params: Value,
    #[serde(default)]
    pub(crate) result: Value,
    pub(crate) error: Option<Problem>,
}

/// Why a question has no answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Problem {
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) stack: String,
}

/// A line that it reads.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Outgoing<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) params: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'a Value>,
}

/// What plugins have to offer now.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Offer {
    pub(crate) plugins: Vec<String>,
    pub(crate) hooks: HashSet<String>,
    pub(crate) tools: Vec<CustomTool>,
    pub(crate) drafts: HashSet<String>,
    pub(crate) logins: Vec<Login>,
    /// Providers whose models a plugin lists.
    pub(crate) listers: HashSet<String>,
    /// What of it is no longer as it was, once all have started.
    pub(crate) changed: Option<String>,
}
