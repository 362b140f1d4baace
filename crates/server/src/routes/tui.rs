//! What other programs make a terminal face do (reference `http-api.md` §6.10): each is an event, and an
//! order for faces that ask for them.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use opencode_schema::event::{ToastVariant, toast_duration};
use opencode_schema::{EventBody, SessionId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{ApiError, Kind};
use crate::extract::{At, Body};
use crate::listen::App;
use crate::orders::Order;

/// Commands by the names that they had before.
const OLD_NAMES: &[(&str, &str)] = &[
    ("session_new", "session.new"),
    ("session_share", "session.share"),
    ("session_interrupt", "session.interrupt"),
    ("session_compact", "session.compact"),
    ("messages_page_up", "session.page.up"),
    ("messages_page_down", "session.page.down"),
    ("messages_line_up", "session.line.up"),
    ("messages_line_down", "session.line.down"),
    ("messages_half_page_up", "session.half.page.up"),
    ("messages_half_page_down", "session.half.page.down"),
    ("messages_first", "session.first"),
    ("messages_last", "session.last"),
    ("agent_cycle", "agent.cycle"),
];

/// The terminal faces of a location.
pub(crate) struct Faces {
    app: App,
    at: At,
}

impl FromRequestParts<App> for Faces {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Ok(Self {
            at: At::from_request_parts(parts, app).await?,
            app: app.clone(),
        })
    }
}

impl Faces {
    async fn tell(&self, event: EventBody) -> Result<Json<bool>, ApiError> {
        let path = match event {
            EventBody::TuiPromptAppend { .. } => "/tui/append-prompt",
            EventBody::TuiToastShow { .. } => "/tui/show-toast",
            EventBody::TuiSessionSelect { .. } => "/tui/select-session",
            _ => "/tui/execute-command",
        };
        self.app.orders.give(Order {
            path: path.to_owned(),
            body: json!(event)["properties"].take(),
        });
        self.at.0.store.announce(event).await?;
        Ok(Json(true))
    }

    async fn command(&self, name: &str) -> Result<Json<bool>, ApiError> {
        let command = Some(name.to_owned());
        self.tell(EventBody::TuiCommandExecute { command }).await
    }
}

#[derive(Deserialize)]
pub(crate) struct Text {
    text: String,
}

pub(crate) async fn append_prompt(
    faces: Faces,
    Body(Text { text }): Body<Text>,
) -> Result<Json<bool>, ApiError> {
    faces.tell(EventBody::TuiPromptAppend { text }).await
}

pub(crate) async fn open_help(faces: Faces) -> Result<Json<bool>, ApiError> {
    faces.command("help.show").await
}

pub(crate) async fn open_sessions(faces: Faces) -> Result<Json<bool>, ApiError> {
    faces.command("session.list").await
}

pub(crate) async fn open_themes(faces: Faces) -> Result<Json<bool>, ApiError> {
    faces.command("theme.switch").await
}

pub(crate) async fn open_models(faces: Faces) -> Result<Json<bool>, ApiError> {
    faces.command("model.list").await
}

pub(crate) async fn submit_prompt(faces: Faces) -> Result<Json<bool>, ApiError> {
    faces.command("prompt.submit").await
}

pub(crate) async fn clear_prompt(faces: Faces) -> Result<Json<bool>, ApiError> {
    faces.command("prompt.clear").await
}

#[derive(Deserialize)]
pub(crate) struct Command {
    command: String,
}

pub(crate) async fn execute_command(
    faces: Faces,
    Body(wanted): Body<Command>,
) -> Result<Json<bool>, ApiError> {
    let known = OLD_NAMES.iter().find(|(old, _)| *old == wanted.command);
    faces.command(known.map_or(&wanted.command, |(_, new)| new)).await
}

#[derive(Deserialize)]
pub(crate) struct Toast {
    title: Option<String>,
    message: String,
    variant: ToastVariant,
    #[serde(default = "toast_duration")]
    duration: u64,
}

pub(crate) async fn show_toast(faces: Faces, Body(toast): Body<Toast>) -> Result<Json<bool>, ApiError> {
    let event = EventBody::TuiToastShow {
        title: toast.title,
        message: toast.message,
        variant: toast.variant,
        duration: toast.duration,
    };
    faces.tell(event).await
}

/// Any of the events above, as it is.
pub(crate) async fn publish(faces: Faces, Body(event): Body<Value>) -> Result<Json<bool>, ApiError> {
    let bad = |reason: String| ApiError::bad_request(Kind::Payload, reason);
    let event: EventBody = serde_json::from_value(event).map_err(|error| bad(error.to_string()))?;
    if !event.kind().starts_with("tui.") {
        return Err(bad(format!("{} is no event of a terminal face", event.kind())));
    }
    if let EventBody::TuiSessionSelect { selected } = &event {
        SessionId::parse(selected.as_str()).map_err(|error| bad(error.to_string()))?;
    }
    faces.tell(event).await
}

#[derive(Deserialize)]
pub(crate) struct Selection {
    #[serde(rename = "sessionID")]
    session_id: String,
}

pub(crate) async fn select_session(
    State(app): State<App>,
    faces: Faces,
    Body(selection): Body<Selection>,
) -> Result<Json<bool>, ApiError> {
    let selected = SessionId::parse(selection.session_id)
        .map_err(|error| ApiError::bad_request(Kind::Payload, error.to_string()))?;
    app.engine.session(&selected).await?;
    faces.tell(EventBody::TuiSessionSelect { selected }).await
}

/// Waits for what a terminal face is to do next. Ends with the client or with the server.
pub(crate) async fn next_order(State(app): State<App>) -> Result<Json<Order>, ApiError> {
    tokio::select! {
        order = app.orders.next() => Ok(Json(order)),
        () = app.ending.cancelled() => Err(opencode_session::Error::Ending.into()),
    }
}

/// Parity: http-api.md §6.10, true also when no answer is waited for.
pub(crate) async fn answer_order(State(app): State<App>, Body(answer): Body<Value>) -> Json<bool> {
    if !app.orders.answer() {
        tracing::debug!(%answer, "an answer to no command");
    }
    Json(true)
}
