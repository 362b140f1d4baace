//! Projects (reference `http-api.md` §6.7).

use axum::Json;
use axum::extract::State;
use opencode_project::{git, identity};
use opencode_schema::project::{Project, Vcs};

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
    let mut project =
        found.ok_or_else(|| ApiError::not_found(format!("Project not found: {}", location.project_id)))?;
    // A repository without a commit has no identity yet, but it is one.
    if location.project_id == identity::GLOBAL && location.is_git {
        project.vcs = Some(Vcs::Git);
        project.worktree = location.worktree.to_string_lossy().into_owned();
    }
    Ok(Json(project))
}

/// Makes a repository where there is none, and reads the location anew.
pub(crate) async fn init_git(State(app): State<App>, At(location): At) -> Result<Json<Project>, ApiError> {
    if location.is_git {
        return current(State(app), At(location)).await;
    }
    git::Call::new(&location.directory, "init")
        .argument("--quiet")
        .succeed()
        .await
        .map_err(|error| ApiError::unexpected(&error))?;
    app.engine.dispose(&location).await?;
    let location = app.engine.location(&location.directory).await?;
    current(State(app), At(location)).await
}
