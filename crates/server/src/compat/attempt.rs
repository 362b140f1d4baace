//! What durable sessions were in the middle of when their program was killed, and what is to become of it
//! (reference `v2.md` §14 rows 22, 24, 26).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use opencode_schema::{SessionId, SessionMessageBody};
use serde_json::{Value, json};

use crate::error::{ApiError, Kind};
use crate::listen::App;

fn parse(id: String) -> Result<SessionId, ApiError> {
    SessionId::parse(id).map_err(|error| ApiError::bad_request(Kind::Params, error.to_string()))
}

/// What was left behind, or null.
pub(super) async fn get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let left = app.engine.left_behind(&parse(id)?).await?;
    let shown = left.map(|left| {
        let mut shown = json!({ "attempt": left.attempt, "activity": left.activity, "message": left.answer });
        if let Some(message) = &left.answer
            && let SessionMessageBody::Assistant(answer) = &message.body
        {
            shown["calls"] = answer
                .open_calls()
                .map(|call| json!({ "id": call.id, "tool": call.name }))
                .collect();
        }
        shown
    });
    Ok(Json(shown.unwrap_or_default()))
}

async fn decide(app: &App, id: String, retry: bool) -> Result<StatusCode, ApiError> {
    let id = parse(id)?;
    let session = app.engine.session(&id).await?;
    let location = app.engine.location_of(&session).await?;
    if app.engine.decide(&location, &id, retry).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let message = format!("Nothing was left behind in the session {id}");
    Err(ApiError::tagged(StatusCode::CONFLICT, "ConflictError", message).with("resource", id.as_str()))
}

/// The model goes on with it.
pub(super) async fn retry(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    decide(&app, id, true).await
}

/// It is ended as it is.
pub(super) async fn abandon(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    decide(&app, id, false).await
}
