//! MCP servers (reference `http-api.md` §6.8, `integrations.md` §A14).

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use opencode_mcp::name;
use opencode_schema::Object;
use opencode_schema::mcp::{ServerConfig, Status};
use serde::Deserialize;
use serde_json::json;

use crate::audit::{Actor, Outcome, Record};
use crate::error::ApiError;
use crate::extract::{At, Body};
use crate::listen::App;

/// How long lists wait for servers that are being connected: one that hangs is shown as it is.
const LIST_WAIT: Duration = Duration::from_secs(5);

type Statuses = Json<BTreeMap<String, Status>>;

pub(crate) async fn statuses(At(location): At) -> Statuses {
    if location.mcp.are_any() {
        location.mcp.settled(LIST_WAIT).await;
        location.take_logins().await;
    }
    Json(location.mcp.statuses())
}

#[derive(Deserialize)]
pub(crate) struct Addition {
    name: String,
    config: ServerConfig,
}

/// Adds a server for as long as the program runs.
pub(crate) async fn add(
    State(app): State<App>,
    actor: Actor,
    At(location): At,
    Body(Addition { name, config }): Body<Addition>,
) -> Statuses {
    let detail = match &config {
        ServerConfig::Local(server) => json!({ "name": name, "command": server.command.first() }),
        ServerConfig::Remote(server) => json!({ "name": name, "url": without_query(&server.url) }),
    };
    location.mcp.add(&name, config).await;
    let is_connected = location.mcp.status(&name) == Ok(Status::Connected);
    let outcome = if is_connected { Outcome::Ok } else { Outcome::Error };
    app.audit.record(
        &Record::new(&actor, "mcp.add", detail)
            .at(&location)
            .with(outcome, None),
    );
    Json(location.mcp.statuses())
}

pub(crate) async fn connect(At(location): At, Path(name): Path<String>) -> Result<Json<bool>, ApiError> {
    let connected = location.mcp.connect(&name).await;
    connected.map(|_| Json(true)).map_err(|_| unknown(&name))
}

pub(crate) async fn disconnect(At(location): At, Path(name): Path<String>) -> Result<Json<bool>, ApiError> {
    let disconnected = location.mcp.disconnect(&name);
    disconnected.map(|()| Json(true)).map_err(|_| unknown(&name))
}

/// Resources of all connected servers.
pub(crate) async fn resources(At(location): At) -> Json<Object> {
    if location.mcp.are_any() {
        location.mcp.settled(LIST_WAIT).await;
    }
    let resources = location.mcp.resources(false).await.into_iter().map(|resource| {
        let mut row = json!({ "name": resource.name, "uri": resource.uri, "client": resource.server });
        if let Some(description) = &resource.description {
            row["description"] = description.as_str().into();
        }
        if let Some(mime) = &resource.mime {
            row["mimeType"] = mime.as_str().into();
        }
        (name::resource(&resource.server, &resource.uri), row)
    });
    Json(resources.collect())
}

fn unknown(name: &str) -> ApiError {
    let message = format!("MCP server not found: {name}");
    ApiError::tagged(StatusCode::NOT_FOUND, "McpServerNotFoundError", message).with("name", name)
}

/// An address without what may be secret in it.
fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}
