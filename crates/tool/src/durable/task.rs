//! `task` of durable sessions: the task is a durable session of its own (reference `v2.md` §14 row 2). It is shown
//! where configuration names it, as other tools that the reference does not have there.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::schema;
use crate::contract::{Call, Definition, Failure, Output, Scope, Tool};
use crate::task::{Arguments, NAME, Task};

/// Gives a task to another agent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delegation(pub(super) Task);

impl Tool for Delegation {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, scope: &Scope) -> Definition {
        let Definition { parameters, .. } = schema::definition::<Arguments>("");
        self.0.described(scope, parameters)
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        self.0.run(call, input).boxed()
    }
}
