//! What happens in a location, as it happens (reference `http-api.md` §5).
//!
//! The stream connects again by itself, with growing pauses, and says so: the server replays nothing, so
//! whoever listens reads anew what it needs. Nothing is stored up here: what is not taken waits in the
//! connection, and a server cuts off whoever lets too much wait.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use opencode_schema::Event;
use reqwest::Method;
use serde::Deserialize;
use tokio::time::{Instant, sleep_until, timeout};

use crate::client::Client;
use crate::error::Error;
use crate::frames::{Frames, TooLarge};
use crate::transport::Body;

/// The pause before the second attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long the head of the stream may take.
const OPEN_LIMIT: Duration = Duration::from_secs(15);
/// A server gives a sign of life every ten seconds.
const SILENCE_LIMIT: Duration = Duration::from_secs(35);

/// What a listener hears.
#[derive(Debug)]
pub enum Signal {
    /// From now on everything is told. Not the first time: what happened between was missed.
    Open {
        /// There was a stream before.
        again: bool,
    },
    /// Something happened.
    Event(Box<Event>),
    /// The stream broke off; what happens now is missed. It is opened again when the next signal is awaited.
    Lost(Error),
}

/// A stream of events. Dropping it ends it.
pub struct Events {
    client: Client,
    state: State,
    frames: Frames,
    /// Attempts since the stream was open the last time.
    failures: u32,
    was_open: bool,
}

enum State {
    /// A pause, until then.
    Resting(Instant),
    Opening(BoxFuture<'static, Result<Body, Error>>),
    Open {
        body: Body,
        heard: Instant,
    },
}

/// The name of an event that may be one of a newer server.
#[derive(Deserialize)]
struct Named {
    #[serde(rename = "type")]
    kind: String,
}

enum Frame {
    Greeting,
    Event(Box<Event>),
    Other,
}

impl Events {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            state: State::Resting(Instant::now()),
            frames: Frames::default(),
            failures: 0,
            was_open: false,
        }
    }

    /// The next signal. A future that is dropped loses nothing.
    pub async fn next(&mut self) -> Signal {
        loop {
            match &mut self.state {
                State::Resting(until) => {
                    sleep_until(*until).await;
                    self.state = State::Opening(Box::pin(open(self.client.clone())));
                }
                State::Opening(opening) => match opening.await {
                    Ok(body) => {
                        self.frames = Frames::default();
                        self.state = State::Open {
                            body,
                            heard: Instant::now(),
                        };
                    }
                    Err(error) => return self.lose(error),
                },
                State::Open { body, heard } => {
                    if let Some(frame) = self.frames.next() {
                        match read(&frame) {
                            Frame::Greeting => {
                                self.failures = 0;
                                let again = std::mem::replace(&mut self.was_open, true);
                                return Signal::Open { again };
                            }
                            Frame::Event(event) => return Signal::Event(event),
                            Frame::Other => continue,
                        }
                    }
                    let chunk = tokio::select! {
                        biased;
                        chunk = body.next() => chunk,
                        () = sleep_until(*heard + SILENCE_LIMIT) => {
                            Some(Err(format!("no sign of life for {} s", SILENCE_LIMIT.as_secs())))
                        }
                    };
                    *heard = Instant::now();
                    let taken = match chunk {
                        Some(Ok(chunk)) => self
                            .frames
                            .push(&chunk)
                            .map_err(|TooLarge| "an event is too large".to_owned()),
                        Some(Err(reason)) => Err(reason),
                        None => Err("the stream of events ended".to_owned()),
                    };
                    if let Err(reason) = taken {
                        let error = self.client.unreachable(reason);
                        return self.lose(error);
                    }
                }
            }
        }
    }

    /// Attempts that failed since the stream was open the last time.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    fn lose(&mut self, error: Error) -> Signal {
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        self.state = State::Resting(Instant::now() + pause.min(LONGEST_PAUSE));
        Signal::Lost(error)
    }
}

async fn open(client: Client) -> Result<Body, Error> {
    let call = client.call(Method::GET, &["event"]);
    match timeout(OPEN_LIMIT, client.open(call)).await {
        Ok(answer) => Ok(answer?.body),
        Err(_) => Err(Error::TimedOut {
            server: client.server(),
            what: "GET /event".to_owned(),
            limit: OPEN_LIMIT,
        }),
    }
}

fn read(frame: &[u8]) -> Frame {
    if let Ok(event) = serde_json::from_slice::<Event>(frame) {
        return Frame::Event(Box::new(event));
    }
    match serde_json::from_slice::<Named>(frame) {
        Ok(named) if named.kind == "server.connected" => Frame::Greeting,
        Ok(named) => {
            tracing::trace!(kind = named.kind, "an event that means nothing here");
            Frame::Other
        }
        Err(error) => {
            tracing::debug!(%error, "a frame that is no event");
            Frame::Other
        }
    }
}
