//! Behaviour of real hosts with small plugins.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

mod client;
mod drafts;
mod hooks;
mod loading;
mod logins;
mod process;
mod support;
mod tools;
