//! The `read` tool: shows a file or a folder (reference `tools.md` §3).
//!
//! [`page`] does the reading and asks nobody: attachments of prompts use it too. A file is never held in
//! memory, only the lines that are shown. Rules files (`AGENTS.md` and the like) between a file and the
//! session's folder are told together with the file, once: the host says which of them are news.

pub(crate) mod collate;
mod folder;
pub(crate) mod kind;
pub(crate) mod lines;
mod page;
mod rules;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::contract::{Ask, Call, Definition, Failure, Output, PathKind, Scope, Tool, arguments};

pub use page::page;

/// Shows a file or a folder.
#[derive(Clone, Copy, Debug, Default)]
pub struct Read;

/// Largest integer that JavaScript can count to.
const MAX_INTEGER: u64 = 9_007_199_254_740_991;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Arguments {
    /// Absolute path
    file_path: String,
    /// First line, from 1
    offset: Option<Count>,
    /// Lines (default 2000)
    limit: Option<Count>,
}

/// A count as JavaScript knows it: `2.0` is one too.
#[derive(Clone, Copy, Debug, JsonSchema)]
struct Count(#[schemars(range(min = 0, max = 9_007_199_254_740_991_u64))] u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let whole = number.as_u64().or_else(|| {
            let float = number
                .as_f64()
                .filter(|float| float.fract() == 0.0 && *float >= 0.0)?;
            format!("{float:.0}").parse().ok()
        });
        match whole {
            Some(count) if count <= MAX_INTEGER => Ok(Self(count)),
            _ => Err(D::Error::custom(format!(
                "expected an integer from 0 to {MAX_INTEGER}, got {number}"
            ))),
        }
    }
}

impl Tool for Read {
    fn name(&self) -> &'static str {
        "read"
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(include_str!("descriptions/read.md"))
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments {
        file_path,
        offset,
        limit,
    } = arguments("read", input)?;
    let path = call.scope.resolve(&file_path);
    let is_folder = tokio::fs::metadata(&path)
        .await
        .is_ok_and(|metadata| metadata.is_dir());
    let place = call
        .reach(
            &path,
            if is_folder {
                PathKind::Directory
            } else {
                PathKind::File
            },
        )
        .await?;
    call.ask(Ask {
        permission: "read".into(),
        patterns: vec![call.scope.relative(&path)],
        always: vec!["*".into()],
        ..Ask::default()
    })
    .await?;
    let (offset, limit) = (offset.map(|count| count.0), limit.map(|count| count.0));
    let mut output = tokio::select! {
        output = page::of(&call.scope, &path, place, offset, limit) => output?,
        () = call.cancel.cancelled() => return Err(Failure::Aborted),
    };
    if !is_folder {
        call.scope.languages.warm(&path);
        rules::attach(call, &path, &mut output).await;
    }
    Ok(output)
}

#[cfg(test)]
mod tests;
