//! The HTTP interface of the engine: operations, event streams, the OpenAPI document
//! (reference `http-api.md`, `openapi.json`).
//!
//! Every operation stands once in [`operations`](self), which makes its route and its entry in `/doc`.
//! Handlers turn requests into calls of the engine and answers into JSON; they hold no rule of their own.

mod access;
mod attempts;
mod audit;
mod body;
mod compat;
mod compress;
mod connections;
mod discovery;
mod doc;
mod error;
mod events;
mod execution;
mod extract;
mod inside;
mod listen;
mod lists;
mod operations;
mod orders;
mod routes;
mod secrets;
mod socket;
mod ticket;

pub use audit::Deeds;
pub use inside::serve_inside;
pub use listen::{Error, Options, Password, Server, Token};
