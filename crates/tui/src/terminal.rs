//! The terminal: what it tells ([`event`]), how it is drawn on ([`screen`]), and how it gets back what it was
//! before (reference `tui.md` §14). This and the runtime are the only places of this room that do IO.

pub(crate) mod clipboard;
pub(crate) mod color;
pub(crate) mod device;
pub(crate) mod event;
pub(crate) mod features;
#[cfg(unix)]
pub(crate) mod guard;
#[cfg(unix)]
pub(crate) mod keyboard;
pub(crate) mod notification;
pub(crate) mod parser;
pub(crate) mod screen;
pub(crate) mod sequence;
#[cfg(unix)]
pub(crate) mod signals;
pub(crate) mod sound;

#[cfg(unix)]
#[cfg(test)]
mod tests;
