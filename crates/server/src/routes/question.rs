//! Questions of the model that wait for the user (reference `http-api.md` §6.5).

use axum::Json;
use axum::http::StatusCode;
use opencode_permission::UnknownQuestion;
use opencode_schema::QuestionId;
use opencode_schema::question::{Answer, Request};
use serde::Deserialize;

use crate::error::ApiError;
use crate::extract::{At, Body, Named};

pub(crate) async fn list(At(location): At) -> Json<Vec<Request>> {
    Json(location.questions.pending())
}

#[derive(Deserialize)]
pub(crate) struct Answers {
    answers: Vec<Answer>,
}

pub(crate) async fn reply(
    At(location): At,
    Named(id): Named<QuestionId>,
    Body(given): Body<Answers>,
) -> Result<Json<bool>, ApiError> {
    let settled = location.questions.reply(&id, given.answers).await;
    settled.map(|()| Json(true)).map_err(|error| unknown(&error))
}

pub(crate) async fn reject(At(location): At, Named(id): Named<QuestionId>) -> Result<Json<bool>, ApiError> {
    let settled = location.questions.reject(&id).await;
    settled.map(|()| Json(true)).map_err(|error| unknown(&error))
}

fn unknown(error: &UnknownQuestion) -> ApiError {
    ApiError::tagged(StatusCode::NOT_FOUND, "QuestionNotFoundError", error.to_string())
        .with("requestID", error.0.as_str())
}
