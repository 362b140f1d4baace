//! Logins that the plugins of a location offer (reference `plugins.md` §5), with what comes of them in `auth.json`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, MutexGuard, PoisonError};

use opencode_catalog::login::{Authorization, Inputs, LoginError, Proceeding};
use opencode_config::credential;
use opencode_plugin::{Authorization as Begun, Error, Login, LoginKind, LoginMethod, Page, Prompting, Way};
use opencode_schema::Object;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Held;
use crate::Location;

/// How a page says that the user brings a code from it.
const BY_CODE: &str = "code";

/// The logins of a location's plugins. A cheap handle, which holds the plugins.
#[derive(Clone)]
pub struct PluginLogins {
    held: Option<Arc<Held>>,
    paths: opencode_config::Paths,
    logins: Arc<[Login]>,
}

/// Pages that users were sent to, by provider: the newest of each.
pub(crate) type Pages = HashMap<String, Page>;

impl Location {
    /// The logins that its plugins offer, to providers that may be used here.
    #[must_use]
    pub fn plugin_logins(&self) -> PluginLogins {
        let held = self.hooks.0.clone();
        let all = held.as_ref().map(|held| held.plugins.logins());
        let allowed = all.iter().flat_map(|all| all.iter());
        PluginLogins {
            logins: allowed
                .filter(|login| self.catalog.is_allowed(&login.provider))
                .cloned()
                .collect(),
            paths: self.paths().clone(),
            held,
        }
    }
}

impl PluginLogins {
    /// The providers, in the order of the plugins.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.logins.iter().map(|login| login.provider.as_str())
    }

    /// The ways to log in to a provider, which stand for all of ours. One of a kind that nobody knows ends the list:
    /// the places of the others stay.
    #[must_use]
    pub fn methods(&self, provider: &str) -> Option<&[LoginMethod]> {
        let login = self.logins.iter().find(|login| login.provider == provider)?;
        let methods = login.methods.as_slice();
        let known = methods
            .iter()
            .take_while(|method| method.kind != LoginKind::Other);
        methods.get(..known.count())
    }

    /// The ways by provider, as HTTP clients see them.
    #[must_use]
    pub fn listed(&self) -> Object {
        let of = |provider: &str| {
            let methods = self.methods(provider).unwrap_or_default().iter();
            let shown = methods.map(|method| {
                let mut shown = json!({ "type": kind(method), "label": method.label });
                if !method.prompts.is_empty() {
                    shown["prompts"] = method.prompts.iter().filter_map(prompt).collect();
                }
                shown
            });
            shown.collect::<Value>()
        };
        self.providers()
            .map(|provider| (provider.to_owned(), of(provider)))
            .collect()
    }

    /// What the plugin says of a question of a way, after these answers.
    ///
    /// # Errors
    /// It threw, or there is no answer.
    pub async fn prompt(
        &self,
        provider: &str,
        method: usize,
        prompt: usize,
        inputs: &Inputs,
    ) -> Result<Prompting, LoginError> {
        let held = self.held(provider)?;
        let (inputs, never) = (sorted(inputs), CancellationToken::new());
        let asked = held.plugins.prompt(provider, method, prompt, &inputs, &never);
        asked.await.map_err(|error| failed(&error))
    }

    /// Begins a login; one that goes on to the same provider is given up. Nothing where the way gives no tokens.
    ///
    /// # Errors
    /// There is no such way, an answer does not fit, or the plugin threw.
    pub async fn authorize(
        &self,
        provider: &str,
        method: usize,
        inputs: &Inputs,
    ) -> Result<Option<Authorization>, LoginError> {
        let way = self.way(provider, method)?;
        if way.kind != LoginKind::Oauth {
            return Ok(None);
        }
        self.check(provider, method, inputs).await?;
        let page = match self.begin(provider, method, inputs).await? {
            Begun::Page(page) => page,
            Begun::Done(_) => return Err(no_credential(provider)),
        };
        let authorization = shown(&page);
        self.held(provider)?.pages().insert(provider.to_owned(), page);
        Ok(Some(authorization))
    }

    /// Waits for the end of the login that was begun last; gives what is to be stored, and for which provider by the
    /// plugin's word. After a code that was wrong another may be brought.
    ///
    /// # Errors
    /// None was begun, it needs a code, or it failed.
    pub async fn end(&self, provider: &str, code: Option<&str>) -> Result<PluginCredential, LoginError> {
        let held = self.held(provider)?;
        let page = held.pages().get(provider).cloned();
        let page = page.ok_or_else(|| LoginError::NotBegun {
            provider_id: provider.to_owned(),
        })?;
        let code = Some(page.mode.as_str()).filter(|mode| *mode == BY_CODE).and(code);
        if page.mode == BY_CODE && code.is_none() {
            return Err(LoginError::NoCode {
                provider_id: provider.to_owned(),
            });
        }
        let never = CancellationToken::new();
        let outcome = held.plugins.callback(page.id, code, &never).await;
        let credential = PluginCredential::of(provider, outcome.map_err(|error| failed(&error))?)?;
        let mut pages = held.pages();
        if pages.get(provider).is_some_and(|newest| newest.id == page.id) {
            pages.remove(provider);
        }
        Ok(credential)
    }

    /// Lets the plugin make a key of what was answered; nothing where it leaves that to us.
    ///
    /// # Errors
    /// There is no such way, or the plugin threw or made no key.
    pub async fn key(
        &self,
        provider: &str,
        method: usize,
        inputs: &Inputs,
    ) -> Result<Option<PluginCredential>, LoginError> {
        if !self.way(provider, method)?.authorizes {
            return Ok(None);
        }
        match self.begin(provider, method, inputs).await? {
            Begun::Done(outcome) => PluginCredential::of(provider, outcome).map(Some),
            Begun::Page(_) => Err(no_credential(provider)),
        }
    }

    /// Stores what came of a login.
    ///
    /// # Errors
    /// It is no credential, or cannot be written.
    pub async fn store(&self, provider: &str, entry: Value) -> Result<(), LoginError> {
        credential::check(&entry).map_err(|_| no_credential(provider))?;
        let (paths, id) = (self.paths.clone(), provider.to_owned());
        let written = tokio::task::spawn_blocking(move || credential::put(&paths, &id, Some(entry))).await;
        let failed = |reason: String| LoginError::Failed {
            reason: format!("the login cannot be stored: {reason}"),
        };
        written
            .map_err(|error| failed(error.to_string()))?
            .map_err(|error| failed(error.to_string()))
    }

    async fn begin(&self, provider: &str, method: usize, inputs: &Inputs) -> Result<Begun, LoginError> {
        let way = Way::Provider {
            provider: provider.to_owned(),
            method,
        };
        let (inputs, never) = (sorted(inputs), CancellationToken::new());
        let asked = self.held(provider)?.plugins.authorize(&way, &inputs, &never);
        asked.await.map_err(|error| failed(&error))
    }

    /// Checks the answers to questions in words.
    async fn check(&self, provider: &str, method: usize, inputs: &Inputs) -> Result<(), LoginError> {
        let prompts = &self.way(provider, method)?.prompts;
        for (place, prompt) in prompts.iter().enumerate() {
            let key = prompt["key"].as_str().unwrap_or_default();
            if prompt["type"] != "text" || !inputs.contains_key(key) {
                continue;
            }
            if let Some(message) = self.prompt(provider, method, place, inputs).await?.problem {
                return Err(LoginError::Invalid {
                    field: key.to_owned(),
                    message,
                });
            }
        }
        Ok(())
    }

    fn way(&self, provider: &str, method: usize) -> Result<&LoginMethod, LoginError> {
        let methods = self
            .methods(provider)
            .ok_or_else(|| LoginError::UnknownProvider {
                provider_id: provider.to_owned(),
            })?;
        methods.get(method).ok_or_else(|| LoginError::UnknownMethod {
            provider_id: provider.to_owned(),
            method,
        })
    }

    pub(super) fn held(&self, provider: &str) -> Result<&Arc<Held>, LoginError> {
        self.held.as_ref().ok_or_else(|| LoginError::UnknownProvider {
            provider_id: provider.to_owned(),
        })
    }
}

/// What the user must do.
pub(super) fn shown(page: &Page) -> Authorization {
    Authorization {
        url: page.url.clone(),
        method: if page.mode == BY_CODE {
            Proceeding::Code
        } else {
            Proceeding::Auto
        },
        instructions: page.instructions.clone(),
    }
}

impl Held {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a login of a plugin gave.
#[derive(Clone, PartialEq)]
pub struct PluginCredential {
    /// The provider that it is for, as the plugin says; else the one that was logged in to.
    pub provider: String,
    /// The entry of `auth.json`. It holds secrets.
    pub entry: Value,
}

impl PluginCredential {
    /// Tokens with all that the plugin says of them, or a key.
    fn of(provider: &str, outcome: Value) -> Result<Self, LoginError> {
        let Value::Object(mut outcome) = outcome else {
            return Err(not_successful(provider));
        };
        if outcome.shift_remove("type").as_ref().and_then(Value::as_str) != Some("success") {
            return Err(not_successful(provider));
        }
        let named = outcome.shift_remove("provider");
        let named = named.as_ref().and_then(Value::as_str).unwrap_or(provider);
        let entry = if outcome.contains_key("refresh") {
            outcome.insert("type".to_owned(), "oauth".into());
            outcome
        } else if let Some(key) = outcome.shift_remove("key") {
            let mut entry = Object::new();
            entry.insert("type".to_owned(), "api".into());
            entry.insert("key".to_owned(), key);
            entry.extend(
                outcome
                    .shift_remove("metadata")
                    .map(|facts| ("metadata".to_owned(), facts)),
            );
            entry
        } else {
            return Err(no_credential(provider));
        };
        let entry = Value::Object(entry);
        credential::check(&entry).map_err(|_| no_credential(provider))?;
        Ok(Self {
            provider: named.to_owned(),
            entry,
        })
    }
}

impl std::fmt::Debug for PluginCredential {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PluginCredential")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

pub(super) fn sorted(inputs: &Inputs) -> BTreeMap<String, String> {
    inputs.clone().into_iter().collect()
}

fn kind(method: &LoginMethod) -> &'static str {
    match method.kind {
        LoginKind::Oauth => "oauth",
        LoginKind::Api | LoginKind::Other => "api",
    }
}

/// A question as HTTP clients know it.
fn prompt(prompt: &Value) -> Option<Value> {
    const FIELDS: [&str; 6] = ["type", "key", "message", "placeholder", "options", "when"];
    let fields = prompt.as_object()?.iter();
    let known = fields.filter(|(name, _)| FIELDS.contains(&name.as_str()));
    let known = known.map(|(name, content)| (name.clone(), content.clone()));
    Some(Value::Object(known.collect()))
}

pub(super) fn failed(error: &Error) -> LoginError {
    LoginError::Failed {
        reason: error.to_string(),
    }
}

fn not_successful(provider: &str) -> LoginError {
    LoginError::Failed {
        reason: format!("{provider} was not logged in to"),
    }
}

fn no_credential(provider: &str) -> LoginError {
    LoginError::Failed {
        reason: format!("the plugin gave nothing for {provider} that can be stored"),
    }
}
