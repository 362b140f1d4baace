//! Behaviour of the store against real files.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod activity;
mod chain;
mod check;
mod conversation;
mod faults;
mod jobs;
mod log;
mod migration;
mod processes;
mod reading;
mod recover;
mod support;
