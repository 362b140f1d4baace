//! Permission rules, their evaluation, and the questions that wait for the user's answer
//! (reference `agents-commands-permissions.md` §2).
//!
//! [`rules`] is pure: patterns and rules in, a decision out. [`Permissions`] is one location's desk: tools
//! ask there and wait, faces answer there. Where the rules come from (configuration, agents, sessions) is
//! not decided here.

mod desk;
mod ledger;
mod questions;
mod read_only;
pub mod rules;
mod suggestion;
mod wildcard;

pub use desk::{Answer, Ground, Permissions, Question, Refusal, UnknownRequest};
pub use questions::{Dismissed, Questions, UnknownQuestion};
pub use read_only::changes_nothing;
pub use wildcard::matches;
