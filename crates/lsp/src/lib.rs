//! Language servers: which there are, their start and end, and what they say of files (reference `integrations.md`
//! §B).
//!
//! [`packages`] finds programs, and installs those that package managers bring.

pub mod packages;

pub use packages::{Packages, Source};
