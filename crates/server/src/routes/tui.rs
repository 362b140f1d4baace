//! What other programs make a terminal face do (reference `http-api.md` §6.10): each is an event.

use axum::Json;
use axum::extract::State;
use opencode_schema::event::{ToastVariant, toast_duration};
use opencode_schema::{EventBody, SessionId};
use opencode_session::Location;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{ApiError, Kind};
use crate::extract::{At, Body};
use crate::listen::App;

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

async fn tell(location: &Location, event: EventBody) -> Result<Json<bool>, ApiError> {
    location.store.announce(event).await?;
    Ok(Json(true))
}

async fn command(location: &Location, name: &str) -> Result<Json<bool>, ApiError> {
    let command = Some(name.to_owned());
    tell(location, EventBody::TuiCommandExecute { command }).await
}

#[derive(Deserialize)]
pub(crate) struct Text {
    text: String,
}

pub(crate) async fn append_prompt(
    At(location): At,
    Body(Text { text }): Body<Text>,
) -> Result<Json<bool>, ApiError> {
    tell(&location, EventBody::TuiPromptAppend { text }).await
}

pub(crate) async fn open_help(At(location): At) -> Result<Json<bool>, ApiError> {
    command(&location, "help.show").await
}

pub(crate) async fn open_sessions(At(location): At) -> Result<Json<bool>, ApiError> {
    command(&location, "session.list").await
}

pub(crate) async fn open_themes(At(location): At) -> Result<Json<bool>, ApiError> {
    command(&location, "theme.switch").await
}

pub(crate) async fn open_models(At(location): At) -> Result<Json<bool>, ApiError> {
    command(&location, "model.list").await
}

pub(crate) async fn submit_prompt(At(location): At) -> Result<Json<bool>, ApiError> {
    command(&location, "prompt.submit").await
}

pub(crate) async fn clear_prompt(At(location): At) -> Result<Json<bool>, ApiError> {
    command(&location, "prompt.clear").await
}

#[derive(Deserialize)]
pub(crate) struct Command {
    command: String,
}

pub(crate) async fn execute_command(
    At(location): At,
    Body(wanted): Body<Command>,
) -> Result<Json<bool>, ApiError> {
    let known = OLD_NAMES.iter().find(|(old, _)| *old == wanted.command);
    command(&location, known.map_or(&wanted.command, |(_, new)| new)).await
}

#[derive(Deserialize)]
pub(crate) struct Toast {
    title: Option<String>,
    message: String,
    variant: ToastVariant,
    #[serde(default = "toast_duration")]
    duration: u64,
}

pub(crate) async fn show_toast(At(location): At, Body(toast): Body<Toast>) -> Result<Json<bool>, ApiError> {
    let event = EventBody::TuiToastShow {
        title: toast.title,
        message: toast.message,
        variant: toast.variant,
        duration: toast.duration,
    };
    tell(&location, event).await
}

/// Any of the events above, as it is.
pub(crate) async fn publish(At(location): At, Body(event): Body<Value>) -> Result<Json<bool>, ApiError> {
    let bad = |reason: String| ApiError::bad_request(Kind::Payload, reason);
    let event: EventBody = serde_json::from_value(event).map_err(|error| bad(error.to_string()))?;
    if !event.kind().starts_with("tui.") {
        return Err(bad(format!("{} is no event of a terminal face", event.kind())));
    }
    tell(&location, event).await
}

#[derive(Deserialize)]
pub(crate) struct Selection {
    #[serde(rename = "sessionID")]
    session_id: String,
}

pub(crate) async fn select_session(
    State(app): State<App>,
    At(location): At,
    Body(selection): Body<Selection>,
) -> Result<Json<bool>, ApiError> {
    let selected = SessionId::parse(selection.session_id)
        .map_err(|error| ApiError::bad_request(Kind::Payload, error.to_string()))?;
    app.engine.session(&selected).await?;
    tell(&location, EventBody::TuiSessionSelect { selected }).await
}
