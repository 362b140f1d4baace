//! What goes on in the background of a session (reference `v2.md` §13, §14 row 16).

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use opencode_store::{Job, JobStatus};
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::listen::App;
use crate::routes::api::session::{Data, OfSession};

/// A job as the reference shows jobs.
fn shown(job: &Job) -> Value {
    let mut shown = json!({
        "id": job.id,
        "type": job.kind.as_str(),
        "title": job.title,
        "status": job.status.as_str(),
        "started_at": job.created,
        "metadata": { "background": job.is_background },
    });
    if let Some(child) = &job.child {
        shown["metadata"]["sessionId"] = json!(child);
    }
    if let Some(completed) = job.completed {
        shown["completed_at"] = completed.into();
    }
    if let Some(result) = &job.result {
        let field = match job.status {
            JobStatus::Running | JobStatus::Completed => "output",
            JobStatus::Error | JobStatus::Cancelled | JobStatus::Lost => "error",
        };
        shown[field] = result.as_str().into();
    }
    shown
}

/// All of a session, in the order of their start.
pub(super) async fn list(
    State(app): State<App>,
    OfSession(session, _): OfSession,
) -> Result<Json<Data<Vec<Value>>>, ApiError> {
    let jobs = app.engine.jobs(&session.id).await?;
    let data = jobs.iter().map(shown).collect();
    Ok(Json(Data { data }))
}

async fn find(
    app: &App,
    OfSession(session, _): &OfSession,
    names: &HashMap<String, String>,
) -> Result<Job, ApiError> {
    let id = names.get("jobID").map(String::as_str).unwrap_or_default();
    let jobs = app.engine.jobs(&session.id).await?;
    let found = jobs.into_iter().find(|job| job.id == id);
    found.ok_or_else(|| {
        let message = format!("Job not found: {id}");
        ApiError::tagged(StatusCode::NOT_FOUND, "JobNotFoundError", message).with("jobID", id)
    })
}

/// One of them.
pub(super) async fn get(
    State(app): State<App>,
    session: OfSession,
    Path(names): Path<HashMap<String, String>>,
) -> Result<Json<Data<Value>>, ApiError> {
    let job = find(&app, &session, &names).await?;
    Ok(Json(Data { data: shown(&job) }))
}

/// Stops one of them; one that has ended stays as it is.
pub(super) async fn cancel(
    State(app): State<App>,
    session: OfSession,
    Path(names): Path<HashMap<String, String>>,
) -> Result<Json<Data<Value>>, ApiError> {
    let job = find(&app, &session, &names).await?;
    app.engine.stop_job(&job.session_id, &job.id).await?;
    let job = find(&app, &session, &names).await?;
    Ok(Json(Data { data: shown(&job) }))
}
