//! Language servers: which there are, their start and end, and what they say of files (reference `integrations.md`
//! §B).
//!
//! [`Languages`] are the servers of a location. Nothing is started before a file is touched that a server is for; a
//! server that does not answer, says nothing, takes too much memory or dies holds nobody up beyond a limit, and all
//! end with their location. What servers answer is passed on as they say it ([`serde_json::Value`]); nothing here
//! changes a file.
//!
//! [`packages`] finds programs, and installs those that package managers bring.

mod client;
mod config;
mod connection;
pub mod diagnostics;
pub mod edits;
mod keeper;
mod languages;
mod launch;
mod location;
pub mod packages;
mod query;
mod root;
mod table;
mod waiting;
mod wire;

pub use connection::Unanswered;
pub use keeper::Limits;
pub use languages::{Languages, OnChange, Settings, State, Status};
pub use launch::Ground;
pub use location::Position;
pub use packages::{Packages, Source};
pub use query::{Question, symbol_kinds};
pub use waiting::Mode;
