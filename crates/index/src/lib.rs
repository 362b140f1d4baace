//! The search index of a project: its files in chunks, found by words and by likeness
//! (reference `integrations-2.md` §Q).
//!
//! An [`Index`] is one SQLite file beside nothing else. It is filled from a folder, following the same ignore
//! files as the search tools, and later only with what has changed. A question is answered from what is there,
//! by words (BM25 over identifiers and their parts) and, where vectors are stored, by likeness; both orders are
//! fused. It reads the project's files and asks nobody for permission; it calls no model: vectors are brought by
//! whoever has a model for them.

mod chunk;
mod fill;
mod search;
mod store;
mod terms;
mod vectors;

pub use fill::{Fill, Filled, Progress};
pub use search::{Hit, Question};
pub use store::{Error, Index, Status};
pub use vectors::Pending;
