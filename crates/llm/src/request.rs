//! What is asked of a model, before any wire protocol.
//!
//! The shape follows the adapter-level prompt of the reference's client library, which its recorded
//! request fixtures hold: roles `system`, `user`, `assistant`, `tool`; content parts; options by
//! namespace. It deserialises from those fixtures as they are.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A JSON object with its keys in order.
pub type Object = serde_json::Map<String, Value>;

/// Options for adapters, by namespace (`anthropic`, `openaiCompatible`, a provider id…).
pub type ProviderOptions = IndexMap<String, Object>;

/// One call of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The conversation, system messages first.
    pub prompt: Vec<Message>,
    /// Tools that the model may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Whether it must call one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// Limit of the answer in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// Sampling temperature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Top-k sampling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<f64>,
    /// Punishes words by how often they came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// Punishes words that came at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// Makes sampling repeatable where a provider can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Texts at which the answer ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop_sequences: Vec<String>,
    /// Wanted form of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat>,
    /// Options of the adapter.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub provider_options: ProviderOptions,
    /// Further HTTP headers; they win over those of the target.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    /// Whether an answer that only called tools is told to have no text, where a protocol knows that, instead of
    /// an empty one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub null_beside_calls: bool,
}

/// Wanted form of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ResponseFormat {
    /// Free text.
    Text,
    /// JSON, of a schema if one is given.
    Json {
        /// JSON Schema.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        schema: Option<Value>,
        /// Name of the schema.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// What it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
}

/// A message of the conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "lowercase")]
pub enum Message {
    /// Instructions.
    System {
        /// The words.
        content: String,
        /// Options of the adapter, cache marks for example.
        #[serde(
            default,
            rename = "providerOptions",
            skip_serializing_if = "IndexMap::is_empty"
        )]
        provider_options: ProviderOptions,
    },
    /// From the user.
    User {
        /// [`Content::Text`] and [`Content::File`].
        content: Vec<Content>,
        /// Options of the adapter.
        #[serde(
            default,
            rename = "providerOptions",
            skip_serializing_if = "IndexMap::is_empty"
        )]
        provider_options: ProviderOptions,
    },
    /// From the model.
    Assistant {
        /// Anything but [`Content::ToolResult`] of a local tool.
        content: Vec<Content>,
        /// Options of the adapter.
        #[serde(
            default,
            rename = "providerOptions",
            skip_serializing_if = "IndexMap::is_empty"
        )]
        provider_options: ProviderOptions,
    },
    /// Results of tool calls.
    Tool {
        /// [`Content::ToolResult`] only.
        content: Vec<Content>,
        /// Options of the adapter.
        #[serde(
            default,
            rename = "providerOptions",
            skip_serializing_if = "IndexMap::is_empty"
        )]
        provider_options: ProviderOptions,
    },
}

/// Who speaks, for protocols in which results of tools come from the user.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    System,
    User,
    Assistant,
}

impl Message {
    fn side(&self) -> Side {
        match self {
            Self::System { .. } => Side::System,
            Self::User { .. } | Self::Tool { .. } => Side::User,
            Self::Assistant { .. } => Side::Assistant,
        }
    }
}

/// Neighbouring messages of one side, together.
pub(crate) fn sides(prompt: &[Message]) -> impl Iterator<Item = (Side, &[Message])> {
    let groups = prompt.chunk_by(|left, right| left.side() == right.side());
    groups.filter_map(|group| Some((group.first()?.side(), group)))
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Content {
    /// Words.
    Text {
        /// The words.
        text: String,
        /// Options of the adapter.
        #[serde(
            default,
            rename = "providerOptions",
            skip_serializing_if = "IndexMap::is_empty"
        )]
        provider_options: ProviderOptions,
    },
    /// The model's thoughts.
    Reasoning {
        /// The words.
        text: String,
        /// Options of the adapter: signatures.
        #[serde(
            default,
            rename = "providerOptions",
            skip_serializing_if = "IndexMap::is_empty"
        )]
        provider_options: ProviderOptions,
    },
    /// A picture or document.
    #[serde(rename_all = "camelCase")]
    File {
        /// Media type, `image/*` when only the kind is known.
        media_type: String,
        /// Base64, a `data:` URL, or an `http(s)` address.
        data: String,
        /// Name to show.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filename: Option<String>,
        /// Options of the adapter.
        #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
        provider_options: ProviderOptions,
    },
    /// The model calls a tool.
    #[serde(rename_all = "camelCase")]
    ToolCall {
        /// The provider's id of the call.
        tool_call_id: String,
        /// Name of the tool.
        tool_name: String,
        /// Arguments.
        input: Value,
        /// The provider runs it itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider_executed: Option<bool>,
        /// Options of the adapter.
        #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
        provider_options: ProviderOptions,
    },
    /// What a tool gave back.
    #[serde(rename_all = "camelCase")]
    ToolResult {
        /// The call that it answers.
        tool_call_id: String,
        /// Name of the tool.
        tool_name: String,
        /// The result.
        output: ToolOutput,
        /// Options of the adapter.
        #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
        provider_options: ProviderOptions,
    },
}

/// The result of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "kebab-case")]
pub enum ToolOutput {
    /// Words.
    Text(String),
    /// Data.
    Json(Value),
    /// Words about a failure.
    ErrorText(String),
    /// Data about a failure.
    ErrorJson(Value),
    /// Words and media.
    Content(Vec<OutputContent>),
}

/// A piece of a tool's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum OutputContent {
    /// Words.
    Text {
        /// The words.
        text: String,
    },
    /// A picture, base64.
    #[serde(rename_all = "camelCase")]
    ImageData {
        /// Media type.
        media_type: String,
        /// Base64.
        data: String,
    },
    /// Another file, base64.
    #[serde(rename_all = "camelCase")]
    FileData {
        /// Media type.
        media_type: String,
        /// Base64.
        data: String,
        /// Name to show.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filename: Option<String>,
    },
    /// A picture at an address.
    ImageUrl {
        /// The address.
        url: String,
    },
    /// Another file at an address.
    FileUrl {
        /// The address.
        url: String,
    },
    /// Either of them, the media type says which (older form).
    #[serde(rename_all = "camelCase")]
    Media {
        /// Media type.
        media_type: String,
        /// Base64.
        data: String,
    },
}

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Tool {
    /// One that the caller runs.
    #[serde(rename_all = "camelCase")]
    Function {
        /// Its name.
        name: String,
        /// What it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// JSON Schema of its arguments.
        input_schema: Value,
        /// Whether the provider shall hold the model to that schema.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
        /// Options of the adapter.
        #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
        provider_options: ProviderOptions,
    },
}

/// Whether the model must call a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// No.
    None,
    /// Any, but one.
    Required,
    /// This one.
    #[serde(rename_all = "camelCase")]
    Tool {
        /// Its name.
        tool_name: String,
    },
}

impl Message {
    /// A system message without options.
    #[must_use]
    pub fn system(content: impl Into<String>) -> Self {
        Self::System {
            content: content.into(),
            provider_options: ProviderOptions::new(),
        }
    }

    /// A user message of one text.
    #[must_use]
    pub fn user(text: impl Into<String>) -> Self {
        Self::User {
            content: vec![Content::text(text)],
            provider_options: ProviderOptions::new(),
        }
    }

    /// An assistant message of one text.
    #[must_use]
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::Assistant {
            content: vec![Content::text(text)],
            provider_options: ProviderOptions::new(),
        }
    }
}

impl Content {
    /// Words without options.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text {
            text: text.into(),
            provider_options: ProviderOptions::new(),
        }
    }
}
