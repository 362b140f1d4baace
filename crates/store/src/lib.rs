//! The database, a SQLite file or a PostgreSQL server: one writer, readers beside it, migrations, the event log and
//! its projections.
//!
//! Whatever happens to a session is first a durable event here, stored in the same transaction as the
//! rows that it changes, and sent to listeners after that transaction is committed. The file, its place
//! and its schema are those of the reference program, so that both can take turns on it
//! (reference `sessions.md` §5, `v2.md` §2–3).
//!
//! No rule of a conversation lives here: callers say what happened, this room makes it last.
//!
//! - [`Store`] opens the file and takes writes ([`Store::write`]), reads ([`Store::read`]) and
//!   announcements of passing things ([`Store::announce`]).
//! - [`Transaction`] is what a write works on, [`View`] what a read works on.
//! - [`Subscription`] hears every event, in one order.

mod activity;
mod attempt;
mod backup;
mod chain;
mod check;
mod control;
mod conversation;
mod directory;
mod error;
mod feed;
mod history;
mod import;
mod inbox;
mod job;
mod lease;
mod migration;
mod permission;
#[cfg(test)]
mod plans;
mod presence;
mod project;
mod projection;
mod query;
mod recover;
mod replay;
mod session_page;
mod share;
mod size;
mod spending;
mod sql;
mod state;
mod statistics;
mod store;
mod transaction;
mod view;
mod workspace;
mod writer;

pub use activity::{Activity, ActivityState, MOST_RECOVERIES, Standing};
pub use attempt::Attempt;
pub use chain::Chain;
pub use check::{Report, check};
pub use control::Owed;
pub use conversation::{ContextEpoch, Direction};
pub use directory::ProjectFolder;
pub use error::Error;
pub use feed::{Lost, Subscription};
pub use history::Page;
pub use job::{Job, JobKind, JobStatus};
pub use lease::Lease;
pub use query::query;
pub use recover::{TakenOver, missing_sessions, take_over};
pub use replay::{ForeignEvent, LogEntry};
pub use session_page::SessionAnchor;
pub use share::SharedSession;
pub use size::{Sizes, backups, sizes};
pub use spending::Spent;
pub use sql::postgres::{Elsewhere, ServerAddress};
pub use state::State;
pub use statistics::{ModelUse, Statistics, StatisticsFilter};
pub use store::{Database, Store};
pub use transaction::Transaction;
pub use view::{Cursor, MessagePage, Role, SessionFilter, View};
