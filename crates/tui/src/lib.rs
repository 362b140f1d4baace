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
#[allow(dead_code, reason = "the session view is not wired yet")]
mod diff;
mod editor;
mod effect;
#[allow(dead_code, reason = "the session view is not wired yet")]
mod highlight;
mod key;
mod keymap;
mod list;
#[allow(dead_code, reason = "the session view is not wired yet")]
mod markdown;
mod paint;
mod permission;
#[cfg_attr(
    not(test),
    expect(dead_code, unused_imports, reason = "the application that draws it follows")
)]
mod prompt;
mod question;
#[allow(dead_code, reason = "the session view is not wired yet")]
mod row;
mod runtime;
#[allow(dead_code, reason = "the session view is not wired yet")]
mod safe;
mod session;
mod settings;
mod store;
mod theme;
mod toast;
#[allow(dead_code, reason = "the session view is not wired yet")]
mod transcript;
mod view;
mod words;
