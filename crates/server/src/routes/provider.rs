//! Providers and models (reference `http-api.md` §6.2).

use std::sync::Arc;

use axum::Json;
use indexmap::IndexMap;
use opencode_schema::model::Provider;
use serde::Serialize;

use crate::error::ApiError;
use crate::extract::At;

#[derive(Serialize)]
pub(crate) struct Connected {
    providers: Vec<Arc<Provider>>,
    default: IndexMap<String, String>,
}

/// The providers that are connected, and the best model of each.
pub(crate) async fn connected(At(location): At) -> Result<Json<Connected>, ApiError> {
    // The catalogue is read when it is first needed, which takes a moment.
    let made = tokio::task::spawn_blocking(move || {
        let catalog = &location.catalog;
        let ids = catalog.connected();
        let best = ids
            .iter()
            .filter_map(|id| Some((id.clone(), catalog.best_model(id)?.id)));
        Connected {
            default: best.collect(),
            providers: ids.iter().filter_map(|id| catalog.provider(id)).collect(),
        }
    });
    made.await.map(Json).map_err(|error| ApiError::unexpected(&error))
}
