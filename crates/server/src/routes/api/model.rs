//! Models (reference `v2.md` §12).

use axum::Json;
use opencode_schema::listing::ModelInfo;

use super::{Located, from_catalog};
use crate::error::ApiError;
use crate::extract::LocationAt;
use crate::routes::provider::look_around;

/// Those of connected providers, the newest first.
pub(crate) async fn list(
    LocationAt(location): LocationAt,
) -> Result<Json<Located<Vec<ModelInfo>>>, ApiError> {
    look_around(&location).await;
    let models = from_catalog(&location, |catalog| catalog.listed_models()).await?;
    Ok(Located::new(&location, models))
}
