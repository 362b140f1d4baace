//! Tests of the crate through its public door.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "in tests a panic is the report"
)]

mod copilot;
mod decoding;
mod driver;
mod embedding;
mod encoding;
mod fixtures_answers;
mod fixtures_requests;
mod fold;
mod gateway;
mod gitlab;
mod google_amazon;
mod identities;
mod sap;
mod server;
mod shared;
mod sse;
mod surface;
