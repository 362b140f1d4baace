//! `glob` and `grep` of durable sessions: what is found, as facts and as a list.

use std::path::{Path, PathBuf};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_project::search;
use opencode_schema::Object;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::locate::locate;
use super::schema::{Count, UNBOUNDED};
use super::{facts, schema};
use crate::contract::{Ask, Call, Definition, Failure, Output, Scope, Tool, arguments};
use crate::grep::{finds_nothing, listing};

/// Results at most, whatever is asked for.
const MOST: usize = 10_000;

/// Finds files by name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Glob;

#[derive(Debug, Deserialize, JsonSchema)]
struct GlobArguments {
    /// Glob of paths
    pattern: String,
    /// Folder to search; leave out for the session's folder
    path: Option<String>,
    /// Results at most
    limit: Option<Count<UNBOUNDED>>,
}

/// Finds lines by a regular expression.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Grep;

#[derive(Debug, Deserialize, JsonSchema)]
struct GrepArguments {
    /// Regular expression
    pattern: String,
    /// Folder or file to search; leave out for the session's folder
    path: Option<String>,
    /// Glob of files to search, e.g. "*.{ts,tsx}"
    include: Option<String>,
    /// Lines at most
    limit: Option<Count<UNBOUNDED>>,
}

impl Tool for Glob {
    fn name(&self) -> &'static str {
        "glob"
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        schema::definition::<GlobArguments>(include_str!("../descriptions/glob.md"))
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        glob(call, input).boxed()
    }
}

impl Tool for Grep {
    fn name(&self) -> &'static str {
        "grep"
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        schema::definition::<GrepArguments>(include_str!("../descriptions/grep.md"))
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        grep(call, input).boxed()
    }
}

/// Asks whether a pattern may be looked for.
async fn ask(
    call: &Call,
    permission: &str,
    pattern: &str,
    details: [(&str, Option<Value>); 4],
) -> Result<(), Failure> {
    let details = details
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    call.ask(Ask {
        permission: permission.into(),
        patterns: vec![pattern.to_owned()],
        always: vec!["*".into()],
        metadata: details.collect::<Object>(),
    })
    .await
}

fn most(limit: Option<Count<UNBOUNDED>>) -> usize {
    limit.map_or(MOST, Count::items).min(MOST)
}

/// A path of results, as seen from the session's folder.
fn relative(call: &Call, path: &Path) -> String {
    opencode_project::path::relative(&call.scope.directory, path)
}

async fn glob(call: &Call, input: Value) -> Result<Output, Failure> {
    let GlobArguments { pattern, path, limit } = arguments("glob", input)?;
    let path = path.filter(|path| !path.is_empty());
    let root = path.as_deref().unwrap_or(".");
    let details = [
        ("root", Some(root.into())),
        ("path", path.clone().map(Value::from)),
        ("limit", limit.map(|limit| limit.0.into())),
        ("pattern", Some(pattern.clone().into())),
    ];
    ask(call, "glob", &pattern, details).await?;
    let located = locate(call, root).await?;
    let query = search::Glob {
        directory: located.place.target().to_owned(),
        pattern,
        hidden: false,
        limit: most(limit),
    };
    let full = query.limit;
    let found = match search::glob(query, &call.cancel).await {
        Ok(found) => found,
        Err(search::Error::Glob(_)) => Vec::new(),
        Err(search::Error::Cancelled) => return Err(Failure::Aborted),
        Err(error) => return Err(Failure::told(error.to_string())),
    };
    let found: Vec<PathBuf> = found.iter().map(|path| located.path.join(path)).collect();
    let entries = found
        .iter()
        .map(|path| json!({ "path": relative(call, path), "type": "file" }));
    let mut lines: Vec<String> = found
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    if lines.is_empty() {
        lines.push("No files found".into());
    }
    if full == MOST && lines.len() == MOST {
        lines.push(format!("(Only the first {MOST} are listed.)"));
    }
    Ok(Output {
        title: root.to_owned(),
        metadata: facts(json!({ "value": entries.collect::<Vec<_>>() })),
        output: lines.join("\n"),
        ..Output::default()
    })
}

async fn grep(call: &Call, input: Value) -> Result<Output, Failure> {
    let GrepArguments {
        pattern,
        path,
        include,
        limit,
    } = arguments("grep", input)?;
    if pattern.is_empty() {
        return Err(Failure::told("pattern is required"));
    }
    let path = path.filter(|path| !path.is_empty());
    let details = [
        ("root", Some(".".into())),
        ("path", path.clone().map(Value::from)),
        ("include", include.clone().map(Value::from)),
        ("limit", limit.map(|limit| limit.0.into())),
    ];
    ask(call, "grep", &pattern, details).await?;
    let located = locate(call, path.as_deref().unwrap_or(".")).await?;
    let target = located.place.target();
    let file = tokio::fs::metadata(target)
        .await
        .ok()
        .filter(std::fs::Metadata::is_file)
        .and(target.file_name());
    let folder = |path: &Path| match file {
        Some(_) => path.parent().unwrap_or(path).to_owned(),
        None => path.to_owned(),
    };
    let query = search::Grep {
        directory: folder(target),
        pattern: pattern.clone(),
        include: match file {
            Some(name) => Some(only(&name.to_string_lossy())),
            None => include.filter(|include| !include.is_empty()),
        },
        limit: most(limit),
    };
    let cut = query.limit == MOST;
    let mut matches = match search::grep(query, &call.cancel).await {
        Ok(matches) => matches,
        Err(search::Error::Cancelled) => return Err(Failure::Aborted),
        Err(error) if finds_nothing(&error) => Vec::new(),
        Err(error) => return Err(Failure::told(error.to_string())),
    };
    if let (Some(_), Some(name)) = (file, located.path.file_name()) {
        // A link has another name than what was searched.
        matches.iter_mut().for_each(|found| found.path = name.into());
    }
    let folder = folder(&located.path);
    let value = matches.iter().map(|found| {
        let submatches = found.submatches.iter();
        json!({
            "entry": { "path": relative(call, &folder.join(&found.path)), "type": "file" },
            "line": found.line,
            "offset": found.offset,
            "text": found.text,
            "submatches": submatches
                .map(|part| json!({ "text": part.text, "start": part.start, "end": part.end }))
                .collect::<Vec<_>>(),
        })
    });
    Ok(Output {
        title: pattern,
        metadata: facts(json!({ "value": value.collect::<Vec<_>>() })),
        output: listing(&folder, &matches, cut && matches.len() == MOST),
        ..Output::default()
    })
}

/// The glob of one file in the folder that is searched.
fn only(name: &str) -> String {
    let mut glob = String::from("/");
    for letter in name.chars() {
        if letter.is_ascii_punctuation() {
            glob.push('\\');
        }
        glob.push(letter);
    }
    glob
}
