//! The log, and keys of providers (reference `http-api.md` §6.1).

use axum::Json;
use axum::extract::{Path, State};
use opencode_config::credential;
use opencode_schema::Object;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{ApiError, Kind};
use crate::extract::Body;
use crate::listen::App;

#[derive(Deserialize)]
pub(crate) struct Line {
    service: String,
    level: Level,
    message: String,
    #[serde(default)]
    extra: Object,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Writes a line of a client into the log.
pub(crate) async fn log(Body(line): Body<Line>) -> Json<bool> {
    let Line {
        service,
        level,
        message,
        extra,
    } = line;
    let extra = if extra.is_empty() {
        String::new()
    } else {
        Value::Object(extra).to_string()
    };
    match level {
        Level::Debug => tracing::debug!(service, extra, "{message}"),
        Level::Info => tracing::info!(service, extra, "{message}"),
        Level::Warn => tracing::warn!(service, extra, "{message}"),
        Level::Error => tracing::error!(service, extra, "{message}"),
    }
    Json(true)
}

pub(crate) async fn set_key(
    State(app): State<App>,
    Path(provider_id): Path<String>,
    Body(entry): Body<Value>,
) -> Result<Json<bool>, ApiError> {
    credential::check(&entry).map_err(|error| ApiError::bad_request(Kind::Payload, error.to_string()))?;
    change(app, provider_id, Some(entry)).await
}

pub(crate) async fn remove_key(
    State(app): State<App>,
    Path(provider_id): Path<String>,
) -> Result<Json<bool>, ApiError> {
    change(app, provider_id, None).await
}

async fn change(app: App, provider_id: String, entry: Option<Value>) -> Result<Json<bool>, ApiError> {
    let paths = app.engine.paths().clone();
    let written = tokio::task::spawn_blocking(move || credential::put(&paths, &provider_id, entry));
    written
        .await
        .map_err(|error| ApiError::unexpected(&error))?
        .map_err(|error| ApiError::unexpected(&error))?;
    app.engine.refresh_all().await;
    Ok(Json(true))
}
