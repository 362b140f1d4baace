//! The configuration in effect (reference `seed-http.md` §4).

use axum::Json;
use axum::extract::State;
use opencode_config::Place;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::extract::At;
use crate::listen::App;
use crate::secrets;

pub(super) async fn get(State(app): State<App>, At(location): At) -> Result<Json<Value>, ApiError> {
    let engine = app.engine.clone();
    let config = serde_json::to_value(&*location.config).map_err(|error| ApiError::unexpected(&error))?;
    let looking = tokio::task::spawn_blocking(move || {
        let place = Place {
            directory: &location.directory,
            worktree: &location.worktree,
        };
        opencode_config::source::files(place, location.paths(), engine.environment())
    });
    let files = looking.await.map_err(|error| ApiError::unexpected(&error))?;
    let sources: Vec<Value> = files
        .iter()
        .map(|file| json!({ "path": file.path, "scope": if file.is_global { "global" } else { "project" } }))
        .collect();
    Ok(Json(
        json!({ "config": secrets::redacted(config), "sources": sources }),
    ))
}
