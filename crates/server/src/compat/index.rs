//! The search index of a folder (reference `integrations-2.md` §Q).

use axum::Json;
use axum::extract::State;
use opencode_session::{IndexQuestion, IndexStatus};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{ApiError, Kind};
use crate::extract::{At, Query};
use crate::listen::App;

/// Bytes of a question.
const QUESTION_LIMIT: usize = 4 << 10;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Asked {
    /// What is looked for, in words.
    query: String,
    /// Only below this path.
    path: Option<String>,
    /// Only files of this language: its name, or the ending of its files.
    language: Option<String>,
    /// How many, 1 to 100.
    #[serde(default = "usual")]
    limit: usize,
}

fn usual() -> usize {
    10
}

pub(super) async fn search(
    State(app): State<App>,
    At(location): At,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, ApiError> {
    let bad = |reason: &str| Err(ApiError::bad_request(Kind::Query, reason));
    if asked.query.trim().is_empty() || asked.query.len() > QUESTION_LIMIT {
        return bad("query is 1 to 4096 bytes\n  at query");
    }
    if !(1..=100).contains(&asked.limit) {
        return bad("limit is 1 to 100\n  at limit");
    }
    let question = IndexQuestion {
        text: asked.query,
        below: asked.path,
        language: asked.language,
        limit: asked.limit,
    };
    let hits = app.engine.search_code(&location, question).await?;
    let rows = hits.into_iter().map(|hit| {
        json!({
            "path": hit.path, "first": hit.first, "last": hit.last, "names": hit.names,
            "score": hit.score, "text": hit.text,
        })
    });
    Ok(Json(rows.collect()))
}

pub(super) async fn status(State(app): State<App>, At(location): At) -> Result<Json<Value>, ApiError> {
    Ok(Json(shown(&app.engine.index_status(&location).await?)))
}

pub(super) async fn build(State(app): State<App>, At(location): At) -> Result<Json<Value>, ApiError> {
    Ok(Json(shown(&app.engine.build_index(&location, |_| {}).await?)))
}

fn shown(status: &IndexStatus) -> Value {
    json!({
        "files": status.files, "chunks": status.chunks, "vectors": status.vectors, "bytes": status.bytes,
        "filled": status.filled, "model": status.model,
    })
}
