//! Searching the location's folder (reference `http-api.md` §6.6).

use axum::Json;
use axum::extract::State;
use opencode_project::search::names::Named;
use opencode_project::search::{self, Grep, Match};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::error::{ApiError, Kind};
use crate::extract::{At, Folder, Query};
use crate::listen::App;

/// Lines that are given at most.
const LIMIT: usize = 10;
/// Files that are given when nobody says how many, and at most.
const USUAL_FILES: usize = 10;
const MOST_FILES: usize = 200;
/// Letters from which on files are also found by what is in them.
const LEAST_WORDS: usize = 3;

#[derive(Deserialize)]
pub(crate) struct Pattern {
    pattern: String,
}

pub(crate) async fn text(folder: Folder, Query(wanted): Query<Pattern>) -> Result<Json<Value>, ApiError> {
    let query = Grep {
        directory: folder.path,
        pattern: wanted.pattern,
        include: None,
        limit: LIMIT,
    };
    // A client that goes away drops the search, which ends it.
    let found = search::grep(query, &CancellationToken::new()).await;
    let matches = found.map_err(|error| failure(&error))?;
    Ok(Json(matches.iter().map(row).collect()))
}

pub(crate) fn failure(error: &search::Error) -> ApiError {
    match error {
        search::Error::Pattern(_) | search::Error::Glob(_) | search::Error::Directory { .. } => {
            ApiError::bad_request(Kind::Query, error.to_string())
        }
        search::Error::Cancelled | search::Error::Broken(_) => ApiError::unexpected(error),
    }
}

#[derive(Deserialize)]
pub(crate) struct Typed {
    query: String,
    dirs: Option<Choice>,
    #[serde(rename = "type")]
    kind: Option<FileKind>,
    limit: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Choice {
    True,
    False,
}

/// What something in a folder is.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FileKind {
    File,
    Directory,
}

/// Files and folders by what was typed of their names.
pub(crate) async fn names(
    State(app): State<App>,
    folder: Folder,
    Query(wanted): Query<Typed>,
) -> Result<Json<Vec<String>>, ApiError> {
    let limit = wanted.limit.unwrap_or(USUAL_FILES);
    if !(1..=MOST_FILES).contains(&limit) {
        let reason = format!("Expected a value between 1 and {MOST_FILES}, got {limit}\n  at [\"limit\"]");
        return Err(ApiError::bad_request(Kind::Query, reason));
    }
    let files = wanted.kind != Some(FileKind::Directory);
    let (directory, typed) = (folder.path.clone(), wanted.query.clone());
    let query = Named {
        directory: folder.path,
        typed: wanted.query,
        files,
        folders: wanted.kind == Some(FileKind::Directory)
            || (wanted.kind.is_none() && wanted.dirs != Some(Choice::False)),
        limit,
    };
    let mut found = app.names.find(query).await.map_err(|error| failure(&error))?;
    if files && found.len() < limit && typed.chars().count() >= LEAST_WORDS {
        // What is not called so may be about it.
        for path in app.engine.files_about(&directory, &typed, limit).await {
            if found.len() < limit && !found.contains(&path) {
                found.push(path);
            }
        }
    }
    Ok(Json(found))
}

#[derive(Deserialize)]
pub(crate) struct Symbol {
    query: String,
}

/// Declarations that the language servers know which run; none is started for it.
pub(crate) async fn symbols(At(location): At, Query(wanted): Query<Symbol>) -> Json<Value> {
    Json(location.languages.symbols(&wanted.query).await.into())
}

fn row(found: &Match) -> Value {
    let submatches: Vec<Value> = found
        .submatches
        .iter()
        .map(|one| json!({ "match": { "text": one.text }, "start": one.start, "end": one.end }))
        .collect();
    json!({
        "path": { "text": found.path },
        "lines": { "text": found.text },
        "line_number": found.line,
        "absolute_offset": found.offset,
        "submatches": submatches,
    })
}
