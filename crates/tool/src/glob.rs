//! The `glob` tool: finds files by name (reference `tools.md` §3).

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_project::search;
use opencode_schema::Object;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Ask, Call, Definition, Failure, Output, PathKind, Scope, Tool, arguments};

/// Files that are told at most.
const LIMIT: usize = 100;

/// Finds files by name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Glob;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// Glob of paths
    pattern: String,
    /// Folder to search; leave out for the working directory
    path: Option<String>,
}

impl Tool for Glob {
    fn name(&self) -> &'static str {
        "glob"
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(include_str!("descriptions/glob.md"))
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments { pattern, path } = arguments("glob", input)?;
    let mut metadata = Object::new();
    metadata.insert("pattern".into(), pattern.clone().into());
    if let Some(path) = &path {
        metadata.insert("path".into(), path.clone().into());
    }
    call.ask(Ask {
        permission: "glob".into(),
        patterns: vec![pattern.clone()],
        always: vec!["*".into()],
        metadata,
    })
    .await?;
    let directory = call.scope.resolve(path.as_deref().unwrap_or_default());
    if tokio::fs::metadata(&directory)
        .await
        .is_ok_and(|metadata| metadata.is_file())
    {
        return Err(Failure::told(format!(
            "glob path must be a directory: {}",
            directory.display()
        )));
    }
    let place = call.reach(&directory, PathKind::Directory).await?;
    let query = search::Glob {
        directory: place.target().to_owned(),
        pattern,
        hidden: false,
        limit: LIMIT,
    };
    let paths = match search::glob(query, &call.cancel).await {
        Ok(paths) => paths,
        // Parity: tools.md §3 «glob»: a pattern that cannot be read finds nothing.
        Err(search::Error::Glob(_)) => Vec::new(),
        Err(search::Error::Cancelled) => return Err(Failure::Aborted),
        Err(error) => return Err(Failure::told(error.to_string())),
    };
    let truncated = paths.len() == LIMIT;
    let mut lines: Vec<String> = paths
        .iter()
        .map(|path| directory.join(path).to_string_lossy().into_owned())
        .collect();
    if lines.is_empty() {
        lines.push("No files found".into());
    }
    if truncated {
        lines.push(String::new());
        lines.push(format!(
            "(Results are truncated: showing first {LIMIT} results. Consider using a more specific path or pattern.)"
        ));
    }
    let mut metadata = Object::new();
    metadata.insert("count".into(), paths.len().into());
    metadata.insert("truncated".into(), truncated.into());
    Ok(Output {
        title: call.scope.relative(&directory),
        output: lines.join("\n"),
        metadata,
        ..Output::default()
    })
}

#[cfg(test)]
mod tests;
