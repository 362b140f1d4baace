//! What durable sessions ask their users (reference `v2.md` §11).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use opencode_schema::permission::{Action, DurableRequest, Reply, RequestSource, Rule};
use opencode_schema::{Object, PermissionId, QuestionId, SessionId, question};
use opencode_session::Location;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Data, OfSession};
use crate::audit::Actor;
use crate::error::{ApiError, Kind};
use crate::extract::{AskedPermission, LocationAt, Named, TaggedBody};
use crate::listen::App;
use crate::routes::api::Located;
use crate::routes::permission;

/// Resources that one question may name.
const RESOURCES: usize = 100;

/// The requests of a location, or of one session, that wait for an answer.
pub(crate) fn permissions(location: &Location, session: Option<&SessionId>) -> Vec<DurableRequest> {
    let pending = location.permissions.pending().into_iter();
    let wanted = pending.filter(|request| session.is_none_or(|id| request.session_id == *id));
    wanted.map(DurableRequest::from).collect()
}

/// The same of questions.
pub(crate) fn questions(location: &Location, session: Option<&SessionId>) -> Vec<question::Request> {
    let pending = location.questions.pending().into_iter();
    pending
        .filter(|request| session.is_none_or(|id| request.session_id == *id))
        .collect()
}

/// Everything that is asked for permission in a place.
pub(crate) async fn all_permissions(LocationAt(location): LocationAt) -> Json<Located<Vec<DurableRequest>>> {
    Located::new(&location, permissions(&location, None))
}

/// Every question in a place.
pub(crate) async fn all_questions(LocationAt(location): LocationAt) -> Json<Located<Vec<question::Request>>> {
    Located::new(&location, questions(&location, None))
}

pub(crate) async fn list_permissions(
    OfSession(session, location): OfSession,
) -> Json<Data<Vec<DurableRequest>>> {
    Json(Data {
        data: permissions(&location, Some(&session.id)),
    })
}

/// A question that a client has.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    id: Option<String>,
    action: String,
    resources: Vec<String>,
    #[serde(default)]
    save: Vec<String>,
    #[serde(default)]
    metadata: Object,
    source: Option<RequestSource>,
    agent: Option<String>,
}

/// What the rules say, without waiting for a user who is to be asked.
pub(crate) async fn create_permission(
    OfSession(session, location): OfSession,
    TaggedBody(wanted): TaggedBody<Wanted>,
) -> Result<Json<Data<Value>>, ApiError> {
    let bad = |reason: String| ApiError::bad_request(Kind::Payload, reason).tagged_form();
    let id = wanted.id.map(PermissionId::parse).transpose();
    let id = id.map_err(|error| bad(format!("{error}\n  at [\"id\"]")))?;
    if wanted.resources.is_empty() || wanted.resources.len() > RESOURCES {
        return Err(bad(format!("1 to {RESOURCES} resources\n  at [\"resources\"]")));
    }
    let agent = match wanted.agent.as_ref().or(session.agent.as_ref()) {
        Some(name) => location.agent(name).ok(),
        None => location.default_agent().ok(),
    };
    // An agent that there is not may do nothing.
    let nothing = [Rule::new("*", "*", Action::Deny)];
    let own = session.permission.as_deref().unwrap_or_default();
    let rules = [agent.map_or(&nothing[..], |agent| &agent.permission), own];
    let question = opencode_permission::Question {
        session_id: session.id.clone(),
        permission: wanted.action,
        patterns: wanted.resources,
        always: wanted.save,
        metadata: wanted.metadata,
        tool: wanted.source.map(|RequestSource::Tool(call)| call),
        is_durable: true,
    };
    let asked = location.permissions.begin(id, question, &rules).await;
    let (id, effect) = asked.ok_or_else(|| {
        let message = "Too many questions wait for an answer";
        ApiError::tagged(StatusCode::TOO_MANY_REQUESTS, "RateLimitError", message)
    })?;
    Ok(Json(Data {
        data: json!({ "id": id, "effect": effect }),
    }))
}

fn no_permission(id: &PermissionId) -> ApiError {
    let message = format!("Permission request not found: {id}");
    ApiError::tagged(StatusCode::NOT_FOUND, "PermissionNotFoundError", message).with("requestID", id.as_str())
}

pub(crate) async fn get_permission(
    OfSession(session, location): OfSession,
    AskedPermission(id): AskedPermission,
) -> Result<Json<Data<DurableRequest>>, ApiError> {
    let all = permissions(&location, Some(&session.id)).into_iter();
    let data = { all }
        .find(|request| request.id == id)
        .ok_or_else(|| no_permission(&id))?;
    Ok(Json(Data { data }))
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    reply: Reply,
    message: Option<String>,
}

pub(crate) async fn reply_permission(
    State(app): State<App>,
    actor: Actor,
    OfSession(session, location): OfSession,
    AskedPermission(id): AskedPermission,
    TaggedBody(answer): TaggedBody<Answer>,
) -> Result<StatusCode, ApiError> {
    if !permissions(&location, Some(&session.id))
        .iter()
        .any(|request| request.id == id)
    {
        return Err(no_permission(&id));
    }
    let answer = opencode_permission::Answer {
        feedback: answer.message,
        // What is always allowed stays allowed.
        save: answer.reply == Reply::Always,
        ..answer.reply.into()
    };
    let settled = permission::settle(&app, &actor, &location, &id, answer).await;
    settled.map(drop).map_err(|_| no_permission(&id))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn list_questions(
    OfSession(session, location): OfSession,
) -> Json<Data<Vec<question::Request>>> {
    Json(Data {
        data: questions(&location, Some(&session.id)),
    })
}

fn no_question(id: &QuestionId) -> ApiError {
    let message = format!("Question request not found: {id}");
    ApiError::tagged(StatusCode::NOT_FOUND, "QuestionNotFoundError", message).with("requestID", id.as_str())
}

/// A question of this session and no other.
fn must_be_asked(location: &Location, session: &SessionId, id: &QuestionId) -> Result<(), ApiError> {
    let is_asked = questions(location, Some(session))
        .iter()
        .any(|request| request.id == *id);
    is_asked.then_some(()).ok_or_else(|| no_question(id))
}

#[derive(Deserialize)]
pub(crate) struct Answers {
    answers: Vec<question::Answer>,
}

pub(crate) async fn reply_question(
    OfSession(session, location): OfSession,
    Named(id): Named<QuestionId>,
    TaggedBody(answers): TaggedBody<Answers>,
) -> Result<StatusCode, ApiError> {
    must_be_asked(&location, &session.id, &id)?;
    let replied = location.questions.reply(&id, answers.answers).await;
    replied.map_err(|_| no_question(&id))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn reject_question(
    OfSession(session, location): OfSession,
    Named(id): Named<QuestionId>,
) -> Result<StatusCode, ApiError> {
    must_be_asked(&location, &session.id, &id)?;
    location
        .questions
        .reject(&id)
        .await
        .map_err(|_| no_question(&id))?;
    Ok(StatusCode::NO_CONTENT)
}
