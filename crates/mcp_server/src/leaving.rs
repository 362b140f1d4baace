//! Clients over HTTP that go away in the middle of an answer. The protocol lets them come back and read on, so
//! what they began is stopped only when they have not come back for a while.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use rmcp::model::{
    CancelledNotification, CancelledNotificationParam, ClientJsonRpcMessage, ClientNotification,
    JsonRpcMessage, RequestId,
};
use rmcp::transport::common::server_side_http::{ServerSseMessage, SessionId};
use rmcp::transport::streamable_http_server::session::SessionManager;
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError, SessionConfig,
};
use tokio::time::Instant;

/// How long a client may take to come back.
const RETURN_LIMIT: Duration = Duration::from_secs(30);
/// How long a client may say nothing and be told nothing. Turns, and users that are asked, take their time.
const SILENCE_LIMIT: Duration = Duration::from_secs(60 * 60);
/// Clients at once.
const MOST: usize = 64;

type Messages = Pin<Box<dyn Stream<Item = ServerSseMessage> + Send + Sync>>;

/// The clients that are there.
pub(crate) struct Clients {
    inner: Arc<LocalSessionManager>,
    seen: Seen,
    return_limit: Duration,
}

type Seen = Arc<Mutex<HashMap<SessionId, Presence>>>;

/// What is known of a client.
struct Presence {
    last: Instant,
    /// Answers that it reads just now.
    reading: usize,
    /// How often it came back.
    returns: u64,
}

/// Why a client is not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("{MOST} clients are connected already")]
    TooMany,
    #[error(transparent)]
    Other(#[from] LocalSessionManagerError),
}

impl Default for Clients {
    fn default() -> Self {
        let mut config = SessionConfig::default();
        config.keep_alive = Some(SILENCE_LIMIT);
        let mut inner = LocalSessionManager::default();
        inner.session_config = config;
        Self {
            inner: Arc::new(inner),
            seen: Seen::default(),
            return_limit: RETURN_LIMIT,
        }
    }
}

impl Clients {
    fn seen(&self) -> MutexGuard<'_, HashMap<SessionId, Presence>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self, id: &SessionId, change: impl FnOnce(&mut Presence)) {
        if let Some(presence) = self.seen().get_mut(id) {
            presence.last = Instant::now();
            change(presence);
        }
    }

    /// Makes room for one more client: the one that was silent for the longest and reads nothing goes.
    async fn make_room(&self) -> Result<(), ClientError> {
        let there: Vec<SessionId> = self.inner.sessions.read().await.keys().cloned().collect();
        let oldest = {
            let mut seen = self.seen();
            // Some have ended by themselves.
            seen.retain(|id, _| there.contains(id));
            if there.len() < MOST {
                return Ok(());
            }
            let silent = seen.iter().filter(|(_, presence)| presence.reading == 0);
            let oldest = silent.min_by_key(|(_, presence)| presence.last);
            oldest.map(|(id, _)| Arc::clone(id)).ok_or(ClientError::TooMany)?
        };
        tracing::info!("the MCP client that was silent for the longest is given up");
        self.close_session(&oldest).await
    }

    fn watched(&self, id: &SessionId, messages: Messages, request: Option<RequestId>) -> Watched {
        self.touch(id, |presence| presence.reading += 1);
        Watched {
            messages,
            request,
            session: Arc::clone(id),
            inner: Arc::clone(&self.inner),
            seen: Arc::clone(&self.seen),
            return_limit: self.return_limit,
        }
    }
}

impl SessionManager for Clients {
    type Error = ClientError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), ClientError> {
        self.make_room().await?;
        let (id, transport) = self.inner.create_session().await?;
        let presence = Presence {
            last: Instant::now(),
            reading: 0,
            returns: 0,
        };
        self.seen().insert(Arc::clone(&id), presence);
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<rmcp::model::ServerJsonRpcMessage, ClientError> {
        Ok(self.inner.initialize_session(id, message).await?)
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, ClientError> {
        Ok(self.inner.has_session(id).await?)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), ClientError> {
        self.seen().remove(id);
        Ok(self.inner.close_session(id).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, ClientError> {
        let request = match &message {
            JsonRpcMessage::Request(request) => Some(request.id.clone()),
            _ => None,
        };
        let messages = Box::pin(self.inner.create_stream(id, message).await?);
        Ok(self.watched(id, messages, request))
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), ClientError> {
        self.touch(id, |_| {});
        Ok(self.inner.accept_message(id, message).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, ClientError> {
        let messages = Box::pin(self.inner.create_standalone_stream(id).await?);
        Ok(self.watched(id, messages, None))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, ClientError> {
        self.touch(id, |presence| presence.returns += 1);
        let messages = Box::pin(self.inner.resume(id, last_event_id).await?);
        Ok(self.watched(id, messages, None))
    }
}

/// An answer while it is read.
struct Watched {
    messages: Messages,
    /// What it is the answer to, until it is complete.
    request: Option<RequestId>,
    session: SessionId,
    inner: Arc<LocalSessionManager>,
    seen: Seen,
    return_limit: Duration,
}

impl Stream for Watched {
    type Item = ServerSseMessage;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ServerSseMessage>> {
        let next = self.messages.as_mut().poll_next(context);
        if let Poll::Ready(Some(event)) = &next
            && let Some(JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)) = event.message.as_deref()
        {
            self.request = None;
        }
        next
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let returns = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(presence) = seen.get_mut(&self.session) else {
                return;
            };
            presence.reading = presence.reading.saturating_sub(1);
            presence.last = Instant::now();
            presence.returns
        };
        let (Some(request), Ok(runtime)) = (self.request.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let (inner, seen, session) = (
            Arc::clone(&self.inner),
            Arc::clone(&self.seen),
            Arc::clone(&self.session),
        );
        let limit = self.return_limit;
        // It ends by itself within that time; at the end of the program nothing is left to stop.
        runtime.spawn(async move {
            tokio::time::sleep(limit).await;
            let is_back = {
                let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.get(&session)
                    .is_none_or(|presence| presence.returns != returns)
            };
            if is_back {
                return;
            }
            tracing::info!("an MCP client does not come back for its answer; what it began is stopped");
            let reason = Some("the client has gone".to_owned());
            let params = CancelledNotificationParam::new(Some(request), reason);
            let cancelled = ClientNotification::CancelledNotification(CancelledNotification::new(params));
            let message = ClientJsonRpcMessage::notification(cancelled);
            if let Err(error) = inner.accept_message(&session, message).await {
                tracing::debug!(%error, "the client was given up meanwhile");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use rmcp::handler::server::ServerHandler;
    use rmcp::model::{CallToolRequestParams, CallToolResponse, ErrorData};
    use rmcp::service::{RequestContext, serve_server};
    use serde_json::{Value, json};
    use tokio_util::sync::CancellationToken;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    /// A server whose calls end only when they are stopped.
    struct Slow(CancellationToken);

    impl ServerHandler for Slow {
        async fn call_tool(
            &self,
            _: CallToolRequestParams,
            context: RequestContext<rmcp::RoleServer>,
        ) -> Result<CallToolResponse, ErrorData> {
            context.ct.cancelled().await;
            self.0.cancel();
            Err(ErrorData::internal_error("stopped", None))
        }
    }

    fn message(mut message: Value) -> ClientJsonRpcMessage {
        message["jsonrpc"] = json!("2.0");
        serde_json::from_value(message).unwrap()
    }

    #[tokio::test]
    async fn who_does_not_come_back_has_his_call_stopped() {
        let clients = Clients {
            return_limit: Duration::ZERO,
            ..Clients::default()
        };
        let (id, transport) = clients.create_session().await.unwrap();
        let stopped = CancellationToken::new();
        let serving = tokio::spawn(serve_server(Slow(stopped.clone()), transport));
        let hello = json!({ "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" },
        } });
        clients.initialize_session(&id, message(hello)).await.unwrap();
        let ready = message(json!({ "method": "notifications/initialized" }));
        clients.accept_message(&id, ready).await.unwrap();
        let running = serving.await.unwrap().unwrap();
        let call = json!({ "id": 2, "method": "tools/call", "params": { "name": "x" } });
        let answer = clients.create_stream(&id, message(call)).await.unwrap();
        drop(answer);
        tokio::time::timeout(LIMIT, stopped.cancelled()).await.unwrap();
        drop(running);
    }

    #[tokio::test]
    async fn the_client_that_was_silent_for_the_longest_makes_room() {
        let clients = Clients::default();
        let mut all = Vec::new();
        for _ in 0..MOST {
            all.push(clients.create_session().await.unwrap());
        }
        // The first reads something, so the second has to go.
        clients.touch(&all[0].0, |presence| presence.reading += 1);
        all.push(clients.create_session().await.unwrap());
        let mut there = Vec::new();
        for (id, _) in &all {
            there.push(clients.has_session(id).await.unwrap());
        }
        assert!(
            there[0] && !there[1] && there[2..].iter().all(|is| *is),
            "{there:?}"
        );
        for (id, _) in &all {
            clients.touch(id, |presence| presence.reading += 1);
        }
        assert!(matches!(
            clients.create_session().await,
            Err(ClientError::TooMany)
        ));
    }
}
