//! What can be connected, and connecting it with a key or a login (reference `v2.md` §12). What comes of it
//! is stored where the older interface and the command line look for it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use indexmap::IndexMap;
use opencode_catalog::login::{self, Attempt, Authorization, LoginError, Outcome};
use opencode_config::credential::Credential;
use opencode_schema::EventBody;
use opencode_schema::listing::{IntegrationInfo, IntegrationMethod};
use opencode_session::{Engine, Location};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Located;
use crate::error::{ApiError, Kind};
use crate::extract::{Body, LocationAt};
use crate::listen::App;

/// Everything, by name.
pub(crate) async fn list(
    LocationAt(location): LocationAt,
) -> Result<Json<Located<Vec<IntegrationInfo>>>, ApiError> {
    let all = location.integrations().await?;
    Ok(Located::new(&location, all))
}

/// One of them. Parity: v2.md §12, nothing instead of one that is unknown.
pub(crate) async fn get(
    LocationAt(location): LocationAt,
    Path(id): Path<String>,
) -> Result<Json<Located<Option<IntegrationInfo>>>, ApiError> {
    let found = one(&location, &id).await?;
    Ok(Located::new(&location, found))
}

#[derive(Deserialize)]
pub(crate) struct Key {
    key: String,
    label: Option<String>,
}

/// Stores a key instead of the credential that is there.
pub(crate) async fn connect_key(
    State(app): State<App>,
    LocationAt(location): LocationAt,
    Path(id): Path<String>,
    Body(given): Body<Key>,
) -> Result<StatusCode, ApiError> {
    let integration = known(&location, &id).await?;
    if !integration.methods.contains(&IntegrationMethod::Key {}) {
        return Err(ApiError::bad_request(
            Kind::Params,
            format!("{id} is not connected by a key"),
        ));
    }
    let key = Credential::Api {
        key: given.key.into(),
        metadata: IndexMap::new(),
    };
    let stored = app.logins.connect(&id, &key, given.label).await;
    stored.map_err(|error| ApiError::unexpected(&error))?;
    changed(&app.engine, &location, id).await;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(crate) struct Begin {
    #[serde(rename = "methodID")]
    method_id: String,
    inputs: login::Inputs,
    label: Option<String>,
}

/// Begins a login.
pub(crate) async fn connect_oauth(
    State(app): State<App>,
    LocationAt(location): LocationAt,
    Path(id): Path<String>,
    Body(begin): Body<Begin>,
) -> Result<Json<Located<Value>>, ApiError> {
    let integration = known(&location, &id).await?;
    let is_wanted = |method: &&IntegrationMethod| matches!(method, IntegrationMethod::Oauth { id, .. } if *id == begin.method_id);
    if let Some(method) = integration.methods.iter().find(is_wanted)
        && location.is_plugin_login(&id, method).await?
    {
        return connect_by_plugin(&app, location, id, begin).await;
    }
    let ways = login::of(&id).unwrap_or_default().iter();
    let at = ways
        .enumerate()
        .find(|(_, way)| way.id == begin.method_id && way.kind() == login::Kind::Oauth)
        .map(|(at, _)| at);
    let at = at.ok_or_else(|| {
        let reason = format!("{id} has no login {}\n  at [\"methodID\"]", begin.method_id);
        ApiError::bad_request(Kind::Payload, reason)
    })?;
    let (engine, place, integration) = (app.engine.clone(), Arc::clone(&location), id.clone());
    let stored = async move { changed(&engine, &place, integration).await };
    let begun = app
        .attempts
        .begin(&id, at, &begin.inputs, begin.label, stored)
        .await;
    let (attempt, authorization) = begun.map_err(|error| refused(&error))?;
    Ok(Located::new(&location, begun_attempt(&attempt, &authorization)))
}

/// Begins a login that a plugin brought.
async fn connect_by_plugin(
    app: &App,
    location: Arc<Location>,
    id: String,
    begin: Begin,
) -> Result<Json<Located<Value>>, ApiError> {
    let plugins = location.plugin_logins();
    let begun = plugins
        .begin_integration(&id, &begin.method_id, &begin.inputs)
        .await;
    let (page, authorization) = begun.map_err(|error| refused(&error))?;
    let integration = id.clone();
    let login = move |code: Option<String>| async move {
        plugins.end_integration(&integration, page, code.as_deref()).await
    };
    let (engine, place, integration) = (app.engine.clone(), Arc::clone(&location), id.clone());
    let stored = async move { changed(&engine, &place, integration).await };
    let begun = app
        .attempts
        .begin_by(&id, authorization.method, login, begin.label, stored)
        .await;
    let attempt = begun.map_err(|error| refused(&error))?;
    Ok(Located::new(&location, begun_attempt(&attempt, &authorization)))
}

fn begun_attempt(attempt: &Attempt, authorization: &Authorization) -> Value {
    json!({
        "attemptID": attempt.id,
        "url": authorization.url,
        "instructions": authorization.instructions,
        "mode": authorization.method,
        "time": time(attempt),
    })
}

/// How a login is getting on.
pub(crate) async fn attempt(
    State(app): State<App>,
    LocationAt(location): LocationAt,
    Path(id): Path<String>,
) -> Result<Json<Located<Value>>, ApiError> {
    let attempt = app.attempts.get(&id).ok_or_else(|| unknown_attempt(id))?;
    let (status, message) = match &attempt.outcome {
        Outcome::Pending => ("pending", None),
        Outcome::Complete => ("complete", None),
        Outcome::Failed(message) => ("failed", Some(message)),
        Outcome::Expired => ("expired", None),
    };
    let mut data = json!({ "status": status, "time": time(&attempt) });
    if let Some(message) = message {
        data["message"] = json!(message);
    }
    Ok(Located::new(&location, data))
}

/// Gives a login up; it may be over or unknown.
pub(crate) async fn cancel(State(app): State<App>, _: LocationAt, Path(id): Path<String>) -> StatusCode {
    app.attempts.cancel(&id);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
pub(crate) struct Complete {
    /// No way of ours brings a code by hand, but those of plugins do.
    code: Option<String>,
}

/// Ends a login that brings a code by hand. All of ours are noticed when they are done.
pub(crate) async fn complete(
    State(app): State<App>,
    _: LocationAt,
    Path(id): Path<String>,
    Body(complete): Body<Complete>,
) -> Result<StatusCode, ApiError> {
    if let Err(LoginError::NoCode { .. }) = app.attempts.complete(&id, complete.code).await {
        let message = "This login ends with a code";
        return Err(
            ApiError::tagged(StatusCode::BAD_REQUEST, "InvalidRequestError", message)
                .with("kind", "integration_code_required"),
        );
    }
    let attempt = app.attempts.get(&id).ok_or_else(|| unknown_attempt(id))?;
    match attempt.outcome {
        Outcome::Complete => Ok(StatusCode::NO_CONTENT),
        Outcome::Pending => Err(not_authorized(
            "This login takes no code: it is noticed when it is done",
        )),
        Outcome::Failed(message) => Err(not_authorized(message)),
        Outcome::Expired => Err(not_authorized("Nobody logged in in time")),
    }
}

/// Puts a changed credential in force, and tells listeners.
pub(super) async fn changed(engine: &Engine, location: &Location, integration_id: String) {
    engine.refresh_all().await;
    let store = &location.store;
    store.announce_now(EventBody::IntegrationConnectionUpdated { integration_id });
    store.announce_now(EventBody::IntegrationUpdated {});
}

async fn one(location: &Location, id: &str) -> Result<Option<IntegrationInfo>, ApiError> {
    let all = location.integrations().await?;
    Ok(all.into_iter().find(|integration| integration.id == id))
}

async fn known(location: &Arc<Location>, id: &str) -> Result<IntegrationInfo, ApiError> {
    one(location, id).await?.ok_or_else(|| {
        let message = format!("Integration not found: {id}");
        ApiError::tagged(StatusCode::NOT_FOUND, "IntegrationNotFoundError", message).with("integrationID", id)
    })
}

fn unknown_attempt(id: String) -> ApiError {
    let message = format!("Login attempt not found: {id}");
    ApiError::tagged(StatusCode::NOT_FOUND, "IntegrationAttemptNotFoundError", message).with("attemptID", id)
}

fn refused(error: &LoginError) -> ApiError {
    match error {
        LoginError::Invalid { field, message } => ApiError::bad_request(Kind::Payload, message.clone())
            .tagged_form()
            .with("field", field.as_str()),
        LoginError::TooMany => ApiError::tagged(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequestsError",
            error.to_string(),
        ),
        _ => not_authorized(error.to_string()),
    }
}

fn not_authorized(message: impl Into<String>) -> ApiError {
    ApiError::tagged(StatusCode::BAD_REQUEST, "InvalidRequestError", message)
        .with("kind", "integration_authorization")
}

fn time(attempt: &Attempt) -> Value {
    json!({ "created": attempt.created, "expires": attempt.expires })
}
