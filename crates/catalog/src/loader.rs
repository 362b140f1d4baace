//! What providers need beside their entry in the public catalogue: headers, addresses, keys, and whether
//! they are there without being asked for (reference `providers.md` §3.3). The rows are in [`rows`].
//!
//! Nothing of a provider is named anywhere else in this room; a further one is a row.

mod rows;

use opencode_config::credential::Credential;
use opencode_schema::Object;
use opencode_schema::model::Provider;
use serde_json::Value;

use crate::catalog::Sources;
use crate::merge::merge;

/// What a provider needs beside its entry in the public catalogue.
#[derive(Debug)]
pub(crate) struct Loader {
    /// Id of the provider.
    provider: &'static str,
    /// Headers that it wants to see from us.
    headers: &'static [(&'static str, &'static str)],
    /// When it is there.
    connects: Connects,
    /// Options that the environment sets where configuration does not.
    options: &'static [Setting],
    /// What stands for a name in its address.
    names: &'static [Setting],
    /// Variables that may hold its key, before those of the public catalogue.
    keys: &'static [&'static str],
    /// Its models may write their calls as text.
    written_calls: bool,
    /// Headers that a key of another kind than the usual one needs, by the variable that holds it.
    key_headers: &'static [(&'static str, &'static [(&'static str, &'static str)])],
    /// Headers that say what variables say.
    variable_headers: &'static [(&'static str, &'static str)],
    /// Addresses of its models, by the beginning of their id; the first that fits.
    addresses: &'static [Address],
}

/// When a provider is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connects {
    /// When it has a key, a credential or a place in configuration.
    Asked,
    /// The same; and the loader counts with configuration alone, too.
    Configured,
    /// Without a key, too: the models that cost nothing, with this as the key.
    Free(&'static str),
    /// When one of these variables is set or a credential is stored, whichever kind it is.
    Set(&'static [&'static str]),
}

/// A value that comes from an option, a variable or a stored credential, whichever is there first.
#[derive(Debug)]
struct Setting {
    /// What it is called where it is needed.
    name: &'static str,
    /// The option of the provider.
    option: &'static str,
    /// Variables.
    variables: &'static [&'static str],
    /// The fact of a stored credential.
    metadata: &'static str,
}

/// Where some models of a provider are.
#[derive(Debug)]
struct Address {
    /// How their ids begin.
    prefix: &'static str,
    /// The address, with names.
    url: &'static str,
    /// A header that carries the key instead of the usual one.
    key_header: Option<&'static str>,
    /// Further headers; the values may have names in them.
    headers: &'static [(&'static str, &'static str)],
    /// The model's id goes without `prefix`.
    bare: bool,
}

/// Where a model is, when its provider has a row that says so.
pub(crate) struct Place {
    pub(crate) url: &'static str,
    pub(crate) key_header: Option<&'static str>,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) model_id: String,
}

fn row(provider_id: &str) -> Option<&'static Loader> {
    rows::LOADERS.iter().find(|row| row.provider == provider_id)
}

/// Ids of providers that may be there without being asked for.
pub(crate) fn unasked() -> impl Iterator<Item = &'static str> {
    let rows = rows::LOADERS.iter();
    rows.filter(|row| matches!(row.connects, Connects::Free(_) | Connects::Set(_)))
        .map(|row| row.provider)
}

/// Adds what the row of a provider says, and tells whether the provider is connected now. `connected` says
/// whether it is so by a variable or a credential, `configured` whether by configuration.
pub(crate) fn load(provider: &mut Provider, sources: &Sources, connected: bool, configured: bool) -> bool {
    let Some(row) = row(&provider.id) else {
        return connected;
    };
    let credential = sources.credentials.get(&provider.id);
    let found = match row.connects {
        Connects::Asked => connected,
        Connects::Configured => connected || configured,
        Connects::Set(variables) => {
            let set = variables
                .iter()
                .any(|name| sources.environment.get(name).is_some());
            connected || set || credential.is_some_and(|entry| !matches!(entry, Credential::Wellknown { .. }))
        }
        Connects::Free(key) => {
            let own = provider.options.get("apiKey").and_then(Value::as_str);
            let has_key = connected || credential.is_some() || own.is_some_and(|key| !key.is_empty());
            if !has_key {
                provider.models.retain(|_, model| model.cost.base.input == 0.0);
                let free = !provider.models.is_empty();
                if free {
                    provider.options.insert("apiKey".to_owned(), key.into());
                }
                return free;
            }
            true
        }
    };
    // Parity: providers.md §1.5 step 7, what configuration alone connects gets nothing from its row.
    if !found {
        return false;
    }
    let mut options = Object::new();
    if !row.headers.is_empty() {
        let headers = row.headers.iter();
        let headers = headers.map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
        options.insert("headers".to_owned(), headers.collect::<Object>().into());
    }
    for setting in row.options {
        if let Some(value) = setting.value(&Object::new(), sources, &provider.id) {
            options.insert(setting.name.to_owned(), value.into());
        }
    }
    merge(&mut options, &provider.options);
    provider.options = options;
    true
}

/// What stands for a name in the addresses of a provider, unless it is a variable like any other.
pub(crate) fn name(name: &str, provider: &Provider, sources: &Sources) -> Option<String> {
    let setting = row(&provider.id)?
        .names
        .iter()
        .find(|setting| setting.name == name)?;
    setting.value(&provider.options, sources, &provider.id)
}

/// The key that variables hold, where neither configuration nor a credential has one and the adapter knows
/// none: those of the row first, then those of the public catalogue that are named like a key.
pub(crate) fn key<'a>(provider: &Provider, sources: &'a Sources) -> Option<&'a str> {
    let own = row(&provider.id).map_or(&[][..], |row| row.keys);
    let listed = provider
        .env
        .iter()
        .map(String::as_str)
        .filter(|name| is_key(name));
    let mut names = own.iter().copied().chain(listed);
    names.find_map(|name| sources.environment.get(name))
}

/// Headers that the environment sets for a provider, and those that go with its key if a variable has it.
pub(crate) fn headers_of_environment<'a>(
    provider: &Provider,
    sources: &'a Sources,
    key: Option<&str>,
) -> Vec<(&'static str, &'a str)> {
    let Some(row) = row(&provider.id) else {
        return Vec::new();
    };
    let value = |name: &str| sources.environment.get(name);
    let kinds = row.key_headers.iter();
    let kind = kinds
        .filter(|(variable, _)| key.is_some() && value(variable) == key)
        .flat_map(|(_, headers)| headers.iter().copied());
    let facts = row.variable_headers.iter();
    let facts = facts.filter_map(|(header, variable)| Some((*header, value(variable)?)));
    kind.chain(facts).collect()
}

/// Whether a variable holds a secret, by its name: a provider may list its address or account besides.
fn is_key(name: &str) -> bool {
    ["_KEY", "_TOKEN", "_PAT"].iter().any(|end| name.ends_with(end))
}

/// Whether models of a provider may write their calls as text.
pub(crate) fn writes_calls(provider_id: &str) -> bool {
    row(provider_id).is_some_and(|row| row.written_calls)
}

/// Whether a row says where models of a provider are.
pub(crate) fn has_place(provider_id: &str) -> bool {
    row(provider_id).is_some_and(|row| !row.addresses.is_empty())
}

/// Where a model of a provider is, when its row says so.
pub(crate) fn place(provider: &Provider, api_id: &str) -> Option<Place> {
    let addresses = row(&provider.id)?.addresses;
    let address = addresses
        .iter()
        .find(|address| api_id.starts_with(address.prefix))?;
    let rest = api_id.strip_prefix(address.prefix).filter(|_| address.bare);
    Some(Place {
        url: address.url,
        key_header: address.key_header,
        headers: address.headers,
        model_id: rest.unwrap_or(api_id).to_owned(),
    })
}

impl Setting {
    fn value(&self, options: &Object, sources: &Sources, provider_id: &str) -> Option<String> {
        let filled = |text: &&str| !text.trim().is_empty();
        let option = options.get(self.option).and_then(Value::as_str).filter(filled);
        let variable = || {
            self.variables
                .iter()
                .find_map(|name| sources.environment.get(name))
        };
        let stored = || match sources.credentials.get(provider_id)? {
            Credential::Api { metadata, .. } => {
                metadata.get(self.metadata).map(String::as_str).filter(filled)
            }
            Credential::Oauth { account_id, .. } => account_id.as_deref().filter(filled),
            Credential::Wellknown { .. } => None,
        };
        option.or_else(variable).or_else(stored).map(str::to_owned)
    }
}

#[cfg(test)]
pub(crate) mod tests;
