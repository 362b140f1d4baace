//! `todowrite` of durable sessions: the tool of the same name, otherwise described.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde_json::Value;

use super::schema;
use crate::contract::{Call, Definition, Failure, Output, Scope, Tool};
use crate::todowrite::{DESCRIPTION, NAME, replace};

/// Replaces the session's list of things to do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Todowrite;

/// Only described here; the tool of the same name reads them.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "stands for its schema")]
struct Arguments {
    /// The whole list as it should be from now on
    todos: Vec<Todo>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "stands for its schema")]
struct Todo {
    /// What to do, in few words
    content: String,
    /// pending, in_progress, completed or cancelled
    status: String,
    /// high, medium or low
    priority: String,
}

impl Tool for Todowrite {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        schema::definition::<Arguments>(DESCRIPTION)
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        replace(call, input).boxed()
    }
}
