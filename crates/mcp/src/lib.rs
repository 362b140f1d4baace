//! Connections to MCP servers: their tools, prompts and resources (reference `integrations.md` §A).
//!
//! The protocol is that of the official crate; the transports, what a server may cost and what becomes of one
//! that fails are ours. No text for a model is made here, and nobody is asked for permission.

mod authorization;

pub use authorization::{Authorizer, Authorizers, Challenge, NoAuthorizers, Unauthorized};
