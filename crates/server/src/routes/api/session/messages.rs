//! Messages of durable sessions (reference `v2.md` §10).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use opencode_schema::{MessageId, SessionId, SessionMessage, SessionMessageBody};
use opencode_session::Error;
use serde::{Deserialize, Serialize};

use super::{Data, OfSession, Order, Page, Towards, page_size, read_cursor};
use crate::error::{ApiError, Kind};
use crate::extract::{Named, Query};
use crate::listen::App;

#[derive(Deserialize)]
pub(crate) struct Listing {
    limit: Option<i64>,
    order: Option<Order>,
    cursor: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    id: MessageId,
    order: Order,
    direction: Towards,
}

pub(crate) async fn list(
    State(app): State<App>,
    OfSession(session, _): OfSession,
    Query(asked): Query<Listing>,
) -> Result<Json<Page<SessionMessage>>, ApiError> {
    let limit = page_size(asked.limit)?;
    if asked.cursor.is_some() && asked.order.is_some() {
        let reason = "a cursor has an order of its own\n  at [\"order\"]";
        return Err(ApiError::bad_request(Kind::Query, reason).tagged_form());
    }
    let cursor: Option<Cursor> = asked.cursor.as_deref().map(read_cursor).transpose()?;
    let (order, towards, anchor) = match cursor {
        Some(cursor) => (cursor.order, cursor.direction, Some(cursor.id)),
        None => (asked.order.unwrap_or_default(), Towards::Next, None),
    };
    let direction = order.towards(towards);
    let read = app
        .engine
        .store()
        .read(move |view| view.session_messages(&session.id, direction, anchor.as_ref(), limit));
    let mut messages = read.await.map_err(Error::from)?;
    if towards == Towards::Previous {
        messages.reverse();
    }
    let cursor = |message: &SessionMessage, direction| Cursor {
        id: message.id.clone(),
        order,
        direction,
    };
    let shown = messages.into_iter().map(shown).collect();
    Ok(Json(Page::new(shown, cursor)))
}

/// A message without what was read of its files, which is for the model.
fn shown(mut message: SessionMessage) -> SessionMessage {
    if let SessionMessageBody::User { files, .. } = &mut message.body {
        for file in files.iter_mut().flatten() {
            file.content = Vec::new();
        }
    }
    message
}

/// A message that the session does not have.
pub(super) fn not_found(session: &SessionId, id: &MessageId) -> ApiError {
    ApiError::tagged(
        StatusCode::NOT_FOUND,
        "MessageNotFoundError",
        format!("Message not found: {id}"),
    )
    .with("sessionID", session.as_str())
    .with("messageID", id.as_str())
}

pub(crate) async fn get(
    State(app): State<App>,
    OfSession(session, _): OfSession,
    Named(id): Named<MessageId>,
) -> Result<Json<Data<SessionMessage>>, ApiError> {
    let (of, wanted) = (session.id.clone(), id.clone());
    let read = app
        .engine
        .store()
        .read(move |view| view.session_message(&of, &wanted));
    let found = read.await.map_err(Error::from)?;
    let message = found.ok_or_else(|| not_found(&session.id, &id))?;
    Ok(Json(Data { data: shown(message) }))
}

/// What a model is told of the session.
pub(crate) async fn context(
    State(app): State<App>,
    OfSession(session, _): OfSession,
) -> Result<Json<Data<Vec<SessionMessage>>>, ApiError> {
    let read = app
        .engine
        .store()
        .read(move |view| view.session_context(&session.id));
    let messages = read.await.map_err(Error::from)?;
    Ok(Json(Data {
        data: messages.into_iter().map(shown).collect(),
    }))
}
