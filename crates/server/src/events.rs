//! Event streams (reference `http-api.md` §5).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use opencode_schema::time::iso;
use opencode_schema::{Event, EventBody, EventId};
use opencode_session::{Ground, Location};
use opencode_store::Subscription;
use serde_json::{Value, json};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::error::ApiError;
use crate::extract::At;
use crate::listen::App;

/// What every stream says of itself.
pub(crate) const HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_TYPE, "text/event-stream"),
    (CACHE_CONTROL, "no-cache, no-transform"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("x-accel-buffering"), "no"),
];
/// Between two signs of life.
const HEARTBEAT: Duration = Duration::from_secs(10);
const NEWER_HEARTBEAT: Duration = Duration::from_secs(15);

/// What happens in one location.
pub(crate) async fn of_location(State(app): State<App>, At(location): At) -> Result<Response, ApiError> {
    Ok(Stream::new(&app, Scope::of(&location)).respond())
}

/// What happens anywhere.
pub(crate) async fn global(State(app): State<App>) -> Response {
    Stream::new(&app, Scope::Everywhere).respond()
}

/// The same in the form of the newer interface.
pub(crate) async fn newer(State(app): State<App>) -> Response {
    Stream::new(&app, Scope::Newer).respond()
}

enum Scope {
    Location {
        directory: String,
        /// Held, because a location that somebody listens to is not idle.
        _held: Arc<Ground>,
    },
    Everywhere,
    /// The same in the form of the newer interface.
    Newer,
}

impl Scope {
    fn of(location: &Location) -> Self {
        Self::Location {
            directory: location.directory_text(),
            _held: Arc::clone(location.ground()),
        }
    }

    /// The frames of an event; none when the scope does not hold it.
    fn frames(&self, event: &Event) -> Vec<Value> {
        let origin = event.origin.as_deref();
        match self {
            Self::Location { directory, .. }
                if origin.is_some_and(|origin| origin.directory == *directory) =>
            {
                vec![written_event(event)]
            }
            Self::Location { .. } => Vec::new(),
            Self::Newer => vec![newer_event(event)],
            Self::Everywhere => {
                let wrapped = |payload: Value| {
                    let mut frame = json!({ "payload": payload });
                    if let Some(origin) = origin {
                        frame["directory"] = json!(origin.directory);
                    }
                    if let Some(workspace) = origin.and_then(|origin| origin.workspace_id.as_ref()) {
                        frame["workspace"] = json!(workspace);
                    }
                    if let Some(project) = origin.and_then(|origin| origin.project_id.as_ref()) {
                        frame["project"] = json!(project);
                    }
                    frame
                };
                let twin = sync_twin(event).map(wrapped);
                [Some(wrapped(written_event(event))), twin]
                    .into_iter()
                    .flatten()
                    .collect()
            }
        }
    }

    /// A frame of the stream itself.
    fn control(&self, kind: &str) -> Value {
        let frame = json!({ "id": EventId::new(), "type": kind, "properties": {} });
        match self {
            Self::Location { .. } => frame,
            Self::Everywhere => json!({ "payload": frame }),
            Self::Newer => json!({ "id": EventId::new(), "type": kind, "data": {} }),
        }
    }

    /// When the first sign of life comes, and how long it is between two.
    fn pulse(&self) -> (Duration, Duration) {
        match self {
            Self::Newer => (Duration::ZERO, NEWER_HEARTBEAT),
            _ => (HEARTBEAT, HEARTBEAT),
        }
    }

    fn sign_of_life(&self) -> Bytes {
        match self {
            Self::Newer => Bytes::from_static(b": heartbeat\n\n"),
            _ => written(&[self.control("server.heartbeat")]),
        }
    }
}

/// An event as the newer interface sends it: with its place in the log, if it has one, and numbers for times.
pub(crate) fn newer_event(event: &Event) -> Value {
    let mut body = json!(event.body);
    let mut frame = json!({ "id": event.id, "type": event.body.kind() });
    if let Some(durable) = event.body.durable() {
        frame["durable"] = json!({
            "aggregateID": durable.aggregate,
            "seq": event.seq,
            "version": durable.version,
        });
    }
    if let Some(origin) = event.origin.as_deref().filter(|origin| !origin.is_everywhere()) {
        frame["location"] = json!({ "directory": origin.directory });
        if let Some(workspace) = &origin.workspace_id {
            frame["location"]["workspaceID"] = json!(workspace);
        }
    }
    frame["data"] = body["properties"].take();
    frame
}

/// An event as it is sent.
fn written_event(event: &Event) -> Value {
    let mut value = json!(event);
    write_time(&event.body, &mut value["properties"]);
    value
}

/// Parity: v2.md §3.1, streams write the times of these events as text, the log as numbers.
fn write_time(body: &EventBody, properties: &mut Value) {
    if let EventBody::Session(event) = body {
        properties["timestamp"] = json!(iso(event.timestamp()));
    }
}

/// A stored event once more, with its place in the log.
fn sync_twin(event: &Event) -> Option<Value> {
    let durable = event.body.durable()?;
    let mut properties = serde_json::to_value(&event.body).ok()?["properties"].take();
    write_time(&event.body, &mut properties);
    Some(json!({
        "type": "sync",
        "id": event.id,
        "syncEvent": {
            "type": format!("{}.{}", event.body.kind(), durable.version),
            "id": event.id,
            "seq": event.seq,
            "aggregateID": durable.aggregate,
            "data": properties,
        },
    }))
}

struct Stream {
    scope: Scope,
    events: Subscription,
    heartbeat: Interval,
    ending: CancellationToken,
    greeted: bool,
    over: bool,
}

impl Stream {
    fn new(app: &App, scope: Scope) -> Self {
        let (first, pause) = scope.pulse();
        let mut heartbeat = interval_at(Instant::now() + first, pause);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            scope,
            // Before the greeting: what is told after it is not missed.
            events: app.engine.subscribe(),
            heartbeat,
            ending: app.ending.clone(),
            greeted: false,
            over: false,
        }
    }

    /// What is to be sent next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.greeted, true) {
            return Some(written(&[self.scope.control("server.connected")]));
        }
        if self.over {
            return None;
        }
        loop {
            let event: Arc<Event> = tokio::select! {
                biased;
                () = self.ending.cancelled() => return None,
                event = self.events.next() => match event? {
                    Ok(event) => event,
                    // Whoever missed events must read the sessions anew, and connects again to do so.
                    Err(lost) => {
                        tracing::warn!(missed = lost.missed, "a listener was too slow and is cut off");
                        return None;
                    }
                },
                _ = self.heartbeat.tick() => return Some(self.scope.sign_of_life()),
            };
            let frames = self.scope.frames(&event);
            if !frames.is_empty() {
                // The stream of a location ends with it; whoever listens connects to the new one.
                self.over = matches!(self.scope, Scope::Location { .. })
                    && matches!(event.body, EventBody::InstanceDisposed { .. });
                return Some(written(&frames));
            }
        }
    }

    fn respond(self) -> Response {
        let frames = stream::unfold(self, |mut stream| async move {
            let bytes = stream.next().await?;
            Some((Ok::<_, Infallible>(bytes), stream))
        });
        (HEADERS, Body::from_stream(frames)).into_response()
    }
}

fn written(frames: &[Value]) -> Bytes {
    frames
        .iter()
        .map(|frame| format!("data: {frame}\n\n"))
        .collect::<String>()
        .into()
}
