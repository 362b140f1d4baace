//! Logins that plugins offer, and what they make of credentials (reference `plugins.md` §5; the methods of
//! integrations of the newer interface).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use opencode_schema::Object;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{Error, Plugins};

/// How long a plugin may take to begin a login, or to say something of a provider.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a user may take to log in.
const LOGIN_LIMIT: Duration = Duration::from_secs(15 * 60);

/// What a plugin has for the credentials of a provider (`auth`).
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Login {
    /// Id of the plugin.
    pub plugin: String,
    /// Id of the provider.
    pub provider: String,
    /// Ways to log in, in the order of the plugin.
    pub methods: Vec<LoginMethod>,
    /// Whether it adds options to the provider ([`Plugins::load`]).
    pub loads: bool,
}

/// A way to log in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct LoginMethod {
    /// What it gives.
    #[serde(rename = "type")]
    pub kind: LoginKind,
    /// What users are shown.
    pub label: String,
    /// What is asked before, without the functions of it (see [`Plugins::prompt`]).
    pub prompts: Vec<Value>,
    /// Whether the plugin has something to do for it. A key that is only asked for is stored as it is.
    pub authorizes: bool,
}

/// What a way to log in gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoginKind {
    /// Tokens.
    Oauth,
    /// A key.
    Api,
    /// What this program does not know.
    #[serde(other)]
    Other,
}

/// Which way is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// A method of [`Login::methods`].
    Provider {
        /// Id of the provider.
        provider: String,
        /// Its place in the list.
        method: usize,
    },
    /// A method that a transformation of integrations brought.
    Integration {
        /// Id of the integration.
        integration: String,
        /// Id of the method.
        method: String,
    },
}

/// What a plugin says of a question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Prompting {
    /// Whether it is asked at all after the answers so far.
    pub asked: bool,
    /// What is wrong with its answer, if it has one.
    pub problem: Option<String>,
}

/// A login that a plugin began.
#[derive(Clone, Debug, PartialEq)]
pub enum Authorization {
    /// A page that the user visits.
    Page(Page),
    /// It is done: `{type: "success" | "failed", …}`.
    Done(Value),
}

/// A page that the user visits.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Page {
    /// For [`Plugins::callback`].
    pub id: u64,
    /// Its address.
    pub url: String,
    /// What the user does there.
    pub instructions: String,
    /// How the login ends: `auto`, or `code` where the user brings one from there.
    pub mode: String,
}

/// What a plugin adds to a provider.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Loaded {
    /// Options, without functions.
    pub options: Object,
    /// Where requests are sent in place of the provider, the address that they are for in [`Loaded::TARGET`]. Secret;
    /// on this machine; as long as the plugins run.
    pub fetch: Option<String>,
}

impl Loaded {
    /// The header that says which address a request is for.
    pub const TARGET: &str = "x-opencode-target";
}

/// Where plugins find credentials while they run.
pub trait Credentials: Send + Sync {
    /// That of a provider as `auth.json` has it now, if there is one.
    fn of<'a>(&'a self, provider: &'a str) -> BoxFuture<'a, Option<Value>>;
}

impl Plugins {
    /// What plugins have for credentials; of several for one provider the last counts.
    #[must_use]
    pub fn logins(&self) -> Arc<[Login]> {
        self.link().map_or_else(|| Arc::from([]), |link| link.logins())
    }

    /// What a plugin says of a question of a method, after these answers.
    ///
    /// # Errors
    /// It threw, or there is no answer.
    pub async fn prompt(
        &self,
        provider: &str,
        method: usize,
        prompt: usize,
        inputs: &BTreeMap<String, String>,
        cancel: &CancellationToken,
    ) -> Result<Prompting, Error> {
        let params = json!({"provider": provider, "method": method, "prompt": prompt, "inputs": inputs});
        let answer = self.question("prompt", &params, LIMIT, cancel).await?;
        Ok(serde_json::from_value(answer).unwrap_or_default())
    }

    /// Begins a login.
    ///
    /// # Errors
    /// It threw, or there is no answer.
    pub async fn authorize(
        &self,
        way: &Way,
        inputs: &BTreeMap<String, String>,
        cancel: &CancellationToken,
    ) -> Result<Authorization, Error> {
        let mut params = way.to_wire();
        params["inputs"] = json!(inputs);
        let begun = self.question("authorize", &params, LIMIT, cancel).await?;
        if let Some(outcome) = begun.get("outcome") {
            return Ok(Authorization::Done(outcome.clone()));
        }
        match serde_json::from_value(begun) {
            Ok(page) => Ok(Authorization::Page(page)),
            Err(error) => Err(Error::Thrown {
                message: format!("the plugin began a login that makes no sense: {error}"),
            }),
        }
    }

    /// Waits for the end of a login; what comes of it is as in [`Authorization::Done`], for an integration its
    /// credential.
    ///
    /// # Errors
    /// It threw, or there is no answer.
    pub async fn callback(
        &self,
        page: u64,
        code: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<Value, Error> {
        let params = json!({"id": page, "code": code});
        self.question("callback", &params, LOGIN_LIMIT, cancel).await
    }

    /// What the plugin of a provider adds to it (`loader`). It may ask for the credential again later, for as long as
    /// plugins run.
    ///
    /// # Errors
    /// It threw, or there is no answer.
    pub async fn load(
        &self,
        provider: &str,
        info: Value,
        credentials: Arc<dyn Credentials>,
        cancel: &CancellationToken,
    ) -> Result<Loaded, Error> {
        let Some(link) = self.link() else {
            return Ok(Loaded::default());
        };
        link.lend(provider, credentials);
        let params = json!({"provider": provider, "info": info});
        let loaded = self.question("loader", &params, LIMIT, cancel).await?;
        serde_json::from_value(loaded).map_err(|error| Error::Thrown {
            message: format!("the plugin of {provider} loads what makes no sense: {error}"),
        })
    }

    /// Whether a plugin lists the models of a provider (`provider.models`).
    #[must_use]
    pub fn lists(&self, provider: &str) -> bool {
        self.link().is_some_and(|link| link.lists(provider))
    }

    /// The providers whose models plugins list.
    #[must_use]
    pub fn listers(&self) -> Vec<String> {
        self.link().map(|link| link.listers()).unwrap_or_default()
    }

    /// The models of a provider by id, as plugins list them.
    ///
    /// # Errors
    /// A plugin threw, or there is no answer.
    pub async fn models(
        &self,
        provider: &str,
        info: Value,
        credential: Option<Value>,
        cancel: &CancellationToken,
    ) -> Result<Value, Error> {
        let params = json!({"provider": provider, "info": info, "credential": credential});
        self.question("models", &params, LIMIT, cancel).await
    }

    async fn question(
        &self,
        method: &str,
        params: &Value,
        limit: Duration,
        cancel: &CancellationToken,
    ) -> Result<Value, Error> {
        match self.link() {
            Some(link) => link.ask(method, method, params, limit, cancel).await,
            None => Err(Error::Thrown {
                message: "no plugin does this".to_owned(),
            }),
        }
    }
}

impl Way {
    fn to_wire(&self) -> Value {
        match self {
            Self::Provider { provider, method } => json!({"provider": provider, "method": method}),
            Self::Integration { integration, method } => {
                json!({"integration": integration, "method": method})
            }
        }
    }
}
