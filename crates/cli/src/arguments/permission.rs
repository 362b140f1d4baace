//! `opencode permission`.

use clap::{Args, Subcommand};

use super::ListFormat;

/// `opencode permission`
#[derive(Debug, Subcommand)]
pub(crate) enum Permission {
    /// List what is allowed for good in this project
    #[command(alias = "ls")]
    List {
        /// A table, or JSON
        #[arg(long, value_enum, default_value_t = ListFormat::Table)]
        format: ListFormat,
    },
    /// Allow something for good in this project; what configuration denies stays denied
    Add {
        /// The permission, such as bash or edit
        #[arg(value_name = "PERMISSION")]
        permission: String,
        /// What of it, such as "git status *"
        #[arg(value_name = "PATTERN", required = true)]
        patterns: Vec<String>,
    },
    /// No longer allow something for good
    #[command(alias = "rm")]
    Remove {
        /// The id that `list` shows
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Show why something is allowed, asked or denied: the rules, and where they come from
    Explain(PermissionExplain),
    /// Show what was allowed and denied in a session, and by which rule
    Audit {
        /// The session
        #[arg(value_name = "SESSION")]
        session: String,
        /// A table, or JSON
        #[arg(long, value_enum, default_value_t = ListFormat::Table)]
        format: ListFormat,
    },
}

/// `opencode permission explain`
#[derive(Debug, Args)]
pub(crate) struct PermissionExplain {
    /// The permission, such as bash or edit
    #[arg(value_name = "PERMISSION")]
    pub(crate) permission: String,
    /// What of it, such as "git push"
    #[arg(value_name = "PATTERN")]
    pub(crate) pattern: Option<String>,
    /// The agent that asks
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// The session that asks
    #[arg(short, long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Text, or JSON
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
}
