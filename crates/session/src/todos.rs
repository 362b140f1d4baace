//! The lists of things to do, as tools read and replace them.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_schema::session::Todo;
use opencode_store::Error;
use opencode_tool::{Call, Failure};

use crate::Location;

/// The list of the session that calls.
pub(crate) fn of<'a>(location: &'a Location, call: &Call) -> BoxFuture<'a, Result<Vec<Todo>, Failure>> {
    let session_id = call.session_id.clone();
    let read = location.store.read(move |view| view.todos(&session_id));
    read.map(|todos| todos.map_err(|error| told(&error))).boxed()
}

/// Replaces the list of the session that calls.
pub(crate) fn replace<'a>(
    location: &'a Location,
    call: &Call,
    todos: Vec<Todo>,
) -> BoxFuture<'a, Result<(), Failure>> {
    let session_id = call.session_id.clone();
    let stored = location
        .store
        .write(move |transaction| transaction.replace_todos(&session_id, todos));
    stored.map(|stored| stored.map_err(|error| told(&error))).boxed()
}

fn told(error: &Error) -> Failure {
    Failure::Told(error.to_string())
}
