//! The agent's side of a connection: what it knows of the client and its sessions, and how it begins and ends.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opencode_client::Client;
use opencode_schema::SessionId;
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncWrite};
use tokio::sync::{Mutex as AsyncMutex, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::choice::Choice;
use crate::feed::{self, Feed, State};
use crate::method;
use crate::permission;
use crate::rpc::{self, Failure, Incoming, LINE_LIMIT, Line, OUT_BOUND, Wire};
use crate::session::{ASKS_BOUND, Known};

/// Requests that are worked on at the same time.
const REQUESTS: usize = 256;
/// How long requests that go on may take when the client has nothing more to say.
const END_LIMIT: Duration = Duration::from_secs(5);
/// How long the last messages may take to be read.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// Takes lines that say how long something took.
pub type Profile = Box<dyn Fn(&str) + Send + Sync>;

/// What an agent works with.
pub struct Options {
    /// The server that does the work.
    pub client: Client,
    /// The folder that relative folders start from.
    pub directory: PathBuf,
    /// Version of the program.
    pub version: &'static str,
    /// Where it is told how long requests took, if anywhere.
    pub profile: Option<Profile>,
}

/// What the client has said that it can do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Announced {
    /// It takes files that were changed.
    pub(crate) writes_files: bool,
    /// It shows forms.
    pub(crate) shows_forms: bool,
}

/// The agent's side of a connection.
pub(crate) struct Agent {
    pub(crate) wire: Wire,
    pub(crate) options: Options,
    /// Everything that goes on beside reading what the client says.
    pub(crate) tasks: TaskTracker,
    feeds: AsyncMutex<HashMap<String, Heard>>,
    listening: TaskTracker,
    inner: Mutex<Inner>,
    stop: CancellationToken,
}

/// A folder that is listened to.
struct Heard {
    state: watch::Receiver<State>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Inner {
    announced: Announced,
    sessions: HashMap<SessionId, Arc<Known>>,
    /// MCP servers of the client with their configuration, by folder.
    servers: HashMap<String, Vec<(String, Value)>>,
}

/// Speaks with a client until it has nothing more to say, or does not listen any more.
///
/// # Errors
/// The streams cannot be read or written.
pub async fn serve<R, W>(options: Options, mut input: R, output: W) -> std::io::Result<()>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (out, lines) = mpsc::channel(OUT_BOUND);
    let mut writing = tokio::spawn(rpc::write(output, lines));
    let agent = Arc::new(Agent {
        wire: Wire::new(out),
        options,
        tasks: TaskTracker::new(),
        feeds: AsyncMutex::default(),
        listening: TaskTracker::new(),
        inner: Mutex::default(),
        stop: CancellationToken::new(),
    });
    let result = tokio::select! {
        result = agent.read(&mut input) => result,
        // Nobody reads any more what is said here.
        written = &mut writing => {
            agent.end().await;
            return written.unwrap_or(Ok(())).or_else(unless_gone);
        }
    };
    agent.end().await;
    drop(agent);
    match tokio::time::timeout(FLUSH_LIMIT, &mut writing).await {
        Ok(written) => result.and(written.unwrap_or(Ok(())).or_else(unless_gone)),
        Err(_) => {
            writing.abort();
            result
        }
    }
}

fn unless_gone(error: std::io::Error) -> std::io::Result<()> {
    match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    }
}

impl Agent {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn announced(&self) -> Announced {
        self.inner().announced
    }

    pub(crate) fn announce(&self, announced: Announced) {
        self.inner().announced = announced;
    }

    /// A session that the client works with.
    pub(crate) fn find(&self, id: &SessionId) -> Option<Arc<Known>> {
        self.inner().sessions.get(id).cloned()
    }

    /// The sessions that the client works with in a folder.
    pub(crate) fn sessions_in(&self, directory: &str) -> Vec<Arc<Known>> {
        let inner = self.inner();
        let sessions = inner.sessions.values();
        sessions
            .filter(|known| known.directory == directory)
            .cloned()
            .collect()
    }

    /// Whether the client hands over a server for the first time, or another one by the same name.
    pub(crate) fn is_new_server(&self, directory: &str, name: &str, config: &Value) -> bool {
        let mut inner = self.inner();
        let servers = inner.servers.entry(directory.to_owned()).or_default();
        if servers.iter().any(|(known, of)| known == name && of == config) {
            return false;
        }
        servers.retain(|(known, _)| known != name);
        servers.push((name.to_owned(), config.clone()));
        true
    }

    /// The servers that the client has handed over for a folder.
    pub(crate) fn servers_of(&self, directory: &str) -> Vec<(String, Value)> {
        self.inner().servers.get(directory).cloned().unwrap_or_default()
    }

    /// Tells the client what happened in a session.
    pub(crate) async fn update(&self, session: &SessionId, update: Value) {
        self.wire
            .notify("session/update", feed::notification(session, &update))
            .await;
    }

    /// The server, for a folder.
    pub(crate) fn client(&self, directory: &str) -> Client {
        let mut client = self.options.client.clone();
        client.set_directory(Some(directory.to_owned()));
        client
    }

    /// Takes up a session; what happens in it is told from now on.
    pub(crate) async fn enter(
        self: &Arc<Self>,
        id: SessionId,
        directory: &str,
        choice: Choice,
    ) -> Result<Arc<Known>, Failure> {
        let reused = self.find(&id).filter(|known| known.directory == directory);
        let known = if let Some(known) = reused {
            // A turn that goes on is not disturbed by a client that opens it again.
            known.choose(choice);
            known
        } else {
            let (asks, requests) = mpsc::channel(ASKS_BOUND);
            let client = self.client(directory);
            let known = Arc::new(Known::new(id, directory.to_owned(), client, choice, asks));
            let before = self.inner().sessions.insert(known.id.clone(), Arc::clone(&known));
            if let Some(before) = before {
                before.closed.cancel();
            }
            let asking = permission::answer_all(Arc::clone(self), Arc::clone(&known), requests);
            self.listening.spawn(asking);
            known
        };
        // Only now: the last session of a folder that is closed meanwhile takes the folder with it.
        match self.hear(directory).await {
            Ok(_) => Ok(known),
            Err(failure) => {
                self.leave(&known.id).await;
                known.closed.cancel();
                Err(failure)
            }
        }
    }

    /// Forgets a session, and with the last one of a folder the folder.
    pub(crate) async fn leave(&self, id: &SessionId) -> Option<Arc<Known>> {
        let known = self.inner().sessions.remove(id)?;
        let mut feeds = self.feeds.lock().await;
        if self.sessions_in(&known.directory).is_empty()
            && let Some(heard) = feeds.remove(&known.directory)
        {
            heard.stop.cancel();
        }
        Some(known)
    }

    /// Listens to a folder, and waits until it is heard.
    pub(crate) async fn hear(self: &Arc<Self>, directory: &str) -> Result<watch::Receiver<State>, Failure> {
        let mut state = {
            let mut feeds = self.feeds.lock().await;
            let is_there = feeds
                .get(directory)
                .is_some_and(|heard| *heard.state.borrow() != State::Gone);
            if !is_there {
                let (telling, state) = watch::channel(State::Opening);
                let stop = self.stop.child_token();
                let feed = Feed::new(Arc::clone(self), self.client(directory), directory.to_owned());
                self.listening.spawn(feed.follow(telling, stop.clone()));
                feeds.insert(directory.to_owned(), Heard { state, stop });
            }
            match feeds.get(directory) {
                Some(heard) => heard.state.clone(),
                None => return Err(unheard()),
            }
        };
        if feed::is_open(&mut state).await {
            Ok(state)
        } else {
            Err(unheard())
        }
    }

    /// Does what the client says until its end.
    async fn read<R: AsyncBufRead + Unpin>(self: &Arc<Self>, input: &mut R) -> std::io::Result<()> {
        let places = Arc::new(Semaphore::new(REQUESTS));
        while let Some(line) = rpc::next_line(input, LINE_LIMIT).await? {
            let message = match line {
                Line::Whole(line) => Incoming::parse(&line),
                Line::TooLong => Incoming::Wrong {
                    id: Value::Null,
                    failure: Failure::invalid_request(format_args!(
                        "a message has {LINE_LIMIT} bytes at most"
                    )),
                },
            };
            match message {
                Incoming::Request { id, method, params } => {
                    let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                        let reason = "too many requests are worked on";
                        let failure = Failure::internal(reason, Value::Null);
                        self.wire.respond(id, Err(failure)).await;
                        continue;
                    };
                    // A turn can be stopped from the moment on in which it was asked for.
                    let work = method::begin(self, id, method, params);
                    self.tasks.spawn(async move {
                        work.await;
                        drop(place);
                    });
                }
                Incoming::Notification { method, params } => method::notice(self, &method, params),
                Incoming::Response { id, result } => self.wire.settle(&id, result),
                Incoming::Wrong { id, failure } => {
                    tracing::warn!(reason = failure.message, "a message of the client is wrong");
                    self.wire.respond(id, Err(failure)).await;
                }
            }
        }
        Ok(())
    }

    /// Ends the turns that go on, and then everything else.
    async fn end(&self) {
        let sessions: Vec<_> = self.inner().sessions.values().cloned().collect();
        for known in &sessions {
            known.cancel();
        }
        self.wire.forget();
        self.tasks.close();
        if tokio::time::timeout(END_LIMIT, self.tasks.wait()).await.is_err() {
            tracing::info!("requests were not answered in time");
        }
        for known in &sessions {
            known.closed.cancel();
        }
        self.stop.cancel();
        self.listening.close();
        if tokio::time::timeout(END_LIMIT, self.listening.wait())
            .await
            .is_err()
        {
            tracing::info!("what listens did not end in time");
        }
        self.inner().sessions.clear();
    }
}

fn unheard() -> Failure {
    let data = serde_json::json!({ "service": "event" });
    Failure::internal("ACP event stream disconnected", data)
}
