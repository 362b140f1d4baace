//! `job` of durable sessions: what goes on in the background (reference `v2.md` §14 row 16).

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::schema;
use crate::contract::{Call, Definition, Failure, Output, Scope, Tool};
use crate::job::{Arguments, DESCRIPTION, NAME, run};

/// Looks after work in the background.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Job;

impl Tool for Job {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        schema::definition::<Arguments>(DESCRIPTION)
    }

    /// Who may run no commands has no jobs.
    fn permission(&self) -> &'static str {
        "bash"
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}
