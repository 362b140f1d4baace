//! Logging in to providers (reference `providers.md` §12).
//!
//! - [`methods`] are the ways of each provider, as rows.
//! - [`Logins`] begins a login and sees it through: `authorize` says what the user must do, `complete` waits
//!   until it is done and stores what came of it.
//! - [`refresh`] keeps tokens fresh; [`route`] says how requests go with them.
//!
//! Secrets go into `auth.json` and into requests, and nowhere else: not into the environment, not into logs.

mod attempts;
mod callback;
mod device;
mod flow;
mod logins;
pub mod method;
mod methods;
mod pkce;
pub mod refresh;
pub mod route;
mod token;

use std::collections::HashMap;

use opencode_config::Environment;
use opencode_llm::request::Message;
use opencode_llm::target::Target;
use opencode_schema::config::Config;
use serde_json::{Value, json};

pub use attempts::{Attempt, Attempts, Outcome};
pub use logins::{Authorization, Logins, Proceeding};
pub use method::{Flow, Kind, Method, Prompt};
pub use methods::METHODS;

use crate::http::HttpError;
use crate::request::Parameters;

/// What was answered to the prompts of a way to log in.
pub type Inputs = HashMap<String, String>;

/// Why a login did not come about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The provider has no ways to log in.
    #[error("{provider_id} has no way to log in but a key")]
    UnknownProvider {
        /// The provider.
        provider_id: String,
    },
    /// The provider has no such way.
    #[error("{provider_id} has no way to log in with the number {method}")]
    UnknownMethod {
        /// The provider.
        provider_id: String,
        /// Its number.
        method: usize,
    },
    /// An answer to a prompt does not fit.
    #[error("{field}: {message}")]
    Invalid {
        /// The answer.
        field: String,
        /// What is wrong with it.
        message: String,
    },
    /// No login was begun.
    #[error("no login to {provider_id} was begun")]
    NotBegun {
        /// The provider.
        provider_id: String,
    },
    /// The login ends with a code, and there is none.
    #[error("the login to {provider_id} needs a code")]
    NoCode {
        /// The provider.
        provider_id: String,
    },
    /// Too many logins go on at once.
    #[error("too many logins go on at once")]
    TooMany,
    /// A server did not do its part.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// It did not take place.
    #[error("{reason}")]
    Failed {
        /// Why.
        reason: String,
    },
}

/// Where logins go and how they take their time. The usual ones are the real ones; tests have servers of
/// their own.
#[derive(Debug, Clone)]
pub struct Options {
    /// Addresses to use instead of those in the rows.
    pub instead: HashMap<String, String>,
    /// Browsers may come back to any port, not only to that of the row.
    pub any_port: bool,
    /// What counts as a second between two questions whether the user is done.
    pub second: std::time::Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            instead: HashMap::new(),
            any_port: false,
            second: std::time::Duration::from_secs(1),
        }
    }
}

impl Options {
    /// The address that stands for one of a row.
    fn base<'a>(&'a self, base: &'a str) -> &'a str {
        self.instead
            .get(base)
            .map_or(base, String::as_str)
            .trim_end_matches('/')
    }

    /// The address of a row's path, or a whole address of a row.
    pub(crate) fn url(&self, issuer: &str, path: &str) -> String {
        if path.starts_with('/') {
            return format!("{}{path}", self.base(issuer));
        }
        match path
            .find("://")
            .and_then(|at| path.get(at + 3..)?.find('/').map(|slash| at + 3 + slash))
        {
            Some(at) => {
                let (host, path) = path.split_at(at);
                format!("{}{path}", self.base(host))
            }
            None => self.base(path).to_owned(),
        }
    }
}

/// Puts the system prompt where a target wants it (reference §9.3).
pub fn arrange(target: &Target, prompt: &mut Vec<Message>, parameters: &mut Parameters) {
    if !target.settings.instructions {
        return;
    }
    let mut words = Vec::new();
    prompt.retain_mut(|message| match message {
        Message::System { content, .. } => {
            words.push(std::mem::take(content));
            false
        }
        _ => true,
    });
    let words = words.join("\n");
    parameters.options.insert("instructions".to_owned(), words.into());
}

/// The ways of a provider.
#[must_use]
pub fn of(provider_id: &str) -> Option<&'static [Method]> {
    METHODS
        .iter()
        .find(|(id, _)| *id == provider_id)
        .map(|(_, methods)| *methods)
}

/// Whether requests can go with a login to this provider.
pub(crate) fn is_served(provider_id: &str) -> bool {
    of(provider_id).is_some_and(|methods| methods.iter().any(|method| method.kind() == Kind::Oauth))
}

/// The ways of all providers that may be used here, as HTTP clients see them: their place in the list is
/// what they send.
#[must_use]
pub fn listed(config: &Config, environment: &Environment) -> Value {
    let disabled = config.disabled_providers.as_deref().unwrap_or_default();
    let providers = METHODS
        .iter()
        .filter(|(id, _)| !disabled.iter().any(|one| one == id));
    let all = providers.map(|(id, methods)| {
        let offered = methods.iter().filter(|method| method.is_offered(environment));
        let ways = offered.map(|method| {
            let mut shown = json!({ "type": method.kind(), "label": method.label });
            let asked: Vec<_> = method.asked(environment).collect();
            if !asked.is_empty() {
                shown["prompts"] = json!(asked);
            }
            shown
        });
        ((*id).to_owned(), ways.collect())
    });
    Value::Object(all.collect())
}

/// Checks the answers to the prompts of a way. What is not asked here needs no answer.
///
/// # Errors
/// [`LoginError::Invalid`], the first that does not fit.
pub fn check(method: &Method, inputs: &Inputs, environment: &Environment) -> Result<(), LoginError> {
    for prompt in method.asked(environment) {
        let applies = |when: &method::When| inputs.get(when.key).map(String::as_str) == Some(when.value);
        if !prompt.when.as_ref().is_none_or(applies) {
            continue;
        }
        let fault = match inputs.get(prompt.key) {
            Some(answer) => prompt.rule.fault(answer),
            // Parity: an answer that is left out is left out, only a wrong one is refused.
            None => None,
        };
        if let Some(message) = fault {
            return Err(LoginError::Invalid {
                field: prompt.key.to_owned(),
                message: message.to_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
