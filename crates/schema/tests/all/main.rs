//! What programs wrote comes back unchanged.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod round_trip;
