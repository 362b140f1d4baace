//! Wire and stored types: what sessions, messages, parts, events and catalogue entries look like as
//! JSON, on the HTTP API, in the event log and in exported files.
//!
//! No IO happens here and no rule lives here; a type knows how it is written and read, nothing else.
//! Names on the wire are exactly those of the reference program (reference `sessions.md` §1–4,
//! `openapi.json`); Rust names are ours. Optional fields that are absent are left out, never `null`.

pub mod agent;
pub mod command;
pub mod config;
pub mod error;
pub mod event;
pub mod id;
pub mod input;
pub mod listing;
pub mod mcp;
pub mod message;
pub mod model;
pub mod number;
pub mod part;
pub mod permission;
pub mod project;
pub mod prompt;
pub mod pty;
pub mod question;
pub mod session;
pub mod session_event;
pub mod session_message;
pub mod skill;
pub mod time;
pub mod workspace;

pub use error::MessageError;
pub use event::{Event, EventBody};
pub use id::{EventId, MessageId, PartId, PermissionId, PtyId, QuestionId, SessionId, WorkspaceId};
pub use message::{AssistantMessage, Message, MessageBody, MessageWithParts, UserMessage};
pub use part::{Part, PartBody, ToolState};
pub use prompt::{Prompt, SessionInput};
pub use session::Session;
pub use session_event::SessionEvent;
pub use session_message::{SessionMessage, SessionMessageBody};
pub use workspace::Workspace;

/// A JSON object with its keys in the order in which they were written.
pub type Object = serde_json::Map<String, serde_json::Value>;
