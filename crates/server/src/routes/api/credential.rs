//! Stored credentials by their ids (reference `v2.md` §12). Their secrets stay where they are.

use std::io;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use opencode_config::credential;
use opencode_config::{Environment, Paths};
use opencode_session::Location;
use serde::Deserialize;

use super::integration::changed;
use crate::error::ApiError;
use crate::extract::{Body, LocationAt};
use crate::listen::App;

#[derive(Deserialize)]
pub(crate) struct Change {
    label: String,
}

/// Gives one another label. Parity: v2.md §12, one that is unknown changes nothing.
pub(crate) async fn update(
    State(app): State<App>,
    LocationAt(location): LocationAt,
    Path(id): Path<String>,
    Body(change): Body<Change>,
) -> Result<StatusCode, ApiError> {
    edit(&app, &location, move |paths, environment| {
        credential::relabel(paths, environment, &id, &change.label)
    })
    .await
}

/// Removes one; it may be gone before.
pub(crate) async fn remove(
    State(app): State<App>,
    LocationAt(location): LocationAt,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    edit(&app, &location, move |paths, environment| {
        credential::disconnect(paths, environment, &id)
    })
    .await
}

async fn edit(
    app: &App,
    location: &Location,
    edit: impl FnOnce(&Paths, &Environment) -> io::Result<Option<String>> + Send + 'static,
) -> Result<StatusCode, ApiError> {
    let (paths, environment) = (app.engine.paths().clone(), app.engine.environment().clone());
    let edited = tokio::task::spawn_blocking(move || edit(&paths, &environment)).await;
    let edited = edited.map_err(|error| ApiError::unexpected(&error))?;
    if let Some(integration) = edited.map_err(|error| ApiError::unexpected(&error))? {
        changed(&app.engine, location, integration).await;
    }
    Ok(StatusCode::NO_CONTENT)
}
