//! The state of the working tree (reference `http-api.md` §6.7).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use opencode_project::vcs::{self, Branches, Change, Kind};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::audit::{Actor, Outcome, Record};
use crate::error::ApiError;
use crate::extract::{At, Body, Query};
use crate::listen::App;

pub(crate) async fn get(At(location): At) -> Result<Json<Value>, ApiError> {
    let branches = if location.is_git {
        vcs::branches(&location.worktree).await?
    } else {
        Branches::default()
    };
    Ok(Json(
        json!({ "branch": branches.current, "default_branch": branches.default }),
    ))
}

pub(crate) async fn status(At(location): At) -> Result<Json<Value>, ApiError> {
    if !location.is_git {
        return Ok(Json(json!([])));
    }
    let changes = vcs::changes(&location.worktree, "HEAD").await?;
    Ok(Json(changes.iter().map(row).collect()))
}

fn row(change: &Change) -> Value {
    json!({
        "file": change.file,
        "additions": change.additions,
        "deletions": change.deletions,
        "status": match change.kind {
            Kind::Added => "added",
            Kind::Deleted => "deleted",
            Kind::Modified => "modified",
        },
    })
}

#[derive(Deserialize)]
pub(crate) struct DiffOf {
    mode: Mode,
    context: Option<u32>,
}

#[derive(PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Git,
    Branch,
}

pub(crate) async fn diff(At(location): At, Query(of): Query<DiffOf>) -> Result<Json<Value>, ApiError> {
    if !location.is_git {
        return Ok(Json(json!([])));
    }
    let base = match of.mode {
        Mode::Git => Some("HEAD".to_owned()),
        Mode::Branch => vcs::fork_point(&location.worktree).await?,
    };
    let Some(base) = base else {
        return Ok(Json(json!([])));
    };
    let context = of.context.unwrap_or(vcs::WHOLE_FILE);
    let patches = vcs::patches(&location.worktree, &base, context).await?;
    let rows = patches.iter().map(|(change, patch)| {
        let mut row = row(change);
        row["patch"] = patch.as_str().into();
        row
    });
    Ok(Json(rows.collect()))
}

pub(crate) async fn raw(At(location): At) -> Result<Response, ApiError> {
    let patch = if location.is_git {
        vcs::patch(&location.worktree).await?
    } else {
        String::new()
    };
    Ok(([(CONTENT_TYPE, "text/x-diff; charset=utf-8")], patch).into_response())
}

#[derive(Deserialize)]
pub(crate) struct Patch {
    patch: String,
}

pub(crate) async fn apply(
    State(app): State<App>,
    actor: Actor,
    At(location): At,
    Body(Patch { patch }): Body<Patch>,
) -> Result<Json<Value>, ApiError> {
    if !location.is_git {
        return Err(refused(
            "Patches can only be applied in a git repository",
            "non-git",
        ));
    }
    let applied = vcs::apply(&location.worktree, &patch).await?;
    let outcome = if applied.is_ok() {
        Outcome::Ok
    } else {
        Outcome::Error
    };
    let detail = json!({ "bytes": patch.len() });
    app.audit.record(
        &Record::new(&actor, "vcs.apply", detail)
            .at(&location)
            .with(outcome, None),
    );
    applied
        .map(|()| Json(json!({ "applied": true })))
        .map_err(|reason| refused(&reason, "not-clean"))
}

fn refused(message: &str, reason: &str) -> ApiError {
    ApiError::named(
        StatusCode::BAD_REQUEST,
        "VcsApplyError",
        &json!({ "message": message, "reason": reason }),
    )
}
