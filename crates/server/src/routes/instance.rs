//! What a location is made of (reference `http-api.md` §6.2).

use axum::Json;
use axum::extract::State;
use opencode_schema::command::Command;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::extract::At;
use crate::listen::App;

pub(crate) async fn path(At(location): At) -> Json<Value> {
    let paths = location.paths();
    Json(json!({
        "home": paths.home,
        "state": paths.state,
        "config": paths.config,
        "worktree": location.worktree,
        "directory": location.directory,
    }))
}

pub(crate) async fn agents(At(location): At) -> Json<Value> {
    Json(json!(location.listed_agents()))
}

pub(crate) async fn commands(At(location): At) -> Json<Value> {
    let configured = location.config.command.as_ref();
    let row = |command: &Command| {
        let mut row = json!(command);
        if configured.is_some_and(|configured| configured.contains_key(&command.name)) {
            // Parity: http-api.md §6.2, what configuration leaves out is null where it could stand.
            for field in ["description", "agent", "model", "subtask"] {
                if row.get(field).is_none() {
                    row[field] = Value::Null;
                }
            }
        }
        row
    };
    Json(location.current_commands().await.values().map(row).collect())
}

pub(crate) async fn skills(At(location): At) -> Json<Value> {
    Json(json!(location.skills))
}

pub(crate) async fn dispose(State(app): State<App>, At(location): At) -> Result<Json<bool>, ApiError> {
    app.engine.dispose(&location).await?;
    Ok(Json(true))
}
