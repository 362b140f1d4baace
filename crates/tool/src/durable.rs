//! The tools as durable sessions offer them (reference `v2.md` §6).
//!
//! Each is a face of the tool of the same name: the work is done there, here are the arguments, the facts of the
//! result (`structured`, carried by [`Output::metadata`]) and the texts that durable sessions know. A model is told
//! the texts, or the facts as JSON where there are none. Results are brought into the limits here ([`bound`]),
//! because both ends of a text are kept and the facts stay as they are.

mod apply_patch;
mod bash;
mod bound;
mod edit;
mod job;
mod locate;
mod mime;
mod question;
mod read;
mod schema;
mod search;
mod skill;
mod task;
mod todowrite;
mod webfetch;
mod websearch;
mod write;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_schema::Object;
use serde_json::Value;

use crate::contract::{Call, Definition, Failure, Output, Scope, Tool};
use crate::registry::Settings;

pub(crate) use locate::{check, resource};
pub(crate) use skill::with_facts as skill_facts;

/// All of them, in the order of their names.
pub(crate) fn tools(settings: Settings) -> Vec<Arc<dyn Tool>> {
    let mut tools: Vec<Arc<dyn Tool>> = vec![
        bounded(apply_patch::ApplyPatch),
        bounded(bash::Bash::new(settings.command_timeout)),
        bounded(edit::Edit),
        idempotent(search::Glob),
        idempotent(search::Grep),
    ];
    if settings.may_ask {
        tools.push(idempotent(question::Question));
    }
    tools.extend([
        idempotent(read::Read),
        idempotent(skill::Skill),
        bounded(todowrite::Todowrite),
        bounded(webfetch::Webfetch::default()),
        bounded(websearch::Websearch::new(settings.search)),
        bounded(write::Write),
    ]);
    let tasks = settings.named.iter().any(|name| name == crate::task::NAME);
    if tasks {
        let background = settings.background_tasks;
        tools.push(bounded(task::Delegation(crate::task::Task { background })));
    }
    if settings.background || (tasks && settings.background_tasks) {
        tools.push(bounded(job::Job));
    }
    tools
}

/// A tool of an MCP server.
pub(crate) fn of_server(tool: Arc<dyn Tool>) -> Arc<dyn Tool> {
    bounded(Shared(tool))
}

/// A tool that others have, too, and that only looks.
pub(crate) fn looking(tool: Arc<dyn Tool>) -> Arc<dyn Tool> {
    idempotent(Shared(tool))
}

fn bounded(tool: impl Tool + 'static) -> Arc<dyn Tool> {
    Arc::new(Bounded {
        tool,
        is_idempotent: false,
    })
}

/// One that looks or asks, and changes nothing.
fn idempotent(tool: impl Tool + 'static) -> Arc<dyn Tool> {
    Arc::new(Bounded {
        tool,
        is_idempotent: true,
    })
}

/// A tool that others have, too.
struct Shared(Arc<dyn Tool>);

impl Tool for Shared {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn definition(&self, scope: &Scope) -> Definition {
        self.0.definition(scope)
    }

    fn permission(&self) -> &str {
        self.0.permission()
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        self.0.run(call, input)
    }
}

/// A tool whose results are within the limits.
struct Bounded<T> {
    tool: T,
    is_idempotent: bool,
}

impl<T: Tool> Tool for Bounded<T> {
    fn name(&self) -> &str {
        self.tool.name()
    }

    fn definition(&self, scope: &Scope) -> Definition {
        self.tool.definition(scope)
    }

    fn permission(&self) -> &str {
        self.tool.permission()
    }

    fn is_idempotent(&self) -> bool {
        self.is_idempotent
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        async move {
            let output = self.tool.run(call, input).await?;
            Ok(bound::fit(&call.scope.truncation, output).await)
        }
        .boxed()
    }
}

/// The facts of a result.
fn facts(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

#[cfg(test)]
mod tests;
