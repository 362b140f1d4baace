//! The `grep` tool: finds lines by a regular expression (reference `tools.md` §3).

use std::path::{Path, PathBuf};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_project::search;
use opencode_schema::Object;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Ask, Call, Definition, Failure, Output, PathKind, Scope, Tool, arguments};

/// Lines that are told at most.
const LIMIT: usize = 100;

/// Finds lines by a regular expression.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grep;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// Regular expression
    pattern: String,
    /// Folder; default: the working directory
    path: Option<String>,
    /// Glob of files to search, e.g. "*.{ts,tsx}"
    include: Option<String>,
}

impl Tool for Grep {
    fn name(&self) -> &'static str {
        "grep"
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(include_str!("descriptions/grep.md"))
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments {
        pattern,
        path,
        include,
    } = arguments("grep", input)?;
    if pattern.is_empty() {
        return Err(Failure::told("pattern is required"));
    }
    let mut metadata = Object::new();
    let optional = [("path", &path), ("include", &include)];
    metadata.insert("pattern".into(), pattern.clone().into());
    for (key, value) in optional {
        if let Some(value) = value {
            metadata.insert(key.into(), value.clone().into());
        }
    }
    call.ask(Ask {
        permission: "grep".into(),
        patterns: vec![pattern.clone()],
        always: vec!["*".into()],
        metadata,
    })
    .await?;
    let path = call.scope.resolve(path.as_deref().unwrap_or_default());
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
    // Parity: tools.md §3 «grep»: for a file, or for nothing, the folder around it is searched.
    let around = |path: &Path| {
        if is_folder {
            path.to_owned()
        } else {
            path.parent().map_or_else(PathBuf::new, Path::to_owned)
        }
    };
    let directory = around(&path);
    let query = search::Grep {
        directory: if is_folder {
            place.target().to_owned()
        } else {
            around(place.name())
        },
        pattern: pattern.clone(),
        include: include.filter(|include| !include.is_empty()),
        limit: LIMIT,
    };
    let matches = match search::grep(query, &call.cancel).await {
        Ok(matches) => matches,
        Err(search::Error::Cancelled) => return Err(Failure::Aborted),
        Err(error) if finds_nothing(&error) => Vec::new(),
        Err(error) => return Err(Failure::told(error.to_string())),
    };
    let truncated = matches.len() == LIMIT;
    let mut result = Object::new();
    result.insert("matches".into(), matches.len().into());
    result.insert("truncated".into(), truncated.into());
    Ok(Output {
        title: pattern,
        output: listing(&directory, &matches, truncated),
        metadata: result,
        ..Output::default()
    })
}

/// Parity: tools.md §3 «grep»: of what ripgrep refuses, only a regular expression with bad syntax is an
/// error; one that can match nothing within a line, and a glob that cannot be read, find nothing.
pub(crate) fn finds_nothing(error: &search::Error) -> bool {
    match error {
        search::Error::Glob(_) => true,
        search::Error::Pattern(error) => !error.to_string().contains("regex parse error"),
        _ => false,
    }
}

/// What a model is told of matches.
pub(crate) fn listing(directory: &Path, matches: &[search::Match], truncated: bool) -> String {
    if matches.is_empty() {
        return "No files found".into();
    }
    let more = if truncated {
        " (more matches available)"
    } else {
        ""
    };
    let mut lines = vec![format!("Found {} matches{more}", matches.len())];
    let mut file = None;
    for found in matches {
        if file != Some(&found.path) {
            if file.is_some() {
                lines.push(String::new());
            }
            file = Some(&found.path);
            lines.push(format!("{}:", directory.join(&found.path).display()));
        }
        // The text brings its own line break, so that a blank line follows (reference `tools.md` §3).
        lines.push(format!("  Line {}: {}", found.line, found.text));
    }
    if truncated {
        lines.push(String::new());
        lines.push("(Results truncated. Consider using a more specific path or pattern.)".into());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests;
