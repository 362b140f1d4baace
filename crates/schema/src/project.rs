//! Projects (reference `sessions.md` §6).

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// A project: one repository whatever its clones and worktrees, or `global` for all other folders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// SHA-1 of the remote or the first commit, or `global`.
    pub id: String,
    /// The folder in which it was first seen; `/` for `global`.
    pub worktree: String,
    /// The version control system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vcs: Option<Vcs>,
    /// The name the user gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its picture and colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<Icon>,
    /// Commands of the project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commands: Option<Commands>,
    /// When it was seen.
    pub time: Times,
    /// Further folders of the same project (worktrees, clones).
    pub sandboxes: Vec<String>,
}

/// A version control system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vcs {
    /// git
    Git,
}

/// How a project is drawn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Icon {
    /// Found in the project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Chosen by the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#override: Option<String>,
    /// Colour name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
}

/// Commands of a project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Commands {
    /// Run in a new worktree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
}

/// When a project was created, changed and initialised.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// First seen.
    pub created: Millis,
    /// Last changed.
    pub updated: Millis,
    /// When its rules file was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initialized: Option<Millis>,
}
