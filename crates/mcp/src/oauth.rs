//! Logging in at MCP servers (reference `integrations.md` §A15).
//!
//! - [`OAuth::begin`] says which page the user must open; what the browser brings back becomes tokens, which are
//!   stored in `mcp-auth.json`. [`OAuth::authenticate`] opens the page itself and waits.
//! - As [`Authorizers`](crate::Authorizers) it gives connections the token of each request. A token is read
//!   where it is stored, so a login counts from the next request on, whichever program it was made in.
//!
//! Secrets go into `mcp-auth.json` and into requests, and nowhere else. They go to nobody but the server that is
//! configured and the one that it names, never from an address with encryption to one without.

mod authorizer;
mod callback;
mod challenge;
mod debug;
mod discovery;
mod error;
mod grant;
mod http;
mod login;
mod page;
mod pkce;
mod probe;
mod registration;
mod store;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;
use opencode_config::{Environment, Paths};
use opencode_schema::mcp::Remote;
use secrecy::ExposeSecret as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use debug::Checked;
pub use error::OAuthError;
pub use store::{Client, Entry, Tokens};

use callback::Callbacks;
use discovery::Discovered;
use http::Http;
use login::{Login, Reason, Server};
use store::Store;

/// How long one waits for what goes on, at the end.
const SHUTDOWN: Duration = Duration::from_secs(2);
/// Servers of which one remembers who gives tokens for them.
const REMEMBERED: usize = 200;

/// The logins at MCP servers. Cheap to clone; one for a whole program.
#[derive(Clone)]
pub struct OAuth {
    shared: Arc<Shared>,
    listener: Arc<dyn Fn(Notice) + Send + Sync>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    environment: Environment,
    options: Options,
    http: Http,
    callbacks: Callbacks,
    logins: Mutex<HashMap<String, Arc<Login>>>,
    discovered: Mutex<IndexMap<String, Arc<Discovered>>>,
    changed: watch::Sender<u64>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// How logins take place. Tests have ports and times of their own.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port that browsers come back to; 0 is a free one.
    pub port: u16,
    /// How long one waits for a browser.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 19876,
            patience: Duration::from_secs(300),
        }
    }
}

/// What faces are told while somebody logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The page could not be opened; the user may open it himself.
    BrowserFailed {
        /// The server.
        name: String,
        /// The page.
        url: String,
    },
}

/// A login that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The page to open; empty when no login is needed.
    pub url: String,
    /// What its answer is known by.
    pub state: String,
}

/// Whether somebody is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthStatus {
    /// Somebody is.
    Authenticated,
    /// Somebody was: the token has ended, and may be renewed.
    Expired,
    /// Nobody is.
    NotAuthenticated,
}

impl OAuth {
    /// The logins of the user whose folders these are.
    #[must_use]
    pub fn new(paths: Paths, environment: Environment, options: Options) -> Self {
        Self {
            shared: Arc::new(Shared {
                store: Store::new(paths),
                environment,
                options,
                http: Http::default(),
                callbacks: Callbacks::default(),
                logins: Mutex::default(),
                discovered: Mutex::default(),
                changed: watch::Sender::new(0),
                tasks: TaskTracker::new(),
                stop: CancellationToken::new(),
            }),
            listener: Arc::new(|_| {}),
        }
    }

    /// The same logins; what is told of those that begin here, `listener` hears. It must not wait.
    #[must_use]
    pub fn telling(&self, listener: impl Fn(Notice) + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            listener: Arc::new(listener),
        }
    }

    /// Begins a login; one that goes on at the same server is given up. It ends when the browser comes back, or
    /// with [`OAuth::finish`].
    ///
    /// # Errors
    /// The server wants no such login, or nobody can be found who gives tokens for it.
    pub async fn begin(&self, name: &str, server: &Remote) -> Result<Begun, OAuthError> {
        Ok(match self.login(name, server).await? {
            Some(login) => Begun {
                url: login.url.clone(),
                state: login.state.clone(),
            },
            None => Begun {
                url: String::new(),
                state: pkce::state()?,
            },
        })
    }

    /// Ends the login that goes on at a server with a code that somebody brings.
    ///
    /// # Errors
    /// None goes on, or the code brings no tokens.
    pub async fn finish(&self, name: &str, code: &str) -> Result<(), OAuthError> {
        let login = self.logins().get(name).cloned();
        let login = login.ok_or_else(|| OAuthError::NotBegun {
            name: name.to_owned(),
        })?;
        // When the browser was first, its answer counts.
        login.take_code(code);
        login.end().await
    }

    /// Begins a login, opens its page and waits until it is over. `told` is told which page it is.
    ///
    /// # Errors
    /// Those of [`OAuth::begin`]; the user or the server said no, nobody came, or the tokens cannot be stored.
    pub async fn authenticate(
        &self,
        name: &str,
        server: &Remote,
        told: impl FnOnce(&str) + Send,
    ) -> Result<(), OAuthError> {
        let Some(login) = self.login(name, server).await? else {
            return Ok(());
        };
        if let Some(error) = &login.no_way_back {
            login.cancel();
            return Err(error.clone());
        }
        told(&login.url);
        self.open(name, &login).await;
        login.end().await
    }

    /// Forgets all that is stored about a server, and gives a login up that goes on there.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn remove(&self, name: &str) -> Result<(), OAuthError> {
        if let Some(login) = self.logins().remove(name) {
            login.cancel();
        }
        self.shared.store.change(name, |_| None).await?;
        self.changed();
        Ok(())
    }

    /// All that is stored, by the names of servers.
    #[must_use]
    pub fn stored(&self) -> Vec<(String, Entry)> {
        self.shared.store.all()
    }

    /// What is stored about a server at this address.
    #[must_use]
    pub fn entry(&self, name: &str, server: &Remote) -> Option<Entry> {
        self.shared.store.of(name, &server.url)
    }

    /// Whether somebody is logged in.
    #[must_use]
    pub fn status(&self, name: &str, server: &Remote) -> AuthStatus {
        match self.entry(name, server).and_then(|entry| entry.tokens) {
            None => AuthStatus::NotAuthenticated,
            Some(tokens) if tokens.ends_within(0.0) => AuthStatus::Expired,
            Some(_) => AuthStatus::Authenticated,
        }
    }

    /// What tells one login from another, and from none.
    #[must_use]
    pub fn fingerprint(&self, name: &str, server: &Remote) -> Option<u64> {
        let tokens = self.entry(name, server)?.tokens?;
        let mut hasher = DefaultHasher::new();
        tokens.access.expose_secret().hash(&mut hasher);
        Some(hasher.finish())
    }

    /// Changes whenever this program stores or removes something.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// Gives up what goes on.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        // What still renews a token ends by its own limits; nobody waits that long for it.
        let _ = tokio::time::timeout(SHUTDOWN, self.shared.tasks.wait()).await;
    }

    async fn login(&self, name: &str, server: &Remote) -> Result<Option<Arc<Login>>, OAuthError> {
        let server = Server::new(name, server)?;
        let login = self.begin_login(server, Reason::default());
        Box::pin(login).await
    }

    /// Opens the page of a login; whether that may have worked.
    async fn open(&self, name: &str, login: &Login) -> bool {
        match opencode_process::browser::open(&login.url, self.shared.environment.iter()).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(name, error, "the page to log in was not opened");
                (self.listener)(Notice::BrowserFailed {
                    name: name.to_owned(),
                    url: login.url.clone(),
                });
                false
            }
        }
    }

    fn changed(&self) {
        self.shared.changed.send_modify(|count| *count += 1);
    }

    fn remember(&self, server: &Server, discovered: &Arc<Discovered>) {
        let mut all = self.discovered();
        while all.len() >= REMEMBERED {
            all.shift_remove_index(0);
        }
        all.insert(server.address.clone(), Arc::clone(discovered));
    }

    fn remembered(&self, server: &Server) -> Option<Arc<Discovered>> {
        self.discovered().get(&server.address).cloned()
    }

    fn discovered(&self) -> MutexGuard<'_, IndexMap<String, Arc<Discovered>>> {
        self.shared
            .discovered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn logins(&self) -> MutexGuard<'_, HashMap<String, Arc<Login>>> {
        self.shared.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl std::fmt::Debug for OAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuth").finish_non_exhaustive()
    }
}
