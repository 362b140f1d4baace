//! `opencode mcp` (reference `cli.md` §7).

use clap::{Args, Subcommand};

/// `opencode mcp`
#[derive(Debug, Subcommand)]
pub(crate) enum Mcp {
    /// Log in at a server
    Auth(McpAuth),
    /// Forget the login at a server
    Logout {
        /// Name of the server
        name: Option<String>,
    },
    /// See what a server says to somebody who is not logged in, and to who is
    Debug {
        /// Name of the server
        name: String,
    },
}

/// `opencode mcp auth`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct McpAuth {
    /// Name of the server
    pub(crate) name: Option<String>,
    #[command(subcommand)]
    pub(crate) action: Option<McpAuthAction>,
}

/// What is done about logins.
#[derive(Debug, Subcommand)]
pub(crate) enum McpAuthAction {
    /// List the servers at which one can log in, and whether somebody is
    #[command(visible_alias = "ls")]
    List,
}
