//! A turn as a stream of events (reference `seed-http.md` §3.2).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body as HttpBody, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_schema::{MessageId, SessionId};
use opencode_store::Subscription;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::translate::{Frame, Translator};
use super::{Said, admit, answer};
use crate::compat::form::session_id;
use crate::error::{ApiError, Kind};
use crate::extract::{Body, Folder, Query};
use crate::listen::App;

/// Between two signs of life.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Stored events that are read at once.
const PAGE: u32 = 500;

/// Says something and streams what comes of it.
pub(in crate::compat) async fn begin(
    State(app): State<App>,
    folder: Folder,
    Body(said): Body<Said>,
) -> Result<Response, ApiError> {
    // Before anything is stored: nothing that is told after it is missed.
    let events = app.engine.subscribe();
    let admitted = admit(&app, folder.path, said).await?;
    let running = app.engine.run(&admitted.location, &admitted.session_id);
    let end = running.map(drop).boxed();
    let translator = Translator::new(admitted.session_id, -1);
    let mut stream = Stream::new(app, translator, events, end, Some(admitted.message_id));
    // Its own beginning comes first, whatever the session is busy with.
    stream.waits_for_start = true;
    Ok(stream.respond())
}

#[derive(Deserialize, JsonSchema)]
pub(in crate::compat) struct Resumed {
    /// The session.
    session_id: String,
}

/// Goes on after the event that the client saw last, or from now on.
pub(in crate::compat) async fn resume(
    State(app): State<App>,
    Query(wanted): Query<Resumed>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let session_id = session_id(&wanted.session_id, "session_id")?;
    app.engine.session(&session_id).await?;
    let last_seen = headers.get("last-event-id").map(|value| {
        let number = value
            .to_str()
            .ok()
            .and_then(|text| text.trim().parse::<i64>().ok());
        number.ok_or_else(|| ApiError::bad_request(Kind::Query, "Last-Event-ID is a number"))
    });
    let last_seen = last_seen.transpose()?;
    // First listen, then look whether it runs, then read: nothing falls between.
    let events = app.engine.subscribe();
    let end = app.engine.settled(&session_id);
    let (mut translator, replay) = caught_up(&app, &session_id, last_seen).await?;
    let frames: VecDeque<Frame> = replay
        .iter()
        .filter_map(|event| translator.frame_of(event))
        .collect();
    let mut stream = Stream::new(app, translator, events, end, None);
    stream.waiting = frames;
    Ok(stream.respond())
}

/// What is known of a session, and its stored events after `last_seen`; without that, none.
pub(super) async fn caught_up(
    app: &App,
    session_id: &SessionId,
    last_seen: Option<i64>,
) -> Result<(Translator, Vec<opencode_schema::Event>), ApiError> {
    let id = session_id.clone();
    let read = app.engine.store().read(move |view| {
        let begin = match last_seen {
            Some(seq) => seq,
            None => view.last_seq(&id)?,
        };
        let mut events = Vec::new();
        let mut last = begin;
        loop {
            let page = view.events_after(&id, last, PAGE)?;
            let Some(newest) = page.last().and_then(|event| event.seq) else {
                break;
            };
            last = newest;
            // A part is stored again and again as it grows; only what is told of it is worth keeping.
            events.extend(page.into_iter().filter(is_told));
        }
        let newest = view.newest_messages(&id, 1)?;
        let parts = match newest.first() {
            Some(message) => view.parts(&message.id)?,
            None => Vec::new(),
        };
        Ok((begin, events, parts))
    });
    let (begin, events, parts) = read.await?;
    let mut translator = Translator::new(session_id.clone(), begin);
    for part in &parts {
        translator.learn(part);
    }
    Ok((translator, events))
}

fn is_told(event: &opencode_schema::Event) -> bool {
    use opencode_schema::{EventBody, PartBody};
    match &event.body {
        EventBody::MessageUpdated { info, .. } => info.as_user().is_some(),
        EventBody::PartUpdated { part, .. } => {
            matches!(part.body, PartBody::Tool(_) | PartBody::StepFinish(_))
        }
        _ => false,
    }
}

struct Stream {
    app: App,
    translator: Translator,
    events: Subscription,
    /// The end of the turn.
    end: BoxFuture<'static, ()>,
    /// Whose answer is given at the end: this message's, or that of the newest.
    asked: Option<MessageId>,
    waiting: VecDeque<Frame>,
    waits_for_start: bool,
    heartbeat: Interval,
    is_over: bool,
}

impl Stream {
    fn new(
        app: App,
        translator: Translator,
        events: Subscription,
        end: BoxFuture<'static, ()>,
        asked: Option<MessageId>,
    ) -> Self {
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            app,
            translator,
            events,
            end,
            asked,
            waiting: VecDeque::new(),
            waits_for_start: false,
            heartbeat,
            is_over: false,
        }
    }

    fn hear(&mut self, event: &opencode_schema::Event) {
        let Some(frame) = self.translator.frame_of(event) else {
            return;
        };
        if self.waits_for_start {
            let own = self.asked.as_ref().map(MessageId::as_str);
            if frame.name != "start" || frame.data.get("message_id").and_then(Value::as_str) != own {
                return;
            }
            self.waits_for_start = false;
        }
        self.waiting.push_back(frame);
    }

    /// What is sent next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                return Some(written(&frame));
            }
            if self.is_over {
                return None;
            }
            let ending = self.app.ending.clone();
            tokio::select! {
                biased;
                () = ending.cancelled() => return None,
                event = self.events.next() => match event? {
                    Ok(event) => self.hear(&event),
                    Err(lost) => {
                        // It comes back with the last event that it saw.
                        tracing::warn!(missed = lost.missed, "a chat stream was too slow and is cut off");
                        return None;
                    }
                },
                () = &mut self.end => {
                    // What was told before the end comes before it.
                    while let Some(Ok(event)) = self.events.try_next() {
                        self.hear(&event);
                    }
                    let id = self.translator.session_id().clone();
                    let answer = answer(&self.app, &id, self.asked.as_ref()).await;
                    let (last, _) = answer.unwrap_or_default();
                    self.waiting.push_back(self.translator.done(last.as_ref()));
                    self.is_over = true;
                }
                _ = self.heartbeat.tick() => return Some(Bytes::from_static(b": heartbeat\n\n")),
            }
        }
    }

    fn respond(self) -> Response {
        let frames = futures_util::stream::unfold(self, |mut stream| async move {
            let bytes = stream.next().await?;
            Some((Ok::<_, Infallible>(bytes), stream))
        });
        let headers = [
            (CONTENT_TYPE, "text/event-stream"),
            (CACHE_CONTROL, "no-cache, no-transform"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        let body = HttpBody::from_stream(frames);
        (headers, [("x-accel-buffering", "no")], body).into_response()
    }
}

fn written(frame: &Frame) -> Bytes {
    let data = Value::Object(frame.data.clone());
    format!("event: {}\ndata: {data}\nid: {}\n\n", frame.name, frame.seq).into()
}
