//! Child processes, process groups, pseudo-terminals and the parsing of shell commands.
//!
//! Five doors: [`Program`] runs a known program and collects what it says (git, say), [`Peer`] is one that is
//! talked to while it runs (a server of a protocol), [`ShellCommand`]
//! runs a user's or a model's command line and hands its output over while it comes, [`Terminal`] gives a
//! program a terminal that a person sits at, [`script`] says what a command line would run without running
//! it. Whatever a child does — prints without end, ignores
//! signals, leaves children of its own behind — memory stays bounded and every wait ends.
//!
//! [`browser`] shows the user a page; [`lines`] reads what a peer says.
//!
//! [`Sandbox`] keeps command lines from writing elsewhere and from the network.
//!
//! No rule about what may run lives here, and no text for a model; the environment of this process is
//! never changed.

pub mod browser;
mod environment;
mod group;
pub mod lines;
mod merged;
pub mod peer;
pub mod program;
pub mod sandbox;
pub mod script;
pub mod shell;
pub mod shells;
mod strays;
pub mod terminal;

pub use environment::Environment;
pub use peer::{Peer, Pipes};
pub use program::{Finished, Program};
pub use sandbox::Sandbox;
pub use script::Script;
pub use shell::{Ending, Event, Running, ShellCommand};
pub use terminal::{Terminal, TerminalCommand};
