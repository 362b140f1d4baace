//! Logins in a browser: the address to open, and what comes back (reference `providers.md` §12.4–12.5).

use opencode_config::Environment;
use opencode_config::credential::Credential;
use opencode_schema::time::{Millis, now};
use url::Url;

use super::callback::{Brought, Callback};
use super::method::{Brings, Browser};
use super::pkce::{Pkce, random_word};
use super::{Inputs, LoginError, Options, token};
use crate::http::Http;

/// Seconds that a token lasts if the browser does not say.
const MONTH: Millis = 2_592_000;

/// A login that waits for a browser.
pub(super) struct Waiting {
    /// The page to open.
    pub(super) url: String,
    browser: &'static Browser,
    callback: Callback,
    issuer: String,
    client_id: String,
    redirect: String,
    pkce: Pkce,
    state: Option<String>,
    own_issuer: bool,
    account: Option<String>,
}

pub(super) async fn begin(
    browser: &'static Browser,
    inputs: &Inputs,
    environment: &Environment,
    options: &Options,
) -> Result<Waiting, LoginError> {
    let own = browser.issuer_input.and_then(|name| filled(inputs, name));
    let own_issuer = own.is_some();
    let issuer = match own {
        Some(own) => own.trim_end_matches('/').to_owned(),
        None => fill(browser.issuer, inputs).ok_or_else(|| LoginError::Invalid {
            field: "account".to_owned(),
            message: "Letters, digits, dots, hyphens and underscores are what it may have".to_owned(),
        })?,
    };
    let port = if options.any_port { 0 } else { browser.back.port };
    let fragment = match browser.brings {
        Brings::Token(path) => Some(path),
        Brings::Code(_) => None,
    };
    let callback = Callback::listen(port, browser.back.path, fragment).await?;
    let redirect = format!(
        "http://{}:{}{}",
        browser.back.host,
        callback.port()?,
        browser.back.path
    );
    let own_client = browser.client_variable.and_then(|name| environment.get(name));
    let client_id = own_client.unwrap_or(browser.client_id).to_owned();
    let pkce = Pkce::new()?;
    let state = if browser.state { Some(random_word()?) } else { None };
    // Words of the scope for which there is no answer are left out.
    let scope: Vec<String> = browser
        .scope
        .split(' ')
        .filter_map(|word| fill(word, inputs))
        .collect();

    let page = options.url(&issuer, browser.authorize);
    let mut url = Url::parse(&page).map_err(|error| LoginError::Failed {
        reason: format!("{page} is no address: {error}"),
    })?;
    {
        let mut query = url.query_pairs_mut();
        let kind = if fragment.is_some() { "token" } else { "code" };
        query.append_pair("response_type", kind);
        query.append_pair("client_id", &client_id);
        query.append_pair("redirect_uri", &redirect);
        query.append_pair("scope", &scope.join(" "));
        if fragment.is_none() {
            query.append_pair("code_challenge", &pkce.challenge);
            query.append_pair("code_challenge_method", "S256");
        }
        for (name, value) in browser.extra {
            query.append_pair(name, value);
        }
        if let Some(state) = &state {
            query.append_pair("state", state);
        }
    }
    Ok(Waiting {
        url: url.into(),
        browser,
        callback,
        issuer,
        client_id,
        redirect,
        pkce,
        state,
        own_issuer,
        account: filled(inputs, "account").map(str::to_owned),
    })
}

impl Waiting {
    /// Waits for the browser and asks for what it may have.
    pub(super) async fn finish(self, http: &Http, options: &Options) -> Result<Credential, LoginError> {
        let patience = options
            .second
            .saturating_mul(u32::try_from(self.browser.patience).unwrap_or(u32::MAX));
        let coming = self.callback.wait(self.state.as_deref());
        let brought = tokio::time::timeout(patience, coming)
            .await
            .map_err(|_| LoginError::Failed {
                reason: format!("nobody has logged in within {} seconds", self.browser.patience),
            })??;
        match self.browser.brings {
            Brings::Token(_) => {
                let key = word(&brought, "access_token")?.to_owned();
                let lasts = brought.get("expires_in").and_then(|text| text.parse().ok());
                let lasts: Millis = lasts.filter(|lasts| *lasts > 0).unwrap_or(MONTH);
                let end = now().saturating_add(lasts.saturating_mul(1000));
                // Parity: the login stands beside the key, for what the key alone does not open.
                let metadata = [
                    ("oauth_access", key.clone()),
                    ("oauth_expires", end.to_string()),
                    ("oauth_scopes", self.browser.scope.to_owned()),
                ];
                Ok(Credential::Api {
                    key: key.into(),
                    metadata: metadata
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect(),
                })
            }
            Brings::Code(exchange) => {
                let code = word(&brought, "code")?;
                let url = options.url(&self.issuer, exchange.url);
                let fields = [
                    ("grant_type", "authorization_code"),
                    ("code", code),
                    ("redirect_uri", &self.redirect),
                    ("client_id", &self.client_id),
                    ("code_verifier", &self.pkce.verifier),
                ];
                let tokens = token::ask(http, &url, exchange, &fields).await?;
                let mut stored = tokens.credential(exchange, None)?;
                if let Credential::Oauth {
                    account_id,
                    enterprise_url,
                    ..
                } = &mut stored
                {
                    if self.own_issuer {
                        *enterprise_url = Some(self.issuer);
                    }
                    if self.account.is_some() {
                        *account_id = self.account;
                    }
                }
                Ok(stored)
            }
        }
    }
}

fn word<'a>(brought: &'a Brought, name: &str) -> Result<&'a str, LoginError> {
    let found = brought
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty());
    found.ok_or_else(|| LoginError::Failed {
        reason: format!("the browser came back without {name}"),
    })
}

pub(super) fn filled<'a>(inputs: &'a Inputs, name: &str) -> Option<&'a str> {
    inputs
        .get(name)
        .map(|value| value.trim())
        .filter(|value| !value.is_empty())
}

/// Replaces `{name}` by an answer; `None` without an answer, or with one that would lead elsewhere.
pub(super) fn fill(text: &str, inputs: &Inputs) -> Option<String> {
    let Some((before, rest)) = text.split_once('{') else {
        return Some(text.to_owned());
    };
    let (name, after) = rest.split_once('}')?;
    let plain = |value: &&str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        value.chars().all(fits)
    };
    let value = filled(inputs, name).filter(plain)?;
    Some(format!("{before}{value}{after}"))
}
