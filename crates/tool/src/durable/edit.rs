//! `edit` of durable sessions: a part of a file has to be quoted exactly.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::locate::{locate, resource};
use super::{facts, schema};
use crate::contract::{Call, Definition, Failure, Output, Scope, Tool, arguments};
use crate::diagnostics;
use crate::edit::{NAME, Replacement, change, refuse_idle};
use crate::write::Naming;

/// Replaces a part of a file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Edit;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Arguments {
    /// File to change
    // What the other tools call it.
    #[serde(alias = "filePath")]
    path: String,
    /// Text to replace, exactly as it stands in the file
    old_string: String,
    /// Text to put there, not the same
    new_string: String,
    /// Replace every occurrence
    replace_all: Option<bool>,
}

impl Tool for Edit {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        schema::definition::<Arguments>(include_str!("../descriptions/durable/edit.md"))
    }

    fn permission(&self) -> &'static str {
        "edit"
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments {
        path,
        old_string,
        new_string,
        replace_all,
    } = arguments(NAME, input)?;
    if old_string.is_empty() {
        return Err(Failure::told(
            "oldString must not be empty. Use write to create or overwrite a file.",
        ));
    }
    let shown = shown(&old_string, &new_string);
    let replacements = vec![Replacement {
        old_string,
        new_string,
        replace_all,
    }];
    refuse_idle(&replacements)?;
    let located = locate(call, &path).await?;
    let change = change(call, &located.path, &located.place, replacements, Naming::Session).await?;
    let file = resource(&call.scope, &located.path);
    let count = change.replaced;
    Ok(Output {
        title: file.clone(),
        output: format!("Edited file successfully: {file}\nReplacements: {count}\n```diff\n{shown}```"),
        metadata: facts(json!({
            "files": [{
                "file": file,
                "patch": change.diff,
                "additions": change.counts.additions,
                "deletions": change.counts.deletions,
                "status": "modified",
            }],
            "replacements": count,
        })),
        remarks: diagnostics::of_written(call, &[&located.path])
            .await
            .remarks(&[&located.path]),
        ..Output::default()
    })
}

/// One replacement, as lines of a patch.
fn shown(old: &str, new: &str) -> String {
    let mut shown = String::new();
    for (sign, text) in [('-', old), ('+', new)] {
        for line in text.lines() {
            shown.extend([sign]);
            shown.push_str(line);
            shown.push('\n');
        }
    }
    shown
}
