//! Configuration, of a location and for all (reference `http-api.md` §6.1–6.2, `config.md` §7).

use axum::Json;
use axum::extract::State;
use opencode_config::edit::{self, Change};
use serde_json::Value;

use crate::error::ApiError;
use crate::extract::{At, Body};
use crate::listen::App;

pub(crate) async fn get(At(location): At) -> Json<Value> {
    Json(location.effective_config.clone())
}

/// Changes the file of the location's folder and answers what was asked for; whoever has the answer meets
/// the location as it is then.
pub(crate) async fn change(
    State(app): State<App>,
    At(location): At,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let change = parse(body)?;
    let asked = change.value();
    let (engine, directory) = (app.engine.clone(), location.directory.clone());
    beside(move || edit::project(&directory, &change, engine.paths(), engine.environment())).await?;
    app.engine.dispose(&location).await?;
    Ok(Json(asked))
}

pub(crate) async fn get_global(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let engine = app.engine.clone();
    let global = beside(move || opencode_config::global(engine.paths(), engine.environment()));
    global.await.map(Json)
}

/// Changes the global file and answers what it says then; all locations are read anew if that is something
/// else than before.
pub(crate) async fn change_global(
    State(app): State<App>,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let change = parse(body)?;
    let engine = app.engine.clone();
    let changed = beside(move || edit::global(&change, engine.paths(), engine.environment())).await?;
    if changed.is_new {
        app.engine.dispose_all().await?;
    }
    Ok(Json(changed.value))
}

fn parse(body: Value) -> Result<Change, ApiError> {
    Change::parse(body).map_err(|issues| ApiError::bad_keys(&issues))
}

/// Reads and writes on a thread that may wait for files.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, opencode_config::Error> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| ApiError::unexpected(&error))??)
}
