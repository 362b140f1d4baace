//! Skills as the API shows them (reference `agents-commands-permissions.md` §4.1).

use std::path::Path;

use serde::{Deserialize, Serialize};

/// Instructions that a model loads when it needs them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skill {
    /// Its name.
    pub name: String,
    /// When to use it; a skill without one is not offered to models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Absolute path of its `SKILL.md`, or [`Skill::BUILT_IN`].
    pub location: String,
    /// Its text without front matter.
    pub content: String,
}

impl Skill {
    /// The location of a skill that comes with the program.
    pub const BUILT_IN: &'static str = "<built-in>";

    /// The folder that its relative paths start from; none for one that is built in.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        Path::new(&self.location)
            .parent()
            .filter(|_| self.location != Self::BUILT_IN)
    }
}
