//! Permissions beyond questions and answers: approvals that are kept, reasons, and what was decided.

use axum::Json;
use axum::extract::State;
use opencode_session::Explanation;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::form::session_id;
use crate::audit::{Actor, Record};
use crate::error::{ApiError, Kind};
use crate::extract::{At, Body, Query};
use crate::listen::App;
use crate::routes::permission::are_sound;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Approval {
    /// Which permission.
    permission: String,
    /// Which objects of it.
    patterns: Vec<String>,
}

pub(super) async fn save(
    State(app): State<App>,
    actor: Actor,
    At(location): At,
    Body(approval): Body<Approval>,
) -> Result<Json<Value>, ApiError> {
    if approval.permission.trim().is_empty() || !are_sound(&approval.patterns) {
        return Err(ApiError::bad_request(
            Kind::Payload,
            "a permission and patterns that are not empty".to_owned(),
        ));
    }
    let detail = json!({ "permission": approval.permission, "patterns": approval.patterns });
    app.audit
        .record(&Record::new(&actor, "permission.save", detail).at(&location));
    let permissions = &location.permissions;
    permissions
        .save(&approval.permission, approval.patterns)
        .await
        .map_err(opencode_session::Error::from)?;
    let saved = permissions.saved().await.map_err(opencode_session::Error::from)?;
    Ok(Json(json!({ "saved": saved })))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Matter {
    /// Which permission.
    permission: String,
    /// Which object of it; everything when left out.
    pattern: Option<String>,
    /// The agent that asks.
    agent: Option<String>,
    /// The session that asks.
    session_id: Option<String>,
}

pub(super) async fn explain(
    State(app): State<App>,
    At(location): At,
    Query(matter): Query<Matter>,
) -> Result<Json<Explanation>, ApiError> {
    let session = matter.session_id.as_deref();
    let matter = opencode_session::Matter {
        permission: matter.permission,
        pattern: matter.pattern.unwrap_or_else(|| "*".to_owned()),
        agent: matter.agent,
        session_id: session.map(|text| session_id(text, "session_id")).transpose()?,
    };
    Ok(Json(app.engine.explain(&location, matter).await?))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Audited {
    /// The session.
    session_id: String,
}

pub(super) async fn audit(
    State(app): State<App>,
    At(location): At,
    Query(of): Query<Audited>,
) -> Result<Json<Value>, ApiError> {
    let id = session_id(&of.session_id, "session_id")?;
    app.engine.session(&id).await?;
    Ok(Json(
        json!({ "decisions": location.permissions.decisions(&id).await }),
    ))
}
