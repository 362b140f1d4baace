//! What happens in a folder, told to the client as far as it belongs to its sessions
//! (reference `integrations.md` §D4).
//!
//! One stream of events for each folder. When it was lost and is open again, what was missed is read; only
//! when the server is gone do turns end without it.

use std::sync::Arc;

use opencode_client::{Client, Error, Family, Signal};
use opencode_schema::permission::{Reply, Request};
use opencode_schema::session::Status;
use opencode_schema::{EventBody, Part, PartBody, SessionId, ToolState};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::agent::Agent;
use crate::session::Known;
use crate::transcript::Transcript;
use crate::{permission, question, replay, servers};

/// Attempts to hear again before it is given up.
const ATTEMPTS: u32 = 6;
/// Messages that are read to find the beginning of the turn that goes on.
const TURN_BOUND: usize = 2000;

/// Whether a folder is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Opening,
    Open,
    /// Not any more, and not again.
    Gone,
}

/// A folder that is listened to.
pub(crate) struct Feed {
    agent: Arc<Agent>,
    client: Client,
    directory: String,
    family: Family,
    /// The server has given the folder up, and the MCP servers of the client with it.
    is_disposed: bool,
}

impl Feed {
    pub(crate) fn new(agent: Arc<Agent>, client: Client, directory: String) -> Self {
        Self {
            agent,
            client,
            directory,
            family: Family::default(),
            is_disposed: false,
        }
    }

    /// Tells what happens until `stop`.
    pub(crate) async fn follow(mut self, state: watch::Sender<State>, stop: CancellationToken) {
        let mut events = self.client.events();
        loop {
            let signal = tokio::select! {
                signal = events.next() => signal,
                () = stop.cancelled() => return,
            };
            match signal {
                Signal::Open { again } => {
                    if again {
                        if std::mem::take(&mut self.is_disposed) {
                            servers::connect_again(&self.agent, &self.client, &self.directory);
                        }
                        self.catch_up().await;
                    }
                    state.send_replace(State::Open);
                }
                Signal::Event(event) => self.hear(event.body).await,
                Signal::Lost(error) if !error.may_pass() || events.failures() > ATTEMPTS => {
                    tracing::error!(%error, directory = self.directory, "events are not heard any more");
                    state.send_replace(State::Gone);
                    return;
                }
                Signal::Lost(error) => {
                    tracing::info!(%error, "the stream of events ended, it is opened again");
                }
            }
        }
    }

    /// The session if it is one of this folder.
    fn known(&self, id: &SessionId) -> Option<Arc<Known>> {
        known_in(&self.agent, &self.directory, id)
    }

    async fn hear(&mut self, event: EventBody) {
        match event {
            EventBody::PermissionAsked { request } => self.ask(*request).await,
            EventBody::PermissionReplied {
                session_id,
                request_id,
                ..
            } => self.settle(&session_id, request_id.as_str()).await,
            EventBody::QuestionReplied {
                session_id,
                request_id,
                ..
            }
            | EventBody::QuestionRejected {
                session_id,
                request_id,
            } => self.settle(&session_id, request_id.as_str()).await,
            EventBody::QuestionAsked { request } => {
                if let Some(known) = self.client_session(&request.session_id).await {
                    let asking = question::ask(Arc::clone(&self.agent), known, *request);
                    self.agent.tasks.spawn(asking);
                }
            }
            EventBody::InstanceDisposed { .. } => self.is_disposed = true,
            EventBody::SessionCreated { session_id, info } => {
                if let Some(parent) = &info.parent_id {
                    let (agent, directory) = (&self.agent, &self.directory);
                    let is_root = |id: &SessionId| known_in(agent, directory, id).is_some();
                    self.family.begins(session_id, parent, is_root);
                }
            }
            event => {
                let known = event.session_id().and_then(|id| self.known(id));
                if let Some(known) = known {
                    self.tell(&known, event).await;
                }
            }
        }
    }

    /// Tells the client what happened in one of its sessions.
    async fn tell(&self, known: &Arc<Known>, event: EventBody) {
        let mut transcript = known.transcript.lock().await;
        match event {
            EventBody::MessageUpdated { info, .. } => transcript.message(&info),
            EventBody::PartUpdated { part, .. } => self.part(known, &mut transcript, &part).await,
            EventBody::PartDelta {
                part_id,
                field,
                delta,
                ..
            } => {
                if let Some(update) = transcript.delta(&part_id, &field, &delta) {
                    self.agent.update(&known.id, update).await;
                }
            }
            EventBody::SessionStatus { status, .. } => {
                let is_busy = status != Status::Idle;
                // What is told after the end of a turn belongs to it still.
                if known.hear(is_busy) && is_busy {
                    transcript.clear();
                }
            }
            _ => {}
        }
    }

    async fn part(&self, known: &Arc<Known>, transcript: &mut Transcript, part: &Part) {
        for update in transcript.part(part, &known.directory) {
            self.agent.update(&known.id, update).await;
        }
        if let PartBody::Tool(call) = &part.body
            && matches!(call.state, ToolState::Completed { .. })
        {
            let files = known.take_changes(&call.call_id);
            if !files.is_empty() && self.agent.announced().writes_files {
                let telling = permission::tell_of_changes(Arc::clone(&self.agent), Arc::clone(known), files);
                self.agent.tasks.spawn(telling);
            }
        }
    }

    /// Puts a request before the user of the session that it comes from, or of one above it.
    async fn ask(&mut self, request: Request) {
        let Some(known) = self.client_session(&request.session_id).await else {
            return;
        };
        let id = request.id.clone();
        if !known.ask(request) {
            tracing::warn!("too many requests for permission wait, one is refused");
            if let Err(error) = self.client.reply_permission(&id, Reply::Reject, None).await {
                tracing::warn!(%error, "a request for permission was not refused");
            }
        }
    }

    async fn settle(&mut self, session: &SessionId, id: &str) {
        if let Some(known) = self.client_session(session).await {
            known.settle(id);
        }
    }

    async fn client_session(&mut self, id: &SessionId) -> Option<Arc<Known>> {
        let (agent, directory) = (&self.agent, &self.directory);
        let is_root = |id: &SessionId| known_in(agent, directory, id).is_some();
        let root = self.family.root(&self.client, id, is_root).await?;
        self.known(&root)
    }

    /// Reads what was missed while nothing was heard.
    async fn catch_up(&mut self) {
        for known in self.agent.sessions_in(&self.directory) {
            if let Err(error) = self.catch_up_with(&known).await {
                tracing::warn!(%error, "could not catch up");
            }
        }
        match self.client.permissions().await {
            Ok(requests) => {
                for request in requests {
                    self.ask(request).await;
                }
            }
            Err(error) => tracing::warn!(%error, "requests for permission are not known"),
        }
    }

    async fn catch_up_with(&self, known: &Arc<Known>) -> Result<(), Error> {
        if !known.is_busy() {
            return Ok(());
        }
        let is_busy = self.client.statuses().await?.contains_key(&known.id);
        let mut messages = replay::messages(&self.client, &known.id, Some(TURN_BOUND)).await?;
        let prompt = messages
            .iter()
            .rposition(|message| message.info.as_user().is_some());
        let mut transcript = known.transcript.lock().await;
        for message in messages.drain(prompt.unwrap_or_default()..) {
            transcript.message(&message.info);
            for part in &message.parts {
                self.part(known, &mut transcript, part).await;
            }
        }
        // It may have begun and ended while nothing was heard.
        known.hear(true);
        known.hear(is_busy);
        Ok(())
    }
}

/// A session of the client, if it is in this folder.
fn known_in(agent: &Agent, directory: &str, id: &SessionId) -> Option<Arc<Known>> {
    agent.find(id).filter(|known| known.directory == directory)
}

/// Waits until a folder is heard; says whether it is.
pub(crate) async fn is_open(state: &mut watch::Receiver<State>) -> bool {
    let state = state.wait_for(|state| *state != State::Opening).await;
    state.is_ok_and(|state| *state == State::Open)
}

/// Waits until a folder is not heard any more.
pub(crate) async fn gone(state: &mut watch::Receiver<State>) {
    // Whoever listened may have stopped, which is the same.
    let _ = state.wait_for(|state| *state == State::Gone).await;
}

/// An update as a notification has it.
pub(crate) fn notification(session: &SessionId, update: &Value) -> Value {
    serde_json::json!({ "sessionId": session, "update": update })
}
