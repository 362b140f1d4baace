//! Keeping tokens fresh: one of all programs asks for a new one, the others take what it got
//! (reference `providers.md` §12.4–12.5).

use std::time::Duration;

use opencode_config::credential::{self, Credential};
use opencode_config::lock::{self, Lock};
use opencode_config::{Environment, Paths};
use opencode_schema::time::now;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::time::Instant;

use super::method::{Brings, Exchange, Flow};
use super::{LoginError, Options, of, token};
use crate::http::{Http, HttpError};

/// How long one waits for another program that asks for a new token.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks whether it is done.
const PAUSE: Duration = Duration::from_millis(20);

/// Where new tokens of a provider come from.
struct Source {
    issuer: &'static str,
    client_id: String,
    exchange: &'static Exchange,
    before: i64,
}

fn source(provider_id: &str, environment: &Environment) -> Option<Source> {
    of(provider_id)?.iter().find_map(|method| {
        let (issuer, client_id, variable, exchange) = match &method.flow {
            Flow::Browser(browser) => match browser.brings {
                Brings::Code(exchange) => (
                    browser.issuer,
                    browser.client_id,
                    browser.client_variable,
                    exchange,
                ),
                Brings::Token(_) => return None,
            },
            Flow::Device(device) => (device.issuer, device.client_id, None, device.token),
            Flow::Key | Flow::Headless | Flow::AzureCli => return None,
        };
        let own_client = variable.and_then(|name| environment.get(name));
        Some(Source {
            issuer,
            client_id: own_client.unwrap_or(client_id).to_owned(),
            exchange,
            before: exchange.refresh_before?,
        })
    })
}

/// The login to a provider as it is stored now, with a token that lasts.
///
/// # Errors
/// The token has ended and there is no new one.
pub async fn fresh(
    provider_id: &str,
    paths: &Paths,
    environment: &Environment,
    http: &Http,
    options: &Options,
) -> Result<Option<Credential>, LoginError> {
    let stored = || {
        let stored = credential::read(paths, environment).shift_remove(provider_id);
        stored.filter(|stored| matches!(stored, Credential::Oauth { .. }))
    };
    let (Some(now_stored), Some(source)) = (stored(), source(provider_id, environment)) else {
        return Ok(stored());
    };
    if lasts(&now_stored, source.before) {
        return Ok(Some(now_stored));
    }
    let held = hold(paths, &format!("auth-{provider_id}")).await?;
    // Whoever held it before may have done all there was to do.
    let Some(before) = stored() else { return Ok(None) };
    if lasts(&before, source.before) {
        return Ok(Some(before));
    }
    let (id, paths) = (provider_id.to_owned(), paths.clone());
    let (http, options) = (http.clone(), options.clone());
    // The question may use up the old token. So it goes on when whoever asked does not wait any more; the
    // limit of the call is its end.
    let renewing = tokio::spawn(async move {
        let _held = held;
        renew(&id, &before, &source, &paths, &http, &options).await
    });
    renewing.await.unwrap_or_else(|error| {
        Err(LoginError::Failed {
            reason: format!("no new token was asked for: {error}"),
        })
    })
}

/// Asks for a new token and stores it.
async fn renew(
    provider_id: &str,
    before: &Credential,
    source: &Source,
    paths: &Paths,
    http: &Http,
    options: &Options,
) -> Result<Option<Credential>, LoginError> {
    let Credential::Oauth {
        refresh,
        enterprise_url,
        account_id,
        ..
    } = before
    else {
        return Ok(None);
    };
    let issuer = match (enterprise_url, account_id) {
        (Some(own), _) => own.clone(),
        (None, Some(account)) => source.issuer.replace("{account}", account),
        (None, None) => source.issuer.to_owned(),
    };
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.expose_secret()),
        ("client_id", &source.client_id),
    ];
    let url = options.url(&issuer, source.exchange.url);
    let asked = token::ask(http, &url, source.exchange, &fields).await;
    if let Err(LoginError::Http(HttpError::Refused { status: 401, .. })) = &asked
        && source.exchange.refused_ends
    {
        store(paths, provider_id, None).await;
    }
    let renewed = asked?.credential(source.exchange, Some(before))?;
    store(paths, provider_id, Some(renewed.to_entry())).await;
    Ok(Some(renewed))
}

/// Writes what a login is now. The token is good even when that fails; the next program asks for one of its
/// own.
async fn store(paths: &Paths, provider_id: &str, entry: Option<Value>) {
    let (paths, id) = (paths.clone(), provider_id.to_owned());
    let written = tokio::task::spawn_blocking(move || credential::put(&paths, &id, entry)).await;
    match written {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "a new token cannot be stored"),
        Err(error) => tracing::warn!(%error, "a new token was not stored"),
    }
}

/// Whether a login needs no new token yet.
fn lasts(credential: &Credential, before: i64) -> bool {
    match credential {
        Credential::Oauth { expires, access, .. } => {
            !access.expose_secret().is_empty() && *expires > now() + before * 1000
        }
        _ => true,
    }
}

/// Waits until nobody else does what `name` says.
pub(crate) async fn hold(paths: &Paths, name: &str) -> Result<Lock, LoginError> {
    let end = Instant::now() + PATIENCE;
    loop {
        match lock::try_hold(paths, name) {
            Ok(Some(held)) => return Ok(held),
            Ok(None) if Instant::now() >= end => {
                return Err(LoginError::Failed {
                    reason: format!("another program has held {name} for {PATIENCE:?}"),
                });
            }
            Ok(None) => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                return Err(LoginError::Failed {
                    reason: format!("{name} cannot be held: {error}"),
                });
            }
        }
    }
}
