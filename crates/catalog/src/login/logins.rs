//! Logins that are going on (reference `providers.md` §12.6): one a provider, each with a limit in time.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use opencode_config::credential::{self, Credential};
use opencode_config::{Environment, Paths};
use opencode_llm::identity::{AZURE_SERVICES, Azure};
use opencode_schema::time::{Millis, now};
use serde::Serialize;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::method::Flow;
use super::{Inputs, LoginError, Options, check, device, flow, of};
use crate::http::Http;

/// What stands where a token would, as in the reference's file.
const NO_TOKEN: &str = "opencode-oauth-dummy-key";
const YEAR: Millis = 31_536_000_000;

/// Logins that are going on. Cheap to clone.
#[derive(Clone)]
pub struct Logins {
    paths: Paths,
    environment: Environment,
    options: Options,
    http: Http,
    begun: Arc<Mutex<HashMap<String, Begun>>>,
}

struct Begun {
    method: usize,
    task: JoinHandle<Result<Credential, LoginError>>,
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the user must do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Authorization {
    /// The page to open.
    pub url: String,
    /// How it ends.
    pub method: Proceeding,
    /// What the user is told.
    pub instructions: String,
}

/// How a login ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Proceeding {
    /// It is noticed.
    Auto,
    /// The user brings a code.
    Code,
}

impl Logins {
    /// Nothing is going on yet.
    #[must_use]
    pub fn new(paths: Paths, environment: Environment, options: Options) -> Self {
        Self {
            paths,
            environment,
            options,
            http: Http::default(),
            begun: Arc::default(),
        }
    }

    /// Begins a login; one that goes on to the same provider is given up. `None`: the way needs nothing but a
    /// key.
    ///
    /// # Errors
    /// There is no such way, an answer does not fit, or the provider does not answer.
    pub async fn authorize(
        &self,
        provider_id: &str,
        method: usize,
        inputs: &Inputs,
    ) -> Result<Option<Authorization>, LoginError> {
        let methods = of(provider_id).ok_or_else(|| LoginError::UnknownProvider {
            provider_id: provider_id.to_owned(),
        })?;
        let way = methods.get(method).ok_or_else(|| LoginError::UnknownMethod {
            provider_id: provider_id.to_owned(),
            method,
        })?;
        check(way, inputs, &self.environment)?;
        let before = self.begun().remove(provider_id);
        if let Some(mut before) = before {
            before.task.abort();
            // It has a port, which is free when it has ended.
            let _ = (&mut before.task).await;
        }
        let (http, options) = (self.http.clone(), self.options.clone());
        let (url, instructions, task) = match &way.flow {
            Flow::Key => return Ok(None),
            Flow::AzureCli => {
                let program = crate::azure::program(&self.environment);
                let program = program.ok_or_else(|| LoginError::Failed {
                    reason: "Azure's command line (az) is not there".to_owned(),
                })?;
                let named = flow::filled(inputs, "resourceName").map(str::to_owned);
                let resource =
                    named.or_else(|| self.environment.get("AZURE_RESOURCE_NAME").map(str::to_owned));
                let resource = resource.ok_or_else(|| LoginError::Invalid {
                    field: "resourceName".to_owned(),
                    message: "Required".to_owned(),
                })?;
                let told = "Sign in with `az login` before continuing.".to_owned();
                (String::new(), told, tokio::spawn(azure_cli(program, resource)))
            }
            Flow::Browser(browser) => {
                let waiting = flow::begin(browser, inputs, &self.environment, &options).await?;
                let url = waiting.url.clone();
                let task = tokio::spawn(async move { Box::pin(waiting.finish(&http, &options)).await });
                (url, browser.instructions.to_owned(), task)
            }
            Flow::Device(_) | Flow::Headless => {
                let waiting = match &way.flow {
                    Flow::Device(device) => device::begin(device, inputs, &http, &options).await?,
                    _ => device::begin_headless(&http, &options).await?,
                };
                let (url, told) = (waiting.url.clone(), format!("Enter code: {}", waiting.code));
                let task = tokio::spawn(async move { Box::pin(waiting.finish(&http, &options)).await });
                (url, told, task)
            }
        };
        self.begun()
            .insert(provider_id.to_owned(), Begun { method, task });
        Ok(Some(Authorization {
            url,
            method: Proceeding::Auto,
            instructions,
        }))
    }

    /// Waits until a login is done and stores what came of it.
    ///
    /// # Errors
    /// None was begun that way, it failed, or it cannot be stored.
    pub async fn complete(&self, provider_id: &str, method: usize) -> Result<(), LoginError> {
        let credential = self.end(provider_id, method).await?;
        self.store(provider_id, &credential).await
    }

    /// Waits until a login is done; gives what came of it.
    pub(super) async fn end(&self, provider_id: &str, method: usize) -> Result<Credential, LoginError> {
        let not_begun = || LoginError::NotBegun {
            provider_id: provider_id.to_owned(),
        };
        let mut begun = {
            let mut all = self.begun();
            let begun = all.remove(provider_id).ok_or_else(not_begun)?;
            if begun.method != method {
                all.insert(provider_id.to_owned(), begun);
                return Err(not_begun());
            }
            begun
        };
        (&mut begun.task).await.map_err(|error| LoginError::Failed {
            reason: format!("the login was given up: {error}"),
        })?
    }

    /// Stores a credential.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn store(&self, provider_id: &str, credential: &Credential) -> Result<(), LoginError> {
        let (id, entry) = (provider_id.to_owned(), credential.to_entry());
        self.written(move |paths| credential::put(paths, &id, Some(entry)))
            .await
    }

    /// Stores a credential under a label.
    ///
    /// # Errors
    /// A file cannot be written.
    pub async fn connect(
        &self,
        integration: &str,
        credential: &Credential,
        label: Option<String>,
    ) -> Result<(), LoginError> {
        self.connect_entry(integration, credential.to_entry(), label)
            .await
    }

    /// Stores an entry of `auth.json` under a label, with all that is in it.
    ///
    /// # Errors
    /// It is no credential, or a file cannot be written.
    pub async fn connect_entry(
        &self,
        integration: &str,
        entry: Value,
        label: Option<String>,
    ) -> Result<(), LoginError> {
        credential::check(&entry).map_err(|error| LoginError::Failed {
            reason: format!("what came of the login is no credential: {error}"),
        })?;
        let id = integration.to_owned();
        self.written(move |paths| credential::connect(paths, &id, entry, label.as_deref()))
            .await
    }

    async fn written(
        &self,
        write: impl FnOnce(&Paths) -> io::Result<()> + Send + 'static,
    ) -> Result<(), LoginError> {
        let paths = self.paths.clone();
        let written = tokio::task::spawn_blocking(move || write(&paths)).await;
        let failed = |reason: String| LoginError::Failed {
            reason: format!("the login cannot be stored: {reason}"),
        };
        written
            .map_err(|error| failed(error.to_string()))?
            .map_err(|error| failed(error.to_string()))
    }

    fn begun(&self) -> std::sync::MutexGuard<'_, HashMap<String, Begun>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A login to Azure's command line: the token is not stored, each request asks for it.
async fn azure_cli(program: PathBuf, resource: String) -> Result<Credential, LoginError> {
    let azure = Azure {
        program,
        scope: AZURE_SERVICES,
    };
    azure
        .check()
        .await
        .map_err(|reason| LoginError::Failed { reason })?;
    Ok(Credential::Oauth {
        refresh: NO_TOKEN.into(),
        access: NO_TOKEN.into(),
        expires: now().saturating_add(YEAR),
        account_id: Some(resource),
        enterprise_url: None,
    })
}

impl std::fmt::Debug for Logins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logins").finish_non_exhaustive()
    }
}
