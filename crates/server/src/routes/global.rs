//! What concerns the whole server (reference `http-api.md` §6.1).

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::listen::App;

pub(crate) async fn health(State(app): State<App>) -> Json<Value> {
    Json(json!({ "healthy": true, "version": app.version }))
}

pub(crate) async fn dispose(State(app): State<App>) -> Result<Json<bool>, ApiError> {
    app.engine.dispose_all().await?;
    Ok(Json(true))
}
