//! Putting one provider together: public catalogue, configuration, environment, credential
//! (reference `providers.md` §1.5, §2.2).

use indexmap::IndexMap;
use opencode_config::credential::Credential;
use opencode_schema::Object;
use opencode_schema::config::{ModelConfig, ProviderConfig};
use opencode_schema::model::{
    Api, Capabilities, Interleaved, Limit, Modalities, Model, Pricing, Provider, Source, Status,
};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::addition;
use crate::catalog::Sources;
use crate::clouds;
use crate::convert::{self, DEFAULT_ADAPTER};
use crate::live::{self, Live};
use crate::loader;
use crate::login;
use crate::merge::merge;
use crate::snapshot::{ProviderEntry, Snapshot};
use crate::variants;

/// Models that exist in the public catalogue but are no use for conversations with tools.
const UNFIT: &[(&str, &str)] = &[
    ("openai", "gpt-5-chat-latest"),
    ("github-copilot", "gpt-5-chat-latest"),
    ("openrouter", "gpt-5-chat-latest"),
    ("openrouter", "openai/gpt-5-chat"),
];

/// A provider that the public catalogue or a list of its own knows, without what is said of it here.
pub(crate) fn known(
    id: &str,
    sources: &Sources,
    entry: Option<&ProviderEntry>,
    list: Option<&Live>,
) -> Option<Provider> {
    let package = login::route::package(id);
    let public = entry.map(|entry| convert::provider_through(id, entry, package));
    let mut known = match list {
        Some(list) => live::lay_over(public, id, list, false),
        None => public?,
    };
    if let Some(models) = addition::listed(id, sources) {
        known.models.clone_from(models);
    }
    Some(known)
}

/// The same as configuration wants it, connected or not.
pub(crate) fn described(
    id: &str,
    sources: &Sources,
    entry: Option<&ProviderEntry>,
    list: Option<&Live>,
) -> Option<Provider> {
    let config = config(id, sources);
    let known = known(id, sources, entry, list);
    let mut provider = match known {
        Some(known) => known,
        None => {
            config?;
            unknown(id)
        }
    };
    let adapter = entry.and_then(|entry| entry.head.npm.as_deref());
    let address = entry.and_then(|entry| entry.head.api.as_deref());
    if let Some(config) = config {
        configure(&mut provider, config, adapter, address);
    }
    Some(provider)
}

fn config<'a>(id: &str, sources: &'a Sources) -> Option<&'a ProviderConfig> {
    sources.config.provider.as_ref()?.get(id)
}

/// The provider as it can be used here; `None` when nothing connects it or it has no model left.
pub(crate) fn provider(
    id: &str,
    sources: &Sources,
    snapshot: &Snapshot,
    list: Option<&Live>,
) -> Option<Provider> {
    let config = config(id, sources);
    let entry = snapshot.provider(id);
    let mut provider = described(id, sources, entry.as_ref(), list)?;
    let mut connected = config.is_some() || list.is_some();

    let mut found = provider
        .env
        .iter()
        .filter_map(|name| sources.environment.get(name));
    if let Some(value) = found.next() {
        // Of several variables the adapter itself reads those that it needs.
        provider.key = (provider.env.len() == 1).then(|| value.to_owned());
        provider.source = Source::Env;
        connected = true;
    }
    let by_key = match sources.credentials.get(id) {
        Some(Credential::Api { key, .. }) => {
            provider.key = Some(key.expose_secret().to_owned());
            provider.source = Source::Api;
            true
        }
        Some(Credential::Oauth { .. }) if login::is_served(id) => {
            provider.source = Source::Custom;
            true
        }
        _ => provider.source == Source::Env,
    };
    let loading = addition::loading(id, sources);
    if let Some(loading) = loading {
        merge(&mut provider.options, &loading.options);
        if !by_key {
            provider.source = Source::Custom;
        }
    }
    let by_key = by_key || loading.is_some();
    connected |= by_key;
    if let Some(mut found) = clouds::found(id, &provider.options, sources) {
        merge(&mut found, &provider.options);
        provider.options = found;
        connected = true;
    }
    connected |= loader::load(&mut provider, sources, by_key, config.is_some());
    if let Some(config) = config {
        provider.source = Source::Config;
        if let Some(own) = &config.options {
            merge(&mut provider.options, own);
        }
    }
    if !connected {
        return None;
    }
    let by_login = matches!(sources.credentials.get(id), Some(Credential::Oauth { .. }));
    if by_login && list.is_none() && addition::listed(id, sources).is_none() {
        login::route::shape(&mut provider);
    }
    filter(&mut provider, config, sources);
    (!provider.models.is_empty()).then_some(provider)
}

pub(crate) fn unknown(id: &str) -> Provider {
    Provider {
        id: id.to_owned(),
        name: id.to_owned(),
        source: Source::Config,
        env: Vec::new(),
        key: None,
        options: Object::new(),
        models: IndexMap::new(),
    }
}

fn configure(provider: &mut Provider, config: &ProviderConfig, adapter: Option<&str>, address: Option<&str>) {
    if let Some(name) = &config.name {
        provider.name.clone_from(name);
    }
    if let Some(env) = &config.env {
        provider.env.clone_from(env);
    }
    if let Some(own) = &config.options {
        merge(&mut provider.options, own);
    }
    for (key, model) in config.models.iter().flatten() {
        let existing = provider.models.get(model.id.as_deref().unwrap_or(key));
        let made = configured_model(&provider.id, key, model, existing, config, adapter, address);
        provider.models.insert(key.clone(), made);
    }
}

fn configured_model(
    provider_id: &str,
    key: &str,
    config: &ModelConfig,
    existing: Option<&Model>,
    provider: &ProviderConfig,
    adapter: Option<&str>,
    address: Option<&str>,
) -> Model {
    let api_id = config
        .id
        .clone()
        .or_else(|| existing.map(|model| model.api.id.clone()))
        .unwrap_or_else(|| key.to_owned());
    let own = config.provider.clone().unwrap_or_default();
    let npm = own
        .npm
        .or_else(|| provider.npm.clone())
        .or_else(|| existing.map(|model| model.api.npm.clone()))
        .or_else(|| convert::gateway_adapter(provider_id, &api_id).map(str::to_owned))
        .or_else(|| adapter.map(str::to_owned))
        .unwrap_or_else(|| DEFAULT_ADAPTER.to_owned());
    let url = own
        .api
        .or_else(|| provider.api.clone())
        .or_else(|| existing.map(|model| model.api.url.clone()))
        .or_else(|| address.map(str::to_owned))
        .unwrap_or_default();
    let name = match (&config.name, &config.id) {
        (Some(name), _) => name.clone(),
        (None, Some(id)) if id != key => key.to_owned(),
        _ => existing.map_or_else(|| key.to_owned(), |model| model.name.clone()),
    };
    let before = existing.map(|model| &model.capabilities);
    let default_interleaved = if existing.is_none() && npm == DEFAULT_ADAPTER && api_id.contains("deepseek") {
        Interleaved::Field {
            field: "reasoning_content".to_owned(),
        }
    } else {
        Interleaved::Flag(false)
    };
    let text_only = Modalities {
        text: true,
        ..Modalities::default()
    };
    let modalities = |configured: Option<&Vec<String>>, before: Option<&Modalities>| match configured {
        Some(names) => convert::modalities(Some(names)),
        None => before.unwrap_or(&text_only).clone(),
    };
    let configured_modalities = config.modalities.clone().unwrap_or_default();
    let limit_before = existing.map_or_else(Limit::default, |model| model.limit.clone());
    let limit = config.limit.as_ref().map_or(limit_before, |limit| Limit {
        context: limit.context,
        input: limit.input,
        output: limit.output,
    });
    let mut options = existing.map(|model| model.options.clone()).unwrap_or_default();
    if let Some(own) = &config.options {
        merge(&mut options, own);
    }
    let mut headers = existing.map(|model| model.headers.clone()).unwrap_or_default();
    headers.extend(config.headers.clone().unwrap_or_default());
    let mut model = Model {
        id: key.to_owned(),
        provider_id: provider_id.to_owned(),
        name,
        family: config
            .family
            .clone()
            .or_else(|| existing.and_then(|model| model.family.clone()))
            .or_else(|| Some(String::new())),
        api: Api {
            id: api_id,
            url,
            npm,
            endpoint: existing.and_then(|model| model.api.endpoint.clone()),
        },
        status: config
            .status
            .or_else(|| existing.map(|model| model.status))
            .unwrap_or_default(),
        headers,
        options,
        cost: config.cost.as_ref().map_or_else(
            || existing.map_or_else(Pricing::default, |model| model.cost.clone()),
            convert::pricing,
        ),
        limit,
        capabilities: Capabilities {
            temperature: config
                .temperature
                .unwrap_or_else(|| before.is_some_and(|before| before.temperature)),
            reasoning: config
                .reasoning
                .unwrap_or_else(|| before.is_some_and(|before| before.reasoning)),
            attachment: config
                .attachment
                .unwrap_or_else(|| before.is_some_and(|before| before.attachment)),
            toolcall: config
                .tool_call
                .unwrap_or_else(|| before.is_none_or(|before| before.toolcall)),
            input: modalities(
                configured_modalities.input.as_ref(),
                before.map(|before| &before.input),
            ),
            output: modalities(
                configured_modalities.output.as_ref(),
                before.map(|before| &before.output),
            ),
            interleaved: config
                .interleaved
                .clone()
                .or_else(|| before.map(|before| before.interleaved.clone()))
                .unwrap_or(default_interleaved),
        },
        release_date: config
            .release_date
            .clone()
            .or_else(|| existing.map(|model| model.release_date.clone()))
            .unwrap_or_default(),
        variants: None,
    };
    let kept = existing
        .filter(|before| before.api.npm == model.api.npm)
        .and_then(|before| before.variants.clone());
    let mut all = kept.unwrap_or_else(|| variants::of(&model, None));
    for (name, options) in config.variants.iter().flatten() {
        merge(all.entry(name.clone()).or_default(), options);
    }
    all.retain(|_, options| options.shift_remove("disabled") != Some(Value::Bool(true)));
    model.variants = Some(all);
    model
}

fn filter(provider: &mut Provider, config: Option<&ProviderConfig>, sources: &Sources) {
    let experimental = sources
        .environment
        .is_on(opencode_config::environment::variable::ENABLE_EXPERIMENTAL_MODELS);
    let listed = |list: Option<&Vec<String>>, id: &String| list.is_some_and(|list| list.contains(id));
    let blacklist = config.and_then(|config| config.blacklist.as_ref());
    let whitelist = config.and_then(|config| config.whitelist.as_ref());
    let id = provider.id.clone();
    provider.models.retain(|model_id, model| {
        !UNFIT.contains(&(id.as_str(), model_id.as_str()))
            && model.status != Status::Deprecated
            && (model.status != Status::Alpha || experimental)
            && !listed(blacklist, model_id)
            && (whitelist.is_none() || listed(whitelist, model_id))
    });
}
