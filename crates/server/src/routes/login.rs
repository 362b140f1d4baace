//! Logging in to providers (reference `http-api.md` §6.2, `providers.md` §12.6).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use opencode_catalog::login::{Authorization, Inputs, LoginError};
use opencode_session::{Location, PluginLogins};
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

/// Which login is to be seen through. No way of ours brings a code by hand, but those of plugins do.
#[derive(Deserialize)]
pub(crate) struct Complete {
    method: usize,
    code: Option<String>,
}

/// The logins of plugins, where they stand for ours of a provider.
fn of_plugins(location: &Location, provider_id: &str) -> Option<PluginLogins> {
    let logins = location.plugin_logins();
    logins.methods(provider_id).is_some().then_some(logins)
}

/// Begins a login; `null` when the way needs nothing but a key.
pub(crate) async fn authorize(
    State(app): State<App>,
    At(location): At,
    Path(provider_id): Path<String>,
    Body(begin): Body<Begin>,
) -> Result<Json<Option<Authorization>>, ApiError> {
    let Begin { method, inputs } = &begin;
    let begun = match of_plugins(&location, &provider_id) {
        Some(plugins) => plugins.authorize(&provider_id, *method, inputs).await,
        None => app.logins.authorize(&provider_id, *method, inputs).await,
    };
    begun.map(Json).map_err(|error| told(&error, &provider_id))
}

/// Waits until a login is done.
pub(crate) async fn complete(
    State(app): State<App>,
    At(location): At,
    Path(provider_id): Path<String>,
    Body(complete): Body<Complete>,
) -> Result<Json<bool>, ApiError> {
    let done = match of_plugins(&location, &provider_id) {
        Some(plugins) => {
            let done = end(&plugins, &provider_id, complete.code.as_deref()).await;
            if done.is_ok() {
                app.engine.refresh_all().await;
            }
            done
        }
        None => app.logins.complete(&provider_id, complete.method).await,
    };
    done.map(|()| Json(true)).map_err(|error| match error {
        LoginError::NotBegun { .. } | LoginError::NoCode { .. } => told(&error, &provider_id),
        failed => ApiError::named(
            StatusCode::BAD_REQUEST,
            "ProviderAuthOauthCallbackFailed",
            &json!({ "providerID": provider_id, "message": failed.to_string() }),
        ),
    })
}

/// Parity: `plugins.md` §5, over HTTP the provider that was named counts, whatever the plugin says.
async fn end(plugins: &PluginLogins, provider_id: &str, code: Option<&str>) -> Result<(), LoginError> {
    let given = plugins.end(provider_id, code).await?;
    plugins.store(provider_id, given.entry).await
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
        LoginError::NoCode { .. } => ApiError::named(
            StatusCode::BAD_REQUEST,
            "ProviderAuthOauthCodeMissing",
            &json!({ "providerID": provider_id }),
        ),
        LoginError::Failed { reason } => ApiError::named(
            StatusCode::BAD_REQUEST,
            "BadRequest",
            &json!({ "providerID": provider_id, "message": reason }),
        ),
        // Parity: http-api.md §6.2, what nobody knows is no mistake of the request there.
        other => ApiError::unexpected(other),
    }
}
