//! Durable sessions (reference `v2.md` §4, §5, §10).

pub(crate) mod asking;
pub(crate) mod history;
pub(crate) mod messages;
pub(crate) mod revert;

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opencode_schema::prompt::{Delivery, Prompt, PromptAgent, PromptFile, PromptSource, SessionInput};
use opencode_schema::session::{Cost, Revert, Session, SessionModel, Status, Tokens};
use opencode_schema::time::Millis;
use opencode_schema::{MessageId, SessionId};
use opencode_session::{Admission, AdmissionError, Error, Location, NewSession};
use opencode_store::{Direction, SessionAnchor, SessionFilter};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{ApiError, Kind};
use crate::extract::{Named, Query, TaggedBody, optional_id};
use crate::listen::App;

/// Sessions of a page when nobody says how many, and at most.
const USUAL: u32 = 50;
const MOST: u32 = 1000;

/// The session of a request, and where it works.
pub(crate) struct OfSession(pub(crate) Session, pub(crate) Arc<Location>);

impl FromRequestParts<App> for OfSession {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Named(id) = Named::<SessionId>::from_request_parts(parts, app)
            .await
            .map_err(|error| error.tagged_form().without("kind"))?;
        let session = app
            .engine
            .session(&id)
            .await
            .map_err(|error| failure(error, &id))?;
        let location = app.engine.location_of(&session).await?;
        Ok(Self(session, location))
    }
}

/// Why something cannot be done with a session.
fn failure(error: Error, id: &SessionId) -> ApiError {
    match error {
        Error::SessionNotFound(_) => {
            let message = format!("Session not found: {id}");
            ApiError::tagged(StatusCode::NOT_FOUND, "SessionNotFoundError", message)
                .with("sessionID", id.as_str())
        }
        Error::Attachment(reason) => ApiError::bad_request(Kind::Payload, reason).tagged_form(),
        other => other.into(),
    }
}

/// Why something was not admitted to a session.
pub(crate) fn refused(error: AdmissionError, session: &SessionId) -> ApiError {
    match error {
        AdmissionError::Conflict(id) => {
            let message = format!("Another prompt or message has the id {id}");
            ApiError::tagged(StatusCode::CONFLICT, "ConflictError", message).with("resource", id.as_str())
        }
        AdmissionError::Engine(error) => failure(error, session),
    }
}

/// An answer that holds nothing but what was asked for.
#[derive(Serialize)]
pub(crate) struct Data<T> {
    pub(crate) data: T,
}

/// A session as this interface shows it.
#[derive(Serialize)]
pub(crate) struct Info {
    id: SessionId,
    #[serde(rename = "parentID", skip_serializing_if = "Option::is_none")]
    parent_id: Option<SessionId>,
    #[serde(rename = "projectID")]
    project_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<SessionModel>,
    cost: Cost,
    tokens: Tokens,
    time: Times,
    title: String,
    location: Place,
    #[serde(skip_serializing_if = "Option::is_none")]
    subpath: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revert: Option<Revert>,
}

#[derive(Serialize)]
struct Times {
    created: Millis,
    updated: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    archived: Option<Millis>,
}

/// Where a session works.
#[derive(Serialize, Deserialize)]
struct Place {
    directory: String,
    #[serde(rename = "workspaceID", default, skip_serializing_if = "Option::is_none")]
    workspace_id: Option<String>,
}

impl From<Session> for Info {
    fn from(session: Session) -> Self {
        Self {
            id: session.id,
            parent_id: session.parent_id,
            project_id: session.project_id,
            agent: session.agent,
            model: session.model,
            cost: session.cost.unwrap_or_default(),
            tokens: session.tokens.unwrap_or_default(),
            time: Times {
                created: session.time.created,
                updated: session.time.updated,
                archived: session.time.archived,
            },
            title: session.title,
            location: Place {
                directory: session.directory,
                workspace_id: session.workspace_id,
            },
            subpath: session.path.filter(|path| !path.is_empty()),
            revert: session.revert,
        }
    }
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    Asc,
    #[default]
    Desc,
}

impl Order {
    /// The way that a page goes which is before or behind another one.
    fn towards(self, page: Towards) -> Direction {
        match (self, page) {
            (Self::Asc, Towards::Next) | (Self::Desc, Towards::Previous) => Direction::Ascending,
            (Self::Desc, Towards::Next) | (Self::Asc, Towards::Previous) => Direction::Descending,
        }
    }
}

/// Where a page lies, seen from another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Towards {
    Previous,
    Next,
}

/// The pages beside a page.
#[derive(Serialize)]
pub(crate) struct Cursors {
    previous: Option<String>,
    next: Option<String>,
}

/// A page of a list.
#[derive(Serialize)]
pub(crate) struct Page<T> {
    data: Vec<T>,
    cursor: Cursors,
}

impl<T> Page<T> {
    /// A page between the cursors that `write` makes of its ends.
    pub(crate) fn new<C: Serialize>(data: Vec<T>, write: impl Fn(&T, Towards) -> C) -> Self {
        let cursor = |item: Option<&T>, towards| Some(written(&write(item?, towards)));
        Self {
            cursor: Cursors {
                previous: cursor(data.first(), Towards::Previous),
                next: cursor(data.last(), Towards::Next),
            },
            data,
        }
    }
}

fn written(cursor: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(json!(cursor).to_string())
}

/// A cursor that was given out before.
pub(crate) fn read_cursor<T: DeserializeOwned>(text: &str) -> Result<T, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let cursor = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    cursor.ok_or_else(|| ApiError::tagged(StatusCode::BAD_REQUEST, "InvalidCursorError", "Invalid cursor"))
}

/// How many items a page has at most.
pub(crate) fn page_size(limit: Option<i64>) -> Result<u32, ApiError> {
    let limit = limit.unwrap_or(USUAL.into());
    if limit < 1 {
        let reason = format!("Expected a value greater than 0, got {limit}\n  at [\"limit\"]");
        return Err(ApiError::bad_request(Kind::Query, reason).tagged_form());
    }
    Ok(u32::try_from(limit).unwrap_or(MOST).min(MOST))
}

/// Which sessions to list.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Listing {
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<String>,
    #[serde(skip_serializing)]
    limit: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<Order>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subpath: Option<String>,
    #[serde(skip_serializing)]
    cursor: Option<String>,
    /// In a cursor: where the page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    anchor: Option<Anchor>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Anchor {
    id: SessionId,
    time: Millis,
    direction: Towards,
}

pub(crate) async fn list(
    State(app): State<App>,
    Query(asked): Query<Listing>,
) -> Result<Json<Page<Info>>, ApiError> {
    let limit = page_size(asked.limit)?;
    let listing = match &asked.cursor {
        // The filters are those of the list that the cursor is from.
        Some(cursor) => read_cursor::<Listing>(cursor)?,
        None => Listing {
            anchor: None,
            ..asked
        },
    };
    let filter = SessionFilter {
        project_id: listing.project.clone(),
        workspace_id: listing.workspace.clone(),
        directory: listing.directory.clone(),
        path: listing.subpath.clone(),
        search: listing.search.clone(),
        limit: Some(limit),
        ..SessionFilter::default()
    };
    let order = listing.order.unwrap_or_default();
    let anchor = listing.anchor.clone();
    let towards = anchor.as_ref().map_or(Towards::Next, |anchor| anchor.direction);
    let anchor = anchor.map(|Anchor { id, time, .. }| SessionAnchor { id, time });
    let direction = order.towards(towards);
    let read = app
        .engine
        .store()
        .read(move |view| view.sessions_by_creation(&filter, direction, anchor.as_ref()));
    let mut sessions = read.await.map_err(Error::from)?;
    if towards == Towards::Previous {
        sessions.reverse();
    }
    let cursor = |info: &Info, direction| Listing {
        anchor: Some(Anchor {
            id: info.id.clone(),
            time: info.time.created,
            direction,
        }),
        limit: None,
        cursor: None,
        ..listing.clone()
    };
    Ok(Json(Page::new(
        sessions.into_iter().map(Info::from).collect(),
        cursor,
    )))
}

/// A session to make.
#[derive(Deserialize)]
pub(crate) struct Creation {
    #[serde(default, deserialize_with = "optional_id")]
    id: Option<SessionId>,
    agent: Option<String>,
    model: Option<SessionModel>,
    location: Option<Place>,
}

/// Makes a session; one that is there already is given as it is.
pub(crate) async fn create(
    State(app): State<App>,
    TaggedBody(wanted): TaggedBody<Creation>,
) -> Result<Json<Data<Info>>, ApiError> {
    let directory = match &wanted.location {
        Some(place) => opencode_project::path::absolute(&app.directory, &place.directory),
        None => app.directory.clone(),
    };
    let location = app.engine.location(&directory).await?;
    let workspace_id = wanted.location.and_then(|place| place.workspace_id);
    let workspace_id = workspace_id
        .map(opencode_schema::WorkspaceId::parse)
        .transpose()
        .map_err(|error| {
            let reason = format!("{error}\n  at [\"location\"][\"workspaceID\"]");
            ApiError::bad_request(Kind::Payload, reason).tagged_form()
        })?;
    let new = NewSession {
        id: wanted.id,
        agent: wanted.agent,
        model: wanted.model.map(with_variant),
        workspace_id,
        ..NewSession::default()
    };
    let session = app.engine.create_session(&location, new).await?;
    Ok(Json(Data { data: session.into() }))
}

/// A model that was chosen has a variant, if only the usual one.
fn with_variant(model: SessionModel) -> SessionModel {
    SessionModel {
        variant: model.variant.or_else(|| Some("default".to_owned())),
        ..model
    }
}

/// Sessions that do something now; of those that wait to ask again, for how long and why.
pub(crate) async fn active(State(app): State<App>) -> Json<Data<Value>> {
    let running = app.engine.statuses().into_iter();
    let all = running.map(|(id, status)| {
        let mut shown = json!({ "type": "running" });
        if matches!(status, Status::Retry { .. }) {
            shown["status"] = json!(status);
        }
        (id.to_string(), shown)
    });
    Json(Data {
        data: Value::Object(all.collect()),
    })
}

pub(crate) async fn get(OfSession(session, _): OfSession) -> Json<Data<Info>> {
    Json(Data { data: session.into() })
}

#[derive(Deserialize)]
pub(crate) struct OtherAgent {
    agent: String,
}

pub(crate) async fn switch_agent(
    State(app): State<App>,
    OfSession(session, location): OfSession,
    TaggedBody(wanted): TaggedBody<OtherAgent>,
) -> Result<StatusCode, ApiError> {
    let switched = app.engine.switch_agent(&location, &session.id, &wanted.agent);
    switched.await.map_err(|error| failure(error, &session.id))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(crate) struct OtherModel {
    model: SessionModel,
}

pub(crate) async fn switch_model(
    State(app): State<App>,
    OfSession(session, location): OfSession,
    TaggedBody(wanted): TaggedBody<OtherModel>,
) -> Result<StatusCode, ApiError> {
    let switched = app
        .engine
        .switch_model(&location, &session.id, with_variant(wanted.model));
    switched.await.map_err(|error| failure(error, &session.id))?;
    Ok(StatusCode::NO_CONTENT)
}

/// A prompt to admit.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default, deserialize_with = "optional_id")]
    id: Option<MessageId>,
    prompt: WantedPrompt,
    #[serde(default)]
    delivery: Delivery,
    #[serde(default = "yes")]
    resume: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct WantedPrompt {
    text: String,
    files: Option<Vec<WantedFile>>,
    agents: Option<Vec<PromptAgent>>,
}

#[derive(Deserialize)]
struct WantedFile {
    uri: String,
    name: Option<String>,
    description: Option<String>,
    source: Option<PromptSource>,
}

impl From<WantedPrompt> for Prompt {
    fn from(wanted: WantedPrompt) -> Self {
        let file = |file: WantedFile| PromptFile {
            mime: media_type(&file.uri),
            uri: file.uri,
            name: file.name,
            description: file.description,
            source: file.source,
            content: Vec::new(),
        };
        Self {
            text: wanted.text,
            files: wanted.files.map(|files| files.into_iter().map(file).collect()),
            agents: wanted.agents,
        }
    }
}

/// The media type of an address: that of its data, else as its path ends (reference `v2.md` §4).
fn media_type(uri: &str) -> String {
    if let Some(data) = uri.strip_prefix("data:") {
        let end = data.find([';', ',']).unwrap_or(data.len());
        let named = data.get(..end).unwrap_or_default();
        return if named.is_empty() { "text/plain" } else { named }.to_owned();
    }
    let path = uri.split_once("://").map_or(uri, |(_, rest)| {
        rest.find('/')
            .map_or("/", |slash| rest.get(slash..).unwrap_or("/"))
    });
    let path = path.split(['?', '#']).next().unwrap_or(path);
    if path.ends_with('/') {
        return "application/x-directory".to_owned();
    }
    let by_name = mime_guess::from_path(path).first_raw();
    by_name.unwrap_or("application/octet-stream").to_owned()
}

/// Admits a prompt, and answers before any model is asked.
pub(crate) async fn prompt(
    State(app): State<App>,
    OfSession(session, location): OfSession,
    TaggedBody(wanted): TaggedBody<Wanted>,
) -> Result<Json<Data<SessionInput>>, ApiError> {
    let admission = Admission {
        session_id: session.id.clone(),
        id: wanted.id,
        prompt: wanted.prompt.into(),
        delivery: wanted.delivery,
        resume: wanted.resume,
    };
    let admitted = app.engine.admit_to_inbox(&location, admission).await;
    let mut data = admitted.map_err(|error| refused(error, &session.id))?;
    // What was read of files is for the model.
    data.prompt = data.prompt.without_content();
    Ok(Json(Data { data }))
}

/// Stops what the session does; what waits stays.
pub(crate) async fn interrupt(
    State(app): State<App>,
    OfSession(session, _): OfSession,
) -> Result<StatusCode, ApiError> {
    let stopped = app.engine.interrupt(&session.id).await;
    stopped.map_err(|error| failure(error, &session.id))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shortens the conversation, at once or after the step that goes on.
pub(crate) async fn compact(
    State(app): State<App>,
    OfSession(session, location): OfSession,
) -> Result<StatusCode, ApiError> {
    let kept = app.engine.compact(&location, &session.id).await;
    kept.map_err(|error| failure(error, &session.id))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Answers when the session rests.
pub(crate) async fn wait(
    State(app): State<App>,
    OfSession(session, _): OfSession,
) -> Result<StatusCode, ApiError> {
    tokio::select! {
        () = app.engine.settled(&session.id) => {}
        () = app.ending.cancelled() => {}
    }
    Ok(StatusCode::NO_CONTENT)
}
