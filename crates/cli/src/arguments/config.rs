//! `opencode config`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `opencode config`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Config {
    /// Print keys, values and sources as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) action: Option<ConfigAction>,
}

/// What is done with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Print one value that is in force
    Get {
        /// The key, such as agent.build.model
        key: String,
    },
    /// Set a key of a file; its comments stay
    Set {
        /// The key, such as agent.build.model
        key: String,
        /// The value as JSON, or a text
        value: String,
        #[command(flatten)]
        place: ConfigPlace,
    },
    /// Remove a key from a file; its comments stay
    Unset {
        /// The key, such as agent.build.model
        key: String,
        #[command(flatten)]
        place: ConfigPlace,
    },
    /// Print a file in another notation, with older keys in today's words
    Convert {
        /// The file: .json, .jsonc or .toml
        file: PathBuf,
        /// The notation; that of the file when it is not said
        #[arg(long, value_enum, value_name = "NOTATION")]
        to: Option<Notation>,
        /// Write it beside the file, which is kept as a copy that is not read
        #[arg(long)]
        write: bool,
    },
    /// Print the JSON Schema of configuration files
    Schema,
}

/// Which file is changed; that of this folder when nothing is said.
#[derive(Debug, Args)]
pub(crate) struct ConfigPlace {
    /// Change the file that counts for every folder
    #[arg(long, conflicts_with = "file")]
    pub(crate) global: bool,
    /// Change this file
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
}

/// Notations of configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Notation {
    /// Without comments.
    Json,
    /// JSON with comments.
    Jsonc,
    /// TOML.
    Toml,
}
