//! Questions that wait for the user (reference `http-api.md` §6.5).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use opencode_schema::PermissionId;
use opencode_schema::permission::{Reply, Request};
use opencode_session::Location;
use serde::Deserialize;
use serde_json::json;

use crate::audit::{Actor, Outcome, Record};
use crate::error::ApiError;
use crate::extract::{AskedPermission, At, Body};
use crate::listen::App;

pub(crate) async fn list(At(location): At) -> Json<Vec<Request>> {
    Json(location.permissions.pending())
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    reply: Reply,
    message: Option<String>,
}

pub(crate) async fn reply(
    State(app): State<App>,
    actor: Actor,
    At(location): At,
    AskedPermission(id): AskedPermission,
    Body(answer): Body<Answer>,
) -> Result<Json<bool>, ApiError> {
    settle(&app, &actor, &location, &id, answer.reply, answer.message).await
}

#[derive(Deserialize)]
pub(crate) struct Response {
    response: Reply,
}

/// The older form of [`reply`].
pub(crate) async fn respond(
    State(app): State<App>,
    actor: Actor,
    At(location): At,
    AskedPermission(id): AskedPermission,
    Body(answer): Body<Response>,
) -> Result<Json<bool>, ApiError> {
    settle(&app, &actor, &location, &id, answer.response, None).await
}

pub(crate) async fn settle(
    app: &App,
    actor: &Actor,
    location: &Location,
    id: &PermissionId,
    reply: Reply,
    message: Option<String>,
) -> Result<Json<bool>, ApiError> {
    let settled = location.permissions.reply(id, reply, message).await;
    let outcome = if settled.is_ok() {
        Outcome::Ok
    } else {
        Outcome::Error
    };
    let detail = json!({ "request": id, "reply": reply });
    app.audit.record(
        &Record::new(actor, "permission.reply", detail)
            .at(location)
            .with(outcome, None),
    );
    settled.map(|()| Json(true)).map_err(|unknown| {
        ApiError::tagged(
            StatusCode::NOT_FOUND,
            "PermissionNotFoundError",
            unknown.to_string(),
        )
        .with("requestID", id.as_str())
    })
}
