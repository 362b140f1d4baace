//! A folder's identity and content: which project it is, what git knows of it, snapshots of its files,
//! searching and comparing them.
//!
//! Nothing here knows of sessions or tools. git is asked through its command line, because its own
//! output is what both programs store (reference `sessions.md` §6 and §8).

pub mod carry;
pub mod diff;
pub mod files;
pub mod git;
pub mod identity;
pub mod path;
pub mod place;
pub mod search;
pub mod snapshot;
pub mod trash;
pub mod vcs;
pub mod watch;
pub mod worktree;
