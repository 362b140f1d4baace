//! The newer interface, `/api/…` (reference `v2.md` §10, `http-api.md` §3–4): its own way to name a place,
//! answers that say where they are from, errors with a tag. One module an area.

pub(crate) mod agent;
pub(crate) mod command;
pub(crate) mod credential;
pub(crate) mod fs;
pub(crate) mod integration;
pub(crate) mod location;
pub(crate) mod model;
pub(crate) mod provider;
pub(crate) mod pty;
pub(crate) mod reference;
pub(crate) mod session;
pub(crate) mod skill;

use std::sync::Arc;

use axum::Json;
use opencode_schema::listing::{LocationInfo, ProjectPlace};
use opencode_session::Location;
use serde::Serialize;

use crate::error::ApiError;

/// An answer with the place that it is from.
#[derive(Serialize)]
pub(crate) struct Located<T> {
    location: LocationInfo,
    data: T,
}

impl<T> Located<T> {
    pub(crate) fn new(location: &Location, data: T) -> Json<Self> {
        Json(Self {
            location: info(location),
            data,
        })
    }
}

/// A place as this interface shows it.
pub(crate) fn info(location: &Location) -> LocationInfo {
    LocationInfo {
        directory: location.directory_text(),
        workspace_id: location.workspace_id.clone(),
        project: ProjectPlace {
            id: location.project_id.clone(),
            directory: location.worktree.to_string_lossy().into_owned(),
        },
    }
}

/// Looks at the catalogue on a thread that may wait: it is read when it is first needed.
async fn from_catalog<T: Send + 'static>(
    location: &Arc<Location>,
    look: impl FnOnce(&opencode_catalog::Catalog) -> T + Send + 'static,
) -> Result<T, ApiError> {
    let catalog = Arc::clone(&location.catalog);
    let looked = tokio::task::spawn_blocking(move || look(&catalog)).await;
    looked.map_err(|error| ApiError::unexpected(&error))
}
