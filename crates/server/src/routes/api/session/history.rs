//! What happened in a durable session: page by page, and as a stream that misses nothing
//! (reference `v2.md` §3, §10, §14 rows 15, 39–41).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use opencode_schema::{Event, SessionId};
use opencode_session::Error;
use opencode_store::{Elsewhere, State as Stored, Store, Subscription};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{OfSession, page_size};
use crate::error::{ApiError, Kind};
use crate::events::{HEADERS, newer_event};
use crate::extract::Query;
use crate::listen::App;

/// Events that a stream reads at a time.
const PAGE: u32 = 256;
/// How often it is looked whether another process has written.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
pub(crate) struct Asked {
    after: Option<i64>,
    limit: Option<i64>,
}

impl Asked {
    /// The place behind which to begin.
    fn after(&self) -> Result<i64, ApiError> {
        match self.after {
            Some(after) if after < 0 => {
                let reason =
                    format!("Expected a value greater than or equal to 0, got {after}\n  at [\"after\"]");
                Err(ApiError::bad_request(Kind::Query, reason).tagged_form())
            }
            after => Ok(after.unwrap_or(-1)),
        }
    }
}

pub(crate) async fn page(
    State(app): State<App>,
    OfSession(session, _): OfSession,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, ApiError> {
    let (after, limit) = (asked.after()?, page_size(asked.limit)?);
    let read = app
        .engine
        .store()
        .read(move |view| view.history(&session.id, after, limit));
    let page = read.await.map_err(Error::from)?;
    let data: Vec<Value> = page.events.iter().map(newer_event).collect();
    Ok(Json(json!({ "data": data, "hasMore": page.has_more })))
}

/// Everything after a place, and then what happens. Who was cut off goes on behind the last place that came: by
/// `after`, or as browsers do by `Last-Event-ID`.
pub(crate) async fn follow(
    State(app): State<App>,
    OfSession(session, _): OfSession,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let after = last.map_or_else(|| asked.after(), Ok)?;
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let tail = Tail {
        // Before the log is read, so that nothing falls between.
        events: app.engine.subscribe(),
        elsewhere: app.engine.store().elsewhere(),
        store: app.engine.store().clone(),
        session: session.id,
        after,
        ready: VecDeque::new(),
        seen: None,
        look,
        ending: app.ending.clone(),
    };
    let frames = stream::unfold(tail, |mut tail| async move {
        let bytes = tail.next().await?;
        Some((Ok::<_, Infallible>(bytes), tail))
    });
    Ok((HEADERS, Body::from_stream(frames)).into_response())
}

/// A listener's place in the log of a session.
struct Tail {
    events: Subscription,
    /// The same of what other programs store.
    elsewhere: Elsewhere,
    store: Store,
    session: SessionId,
    after: i64,
    /// Read and not sent.
    ready: VecDeque<Event>,
    /// The state of the database that was read last, as far as it can be told.
    seen: Option<Stored>,
    look: Interval,
    ending: CancellationToken,
}

impl Tail {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                let frame = newer_event(&event);
                let seq = event.seq.unwrap_or_default();
                return Some(format!("id: {seq}\ndata: {frame}\n\n").into());
            }
            if !self.read().await? && !self.wait().await {
                return None;
            }
        }
    }

    /// Reads what comes next. Whether there was anything; `None` when the log cannot be read, so that the
    /// listener connects again.
    async fn read(&mut self) -> Option<bool> {
        self.seen = self.store.state();
        let (session, after) = (self.session.clone(), self.after);
        let page = self
            .store
            .read(move |view| view.history(&session, after, PAGE))
            .await;
        let page = page
            .inspect_err(|error| tracing::warn!(%error, "a session cannot be followed"))
            .ok()?;
        let came = page.read_to > self.after;
        self.after = page.read_to;
        self.ready.extend(page.events);
        Some(came)
    }

    /// Waits until there may be more. False at the end.
    async fn wait(&mut self) -> bool {
        loop {
            tokio::select! {
                biased;
                () = self.ending.cancelled() => return false,
                event = self.events.next() => match event {
                    None => return false,
                    Some(Ok(event)) => {
                        let is_stored = event.body.durable().is_some_and(|durable| *durable.aggregate == self.session);
                        if is_stored && event.seq.is_none_or(|seq| seq > self.after) {
                            return true;
                        }
                    }
                    // The log has what was missed.
                    Some(Err(_)) => return true,
                },
                () = self.elsewhere.stored() => return true,
                _ = self.look.tick() => {
                    let now = self.store.state();
                    if now.is_none() || now != self.seen {
                        return true;
                    }
                }
            }
        }
    }
}
