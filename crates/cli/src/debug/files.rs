//! Files and searches as the program sees them.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opencode_project::search::names::{Named, Names};
use opencode_project::{files, search};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::failure::Failure;
use crate::run::message::mime;

/// Files that are given at most.
const NAMES_LIMIT: usize = 100;

/// Prints a file as JSON.
pub(super) fn read(context: &Context, path: &str) -> Result<(), Failure> {
    let found = files::read(&context.directory()?, path).map_err(|error| Failure::told(error.to_string()))?;
    let bytes = found.ok_or_else(|| Failure::told(format!("File not found: {path}")))?;
    let mime = mime(Path::new(path), &bytes);
    let content = STANDARD.encode(&bytes);
    super::json(
        context,
        &json!({ "content": content, "encoding": "base64", "mime": mime }),
    )
}

/// Lists a folder.
pub(super) fn list(context: &Context, path: &str) -> Result<(), Failure> {
    let entries =
        files::list(&context.directory()?, path).map_err(|error| Failure::told(error.to_string()))?;
    let entry = |entry: files::Entry| {
        let kind = if entry.is_folder { "directory" } else { "file" };
        json!({ "path": entry.path, "type": kind })
    };
    super::json(context, &entries.into_iter().map(entry).collect::<Value>())
}

/// Lists files.
pub(super) async fn find(
    context: &Context,
    query: Option<&str>,
    pattern: Option<String>,
    limit: usize,
) -> Result<(), Failure> {
    let directory = context.directory()?;
    let wanted = search::Glob {
        directory: directory.clone(),
        pattern: pattern.unwrap_or_else(|| "**/*".to_owned()),
        hidden: true,
        limit,
    };
    let found = search::glob(wanted, &CancellationToken::new()).await;
    for path in found.map_err(|error| Failure::told(error.to_string()))? {
        let path = opencode_project::path::relative(&directory, &directory.join(path));
        if query.is_none_or(|query| path.contains(query)) {
            context.output.data(path)?;
        }
    }
    Ok(())
}

/// Files by what was typed of their names, the best first.
pub(super) async fn names(context: &Context, typed: String) -> Result<(), Failure> {
    let wanted = Named {
        directory: context.directory()?,
        typed,
        files: true,
        folders: false,
        limit: NAMES_LIMIT,
    };
    let found = Names::default().find(wanted).await;
    for path in found.map_err(|error| Failure::told(error.to_string()))? {
        context.output.data(path)?;
    }
    Ok(())
}

/// Searches in files.
pub(super) async fn search(
    context: &Context,
    pattern: String,
    include: Option<String>,
    limit: usize,
) -> Result<(), Failure> {
    let wanted = search::Grep {
        directory: context.directory()?,
        pattern,
        include,
        limit,
    };
    let found = search::grep(wanted, &CancellationToken::new()).await;
    let found = found.map_err(|error| Failure::told(error.to_string()))?;
    let line = |found: &search::Match| {
        let submatches = found.submatches.iter();
        let submatches =
            submatches.map(|one| json!({ "text": one.text, "start": one.start, "end": one.end }));
        json!({
            "path": found.path,
            "line": found.line,
            "offset": found.offset,
            "text": found.text,
            "submatches": submatches.collect::<Value>(),
        })
    };
    super::json(context, &found.iter().map(line).collect::<Value>())
}
