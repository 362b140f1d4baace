//! What a user does himself in a durable session: command lines and skills (reference `v2.md` §14 row 2).

use axum::Json;
use axum::extract::State;
use opencode_schema::{MessageId, SessionMessage};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::audit::{self, Actor, Record};
use crate::error::ApiError;
use crate::extract::{TaggedBody, optional_id};
use crate::listen::App;
use crate::routes::api::session::{Data, OfSession, refused};

/// A command line to run.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CommandLine {
    /// The id that the message shall have; the same again is the same command.
    #[serde(default, deserialize_with = "optional_id")]
    #[schemars(with = "Option<String>")]
    id: Option<MessageId>,
    /// What is run.
    command: String,
}

/// Answers when it has begun.
pub(super) async fn shell(
    State(app): State<App>,
    actor: Actor,
    OfSession(session, location): OfSession,
    TaggedBody(wanted): TaggedBody<CommandLine>,
) -> Result<Json<Data<SessionMessage>>, ApiError> {
    let detail = json!({ "command": audit::command(&wanted.command) });
    let record = Record::new(&actor, "shell.exec", detail).at(&location);
    app.audit.record(&record.of_session(session.id.as_str()));
    let begun = app
        .engine
        .run_shell(&location, &session.id, wanted.id, wanted.command);
    let data = begun.await.map_err(|error| refused(error, &session.id))?;
    Ok(Json(Data { data }))
}

/// A skill to call for.
#[derive(Deserialize, JsonSchema)]
pub(super) struct SkillCall {
    /// The id that the message shall have; the same again is the same call.
    #[serde(default, deserialize_with = "optional_id")]
    #[schemars(with = "Option<String>")]
    id: Option<MessageId>,
    /// Its name.
    skill: String,
    /// Whether the model goes to work because of it.
    #[serde(default = "yes")]
    resume: bool,
}

fn yes() -> bool {
    true
}

/// Answers when it has begun.
pub(super) async fn skill(
    State(app): State<App>,
    OfSession(session, location): OfSession,
    TaggedBody(wanted): TaggedBody<SkillCall>,
) -> Result<Json<Data<SessionMessage>>, ApiError> {
    let begun = app
        .engine
        .run_skill(&location, &session.id, wanted.id, &wanted.skill, wanted.resume);
    let data = begun.await.map_err(|error| refused(error, &session.id))?;
    Ok(Json(Data { data }))
}
