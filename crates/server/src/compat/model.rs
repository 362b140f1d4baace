//! Providers and models in brief (reference `seed-http.md` §4).

use axum::Json;
use opencode_catalog::Choice;
use opencode_schema::model::{Modalities, Model};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::form::compact;
use crate::error::ApiError;
use crate::extract::{At, Query};

#[derive(Deserialize, JsonSchema)]
pub(super) struct Filter {
    /// Only this provider.
    provider: Option<String>,
}

pub(super) async fn list(At(location): At, Query(filter): Query<Filter>) -> Result<Json<Value>, ApiError> {
    location.catalog.discover().await;
    // The catalogue is read when it is first needed, which takes a moment.
    let made = tokio::task::spawn_blocking(move || {
        let catalog = &location.catalog;
        let ids = catalog.connected().into_iter();
        let wanted = ids.filter(|id| filter.provider.as_ref().is_none_or(|wanted| wanted == id));
        let providers: Vec<Value> = wanted
            .filter_map(|id| catalog.provider(&id))
            .map(|provider| {
                let models: Vec<Value> = provider.models.values().map(model).collect();
                json!({ "id": provider.id, "name": provider.name, "connected": true, "models": models })
            })
            .collect();
        let default = catalog.default_model().ok();
        let small = default.as_ref().and_then(|choice| {
            let configured = location.config.small_model.clone();
            configured.or_else(|| {
                let model = catalog.small_model(&choice.provider_id)?;
                Some(format!("{}/{}", model.provider_id, model.id))
            })
        });
        let name = |choice: Choice| format!("{}/{}", choice.provider_id, choice.model_id);
        json!({
            "providers": providers,
            "default": compact(json!({ "model": default.map(name), "small": small })),
        })
    });
    made.await.map(Json).map_err(|error| ApiError::unexpected(&error))
}

fn model(model: &Model) -> Value {
    let price = &model.cost.base;
    json!({
        "id": model.id,
        "name": model.name,
        "context": model.limit.context,
        "output": model.limit.output,
        "tool_call": model.capabilities.toolcall,
        "reasoning": model.capabilities.reasoning,
        "attachment": model.capabilities.attachment,
        "input": kinds(&model.capabilities.input),
        "cost": {
            "input": price.input, "output": price.output,
            "cache_read": price.cache.read, "cache_write": price.cache.write,
        },
        "status": model.status,
    })
}

fn kinds(modalities: &Modalities) -> Vec<&'static str> {
    let all = [
        ("text", modalities.text),
        ("audio", modalities.audio),
        ("image", modalities.image),
        ("video", modalities.video),
        ("pdf", modalities.pdf),
    ];
    all.into_iter()
        .filter(|(_, takes)| *takes)
        .map(|(name, _)| name)
        .collect()
}
