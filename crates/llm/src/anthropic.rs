//! The Anthropic Messages protocol (reference `providers.md` §4.1).
//!
//! `encode` makes the body and the headers, [`decode`] reads the answer, streamed or whole. Prompt
//! conversion is in `messages`, the provider's own tools in the history in `history` and in answers in
//! `results`, what models can do in `model`.

mod cache;
pub mod decode;
mod encode;
mod gitlab;
mod history;
mod messages;
mod model;
mod options;
mod results;
mod schema;
mod usage;

pub use decode::Decoder;
pub(crate) use encode::encode;

use serde_json::Value;

/// Who carries requests to these models, as far as it changes them.
#[derive(Debug)]
pub struct Host {
    /// The version of the protocol, where it stands in the body; there the model stands in the address.
    pub version_in_body: Option<&'static str>,
    /// Takes formats of answers and strict tools, if the model does.
    pub structured: bool,
    /// Has words of its own for options and metadata, under its own name ([`gitlab`]).
    pub own_words: bool,
}

/// The maker itself.
pub static ANTHROPIC: Host = Host {
    version_in_body: None,
    structured: true,
    own_words: false,
};

/// Google's cloud.
pub static VERTEX: Host = Host {
    version_in_body: Some("vertex-2023-10-16"),
    structured: false,
    own_words: false,
};

/// GitLab's gateway.
pub static GITLAB: Host = Host {
    version_in_body: None,
    structured: false,
    own_words: true,
};

/// Whether a model takes a JSON schema for its answer, whoever carries the request.
pub(crate) fn takes_schema(model_id: &str) -> bool {
    model::model(model_id).structured
}

/// A schema for an answer in the words that these models take.
pub(crate) fn answer_schema(schema: &Value) -> Value {
    schema::for_answer(schema)
}
