//! Why the engine did not do what was asked.

use opencode_schema::{MessageId, SessionId};

/// Why the engine did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// There is no such session.
    #[error("Session not found: {0}")]
    SessionNotFound(SessionId),
    /// There is no such message in the session.
    #[error("Message not found: {0}")]
    MessageNotFound(MessageId),
    /// There is no such agent.
    #[error("Agent not found: \"{name}\". Available agents: {}", available.join(", "))]
    AgentNotFound {
        /// The name that was asked for.
        name: String,
        /// Names that could be asked for.
        available: Vec<String>,
    },
    /// There is no such command.
    #[error("Command not found: \"{name}\". Available commands: {}", available.join(", "))]
    CommandNotFound {
        /// The name that was asked for.
        name: String,
        /// Names that could be asked for.
        available: Vec<String>,
    },
    /// There is no such skill.
    #[error("Skill not found: \"{name}\". Available skills: {}", available.join(", "))]
    SkillNotFound {
        /// The name that was asked for.
        name: String,
        /// Names that could be asked for.
        available: Vec<String>,
    },
    /// The agent that configuration names as default cannot be it.
    #[error("default agent \"{name}\" {reason}")]
    DefaultAgent {
        /// Its name.
        name: String,
        /// Why it cannot be it.
        reason: &'static str,
    },
    /// Every agent that users may choose is switched off.
    #[error("no primary visible agent found")]
    NoAgent,
    /// A model cannot be used.
    #[error(transparent)]
    Catalog(#[from] opencode_catalog::Error),
    /// The database failed.
    #[error(transparent)]
    Store(opencode_store::Error),
    /// Configuration is wrong.
    #[error(transparent)]
    Config(#[from] opencode_config::Error),
    /// The session works on something else.
    #[error("Session is busy: {0}")]
    Busy(SessionId),
    /// Something that is attached to a prompt can be sent to no model.
    #[error("{0}")]
    Attachment(String),
    /// A file of an import is not what it should be.
    #[error("{0}")]
    Import(String),
    /// A session could not be shared, or taken back.
    #[error("the session cannot be shared: {0}")]
    Share(String),
    /// Files could not be brought back.
    #[error("the files could not be brought back: {0}")]
    Files(String),
    /// A model did not describe an agent.
    #[error("{0}")]
    Describe(String),
    /// Something broke down, which is a bug.
    #[error("the work broke down: {0}")]
    Broken(String),
    /// A prompt of an MCP server could not be had.
    #[error("The command \"{name}\" of an MCP server failed: {reason}")]
    McpPrompt {
        /// The command.
        name: String,
        /// Why.
        reason: String,
    },
    /// A plugin threw, or did not answer.
    #[error(transparent)]
    Plugin(#[from] opencode_plugin::Error),
    /// A terminal cannot be opened.
    #[error(transparent)]
    Terminal(#[from] opencode_process::terminal::Error),
    /// The program is ending.
    #[error("the program is ending")]
    Ending,
}

impl From<opencode_store::Error> for Error {
    fn from(error: opencode_store::Error) -> Self {
        match error {
            opencode_store::Error::NotFound { what: "session", id } => {
                Self::SessionNotFound(SessionId::trusted(id))
            }
            other => Self::Store(other),
        }
    }
}
