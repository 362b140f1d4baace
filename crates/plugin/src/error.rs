//! Why plugins give no answer.

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// A plugin threw.
    #[error("{message}")]
    Thrown {
        /// Its message.
        message: String,
    },
    /// It took too long.
    #[error("the plugins did not answer `{what}` within {seconds} s")]
    TimedOut {
        /// What was asked.
        what: String,
        /// How long they had.
        seconds: u64,
    },
    /// Nobody wanted the answer any more.
    #[error("`{what}` was stopped")]
    Stopped {
        /// What was asked.
        what: String,
    },
    /// The process that runs plugins ended.
    #[error("the process that runs plugins ended: {message}")]
    Ended {
        /// What is known of its end.
        message: String,
    },
}
