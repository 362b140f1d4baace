//! The task that looks after one server: connects it, lists its tools again when they change, and connects it anew
//! when the connection is lost (beyond the reference, which leaves that to the user).

use std::sync::Arc;
use std::time::Duration;

use opencode_schema::mcp::{ServerConfig, Status};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::connection::{Connection, Recipe};
use crate::error::Error;
use crate::facts::Facts;
use crate::known::Known;
use crate::servers::{Inner, Notice};

/// How long a server of which is known what it has is left alone, unless somebody calls it: most turns do not.
const LATER: Duration = Duration::from_millis(300);
/// How long one waits before a lost connection is made anew, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often a lost connection is made anew in a row.
const ATTEMPTS: u32 = 10;
/// How long a connection must last to count as one.
const STEADY: Duration = Duration::from_secs(30);
/// How long changes of lists are gathered.
const GATHER: Duration = Duration::from_millis(20);

/// Looks after one server.
pub(crate) struct Task {
    pub(crate) inner: Arc<Inner>,
    pub(crate) name: String,
    pub(crate) config: Arc<ServerConfig>,
    /// The server may ask the model.
    pub(crate) may_sample: bool,
    pub(crate) generation: u64,
    /// Ends it.
    pub(crate) stop: CancellationToken,
    /// Somebody needs the server now, or suspects that it is gone.
    pub(crate) wake: Arc<Notify>,
    pub(crate) facts: Arc<Facts>,
    /// It need not be connected at once.
    pub(crate) may_wait: bool,
}

/// Why a connection is over.
enum Over {
    /// Somebody wanted it.
    Stopped,
    /// It was lost.
    Lost,
}

impl Task {
    /// Until the server is not wanted any more, or cannot be had.
    pub(crate) async fn run(self) {
        if self.may_wait && self.pause(LATER).await {
            return;
        }
        let mut lost = 0;
        loop {
            let connected = tokio::select! {
                connected = self.connect() => connected,
                () = self.stop.cancelled() => return,
                () = self.inner.closing.cancelled() => return,
            };
            let since = Instant::now();
            match connected {
                Ok(connection) => {
                    if matches!(self.stay(&connection).await, Over::Stopped) {
                        connection.close().await;
                        return;
                    }
                    connection.close().await;
                    self.lose(&connection);
                }
                Err(error) => {
                    self.fail(&error);
                    // What never worked will not do so by itself, and for a login somebody is needed.
                    if lost == 0 || matches!(error, Error::Unauthorized(_)) {
                        return;
                    }
                }
            }
            lost = if since.elapsed() >= STEADY { 1 } else { lost + 1 };
            if lost > ATTEMPTS {
                tracing::warn!(
                    server = self.name,
                    "an MCP server is lost again and again; it is given up"
                );
                return;
            }
            let pause = FIRST_PAUSE
                .saturating_mul(1 << (lost - 1).min(16))
                .min(LONGEST_PAUSE);
            if self.pause(pause).await {
                return;
            }
        }
    }

    /// Waits, unless somebody needs the server. True when it is not wanted any more.
    async fn pause(&self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => false,
            () = self.wake.notified() => false,
            () = self.stop.cancelled() => true,
            () = self.inner.closing.cancelled() => true,
        }
    }

    /// Connects the server and asks what it has.
    async fn connect(&self) -> Result<Arc<Connection>, Error> {
        let directory = self.inner.directory().to_path_buf();
        let recipe = Recipe {
            name: &self.name,
            version: self.inner.version,
            directory: &directory,
            root: &self.inner.root,
            timeouts: self.inner.timeouts(&self.name),
            tracker: &self.inner.tracker,
            facts: &self.facts,
            may_ask: self.inner.may_ask,
            may_sample: self.may_sample,
        };
        let connection = match &*self.config {
            ServerConfig::Local(server) => Connection::local(&recipe, server).await?,
            ServerConfig::Remote(server) => {
                let authorizer = self.inner.authorizers.of(&self.name, server);
                Connection::remote(&recipe, server, authorizer).await?
            }
        };
        let offer = connection.offer().await.map_err(|error| {
            tracing::warn!(server = self.name, %error, "an MCP server does not list its tools");
            match error {
                Error::Unauthorized(_) => error,
                // Parity: integrations.md §A2.
                _ => Error::Unexpected("Failed to get tools".to_owned()),
            }
        })?;
        let connection = Arc::new(connection);
        self.inner.shelf.keep(&self.name, &self.config, Known::of(&offer));
        let live = Arc::clone(&connection);
        self.inner.update(&self.name, self.generation, |server| {
            server.status = Status::Connected;
            server.is_settled = true;
            server.connection = Some(live);
            server.offer = Some(offer);
        });
        tracing::info!(server = self.name, "an MCP server is connected");
        self.tell_tools();
        Ok(connection)
    }

    /// Keeps a connection as long as it lasts, and the list of its tools as the server says it is.
    async fn stay(&self, connection: &Connection) -> Over {
        let mut changes = connection.changes.clone();
        let mut known = *changes.borrow_and_update();
        let mut can_change = true;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return Over::Stopped,
                () = self.inner.closing.cancelled() => return Over::Stopped,
                () = connection.ended.cancelled() => return Over::Lost,
                changed = changes.changed(), if can_change => {
                    can_change = changed.is_ok();
                    tokio::time::sleep(GATHER).await;
                    let now = *changes.borrow_and_update();
                    if now.tools != known.tools {
                        self.list_again(connection).await;
                    }
                    known = now;
                }
                () = self.wake.notified() => {
                    if !connection.is_alive().await {
                        return Over::Lost;
                    }
                }
            }
        }
    }

    /// Asks for the tools again; when that fails, those that were known stay (reference §A13).
    async fn list_again(&self, connection: &Connection) {
        match connection.tools().await {
            Ok(tools) => {
                let mut kept = None;
                self.inner.update(&self.name, self.generation, |server| {
                    if let Some(offer) = &mut server.offer {
                        offer.tools = tools;
                        kept = Some(Known::of(offer));
                    }
                });
                if let Some(known) = kept {
                    self.inner.shelf.keep(&self.name, &self.config, known);
                }
                self.tell_tools();
            }
            Err(error) => {
                tracing::warn!(server = self.name, %error, "the tools of an MCP server stay as they were");
            }
        }
    }

    fn lose(&self, connection: &Arc<Connection>) {
        tracing::warn!(
            server = self.name,
            complaint = self.facts.complaint(),
            skipped = self.facts.skips(),
            "the connection to an MCP server is lost"
        );
        self.inner.is_lost(connection);
    }

    fn fail(&self, error: &Error) {
        tracing::warn!(
            server = self.name,
            %error,
            complaint = self.facts.complaint(),
            skipped = self.facts.skips(),
            "an MCP server cannot be connected"
        );
        if matches!(error, Error::TimedOut(_)) {
            self.inner.shelf.keep(&self.name, &self.config, Known::slow());
        }
        self.inner.update(&self.name, self.generation, |server| {
            server.drop_connection();
            server.is_settled = true;
            server.status = error.status();
        });
    }

    fn tell_tools(&self) {
        let server = self.name.clone();
        self.inner.tell(Notice::ToolsChanged { server });
    }
}
