//! What a model answers, part by part.

use indexmap::IndexMap;
use serde_json::Value;

use crate::request::Object;

/// Facts that the provider wants back with a part, or tells about it, by namespace.
pub type ProviderMetadata = IndexMap<String, Object>;

/// A part of an answer. Texts, reasoning and tool inputs come as start, deltas and end with one `id`;
/// several may be open at once.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamPart {
    /// A text begins.
    TextStart {
        /// Ties start, deltas and end together.
        id: String,
        /// Metadata so far.
        metadata: ProviderMetadata,
    },
    /// A text grows.
    TextDelta {
        /// Which text.
        id: String,
        /// What is added.
        delta: String,
        /// Metadata that replaces earlier metadata, if not empty.
        metadata: ProviderMetadata,
    },
    /// A text is whole.
    TextEnd {
        /// Which text.
        id: String,
        /// Metadata that replaces earlier metadata, if not empty.
        metadata: ProviderMetadata,
    },
    /// Reasoning begins.
    ReasoningStart {
        /// Ties start, deltas and end together.
        id: String,
        /// Metadata so far.
        metadata: ProviderMetadata,
    },
    /// Reasoning grows.
    ReasoningDelta {
        /// Which reasoning.
        id: String,
        /// What is added.
        delta: String,
        /// Metadata that replaces earlier metadata, if not empty.
        metadata: ProviderMetadata,
    },
    /// Reasoning is whole.
    ReasoningEnd {
        /// Which reasoning.
        id: String,
        /// Metadata that replaces earlier metadata, if not empty.
        metadata: ProviderMetadata,
    },
    /// The model begins to write the arguments of a call.
    ToolInputStart {
        /// The id of the call.
        id: String,
        /// Name of the tool.
        name: String,
        /// The provider runs it itself.
        provider_executed: bool,
    },
    /// Arguments grow.
    ToolInputDelta {
        /// The id of the call.
        id: String,
        /// What is added.
        delta: String,
    },
    /// Arguments are whole.
    ToolInputEnd {
        /// The id of the call.
        id: String,
    },
    /// A whole call.
    ToolCall(ToolCall),
    /// The result of a tool that the provider ran itself.
    ToolResult {
        /// The id of the call.
        id: String,
        /// Name of the tool.
        name: String,
        /// The result.
        output: Value,
        /// It failed.
        is_error: bool,
        /// Metadata of the result.
        metadata: ProviderMetadata,
    },
    /// Something that the answer refers to.
    Source(Source),
    /// A picture or other file that the model made.
    File {
        /// Media type.
        media_type: String,
        /// Base64.
        data: String,
    },
    /// Facts about the answer as a whole.
    ResponseMetadata {
        /// The provider's id of the answer.
        id: Option<String>,
        /// The model that really answered.
        model: Option<String>,
    },
    /// The provider says that something failed; the stream may go on.
    Error(StreamError),
    /// The answer is whole. Does not come when the stream broke off; comes again, and counts anew, when a
    /// provider strings two answers together.
    Finish(Finish),
}

/// A whole tool call.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// The id of the call; made up when the provider gave none.
    pub id: String,
    /// Name of the tool.
    pub name: String,
    /// Arguments as the model wrote them: JSON text, `{}` when it wrote nothing. It may be broken.
    pub input: String,
    /// The provider runs it itself.
    pub provider_executed: bool,
    /// What the provider wants back with the call.
    pub metadata: ProviderMetadata,
}

/// Something that an answer refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A page.
    Url {
        /// Address.
        url: String,
        /// Heading.
        title: Option<String>,
    },
    /// A document.
    Document {
        /// Heading.
        title: String,
        /// Name of the file.
        filename: Option<String>,
        /// Media type.
        media_type: Option<String>,
    },
}

/// An error that came inside an answer with status 200.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamError {
    /// The provider's words, or what is wrong with the event.
    pub message: String,
    /// The provider's code or type (`overloaded_error`, `server_error`…).
    pub code: Option<String>,
    /// The event as it came, when it was JSON.
    pub body: Option<Value>,
}

/// The end of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// Why it ended.
    pub reason: FinishReason,
    /// The provider's own word.
    pub raw: Option<String>,
    /// Tokens.
    pub usage: Usage,
    /// Further facts.
    pub metadata: ProviderMetadata,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// It is complete.
    Stop,
    /// It reached the output limit.
    Length,
    /// The model waits for tool results.
    ToolCalls,
    /// The provider's content rules.
    ContentFilter,
    /// The provider failed.
    Error,
    /// Something else.
    Other,
}

impl FinishReason {
    /// The name on the wire of sessions (`finish` of a message).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool-calls",
            Self::ContentFilter => "content-filter",
            Self::Error => "error",
            Self::Other => "other",
        }
    }
}

/// Tokens as a provider reports them; `None` where it has no such figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The whole prompt: uncached, cache-read and cache-write together.
    pub input: Option<u64>,
    /// The whole answer, reasoning included.
    pub output: Option<u64>,
    /// Reasoning alone.
    pub reasoning: Option<u64>,
    /// Prompt tokens served from the provider's cache.
    pub cache_read: Option<u64>,
    /// Prompt tokens put into the provider's cache.
    pub cache_write: Option<u64>,
    /// Input and output together.
    pub total: Option<u64>,
}

impl Usage {
    /// With the sum of what is known.
    #[must_use]
    pub fn summed(mut self) -> Self {
        self.total = match (self.input, self.output) {
            (None, None) => None,
            (input, output) => Some(input.unwrap_or(0).saturating_add(output.unwrap_or(0))),
        };
        self
    }
}
