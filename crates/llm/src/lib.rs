//! A request to a language model in, a stream of typed parts out.
//!
//! One module a wire protocol ([`anthropic`], [`bedrock`], [`cohere`], [`gateway`], [`gemini`], [`openai_chat`],
//! [`openai_responses`], [`sap`]), each a pure encoder (request → JSON body)
//! and a pure decoder (event of the answer → parts); what differs between providers of one protocol is
//! data in [`adapter`]. [`protocol`] is the seam at which a further protocol is added. One HTTP driver,
//! [`client`], carries them all. Nothing here knows of sessions, tools or configuration: the session
//! engine prepares the [`Request`], the catalogue the [`Target`] (reference `providers.md` §4).

pub mod adapter;
pub mod anthropic;
pub mod bedrock;
mod bill;
pub mod client;
pub mod cohere;
pub mod demo;
pub mod error;
pub mod gateway;
pub mod gemini;
pub mod identity;
mod json;
mod media;
pub mod openai_chat;
mod openai_model;
pub mod openai_responses;
pub mod protocol;
mod refusal;
pub mod replay;
pub mod request;
pub mod sap;
pub mod sse;
pub mod stream;
mod surrogate;
pub mod target;
pub mod usage;
mod written_calls;

pub use adapter::Adapter;
pub use client::{Client, ClientOptions, PartStream};
pub use error::Error;
pub use request::Request;
pub use stream::StreamPart;
pub use target::Target;
