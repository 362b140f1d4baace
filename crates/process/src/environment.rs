//! How the environment of a child differs from ours.

use std::ffi::{OsStr, OsString};

/// Variables that a child gets, changes or does not see. Everything else it inherits; our own
/// environment stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    changes: Vec<(OsString, Option<OsString>)>,
}

impl Environment {
    /// Sets a variable for the child.
    pub fn set(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        self.changes
            .push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
    }

    /// Hides a variable from the child.
    pub fn remove(&mut self, name: impl AsRef<OsStr>) {
        self.changes.push((name.as_ref().to_owned(), None));
    }

    /// Applies the changes in the order in which they were made.
    pub(crate) fn apply(&self, command: &mut tokio::process::Command) {
        for (name, value) in &self.changes {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    }
}
