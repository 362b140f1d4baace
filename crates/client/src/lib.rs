//! The typed client of the HTTP interface (reference `http-api.md`): calls, errors in the server's shapes,
//! and event streams that connect again. Over a network, or to a server in the same process.
//!
//! It knows how requests and answers are written; what they mean is the server's business, and what is shown
//! of them that of a face. Every call has a limit; dropping its future cancels it.

mod call;
mod client;
mod error;
mod events;
mod family;
mod frames;
mod request;
mod tools;
mod transport;
mod types;

pub use client::{Client, Credentials, Options};
pub use error::{Error, Refusal};
pub use events::{Events, Signal};
pub use family::Family;
pub use request::{Reply, Request};
pub use tools::{Attachment, ToolExecution, ToolOffer, ToolOutcome};
pub use transport::{DOOR_BOUND, Door};
pub use types::{
    Command, CommandRun, Health, MessagePage, NewSession, PathInfo, Prompt, PromptModel, Providers,
    SessionChange, SessionPage, SessionQuery, Settings,
};
