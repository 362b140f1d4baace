//! Behaviour against a scripted language server, and against real ones.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod faults;
mod operations;
mod real;
mod running;
mod support;

#[test]
#[ignore = "it is the scripted server, which other tests start"]
fn scripted_language_server() {
    opencode_testkit::language_server::serve();
}
