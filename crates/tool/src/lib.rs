//! The tool contract, the registry and every built-in tool.
//!
//! A tool is one file of code with its description beside it as text. It reads and writes the world of
//! its [`Scope`] (a folder and what belongs to it) and reaches the engine only through [`Host`]: it asks
//! for permission there, reports progress there, announces events there. It knows no session, no model
//! and no face (reference `tools.md`).

pub mod apply_patch;
pub mod bash;
pub mod batch;
pub mod codesearch;
pub mod contract;
pub mod custom;
pub(crate) mod diagnostics;
mod durable;
pub mod edit;
pub mod formatter;
pub mod glob;
pub mod grep;
pub mod invalid;
pub mod job;
pub mod jobs;
pub mod list;
pub mod lsp;
pub mod mcp;
pub mod multiedit;
pub mod plan_exit;
pub mod question;
pub mod read;
pub mod registry;
pub mod rm;
pub mod schema;
pub mod skill;
pub mod structured_output;
pub mod task;
#[cfg(test)]
mod testing;
pub mod todoread;
pub mod todowrite;
pub mod truncation;
mod web;
pub mod webfetch;
pub mod websearch;
pub mod write;

pub use contract::{Ask, Call, Definition, Failure, Host, Output, Scope, Tool};
