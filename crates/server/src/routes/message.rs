//! Messages and prompts (reference `http-api.md` §6.3–6.4).

use axum::Json;
use axum::extract::State;
use axum::http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, LINK};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use indexmap::IndexMap;
use opencode_catalog::Choice;
use opencode_schema::agent::AgentModel;
use opencode_schema::input::PartInput;
use opencode_schema::message::OutputFormat;
use opencode_schema::{MessageId, MessageWithParts, Part, PartId, SessionId};
use opencode_session::{CommandCall, Prompt, UserCommand};
use opencode_store::Cursor;
use serde::Deserialize;

use crate::error::{ApiError, Kind};
use crate::extract::{At, Body, Id, Named, Query, id, optional_id};
use crate::listen::App;

#[derive(Deserialize)]
pub(crate) struct Page {
    limit: Option<f64>,
    before: Option<String>,
}

/// The newest messages, oldest first, and in the headers where older ones are.
pub(crate) async fn list(
    State(app): State<App>,
    Named(id): Named<SessionId>,
    Query(page): Query<Page>,
    uri: Uri,
) -> Result<(HeaderMap, Json<Vec<MessageWithParts>>), ApiError> {
    let limit = page.limit.map_or(0, |limit| limit.max(0.0) as usize);
    let before = match page.before.as_deref() {
        None => None,
        Some(_) if limit == 0 => return Err(ApiError::senseless()),
        Some(text) => Some(cursor(text).ok_or_else(ApiError::senseless)?),
    };
    if limit == 0 {
        let all = app.engine.store().read(move |view| {
            view.session(&id)?;
            view.transcript(&id)
        });
        return Ok((HeaderMap::new(), Json(all.await?)));
    }
    let (messages, next) = app
        .engine
        .store()
        .read(move |view| {
            view.session(&id)?;
            let page = view.messages_before(&id, before.as_ref(), limit)?;
            let more = match &page.oldest {
                Some(oldest) => view.messages_before(&id, Some(oldest), 1)?.oldest.is_some(),
                None => false,
            };
            let mut messages = page.messages;
            messages.reverse();
            let messages = messages
                .into_iter()
                .map(|info| {
                    let parts = view.parts(&info.id)?;
                    Ok(MessageWithParts { info, parts })
                })
                .collect::<Result<Vec<_>, opencode_store::Error>>()?;
            Ok((messages, page.oldest.filter(|_| more)))
        })
        .await?;
    let headers = next.map_or_else(HeaderMap::new, |next| headers_for(&next, limit, &uri));
    Ok((headers, Json(messages)))
}

fn cursor(text: &str) -> Option<Cursor> {
    let json = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&json).ok()
}

fn headers_for(next: &Cursor, limit: usize, uri: &Uri) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Ok(json) = serde_json::to_vec(next) else {
        return headers;
    };
    let next = URL_SAFE_NO_PAD.encode(json);
    let others = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .filter(|(key, _)| key != "limit" && key != "before");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair("limit", &limit.to_string())
        .append_pair("before", &next)
        .finish();
    let link = format!("<{}?{query}>; rel=\"next\"", uri.path());
    if let (Ok(next), Ok(link)) = (HeaderValue::from_str(&next), HeaderValue::from_str(&link)) {
        headers.insert("x-next-cursor", next);
        headers.insert(LINK, link);
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("Link, X-Next-Cursor"),
        );
    }
    headers
}

pub(crate) async fn get(
    State(app): State<App>,
    Named(session_id): Named<SessionId>,
    Named(id): Named<MessageId>,
) -> Result<Json<MessageWithParts>, ApiError> {
    let found = app.engine.store().read(move |view| {
        view.session(&session_id)?;
        view.message_with_parts(&session_id, &id)
    });
    Ok(Json(found.await?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Said {
    parts: Vec<PartInput>,
    #[serde(default, rename = "messageID", deserialize_with = "optional_id")]
    message_id: Option<MessageId>,
    model: Option<Choice>,
    agent: Option<String>,
    variant: Option<String>,
    system: Option<String>,
    tools: Option<IndexMap<String, bool>>,
    format: Option<OutputFormat>,
    #[serde(default)]
    no_reply: bool,
}

impl Said {
    fn to(self, session_id: SessionId) -> Result<Prompt, ApiError> {
        for id in self.parts.iter().filter_map(|part| part.id.as_ref()) {
            <PartId as Id>::parse(id.as_str()).map_err(|reason| {
                ApiError::bad_request(Kind::Payload, format!("{reason}\n  at [\"parts\"]"))
            })?;
        }
        Ok(Prompt {
            session_id,
            message_id: self.message_id,
            model: self.model,
            agent: self.agent,
            variant: self.variant,
            system: self.system,
            tools: self.tools,
            format: self.format,
            no_reply: self.no_reply,
            parts: self.parts,
        })
    }
}

/// Answers when the whole turn has ended.
pub(crate) async fn prompt(
    State(app): State<App>,
    At(location): At,
    Named(id): Named<SessionId>,
    Body(said): Body<Said>,
) -> Result<Json<MessageWithParts>, ApiError> {
    let prompt = said.to(id)?;
    // A client that goes away does not take the turn with it.
    let begun = app.engine.begin_prompt(&location, prompt).await;
    let answer = begun.map_err(|error| ApiError::unexpected(&error))?;
    Ok(Json(answer?))
}

/// Answers at once; what goes wrong is told as an event.
pub(crate) async fn prompt_async(
    State(app): State<App>,
    At(location): At,
    Named(id): Named<SessionId>,
    Body(said): Body<Said>,
) -> Result<StatusCode, ApiError> {
    app.engine.session(&id).await?;
    let prompt = said.to(id)?;
    // Nobody waits for it; the engine tells what goes wrong.
    drop(app.engine.begin_prompt(&location, prompt));
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(crate) struct Given {
    command: String,
    arguments: String,
    #[serde(default, rename = "messageID", deserialize_with = "optional_id")]
    message_id: Option<MessageId>,
    agent: Option<String>,
    model: Option<String>,
    variant: Option<String>,
    #[serde(default)]
    parts: Vec<PartInput>,
}

/// Answers when the whole turn of a command has ended.
pub(crate) async fn command(
    State(app): State<App>,
    At(location): At,
    Named(session_id): Named<SessionId>,
    Body(given): Body<Given>,
) -> Result<Json<MessageWithParts>, ApiError> {
    let model = given.model.as_deref().map(AgentModel::parse);
    let call = CommandCall {
        session_id,
        command: given.command,
        arguments: given.arguments,
        message_id: given.message_id,
        agent: given.agent,
        model: model.map(|model| Choice {
            provider_id: model.provider_id,
            model_id: model.model_id,
        }),
        variant: given.variant,
        parts: given.parts,
    };
    let begun = app.engine.begin_command(&location, call).await;
    let answer = begun.map_err(|error| ApiError::unexpected(&error))?;
    Ok(Json(answer?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Init {
    #[serde(rename = "messageID", deserialize_with = "id")]
    message_id: MessageId,
    #[serde(flatten)]
    model: Choice,
}

/// The command `init`, as older clients give it.
pub(crate) async fn init(
    State(app): State<App>,
    At(location): At,
    Named(session_id): Named<SessionId>,
    Body(init): Body<Init>,
) -> Result<Json<bool>, ApiError> {
    let call = CommandCall {
        session_id,
        command: "init".to_owned(),
        arguments: String::new(),
        message_id: Some(init.message_id),
        agent: None,
        model: Some(init.model),
        variant: None,
        parts: Vec::new(),
    };
    let begun = app.engine.begin_command(&location, call).await;
    begun.map_err(|error| ApiError::unexpected(&error))??;
    Ok(Json(true))
}

#[derive(Deserialize)]
pub(crate) struct Line {
    agent: String,
    command: String,
    model: Option<Choice>,
    #[serde(default, rename = "messageID", deserialize_with = "optional_id")]
    message_id: Option<MessageId>,
}

/// Runs a command line of the user; answers when it has ended.
pub(crate) async fn shell(
    State(app): State<App>,
    At(location): At,
    Named(session_id): Named<SessionId>,
    Body(line): Body<Line>,
) -> Result<Json<MessageWithParts>, ApiError> {
    let command = UserCommand {
        session_id,
        message_id: line.message_id,
        agent: line.agent,
        model: line.model,
        command: line.command,
    };
    Ok(Json(app.engine.shell(&location, command).await?))
}

pub(crate) async fn remove(
    State(app): State<App>,
    At(location): At,
    Named(session_id): Named<SessionId>,
    Named(id): Named<MessageId>,
) -> Result<Json<bool>, ApiError> {
    app.engine
        .delete_message(&location.store, &session_id, id)
        .await?;
    Ok(Json(true))
}

pub(crate) async fn put_part(
    State(app): State<App>,
    At(location): At,
    Named(session_id): Named<SessionId>,
    Named(message_id): Named<MessageId>,
    Named(id): Named<PartId>,
    Body(part): Body<Part>,
) -> Result<Json<Part>, ApiError> {
    if (&part.id, &part.session_id, &part.message_id) != (&id, &session_id, &message_id) {
        return Err(ApiError::senseless());
    }
    Ok(Json(app.engine.put_part(&location.store, part).await?))
}

pub(crate) async fn remove_part(
    State(app): State<App>,
    At(location): At,
    Named(session_id): Named<SessionId>,
    Named(message_id): Named<MessageId>,
    Named(id): Named<PartId>,
) -> Result<Json<bool>, ApiError> {
    app.engine
        .delete_part(&location.store, &session_id, message_id, id)
        .await?;
    Ok(Json(true))
}
