//! The Agent Client Protocol, version 1: an editor speaks newline-delimited JSON-RPC on a pair of streams and
//! drives the engine with it (reference `integrations.md` §D).
//!
//! It turns requests into calls of the HTTP interface, and events into updates. It holds no rule of its own:
//! what a session may do, and what it costs, is the engine's business.

mod agent;
mod blocks;
mod choice;
mod failure;
mod feed;
mod method;
mod patch;
mod permission;
mod prompt;
mod question;
mod replay;
mod rpc;
mod servers;
mod session;
mod tool_call;
mod transcript;

pub use agent::{Options, Profile, serve};
