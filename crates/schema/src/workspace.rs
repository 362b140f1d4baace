//! Workspaces: other places in which sessions of a project work (reference `http-api.md` §6.11).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::WorkspaceId;
use crate::time::Millis;

/// A place in which sessions of a project work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// What kind of place it is: the adapter that makes and reaches it.
    #[serde(rename = "type")]
    pub kind: String,
    /// What lists show.
    pub name: String,
    /// The branch that is checked out there. Parity: written as `null` when there is none.
    pub branch: Option<String>,
    /// Its folder on this machine, if it has one; written as `null` when not.
    pub directory: Option<String>,
    /// Anything that its adapter keeps with it; written as `null` when nothing.
    pub extra: Option<Value>,
    /// Its project.
    #[serde(rename = "projectID")]
    pub project_id: String,
    /// When it was last used.
    #[serde(rename = "timeUsed")]
    pub time_used: Millis,
}
