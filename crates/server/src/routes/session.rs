//! Sessions (reference `http-api.md` §6.3).

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use indexmap::IndexMap;
use opencode_catalog::Choice;
use opencode_schema::permission::Ruleset;
use opencode_schema::session::{FileDiff, SessionModel, Status, Todo};
use opencode_schema::time::Millis;
use opencode_schema::{MessageId, Object, PartId, Session, SessionId, WorkspaceId};
use opencode_session::{NewSession, SessionChange};
use opencode_store::SessionFilter;
use serde::Deserialize;

use crate::error::{ApiError, Kind};
use crate::extract::{At, Body, Folder, Named, OptionalBody, Query, id, optional_id};
use crate::listen::App;

/// Sessions of a list when nobody says how many.
const USUAL_LIMIT: u32 = 100;

#[derive(Deserialize)]
pub(crate) struct Filter {
    scope: Option<String>,
    path: Option<String>,
    roots: Option<String>,
    start: Option<f64>,
    search: Option<String>,
    limit: Option<f64>,
}

pub(crate) async fn list(
    State(app): State<App>,
    folder: Folder,
    At(location): At,
    Query(filter): Query<Filter>,
) -> Result<impl IntoResponse, ApiError> {
    let only_folder = folder.is_in_query && filter.scope.as_deref() != Some("project");
    let roots = match filter.roots.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(ApiError::bad_request(Kind::Query, "roots is `true` or `false`")),
    };
    let filter = SessionFilter {
        project_id: Some(location.project_id.clone()),
        directory: only_folder
            .then(|| location.directory.to_string_lossy().into_owned())
            .filter(|_| filter.path.is_none()),
        path: filter.path,
        roots,
        updated_from: filter.start.map(|start| start as Millis),
        search: filter.search,
        limit: Some(filter.limit.map_or(USUAL_LIMIT, |limit| limit.max(0.0) as u32)),
        ..SessionFilter::default()
    };
    let json = app.lists.sessions(&app.engine, filter).await?;
    Ok(([(CONTENT_TYPE, "application/json")], json))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Creation {
    #[serde(default, rename = "parentID", deserialize_with = "optional_id")]
    parent_id: Option<SessionId>,
    title: Option<String>,
    agent: Option<String>,
    model: Option<SessionModel>,
    metadata: Option<Object>,
    permission: Option<Ruleset>,
    #[serde(default, rename = "workspaceID", deserialize_with = "optional_id")]
    workspace_id: Option<WorkspaceId>,
}

pub(crate) async fn create(
    State(app): State<App>,
    folder: Folder,
    At(location): At,
    OptionalBody(wanted): OptionalBody<Creation>,
) -> Result<Json<Session>, ApiError> {
    let new = NewSession {
        id: None,
        parent_id: wanted.parent_id,
        title: wanted.title,
        agent: wanted.agent,
        model: wanted.model,
        permission: wanted.permission,
        metadata: wanted.metadata,
        workspace_id: folder.workspace.or(wanted.workspace_id),
    };
    Ok(Json(app.engine.create_session(&location, new).await?))
}

pub(crate) async fn status(State(app): State<App>, At(_): At) -> Json<IndexMap<SessionId, Status>> {
    Json(app.engine.statuses().into_iter().collect())
}

pub(crate) async fn get(
    State(app): State<App>,
    Named(id): Named<SessionId>,
) -> Result<Json<Session>, ApiError> {
    Ok(Json(app.engine.session(&id).await?))
}

#[derive(Deserialize)]
pub(crate) struct Change {
    title: Option<String>,
    metadata: Option<Object>,
    permission: Option<Ruleset>,
    #[serde(default)]
    time: ChangedTime,
}

#[derive(Default, Deserialize)]
struct ChangedTime {
    archived: Option<Millis>,
}

pub(crate) async fn update(
    State(app): State<App>,
    At(location): At,
    Named(id): Named<SessionId>,
    Body(change): Body<Change>,
) -> Result<Json<Session>, ApiError> {
    let change = SessionChange {
        title: change.title,
        metadata: change.metadata,
        permission: change.permission,
        archived: change.time.archived,
    };
    Ok(Json(
        app.engine.change_session(&location.store, &id, change).await?,
    ))
}

pub(crate) async fn remove(
    State(app): State<App>,
    At(location): At,
    Named(id): Named<SessionId>,
) -> Result<Json<bool>, ApiError> {
    app.engine.delete_session(&location, &id).await?;
    Ok(Json(true))
}

pub(crate) async fn children(
    State(app): State<App>,
    Named(id): Named<SessionId>,
) -> Result<Json<Vec<Session>>, ApiError> {
    let children = app.engine.store().read(move |view| {
        view.session(&id)?;
        view.children(&id)
    });
    Ok(Json(children.await?))
}

pub(crate) async fn todo(
    State(app): State<App>,
    Named(id): Named<SessionId>,
) -> Result<Json<Vec<Todo>>, ApiError> {
    let todos = app.engine.store().read(move |view| {
        view.session(&id)?;
        view.todos(&id)
    });
    Ok(Json(todos.await?))
}

#[derive(Deserialize)]
pub(crate) struct DiffOf {
    #[serde(rename = "messageID")]
    message_id: Option<String>,
}

/// What a message of the user, or taking messages back, changed in files.
pub(crate) async fn diff(
    State(app): State<App>,
    Named(id): Named<SessionId>,
    Query(of): Query<DiffOf>,
) -> Result<Json<Vec<FileDiff>>, ApiError> {
    let message_id = of
        .message_id
        .map(MessageId::parse)
        .transpose()
        .map_err(|error| ApiError::bad_request(Kind::Query, error.to_string()))?;
    let Some(message_id) = message_id else {
        return Ok(Json(app.engine.reverted_diff(&id).await));
    };
    let diffs = app.engine.store().read(move |view| {
        let message = view.message(&id, &message_id)?;
        let summary = message.as_user().and_then(|user| user.summary.clone());
        Ok(summary.map(|summary| summary.diffs))
    });
    Ok(Json(diffs.await?.unwrap_or_default()))
}

#[derive(Default, Deserialize)]
pub(crate) struct Fork {
    #[serde(default, rename = "messageID", deserialize_with = "optional_id")]
    message_id: Option<MessageId>,
}

pub(crate) async fn fork(
    State(app): State<App>,
    At(location): At,
    Named(id): Named<SessionId>,
    OptionalBody(fork): OptionalBody<Fork>,
) -> Result<Json<Session>, ApiError> {
    Ok(Json(
        app.engine.fork_session(&location, &id, fork.message_id).await?,
    ))
}

/// Parity: http-api.md §6.3, also true when nothing ran.
pub(crate) async fn abort(
    State(app): State<App>,
    Named(id): Named<SessionId>,
) -> Result<Json<bool>, ApiError> {
    app.engine.interrupt(&id).await?;
    Ok(Json(true))
}

#[derive(Deserialize)]
pub(crate) struct Target {
    #[serde(rename = "messageID", deserialize_with = "id")]
    message_id: MessageId,
    #[serde(default, rename = "partID", deserialize_with = "optional_id")]
    part_id: Option<PartId>,
}

pub(crate) async fn revert(
    State(app): State<App>,
    At(location): At,
    Named(id): Named<SessionId>,
    Body(target): Body<Target>,
) -> Result<Json<Session>, ApiError> {
    let Target { message_id, part_id } = target;
    Ok(Json(
        app.engine.revert(&location, &id, message_id, part_id).await?,
    ))
}

pub(crate) async fn unrevert(
    State(app): State<App>,
    At(location): At,
    Named(id): Named<SessionId>,
) -> Result<Json<Session>, ApiError> {
    Ok(Json(app.engine.unrevert(&location, &id).await?))
}

#[derive(Deserialize)]
pub(crate) struct Shortening {
    #[serde(flatten)]
    model: Choice,
    #[serde(default)]
    auto: bool,
}

/// Answers when the conversation is shortened.
pub(crate) async fn summarize(
    State(app): State<App>,
    At(location): At,
    Named(id): Named<SessionId>,
    Body(wanted): Body<Shortening>,
) -> Result<Json<bool>, ApiError> {
    let done = app.engine.summarize(&location, &id, wanted.model, wanted.auto);
    done.await?;
    Ok(Json(true))
}

pub(crate) async fn share(
    State(app): State<App>,
    At(location): At,
    Named(id): Named<SessionId>,
) -> Result<Json<Session>, ApiError> {
    Ok(Json(app.engine.share_session(&location, &id).await?))
}

pub(crate) async fn unshare(
    State(app): State<App>,
    At(location): At,
    Named(id): Named<SessionId>,
) -> Result<Json<Session>, ApiError> {
    Ok(Json(app.engine.unshare_session(&location, &id).await?))
}
