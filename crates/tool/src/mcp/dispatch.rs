//! `tool_call`: calls a tool that a model found ([`deferred`](super::deferred)).

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::deferred::Deferred;
use super::search;
use crate::contract::{Call, Definition, Failure, Output, Scope, Tool, arguments};

/// Its name.
pub const NAME: &str = "tool_call";

/// Bytes of a definition that is told with a failure.
const TOLD: usize = 16_000;

#[derive(Deserialize, JsonSchema)]
struct Arguments {
    /// The name of the tool, as the search showed it
    tool: String,
    /// Its arguments
    arguments: Option<Map<String, Value>>,
}

/// Calls tools.
pub(super) struct Dispatch(pub(super) Arc<Deferred>);

impl Tool for Dispatch {
    fn name(&self) -> &str {
        NAME
    }

    fn definition(&self, _: &Scope) -> Definition {
        Definition::of::<Arguments>(include_str!("tool_call.md"))
    }

    /// Permission is asked by the tool that is called, under its own name.
    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        async move {
            let Arguments { tool, arguments } = arguments(NAME, written_out(input))?;
            let Some(entry) = self.0.entry(&tool) else {
                return Err(Failure::Told(format!(
                    "There is no tool {tool:?} of an MCP server here. Find tools with {}.",
                    search::NAME
                )));
            };
            if !self.0.is_seen(entry) {
                let line = entry.line();
                let told = match line.len() <= TOLD {
                    true => format!("This is it:\n{line}"),
                    false => format!("Find it with {}.", search::NAME),
                };
                return Err(Failure::Told(format!(
                    "Nothing was run: the definition of {tool} that counts now was not shown to you yet. {told}"
                )));
            }
            let arguments = Value::Object(arguments.unwrap_or_default());
            let mut output = entry.tool.run(call, arguments).await?;
            if output.title.is_empty() {
                output.title = tool;
            }
            Ok(output)
        }
        .boxed()
    }
}

/// With arguments that are an object, also where they came as its text.
fn written_out(mut input: Value) -> Value {
    if let Some(arguments) = input.get_mut("arguments")
        && let Some(Ok(object)) = arguments.as_str().map(serde_json::from_str::<Map<String, Value>>)
    {
        *arguments = Value::Object(object);
    }
    input
}
