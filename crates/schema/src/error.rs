//! Errors as they are stored on a message and sent in `session.error` (reference `sessions.md` §3,
//! `agent-loop.md` §7).

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// What went wrong in a turn, on the wire `{"name": …, "data": …}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", content = "data")]
pub enum MessageError {
    /// The provider has no usable credential.
    #[serde(rename = "ProviderAuthError")]
    ProviderAuth {
        /// The provider.
        #[serde(rename = "providerID")]
        provider_id: String,
        /// What is missing.
        message: String,
    },
    /// Everything that has no name of its own.
    #[serde(rename = "UnknownError")]
    Unknown {
        /// What happened.
        message: String,
        /// Under which reference the log tells more.
        #[serde(skip_serializing_if = "Option::is_none")]
        r#ref: Option<String>,
    },
    /// The answer reached the output limit.
    #[serde(rename = "MessageOutputLengthError")]
    OutputLength {},
    /// The user or the caller stopped the turn.
    #[serde(rename = "MessageAbortedError")]
    Aborted {
        /// Always a short text.
        message: String,
    },
    /// The model did not fill the wanted JSON schema.
    #[serde(rename = "StructuredOutputError")]
    StructuredOutput {
        /// What happened.
        message: String,
        /// How often it was asked again.
        retries: u32,
    },
    /// The conversation is longer than the model's context.
    #[serde(rename = "ContextOverflowError")]
    ContextOverflow {
        /// The provider's words.
        message: String,
        /// The provider's whole answer.
        #[serde(rename = "responseBody", skip_serializing_if = "Option::is_none")]
        response_body: Option<String>,
    },
    /// The provider refused to go on because of its content rules.
    #[serde(rename = "ContentFilterError")]
    ContentFilter {
        /// What happened.
        message: String,
    },
    /// The provider answered with an error.
    #[serde(rename = "APIError")]
    Api(ApiError),
}

/// An error answer of a provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiError {
    /// The provider's words, or what can be said of the failure.
    pub message: String,
    /// HTTP status, when an answer came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// Whether the same request may succeed later.
    pub is_retryable: bool,
    /// Headers of the answer, names in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_headers: Option<IndexMap<String, String>>,
    /// Body of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_body: Option<String>,
    /// Further facts, such as the URL or an error code of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<IndexMap<String, String>>,
}

impl MessageError {
    /// An error that has no name of its own.
    #[must_use]
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::Unknown {
            message: message.into(),
            r#ref: None,
        }
    }

    /// The error of a turn that was stopped.
    #[must_use]
    pub fn aborted() -> Self {
        Self::Aborted {
            message: "Aborted".into(),
        }
    }

    /// What to show a person.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::ProviderAuth { message, .. }
            | Self::Unknown { message, .. }
            | Self::Aborted { message }
            | Self::StructuredOutput { message, .. }
            | Self::ContextOverflow { message, .. }
            | Self::ContentFilter { message } => message,
            Self::OutputLength {} => "The answer reached the output limit of the model",
            Self::Api(error) => &error.message,
        }
    }
}
