//! Finding, reading, merging and checking configuration, credentials, agents, skills and instructions.
//!
//! Configuration has three stages (reference `config.md` §2): *raw*, one file's text ([`text`]);
//! *merged*, all sources of a folder in their order ([`load`]); *resolved*, typed values with defaults and
//! older keys folded in ([`Loaded::config`]). Everything is asked for a folder and answers for that
//! folder; nothing is kept here. The process environment is read once, into [`Environment`].

pub mod agent;
pub mod command;
pub mod convert;
pub mod credential;
mod document;
pub mod edit;
pub mod environment;
mod error;
mod front_matter;
pub mod instruction;
mod load;
pub mod lock;
mod managed;
mod markdown;
mod merge;
mod newer;
mod older;
pub mod origin;
pub mod paths;
mod plugin;
mod profile;
pub mod reference;
pub mod remote;
mod replace;
mod resolve;
pub mod rule_origin;
pub mod rules;
mod schema;
pub mod skill;
pub mod source;
pub mod text;
mod toml;
pub mod tui;

pub use document::schema_document;
pub use environment::Environment;
pub use error::{Error, Issue};
pub use load::{Layer, Loaded, ServerSafety, global, load, server_safety};
pub use paths::Paths;
pub use replace::replace;

use std::path::Path;

/// A folder that things are looked up for.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The folder, absolute.
    pub directory: &'a Path,
    /// The root of its worktree; `/` when it is in none.
    pub worktree: &'a Path,
}

impl<'a> Place<'a> {
    /// The folder and those above it up to the root of the worktree, nearest first.
    pub fn upward(self) -> impl Iterator<Item = &'a Path> {
        let stop = self.worktree;
        let mut done = false;
        self.directory.ancestors().take_while(move |path| {
            let go_on = !done;
            done = *path == stop;
            go_on
        })
    }
}
