//! Sessions and messages in brief (reference `seed-http.md` §2).

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use opencode_catalog::Choice;
use opencode_schema::session::{Cost, SessionModel, Status, Tokens};
use opencode_schema::time::iso;
use opencode_schema::{
    Message, MessageBody, MessageError, MessageId, MessageWithParts, PartBody, Session, SessionId,
};
use opencode_session::{NewSession, Use};
use opencode_store::{Cursor, SessionFilter};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::form::{compact, session_id};
use crate::error::{ApiError, Kind};
use crate::extract::{Folder, OptionalBody, Query};
use crate::listen::App;

/// A model, named in one text or in two.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum ModelName {
    /// `provider/model`.
    Joined(String),
    /// Both parts.
    #[serde(rename_all = "camelCase")]
    Parts {
        /// The provider.
        #[serde(rename = "providerID")]
        provider_id: String,
        /// The model.
        #[serde(rename = "modelID")]
        model_id: String,
    },
}

impl From<ModelName> for Choice {
    fn from(name: ModelName) -> Self {
        match name {
            ModelName::Joined(text) => Self::parse(&text),
            ModelName::Parts {
                provider_id,
                model_id,
            } => Self {
                provider_id,
                model_id,
            },
        }
    }
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Listed {
    /// How many, 1 to 200.
    #[serde(default = "usual_sessions")]
    limit: u32,
    /// Without so many of the first.
    #[serde(default)]
    offset: u32,
    /// With this text in the title.
    search: Option<String>,
    /// Also those that were put away.
    #[serde(default)]
    archived: bool,
}

fn usual_sessions() -> u32 {
    50
}

pub(super) async fn list(
    State(app): State<App>,
    folder: Folder,
    Query(wanted): Query<Listed>,
) -> Result<Json<Value>, ApiError> {
    if !(1..=200).contains(&wanted.limit) {
        return Err(ApiError::bad_request(Kind::Query, "limit is 1 to 200"));
    }
    let filter = SessionFilter {
        directory: folder
            .is_in_query
            .then(|| folder.path.to_string_lossy().into_owned()),
        search: wanted.search,
        unarchived: !wanted.archived,
        limit: Some(wanted.limit),
        offset: Some(wanted.offset),
        ..SessionFilter::default()
    };
    let read = app
        .engine
        .store()
        .read(move |view| Ok((view.sessions(&filter)?, view.session_count(&filter)?)));
    let (sessions, total) = read.await?;
    let statuses: HashMap<SessionId, Status> = app.engine.statuses().into_iter().collect();
    let briefs: Vec<Value> = sessions
        .iter()
        .map(|session| brief(session, statuses.get(&session.id)))
        .collect();
    Ok(Json(json!({
        "sessions": briefs, "total": total, "limit": wanted.limit, "offset": wanted.offset,
    })))
}

#[derive(Default, Deserialize, JsonSchema)]
pub(super) struct Creation {
    /// What lists show.
    title: Option<String>,
    /// Where it works.
    directory: Option<String>,
    /// Who answers.
    agent: Option<String>,
    /// With which model.
    model: Option<ModelName>,
    /// The session that it belongs to.
    parent_id: Option<String>,
}

pub(super) async fn create(
    State(app): State<App>,
    folder: Folder,
    OptionalBody(wanted): OptionalBody<Creation>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let directory = match wanted.directory.filter(|path| !path.is_empty()) {
        Some(path) if path.contains('\0') => {
            return Err(ApiError::bad_request(
                Kind::Payload,
                "a path has no NUL\n  at directory",
            ));
        }
        Some(path) => opencode_project::path::absolute(&app.directory, &path),
        None => folder.path,
    };
    let location = app.engine.location(&directory).await?;
    if let Some(agent) = &wanted.agent {
        location.agent(agent)?;
    }
    let model = wanted.model.map(Choice::from);
    if let Some(model) = &model {
        known(&location, model)?;
    }
    let parent_id = match wanted.parent_id {
        Some(text) => {
            let id = session_id(&text, "parent_id")?;
            app.engine.session(&id).await?;
            Some(id)
        }
        None => None,
    };
    let new = NewSession {
        parent_id,
        title: wanted.title,
        agent: wanted.agent,
        model: model.map(|model| SessionModel {
            id: model.model_id,
            provider_id: model.provider_id,
            variant: None,
        }),
        ..NewSession::default()
    };
    let session = app.engine.create_session(&location, new).await?;
    Ok((StatusCode::CREATED, Json(brief(&session, None))))
}

/// Whether a model is there.
pub(super) fn known(location: &opencode_session::Location, model: &Choice) -> Result<(), ApiError> {
    let found = location.catalog.model(&model.provider_id, &model.model_id);
    found
        .map(drop)
        .map_err(|error| ApiError::from(opencode_session::Error::from(error)))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Shown {
    /// Whether messages are given, too.
    #[serde(default = "yes")]
    messages: bool,
    /// How many messages.
    #[serde(default = "usual_messages")]
    limit: usize,
    /// Only those older than this message.
    before: Option<String>,
}

fn yes() -> bool {
    true
}

fn usual_messages() -> usize {
    100
}

pub(super) async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(wanted): Query<Shown>,
) -> Result<Json<Value>, ApiError> {
    let id = session_id(&id, "id")?;
    let before = wanted.before.map(MessageId::parse).transpose();
    let before = before.map_err(|error| ApiError::bad_request(Kind::Query, error.to_string()))?;
    let status = app.engine.statuses().into_iter().find(|(one, _)| *one == id);
    let limit = if wanted.messages {
        wanted.limit.clamp(1, 1000)
    } else {
        0
    };
    let read = app.engine.store().read(move |view| {
        let session = view.session(&id)?;
        if limit == 0 {
            return Ok((session, Vec::new(), false));
        }
        let cursor = match before {
            Some(before) => {
                let message = view.message(&id, &before)?;
                Some(Cursor {
                    time: message.created(),
                    id: message.id,
                })
            }
            None => None,
        };
        let mut page = view.messages_before(&id, cursor.as_ref(), limit + 1)?.messages;
        let has_more = page.len() > limit;
        page.truncate(limit);
        page.reverse();
        let messages = page.into_iter().map(|info| {
            let parts = view.parts(&info.id)?;
            Ok(MessageWithParts { info, parts })
        });
        let messages = messages.collect::<Result<Vec<_>, opencode_store::Error>>()?;
        Ok((session, messages, has_more))
    });
    let (session, messages, has_more) = read.await?;
    let mut answer = brief(&session, status.as_ref().map(|(_, status)| status));
    if wanted.messages {
        answer["messages"] = messages.iter().map(message).collect();
        answer["has_more"] = has_more.into();
    }
    Ok(Json(answer))
}

pub(super) async fn remove(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let id = session_id(&id, "id")?;
    let session = app.engine.session(&id).await?;
    // Whoever listens in its folder hears of it.
    let location = app.engine.location(session.directory.as_ref()).await?;
    app.engine.delete_session(&location, &id).await?;
    Ok(Json(json!({ "deleted": true, "id": id })))
}

pub(super) async fn spending(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = session_id(&id, "id")?;
    let session = app.engine.session(&id).await?;
    let location = app.engine.location(session.directory.as_ref()).await?;
    let spending = app.engine.spending(&location, &id).await?;
    let used = |used: Use| {
        compact(json!({
            "cost": used.spent.cost,
            "cost_limit": used.cost,
            "tokens": used.spent.tokens,
            "tokens_limit": used.tokens,
        }))
    };
    Ok(Json(compact(json!({
        "session": used(spending.session),
        "day": used(spending.day),
        "run": used(spending.run),
        "reached": spending.reached(),
    }))))
}

/// A session in brief.
fn brief(session: &Session, status: Option<&Status>) -> Value {
    compact(json!({
        "id": session.id,
        "title": session.title,
        "directory": session.directory,
        "project_id": session.project_id,
        "parent_id": session.parent_id,
        "agent": session.agent,
        "model": session.model.as_ref().map(|model| format!("{}/{}", model.provider_id, model.id)),
        "created_at": iso(session.time.created),
        "updated_at": iso(session.time.updated),
        "archived_at": session.time.archived.map(iso),
        "cost": session.cost.unwrap_or_default(),
        "tokens": tokens(session.tokens.as_ref().unwrap_or(&Tokens::default())),
        "status": status.map_or("idle", status_name),
    }))
}

/// What a status is called.
pub(super) fn status_name(status: &Status) -> &'static str {
    match status {
        Status::Idle => "idle",
        Status::Busy => "busy",
        Status::Retry { .. } => "retry",
    }
}

/// Counts of tokens, flat.
pub(super) fn tokens(tokens: &Tokens) -> Value {
    json!({
        "input": tokens.input,
        "output": tokens.output,
        "reasoning": tokens.reasoning,
        "cache_read": tokens.cache.read,
        "cache_write": tokens.cache.write,
    })
}

/// A message in brief, with all of its parts.
pub(super) fn message(message: &MessageWithParts) -> Value {
    let MessageWithParts { info, parts } = message;
    let texts: Vec<&str> = parts
        .iter()
        .filter_map(|part| match &part.body {
            PartBody::Text(text) if text.ignored != Some(true) && text.synthetic != Some(true) => {
                Some(text.text.as_str())
            }
            _ => None,
        })
        .collect();
    let mut brief = json!({
        "id": info.id,
        "role": match info.body {
            MessageBody::User(_) => "user",
            MessageBody::Assistant(_) => "assistant",
        },
        "content": texts.join("\n"),
        "parts": parts,
        "created_at": iso(info.created()),
    });
    match &info.body {
        MessageBody::User(user) => {
            brief["model"] = format!("{}/{}", user.model.provider_id, user.model.model_id).into();
        }
        MessageBody::Assistant(answer) => {
            brief["model"] = format!("{}/{}", answer.provider_id, answer.model_id).into();
            brief["completed_at"] = answer.time.completed.map(iso).into();
            brief["finish"] = finish(info).into();
            brief["error"] = answer.error.as_ref().map_or(Value::Null, error);
        }
    }
    compact(brief)
}

/// How an answer ended.
pub(super) fn finish(message: &Message) -> Option<String> {
    let answer = message.as_assistant()?;
    match &answer.error {
        Some(MessageError::Aborted { .. }) => Some("abort".to_owned()),
        Some(_) => Some("error".to_owned()),
        None => answer.finish.clone(),
    }
}

/// An error by its name and words.
pub(super) fn error(error: &MessageError) -> Value {
    let name = serde_json::to_value(error)
        .ok()
        .map(|mut value| value["name"].take());
    json!({ "name": name, "message": error.message() })
}

/// What all steps of an answer took.
pub(super) fn usage(answers: &[Message]) -> Value {
    let mut sum = Tokens::default();
    let mut cost = Cost::default();
    for answer in answers.iter().filter_map(Message::as_assistant) {
        sum.input += answer.tokens.input;
        sum.output += answer.tokens.output;
        sum.reasoning += answer.tokens.reasoning;
        sum.cache.read += answer.tokens.cache.read;
        sum.cache.write += answer.tokens.cache.write;
        cost.0 += answer.cost.0;
    }
    let mut usage = tokens(&sum);
    usage["cost"] = json!(cost);
    usage
}
