//! `apply_patch` of durable sessions: all of a patch or nothing, and files may move, too.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{facts, schema};
use crate::apply_patch::{Change, Kind, NAME, patch};
use crate::contract::{Call, Definition, Failure, Output, Scope, Tool, arguments};
use crate::diagnostics;
use crate::write::Naming;

/// Changes files by a patch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ApplyPatch;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Arguments {
    /// The whole patch
    patch_text: String,
}

impl Tool for ApplyPatch {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        schema::definition::<Arguments>(include_str!("../descriptions/apply_patch.md"))
    }

    fn permission(&self) -> &'static str {
        "edit"
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments { patch_text } = arguments(NAME, input)?;
    let patched = patch(call, &patch_text, Naming::Session).await?;
    let lines = patched
        .changes
        .iter()
        .map(|change| format!("\n{} {}", change.kind.letter(), change.name));
    let output = format!("Applied patch sequentially:{}", lines.collect::<String>());
    Ok(Output {
        title: NAME.into(),
        output,
        metadata: facts(json!({
            "applied": patched.changes.iter().map(applied).collect::<Vec<_>>(),
            "files": patched.changes.iter().map(file).collect::<Vec<_>>(),
        })),
        remarks: diagnostics::of_written(call, &patched.paths())
            .await
            .remarks(&patched.paths()),
        ..Output::default()
    })
}

fn applied(change: &Change) -> Value {
    let kind = match change.kind {
        Kind::Add => "add",
        Kind::Update | Kind::Move => "update",
        Kind::Delete => "delete",
    };
    let target = change.target.as_ref().unwrap_or(&change.path);
    json!({ "type": kind, "resource": change.name, "target": target.to_string_lossy() })
}

fn file(change: &Change) -> Value {
    let status = match change.kind {
        Kind::Add => "added",
        Kind::Update | Kind::Move => "modified",
        Kind::Delete => "deleted",
    };
    json!({
        "file": change.name,
        "patch": change.patch,
        "additions": change.additions,
        "deletions": change.deletions,
        "status": status,
    })
}
