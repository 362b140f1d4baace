//! Providers and models as `/api` lists them (reference `v2.md` §12): what configuration says of them, with
//! the public catalogue below it. No credential is in it.

use std::cmp::Reverse;
use std::sync::Arc;

use indexmap::IndexSet;
use opencode_schema::Object;
use opencode_schema::config::{ModelConfig, ProviderConfig};
use opencode_schema::listing::{
    Abilities, Extras, Interface, ModelInfo, ModelInterface, ProviderInfo, Release, VariantInfo, prices,
};
use opencode_schema::model::{Modalities, Model, Provider};
use opencode_schema::time;
use serde_json::Value;

use crate::Catalog;
use crate::addition;
use crate::convert::{self, DEFAULT_ADAPTER};
use crate::snapshot::ProviderEntry;

/// Options that are no settings of the adapter.
const ADDRESS: &str = "baseURL";
const HEADERS: &str = "headers";

impl Catalog {
    /// The connected providers, those of the public catalogue first.
    pub fn listed_providers(&self) -> Vec<ProviderInfo> {
        let there = self.in_order().into_iter();
        there.map(|provider| self.shown(&provider)).collect()
    }

    /// One of the providers that may be used here, connected or not.
    pub fn listed_provider(&self, id: &str) -> Option<ProviderInfo> {
        let provider = self.provider(id).or_else(|| {
            let entry = self.snapshot().provider(id).filter(|_| self.is_allowed(id))?;
            Some(Arc::new(convert::provider(id, &entry)))
        })?;
        Some(self.shown(&provider))
    }

    /// The models of connected providers, the newest first.
    pub fn listed_models(&self) -> Vec<ModelInfo> {
        let there = self.in_order().into_iter();
        let mut models: Vec<ModelInfo> = there.flat_map(|provider| self.models_of(&provider)).collect();
        models.sort_by_key(|model| Reverse(model.time.released));
        models
    }

    fn in_order(&self) -> Vec<Arc<Provider>> {
        let connected: IndexSet<String> = self.connected().into_iter().collect();
        let public: IndexSet<String> = self.snapshot().heads().map(|(id, _)| id.to_owned()).collect();
        let ids = public
            .intersection(&connected)
            .chain(connected.difference(&public));
        ids.filter_map(|id| self.provider(id)).collect()
    }

    fn configured(&self, provider_id: &str) -> Option<&ProviderConfig> {
        self.sources.config.provider.as_ref()?.get(provider_id)
    }

    fn shown(&self, provider: &Provider) -> ProviderInfo {
        let public = self.snapshot().provider(&provider.id);
        self.shown_beside(provider, public.as_ref())
    }

    fn shown_beside(&self, provider: &Provider, public: Option<&ProviderEntry>) -> ProviderInfo {
        let config = self.configured(&provider.id);
        let configured = config.and_then(|config| config.options.as_ref());
        let own_adapter = config.and_then(|config| config.npm.clone());
        let head = public.map(|entry| &entry.head);
        let address = configured.and_then(|options| options.get(ADDRESS)?.as_str());
        let url = address
            .or_else(|| config?.api.as_deref())
            .or_else(|| head?.api.as_deref());
        let mut options = configured.cloned().unwrap_or_default();
        options.retain(|key, _| key != ADDRESS && key != HEADERS);
        // What is said of an adapter of one's own is for the adapter, else it goes with requests.
        let (settings, body) = if own_adapter.is_some() || head.is_none() {
            (Some(options), Object::new())
        } else {
            (None, options)
        };
        let package = own_adapter.or_else(|| head?.npm.clone());
        let headers = provider.options.get(HEADERS).and_then(Value::as_object);
        // What is made of a credential may hold it.
        let secret = addition::loading(&provider.id, &self.sources);
        let secret = secret.and_then(|loading| loading.options.get(HEADERS)?.as_object());
        let texts = headers
            .into_iter()
            .flatten()
            .filter(|(name, _)| secret.is_none_or(|secret| !secret.contains_key(*name)))
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        ProviderInfo {
            id: provider.id.clone(),
            name: provider.name.clone(),
            api: Interface::Aisdk {
                package: package.unwrap_or_else(|| DEFAULT_ADAPTER.to_owned()),
                url: url.filter(|url| !url.is_empty()).map(str::to_owned),
                settings,
            },
            request: Extras {
                headers: texts.collect(),
                body,
            },
        }
    }

    fn models_of(&self, provider: &Arc<Provider>) -> Vec<ModelInfo> {
        let public = self.snapshot().provider(&provider.id);
        let public = public.as_ref();
        let shown = self.shown_beside(provider, public);
        let config = self.configured(&provider.id);
        let models = provider.models.values().map(|model| {
            // Parity: v2.md §12, of a model that only configuration knows nothing is supposed.
            let said = config.and_then(|config| config.models.as_ref()?.get(&model.id));
            let is_public = public.is_some_and(|entry| {
                entry.models.contains_key(&model.id) || entry.models.contains_key(&model.api.id)
            });
            of_model(model, &shown, said.filter(|_| !is_public), config)
        });
        models.collect()
    }
}

/// A model; `said` is what configuration says of it when nobody else knows it.
fn of_model(
    model: &Model,
    provider: &ProviderInfo,
    said: Option<&ModelConfig>,
    config: Option<&ProviderConfig>,
) -> ModelInfo {
    let Interface::Aisdk {
        package, settings, ..
    } = &provider.api;
    let address = config.and_then(|config| config.options.as_ref()?.get(ADDRESS)?.as_str());
    let url = address.unwrap_or(&model.api.url);
    let has_own_adapter = model.api.npm != *package;
    let settings = settings.clone().or_else(|| has_own_adapter.then(Object::new));
    let mut request = provider.request.clone();
    request.headers.extend(model.headers.clone());
    request.body.extend(model.options.clone());
    let modalities = said.map(|said| said.modalities.clone().unwrap_or_default());
    let is_said = |of: fn(&_) -> bool| modalities.as_ref().is_none_or(of);
    let has_cost = said.is_none_or(|said| said.cost.is_some());
    let variants = model
        .variants
        .iter()
        .flatten()
        .map(|(name, options)| VariantInfo {
            id: name.clone(),
            request: Extras {
                body: options.clone(),
                ..Extras::default()
            },
        });
    ModelInfo {
        id: model.id.clone(),
        provider_id: model.provider_id.clone(),
        family: model.family.clone().filter(|family| !family.is_empty()),
        name: model.name.clone(),
        api: ModelInterface {
            id: model.api.id.clone(),
            interface: Interface::Aisdk {
                package: model.api.npm.clone(),
                url: Some(url).filter(|url| !url.is_empty()).map(str::to_owned),
                settings,
            },
        },
        capabilities: Abilities {
            tools: said.map_or(model.capabilities.toolcall, |said| said.tool_call == Some(true)),
            input: kinds(&model.capabilities.input, is_said(|said| said.input.is_some())),
            output: kinds(&model.capabilities.output, is_said(|said| said.output.is_some())),
        },
        request,
        variants: variants.collect(),
        time: Release {
            released: time::of_date(&model.release_date).unwrap_or(0),
        },
        cost: if has_cost { prices(model) } else { Vec::new() },
        status: model.status,
        enabled: true,
        limit: model.limit.clone(),
    }
}

fn kinds(modalities: &Modalities, are_known: bool) -> Vec<&'static str> {
    let all = [
        ("text", modalities.text),
        ("audio", modalities.audio),
        ("image", modalities.image),
        ("video", modalities.video),
        ("pdf", modalities.pdf),
    ];
    let there = all.into_iter().filter(|(_, is_there)| *is_there && are_known);
    there.map(|(kind, _)| kind).collect()
}
