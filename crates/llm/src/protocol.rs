//! The seam between the driver and the wire protocols.
//!
//! A protocol is an encoder, which makes body and headers of a request together with the decoder for its
//! answer, and that decoder. To add one: a module with both, a variant of [`Protocol`] and of
//! [`Decoder`], an arm in each function here.

use serde_json::Value;

use crate::adapter::{Adapter, Protocol};
use crate::error::Error;
use crate::request::Request;
use crate::stream::StreamPart;
use crate::target::Target;
use crate::{anthropic, bedrock, cohere, demo, gateway, gemini, openai_chat, openai_responses, sap};

/// Most bytes that a decoder holds for blocks and calls that are not closed.
pub const HELD_LIMIT: usize = 64 * 1024 * 1024;

/// A request as it goes out, without the key and the target's own headers.
#[derive(Debug)]
pub struct Prepared {
    /// Headers that the content of the request asks for; they win over those of the target.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Value,
    /// The decoder for the answer.
    pub decoder: Decoder,
}

/// Encodes a request.
///
/// # Errors
///
/// When the protocol has no form for a part of the request.
pub fn prepare(target: &Target, request: &Request, streaming: bool) -> Result<Prepared, Error> {
    match target.adapter.protocol {
        Protocol::AnthropicMessages(host) => anthropic::encode(target, host, request, streaming),
        Protocol::OpenAiChat(dialect) => openai_chat::encode(target, dialect, request, streaming),
        Protocol::OpenAiResponses(dialect) => openai_responses::encode(target, dialect, request, streaming),
        Protocol::Cohere => cohere::encode(target, request, streaming),
        Protocol::Sap => sap::encode(target, request, streaming),
        Protocol::Gemini(dialect) => gemini::encode(target, dialect, request, streaming),
        Protocol::BedrockConverse => bedrock::encode(target, request, streaming),
        Protocol::Gateway => gateway::encode(target, request, streaming),
        Protocol::Demo => Ok(Prepared {
            headers: Vec::new(),
            body: Value::Null,
            decoder: Decoder::Demo(demo::answer(request)),
        }),
    }
}

/// A decoder of any protocol.
#[derive(Debug)]
pub enum Decoder {
    /// Anthropic Messages.
    Anthropic(Box<anthropic::Decoder>),
    /// OpenAI chat completions.
    OpenAiChat(Box<openai_chat::Decoder>),
    /// OpenAI Responses.
    OpenAiResponses(Box<openai_responses::Decoder>),
    /// Responses of xAI.
    XaiResponses(Box<openai_responses::xai::Decoder>),
    /// Cohere chat.
    Cohere(Box<cohere::Decoder>),
    /// Orchestration of SAP.
    Sap(Box<sap::Decoder>),
    /// Gemini.
    Gemini(Box<gemini::Decoder>),
    /// Bedrock Converse.
    Bedrock(Box<bedrock::Decoder>),
    /// Vercel's AI Gateway.
    Gateway(Box<gateway::Decoder>),
    /// The demonstration: the answer is there before anything is sent, and nothing needs to be.
    Demo(Vec<StreamPart>),
}

impl Decoder {
    /// A decoder that knows the adapter but not the request.
    #[must_use]
    pub fn for_adapter(adapter: &Adapter) -> Self {
        match adapter.protocol {
            Protocol::AnthropicMessages(_) => Self::Anthropic(Box::default()),
            Protocol::Gemini(dialect) => Self::Gemini(Box::new(gemini::Decoder::new(dialect))),
            Protocol::BedrockConverse => Self::Bedrock(Box::default()),
            Protocol::Gateway => Self::Gateway(Box::default()),
            Protocol::Cohere => Self::Cohere(Box::default()),
            Protocol::Sap => {
                let namespace = adapter.namespace.name(adapter.package);
                let chat = openai_chat::Decoder::new(&openai_chat::dialect::SAP, namespace);
                Self::Sap(Box::new(sap::Decoder::new(chat)))
            }
            Protocol::Demo => Self::Demo(Vec::new()),
            Protocol::OpenAiResponses(dialect) => match dialect.items {
                openai_responses::dialect::Items::OpenAi => {
                    Self::OpenAiResponses(Box::new(openai_responses::Decoder::new(dialect)))
                }
                openai_responses::dialect::Items::Xai => Self::XaiResponses(Box::default()),
            },
            Protocol::OpenAiChat(dialect) => {
                let namespace = adapter.namespace.name(adapter.package);
                Self::OpenAiChat(Box::new(openai_chat::Decoder::new(dialect, namespace)))
            }
        }
    }

    /// Reads the data of one event of a streamed answer.
    ///
    /// # Errors
    ///
    /// When nothing that follows can be of use.
    pub fn event(&mut self, data: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        if data.trim() == "[DONE]" {
            return Ok(());
        }
        match self {
            Self::Anthropic(decoder) => decoder.event(data, parts),
            Self::OpenAiChat(decoder) => decoder.event(data, parts),
            Self::OpenAiResponses(decoder) => decoder.event(data, parts),
            Self::XaiResponses(decoder) => decoder.event(data, parts),
            Self::Cohere(decoder) => decoder.event(data, parts),
            Self::Sap(decoder) => decoder.event(data, parts),
            Self::Gemini(decoder) => decoder.event(data, parts),
            Self::Gateway(decoder) => decoder.event(data, parts),
            // Its events have names, and come in frames.
            Self::Bedrock(_) | Self::Demo(_) => Ok(()),
        }
    }

    /// Whether streamed answers come in binary frames.
    pub(crate) fn is_framed(&self) -> bool {
        matches!(self, Self::Bedrock(_))
    }

    /// Reads an event that came in a frame.
    ///
    /// # Errors
    ///
    /// When nothing that follows can be of use.
    pub(crate) fn frame(
        &mut self,
        name: &str,
        failed: bool,
        content: &str,
        parts: &mut Vec<StreamPart>,
    ) -> Result<(), Fault> {
        match self {
            Self::Bedrock(decoder) if failed => {
                decoder.failure(name, content, parts);
                Ok(())
            }
            Self::Bedrock(decoder) => decoder.event(name, content, parts),
            _ => self.event(content, parts),
        }
    }

    /// The streamed answer has ended, and not by a broken connection.
    ///
    /// # Errors
    ///
    /// When what has come cannot be brought to an end.
    pub fn end(&mut self, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        match self {
            // These protocols say themselves when an answer is whole.
            Self::Anthropic(_) | Self::Gateway(_) => Ok(()),
            Self::OpenAiChat(decoder) => decoder.end(parts),
            Self::Sap(decoder) => decoder.end(parts),
            Self::OpenAiResponses(decoder) => {
                decoder.end(parts);
                Ok(())
            }
            Self::XaiResponses(decoder) => {
                decoder.end(parts);
                Ok(())
            }
            Self::Cohere(decoder) => {
                decoder.end(parts);
                Ok(())
            }
            Self::Gemini(decoder) => {
                decoder.end(parts);
                Ok(())
            }
            Self::Bedrock(decoder) => {
                decoder.end(parts);
                Ok(())
            }
            Self::Demo(answer) => {
                parts.append(answer);
                Ok(())
            }
        }
    }

    /// Reads an answer that came whole.
    ///
    /// # Errors
    ///
    /// When it is no answer of the protocol, or one that says that the call failed.
    pub fn whole(&mut self, body: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        match self {
            Self::Anthropic(decoder) => decoder.whole(body, parts),
            Self::OpenAiChat(decoder) => decoder.whole(body, parts),
            Self::OpenAiResponses(decoder) => decoder.whole(body, parts),
            Self::XaiResponses(decoder) => decoder.whole(body, parts),
            Self::Cohere(decoder) => decoder.whole(body, parts),
            Self::Sap(decoder) => decoder.whole(body, parts),
            Self::Gemini(decoder) => decoder.whole(body, parts),
            Self::Bedrock(decoder) => decoder.whole(body, parts),
            Self::Gateway(decoder) => decoder.whole(body, parts),
            Self::Demo(_) => Ok(()),
        }
    }
}

/// Why an answer with a good status is of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The provider says that the call failed.
    Refused {
        /// The status that fits.
        status: u16,
        /// The provider's words.
        message: String,
        /// Another try may help.
        retryable: bool,
        /// The provider's error, as JSON.
        body: String,
    },
    /// The answer breaks the rules of the protocol.
    Broken {
        /// How.
        message: String,
    },
}

impl Fault {
    pub(crate) fn too_much() -> Self {
        Self::Broken {
            message: format!("the answer leaves more than {HELD_LIMIT} bytes open"),
        }
    }

    pub(crate) fn unreadable(error: &serde_json::Error) -> Self {
        Self::Broken {
            message: format!("the answer is not the JSON it should be: {error}"),
        }
    }
}
