//! The plugin host: plugins and custom tools in JavaScript and TypeScript, in a child process (reference
//! `plugins.md`).
//!
//! [`Plugins`] are those of a location. A program that runs JavaScript is started only where a plugin or a tool file
//! exists; it loads them, and is asked over its pipes: each question has a limit and a cancel, and an answer of a
//! bounded size. What it dies of is told, and ends with it; nothing of the engine waits for it then. What plugins say
//! is passed on as they say it ([`serde_json::Value`]); whoever asked decides what it means.
//!
//! Nothing here knows sessions or providers.

#[cfg(unix)]
mod door;
#[cfg(not(unix))]
#[path = "door/none.rs"]
mod door;
mod draft;
mod error;
mod hook;
mod host;
mod keeper;
mod link;
mod login;
mod message;
pub mod package;
mod plugins;
pub mod runtime;
mod settings;
mod source;
mod start;
mod tool;

pub use draft::Draft;
pub use error::Error;
pub use hook::Hook;
pub use login::{Authorization, Credentials, Loaded, Login, LoginKind, LoginMethod, Page, Prompting, Way};
pub use plugins::Plugins;
pub use runtime::Runtime;
pub use settings::{Fault, Listener, Settings};
pub use source::Source;
pub use tool::{Call, CustomTool, Output, ToolHost};
