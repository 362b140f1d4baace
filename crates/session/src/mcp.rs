//! The MCP servers of a location: what is told of them, and their tools in its registry
//! (reference `integrations.md` §A).

mod login;
mod prompts;
pub(crate) mod sampling;

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use opencode_config::environment::variable;
use opencode_mcp::oauth::{self, OAuth};
use opencode_mcp::{Notice, Servers, Settings};
use opencode_schema::agent::Agent;
use opencode_schema::config::Config;
use opencode_schema::event::ToastVariant;
use opencode_schema::mcp::Status;
use opencode_schema::permission::Rule;
use opencode_schema::{EventBody, MessageWithParts};
use opencode_store::Store;
use opencode_tool::mcp::{Deferred, deferred, dispatch, search};
use opencode_tool::registry::Registry;
use opencode_tool::{Scope, Tool};

pub use login::ServerLoginError;

use crate::Location;
use crate::location::{Ground, Surroundings, may_ask};

/// How long the first turn of a place waits for servers of which nothing is known yet. What they have is told to the
/// model from the next step on when they take longer.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// How long a notice about a login stays, in milliseconds.
const TOAST: u64 = 8000;

/// The servers of a place; none is started.
pub(crate) fn servers(
    surroundings: &Surroundings,
    directory: &std::path::Path,
    store: &Store,
    logins: &OAuth,
) -> Servers {
    let store = store.clone();
    Servers::new(Settings {
        directory: directory.to_owned(),
        version: surroundings.version,
        cache: Some(surroundings.paths.cache.join("mcp")),
        authorizers: Arc::new(logins.clone()),
        may_ask: may_ask(&surroundings.environment),
        listener: Box::new(move |notice| tell(&store, notice)),
    })
}

/// The logins of the program, which tell the listeners of a place.
pub(crate) fn logins(logins: &OAuth, store: &Store) -> OAuth {
    let store = store.clone();
    logins.telling(move |notice| match notice {
        oauth::Notice::BrowserFailed { name, url } => {
            store.announce_now(EventBody::McpBrowserOpenFailed { mcp_name: name, url });
        }
    })
}

/// What listeners hear of what happens to a server.
fn tell(store: &Store, notice: Notice) {
    match notice {
        Notice::ToolsChanged { server } => store.announce_now(EventBody::McpToolsChanged { server }),
        Notice::StatusChanged { server, status } => {
            let message = match status {
                Status::NeedsAuth => {
                    format!("Server \"{server}\" wants a login. Run: opencode mcp auth {server}")
                }
                Status::NeedsClientRegistration { error } => format!("Server \"{server}\": {error}"),
                _ => return,
            };
            store.announce_now(EventBody::TuiToastShow {
                title: Some("MCP Authentication Required".to_owned()),
                message,
                variant: ToastVariant::Warning,
                duration: TOAST,
            });
        }
    }
}

impl Ground {
    /// Takes over what configuration says of servers now.
    pub(crate) fn configure_servers(&self, config: &Config, agents: &IndexMap<String, Agent>) {
        self.mcp
            .let_sample(sampling::offered(agents.values().map(|agent| &agent.permission)));
        let experimental = config.experimental.as_ref();
        let call = experimental.and_then(|experimental| experimental.mcp_timeout);
        let none = IndexMap::new();
        self.mcp.configure(
            config.mcp.as_ref().unwrap_or(&none),
            call.map(|time| Duration::from_millis(time.get())),
        );
    }

    /// Lets the servers be connected, and waits a little for what nobody knows yet.
    pub(crate) async fn servers_ready(&self) {
        let limit = self.environment.positive(variable::MCP_WAIT);
        let limit = limit.map_or(FIRST_WAIT, Duration::from_millis);
        self.take_logins().await;
        self.mcp.ready(limit).await;
    }
}

impl Location {
    /// What models are told of the servers in their words, under these rules.
    pub(crate) fn server_instructions(&self, rules: &[&[Rule]]) -> Option<String> {
        self.registry(false);
        self.server_tools.instructions(rules)
    }

    /// The tools of the program and of plugins as they are now; of durable sessions, or of the others.
    pub(crate) fn own_registry(&self, is_durable: bool) -> Registry {
        let own = self.tools_of(is_durable);
        own.replacing(&self.hooks.tools(is_durable))
    }

    /// All tools as they are now, also those of the servers; of durable sessions, or of the others.
    pub(crate) fn registry(&self, is_durable: bool) -> Arc<Registry> {
        let own = self.own_registry(is_durable);
        let custom = self.hooks.tools(is_durable);
        let custom = custom.iter().map(|tool| tool.name());
        let both = self.tools.names().chain(self.durable_tools.names());
        let taken = both.chain(custom).chain([search::NAME, dispatch::NAME]);
        let servers = self.server_tools.tools(is_durable, taken);
        // Names are given to the tools of servers when these come; a plugin may take one later.
        let free = servers.iter().filter(|tool| own.get(tool.name()).is_none());
        let free: Vec<_> = free.cloned().collect();
        Arc::new(own.with(&free))
    }

    /// Those of `visible` tools that a model with this context has to look for, if any.
    pub(crate) fn deferred_tools(
        &self,
        visible: &[&Arc<dyn Tool>],
        scope: &Scope,
        context: u64,
        history: &[MessageWithParts],
    ) -> Option<Arc<Deferred>> {
        let experimental = self.config.experimental.as_ref();
        let percent = experimental.and_then(|experimental| experimental.mcp_tools_percent);
        let share = (context, percent.unwrap_or(deferred::SHARE));
        self.server_tools
            .deferred(visible, scope, share, history)
            .map(Arc::new)
    }
}
