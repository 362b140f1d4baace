//! Saying something to a session (reference `seed-http.md` §3).

pub(super) mod socket;
pub(super) mod stream;
mod translate;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use opencode_catalog::Choice;
use opencode_schema::input::{PartInput, PartInputBody};
use opencode_schema::part::FilePart;
use opencode_schema::{Message, MessageId, MessageWithParts, PartBody, SessionId};
use opencode_session::{Location, NewSession, Prompt};
use opencode_store::View;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;
use url::Url;

use super::form::session_id;
use super::session::{self, ModelName};
use super::upload;
use crate::error::{ApiError, Kind};
use crate::extract::{Body, Folder, Query};
use crate::listen::App;

/// Longest message, in bytes.
const MESSAGE_LIMIT: usize = 1 << 20;
/// Steps of one turn that are looked at for its answer and its costs.
const STEPS: usize = 1000;

/// What chats of all clients share.
#[derive(Debug, Default)]
pub(crate) struct Chats {
    /// Held while a message that has its own id is looked for and stored, so that it is stored once.
    admission: Mutex<()>,
}

/// Something that is said.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct Said {
    /// The session; a new one without it.
    session_id: Option<String>,
    /// The words.
    message: String,
    /// Which model answers.
    model: Option<ModelName>,
    /// Which agent answers.
    agent: Option<String>,
    /// Added to the system prompt.
    system: Option<String>,
    /// Files that belong to it.
    #[serde(default)]
    files: Vec<File>,
    /// The id that the message shall have: said again with it, the same is not said twice.
    client_message_id: Option<String>,
}

/// A file that belongs to a message.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum File {
    /// In the folder.
    Path {
        /// Where, as seen from the folder.
        path: String,
    },
    /// Taken before.
    Upload {
        /// Its id.
        upload_id: String,
    },
    /// As it is.
    Data {
        /// A `data:` address.
        url: String,
        /// Its media type.
        mime: String,
        /// What it is called.
        name: Option<String>,
    },
}

/// A message that is stored.
pub(super) struct Admitted {
    pub(super) location: Arc<Location>,
    pub(super) session_id: SessionId,
    pub(super) message_id: MessageId,
}

/// Stores what is said, unless it is stored already.
pub(super) async fn admit(app: &App, folder: PathBuf, said: Said) -> Result<Admitted, ApiError> {
    let bad = |reason: &str| Err(ApiError::bad_request(Kind::Payload, reason));
    if said.message.is_empty() {
        return bad("the message is empty\n  at message");
    }
    if said.message.len() > MESSAGE_LIMIT {
        let error = ApiError::tagged(
            StatusCode::PAYLOAD_TOO_LARGE,
            "PayloadTooLargeError",
            "the message is too long",
        );
        return Err(error.with("limit", MESSAGE_LIMIT));
    }
    let session = match &said.session_id {
        Some(text) => Some(app.engine.session(&session_id(text, "session_id")?).await?),
        None => None,
    };
    let directory = session
        .as_ref()
        .map_or(folder, |session| session.directory.clone().into());
    let location = app.engine.location(&directory).await?;
    if let Some(agent) = &said.agent {
        location.agent(agent)?;
    }
    let model = said.model.map(Choice::from);
    if let Some(model) = &model {
        session::known(&location, model)?;
    }
    let message_id = said.client_message_id.map(MessageId::parse).transpose();
    let message_id = message_id
        .map_err(|error| ApiError::bad_request(Kind::Payload, format!("{error}\n  at client_message_id")))?;
    let mut parts = vec![PartInput::text(said.message.clone())];
    for file in said.files {
        parts.push(attached(app, &location, file).await?);
    }

    // Only those that may come twice have to come one by one.
    let _turn = match &message_id {
        Some(_) => Some(app.chats.admission.lock().await),
        None => None,
    };
    if let Some(id) = &message_id
        && let Some(known) = stored(app, id).await?
    {
        let same_session = session
            .as_ref()
            .is_none_or(|session| session.id == known.info.session_id);
        if !same_session || words(&known) != Some(said.message.as_str()) {
            let message = format!("{id} is the id of another message");
            return Err(ApiError::tagged(StatusCode::CONFLICT, "ConflictError", message));
        }
        return Ok(Admitted {
            session_id: known.info.session_id,
            message_id: known.info.id,
            location,
        });
    }
    let session_id = match session {
        Some(session) => session.id,
        None => {
            app.engine
                .create_session(&location, NewSession::default())
                .await?
                .id
        }
    };
    let prompt = Prompt {
        message_id,
        model,
        agent: said.agent,
        system: said.system,
        no_reply: true,
        ..Prompt::new(session_id.clone(), parts)
    };
    // As work of the engine's own: a client that goes away leaves nothing half said.
    let storing = app.engine.begin_prompt(&location, prompt).await;
    let message = storing.map_err(|error| ApiError::unexpected(&error))??;
    Ok(Admitted {
        location,
        session_id,
        message_id: message.info.id,
    })
}

async fn attached(app: &App, location: &Location, file: File) -> Result<PartInput, ApiError> {
    let bad = |reason: String| ApiError::bad_request(Kind::Payload, format!("{reason}\n  at files"));
    let part = match file {
        File::Path { path } => {
            let absolute = opencode_project::files::inside(&location.directory, &path)
                .map_err(|error| bad(error.to_string()))?;
            let mime = if absolute.is_dir() {
                "application/x-directory"
            } else {
                media_type(&path)
            };
            let url = Url::from_file_path(&absolute).map_err(|()| bad(format!("{path} is no path")))?;
            FilePart {
                mime: mime.to_owned(),
                filename: Some(path),
                url: url.to_string(),
                source: None,
            }
        }
        File::Upload { upload_id } => {
            let (path, upload) = upload::find(app, &upload_id).await?;
            let url = Url::from_file_path(&path).map_err(|()| bad("the upload has no path".to_owned()))?;
            FilePart {
                mime: upload.mime,
                filename: Some(upload.name),
                url: url.to_string(),
                source: None,
            }
        }
        File::Data { url, mime, name } => {
            if !url.starts_with("data:") {
                return Err(bad("only `data:` addresses are attached".to_owned()));
            }
            FilePart {
                mime,
                filename: name,
                url,
                source: None,
            }
        }
    };
    Ok(PartInput {
        id: None,
        body: PartInputBody::File(part),
    })
}

/// What models look at as it is; everything else is read as text.
fn media_type(path: &str) -> &'static str {
    let extension = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "pdf" => "application/pdf",
        _ => "text/plain",
    }
}

async fn stored(app: &App, id: &MessageId) -> Result<Option<MessageWithParts>, ApiError> {
    let id = id.clone();
    let read = app.engine.store().read(move |view| {
        let Some(info) = view.find_message(&id)? else {
            return Ok(None);
        };
        let parts = view.parts(&info.id)?;
        Ok(Some(MessageWithParts { info, parts }))
    });
    Ok(read.await?)
}

/// The words of a user's message: the first of its parts that was not made by the program.
fn words(message: &MessageWithParts) -> Option<&str> {
    message.parts.iter().find_map(|part| match &part.body {
        PartBody::Text(text) if text.synthetic != Some(true) => Some(text.text.as_str()),
        _ => None,
    })
}

/// The steps that answer a message (or the newest message of the session), the oldest first.
pub(super) fn steps(
    view: &View<'_>,
    session_id: &SessionId,
    message_id: Option<&MessageId>,
) -> Result<Vec<Message>, opencode_store::Error> {
    let mut newest = view.newest_messages(session_id, STEPS)?;
    newest.reverse();
    let last = newest.iter().rev().find(|message| message.as_user().is_some());
    let Some(asked) = message_id.or(last.map(|message| &message.id)).cloned() else {
        return Ok(Vec::new());
    };
    let answers = |message: &Message| {
        message
            .as_assistant()
            .is_some_and(|answer| answer.parent_id == asked)
    };
    Ok(newest.into_iter().filter(answers).collect())
}

/// The answer to a message: its last step with its parts, and all steps.
pub(super) async fn answer(
    app: &App,
    session_id: &SessionId,
    message_id: Option<&MessageId>,
) -> Result<(Option<MessageWithParts>, Vec<Message>), ApiError> {
    let (session_id, message_id) = (session_id.clone(), message_id.cloned());
    let read = app.engine.store().read(move |view| {
        let steps = steps(view, &session_id, message_id.as_ref())?;
        let last = match steps.last() {
            Some(info) => Some(MessageWithParts {
                info: info.clone(),
                parts: view.parts(&info.id)?,
            }),
            None => None,
        };
        Ok((last, steps))
    });
    Ok(read.await?)
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Patience {
    /// Seconds after which it is only told that the turn goes on.
    timeout: Option<f64>,
}

/// Answers when the turn has ended.
pub(super) async fn message(
    State(app): State<App>,
    folder: Folder,
    Query(patience): Query<Patience>,
    Body(said): Body<Said>,
) -> Result<Response, ApiError> {
    let limit = match patience.timeout {
        None => None,
        Some(seconds) => Some(
            Duration::try_from_secs_f64(seconds)
                .map_err(|_| ApiError::bad_request(Kind::Query, "timeout is a number of seconds"))?,
        ),
    };
    let admitted = admit(&app, folder.path, said).await?;
    let Admitted {
        location,
        session_id,
        message_id,
    } = &admitted;
    // A client that goes away does not take the turn with it.
    let running = app.engine.run(location, session_id);
    let outcome = match limit {
        None => running.await,
        Some(limit) => match tokio::time::timeout(limit, running).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let body = json!({ "session_id": session_id, "message_id": message_id, "status": "running" });
                return Ok((StatusCode::ACCEPTED, Json(body)).into_response());
            }
        },
    };
    let (last, steps) = answer(&app, session_id, Some(message_id)).await?;
    // Words that joined a turn are answered by a message that names an earlier one.
    let last = match last {
        Some(last) => Some(last),
        None => outcome?,
    };
    Ok(Json(json!({
        "session_id": session_id,
        "message": last.as_ref().map(session::message),
        "usage": session::usage(&steps),
        "finish": last.as_ref().and_then(|last| session::finish(&last.info)),
    }))
    .into_response())
}
