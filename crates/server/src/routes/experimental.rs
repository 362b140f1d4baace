//! Sessions of all projects, and work that goes on in the background (reference `http-api.md` §6.3).

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use opencode_schema::time::Millis;
use opencode_schema::{Session, SessionId};
use opencode_store::SessionFilter;
use serde::{Deserialize, Serialize};

use crate::error::{ApiError, Kind};
use crate::extract::{Folder, Named, Query};
use crate::listen::App;

/// Sessions of a list when nobody says how many.
const USUAL_LIMIT: u32 = 100;

#[derive(Deserialize)]
pub(crate) struct Filter {
    roots: Option<String>,
    archived: Option<String>,
    start: Option<f64>,
    cursor: Option<f64>,
    search: Option<String>,
    limit: Option<f64>,
}

/// A session with what a list of all projects shows of its own.
#[derive(Serialize)]
pub(crate) struct Listed {
    #[serde(flatten)]
    session: Session,
    /// Written as `null` when the project is not known.
    project: Option<ProjectOf>,
}

#[derive(Serialize)]
struct ProjectOf {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    worktree: String,
}

/// The sessions touched last, and in a header from where on there are more.
pub(crate) async fn sessions(
    State(app): State<App>,
    folder: Folder,
    Query(filter): Query<Filter>,
) -> Result<(HeaderMap, Json<Vec<Listed>>), ApiError> {
    let limit = filter.limit.map_or(USUAL_LIMIT, |limit| limit.max(0.0) as u32);
    let filter = SessionFilter {
        directory: folder
            .is_in_query
            .then(|| folder.path.to_string_lossy().into_owned()),
        roots: switch("roots", filter.roots.as_deref())?,
        unarchived: !switch("archived", filter.archived.as_deref())?,
        updated_from: filter.start.map(|start| start as Millis),
        updated_before: filter.cursor.map(|cursor| cursor as Millis),
        search: filter.search,
        limit: Some(limit.saturating_add(1)),
        ..SessionFilter::default()
    };
    let (mut sessions, projects) = app
        .engine
        .store()
        .read(move |view| Ok((view.sessions(&filter)?, view.projects()?)))
        .await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = sessions.len() > wanted;
    sessions.truncate(wanted);
    let mut headers = HeaderMap::new();
    if let Some(last) = sessions.last().filter(|_| more) {
        headers.insert("x-next-cursor", HeaderValue::from(last.time.updated));
    }
    let listed = sessions.into_iter().map(|session| {
        let project = projects
            .iter()
            .find(|project| project.id == session.project_id)
            .map(|project| ProjectOf {
                id: project.id.clone(),
                name: project.name.clone(),
                worktree: project.worktree.clone(),
            });
        Listed { session, project }
    });
    Ok((headers, Json(listed.collect())))
}

fn switch(name: &str, value: Option<&str>) -> Result<bool, ApiError> {
    match value {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => {
            let reason = format!("it is `true` or `false`\n  at [\"{name}\"]");
            Err(ApiError::bad_request(Kind::Query, reason))
        }
    }
}

/// Parity: http-api.md §6.3, false also for sessions that nobody knows.
pub(crate) async fn background(State(app): State<App>, Named(id): Named<SessionId>) -> Json<bool> {
    Json(app.engine.send_to_background(&id).await)
}
