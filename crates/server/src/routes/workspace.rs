//! Workspaces, and sessions that move (reference `http-api.md` §6.1, §6.11).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use opencode_schema::{SessionId, Workspace, WorkspaceId};
use opencode_session::{NewWorkspace, WORKSPACE_KIND};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::extract::{At, Body, Folder, Named, id, optional_id};
use crate::listen::App;

/// The kinds of workspaces that can be made.
pub(crate) async fn adapters(_: At) -> Json<Value> {
    Json(json!([{
        "type": WORKSPACE_KIND,
        "name": "Worktree",
        "description": "Another checkout of the repository on this machine",
    }]))
}

pub(crate) async fn list(State(app): State<App>, At(location): At) -> Result<Json<Vec<Workspace>>, ApiError> {
    Ok(Json(app.engine.workspaces(&location).await?))
}

#[derive(Deserialize)]
pub(crate) struct Creation {
    #[serde(default, deserialize_with = "optional_id")]
    id: Option<WorkspaceId>,
    #[serde(rename = "type")]
    kind: String,
    branch: Option<String>,
    extra: Option<Value>,
}

pub(crate) async fn create(
    State(app): State<App>,
    At(location): At,
    Body(wanted): Body<Creation>,
) -> Result<Json<Workspace>, ApiError> {
    let new = NewWorkspace {
        id: wanted.id,
        kind: wanted.kind,
        branch: wanted.branch,
        extra: wanted.extra,
    };
    Ok(Json(app.engine.create_workspace(&location, new).await?))
}

pub(crate) async fn statuses(State(app): State<App>, At(location): At) -> Result<Json<Value>, ApiError> {
    let statuses = app.engine.workspace_statuses(&location).await?;
    let row = |(id, status)| json!({ "workspaceID": id, "status": status });
    Ok(Json(statuses.into_iter().map(row).collect()))
}

pub(crate) async fn list_anew(State(app): State<App>, At(location): At) -> Result<StatusCode, ApiError> {
    app.engine.list_workspaces_anew(&location).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Parity: http-api.md §6.11, `null` when there was none.
pub(crate) async fn remove(
    State(app): State<App>,
    At(location): At,
    Named(id): Named<WorkspaceId>,
) -> Result<Json<Option<Workspace>>, ApiError> {
    Ok(Json(app.engine.remove_workspace(&location, &id).await?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Warp {
    // There, although it may be `null`.
    #[serde(deserialize_with = "optional_id")]
    id: Option<WorkspaceId>,
    #[serde(rename = "sessionID", deserialize_with = "id")]
    session_id: SessionId,
    #[serde(default)]
    copy_changes: bool,
}

pub(crate) async fn warp(
    State(app): State<App>,
    At(location): At,
    Body(warp): Body<Warp>,
) -> Result<StatusCode, ApiError> {
    app.engine
        .warp_session(&location, &warp.session_id, warp.id.as_ref(), warp.copy_changes)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Move {
    #[serde(rename = "sessionID", deserialize_with = "id")]
    session_id: SessionId,
    destination: Destination,
    #[serde(default)]
    move_changes: bool,
}

#[derive(Deserialize)]
struct Destination {
    directory: String,
}

pub(crate) async fn move_session(
    State(app): State<App>,
    folder: Folder,
    Body(wanted): Body<Move>,
) -> Result<StatusCode, ApiError> {
    let directory = &wanted.destination.directory;
    app.engine
        .move_session(&wanted.session_id, &folder.path, directory, wanted.move_changes)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
