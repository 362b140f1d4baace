//! Errors as users see them, and the code that the program ends with (reference `cli.md` §1).

use std::process::ExitCode;

use crate::output::Output;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// For the user: what happened, and in further lines what to do.
    Told(String),
    /// The user has been told already.
    Silent,
    /// The user stopped the command by a signal.
    Interrupted,
    /// Something nobody thought of.
    Unexpected(anyhow::Error),
}

/// What a shell sees of a program that ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

impl Failure {
    pub(crate) fn told(text: impl Into<String>) -> Self {
        Self::Told(text.into())
    }

    /// Tells the user and gives the code.
    pub(crate) fn report(self, output: Output) -> ExitCode {
        match self {
            Self::Told(_) | Self::Unexpected(_) => output.error(&self),
            Self::Silent => {}
            Self::Interrupted => return ExitCode::from(INTERRUPTED),
        }
        ExitCode::FAILURE
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Told(text) => f.write_str(text),
            Self::Unexpected(error) => write!(f, "Unexpected error\n{error:#}"),
            Self::Silent | Self::Interrupted => Ok(()),
        }
    }
}

impl From<opencode_session::Error> for Failure {
    fn from(error: opencode_session::Error) -> Self {
        Self::Told(error.to_string())
    }
}

impl From<opencode_store::Error> for Failure {
    fn from(error: opencode_store::Error) -> Self {
        Self::Told(error.to_string())
    }
}

impl From<opencode_catalog::Error> for Failure {
    fn from(error: opencode_catalog::Error) -> Self {
        Self::Told(error.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Unexpected(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Unexpected(error.into())
    }
}
