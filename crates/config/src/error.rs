//! What is wrong with configuration (reference `config.md` §5.2).

use std::path::PathBuf;

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
    /// A key has a value that it cannot have.
    #[error("Configuration is invalid at {}\n↳ {message} {}", path.display(), key.join("."))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The key from the root.
        key: Vec<String>,
        /// What was expected.
        message: String,
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
