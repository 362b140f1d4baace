//! Worktrees (reference `http-api.md` §6.7).

use axum::Json;
use axum::extract::State;
use opencode_session::NewWorktree;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::extract::{At, Body, OptionalBody};
use crate::listen::App;

pub(crate) async fn list(State(app): State<App>, At(location): At) -> Result<Json<Vec<String>>, ApiError> {
    Ok(Json(app.engine.worktrees(&location).await?))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Creation {
    name: Option<String>,
    start_command: Option<String>,
}

/// Answers before the worktree is ready; an event tells of that.
pub(crate) async fn create(
    State(app): State<App>,
    At(location): At,
    OptionalBody(wanted): OptionalBody<Creation>,
) -> Result<Json<Value>, ApiError> {
    let new = NewWorktree {
        name: wanted.name,
        start_command: wanted.start_command,
        ..NewWorktree::default()
    };
    let made = app.engine.create_worktree(&location, new).await?;
    Ok(Json(json!({
        "name": made.name,
        "branch": made.branch,
        "directory": made.directory,
    })))
}

#[derive(Deserialize)]
pub(crate) struct Chosen {
    directory: String,
}

pub(crate) async fn remove(
    State(app): State<App>,
    At(location): At,
    Body(Chosen { directory }): Body<Chosen>,
) -> Result<Json<bool>, ApiError> {
    app.engine.remove_worktree(&location, &directory).await?;
    Ok(Json(true))
}

pub(crate) async fn reset(
    State(app): State<App>,
    At(location): At,
    Body(Chosen { directory }): Body<Chosen>,
) -> Result<Json<bool>, ApiError> {
    app.engine.reset_worktree(&location, &directory).await?;
    Ok(Json(true))
}
