//! Questions to the process that runs plugins, and their answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::message::{Incoming, Offer, Outgoing};
use crate::{Credentials, CustomTool, Draft, Error, Fault, Listener, Login};

/// Bytes of a line in either direction.
pub(crate) const LINE_LIMIT: usize = 32 << 20;
/// Lines that may wait to be written.
const QUEUE: usize = 256;
/// Kibibytes that they may have together.
const QUEUE_SIZE: usize = 64 << 10;
/// What a running tool may have said that nobody has taken yet.
const TOOL_QUEUE: usize = 64;
/// Questions for credentials that are answered at a time.
const ANSWERED: usize = 8;

/// A line that waits to be written, and its share of the room for such.
pub(crate) struct Line {
    pub(crate) bytes: Vec<u8>,
    _room: Option<OwnedSemaphorePermit>,
}

/// What a running tool says.
pub(crate) enum Said {
    Metadata(Value),
    Question { id: u64, question: Value },
}

/// A credential that a plugin asks for.
pub(crate) struct Wanted {
    id: u64,
    provider: String,
}

/// What the keeper of the process carries.
pub(crate) struct Load {
    pub(crate) lines: mpsc::Receiver<Line>,
    pub(crate) wanted: mpsc::Receiver<Wanted>,
}

/// What is known of the process; shared by those who ask it and by its keeper.
pub(crate) struct Link {
    listener: Arc<dyn Listener>,
    queue: mpsc::Sender<Line>,
    wanted: mpsc::Sender<Wanted>,
    room: Arc<Semaphore>,
    given_up: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last_id: u64,
    waiting: HashMap<u64, Waiting>,
    /// Questions that nobody waits for any more; the process is not told yet.
    given_up: Vec<u64>,
    offer: Offer,
    tools: Option<Arc<[CustomTool]>>,
    /// Where credentials of providers are found.
    lent: HashMap<String, Arc<dyn Credentials>>,
    ended: Option<String>,
}

struct Waiting {
    answer: oneshot::Sender<Result<Value, Error>>,
    said: mpsc::Sender<Said>,
}

/// A question that was asked. Dropping it gives it up.
pub(crate) struct Pending<'a> {
    link: &'a Link,
    id: u64,
    pub(crate) answer: oneshot::Receiver<Result<Value, Error>>,
    pub(crate) said: mpsc::Receiver<Said>,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let mut state = self.link.state();
        if state.waiting.remove(&self.id).is_some() {
            state.given_up.push(self.id);
            drop(state);
            self.link.given_up.notify_one();
        }
    }
}

impl Link {
    pub(crate) fn new(listener: Arc<dyn Listener>) -> (Arc<Self>, Load) {
        let (queue, lines) = mpsc::channel(QUEUE);
        let (want, wanted) = mpsc::channel(TOOL_QUEUE);
        let link = Self {
            listener,
            queue,
            wanted: want,
            room: Arc::new(Semaphore::new(QUEUE_SIZE)),
            given_up: Notify::new(),
            state: Mutex::default(),
        };
        (Arc::new(link), Load { lines, wanted })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn loaded(&self) -> Vec<String> {
        self.state().offer.plugins.clone()
    }

    /// Whether a plugin has a hook.
    pub(crate) fn has(&self, hook: &str) -> bool {
        self.state().offer.hooks.contains(hook)
    }

    pub(crate) fn transforms(&self, draft: &str) -> bool {
        self.state().offer.drafts.contains(draft)
    }

    pub(crate) fn tools(&self) -> Arc<[CustomTool]> {
        let mut state = self.state();
        let made = state.tools.clone();
        made.unwrap_or_else(|| {
            let made: Arc<[CustomTool]> = state.offer.tools.clone().into();
            state.tools = Some(Arc::clone(&made));
            made
        })
    }

    pub(crate) fn logins(&self) -> Arc<[Login]> {
        self.state().offer.logins.clone().into()
    }

    pub(crate) fn lists(&self, provider: &str) -> bool {
        self.state().offer.listers.contains(provider)
    }

    /// The providers whose models plugins list.
    pub(crate) fn listers(&self) -> Vec<String> {
        self.state().offer.listers.iter().cloned().collect()
    }

    /// Where the credential of a provider is found from now on.
    pub(crate) fn lend(&self, provider: &str, credentials: Arc<dyn Credentials>) {
        self.state().lent.insert(provider.to_owned(), credentials);
    }

    /// Answers the questions for credentials, a few at a time.
    pub(crate) async fn answer(&self, wanted: mpsc::Receiver<Wanted>) {
        let wanted = futures_util::stream::unfold(wanted, async |mut wanted| {
            let next = wanted.recv().await?;
            Some((next, wanted))
        });
        wanted
            .for_each_concurrent(ANSWERED, async |Wanted { id, provider }| {
                let lent = self.state().lent.get(&provider).cloned();
                let credential = match lent {
                    Some(credentials) => credentials.of(&provider).await,
                    None => None,
                };
                self.reply(id, Ok(credential.unwrap_or_default())).await;
            })
            .await;
    }

    /// Asks, and waits for the answer until the limit.
    pub(crate) async fn ask(
        &self,
        what: &str,
        method: &str,
        params: &Value,
        limit: Duration,
        cancel: &CancellationToken,
    ) -> Result<Value, Error> {
        let answered = async {
            let mut pending = self.begin(method, params).await?;
            (&mut pending.answer).await.unwrap_or_else(|_| Err(self.ended()))
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Error::Stopped { what: what.to_owned() }),
            answer = tokio::time::timeout(limit, answered) => answer.unwrap_or_else(|_| Err(Error::TimedOut {
                what: what.to_owned(),
                seconds: limit.as_secs(),
            })),
        }
    }

    /// Asks; waits only for room in the queue.
    pub(crate) async fn begin(&self, method: &str, params: &Value) -> Result<Pending<'_>, Error> {
        let (sender, answer) = oneshot::channel();
        let (said_sender, said) = mpsc::channel(TOOL_QUEUE);
        let id = {
            let mut state = self.state();
            if let Some(message) = state.ended.clone() {
                return Err(Error::Ended { message });
            }
            state.last_id += 1;
            let id = state.last_id;
            let waiting = Waiting {
                answer: sender,
                said: said_sender,
            };
            state.waiting.insert(id, waiting);
            id
        };
        let pending = Pending {
            link: self,
            id,
            answer,
            said,
        };
        let bytes = bytes_of(&Outgoing {
            id: Some(id),
            method: Some(method),
            params: Some(params),
            ..Outgoing::default()
        })?;
        self.send(bytes).await?;
        Ok(pending)
    }

    /// Answers a question of the process.
    pub(crate) async fn reply(&self, id: u64, outcome: Result<Value, String>) {
        let outcome = outcome.map_err(|message| json!({"message": message}));
        let line = Outgoing {
            id: Some(id),
            result: outcome.as_ref().ok(),
            error: outcome.as_ref().err(),
            ..Outgoing::default()
        };
        if let Ok(bytes) = bytes_of(&line) {
            // A process that has ended needs no answer.
            let _ = self.send(bytes).await;
        }
    }

    /// Tells of something, if there is room for it now.
    pub(crate) fn tell(&self, method: &str, params: &Value) {
        let line = Outgoing {
            method: Some(method),
            params: Some(params),
            ..Outgoing::default()
        };
        let Ok(bytes) = bytes_of(&line) else { return };
        let room = Arc::clone(&self.room).try_acquire_many_owned(share(&bytes));
        let Ok(room) = room else { return };
        let line = Line {
            bytes,
            _room: Some(room),
        };
        if self.queue.try_send(line).is_err() {
            tracing::debug!(method, "plugins do not keep up");
        }
    }

    async fn send(&self, bytes: Vec<u8>) -> Result<(), Error> {
        let room = Arc::clone(&self.room).acquire_many_owned(share(&bytes));
        let line = Line {
            _room: room.await.ok(),
            bytes,
        };
        self.queue.send(line).await.map_err(|_| self.ended())
    }

    /// The lines that tell the process what nobody waits for any more; waits until there is one.
    pub(crate) async fn given_up(&self) -> Vec<u8> {
        loop {
            let ids = std::mem::take(&mut self.state().given_up);
            if ids.is_empty() {
                self.given_up.notified().await;
                continue;
            }
            let lines = ids.into_iter().map(|id| {
                let params = json!({"id": id});
                bytes_of(&Outgoing {
                    method: Some("cancel"),
                    params: Some(&params),
                    ..Outgoing::default()
                })
            });
            return lines.flatten().flatten().collect();
        }
    }

    /// Takes a line of the process. What makes no sense is left out.
    pub(crate) fn take(&self, line: &[u8]) {
        let incoming: Incoming = match serde_json::from_slice(line) {
            Ok(incoming) => incoming,
            Err(error) => {
                tracing::warn!(%error, "the process that runs plugins said what makes no sense");
                return;
            }
        };
        match (incoming.method.as_deref(), incoming.id) {
            (None, Some(id)) => {
                let Some(waiting) = self.state().waiting.remove(&id) else {
                    return;
                };
                let answer = match incoming.error {
                    None => Ok(incoming.result),
                    Some(problem) => {
                        tracing::debug!(stack = problem.stack, "a plugin threw");
                        Err(Error::Thrown {
                            message: problem.message,
                        })
                    }
                };
                // Who does not wait any more is not told.
                let _ = waiting.answer.send(answer);
            }
            (Some("ask"), Some(id)) => {
                let question = incoming.params.get("question").cloned().unwrap_or_default();
                if !self.pass(&incoming.params, Said::Question { id, question }) {
                    self.refuse(id, "the call has ended, or asks too much at a time");
                }
            }
            (Some("credential"), Some(id)) => {
                let provider = incoming.params["provider"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                if self.wanted.try_send(Wanted { id, provider }).is_err() {
                    self.refuse(id, "too many credentials are asked for at a time");
                }
            }
            (Some("metadata"), None) => {
                let said = Said::Metadata(incoming.params.clone());
                self.pass(&incoming.params, said);
            }
            (Some("offer"), None) => self.take_offer(incoming.params),
            (Some("failed"), None) => {
                let text = |name: &str| incoming.params[name].as_str().unwrap_or_default().to_owned();
                self.listener.failed(Fault {
                    plugin: text("plugin"),
                    message: text("message"),
                });
            }
            _ => tracing::debug!(method = incoming.method, "nobody knows what plugins want"),
        }
    }

    /// Answers a question with a refusal, if there is room for it.
    fn refuse(&self, id: u64, message: &str) {
        let refusal = json!({"message": message});
        let line = Outgoing {
            id: Some(id),
            error: Some(&refusal),
            ..Outgoing::default()
        };
        if let Ok(bytes) = bytes_of(&line) {
            let _ = self.queue.try_send(Line { bytes, _room: None });
        }
    }

    /// Gives what a running tool says to whoever waits for it; whether it was taken.
    fn pass(&self, params: &Value, said: Said) -> bool {
        let call = params.get("call").and_then(Value::as_u64).unwrap_or_default();
        let state = self.state();
        let waiting = state.waiting.get(&call);
        waiting.is_some_and(|waiting| waiting.said.try_send(said).is_ok())
    }

    fn take_offer(&self, params: Value) {
        let offer: Offer = match serde_json::from_value(params) {
            Ok(offer) => offer,
            Err(error) => {
                tracing::warn!(%error, "what plugins offer makes no sense");
                return;
            }
        };
        let changed = offer.changed.clone();
        {
            let mut state = self.state();
            if state.ended.is_some() {
                return;
            }
            state.offer = offer;
            state.tools = None;
        }
        if let Some(kind) = changed.filter(|kind| kind != "event") {
            self.listener.changed(Draft::of(&kind));
        }
    }

    /// The process is gone: who waits is told, and nothing is offered any more.
    pub(crate) fn end(&self, message: &str) {
        let waiting = {
            let mut state = self.state();
            state.ended = Some(message.to_owned());
            state.offer = Offer::default();
            state.tools = None;
            std::mem::take(&mut state.waiting)
        };
        for (_, waiting) in waiting {
            let _ = waiting.answer.send(Err(Error::Ended {
                message: message.to_owned(),
            }));
        }
    }

    /// As [`Link::end`], where nobody has asked for it.
    pub(crate) fn die(&self, message: &str) {
        self.end(message);
        self.listener.failed(Fault {
            plugin: "plugins".to_owned(),
            message: self.ended().to_string(),
        });
    }

    pub(crate) fn ended(&self) -> Error {
        Error::Ended {
            message: self.state().ended.clone().unwrap_or_default(),
        }
    }
}

fn bytes_of(line: &Outgoing<'_>) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec(line).map_err(|error| Error::Thrown {
        message: error.to_string(),
    })?;
    if bytes.len() > LINE_LIMIT {
        return Err(Error::Thrown {
            message: format!("more than {} MiB cannot be given to plugins", LINE_LIMIT >> 20),
        });
    }
    bytes.push(b'\n');
    Ok(bytes)
}

/// Kibibytes of a line.
fn share(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len() >> 10)
        .unwrap_or(u32::MAX)
        .saturating_add(1)
}
