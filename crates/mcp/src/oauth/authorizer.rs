//! Tokens for the requests of connections: renewed before they end and when they are refused, by one of all
//! programs, and asked for anew where more is needed (reference `integrations.md` §A15).

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use opencode_schema::mcp::Remote;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::challenge::Demand;
use super::discovery::{Discovered, Discovery};
use super::error::OAuthError;
use super::grant::{self, Grant};
use super::login::{Reason, Server};
use super::store::{Client, Entry, Tokens};
use super::{OAuth, registration};
use crate::authorization::{Authorizer, Authorizers, Challenge, Unauthorized};

/// A token that ends in so many seconds is renewed before it is used.
const MARGIN: f64 = 20.0;
/// How long one asks whether a program can make itself known, when it has no token.
const QUESTION: Duration = Duration::from_secs(15);
/// How long a request waits for somebody who logs in for more.
const STEP_PATIENCE: Duration = Duration::from_secs(120);
/// How often one connection logs in for more than it has.
const STEPS: usize = 3;

impl Authorizers for OAuth {
    fn of(&self, name: &str, server: &Remote) -> Option<Arc<dyn Authorizer>> {
        let server = Server::new(name, server).ok()?;
        Some(Arc::new(Guard::new(self.clone(), server)))
    }
}

/// Authorizes the requests of one connection.
pub(super) struct Guard {
    oauth: OAuth,
    server: Server,
    /// What more was asked for, one after the other.
    steps: Mutex<Vec<BTreeSet<String>>>,
    /// The newest token that came of a refusal.
    renewed: std::sync::Mutex<Option<SecretString>>,
}

impl Authorizer for Guard {
    fn token(&self) -> BoxFuture<'_, Result<Option<SecretString>, Unauthorized>> {
        Box::pin(self.fresh())
    }

    fn refused(&self, challenge: Challenge) -> BoxFuture<'_, Result<(), Unauthorized>> {
        Box::pin(async move {
            let demand = Demand::read(challenge.header.as_deref().unwrap_or_default());
            if challenge.status == 403 {
                return self.step_up(demand, challenge.token).await;
            }
            self.replace(demand, challenge.token).await
        })
    }
}

impl Guard {
    pub(super) fn new(oauth: OAuth, server: Server) -> Self {
        Self {
            oauth,
            server,
            steps: Mutex::default(),
            renewed: std::sync::Mutex::default(),
        }
    }

    fn renewed(&self) -> MutexGuard<'_, Option<SecretString>> {
        self.renewed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stored(&self) -> Option<Entry> {
        self.oauth
            .shared
            .store
            .of(&self.server.name, &self.server.address)
    }

    fn tokens(&self) -> Option<Tokens> {
        self.stored()?.tokens
    }

    async fn fresh(&self) -> Result<Option<SecretString>, Unauthorized> {
        let Some(tokens) = self.tokens() else {
            return Ok(None);
        };
        if !tokens.ends_within(MARGIN) {
            return Ok(Some(tokens.access));
        }
        match self.renew(tokens.access.clone(), Demand::default()).await {
            Ok(Renewal::Renewed(tokens)) => Ok(Some(tokens.access)),
            Ok(Renewal::Ended) => Err(Unauthorized::Login),
            // The server may know better, and says where new ones are to be had.
            Ok(Renewal::Impossible) => Ok(Some(tokens.access)),
            Err(error) => {
                tracing::warn!(name = self.server.name, %error, "a token was not renewed");
                Ok(Some(tokens.access))
            }
        }
    }

    /// The server refused a token, or wants one.
    async fn replace(&self, demand: Demand, token: Option<SecretString>) -> Result<(), Unauthorized> {
        let renewed = self.renewed().clone();
        match token {
            // What was renewed because of a refusal is refused, too.
            Some(token) if is_same(renewed.as_ref(), &token) => {}
            Some(token) => match self.renew(token, demand.clone()).await {
                Ok(Renewal::Renewed(tokens)) => {
                    *self.renewed() = Some(tokens.access);
                    return Ok(());
                }
                Ok(Renewal::Ended | Renewal::Impossible) => {}
                Err(error) => return Err(error.unauthorized()),
            },
            // Somebody has logged in meanwhile.
            None if self.tokens().is_some() => return Ok(()),
            None => {}
        }
        Err(self.missing(&demand).await)
    }

    /// What is missing before there can be a token.
    async fn missing(&self, demand: &Demand) -> Unauthorized {
        let question = self.oauth.discover(&self.server, demand);
        let discovered = match tokio::time::timeout(QUESTION, question).await {
            Ok(Ok(discovered)) => discovered,
            Ok(Err(
                error @ (OAuthError::ResourceMismatch { .. }
                | OAuthError::IssuerMismatch { .. }
                | OAuthError::Incompatible(_)),
            )) => return error.unauthorized(),
            Ok(Err(error)) => {
                tracing::info!(name = self.server.name, %error, "who gives tokens was not found out");
                return Unauthorized::Login;
            }
            Err(_) => return Unauthorized::Login,
        };
        let has_client = registration::configured(&self.server.settings, &discovered).is_some();
        match discovered.registration_endpoint() {
            Err(error @ OAuthError::NoRegistration) if !has_client => error.unauthorized(),
            _ => Unauthorized::Login,
        }
    }

    /// The token is not good for what was asked. Parity: the reference asks once; here what is asked for grows,
    /// and it ends when it does not.
    async fn step_up(&self, demand: Demand, token: Option<SecretString>) -> Result<(), Unauthorized> {
        if demand.error.as_deref() != Some("insufficient_scope") {
            return Err(Unauthorized::Failed(
                "HTTP 403: the server refuses this request".to_owned(),
            ));
        }
        // One after the other: whoever waits for the same finds it done.
        let mut steps = self.steps.lock().await;
        let (Some(token), Some(tokens)) = (token, self.tokens()) else {
            return Err(Unauthorized::Login);
        };
        if !is_same(Some(&tokens.access), &token) {
            return Ok(());
        }
        let words = |scope: Option<&str>| -> BTreeSet<String> {
            let words = scope.unwrap_or_default().split_whitespace();
            words.map(str::to_owned).collect()
        };
        let granted = words(tokens.scope.as_deref());
        let mut wanted = words(demand.scope.as_deref());
        let useless = wanted.is_subset(&granted);
        wanted.extend(granted);
        let refused = OAuthError::InsufficientScope {
            scope: demand.scope.clone().unwrap_or_default(),
        };
        if useless || steps.contains(&wanted) || steps.len() >= STEPS {
            return Err(refused.unauthorized());
        }
        steps.push(wanted.clone());
        let reason = Reason {
            demand: Some(demand),
            scopes: wanted,
        };
        let login = self.oauth.begin_login(self.server.clone(), reason).await;
        let Some(login) = login.map_err(|error| error.unauthorized())? else {
            return Ok(());
        };
        // Where no browser opens nobody is waited for; whoever opens the page himself is in time for the next
        // request.
        if !self.oauth.open(&self.server.name, &login).await {
            return Err(refused.unauthorized());
        }
        match tokio::time::timeout(STEP_PATIENCE, login.end()).await {
            Ok(ended) => ended.map_err(|error| error.unauthorized()),
            Err(_) => Err(refused.unauthorized()),
        }
    }

    /// Gets another token for `used`, or the one that somebody else has got.
    async fn renew(&self, used: SecretString, demand: Demand) -> Result<Renewal, OAuthError> {
        let (oauth, server) = (self.oauth.clone(), self.server.clone());
        // The question may use up the old token. So it goes on when whoever asked does not wait any more; the
        // limits of the calls are its end.
        let renewing = self
            .oauth
            .shared
            .tasks
            .spawn(async move { oauth.renew(&server, &used, demand).await });
        renewing
            .await
            .unwrap_or_else(|error| Err(OAuthError::store(&error)))
    }
}

/// What came of renewing.
enum Renewal {
    Renewed(Tokens),
    /// The login is over: what was stored is good for nothing and gone.
    Ended,
    /// There is nothing to renew with.
    Impossible,
}

impl OAuth {
    async fn renew(
        &self,
        server: &Server,
        used: &SecretString,
        mut demand: Demand,
    ) -> Result<Renewal, OAuthError> {
        let store = &self.shared.store;
        let _held = store.hold_renewal(&server.name).await?;
        // Whoever held it before may have done all there was to do.
        let Some(entry) = store.of(&server.name, &server.address) else {
            return Ok(Renewal::Ended);
        };
        let Some(tokens) = entry.tokens else {
            return Ok(Renewal::Ended);
        };
        if !is_same(Some(&tokens.access), used) {
            return Ok(Renewal::Renewed(tokens));
        }
        demand.resource_metadata = demand.resource_metadata.or(entry.resource_metadata);
        let named = server.settings.client_id.is_some();
        if tokens.refresh.is_none() && !(named && server.settings.client_secret.is_some()) {
            return Ok(Renewal::Impossible);
        }
        let discovered = self.discover(server, &demand).await?;
        let client = registration::configured(&server.settings, &discovered);
        let Some(client) = client.or_else(|| entry.client.filter(Client::is_usable)) else {
            return Ok(Renewal::Impossible);
        };
        let grant = match &tokens.refresh {
            Some(refresh) => Grant::Refresh(refresh),
            None if discovered.is_for_programs() => Grant::Program {
                scope: tokens.scope.as_deref(),
            },
            None => return Ok(Renewal::Impossible),
        };
        match grant::ask(&self.shared.http, &discovered, &client, grant).await {
            Ok(mut new) => {
                new.refresh = new.refresh.or(tokens.refresh);
                new.scope = new.scope.or(tokens.scope);
                let kept = new.clone();
                store
                    .change(&server.name, |entry| {
                        entry.map(|mut entry| {
                            entry.tokens = Some(kept);
                            entry
                        })
                    })
                    .await?;
                self.changed();
                Ok(Renewal::Renewed(new))
            }
            Err(error) => match error.code() {
                Some("invalid_grant") => {
                    store
                        .change(&server.name, |entry| {
                            entry.map(|mut entry| {
                                entry.tokens = None;
                                entry
                            })
                        })
                        .await?;
                    Ok(Renewal::Ended)
                }
                Some("invalid_client" | "unauthorized_client") => {
                    store.change(&server.name, |_| None).await?;
                    Ok(Renewal::Ended)
                }
                Some(_) => {
                    tracing::warn!(name = server.name, %error, "a token was not renewed");
                    Ok(Renewal::Impossible)
                }
                None => {
                    // Perhaps tokens are given somewhere else now.
                    self.discovered().shift_remove(&server.address);
                    Err(error)
                }
            },
        }
    }

    /// Who gives tokens for a server. It is asked once while the program runs, unless a server names somebody.
    async fn discover(&self, server: &Server, demand: &Demand) -> Result<Arc<Discovered>, OAuthError> {
        if demand.resource_metadata.is_none()
            && let Some(known) = self.remembered(server)
        {
            return Ok(known);
        }
        let discovery = Discovery {
            http: &self.shared.http,
            server: &server.url,
            headers: &server.headers,
        };
        let discovered = Arc::new(discovery.run(demand).await?);
        self.remember(server, &discovered);
        Ok(discovered)
    }
}

fn is_same(one: Option<&SecretString>, other: &SecretString) -> bool {
    one.is_some_and(|one| one.expose_secret() == other.expose_secret())
}
