//! The older way of servers elsewhere, HTTP+SSE: one stream of events from the server, which begins with the
//! address that messages are sent to (reference `integrations.md` §A2). The official crate has it no more.

use std::collections::VecDeque;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use rmcp::RoleClient;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::streamable_http_client::SseError;
use sse_stream::Sse as Event;

use crate::error::Error;
use crate::http::{Caller, HttpError, body, events, shown};
use crate::wire;

/// Bytes of a refusal that are read.
const REFUSAL_LIMIT: usize = 4 << 10;

/// Messages of such a server.
pub(crate) struct Sse {
    caller: Caller,
    endpoint: Url,
    events: BoxStream<'static, Result<Event, SseError>>,
    ready: VecDeque<ServerJsonRpcMessage>,
}

/// Why a message could not be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// Nothing came back.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The server refused it.
    #[error("Error POSTing to endpoint (HTTP {status}): {said}")]
    Refused { status: u16, said: String },
    /// It is no JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl Sse {
    /// Opens the stream, and waits for the address that it begins with.
    ///
    /// # Errors
    /// The server does not answer so.
    pub(crate) async fn open(caller: Caller) -> Result<Self, Error> {
        // Parity: integrations.md §A2, how the last attempt's error begins.
        let failed = |reason: String| Error::Transport(format!("SSE error: {reason}"));
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let response = caller.open(headers).await.map_err(|error| match error {
            HttpError::Unauthorized(unauthorized) => Error::Unauthorized(unauthorized),
            HttpError::Unreachable(reason) => failed(format!("Unable to connect: {reason}")),
        })?;
        let status = response.status();
        if status != reqwest::StatusCode::OK {
            return Err(failed(format!("Non-200 status code ({})", status.as_u16())));
        }
        let kind = response.headers().get(reqwest::header::CONTENT_TYPE);
        if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
            return Err(failed(
                "Invalid content type, expected \"text/event-stream\"".to_owned(),
            ));
        }
        let mut events = events(response);
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| failed(error.to_string()))?;
            if event.event.as_deref() != Some("endpoint") {
                continue;
            }
            let address = event.data.unwrap_or_default();
            let endpoint = caller.url.join(address.trim()).map_err(|_| {
                failed(format!(
                    "the server names {address:?} as its endpoint, which is no address"
                ))
            })?;
            if endpoint.origin() != caller.url.origin() {
                return Err(failed(format!(
                    "Endpoint origin does not match connection origin: {}",
                    endpoint.origin().ascii_serialization()
                )));
            }
            return Ok(Self {
                caller,
                endpoint,
                events,
                ready: VecDeque::new(),
            });
        }
        Err(failed("the stream ended before it named an endpoint".to_owned()))
    }
}

impl Transport<RoleClient> for Sse {
    type Error = SendError;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), SendError>> + Send + 'static {
        let (caller, endpoint) = (self.caller.clone(), self.endpoint.clone());
        async move {
            let text = serde_json::to_vec(&message)?;
            let response = caller
                .send(&Method::POST, &endpoint, &HeaderMap::new(), Some(&text))
                .await?;
            if response.status().is_success() {
                return Ok(());
            }
            let status = response.status().as_u16();
            let (said, _) = body(response, REFUSAL_LIMIT).await.unwrap_or_default();
            Err(SendError::Refused {
                status,
                said: shown(&said),
            })
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            match self.events.next().await? {
                Ok(event) if matches!(event.event.as_deref(), None | Some("message")) => {
                    let data = event.data.unwrap_or_default();
                    self.ready.extend(wire::messages(data.as_bytes()));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "the stream of an MCP server broke");
                    return None;
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), SendError> {
        self.events = futures_util::stream::empty().boxed();
        Ok(())
    }
}
