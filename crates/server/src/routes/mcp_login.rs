//! Logging in at MCP servers (reference `http-api.md` §6.8, `integrations.md` §A14).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use opencode_schema::mcp::Status;
use opencode_session::ServerLoginError;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::extract::{At, Body};
use crate::listen::App;

/// What the browser brought, when it came back to somebody else.
#[derive(Deserialize)]
pub(crate) struct Brought {
    code: String,
}

/// Begins a login; the client opens the page.
pub(crate) async fn start(At(location): At, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    let begun = Box::pin(location.begin_server_login(&name)).await.map_err(told)?;
    Ok(Json(
        json!({ "authorizationUrl": begun.url, "oauthState": begun.state }),
    ))
}

/// Ends a login with a code.
pub(crate) async fn callback(
    At(location): At,
    Path(name): Path<String>,
    Body(brought): Body<Brought>,
) -> Result<Json<Status>, ApiError> {
    let status = location.finish_server_login(&name, &brought.code).await;
    status.map(Json).map_err(told)
}

/// Opens the page here, and waits until the login is over.
pub(crate) async fn authenticate(
    State(app): State<App>,
    At(location): At,
    Path(name): Path<String>,
) -> Result<Json<Status>, ApiError> {
    let status = tokio::select! {
        status = Box::pin(location.log_in_at_server(&name)) => status,
        () = app.ending.cancelled() => return Err(ApiError::unexpected(&"the server ends")),
    };
    status.map(Json).map_err(told)
}

/// Forgets a login.
pub(crate) async fn remove(At(location): At, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    location.log_out_from_server(&name).await.map_err(told)?;
    Ok(Json(json!({ "success": true })))
}

fn told(error: ServerLoginError) -> ApiError {
    match error {
        ServerLoginError::Unknown(name) => {
            let message = format!("MCP server not found: {name}");
            ApiError::tagged(StatusCode::NOT_FOUND, "McpServerNotFoundError", message).with("name", name)
        }
        // What a server does wrong is no fault of this one, and the user can do something about it.
        ServerLoginError::Login(error) => ApiError::plain(error.to_string()),
        ServerLoginError::Server(error) => ApiError::plain(error.to_string()),
    }
}
