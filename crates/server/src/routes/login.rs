//! Logging in to providers (reference `http-api.md` §6.2, `providers.md` §12.6).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use opencode_catalog::login::{Authorization, Inputs, LoginError};
use serde::Deserialize;
use serde_json::json;

use crate::error::ApiError;
use crate::extract::{At, Body};
use crate::listen::App;

/// Which way to log in, with the answers to its prompts.
#[derive(Deserialize)]
pub(crate) struct Begin {
    method: usize,
    #[serde(default)]
    inputs: Inputs,
}

/// Which login is to be seen through. No way of ours brings a code by hand, so that one is not looked at.
#[derive(Deserialize)]
pub(crate) struct Complete {
    method: usize,
}

/// Begins a login; `null` when the way needs nothing but a key.
pub(crate) async fn authorize(
    State(app): State<App>,
    At(_): At,
    Path(provider_id): Path<String>,
    Body(begin): Body<Begin>,
) -> Result<Json<Option<Authorization>>, ApiError> {
    let begun = app
        .logins
        .authorize(&provider_id, begin.method, &begin.inputs)
        .await;
    begun.map(Json).map_err(|error| told(&error, &provider_id))
}

/// Waits until a login is done.
pub(crate) async fn complete(
    State(app): State<App>,
    At(_): At,
    Path(provider_id): Path<String>,
    Body(complete): Body<Complete>,
) -> Result<Json<bool>, ApiError> {
    let done = app.logins.complete(&provider_id, complete.method).await;
    done.map(|()| Json(true)).map_err(|error| match error {
        LoginError::NotBegun { .. } => told(&error, &provider_id),
        failed => ApiError::named(
            StatusCode::BAD_REQUEST,
            "ProviderAuthOauthCallbackFailed",
            &json!({ "providerID": provider_id, "message": failed.to_string() }),
        ),
    })
}

fn told(error: &LoginError, provider_id: &str) -> ApiError {
    match error {
        LoginError::Invalid { field, message } => ApiError::named(
            StatusCode::BAD_REQUEST,
            "ProviderAuthValidationFailed",
            &json!({ "field": field, "message": message }),
        ),
        LoginError::NotBegun { .. } => ApiError::named(
            StatusCode::BAD_REQUEST,
            "ProviderAuthOauthMissing",
            &json!({ "providerID": provider_id }),
        ),
        // Parity: http-api.md §6.2, what nobody knows is no mistake of the request there.
        other => ApiError::unexpected(other),
    }
}
