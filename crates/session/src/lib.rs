//! The engine: what happens between a user's prompt and the last word of the answer.
//!
//! [`Engine`] opens the store and hands out [`Location`]s; a prompt ([`Engine::prompt`]) is stored as a
//! message, the coordinator sees to it that one run a session works on it, the runner makes steps until
//! nothing is left to do, each step asks the model once and runs the tools that it calls. Everything that
//! happens is an event of the store; faces listen there and give commands here. No face is known, no
//! screen, no protocol (reference `agent-loop.md`, `sessions.md` §7).

mod attachment;
mod background;
mod command;
mod compaction;
mod coordinator;
mod copy;
mod correct;
mod database;
mod delegations;
mod describe;
mod durable;
mod engine;
mod error;
mod failure;
mod history;
mod host;
mod housekeeping;
mod image;
mod indexing;
mod lifecycle;
mod location;
mod manual;
mod mcp;
mod naming;
mod permission;
mod plan;
mod plugin;
mod probe;
mod project;
mod prompt;
mod recover;
mod recovery;
mod references;
mod relocate;
mod reminder;
mod remote;
mod remote_skills;
mod revert;
mod runner;
mod share;
mod shell;
mod slug;
mod spending;
mod step;
mod subagent;
mod summary;
mod system;
mod terminals;
mod title;
mod todos;
mod transfer;
mod watching;
mod web;
mod workspace;
mod worktree;

pub use command::CommandCall;
pub use copy::CopyError;
pub use database::database;
pub use describe::Description;
pub use durable::{Admission, AdmissionError, LeftBehind};
pub use engine::{Engine, Options};
pub use error::Error;
pub use housekeeping::Cleaned;
pub use indexing::{Hit, IndexProgress, IndexQuestion, IndexStatus};
pub use lifecycle::{NewSession, SessionChange};
pub use location::{Ground, Location};
pub use manual::{Offered, ToolRefusal, ToolRun};
pub use mcp::ServerLoginError;
pub use opencode_lsp::{Languages, Mode, Position, Question};
pub use opencode_plugin::{LoginKind, LoginMethod};
pub use opencode_tool::registry::Audience;
pub use permission::{Explanation, Matter, Reason, Source};
pub use plugin::{PluginCredential, PluginLogins};
pub use project::ProjectChange;
pub use prompt::Prompt;
pub use recover::Stray;
pub use relocate::MoveError;
pub use shell::UserCommand;
pub use spending::{Spending, Use};
pub use terminals::{NewTerminal, OpenTerminal, TerminalChange, Terminals, TerminalsOf};
pub use transfer::{Transcript, sanitize};
pub use workspace::{KIND as WORKSPACE_KIND, NewWorkspace, WorkspaceError};
pub use worktree::{Branch, NewWorktree, Worktree, WorktreeError};
