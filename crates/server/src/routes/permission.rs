//! Questions that wait for the user (reference `http-api.md` §6.5).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use opencode_schema::PermissionId;
use opencode_schema::permission::{Reply, Request};
use opencode_session::Location;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::audit::{Actor, Outcome, Record};
use crate::error::{ApiError, Kind};
use crate::extract::{AskedPermission, At, Body, Query};
use crate::listen::App;

pub(crate) async fn list(At(location): At) -> Json<Vec<Request>> {
    Json(location.permissions.pending())
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    reply: Reply,
    message: Option<String>,
    /// Not in the reference: what «always» allows, instead of what the request says.
    patterns: Option<Vec<String>>,
    /// Not in the reference: whether «always» is kept for the project.
    #[serde(default)]
    save: bool,
}

pub(crate) async fn reply(
    State(app): State<App>,
    actor: Actor,
    At(location): At,
    AskedPermission(id): AskedPermission,
    Body(answer): Body<Answer>,
) -> Result<Json<bool>, ApiError> {
    if answer.patterns.as_ref().is_some_and(|all| !are_sound(all)) {
        return Err(ApiError::bad_request(
            Kind::Payload,
            format!("1 to {PATTERNS} patterns that are not empty\n  at [\"patterns\"]"),
        ));
    }
    let answer = opencode_permission::Answer {
        reply: answer.reply,
        feedback: answer.message,
        patterns: answer.patterns,
        save: answer.save,
    };
    settle(&app, &actor, &location, &id, answer).await
}

/// Patterns that one answer may allow.
const PATTERNS: usize = 100;

/// Whether patterns can be kept.
pub(crate) fn are_sound(patterns: &[String]) -> bool {
    (1..=PATTERNS).contains(&patterns.len()) && patterns.iter().all(|pattern| !pattern.trim().is_empty())
}

#[derive(Deserialize)]
pub(crate) struct OfProject {
    #[serde(rename = "projectID")]
    project_id: Option<String>,
}

/// The approvals that are kept for a project, that of the folder when none is named.
pub(crate) async fn saved(
    State(app): State<App>,
    At(location): At,
    Query(of): Query<OfProject>,
) -> Result<Json<Value>, ApiError> {
    let project = of.project_id.unwrap_or_else(|| location.project_id.clone());
    let saved = app
        .engine
        .store()
        .read(move |view| view.saved_permissions(&project))
        .await
        .map_err(opencode_session::Error::from)?;
    Ok(Json(json!({ "data": saved })))
}

/// Forgets one; it may have been forgotten before.
pub(crate) async fn remove_saved(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let detail = json!({ "saved": id });
    let removed = app
        .engine
        .store()
        .write(move |transaction| transaction.remove_saved_permission(&id));
    removed.await.map_err(opencode_session::Error::from)?;
    app.audit
        .record(&Record::new(&actor, "permission.saved.remove", detail));
    Ok(StatusCode::NO_CONTENT)
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
    settle(&app, &actor, &location, &id, answer.response.into()).await
}

pub(crate) async fn settle(
    app: &App,
    actor: &Actor,
    location: &Location,
    id: &PermissionId,
    answer: opencode_permission::Answer,
) -> Result<Json<bool>, ApiError> {
    let reply = answer.reply;
    let settled = location.permissions.answer(id, answer).await;
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
