//! `opencode debug`.

use clap::{Args, Subcommand};

/// `opencode debug`
#[derive(Debug, Subcommand)]
pub(crate) enum Debug {
    /// Print the configuration as it takes effect, without secrets
    Config,
    /// Print the folders that are used
    Paths,
    /// Print what a report of a bug should say
    Info,
    /// Print an agent with its tools, or run one of them
    Agent(DebugAgent),
    /// Print the skills
    Skill,
    /// Print all known projects
    Scrap,
    /// Look at the trees of files that are kept for undo
    #[command(subcommand, arg_required_else_help = true)]
    Snapshot(DebugSnapshot),
    /// Look at files as the program does
    #[command(subcommand, arg_required_else_help = true)]
    File(DebugFile),
    /// Search as the program does
    #[command(subcommand, arg_required_else_help = true)]
    Rg(DebugRg),
    /// Ask language servers
    #[command(subcommand, arg_required_else_help = true)]
    Lsp(DebugLsp),
    /// Print how long the start took, in milliseconds
    Startup,
    /// Wait until a signal comes
    Wait,
}

/// `opencode debug agent`
#[derive(Debug, Args)]
pub(crate) struct DebugAgent {
    /// The agent
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// A tool to run as this agent
    #[arg(long, value_name = "TOOL")]
    pub(crate) tool: Option<String>,
    /// What it is given, as JSON
    #[arg(long, value_name = "JSON", requires = "tool")]
    pub(crate) params: Option<String>,
}

/// `opencode debug snapshot`
#[derive(Debug, Subcommand)]
pub(crate) enum DebugSnapshot {
    /// Keep the files as they are now, and print under which name
    Track,
    /// Print which files have changed since
    Patch {
        /// What `track` printed
        hash: String,
    },
    /// Print how files have changed since
    Diff {
        /// What `track` printed
        hash: String,
    },
}

/// `opencode debug lsp`
#[derive(Debug, Subcommand)]
pub(crate) enum DebugLsp {
    /// Print what is wrong with a file, and with others that were looked at for it
    Diagnostics {
        /// The file, from here
        file: String,
    },
    /// Print declarations of the project
    Symbols {
        /// A part of their names
        query: String,
    },
    /// Print the declarations of a file
    DocumentSymbols {
        /// Its address (file://…) or its path
        uri: String,
    },
}

/// `opencode debug file`
#[derive(Debug, Subcommand)]
pub(crate) enum DebugFile {
    /// Print a file as JSON
    Read {
        /// The file, from here
        path: String,
    },
    /// List a folder
    List {
        /// The folder, from here
        path: String,
    },
    /// Search files by parts of their names
    Search {
        /// Some letters of the name, in their order
        query: String,
    },
}

/// `opencode debug rg`
#[derive(Debug, Subcommand)]
pub(crate) enum DebugRg {
    /// List files
    Files {
        /// Only those with this in their path
        #[arg(long, value_name = "TEXT")]
        query: Option<String>,
        /// Only those that fit this pattern
        #[arg(long, value_name = "PATTERN")]
        glob: Option<String>,
        /// So many at most
        #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
        limit: usize,
    },
    /// Search in files
    Search {
        /// A regular expression
        pattern: String,
        /// Only in files that fit this pattern
        #[arg(long, value_name = "PATTERN")]
        glob: Option<String>,
        /// So many lines at most
        #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
        limit: usize,
    },
}
