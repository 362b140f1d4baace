//! Commands as the API shows them (reference `agents-commands-permissions.md` §3).

use serde::{Deserialize, Serialize};

/// A prompt with a name and places for arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The agent that it is given to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// `provider/model` that answers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Named set of options of that model; not on the wire.
    #[serde(skip)]
    pub variant: Option<String>,
    /// Where it comes from.
    pub source: Source,
    /// The prompt.
    pub template: String,
    /// Whether it runs in a session of its own; the agent decides when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtask: Option<bool>,
    /// The places for arguments in the prompt: `$1`, `$2`, …, `$ARGUMENTS`.
    pub hints: Vec<String>,
}

/// Where a command comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The program, configuration or a Markdown file.
    Command,
    /// A prompt of an MCP server.
    Mcp,
    /// A skill.
    Skill,
}
