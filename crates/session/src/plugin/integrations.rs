//! What can be connected, as plugins transform it, and the logins that they bring for it (reference `v2.md` §12, §14
//! row 31).

use std::sync::Arc;

use opencode_catalog::login::{Authorization, Inputs, LoginError};
use opencode_config::credential;
use opencode_plugin::{Authorization as Begun, Draft, Way};
use opencode_schema::listing::{ConnectionInfo, IntegrationInfo, IntegrationMethod};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::logins::{PluginLogins, failed, shown, sorted};
use crate::{Error, Location};

impl Location {
    /// Everything that can be connected, by name, as its plugins want it.
    ///
    /// # Errors
    /// The catalogue could not be read.
    pub async fn integrations(&self) -> Result<Vec<IntegrationInfo>, Error> {
        let own = self.own_integrations().await?;
        let list = || state(&own);
        let transformed = self.plugins.transformed(&self.hooks, Draft::Integration, list);
        let Some((_, made)) = transformed.await else {
            return Ok(own);
        };
        let (paths, environment) = (self.paths.clone(), self.environment.clone());
        let stored = tokio::task::spawn_blocking(move || credential::connections(&paths, &environment));
        let stored = stored.await.map_err(|error| Error::Broken(error.to_string()))?;
        let ids = made.get("integrations").and_then(Value::as_array);
        let all = ids.into_iter().flatten().filter_map(|integration| {
            let id = integration.get("id")?.as_str()?;
            let connections = || {
                let of = stored.iter().filter(|connection| connection.integration == id);
                let shown = of.map(|connection| ConnectionInfo::Credential {
                    id: connection.id.clone(),
                    label: connection.label.clone(),
                });
                shown.collect()
            };
            let known = own.iter().find(|known| known.id == id);
            Some(IntegrationInfo {
                id: id.to_owned(),
                name: integration.get("name")?.as_str()?.to_owned(),
                methods: methods(made.get("methods").and_then(|methods| methods.get(id))),
                connections: known.map_or_else(connections, |known| known.connections.clone()),
            })
        });
        let mut all: Vec<IntegrationInfo> = all.collect();
        all.sort_by_cached_key(|integration| integration.name.to_lowercase());
        Ok(all)
    }

    /// Whether a login is that of a plugin: we have none of this name that is told in the same way.
    ///
    /// # Errors
    /// The catalogue could not be read.
    pub async fn is_plugin_login(&self, integration: &str, login: &IntegrationMethod) -> Result<bool, Error> {
        let own = self.own_integrations().await?;
        let own = own.into_iter().find(|own| own.id == integration);
        Ok(own.is_none_or(|own| !own.methods.contains(login)))
    }

    async fn own_integrations(&self) -> Result<Vec<IntegrationInfo>, Error> {
        let catalog = Arc::clone(&self.catalog);
        let listed = tokio::task::spawn_blocking(move || catalog.integrations()).await;
        listed.map_err(|error| Error::Broken(error.to_string()))
    }
}

/// The state that plugins transform.
fn state(integrations: &[IntegrationInfo]) -> Value {
    let refs = integrations.iter();
    let refs = refs.map(|integration| json!({ "id": integration.id, "name": integration.name }));
    let methods = integrations.iter();
    let methods = methods.map(|integration| (integration.id.clone(), json!(integration.methods)));
    json!({ "integrations": refs.collect::<Value>(), "methods": Value::Object(methods.collect()) })
}

/// Ways to connect something. What is none is left out.
fn methods(list: Option<&Value>) -> Vec<IntegrationMethod> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|method| serde_json::from_value(method.clone()).ok())
        .collect()
}

impl PluginLogins {
    /// Begins a login that a transformation brought; gives its page for [`PluginLogins::end_integration`].
    ///
    /// # Errors
    /// There is no such login, or the plugin threw.
    pub async fn begin_integration(
        &self,
        integration: &str,
        method: &str,
        inputs: &Inputs,
    ) -> Result<(u64, Authorization), LoginError> {
        let way = Way::Integration {
            integration: integration.to_owned(),
            method: method.to_owned(),
        };
        let (inputs, never) = (sorted(inputs), CancellationToken::new());
        let begun = self.held(integration)?.plugins.authorize(&way, &inputs, &never);
        match begun.await.map_err(|error| failed(&error))? {
            Begun::Page(page) => Ok((page.id, shown(&page))),
            Begun::Done(_) => Err(LoginError::Failed {
                reason: format!("the plugin has no page to log in to {integration}"),
            }),
        }
    }

    /// Waits for the end of such a login; gives the entry of `auth.json`.
    ///
    /// # Errors
    /// It failed.
    pub async fn end_integration(
        &self,
        integration: &str,
        page: u64,
        code: Option<&str>,
    ) -> Result<Value, LoginError> {
        let never = CancellationToken::new();
        let ended = self.held(integration)?.plugins.callback(page, code, &never).await;
        ended.map_err(|error| failed(&error))
    }
}
