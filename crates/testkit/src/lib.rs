//! For tests only: a scripted model that keeps what it was sent ([`ScriptedModel`]), temporary homes and
//! projects ([`Home`]), a scripted MCP server
//! ([`McpPeer`]), and the binary under test ([`Home::command`], [`Running`]) that can be killed at a
//! chosen point.
//!
//! Nothing here needs a network, a fixed port or the real home folder.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod home;
pub mod language_server;
mod language_tools;
mod mcp_peer;
mod model;
pub mod oauth;
mod serve;
mod server_database;
mod service;
mod socket;
mod terminal;
mod wire;

/// How long anything is waited for. A test that needs more has failed.
pub(crate) const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

pub use home::{Finished, Home, Running};
pub use language_server::LanguageServer;
pub use language_tools::language_tools;
pub use mcp_peer::McpPeer;
pub use model::{Gate, Received, ScriptedModel, Step};
pub use serve::{Answer, Served};
pub use server_database::ServerDatabase;
pub use service::{Asked, Service};
pub use socket::{Frame, Socket};
pub use terminal::Terminal;
