//! Cohere chat, version 2 (reference `providers.md` §4.6).
//!
//! `encode` makes the body, [`decode`] reads the answer, streamed or whole.

pub mod decode;
mod encode;

pub use decode::Decoder;
pub(crate) use encode::encode;
