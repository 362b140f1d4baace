//! Whether the server is there, and what place a request is about.

use axum::Json;
use opencode_schema::listing::LocationInfo;
use serde_json::{Value, json};

use super::info;
use crate::extract::LocationAt;

pub(crate) async fn health() -> Json<Value> {
    Json(json!({ "healthy": true }))
}

pub(crate) async fn get(LocationAt(location): LocationAt) -> Json<LocationInfo> {
    Json(info(&location))
}
