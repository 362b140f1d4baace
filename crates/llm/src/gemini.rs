//! The Gemini protocol of Google's two services, the Generative Language API and Vertex AI
//! (reference `providers.md` §4.4).
//!
//! `encode` makes the body, [`decode`] reads the answer, streamed or whole. What differs between the two
//! services is a [`Dialect`]. How requests to Vertex are paid for is in [`crate::identity`].

pub mod decode;
mod encode;
mod messages;
mod schema;

pub use decode::Decoder;
pub(crate) use encode::encode;

/// What one of the services does its own way.
#[derive(Debug)]
pub struct Dialect {
    /// The name under which its options and metadata go, and the other service's, which is read too in
    /// conversations: they move from one to the other.
    pub namespaces: [&'static str; 2],
    /// Options are read under the other's name, too.
    pub takes_options_of_other: bool,
    /// Names of the service tiers on the wire; as they are where the table is empty.
    pub tiers: &'static [(&'static str, &'static str)],
    /// Can stream the arguments of calls when asked to.
    pub streams_arguments: bool,
}

/// The Generative Language API.
pub static GOOGLE: Dialect = Dialect {
    namespaces: ["google", "vertex"],
    takes_options_of_other: false,
    tiers: &[],
    streams_arguments: false,
};

/// Vertex AI.
pub static VERTEX: Dialect = Dialect {
    namespaces: ["vertex", "google"],
    takes_options_of_other: true,
    tiers: &[
        ("standard", "SERVICE_TIER_STANDARD"),
        ("flex", "SERVICE_TIER_FLEX"),
        ("priority", "SERVICE_TIER_PRIORITY"),
    ],
    streams_arguments: true,
};

impl Dialect {
    /// The name under which its own facts go.
    pub(crate) fn namespace(&self) -> &'static str {
        self.namespaces[0]
    }
}
