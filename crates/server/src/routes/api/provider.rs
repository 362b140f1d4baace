//! Providers (reference `v2.md` §12).

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use opencode_schema::listing::ProviderInfo;

use super::{Located, from_catalog};
use crate::error::ApiError;
use crate::extract::LocationAt;
use crate::routes::provider::look_around;

/// The connected ones.
pub(crate) async fn list(
    LocationAt(location): LocationAt,
) -> Result<Json<Located<Vec<ProviderInfo>>>, ApiError> {
    look_around(&location).await;
    let providers = from_catalog(&location, |catalog| catalog.listed_providers()).await?;
    Ok(Located::new(&location, providers))
}

/// One, connected or not.
pub(crate) async fn get(
    LocationAt(location): LocationAt,
    Path(id): Path<String>,
) -> Result<Json<Located<ProviderInfo>>, ApiError> {
    let wanted = id.clone();
    let found = from_catalog(&location, move |catalog| catalog.listed_provider(&wanted)).await?;
    let found = found.ok_or_else(|| {
        let message = format!("Provider not found: {id}");
        ApiError::tagged(StatusCode::NOT_FOUND, "ProviderNotFoundError", message).with("providerID", id)
    })?;
    Ok(Located::new(&location, found))
}
