//! Why a server cannot be used, or did not do what it was asked.

use std::time::Duration;

use opencode_schema::mcp::Status;

use crate::authorization::Unauthorized;

/// Why a server cannot be used, or did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The configuration has no such server, and nobody added it.
    #[error("MCP server not found: {0}")]
    UnknownServer(String),
    /// There is no connection to it.
    #[error("MCP server \"{name}\" is not connected{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    NotConnected {
        /// Which.
        name: String,
        /// Why, as far as that is known.
        reason: Option<String>,
    },
    /// Its address is none.
    #[error("Invalid MCP URL for \"{0}\"")]
    InvalidUrl(String),
    /// Its configuration names no program.
    #[error("The command of the MCP server \"{0}\" is empty")]
    NoCommand(String),
    /// Its program cannot be started.
    #[error("{0}")]
    Start(String),
    /// Somebody has to do something first.
    #[error(transparent)]
    Unauthorized(#[from] Unauthorized),
    /// It did not answer in time.
    #[error("MCP error -32001: Request timed out after {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The connection ended.
    #[error("MCP error -32000: Connection closed")]
    Closed,
    /// The caller did not want to wait any longer.
    #[error("The call was cancelled")]
    Cancelled,
    /// It said that something is wrong.
    #[error("MCP error {code}: {message}")]
    Refused {
        /// The number of the error.
        code: i32,
        /// In its words.
        message: String,
    },
    /// It answered with something else than the protocol has.
    #[error("{0}")]
    Unexpected(String),
    /// Nothing could be sent.
    #[error("{0}")]
    Transport(String),
}

impl Error {
    /// How a server is that could not be connected because of it.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Unauthorized(unauthorized) => unauthorized.status(),
            // Parity: integrations.md §A2, the text of a connection that is lost.
            Self::Closed => Status::Failed {
                error: "Connection closed".to_owned(),
            },
            error => Status::Failed {
                error: error.to_string(),
            },
        }
    }
}
