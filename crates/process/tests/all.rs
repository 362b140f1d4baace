//! Tests of the crate from outside.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod program;
mod script;
#[cfg(unix)]
mod shell;
mod terminal;
