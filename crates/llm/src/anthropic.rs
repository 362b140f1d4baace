//! The Anthropic Messages protocol (reference `providers.md` §4.1).
//!
//! `encode` makes the body and the headers, [`decode`] reads the answer, streamed or whole. Prompt
//! conversion is in `messages`, the provider's own tools in the history in `history` and in answers in
//! `results`, what models can do in `model`.

mod cache;
pub mod decode;
mod encode;
mod history;
mod messages;
mod model;
mod options;
mod results;
mod schema;
mod usage;

pub use decode::Decoder;
pub(crate) use encode::encode;
