//! Chats over a socket, any number of sessions at once (reference `seed-http.md` §3.3).

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use opencode_schema::permission::Reply;
use opencode_schema::question::Answer;
use opencode_schema::session::Status;
use opencode_schema::time::{iso, now};
use opencode_schema::{Event, EventBody, PermissionId, QuestionId, SessionId};
use opencode_store::Subscription;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::stream::caught_up;
use super::translate::{Frame, Translator};
use super::{Said, admit, answer};
use crate::audit::{Actor, Auth};
use crate::compat::form::session_id;
use crate::error::tagged::tag;
use crate::error::{ApiError, Kind};
use crate::extract::Folder;
use crate::listen::App;
use crate::routes::permission;
use crate::socket::{self, Close, FRAME_LIMIT, Gone, PING, Receiver, Sender};

/// How long a client may take to say who it is.
const AUTH_LIMIT: Duration = Duration::from_secs(5);
/// Sessions that one socket follows.
const MOST_SESSIONS: usize = 64;

const AUTH_TIMEOUT: Close = Close::new(4408, "authentication took too long");
const AUTH_WRONG: Close = Close::new(1008, "authentication failed");
const BROKEN: Close = Close::new(1011, "internal error");

/// Makes the connection a socket.
pub(in crate::compat) async fn open(
    State(app): State<App>,
    actor: Actor,
    folder: Folder,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    if !app.access.may_connect(&headers) {
        return Err(ApiError::tagged(
            StatusCode::FORBIDDEN,
            "ForbiddenError",
            "This page may not use the server",
        ));
    }
    let upgrade = upgrade.map_err(|error| ApiError::bad_request(Kind::Query, error.body_text()))?;
    let token = app.sockets.token();
    let upgrade = upgrade.max_message_size(FRAME_LIMIT).max_frame_size(FRAME_LIMIT);
    let upgraded = upgrade.on_upgrade(move |connection| async move {
        serve(app, actor, folder.path, connection).await;
        drop(token);
    });
    Ok(upgraded.into_response())
}

async fn serve(app: App, mut actor: Actor, folder: PathBuf, connection: WebSocket) {
    let (mut sender, mut receiver) = socket::halves(connection);
    if app.access.password.is_some() && actor.auth == Auth::None {
        match authenticated(&app, &mut receiver).await {
            Ok(known) => {
                actor = Actor {
                    peer: actor.peer,
                    ..known
                }
            }
            Err(close) => return socket::close(sender, receiver, close).await,
        }
    }
    let ready = json!({ "type": "ready", "version": app.version, "server_time": iso(now()) });
    if send(&mut sender, &ready).await.is_err() {
        return;
    }
    let chat = Chat {
        events: app.engine.subscribe(),
        app,
        actor,
        folder,
        followed: HashMap::new(),
        ends: FuturesUnordered::new(),
    };
    if let Err(close) = chat.run(&mut sender, &mut receiver).await {
        socket::close(sender, receiver, close).await;
    }
}

async fn send(sender: &mut Sender, value: &Value) -> Result<(), Close> {
    // Whoever does not read for that long is too slow.
    let sent = sender.send(Message::Text(value.to_string().into())).await;
    sent.map_err(|Gone| Close::SLOW)
}

#[derive(Deserialize)]
struct Introduction {
    r#type: String,
    token: String,
}

/// Waits for the frame that says who the client is.
async fn authenticated(app: &App, receiver: &mut Receiver) -> Result<Actor, Close> {
    let first = timeout(AUTH_LIMIT, receiver.next())
        .await
        .map_err(|_| AUTH_TIMEOUT)?;
    let Ok(Message::Text(text)) = first else {
        return Err(AUTH_WRONG);
    };
    let given: Introduction = serde_json::from_str(&text).map_err(|_| AUTH_WRONG)?;
    let known = app
        .access
        .accepts(&given.token)
        .filter(|_| given.r#type == "auth");
    known.ok_or(AUTH_WRONG)
}

/// What a client wants.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Wish {
    Message(Box<Said>),
    Subscribe {
        session_id: String,
        after: Option<i64>,
    },
    Unsubscribe {
        session_id: String,
    },
    Abort {
        session_id: String,
    },
    Permission {
        request_id: String,
        reply: Reply,
        message: Option<String>,
    },
    Question {
        request_id: String,
        #[serde(default)]
        answers: Vec<Answer>,
        #[serde(default)]
        reject: bool,
    },
    Ping,
}

/// One socket.
struct Chat {
    app: App,
    actor: Actor,
    folder: PathBuf,
    events: Subscription,
    followed: HashMap<SessionId, Followed>,
    /// Ends of turns that are waited for.
    ends: FuturesUnordered<BoxFuture<'static, SessionId>>,
}

struct Followed {
    translator: Translator,
    /// The end of its turn is waited for already.
    awaits_end: bool,
}

impl Chat {
    /// Goes on until one of both sides ends; the error says how to close, nothing that the client has gone.
    async fn run(mut self, sender: &mut Sender, receiver: &mut Receiver) -> Result<(), Close> {
        let ending = self.app.ending.clone();
        let mut pings = interval_at(Instant::now() + PING, PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = ending.cancelled() => return Err(Close::ENDING),
                _ = pings.tick() => sender.ping().await.map_err(|Gone| Close::SLOW)?,
                event = self.events.next() => match event {
                    None => return Err(BROKEN),
                    Some(Err(_)) => return Err(Close::SLOW),
                    Some(Ok(event)) => self.tell(&event, sender).await?,
                },
                Some(id) = self.ends.next() => self.end(id, sender).await?,
                said = receiver.next() => {
                    let Ok(said) = said else { return Ok(()) };
                    let Message::Text(text) = said else { continue };
                    self.hear(&text, sender).await?;
                }
            }
        }
    }

    /// Tells what happened, if it is followed.
    async fn tell(&mut self, event: &Event, sender: &mut Sender) -> Result<(), Close> {
        let Some(id) = event.body.session_id() else {
            return Ok(());
        };
        let Some(followed) = self.followed.get_mut(id) else {
            return Ok(());
        };
        let is_busy =
            matches!(&event.body, EventBody::SessionStatus { status, .. } if *status != Status::Idle);
        let frame = followed.translator.frame_of(event);
        if is_busy && !std::mem::replace(&mut followed.awaits_end, true) {
            self.await_end(id.clone());
        }
        match frame {
            Some(frame) => send(sender, &written(&frame)).await,
            None => Ok(()),
        }
    }

    fn await_end(&self, id: SessionId) {
        let settled = self.app.engine.settled(&id);
        self.ends.push(settled.map(|()| id).boxed());
    }

    /// A turn has ended.
    async fn end(&mut self, id: SessionId, sender: &mut Sender) -> Result<(), Close> {
        // What was told before the end comes before it.
        while let Some(event) = self.events.try_next() {
            let event = event.map_err(|_| Close::SLOW)?;
            self.tell(&event, sender).await?;
        }
        let found = answer(&self.app, &id, None).await;
        let Some(followed) = self.followed.get_mut(&id) else {
            return Ok(());
        };
        followed.awaits_end = false;
        let (last, _) = found.unwrap_or_default();
        send(sender, &written(&followed.translator.done(last.as_ref()))).await
    }

    /// Does what the client wants.
    async fn hear(&mut self, text: &str, sender: &mut Sender) -> Result<(), Close> {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let reference = value.get("id").cloned();
        let done = match serde_json::from_value(value) {
            Ok(wish) => self.fulfil(wish, reference.as_ref(), sender).await?,
            Err(error) => Err(ApiError::bad_request(Kind::Payload, error.to_string())),
        };
        let Err(error) = done else { return Ok(()) };
        let (name, message) = error.told();
        let mut frame = json!({ "type": "error", "code": tag(name, message), "message": message });
        if let Some(reference) = reference {
            frame["id"] = reference;
        }
        send(sender, &frame).await
    }

    async fn fulfil(
        &mut self,
        wish: Wish,
        reference: Option<&Value>,
        sender: &mut Sender,
    ) -> Result<Result<(), ApiError>, Close> {
        let done = match wish {
            Wish::Ping => {
                send(sender, &json!({ "type": "pong" })).await?;
                Ok(())
            }
            Wish::Message(said) => return self.say(*said, reference, sender).await,
            Wish::Subscribe { session_id, after } => {
                return self.follow(&session_id, after, sender).await;
            }
            Wish::Unsubscribe { session_id: text } => session_id(&text, "session_id").map(|id| {
                self.followed.remove(&id);
            }),
            Wish::Abort { session_id: text } => match session_id(&text, "session_id") {
                Ok(id) => {
                    // Beside: the end of a turn is told here, which must not wait for itself.
                    let engine = self.app.engine.clone();
                    self.app.sockets.spawn(async move { engine.abort(&id).await });
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Wish::Permission {
                request_id,
                reply,
                message,
            } => self.permit(&request_id, reply, message).await,
            Wish::Question {
                request_id,
                answers,
                reject,
            } => self.reply(&request_id, answers, reject).await,
        };
        Ok(done)
    }

    async fn say(
        &mut self,
        said: Said,
        reference: Option<&Value>,
        sender: &mut Sender,
    ) -> Result<Result<(), ApiError>, Close> {
        if self.followed.len() >= MOST_SESSIONS {
            return Ok(Err(too_many()));
        }
        // What happens while it is stored is in the feed, which waits.
        let admitted = match admit(&self.app, self.folder.clone(), said).await {
            Ok(admitted) => admitted,
            Err(error) => return Ok(Err(error)),
        };
        let id = admitted.session_id.clone();
        let mut ack = json!({ "type": "ack", "session_id": id, "message_id": admitted.message_id });
        if let Some(reference) = reference {
            ack["id"] = reference.clone();
        }
        send(sender, &ack).await?;
        let followed = self.followed.entry(id.clone()).or_insert_with(|| Followed {
            translator: Translator::new(id.clone(), -1),
            awaits_end: false,
        });
        let running = self.app.engine.run(&admitted.location, &id);
        if !std::mem::replace(&mut followed.awaits_end, true) {
            self.ends.push(running.map(move |_| id).boxed());
        }
        Ok(Ok(()))
    }

    async fn follow(
        &mut self,
        text: &str,
        after: Option<i64>,
        sender: &mut Sender,
    ) -> Result<Result<(), ApiError>, Close> {
        let caught_up = async {
            let id = session_id(text, "session_id")?;
            self.app.engine.session(&id).await?;
            if self.followed.len() >= MOST_SESSIONS {
                return Err(too_many());
            }
            caught_up(&self.app, &id, after).await
        };
        let (mut translator, replay) = match caught_up.await {
            Ok(caught_up) => caught_up,
            Err(error) => return Ok(Err(error)),
        };
        let id = translator.session_id().clone();
        for event in &replay {
            if let Some(frame) = translator.frame_of(event) {
                send(sender, &written(&frame)).await?;
            }
        }
        let is_running = self.app.engine.statuses().iter().any(|(one, _)| *one == id);
        if is_running {
            self.await_end(id.clone());
        }
        let followed = Followed {
            translator,
            awaits_end: is_running,
        };
        self.followed.insert(id, followed);
        Ok(Ok(()))
    }

    async fn permit(&mut self, text: &str, reply: Reply, message: Option<String>) -> Result<(), ApiError> {
        let id = PermissionId::parse(text)
            .map_err(|error| ApiError::bad_request(Kind::Payload, error.to_string()))?;
        let mut locations = self.app.engine.locations().into_iter();
        let asking = locations.find(|location| location.permissions.pending().iter().any(|one| one.id == id));
        let Some(location) = asking else {
            return Err(unknown("PermissionNotFoundError", text));
        };
        let answer = opencode_permission::Answer {
            feedback: message,
            ..reply.into()
        };
        permission::settle(&self.app, &self.actor, &location, &id, answer)
            .await
            .map(drop)
    }

    async fn reply(&mut self, text: &str, answers: Vec<Answer>, reject: bool) -> Result<(), ApiError> {
        let id = QuestionId::parse(text)
            .map_err(|error| ApiError::bad_request(Kind::Payload, error.to_string()))?;
        let mut locations = self.app.engine.locations().into_iter();
        let asking = locations.find(|location| location.questions.pending().iter().any(|one| one.id == id));
        let Some(location) = asking else {
            return Err(unknown("QuestionNotFoundError", text));
        };
        let settled = if reject {
            location.questions.reject(&id).await
        } else {
            location.questions.reply(&id, answers).await
        };
        settled.map_err(|_| unknown("QuestionNotFoundError", text))
    }
}

fn unknown(tag: &str, id: &str) -> ApiError {
    ApiError::tagged(
        StatusCode::NOT_FOUND,
        tag,
        format!("Nobody waits for an answer to {id}"),
    )
}

fn too_many() -> ApiError {
    let message = format!("One socket follows {MOST_SESSIONS} sessions at most");
    ApiError::tagged(StatusCode::TOO_MANY_REQUESTS, "RateLimitError", message)
}

fn written(frame: &Frame) -> Value {
    let mut value = json!({ "type": frame.name, "seq": frame.seq });
    if let Some(entries) = value.as_object_mut() {
        // The kind of a frame goes before a field of that name.
        let data = frame.data.iter().filter(|(key, _)| *key != "type");
        entries.extend(data.map(|(key, value)| (key.clone(), value.clone())));
    }
    value
}
