//! Searching the location's folder (reference `http-api.md` §6.6).

use axum::Json;
use opencode_project::search::{self, Grep, Match};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::error::{ApiError, Kind};
use crate::extract::{Folder, Query};

/// Lines that are given at most.
const LIMIT: usize = 10;

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
    let matches = found.map_err(|error| match error {
        search::Error::Pattern(_) | search::Error::Glob(_) | search::Error::Directory { .. } => {
            ApiError::bad_request(Kind::Query, error.to_string())
        }
        search::Error::Cancelled | search::Error::Broken(_) => ApiError::unexpected(&error),
    })?;
    Ok(Json(matches.iter().map(row).collect()))
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
