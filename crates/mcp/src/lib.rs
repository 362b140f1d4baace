//! Connections to MCP servers: their tools, prompts and resources (reference `integrations.md` §A).
//!
//! [`Servers`] are those of one place. The protocol is that of the official crate; the transports, what a server
//! may cost and what becomes of one that fails are ours: messages are bounded, what is no message is skipped and
//! counted, every wait has a limit, and nobody waits for a server that he does not use. No text for a model is made
//! here, and nobody is asked for permission.

mod authorization;
mod catalogue;
mod connection;
mod elicitation;
mod error;
mod facts;
mod handler;
mod http;
mod known;
pub mod name;
pub mod oauth;
mod sampling;
mod servers;
mod sse;
mod stdio;
mod supervisor;
mod wire;

pub use authorization::{Authorizer, Authorizers, Challenge, NoAuthorizers, Unauthorized};
pub use catalogue::{Body, Content, Offer, Prompt, Resource, Tool};
pub use elicitation::{Answerer, Field, Filled, Form, Kind};
pub use error::Error;
pub use handler::Progress;
pub use sampling::{Piece, Said, Sampled, Sampling, Unsampled};
pub use servers::{MaySample, Notice, Offered, Servers, Settings};
