//! The Converse protocol of Amazon Bedrock (reference `providers.md` §4.5).
//!
//! `encode` makes the body, [`decode`] reads the answer. A streamed answer comes in binary frames
//! ([`frames`]). How requests are signed is in [`crate::identity`].

pub mod decode;
mod encode;
pub mod frames;
mod messages;
mod model;

pub use decode::Decoder;
pub(crate) use encode::encode;

/// The name under which options and metadata go.
pub(crate) const NAMESPACE: &str = "bedrock";
