//! Projects (reference `http-api.md` §6.7).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use opencode_project::{git, identity};
use opencode_schema::project::{Commands, Icon, Project, Vcs};
use opencode_session::ProjectChange;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::extract::{At, Body};
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
        .await?;
    app.engine.dispose(&location).await?;
    let location = app.engine.location(&location.directory).await?;
    current(State(app), At(location)).await
}

#[derive(Deserialize)]
pub(crate) struct Change {
    name: Option<String>,
    icon: Option<Icon>,
    commands: Option<Commands>,
}

pub(crate) async fn update(
    State(app): State<App>,
    Path(id): Path<String>,
    Body(change): Body<Change>,
) -> Result<Json<Project>, ApiError> {
    let change = ProjectChange {
        name: change.name,
        icon: change.icon,
        commands: change.commands,
    };
    let changed = app.engine.change_project(&id, change).await?;
    changed.map(Json).ok_or_else(|| {
        let message = format!("Project not found: {id}");
        ApiError::tagged(StatusCode::NOT_FOUND, "ProjectNotFoundError", message).with("projectID", id)
    })
}

/// The folders of a project that were seen; none of one that is not known.
pub(crate) async fn directories(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let found = app.engine.store().read(move |view| view.project_directories(&id));
    let rows = found
        .await?
        .into_iter()
        .map(|(directory, strategy)| match strategy {
            Some(strategy) => json!({ "directory": directory, "strategy": strategy }),
            None => json!({ "directory": directory }),
        });
    Ok(Json(rows.collect()))
}
