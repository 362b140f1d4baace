//! A login, from the question to the tokens (reference `integrations.md` §A15).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use opencode_schema::mcp::{OAuth as Configured, OAuthSettings, Remote};
use reqwest::header::HeaderMap;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::callback::{Brought, Expected};
use super::challenge::Demand;
use super::discovery::{Discovered, Discovery, OFFLINE};
use super::error::{OAuthError, words};
use super::grant::{self, Grant};
use super::http::{configured, is_here};
use super::pkce::{self, Verifier};
use super::probe::probe;
use super::store::{Client, Entry, Tokens};
use super::{OAuth, registration};

/// The path that browsers come back to.
const PATH: &str = "/mcp/oauth/callback";
/// Logins at once.
const MOST: usize = 100;

/// A server as logins see it.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) name: String,
    /// As it is configured.
    pub(super) address: String,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) settings: OAuthSettings,
}

impl Server {
    pub(super) fn new(name: &str, remote: &Remote) -> Result<Self, OAuthError> {
        let settings = match &remote.oauth {
            Some(Configured::Switch(false)) => {
                return Err(OAuthError::Unsupported {
                    name: name.to_owned(),
                });
            }
            Some(Configured::Settings(settings)) => settings.clone(),
            Some(Configured::Switch(true)) | None => OAuthSettings::default(),
        };
        let url = Url::parse(&remote.url).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
        Ok(Self {
            name: name.to_owned(),
            address: remote.url.clone(),
            url: url.ok_or_else(|| OAuthError::InvalidUrl {
                name: name.to_owned(),
            })?,
            headers: configured(remote.headers.as_ref()),
            settings,
        })
    }
}

/// Why one logs in.
#[derive(Clone, Debug, Default)]
pub(super) struct Reason {
    /// What the server said; it is asked when nothing is known.
    pub(super) demand: Option<Demand>,
    /// What the login is for, beyond what is asked for usually.
    pub(super) scopes: BTreeSet<String>,
}

/// A login that waits for the browser.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) url: String,
    pub(super) state: String,
    /// Why no browser can come back to this program, where it should.
    pub(super) no_way_back: Option<OAuthError>,
    by_hand: Mutex<Option<oneshot::Sender<String>>>,
    outcome: watch::Receiver<Option<Result<(), OAuthError>>>,
    cancel: CancellationToken,
}

impl Login {
    /// Waits until it is over.
    pub(super) async fn end(&self) -> Result<(), OAuthError> {
        let mut outcome = self.outcome.clone();
        let over = outcome.wait_for(Option::is_some).await;
        over.ok()
            .and_then(|outcome| outcome.clone())
            .unwrap_or(Err(OAuthError::Cancelled))
    }

    /// Takes a code that somebody else got from the browser.
    pub(super) fn take_code(&self, code: &str) -> bool {
        let sender = self.by_hand.lock().unwrap_or_else(PoisonError::into_inner).take();
        sender.is_some_and(|sender| sender.send(code.to_owned()).is_ok())
    }

    #[cfg(test)]
    pub(super) fn outcome_is_open(&self) -> bool {
        self.outcome.borrow().is_none()
    }

    pub(super) fn cancel(&self) {
        self.cancel.cancel();
    }
}

/// How a browser comes back.
enum WayBack {
    /// To a door of this program.
    Here(Expected),
    /// Not at all, or somewhere else; and what is wrong with the first.
    None(Option<OAuthError>),
}

/// What turns a code into tokens.
struct Pending {
    oauth: OAuth,
    server: Server,
    discovered: Arc<Discovered>,
    resource_metadata: Option<String>,
    client: Client,
    verifier: Verifier,
    redirect: String,
    scope: Option<String>,
}

impl OAuth {
    /// Begins a login. None when no browser is needed.
    pub(super) async fn begin_login(
        &self,
        server: Server,
        reason: Reason,
    ) -> Result<Option<Arc<Login>>, OAuthError> {
        let http = &self.shared.http;
        let demand = match reason.demand {
            Some(demand) => Some(demand),
            None => probe(http, &server.url, &server.headers).await?,
        };
        let Some(demand) = demand else { return Ok(None) };
        let discovery = Discovery {
            http,
            server: &server.url,
            headers: &server.headers,
        };
        let discovered = Arc::new(discovery.run(&demand).await?);
        let mut scope = discovered.scope(server.settings.scope.as_deref(), demand.scope.as_deref());
        if !reason.scopes.is_empty() {
            let mut all = reason.scopes;
            all.extend(
                scope
                    .iter()
                    .flat_map(|scope| scope.split_whitespace().map(str::to_owned)),
            );
            scope = Some(all.into_iter().collect::<Vec<_>>().join(" "));
        }
        let known = registration::configured(&server.settings, &discovered);
        if let Some(client) = known.as_ref().filter(|client| client.secret.is_some())
            && discovered.is_for_programs()
        {
            let grant = Grant::Program {
                scope: scope.as_deref(),
            };
            let tokens = grant::ask(http, &discovered, client, grant).await?;
            self.keep(&server, &demand, tokens, None, scope.as_deref())
                .await?;
            self.remember(&server, &discovered);
            return Ok(None);
        }
        discovered.check()?;
        let state = pkce::state()?;
        let (redirect, way_back) = self.way_back(&server.settings, known.is_none(), &state).await?;
        let client = match known {
            Some(client) => client,
            None => {
                let register =
                    registration::register(http, &discovered, &server.settings, &redirect, scope.as_deref());
                register.await?
            }
        };
        let verifier = Verifier::new()?;
        let url = page_url(
            &discovered,
            &client,
            &verifier,
            &redirect,
            &state,
            scope.as_deref(),
        )?;
        let pending = Pending {
            oauth: self.clone(),
            resource_metadata: demand.resource_metadata.clone(),
            discovered,
            client,
            verifier,
            redirect,
            scope,
            server,
        };
        self.wait(pending, way_back, url, state).map(Some)
    }

    /// Where the browser comes back to, and the one who waits there. Nobody does where configuration names an
    /// address that this program cannot have; then somebody else may bring the code.
    async fn way_back(
        &self,
        settings: &OAuthSettings,
        registers: bool,
        state: &str,
    ) -> Result<(String, WayBack), OAuthError> {
        let callbacks = &self.shared.callbacks;
        if let Some(redirect) = settings
            .redirect_uri
            .as_ref()
            .filter(|redirect| !redirect.is_empty())
        {
            let url = Url::parse(redirect).map_err(|_| {
                OAuthError::Incompatible(format!("oauth.redirectUri {redirect:?} is no address"))
            })?;
            let Some(port) = url
                .port_or_known_default()
                .filter(|_| matches!(url.scheme(), "http" | "https"))
            else {
                return Ok((redirect.clone(), WayBack::None(None)));
            };
            let expected = callbacks.expect(port, url.path(), state).await;
            let way_back = match expected {
                Ok(expected) => WayBack::Here(expected),
                Err(error) => {
                    let reason = error.to_string();
                    tracing::warn!(port, reason, "the browser cannot come back to this program");
                    WayBack::None(is_here(&url).then_some(OAuthError::NoWayBack { port, reason }))
                }
            };
            return Ok((redirect.clone(), way_back));
        }
        let port = settings.callback_port.unwrap_or(self.shared.options.port);
        let expected = match callbacks.expect(port, PATH, state).await {
            // Another program waits there. Who registers for this login may come back to any port.
            Err(_) if registers && settings.callback_port.is_none() => callbacks.expect(0, PATH, state).await,
            other => other,
        };
        let expected = expected.map_err(|error| OAuthError::NoWayBack {
            port,
            reason: error.to_string(),
        })?;
        let redirect = format!("http://127.0.0.1:{}{PATH}", expected.port);
        Ok((redirect, WayBack::Here(expected)))
    }

    /// Waits for the browser, and sees to what it brings.
    fn wait(
        &self,
        pending: Pending,
        way_back: WayBack,
        url: Url,
        state: String,
    ) -> Result<Arc<Login>, OAuthError> {
        let (expected, no_way_back) = match way_back {
            WayBack::Here(expected) => (Some(expected), None),
            WayBack::None(error) => (None, error),
        };
        let (by_hand, code) = oneshot::channel();
        let (outcome, over) = watch::channel(None);
        let login = Arc::new(Login {
            url: url.into(),
            state,
            no_way_back,
            by_hand: Mutex::new(Some(by_hand)),
            outcome: over,
            cancel: self.shared.stop.child_token(),
        });
        let name = pending.server.name.clone();
        {
            let mut logins = self.logins();
            if let Some(before) = logins.remove(&name) {
                before.cancel();
            }
            if logins.len() >= MOST {
                return Err(OAuthError::TooMany);
            }
            logins.insert(name.clone(), Arc::clone(&login));
        }
        let (oauth, own) = (self.clone(), Arc::clone(&login));
        self.shared.tasks.spawn(async move {
            let limit = oauth.shared.options.patience;
            let brought = tokio::select! {
                () = own.cancel.cancelled() => Err(OAuthError::Cancelled),
                brought = bring(expected, code) => brought,
                () = tokio::time::sleep(limit) => Err(OAuthError::TooLate),
            };
            let ended = match brought {
                Ok(Brought::Denied(reason)) => Err(OAuthError::Denied(reason)),
                Ok(Brought::Code { code, issuer }) => pending.complete(&code, issuer.as_deref()).await,
                Err(error) => Err(error),
            };
            {
                let mut logins = oauth.logins();
                if logins.get(&name).is_some_and(|login| Arc::ptr_eq(login, &own)) {
                    logins.remove(&name);
                }
            }
            if let Err(error) = &ended {
                tracing::info!(name, %error, "a login at an MCP server did not take place");
            }
            outcome.send_replace(Some(ended));
        });
        Ok(login)
    }

    /// Stores what a login brought, in place of all that was stored before.
    async fn keep(
        &self,
        server: &Server,
        demand: &Demand,
        mut tokens: Tokens,
        client: Option<Client>,
        scope: Option<&str>,
    ) -> Result<(), OAuthError> {
        // RFC 6749 §5.1: who says nothing gave what was asked for.
        tokens.scope = tokens.scope.or_else(|| scope.map(str::to_owned));
        let entry = Entry {
            tokens: Some(tokens),
            client,
            server_url: Some(server.address.clone()),
            resource_metadata: demand.resource_metadata.clone(),
        };
        self.shared.store.change(&server.name, |_| Some(entry)).await?;
        self.changed();
        Ok(())
    }
}

impl Pending {
    async fn complete(self, code: &str, issuer: Option<&str>) -> Result<(), OAuthError> {
        self.check_issuer(issuer)?;
        let grant = Grant::Code {
            code,
            verifier: &self.verifier.0,
            redirect: &self.redirect,
        };
        let tokens = grant::ask(&self.oauth.shared.http, &self.discovered, &self.client, grant).await;
        let tokens = tokens.map_err(|error| OAuthError::Completion(Box::new(error)))?;
        // Parity: integrations.md §A15, a client that configuration names is not stored.
        let is_named = self.server.settings.client_id.as_deref() == Some(self.client.id.as_str());
        let client = (!is_named).then(|| self.client.clone());
        let demand = Demand {
            resource_metadata: self.resource_metadata.clone(),
            ..Demand::default()
        };
        let scope = self.scope.as_deref();
        self.oauth
            .keep(&self.server, &demand, tokens, client, scope)
            .await?;
        self.oauth.remember(&self.server, &self.discovered);
        Ok(())
    }

    /// RFC 9207: the answer of one authorization server is not turned in at another.
    fn check_issuer(&self, issuer: Option<&str>) -> Result<(), OAuthError> {
        let Some(metadata) = self.discovered.metadata() else {
            return Ok(());
        };
        let expected = metadata.issuer.as_deref();
        let fits = match issuer {
            Some(issuer) => expected.is_none_or(|expected| expected == issuer),
            None => !metadata.authorization_response_iss_parameter_supported,
        };
        if fits {
            return Ok(());
        }
        Err(OAuthError::IssuerMismatch {
            issuer: words(issuer.unwrap_or("nobody")),
            expected: expected.unwrap_or_default().to_owned(),
        })
    }
}

/// What comes first: a browser, or somebody else with the code.
async fn bring(expected: Option<Expected>, code: oneshot::Receiver<String>) -> Result<Brought, OAuthError> {
    let by_hand = async {
        match code.await {
            Ok(code) => Ok(Brought::Code { code, issuer: None }),
            Err(_) => Err(OAuthError::Cancelled),
        }
    };
    match expected {
        // It is held until the login is over, and no longer.
        Some(mut expected) => tokio::select! {
            brought = &mut expected.brought => brought.map_err(|_| OAuthError::Cancelled),
            brought = by_hand => brought,
        },
        None => by_hand.await,
    }
}

/// The page on which the user logs in.
fn page_url(
    discovered: &Discovered,
    client: &Client,
    verifier: &Verifier,
    redirect: &str,
    state: &str,
    scope: Option<&str>,
) -> Result<Url, OAuthError> {
    let mut url = discovered.authorization_endpoint()?;
    // What the page has in its own address stays, but not in our name.
    let challenge = verifier.challenge();
    let mut ours = vec![
        ("response_type", "code"),
        ("client_id", client.id.as_str()),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("redirect_uri", redirect),
        ("state", state),
    ];
    ours.extend(scope.map(|scope| ("scope", scope)));
    if scope.is_some_and(|scope| scope.split_whitespace().any(|one| one == OFFLINE)) {
        ours.push(("prompt", "consent"));
    }
    let resource = discovered.resource.as_ref().map(Url::as_str);
    ours.extend(resource.map(|resource| ("resource", resource)));
    let theirs: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| !ours.iter().any(|(own, _)| own == name))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(theirs)
        .extend_pairs(ours);
    debug_assert!(matches!(url.scheme(), "https" | "http") || is_here(&url));
    Ok(url)
}
