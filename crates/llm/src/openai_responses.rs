//! OpenAI Responses, and those that follow it (reference `providers.md` §4.3, §4.7).
//!
//! `encode` makes the body, [`decode`] and [`xai`] read the answer, streamed or whole. What differs between
//! providers is a [`Dialect`]: a row of data in [`dialect`].

pub mod decode;
pub mod dialect;
mod encode;
mod failure;
mod hosted;
mod input;
mod options;
mod tools;
mod usage;
mod wire;
pub mod xai;

pub use decode::Decoder;
pub use dialect::Dialect;
pub(crate) use encode::encode;
