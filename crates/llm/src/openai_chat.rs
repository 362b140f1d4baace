//! OpenAI chat completions, and the many that follow them (reference `providers.md` §4.2).
//!
//! `encode` makes the body, [`decode`] reads the answer, streamed or whole. What differs between providers is
//! a [`Dialect`]: a row of data in [`dialect`].

pub mod decode;
pub mod dialect;
mod encode;
mod messages;
mod options;
mod usage;

pub use decode::Decoder;
pub use dialect::Dialect;
pub(crate) use encode::encode;
