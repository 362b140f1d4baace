//! What can go wrong while one logs in.

use crate::authorization::Unauthorized;

/// Why a login did not come about, or a token could not be had. No message holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OAuthError {
    /// The configured address is none.
    #[error("Invalid MCP URL for \"{name}\"")]
    InvalidUrl {
        /// The server.
        name: String,
    },
    /// Configuration wants no logins there.
    #[error("MCP server {name} does not support OAuth")]
    Unsupported {
        /// The server.
        name: String,
    },
    /// Nothing came.
    #[error("{url} cannot be reached: {reason}")]
    Unreachable {
        /// The address.
        url: String,
        /// Why.
        reason: String,
    },
    /// The answer is none that helps.
    #[error("{url} answers {what}")]
    Unexpected {
        /// The address.
        url: String,
        /// What came.
        what: String,
    },
    /// The authorization server refused.
    #[error("{}{}", code, told(description))]
    Refused {
        /// The code of the error.
        code: String,
        /// What the server said of it.
        description: String,
    },
    /// The server says that it is another one.
    #[error("Protected resource {resource} does not match expected {server} (or origin)")]
    ResourceMismatch {
        /// What it says.
        resource: String,
        /// What was asked.
        server: String,
    },
    /// The authorization server says that it is another one.
    #[error("The authorization server {expected} says that it is {issuer}; its tokens are not accepted")]
    IssuerMismatch {
        /// What it says.
        issuer: String,
        /// What was asked.
        expected: String,
    },
    /// The authorization server cannot do what is needed.
    #[error("The authorization server cannot be used: {0}")]
    Incompatible(String),
    /// This program cannot make itself known.
    #[error("Server does not support dynamic client registration. Please provide clientId in config.")]
    NoRegistration,
    /// Nobody could come back from the browser.
    #[error("The login cannot come back to port {port} of this machine: {reason}")]
    NoWayBack {
        /// The port.
        port: u16,
        /// Why.
        reason: String,
    },
    /// The user, or the server, said no.
    #[error("{0}")]
    Denied(String),
    /// Nobody came back.
    #[error("OAuth callback timeout - authorization took too long")]
    TooLate,
    /// It was given up.
    #[error("Authorization cancelled")]
    Cancelled,
    /// There is no login to finish.
    #[error("No pending OAuth flow for MCP server: {name}")]
    NotBegun {
        /// The server.
        name: String,
    },
    /// Too many logins go on at once.
    #[error("too many logins go on at once")]
    TooMany,
    /// The code brought no tokens.
    #[error("OAuth completion failed: {0}")]
    Completion(Box<OAuthError>),
    /// What would be good for the request was not given.
    #[error(
        "The login does not cover what the server asks for here: {scope}. Name it in `oauth.scope` and log in again."
    )]
    InsufficientScope {
        /// What the server asks for.
        scope: String,
    },
    /// The file of logins cannot be read or written.
    #[error("the login cannot be stored: {0}")]
    Store(String),
    /// There is no randomness.
    #[error("there is no randomness: {0}")]
    NoRandomness(String),
}

/// Characters of what somebody else says that are shown.
const SHOWN: usize = 300;

/// What somebody else says, as far as it may be shown: not too long, and nothing that drives a terminal.
pub(super) fn words(text: &str) -> String {
    let visible = text.chars().filter(|character| !character.is_control());
    visible.take(SHOWN).collect()
}

fn told(description: &str) -> String {
    if description.is_empty() {
        String::new()
    } else {
        format!(": {description}")
    }
}

impl OAuthError {
    pub(super) fn store(reason: &impl ToString) -> Self {
        Self::Store(reason.to_string())
    }

    /// The code of the authorization server's refusal.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// What it means for a connection.
    #[must_use]
    pub fn unauthorized(&self) -> Unauthorized {
        match self {
            Self::NoRegistration => Unauthorized::ClientRegistration(self.to_string()),
            _ => Unauthorized::Failed(self.to_string()),
        }
    }
}
