//! What can be connected here, and what is (reference `v2.md` §12): providers that take a key or a login.

use opencode_config::credential;
use opencode_schema::listing::{ConnectionInfo, IntegrationInfo, IntegrationMethod};
use serde_json::json;

use crate::{Catalog, login};

impl Catalog {
    /// Everything that can be connected, by name.
    #[must_use]
    pub fn integrations(&self) -> Vec<IntegrationInfo> {
        let stored = credential::connections(&self.sources.paths, &self.sources.environment);
        let public = self.snapshot().heads().map(|(id, _)| id.to_owned());
        let configured = self.sources.config.provider.iter().flatten();
        let own = configured
            .map(|(id, _)| id.clone())
            .filter(|id| self.snapshot().heads().all(|(public, _)| public != id));
        let ids: Vec<String> = public.chain(own).collect();
        let mut all: Vec<IntegrationInfo> = ids
            .iter()
            .filter_map(|id| self.connectable(id, &stored))
            .collect();
        all.sort_by_cached_key(|integration| integration.name.to_lowercase());
        all
    }

    /// One of them.
    #[must_use]
    pub fn integration(&self, id: &str) -> Option<IntegrationInfo> {
        let stored = credential::connections(&self.sources.paths, &self.sources.environment);
        self.connectable(id, &stored)
    }

    fn connectable(&self, id: &str, stored: &[credential::Connection]) -> Option<IntegrationInfo> {
        let environment = &self.sources.environment;
        let head = self.snapshot().heads().find(|(public, _)| *public == id);
        let head = head.map(|(_, head)| head);
        let config = self.sources.config.provider.as_ref().and_then(|all| all.get(id));
        let names = config
            .and_then(|config| config.env.as_ref())
            .or(head.map(|head| &head.env));
        // Parity: v2.md §12, an own provider is connected by the variables that configuration names.
        let names = names.filter(|names| head.is_some() || !names.is_empty())?;
        let name = config
            .and_then(|config| config.name.as_deref())
            .or(head.map(|head| head.name.as_str()));
        let mut methods = Vec::new();
        if head.is_some() {
            methods.push(IntegrationMethod::Key {});
        }
        if !names.is_empty() {
            methods.push(IntegrationMethod::Env { names: names.clone() });
        }
        let ways = login::of(id).unwrap_or_default().iter();
        let logins = ways.filter(|way| way.kind() == login::Kind::Oauth && way.is_offered(environment));
        methods.extend(logins.map(|way| IntegrationMethod::Oauth {
            id: way.id.to_owned(),
            label: way.label.to_owned(),
            prompts: way.asked(environment).map(|prompt| json!(prompt)).collect(),
        }));
        let credentials = stored.iter().filter(|connection| connection.integration == id);
        let credentials = credentials.map(|connection| ConnectionInfo::Credential {
            id: connection.id.clone(),
            label: connection.label.clone(),
        });
        let set = names.iter().filter(|name| environment.get(name).is_some());
        let set = set.map(|name| ConnectionInfo::Env { name: name.clone() });
        Some(IntegrationInfo {
            id: id.to_owned(),
            name: name.unwrap_or(id).to_owned(),
            methods,
            connections: credentials.chain(set).collect(),
        })
    }
}
