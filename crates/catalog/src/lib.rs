//! Which providers and models exist here, how they are reached and paid for, and with which credential
//! (reference `providers.md` §1–3, §7–9).
//!
//! - [`snapshot`] is the public catalogue of models that the program carries; a provider of it is
//!   unpacked only when someone asks for it.
//! - [`public`] keeps it fresh beside what the user does.
//! - [`Catalog`] is what a folder can use: the public catalogue, its configuration, the environment and
//!   stored credentials together.
//! - [`request`] is what the catalogue adds to a request: sampling defaults, options, limits, headers;
//!
//! - [`login`] logs in to providers and keeps their tokens fresh.
//!
//! No request to a model is sent from here.

pub mod addition;
mod azure;
mod build;
mod catalog;
mod clouds;
mod convert;
pub mod cost;
mod demo;
#[cfg(test)]
mod fixture;
mod gitlab;
#[cfg(test)]
mod golden;
pub mod headers;
pub mod http;
mod integration;
mod interface;
mod listing;
pub mod live;
mod loader;
pub mod login;
mod merge;
pub mod public;
pub mod request;
mod sap;
pub mod search;
mod select;
pub mod snapshot;
pub mod transform;
mod user_agent;
mod variants;

pub use catalog::{Catalog, Error, Sources};
pub use demo::{DEMO_MODEL, DEMO_PROVIDER};
pub use select::Choice;
