//! `opencode mcp` (reference `cli.md` §7).

use clap::{Args, Subcommand};

/// `opencode mcp`
#[derive(Debug, Subcommand)]
pub(crate) enum Mcp {
    /// List the servers and whether they can be had
    #[command(visible_alias = "ls")]
    List,
    /// Write a server into the configuration
    Add(McpAdd),
    /// Log in at a server
    Auth(McpAuth),
    /// Forget the login at a server
    Logout {
        /// Name of the server
        name: Option<String>,
    },
    /// Be an MCP server for another program
    Serve(McpServe),
    /// See what a server says to somebody who is not logged in, and to who is
    Debug {
        /// Name of the server
        name: String,
    },
}

/// `opencode mcp add`
#[derive(Debug, Args)]
pub(crate) struct McpAdd {
    /// Name of the server; without it you are asked for everything
    pub(crate) name: Option<String>,
    /// Address of a server elsewhere
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Header of every request to it
    #[arg(long = "header", value_name = "KEY=VALUE")]
    pub(crate) headers: Vec<String>,
    /// Variable of the program of a server here
    #[arg(long = "env", value_name = "KEY=VALUE")]
    pub(crate) environment: Vec<String>,
    /// Program of a server here, and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// `opencode mcp serve`
#[derive(Debug, Args)]
#[command(after_help = SERVE_HELP)]
pub(crate) struct McpServe {
    /// Listen for clients over HTTP, instead of serving one over standard input and output
    #[arg(long)]
    pub(crate) http: bool,
    /// Port to listen on; 0 takes any [default: 0]
    #[arg(long, requires = "http")]
    pub(crate) port: Option<u16>,
    /// Name or address of the interface to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "HOST", requires = "http")]
    pub(crate) hostname: Option<String>,
    /// Origins of pages that may use the server, beside those of this machine
    #[arg(long, value_name = "ORIGIN", num_args = 1.., requires = "http")]
    pub(crate) cors: Vec<String>,
    /// Let other machines have things executed although no password is set
    #[arg(long, requires = "http")]
    pub(crate) insecure: bool,
}

const SERVE_HELP: &str = "\
The client gives prompts, reads sessions and uses the file tools, in the folder that the command is started in. What \
the configuration wants to be asked is asked of the client's user. Over HTTP, clients show the password of \
OPENCODE_SERVER_PASSWORD or the token of OA_SERVER_TOKEN where one is set.";

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
