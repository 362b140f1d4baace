//! What a location has besides sessions: tools, servers that it talks to, accounts
//! (reference `http-api.md` §6.2, §6.8).

use axum::Json;
use axum::extract::State;
use opencode_session::Audience;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::extract::{At, Query};
use crate::listen::App;

/// What schemas of tools are written in.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

pub(crate) async fn tool_ids(At(location): At) -> Json<Value> {
    Json(location.tool_names().into())
}

/// The model that tools are wanted for.
#[derive(Deserialize)]
pub(crate) struct ForModel {
    provider: String,
    model: String,
}

pub(crate) async fn tools(At(location): At, Query(wanted): Query<ForModel>) -> Result<Json<Value>, ApiError> {
    let known = location.catalog.model(&wanted.provider, &wanted.model).ok();
    let audience = Audience {
        provider_id: &wanted.provider,
        api_id: known.as_ref().map_or(&wanted.model, |model| &model.api.id),
    };
    let rows = location
        .tool_definitions(audience)?
        .into_iter()
        .map(|(id, definition)| {
            let mut parameters = Map::from_iter([("$schema".to_owned(), json!(DIALECT))]);
            if let Value::Object(own) = definition.parameters {
                parameters.extend(own);
            }
            json!({ "id": id, "description": definition.description, "parameters": parameters })
        });
    Ok(Json(rows.collect()))
}

/// Language servers that run, and those that failed.
pub(crate) async fn language_servers(At(location): At) -> Json<Value> {
    Json(json!(location.languages.status()))
}

/// Formatters, and which of them could be used here.
pub(crate) async fn formatters(At(location): At) -> Json<Value> {
    Json(json!(location.formatters().await))
}

/// What only some builds and settings can do.
pub(crate) async fn capabilities(State(app): State<App>, At(_): At) -> Json<Value> {
    Json(json!({ "backgroundSubagents": app.engine.has_background() }))
}

/// The console account, which nobody can log in to here.
pub(crate) async fn console(At(_): At) -> Json<Value> {
    Json(json!({ "consoleManagedProviders": [], "switchableOrgCount": 0 }))
}

pub(crate) async fn console_organisations(At(_): At) -> Json<Value> {
    Json(json!({ "orgs": [] }))
}
