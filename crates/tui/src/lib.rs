//! The terminal face (reference `tui.md`): a client of the HTTP interface with one state ([`App`]), a pure update
//! and a pure view. What the terminal, the server and the clock say goes in as [`Input`]; what is to be done
//! comes out as [`Effect`]s, which [`runtime`] carries out.
//!
//! It holds no rule of the engine: what a session may do is the server's business. Texts are looked up by key
//! in [`words`], colours by meaning in [`theme`].

#[expect(dead_code, reason = "the application that draws it follows")]
mod editor;
mod theme;
mod words;
