//! What is asked of servers: calls of tools, lists, prompts and resources.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use opencode_schema::mcp::Status;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Servers;
use crate::catalogue::{Content, Prompt, Resource};
use crate::connection::Connection;
use crate::elicitation::Answerer;
use crate::error::Error;
use crate::handler::Progress;
use crate::name;

/// How long lists of prompts and resources are waited for: people look at them.
const LISTS: Duration = Duration::from_secs(10);

impl Servers {
    /// The connection of a server, which is waited for where it is being made.
    ///
    /// # Errors
    /// There is none by this name, or it cannot be connected.
    async fn connection(&self, name: &str) -> Result<Arc<Connection>, Error> {
        self.need(false).await;
        let is_awaited = {
            let state = self.inner.state();
            let server = state
                .servers
                .get(name)
                .ok_or_else(|| Error::UnknownServer(name.to_owned()))?;
            // Also one that is lost is connected at once when it is called.
            if server.connection.is_none() {
                server.wake.notify_one();
            }
            server.is_awaited()
        };
        if is_awaited {
            self.await_outcome(name).await;
        }
        let state = self.inner.state();
        let server = state
            .servers
            .get(name)
            .ok_or_else(|| Error::UnknownServer(name.to_owned()))?;
        server.connection.clone().ok_or_else(|| Error::NotConnected {
            name: name.to_owned(),
            reason: match &server.status {
                Status::Failed { error } | Status::NeedsClientRegistration { error } => Some(error.clone()),
                Status::NeedsAuth => Some("somebody has to log in".to_owned()),
                Status::Disabled => Some("it is disabled".to_owned()),
                Status::Connected => None,
            },
        })
    }

    /// Calls a tool of a server. What it says is the result as the protocol has it.
    ///
    /// # Errors
    /// The server cannot be reached, refused, took too long, or `cancel` came.
    pub async fn call(
        &self,
        server: &str,
        tool: &str,
        arguments: Value,
        cancel: &CancellationToken,
        progress: Option<mpsc::Sender<Progress>>,
        answerer: Option<Arc<dyn Answerer>>,
    ) -> Result<Value, Error> {
        let connection = tokio::select! {
            connection = self.connection(server) => connection?,
            () = cancel.cancelled() => return Err(Error::Cancelled),
        };
        let calling = connection.call(tool, arguments, cancel, progress, answerer);
        let result = Box::pin(calling).await;
        match &result {
            Err(Error::Transport(_)) => self.inner.suspect(server),
            Err(Error::Closed) => self.inner.is_lost(&connection),
            _ => {}
        }
        result
    }

    /// The connections that there are, by name.
    fn connections(&self) -> Vec<Arc<Connection>> {
        let state = self.inner.state();
        let mut all: Vec<_> = state
            .servers
            .values()
            .filter_map(|server| server.connection.clone())
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The prompts of all connected servers. One that does not answer has none.
    pub async fn prompts(&self) -> Vec<Prompt> {
        let connections = self.connections();
        let asking = connections.iter().map(|connection| async move {
            let listed = tokio::time::timeout(LISTS, connection.prompts()).await;
            answered(
                connection,
                "prompts",
                listed.unwrap_or(Err(Error::TimedOut(LISTS))),
            )
        });
        join_all(asking).await.into_iter().flatten().collect()
    }

    /// The resources of all connected servers, or the templates of their addresses. One that does not answer has none.
    pub async fn resources(&self, templates: bool) -> Vec<Resource> {
        let connections = self.connections();
        let asking = connections.iter().map(|connection| async move {
            let listed = tokio::time::timeout(LISTS, connection.resources(templates)).await;
            answered(
                connection,
                "resources",
                listed.unwrap_or(Err(Error::TimedOut(LISTS))),
            )
        });
        join_all(asking).await.into_iter().flatten().collect()
    }

    /// What a resource of a server holds.
    ///
    /// # Errors
    /// The server cannot be reached, refused, or took too long.
    pub async fn read(&self, server: &str, uri: &str) -> Result<Vec<Content>, Error> {
        self.connection(server).await?.read(uri).await
    }

    /// The text of a prompt of a server, for these arguments.
    ///
    /// # Errors
    /// The server cannot be reached, refused, or took too long.
    pub async fn prompt(&self, server: &str, prompt: &str, arguments: &Value) -> Result<String, Error> {
        self.connection(server).await?.prompt(prompt, arguments).await
    }

    /// The server whose prompts have names of commands that begin as `command` does, if there is one.
    #[must_use]
    pub fn server_of(&self, command: &str) -> Option<String> {
        let state = self.inner.state();
        let fits = |server: &&String| command.starts_with(&name::prompt(server, ""));
        let found = state.servers.keys().find(fits);
        found.cloned()
    }

    /// Waits for the connections of these servers, as far as they are being made.
    pub async fn awaited(&self, names: &[String]) {
        let waiting = names.iter().map(|name| async move {
            if let Err(error) = self.connection(name).await {
                tracing::debug!(server = name, %error, "an MCP server is not there");
            }
        });
        join_all(waiting).await;
    }
}

/// What a server listed, or nothing.
fn answered<T>(connection: &Connection, what: &str, listed: Result<Vec<T>, Error>) -> Vec<T> {
    listed.unwrap_or_else(|error| {
        tracing::warn!(server = connection.name, %error, what, "an MCP server does not list what it has");
        Vec::new()
    })
}
