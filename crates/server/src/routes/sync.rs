//! The log of events between programs (reference `http-api.md` §6.11).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use opencode_schema::SessionId;
use opencode_store::{ForeignEvent, Store};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::extract::{At, Body, id};
use crate::listen::App;

/// Events that are read together.
const PAGE: usize = 256;

/// Everything that came after what the client knows. It can be all there is, so it is written while it is
/// read.
pub(crate) async fn history(
    State(app): State<App>,
    At(_): At,
    Body(known): Body<BTreeMap<String, u64>>,
) -> Result<Response, ApiError> {
    let last = |seq| i64::try_from(seq).unwrap_or(i64::MAX);
    let known = known.into_iter().map(|(id, seq)| (id, last(seq))).collect();
    let store = app.engine.store().clone();
    let places = store.read(move |view| view.log_after(&known)).await?;
    let pages = Pages {
        store,
        places: places.into_iter(),
        written: 0,
        over: false,
    };
    let pages = stream::unfold(pages, |mut pages| async move {
        let text = pages.next().await?;
        Some((text, pages))
    });
    let body = axum::body::Body::from_stream(pages);
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

struct Pages {
    store: Store,
    places: std::vec::IntoIter<i64>,
    written: usize,
    over: bool,
}

impl Pages {
    /// A piece of the list; an error cuts the answer off, so that nobody takes it for whole.
    async fn next(&mut self) -> Option<Result<String, opencode_store::Error>> {
        if self.over {
            return None;
        }
        let places: Vec<i64> = self.places.by_ref().take(PAGE).collect();
        self.over = places.len() < PAGE;
        let read = self.store.read(move |view| view.log_entries(&places)).await;
        let entries = match read {
            Ok(entries) => entries,
            Err(error) => {
                self.over = true;
                return Some(Err(error));
            }
        };
        let mut text = String::new();
        for entry in entries {
            text.push_str(if self.written == 0 { "[" } else { "," });
            text.push_str(&json!(entry).to_string());
            self.written += 1;
        }
        if self.over {
            text.push_str(if self.written == 0 { "[]" } else { "]" });
        }
        Some(Ok(text))
    }
}

#[derive(Deserialize)]
pub(crate) struct Replay {
    #[serde(rename = "directory")]
    _directory: String,
    events: Vec<ForeignEvent>,
}

/// Takes over events of another program: all of them, or none.
pub(crate) async fn replay(
    State(app): State<App>,
    At(_): At,
    Body(Replay { events, .. }): Body<Replay>,
) -> Result<Json<Value>, ApiError> {
    let owner = app.engine.own_workspace();
    let replayed = app
        .engine
        .store()
        .write(move |transaction| transaction.replay(&events, owner.as_ref().map(|owner| owner.as_str())));
    Ok(Json(json!({ "sessionID": replayed.await? })))
}

#[derive(Deserialize)]
pub(crate) struct Stolen {
    #[serde(rename = "sessionID", deserialize_with = "id")]
    session_id: SessionId,
}

/// Only for a program that works for a workspace.
pub(crate) async fn steal(
    State(app): State<App>,
    At(location): At,
    Body(Stolen { session_id }): Body<Stolen>,
) -> Result<Json<Value>, ApiError> {
    let own = app.engine.own_workspace().ok_or_else(ApiError::senseless)?;
    app.engine.steal_session(&location, &session_id, &own).await?;
    Ok(Json(json!({ "sessionID": session_id })))
}

/// Workspaces on this machine write to the same log: there is nothing to begin.
pub(crate) async fn start(_: At) -> Json<bool> {
    Json(true)
}
