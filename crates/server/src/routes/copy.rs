//! Copies of projects (reference `http-api.md` §6.7).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::extract::{At, Body, LocationAt, TaggedBody};
use crate::listen::App;

#[derive(Deserialize)]
pub(crate) struct Creation {
    strategy: String,
    directory: String,
    name: Option<String>,
}

pub(crate) async fn create(
    State(app): State<App>,
    LocationAt(location): LocationAt,
    Path(project_id): Path<String>,
    TaggedBody(wanted): TaggedBody<Creation>,
) -> Result<Json<Value>, ApiError> {
    let Creation {
        strategy,
        directory,
        name,
    } = wanted;
    let made = app
        .engine
        .copy_project(&location, &project_id, &strategy, &directory, name.as_deref())
        .await?;
    Ok(Json(json!({ "directory": made })))
}

#[derive(Deserialize)]
pub(crate) struct Removal {
    directory: String,
    force: bool,
}

pub(crate) async fn remove(
    State(app): State<App>,
    LocationAt(location): LocationAt,
    Path(project_id): Path<String>,
    TaggedBody(Removal { directory, force }): TaggedBody<Removal>,
) -> Result<StatusCode, ApiError> {
    app.engine
        .remove_copy(&location, &project_id, &directory, force)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn refresh(
    State(app): State<App>,
    LocationAt(location): LocationAt,
    Path(project_id): Path<String>,
) -> Result<StatusCode, ApiError> {
    app.engine.refresh_copies(&location, &project_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(crate) struct Task {
    context: Option<String>,
}

/// Never fails: where no model names the copy, chance does.
pub(crate) async fn generate_name(
    State(app): State<App>,
    At(location): At,
    Path(_): Path<String>,
    Body(Task { context }): Body<Task>,
) -> Json<Value> {
    let name = app.engine.copy_name(&location, context.as_deref()).await;
    Json(json!({ "name": name }))
}
