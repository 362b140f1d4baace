//! Taking back what was said (reference `v2.md` §9).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use opencode_schema::MessageId;
use opencode_schema::session::Revert;
use opencode_session::Error;
use serde::Deserialize;

use super::{Data, OfSession, failure, messages, yes};
use crate::error::ApiError;
use crate::extract::{TaggedBody, id};
use crate::listen::App;

#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(rename = "messageID", deserialize_with = "id")]
    message_id: MessageId,
    #[serde(default = "yes")]
    files: bool,
}

pub(crate) async fn stage(
    State(app): State<App>,
    OfSession(session, location): OfSession,
    TaggedBody(wanted): TaggedBody<Wanted>,
) -> Result<Json<Data<Revert>>, ApiError> {
    let staged = app
        .engine
        .stage_revert(&location, &session.id, wanted.message_id, wanted.files);
    let data = staged.await.map_err(|error| match error {
        Error::MessageNotFound(id) => messages::not_found(&session.id, &id),
        other => failure(other, &session.id),
    })?;
    Ok(Json(Data { data }))
}

pub(crate) async fn clear(
    State(app): State<App>,
    OfSession(session, location): OfSession,
) -> Result<StatusCode, ApiError> {
    let cleared = app.engine.clear_revert(&location, &session.id).await;
    cleared.map_err(|error| failure(error, &session.id))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn commit(
    State(app): State<App>,
    OfSession(session, location): OfSession,
) -> Result<StatusCode, ApiError> {
    let committed = app.engine.commit_revert(&location, &session.id).await;
    committed.map_err(|error| failure(error, &session.id))?;
    Ok(StatusCode::NO_CONTENT)
}
