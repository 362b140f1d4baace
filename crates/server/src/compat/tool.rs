//! Tools that clients call themselves (reference `seed-http.md` §4).

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use opencode_schema::permission::Action;
use opencode_session::{ToolRefusal, ToolRun};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::form::{compact, session_id};
use crate::audit::{self, Actor, Outcome, Record};
use crate::error::{ApiError, Kind};
use crate::extract::{At, Body, Folder, Query};
use crate::listen::App;

/// Milliseconds that a tool may take at most, and when nobody says.
const LONGEST: u64 = 600_000;
const USUAL: u64 = 120_000;
/// How long a tool that was stopped may take to end in order.
const AFTERMATH: Duration = Duration::from_secs(5);

#[derive(Deserialize, JsonSchema)]
pub(super) struct Wanted {
    /// The agent whose rules count.
    agent: Option<String>,
}

pub(super) async fn list(
    State(app): State<App>,
    At(location): At,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, ApiError> {
    let offered = app.engine.offered_tools(&location, wanted.agent.as_deref())?;
    let tools: Vec<Value> = offered
        .into_iter()
        .map(|tool| {
            json!({
                "name": tool.name,
                "description": tool.definition.description,
                "parameters": tool.definition.parameters,
                "source": "builtin",
                "permission": match tool.permission {
                    Action::Allow => "allow",
                    Action::Ask => "ask",
                    Action::Deny => "deny",
                },
            })
        })
        .collect();
    Ok(Json(json!({ "tools": tools })))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Execution {
    /// The tool.
    tool: String,
    /// What it is given.
    #[serde(default)]
    arguments: Map<String, Value>,
    /// The session that it is for, and that is asked where rules say so.
    session_id: Option<String>,
    /// The agent whose rules count.
    agent: Option<String>,
    /// How long it may take, the user's answers included.
    timeout_ms: Option<u64>,
}

pub(super) async fn execute(
    State(app): State<App>,
    actor: Actor,
    folder: Folder,
    Body(wanted): Body<Execution>,
) -> Result<Json<Value>, ApiError> {
    let timeout = wanted.timeout_ms.unwrap_or(USUAL);
    if !(1..=LONGEST).contains(&timeout) {
        let reason = format!("timeout_ms is 1 to {LONGEST}\n  at timeout_ms");
        return Err(ApiError::bad_request(Kind::Payload, reason));
    }
    let session = wanted.session_id.as_deref();
    let session = session.map(|text| session_id(text, "session_id")).transpose()?;
    // A session's tools work where the session does.
    let directory = match &session {
        Some(id) => app.engine.session(id).await?.directory.into(),
        None => folder.path,
    };
    let location = app.engine.location(&directory).await?;
    let command = wanted.arguments.get("command").and_then(Value::as_str);
    let (action, mut detail) = match (wanted.tool.as_str(), command) {
        ("bash", Some(text)) => ("shell.exec", json!({ "command": audit::command(text) })),
        _ => ("tool.execute", json!({ "tool": wanted.tool })),
    };
    let cancel = CancellationToken::new();
    let run = ToolRun {
        tool: wanted.tool.clone(),
        arguments: Value::Object(wanted.arguments),
        session: session.clone(),
        agent: wanted.agent,
        cancel: cancel.clone(),
    };
    let began = Instant::now();
    let working = app.engine.execute_tool(&location, run);
    tokio::pin!(working);
    let limit = Duration::from_millis(timeout);
    let result = tokio::select! {
        result = &mut working => result,
        () = tokio::time::sleep(limit) => {
            cancel.cancel();
            tokio::time::timeout(AFTERMATH, working).await.unwrap_or(Err(ToolRefusal::Stopped))
        }
    };
    let outcome = match &result {
        Ok(Ok(output)) => {
            detail["exit_code"] = output.metadata.get("exit").cloned().unwrap_or_default();
            Outcome::Ok
        }
        Err(ToolRefusal::Denied(_)) => Outcome::Denied,
        _ => Outcome::Error,
    };
    let mut record = Record::new(&actor, action, detail).at(&location);
    if let Some(session) = &session {
        record = record.of_session(session.as_str());
    }
    app.audit
        .record(&record.with(outcome, None).took(began.elapsed()));
    let ran = result.map_err(|refusal| refused(&wanted.tool, refusal))?;
    let duration = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Json(match ran {
        Ok(output) => {
            let attachments: Vec<Value> = output
                .attachments
                .iter()
                .map(|file| json!({ "mime": file.mime, "url": file.url, "name": file.filename }))
                .collect();
            compact(json!({
                "tool": wanted.tool,
                "status": "completed",
                "output": output.output,
                "title": Some(output.title).filter(|title| !title.is_empty()),
                "truncated": output.metadata.get("truncated") == Some(&Value::Bool(true)),
                "output_path": output.metadata.get("outputPath"),
                "attachments": Some(attachments).filter(|all| !all.is_empty()),
                "metadata": output.metadata,
                "duration_ms": duration,
            }))
        }
        Err(message) => json!({
            "tool": wanted.tool, "status": "error", "output": message, "truncated": false,
            "duration_ms": duration,
        }),
    }))
}

fn refused(tool: &str, refusal: ToolRefusal) -> ApiError {
    let message = refusal.to_string();
    match refusal {
        ToolRefusal::Unknown(_) => ApiError::not_found(message),
        ToolRefusal::Arguments(_) | ToolRefusal::NeedsSession(_) => {
            ApiError::bad_request(Kind::Payload, message)
        }
        ToolRefusal::Denied(_) => {
            ApiError::tagged(StatusCode::FORBIDDEN, "ForbiddenError", message).with("tool", tool)
        }
        ToolRefusal::Stopped => ApiError::tagged(
            StatusCode::REQUEST_TIMEOUT,
            "TimeoutError",
            "The tool, or an answer that it waited for, took too long",
        )
        .with("tool", tool),
        ToolRefusal::Engine(error) => error.into(),
    }
}
