//! How one logs in to a provider beside setting its variable (reference `providers.md` §12).

use opencode_schema::config::Config;
use serde::Serialize;

/// One way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Method {
    /// What is stored in the end.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What lists call it.
    pub label: &'static str,
}

/// What a way to log in stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A key that the user has.
    Api,
}

const KEY: &[Method] = &[Method {
    kind: Kind::Api,
    label: "API key",
}];

/// Providers that name their ways, of which this version has those with a key.
const METHODS: &[(&str, &[Method])] = &[("openai", KEY), ("poe", KEY), ("digitalocean", KEY), ("xai", KEY)];

/// The ways of the providers that may be used.
pub fn methods(config: &Config) -> impl Iterator<Item = (&'static str, &'static [Method])> {
    let contains = |list: &Option<Vec<String>>, id: &str| {
        list.as_ref().is_some_and(|list| list.iter().any(|one| one == id))
    };
    METHODS
        .iter()
        .copied()
        .filter(move |(id, _)| !contains(&config.disabled_providers, id))
}
