//! The terminal face (reference `tui.md`): a client of the HTTP interface with one state ([`App`]), a pure update
//! and a pure view. What the terminal, the server and the clock say goes in as [`Input`]; what is to be done
//! comes out as [`Effect`]s, which [`runtime`] carries out.
//!
//! It holds no rule of the engine: what a session may do is the server's business. Texts are looked up by key
//! in [`words`], colours by meaning in [`theme`].

mod app;
mod bridge;
mod choice;
mod command;
mod crash;
mod dialog;
mod diff;
mod editor;
mod effect;
mod export;
mod highlight;
mod key;
mod keymap;
mod list;
mod markdown;
mod mini;
mod paint;
mod permission;
mod prompt;
mod question;
mod row;
mod runtime;
mod safe;
mod session;
mod settings;
#[cfg(test)]
mod stage;
mod store;
mod terminal;
mod theme;
mod tips;
mod toast;
mod transcript;
mod view;
mod viewer;
mod which_key;
mod words;

pub use app::Arguments;
pub use effect::Exit;
pub use mini::Replay;
pub use runtime::{Options, run};
pub use settings::Settings;
pub use view::{logo, mark};
