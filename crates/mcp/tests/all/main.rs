//! Servers against scripted peers and, where they are installed, real ones.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod local;
mod place;
mod remote;

use opencode_testkit::McpPeer;

/// This program as a server, when [`place::peer`] started it.
#[test]
fn peer() {
    McpPeer::serve_if_asked();
}
