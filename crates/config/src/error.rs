//! What is wrong with configuration (reference `config.md` §5.2).

use std::path::PathBuf;

pub use crate::schema::Issue;

fn listed(issues: &[Issue]) -> String {
    issues
        .iter()
        .map(|issue| {
            let mut line = format!("\n↳ {} {}", issue.message, issue.key.join("."));
            if let Some((row, column)) = issue.place {
                line.push_str(&format!(" (line {row}, column {column})"));
            }
            if let Some(hint) = &issue.hint {
                line.push_str(&format!(" — {hint}"));
            }
            line
        })
        .collect()
}

/// What is wrong with configuration: which file, where in it, and what was expected.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("Config file at {} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A file cannot be changed.
    #[error("Config file at {} cannot be written: {reason}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A file is no JSON with comments, or no TOML.
    #[error("Config file at {} is not valid {language}: {reason} at line {line}, column {column}\n{excerpt}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What it should be.
        language: &'static str,
        /// What is wrong.
        reason: String,
        /// Line from 1.
        line: usize,
        /// Column from 1.
        column: usize,
        /// The line with a mark below the column.
        excerpt: String,
    },
    /// Keys have values that they cannot have.
    #[error("Configuration is invalid at {}{}", path.display(), listed(issues))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong where.
        issues: Vec<Issue>,
    },
    /// A `{file:…}` that cannot be read.
    #[error("Configuration is invalid at {}: bad file reference: \"{reference}\" {reason}", path.display())]
    BadReference {
        /// The file that refers.
        path: PathBuf,
        /// The reference as written.
        reference: String,
        /// Why it cannot be read.
        reason: String,
    },
    /// Configuration of a log-in cannot be had.
    #[error("Remote configuration from {address} cannot be had: {reason}")]
    Remote {
        /// Where it is.
        address: String,
        /// Why not.
        reason: String,
    },
    /// A log-in has ended.
    #[error(
        "Remote configuration from {remote} cannot be had: a page to log in came instead\nRun `opencode auth login {address}` again"
    )]
    RemoteLogin {
        /// The log-in.
        address: String,
        /// Where its configuration is.
        remote: String,
    },
    /// No configuration has the profile that was chosen.
    #[error("There is no profile \"{name}\"{}", profiles(available))]
    NoProfile {
        /// The profile.
        name: String,
        /// Those that there are.
        available: Vec<String>,
    },
}

fn profiles(available: &[String]) -> String {
    if available.is_empty() {
        return "\nProfiles are objects under \"profile\" of a configuration file".to_owned();
    }
    format!("\nThere are: {}", available.join(", "))
}
