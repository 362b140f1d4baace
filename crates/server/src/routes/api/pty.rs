//! Terminals (reference `v2.md` §10.1, `http-api.md` §6.9). Unlike those of the older interface they are
//! remembered for a while when their programs have ended.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use opencode_schema::PtyId;
use opencode_schema::pty::Pty;
use serde_json::Value;

use super::Located;
use crate::audit::Actor;
use crate::error::ApiError;
use crate::extract::{Body, LocationAt, Named, PlaceAt, Query};
use crate::listen::App;
use crate::routes::pty::{Change, Creation, Face, Upgrade, Visit, Wanted};

const FACE: Face = Face {
    of: |ground| &ground.remembered_terminals,
    forbidden: "ForbiddenError",
};

pub(crate) async fn list(LocationAt(location): LocationAt) -> Json<Located<Vec<Pty>>> {
    Located::new(&location, location.remembered_terminals.all())
}

pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    LocationAt(location): LocationAt,
    Body(wanted): Body<Creation>,
) -> Result<Json<Located<Pty>>, ApiError> {
    let opened = FACE.open(&app, &actor, &location, wanted).await?;
    Ok(Located::new(&location, opened))
}

pub(crate) async fn get(
    LocationAt(location): LocationAt,
    Named(id): Named<PtyId>,
) -> Result<Json<Located<Pty>>, ApiError> {
    Ok(Located::new(&location, FACE.info(&location, &id)?))
}

pub(crate) async fn update(
    State(app): State<App>,
    actor: Actor,
    LocationAt(location): LocationAt,
    Named(id): Named<PtyId>,
    Body(change): Body<Change>,
) -> Result<Json<Located<Pty>>, ApiError> {
    let changed = FACE.change(&app, &actor, &location, &id, change).await?;
    Ok(Located::new(&location, changed))
}

pub(crate) async fn remove(
    State(app): State<App>,
    actor: Actor,
    LocationAt(location): LocationAt,
    Named(id): Named<PtyId>,
) -> Result<StatusCode, ApiError> {
    FACE.remove(&app, &actor, &location, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn connect_token(
    State(app): State<App>,
    LocationAt(location): LocationAt,
    Named(id): Named<PtyId>,
    headers: HeaderMap,
) -> Result<Json<Located<Value>>, ApiError> {
    let ticket = FACE.ticket(&app, &location, id, &headers)?;
    Ok(Located::new(&location, ticket))
}

pub(crate) async fn connect(
    State(app): State<App>,
    actor: Actor,
    PlaceAt(directory): PlaceAt,
    Named(id): Named<PtyId>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, ApiError> {
    let visit = Visit {
        actor,
        directory,
        id,
        wanted,
        headers,
    };
    FACE.connect(app, visit, upgrade).await
}
