//! Projects (reference `http-api.md` §6.7).

use axum::Json;
use axum::extract::State;
use opencode_schema::project::Project;

use crate::error::ApiError;
use crate::extract::At;
use crate::listen::App;

pub(crate) async fn list(
    State(app): State<App>,
    // Known before it is listed.
    At(_): At,
) -> Result<Json<Vec<Project>>, ApiError> {
    let projects = app.engine.store().read(|view| view.projects()).await?;
    Ok(Json(projects))
}

pub(crate) async fn current(State(app): State<App>, At(location): At) -> Result<Json<Project>, ApiError> {
    let id = location.project_id.clone();
    let found = app.engine.store().read(move |view| view.project(&id)).await?;
    found
        .map(Json)
        .ok_or_else(|| ApiError::not_found(format!("Project not found: {}", location.project_id)))
}
