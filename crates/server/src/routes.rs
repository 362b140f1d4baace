//! The handlers, one module a group of operations.

pub(crate) mod api;
pub(crate) mod config;
pub(crate) mod control;
pub(crate) mod copy;
pub(crate) mod experimental;
pub(crate) mod file;
pub(crate) mod find;
pub(crate) mod global;
pub(crate) mod instance;
pub(crate) mod lists;
pub(crate) mod login;
pub(crate) mod mcp;
pub(crate) mod mcp_login;
pub(crate) mod message;
pub(crate) mod page;
pub(crate) mod permission;
pub(crate) mod project;
pub(crate) mod provider;
pub(crate) mod pty;
pub(crate) mod question;
pub(crate) mod session;
pub(crate) mod sync;
pub(crate) mod tui;
pub(crate) mod vcs;
pub(crate) mod workspace;
pub(crate) mod worktree;
