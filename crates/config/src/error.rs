//! What is wrong with configuration (reference `config.md` §5.2).

use std::path::PathBuf;

pub use crate::schema::Issue;

fn listed(issues: &[Issue]) -> String {
    issues
        .iter()
        .map(|Issue { key, message }| format!("\n↳ {message} {}", key.join(".")))
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
    /// A file is no JSON with comments.
    #[error("Config file at {} is not valid JSON(C): {reason} at line {line}, column {column}\n{excerpt}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
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
}
