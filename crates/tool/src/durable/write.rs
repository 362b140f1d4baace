//! `write` of durable sessions.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::locate::{locate, resource};
use super::{facts, schema};
use crate::contract::{Call, Definition, Failure, Output, Scope, Tool, arguments};
use crate::diagnostics;
use crate::write::{NAME, Naming, write};

/// Gives a file new content.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Write;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// File to write
    // What the other tools call it.
    #[serde(alias = "filePath")]
    path: String,
    /// All of its text
    content: String,
}

impl Tool for Write {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        schema::definition::<Arguments>(include_str!("../descriptions/write.md"))
    }

    fn permission(&self) -> &'static str {
        "edit"
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments { path, content } = arguments(NAME, input)?;
    let located = locate(call, &path).await?;
    let existed = write(call, &located.path, &located.place, content, Naming::Session).await?;
    let resource = resource(&call.scope, &located.path);
    let done = if existed { "Wrote" } else { "Created" };
    Ok(Output {
        title: resource.clone(),
        output: format!("{done} file successfully: {resource}"),
        metadata: facts(json!({
            "operation": "write",
            "target": located.path.to_string_lossy(),
            "resource": resource,
            "existed": existed,
        })),
        remarks: diagnostics::of_written(call, &[&located.path])
            .await
            .remarks(&[&located.path]),
        ..Output::default()
    })
}
