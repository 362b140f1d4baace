//! One connection to one server: from its start to its end (reference `integrations.md` §A2–A4).

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use opencode_schema::mcp::{Local, Remote};
use rmcp::RoleClient;
use rmcp::model::{
    CancelledNotification, CancelledNotificationParam, ClientRequest, CustomRequest, ProgressToken,
    RequestId, ServerPeerInfo, ServerResult,
};
use rmcp::service::{
    ClientInitializeError, Peer, PeerRequestOptions, RunningService, ServiceError, serve_client_with_ct,
};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{DynamicTransportError, StreamableHttpClientTransport, Transport};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authorization::Authorizer;
use crate::catalogue::{Content, Offer, Prompt, Resource, Tool, prompt_text};
use crate::elicitation::{Answerer, Answerers};
use crate::error::Error;
use crate::facts::Facts;
use crate::handler::{Changes, Handler, Progress, Watchers};
use crate::http::Caller;
use crate::sse::Sse;
use crate::stdio::{self, Stdio};
use crate::wire;

/// Pages of a list that are asked for (reference §A4).
const PAGES: usize = 1000;
/// Entries of a list that are taken.
const ENTRIES: usize = 10_000;
/// How long a program may take to end before it is killed.
const GRACE: Duration = Duration::from_millis(1500);
/// How long the rest of what an ended program wrote is read.
const LINGER: Duration = Duration::from_millis(250);
/// How long giving up a session elsewhere may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// Reports of progress that may wait.
const REPORTS: usize = 16;
/// How long a server may take to show that it is still there.
const PING: Duration = Duration::from_secs(5);

/// How long a server may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// For the handshake, and for lists of tools.
    pub(crate) start: Duration,
    /// For everything else.
    pub(crate) call: Duration,
}

/// What a connection is made from.
pub(crate) struct Recipe<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'static str,
    pub(crate) directory: &'a PathBuf,
    pub(crate) root: &'a str,
    pub(crate) timeouts: Timeouts,
    pub(crate) tracker: &'a TaskTracker,
    pub(crate) facts: &'a Arc<Facts>,
    /// Whether somebody may answer when the server asks.
    pub(crate) may_ask: bool,
    /// Whether the model may be asked when the server wants to.
    pub(crate) may_sample: bool,
}

/// A connection.
pub(crate) struct Connection {
    pub(crate) name: String,
    peer: Peer<RoleClient>,
    info: Arc<ServerPeerInfo>,
    watchers: Watchers,
    answerers: Answerers,
    pub(crate) changes: watch::Receiver<Changes>,
    pub(crate) timeouts: Timeouts,
    facts: Arc<Facts>,
    /// Ends it.
    end: CancellationToken,
    /// It has ended.
    pub(crate) ended: CancellationToken,
}

impl Connection {
    /// Starts a program and shakes hands with it.
    pub(crate) async fn local(recipe: &Recipe<'_>, server: &Local) -> Result<Self, Error> {
        let (program, pipes) = stdio::start(recipe.name, server, recipe.directory)?;
        let facts = Arc::clone(recipe.facts);
        let draining = stdio::drain(recipe.name.to_owned(), pipes.errors, facts);
        recipe.tracker.spawn(draining);
        let transport = Stdio::new(recipe.name, pipes.input, pipes.output, recipe.facts);
        Self::open(recipe, transport, Some(program)).await
    }

    /// Connects to an address: over streamable HTTP, and if that fails in the older way.
    pub(crate) async fn remote(
        recipe: &Recipe<'_>,
        server: &Remote,
        authorizer: Option<Arc<dyn Authorizer>>,
    ) -> Result<Self, Error> {
        let caller = Caller::new(recipe.name, server, authorizer, recipe.facts).await?;
        let config = StreamableHttpClientTransportConfig::with_uri(caller.url.as_str());
        let transport = StreamableHttpClientTransport::with_client(caller.clone(), config);
        match Self::open(recipe, transport, None).await {
            Err(error @ Error::Unauthorized(_)) => Err(error),
            Err(error) => {
                tracing::debug!(server = recipe.name, %error, "no streamable HTTP; trying HTTP+SSE");
                let limit = recipe.timeouts.start;
                let opened = tokio::time::timeout(limit, Sse::open(caller)).await;
                let transport = opened.unwrap_or(Err(Error::TimedOut(limit)))?;
                Self::open(recipe, transport, None).await
            }
            connected => connected,
        }
    }

    async fn open<T>(
        recipe: &Recipe<'_>,
        transport: T,
        program: Option<opencode_process::Peer>,
    ) -> Result<Self, Error>
    where
        T: Transport<RoleClient> + 'static,
    {
        let watchers = Watchers::default();
        let answerers = Answerers::default();
        let (changed, changes) = watch::channel(Changes::default());
        let handler = Handler {
            name: recipe.name.to_owned(),
            version: recipe.version,
            root: recipe.root.to_owned(),
            watchers: watchers.clone(),
            changes: changed,
            answerers: answerers.clone(),
            may_ask: recipe.may_ask,
            may_sample: recipe.may_sample,
        };
        let (end, ended) = (CancellationToken::new(), CancellationToken::new());
        let limit = recipe.timeouts.start;
        let shaking_hands = Box::pin(serve_client_with_ct(handler, transport, end.clone()));
        let service = match tokio::time::timeout(limit, shaking_hands).await {
            Ok(Ok(service)) => Ok(service),
            Ok(Err(error)) => Err(recipe
                .facts
                .refusal()
                .map_or_else(|| of_handshake(&error), Error::Unauthorized)),
            Err(_) => Err(Error::TimedOut(limit)),
        };
        let service = match service {
            Ok(service) => service,
            Err(error) => {
                if let Some(mut program) = program {
                    recipe.tracker.spawn(async move { program.stop(GRACE).await });
                }
                return Err(error);
            }
        };
        let peer = service.peer().clone();
        let Some(info) = peer.peer_info() else {
            return Err(Error::Unexpected("the server did not say what it is".to_owned()));
        };
        let wanted = CancellationToken::new();
        let watched = watch_over(service, program, wanted.clone(), end, ended.clone());
        recipe.tracker.spawn(watched);
        Ok(Self {
            name: recipe.name.to_owned(),
            peer,
            info,
            watchers,
            answerers,
            changes,
            timeouts: recipe.timeouts,
            facts: Arc::clone(recipe.facts),
            end: wanted,
            ended,
        })
    }

    /// Ends it and waits until everything is over; takes a known time.
    pub(crate) async fn close(&self) {
        self.end.cancel();
        self.ended.cancelled().await;
    }

    /// Whether the server still answers.
    pub(crate) async fn is_alive(&self) -> bool {
        self.ask("ping", Value::Null, PING, None, None).await.is_ok()
    }

    /// What it has; its tools are asked for.
    pub(crate) async fn offer(&self) -> Result<Offer, Error> {
        let capabilities = &self.info.capabilities;
        let tools = match capabilities.tools {
            Some(_) => self.tools().await?,
            None => Arc::default(),
        };
        let instructions = self.info.instructions.clone();
        Ok(Offer {
            tools,
            instructions: instructions.filter(|text| !text.trim().is_empty()),
            has_resources: capabilities.resources.is_some(),
            has_prompts: capabilities.prompts.is_some(),
        })
    }

    /// Its tools. Of those with one name the first counts.
    pub(crate) async fn tools(&self) -> Result<Arc<[Tool]>, Error> {
        let listed = self.list("tools/list", "tools", self.timeouts.start).await?;
        let mut known = HashSet::new();
        let tools = listed.iter().filter_map(Tool::read);
        Ok(tools.filter(|tool| known.insert(tool.name.clone())).collect())
    }

    /// Its prompts; none when it has not said that it has some.
    pub(crate) async fn prompts(&self) -> Result<Vec<Prompt>, Error> {
        if self.info.capabilities.prompts.is_none() {
            return Ok(Vec::new());
        }
        let listed = self.list("prompts/list", "prompts", self.timeouts.call).await?;
        Ok(listed
            .iter()
            .filter_map(|value| Prompt::read(&self.name, value))
            .collect())
    }

    /// Its resources, or the templates of their addresses; none when it has not said that it has some.
    pub(crate) async fn resources(&self, templates: bool) -> Result<Vec<Resource>, Error> {
        if self.info.capabilities.resources.is_none() {
            return Ok(Vec::new());
        }
        let (method, key, address) = match templates {
            true => ("resources/templates/list", "resourceTemplates", "uriTemplate"),
            false => ("resources/list", "resources", "uri"),
        };
        let listed = self.list(method, key, self.timeouts.call).await?;
        Ok(listed
            .iter()
            .filter_map(|value| Resource::read(&self.name, address, value))
            .collect())
    }

    /// What a resource holds.
    pub(crate) async fn read(&self, uri: &str) -> Result<Vec<Content>, Error> {
        let wanted = json!({ "uri": uri });
        let result = self
            .ask("resources/read", wanted, self.timeouts.call, None, None)
            .await?;
        let contents = result.get("contents").and_then(Value::as_array);
        Ok(contents.into_iter().flatten().filter_map(Content::read).collect())
    }

    /// The text of a prompt.
    pub(crate) async fn prompt(&self, name: &str, arguments: &Value) -> Result<String, Error> {
        let wanted = json!({ "name": name, "arguments": arguments });
        let result = self
            .ask("prompts/get", wanted, self.timeouts.call, None, None)
            .await?;
        Ok(prompt_text(&result))
    }

    /// Calls a tool. `cancel` gives it up and tells the server.
    pub(crate) async fn call(
        &self,
        tool: &str,
        arguments: Value,
        cancel: &CancellationToken,
        progress: Option<mpsc::Sender<Progress>>,
        answerer: Option<Arc<dyn Answerer>>,
    ) -> Result<Value, Error> {
        let _answering = answerer.map(|answerer| self.answerers.add(answerer));
        let wanted = json!({ "name": tool, "arguments": arguments });
        self.ask("tools/call", wanted, self.timeouts.call, Some(cancel), progress)
            .await
    }

    /// A list, page by page.
    async fn list(&self, method: &'static str, key: &str, limit: Duration) -> Result<Vec<Value>, Error> {
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        let mut cursor = None;
        for _ in 0..PAGES {
            let wanted = match &cursor {
                Some(cursor) => json!({ "cursor": cursor }),
                None => Value::Null,
            };
            let mut page = self.ask(method, wanted, limit, None, None).await?;
            if let Some(Value::Array(found)) = page.get_mut(key).map(Value::take) {
                entries.extend(found);
            }
            if entries.len() > ENTRIES {
                tracing::warn!(
                    server = self.name,
                    method,
                    "the list of an MCP server is too long; the rest is left out"
                );
                entries.truncate(ENTRIES);
                return Ok(entries);
            }
            match page.get("nextCursor").and_then(Value::as_str) {
                Some(next) if !next.is_empty() => {
                    if !seen.insert(next.to_owned()) {
                        let text = format!("MCP list returned duplicate cursor: {next}");
                        return Err(Error::Unexpected(text));
                    }
                    cursor = Some(next.to_owned());
                }
                _ => return Ok(entries),
            }
        }
        tracing::warn!(
            server = self.name,
            method,
            "the list of an MCP server has too many pages; the rest is left out"
        );
        Ok(entries)
    }

    /// Makes a request and waits for its answer. Progress starts the time anew.
    async fn ask(
        &self,
        method: &str,
        parameters: Value,
        limit: Duration,
        cancel: Option<&CancellationToken>,
        progress: Option<mpsc::Sender<Progress>>,
    ) -> Result<Value, Error> {
        let parameters = Some(parameters).filter(|value| !value.is_null());
        let request = ClientRequest::CustomRequest(CustomRequest::new(method, parameters));
        let options = PeerRequestOptions::no_options();
        let sending = self.peer.send_cancellable_request(request, options);
        let handle = sending.await.map_err(|error| self.of_service(error, limit))?;
        let (token, id) = (handle.progress_token.clone(), handle.id.clone());
        let (reporter, mut reports) = mpsc::channel(REPORTS);
        self.watchers.add(token.clone(), reporter);
        let _watched = Watched(&self.watchers, token);
        let never = CancellationToken::new();
        let cancel = cancel.unwrap_or(&never);
        let answer = handle.await_response();
        tokio::pin!(answer);
        let mut deadline = Instant::now() + limit;
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => {
                    self.give_up(id, "The user stopped the turn").await;
                    return Err(Error::Cancelled);
                }
                answer = &mut answer => {
                    return match answer {
                        Ok(result) => value_of(result),
                        Err(error) => Err(self.of_service(error, limit)),
                    };
                }
                Some(report) = reports.recv() => {
                    deadline = Instant::now() + limit;
                    if let Some(progress) = &progress {
                        // When the queue is full the next one says more anyway.
                        let _ = progress.try_send(report);
                    }
                }
                () = tokio::time::sleep_until(deadline) => {
                    // The time of whoever is asked is his own.
                    if self.answerers.are_asked() {
                        deadline = Instant::now() + limit;
                        continue;
                    }
                    self.give_up(id, "The time is over").await;
                    return Err(Error::TimedOut(limit));
                }
            }
        }
    }

    /// Tells the server that nobody waits any more.
    async fn give_up(&self, id: RequestId, reason: &str) {
        let notification =
            CancelledNotification::new(CancelledNotificationParam::new(Some(id), Some(reason.to_owned())));
        let telling = self.peer.send_notification(notification.into());
        if tokio::time::timeout(LINGER, telling).await.is_err() {
            tracing::debug!(
                server = self.name,
                "an MCP server does not take that a call is given up"
            );
        }
    }

    fn of_service(&self, error: ServiceError, limit: Duration) -> Error {
        if let Some(unauthorized) = self.facts.refusal()
            && matches!(error, ServiceError::TransportSend(_))
        {
            return Error::Unauthorized(unauthorized);
        }
        match error {
            ServiceError::McpError(error) => Error::Refused {
                code: error.code.0,
                message: error.message.into_owned(),
            },
            ServiceError::Timeout { .. } => Error::TimedOut(limit),
            ServiceError::TransportClosed => Error::Closed,
            ServiceError::TransportSend(error) => of_transport(&error),
            ServiceError::Cancelled { .. } => Error::Cancelled,
            error => Error::Unexpected(error.to_string()),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

/// Forgets who is told of progress.
struct Watched<'a>(&'a Watchers, ProgressToken);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.0.remove(&self.1);
    }
}

/// Keeps a connection until somebody ends it, the server does, or its program is gone; then ends the program.
async fn watch_over(
    service: RunningService<RoleClient, Handler>,
    mut program: Option<opencode_process::Peer>,
    wanted: CancellationToken,
    end: CancellationToken,
    ended: CancellationToken,
) {
    let waiting = service.waiting();
    tokio::pin!(waiting);
    let is_over = tokio::select! {
        _ = &mut waiting => true,
        () = wanted.cancelled() => false,
        () = gone(&mut program) => {
            // What it left in its output is read; others that hold the output open are not waited for.
            let rest = tokio::time::timeout(LINGER, &mut waiting).await;
            rest.is_ok()
        }
    };
    if !is_over {
        // With its input closed it may be gone before it is asked to end.
        if let Some(program) = &mut program {
            program.remember_family();
        }
        end.cancel();
        let _ = tokio::time::timeout(FAREWELL, &mut waiting).await;
    }
    if let Some(mut program) = program {
        program.stop(GRACE).await;
    }
    ended.cancel();
}

/// Waits for the end of a program; for ever when there is none.
async fn gone(program: &mut Option<opencode_process::Peer>) {
    match program {
        Some(program) => _ = program.wait().await,
        None => std::future::pending().await,
    }
}

/// What a server answered, whatever the official types take it for.
fn value_of(result: ServerResult) -> Result<Value, Error> {
    match result {
        ServerResult::CustomResult(result) => Ok(result.0),
        ServerResult::InputRequiredResult(_) => Err(Error::Unexpected(
            "the server wants input in a way that was not agreed on".to_owned(),
        )),
        result => serde_json::to_value(result).map_err(|error| Error::Unexpected(error.to_string())),
    }
}

fn of_transport(error: &DynamicTransportError) -> Error {
    // A program that does not read any more has ended, or will be taken for that.
    if error.error.is::<std::io::Error>() {
        return Error::Closed;
    }
    Error::Transport(wire::cut(&error.error.to_string()))
}

fn of_handshake(error: &ClientInitializeError) -> Error {
    match error {
        ClientInitializeError::JsonRpcError(error) => Error::Refused {
            code: error.code.0,
            message: error.message.to_string(),
        },
        ClientInitializeError::ConnectionClosed(_) | ClientInitializeError::Cancelled => Error::Closed,
        ClientInitializeError::TransportError { error, .. } => of_transport(error),
        ClientInitializeError::ExpectedInitResult(_) | ClientInitializeError::ExpectedInitResponse(_) => {
            Error::Unexpected("the server's answer to `initialize` is not understood".to_owned())
        }
        error => Error::Unexpected(wire::cut(&error.to_string())),
    }
}
