//! Requests to a server elsewhere: headers, tokens, bounds; and on top of that what the official transport for
//! streamable HTTP needs of a client (reference `integrations.md` §A2).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use opencode_schema::mcp::{OAuth, Remote};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode, Url};
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use secrecy::ExposeSecret;
use sse_stream::{Sse, SseStream};

use crate::authorization::{Authorizer, Challenge, Unauthorized};
use crate::error::Error;
use crate::facts::Facts;
use crate::wire;

const EVENT_STREAM: &str = "text/event-stream";
const JSON: &str = "application/json";
const SESSION: &str = "mcp-session-id";
const LAST_EVENT: &str = "last-event-id";
/// Bytes of a refusal that are read.
const REFUSAL_LIMIT: usize = 64 << 10;
/// Characters of a refusal that are shown.
const SHOWN: usize = 300;
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// How often a request may be made anew because a token was renewed.
const RENEWALS: usize = 2;

/// Makes requests to one server.
#[derive(Clone)]
pub(crate) struct Caller {
    client: Client,
    pub(crate) url: Url,
    headers: HeaderMap,
    authorizer: Option<Arc<dyn Authorizer>>,
    /// Whether somebody could log in there.
    wants_login: bool,
    facts: Arc<Facts>,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// Nothing came.
    #[error("{0}")]
    Unreachable(String),
    /// Somebody has to do something first.
    #[error(transparent)]
    Unauthorized(#[from] Unauthorized),
}

impl Caller {
    /// For a server as it is configured.
    ///
    /// # Errors
    /// Its address or a header of its configuration is none.
    pub(crate) async fn new(
        name: &str,
        server: &Remote,
        authorizer: Option<Arc<dyn Authorizer>>,
        facts: &Arc<Facts>,
    ) -> Result<Self, Error> {
        let url = Url::parse(&server.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| Error::InvalidUrl(name.to_owned()))?;
        let mut headers = HeaderMap::new();
        for (key, value) in server.headers.iter().flatten() {
            let header = HeaderName::try_from(key)
                .ok()
                .zip(HeaderValue::try_from(value).ok());
            let (key, value) = header.ok_or_else(|| {
                Error::Transport(format!(
                    "the header {key:?} of the MCP server \"{name}\" cannot be sent"
                ))
            })?;
            headers.insert(key, value);
        }
        Ok(Self {
            client: client(&url).await?,
            wants_login: server.oauth != Some(OAuth::Switch(false)),
            url,
            headers,
            authorizer,
            facts: Arc::clone(facts),
        })
    }

    /// Makes a request, again when it is refused and there is another token.
    pub(crate) async fn send(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: Option<&[u8]>,
    ) -> Result<Response, HttpError> {
        let mut renewals = 0;
        loop {
            let mut all = self.headers.clone();
            let token = match &self.authorizer {
                Some(authorizer) if !all.contains_key(AUTHORIZATION) => {
                    authorizer.token().await.map_err(|reason| self.refused(reason))?
                }
                _ => None,
            };
            if let Some(token) = &token
                && let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
            {
                value.set_sensitive(true);
                all.insert(AUTHORIZATION, value);
            }
            for (name, value) in headers {
                all.insert(name, value.clone());
            }
            let mut request = self.client.request(method.clone(), url.clone()).headers(all);
            if let Some(body) = body {
                request = request.header(CONTENT_TYPE, JSON).body(body.to_vec());
            }
            let response = request
                .send()
                .await
                .map_err(|error| HttpError::Unreachable(reason(error)))?;
            let header = response.headers().get(WWW_AUTHENTICATE);
            let header = header.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            let status = response.status();
            let needs_more = status == StatusCode::FORBIDDEN
                && header
                    .as_ref()
                    .is_some_and(|header| header.contains("insufficient_scope"));
            if status != StatusCode::UNAUTHORIZED && !needs_more {
                self.facts.accepted();
                return Ok(response);
            }
            let Some(authorizer) = &self.authorizer else {
                if self.wants_login && status == StatusCode::UNAUTHORIZED {
                    return Err(self.refused(Unauthorized::Login));
                }
                return Ok(response);
            };
            renewals += 1;
            if renewals > RENEWALS {
                return Err(self.refused(Unauthorized::Login));
            }
            let challenge = Challenge {
                status: status.as_u16(),
                header,
                token,
            };
            authorizer
                .refused(challenge)
                .await
                .map_err(|reason| self.refused(reason))?;
        }
    }

    fn refused(&self, reason: Unauthorized) -> HttpError {
        self.facts.refused(reason.clone());
        HttpError::Unauthorized(reason)
    }

    /// Opens a stream of events.
    pub(crate) async fn open(&self, headers: HeaderMap) -> Result<Response, HttpError> {
        self.send(&Method::GET, &self.url, &headers, None).await
    }
}

/// A client for an address. For this machine it loads no certificates and asks no proxy.
async fn client(url: &Url) -> Result<Client, Error> {
    let builder = || {
        // Fails when one is installed already, and that one is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Headers of the configuration are for the host that it names.
        let same_host = Policy::custom(|attempt| {
            let first = attempt.previous().first().and_then(Url::host_str);
            if attempt.previous().len() > 5 || attempt.url().host_str() != first {
                attempt.stop()
            } else {
                attempt.follow()
            }
        });
        Client::builder()
            .redirect(same_host)
            .connect_timeout(CONNECT_LIMIT)
    };
    let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let made = if is_local && url.scheme() == "http" {
        builder().no_proxy().tls_certs_only([]).build()
    } else {
        // Reading the system's certificates blocks.
        match tokio::task::spawn_blocking(move || builder().build()).await {
            Ok(made) => made,
            Err(error) => return Err(Error::Transport(error.to_string())),
        }
    };
    made.map_err(|error| Error::Transport(reason(error)))
}

/// The error with what caused it, without the address, which may hold what is not for everybody.
pub(crate) fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// The body of an answer, as far as it is not longer than `limit`; whether that is all of it.
pub(crate) async fn body(mut response: Response, limit: usize) -> Result<(Vec<u8>, bool), String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(reason)? {
        if body.len() + chunk.len() > limit {
            return Ok((body, false));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body, true))
}

/// The events of an answer. One that is longer than a message may be ends them.
pub(crate) fn events(response: Response) -> BoxStream<'static, Result<Sse, SseError>> {
    let (mut length, mut before) = (0_usize, 0_u8);
    let bytes = response.bytes_stream().map(move |chunk| {
        let chunk = chunk.map_err(|error| std::io::Error::other(reason(error)))?;
        // An event ends with an empty line.
        for byte in chunk.iter().copied() {
            length = match (before, byte) {
                (b'\n', b'\n' | b'\r') | (b'\r', b'\r') => 0,
                _ => length + 1,
            };
            before = byte;
        }
        if length > wire::MESSAGE_LIMIT {
            let limit = wire::MESSAGE_LIMIT >> 20;
            return Err(std::io::Error::other(format!(
                "an event has more than {limit} MB"
            )));
        }
        Ok(chunk)
    });
    SseStream::from_bytes_stream(bytes).boxed()
}

/// What an event says, in the words that the official types understand.
fn understood(event: Sse) -> impl Stream<Item = Result<Sse, SseError>> {
    let data = event.data.as_deref().unwrap_or_default();
    if data.trim().is_empty() {
        return stream::iter(vec![Ok(event)]);
    }
    let mut messages: Vec<_> = wire::messages(data.as_bytes())
        .iter()
        .filter_map(|message| serde_json::to_string(message).ok())
        .map(|data| {
            Ok(Sse {
                data: Some(data),
                ..Sse::default()
            })
        })
        .collect();
    // The place to go on from counts once all of them are there.
    if let Some(Ok(last)) = messages.last_mut() {
        *last = Sse {
            data: last.data.take(),
            ..event
        };
    }
    stream::iter(messages)
}

impl StreamableHttpClient for Caller {
    type Error = HttpError;

    async fn post_message(
        &self,
        _: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        _: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, StreamableHttpError<HttpError>> {
        let wants_answer = matches!(message, ClientJsonRpcMessage::Request(_));
        let mut headers: HeaderMap = headers.into_iter().collect();
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
        let has_session = session.is_some();
        insert(&mut headers, SESSION, session.as_deref());
        let text = serde_json::to_vec(&message)?;
        let response = self
            .send(&Method::POST, &self.url, &headers, Some(&text))
            .await
            .map_err(StreamableHttpError::Client)?;
        let status = response.status();
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let (session, kind) = (header(SESSION), header(CONTENT_TYPE.as_str()).unwrap_or_default());
        if status == StatusCode::NOT_FOUND && has_session {
            return Err(StreamableHttpError::SessionExpired);
        }
        if !status.is_success() {
            let (body, _) = body(response, REFUSAL_LIMIT).await.unwrap_or_default();
            let said = wire::messages(&body).into_iter().next();
            if let Some(error @ ServerJsonRpcMessage::Error(_)) = said.filter(|_| wants_answer) {
                return Ok(StreamableHttpPostResponse::Json(error, session));
            }
            return Err(unexpected(refusal(status, &body)));
        }
        if !wants_answer || matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if kind.starts_with(EVENT_STREAM) {
            return Ok(StreamableHttpPostResponse::Sse(
                understood_events(response),
                session,
            ));
        }
        if !kind.starts_with(JSON) {
            return Err(StreamableHttpError::UnexpectedContentType(Some(kind)));
        }
        let (body, is_whole) = body(response, wire::MESSAGE_LIMIT).await.map_err(unexpected)?;
        if !is_whole {
            return Err(StreamableHttpError::ResponseBodyTooLarge {
                max_size: wire::MESSAGE_LIMIT,
            });
        }
        let mut messages = wire::messages(&body);
        match messages.pop() {
            Some(message) if messages.is_empty() => Ok(StreamableHttpPostResponse::Json(message, session)),
            Some(last) => {
                messages.push(last);
                let events = messages.into_iter().map(|message| {
                    Ok(Sse {
                        data: serde_json::to_string(&message).ok(),
                        ..Sse::default()
                    })
                });
                let events: Vec<Result<Sse, SseError>> = events.collect();
                Ok(StreamableHttpPostResponse::Sse(
                    stream::iter(events).boxed(),
                    session,
                ))
            }
            None => Err(unexpected(format!(
                "the server's answer is no message of the protocol: {}",
                shown(&body)
            ))),
        }
    }

    async fn delete_session(
        &self,
        _: Arc<str>,
        session: Arc<str>,
        _: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), StreamableHttpError<HttpError>> {
        let mut headers: HeaderMap = headers.into_iter().collect();
        insert(&mut headers, SESSION, Some(&session));
        let response = self
            .send(&Method::DELETE, &self.url, &headers, None)
            .await
            .map_err(StreamableHttpError::Client)?;
        tracing::debug!(status = %response.status(), "the session of an MCP server is given up");
        Ok(())
    }

    async fn get_stream(
        &self,
        _: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        _: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, StreamableHttpError<HttpError>> {
        let mut headers: HeaderMap = headers.into_iter().collect();
        headers.insert(ACCEPT, HeaderValue::from_static(EVENT_STREAM));
        insert(&mut headers, SESSION, session.as_deref());
        insert(&mut headers, LAST_EVENT, last_event.as_deref());
        let response = self.open(headers).await.map_err(StreamableHttpError::Client)?;
        let status = response.status();
        let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let is_stream = kind.is_some_and(|kind| kind.starts_with(EVENT_STREAM.as_bytes()));
        if status.is_success() && is_stream {
            return Ok(understood_events(response));
        }
        // Servers that send nothing by themselves say so in many ways.
        if status.is_success() || status.is_client_error() {
            return Err(StreamableHttpError::ServerDoesNotSupportSse);
        }
        let (body, _) = body(response, REFUSAL_LIMIT).await.unwrap_or_default();
        Err(unexpected(refusal(status, &body)))
    }
}

fn understood_events(response: Response) -> BoxStream<'static, Result<Sse, SseError>> {
    events(response)
        .flat_map(|event| match event {
            Ok(event) => understood(event).left_stream(),
            Err(error) => stream::iter([Err(error)]).right_stream(),
        })
        .boxed()
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: Option<&str>) {
    if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
        headers.insert(name, value);
    }
}

fn unexpected<E: std::error::Error + Send + Sync + 'static>(text: String) -> StreamableHttpError<E> {
    StreamableHttpError::UnexpectedServerResponse(Cow::Owned(text))
}

fn refusal(status: StatusCode, body: &[u8]) -> String {
    let said = shown(body);
    let separator = if said.is_empty() { "" } else { ": " };
    format!("HTTP {status}{separator}{said}")
}

/// The beginning of a text, if it is not a page.
pub(crate) fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.starts_with('<') {
        return String::new();
    }
    text.chars().take(SHOWN).collect()
}
