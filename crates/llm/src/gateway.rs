//! The protocol of Vercel's AI Gateway: the call of the reference's client library as JSON, its stream parts
//! as events (reference `providers.md` §3.2).
//!
//! `encode` makes the body, [`decode`] reads the answer, streamed or whole. What the makers of models want
//! back goes through under their own names.

pub mod decode;
mod encode;

pub use decode::Decoder;
pub(crate) use encode::encode;
