//! The terminal face (reference `tui.md`): a client of the HTTP interface with one state ([`App`]), a pure update
//! and a pure view. What the terminal, the server and the clock say goes in as [`Input`]; what is to be done
//! comes out as [`Effect`]s, which [`runtime`] carries out.
//!
//! It holds no rule of the engine: what a session may do is the server's business. Texts are looked up by key
//! in [`words`], colours by meaning in [`theme`].

mod app;
mod choice;
mod command;
mod dialog;
mod editor;
mod effect;
mod key;
mod keymap;
mod list;
mod paint;
mod permission;
#[cfg_attr(
    not(test),
    expect(dead_code, unused_imports, reason = "the application that draws it follows")
)]
mod prompt;
mod question;
mod runtime;
mod session;
mod settings;
mod store;
mod theme;
mod toast;
mod view;
mod words;
