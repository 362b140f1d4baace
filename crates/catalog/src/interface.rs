//! Which interface of a package a provider is asked through (reference `providers.md` §1.5, §3.3).

use opencode_llm::adapter::{self, Adapter, Api};
use opencode_schema::model::Provider;
use serde_json::Value;

use crate::Sources;

/// A provider that is asked through another interface than that of its package.
struct Row {
    provider: &'static str,
    api: Api,
    /// Only if this option of the provider is set.
    option: Option<&'static str>,
}

const ROWS: [Row; 3] = [
    Row {
        provider: "xai",
        api: Api::Responses,
        option: None,
    },
    Row {
        provider: "azure",
        api: Api::Chat,
        option: Some("useCompletionUrls"),
    },
    Row {
        provider: "azure-cognitive-services",
        api: Api::Chat,
        option: Some("useCompletionUrls"),
    },
];

/// The adapter for the interface through which a provider is asked.
pub(crate) fn of(adapter: &'static Adapter, provider: &Provider, sources: &Sources) -> &'static Adapter {
    let is_set = |option: &str| provider.options.get(option) == Some(&Value::Bool(true));
    let row = ROWS
        .iter()
        .find(|row| row.provider == provider.id && row.option.is_none_or(is_set))
        // Parity: configuration alone leaves a provider with the interface of its package (§1.5).
        .filter(|_| has_key_of_its_own(provider, sources));
    row.and_then(|row| adapter::by_package_and_api(adapter.package, row.api))
        .unwrap_or(adapter)
}

/// There is a stored key, or one in the environment.
fn has_key_of_its_own(provider: &Provider, sources: &Sources) -> bool {
    sources.credentials.get(&provider.id).is_some()
        || provider
            .env
            .iter()
            .any(|name| sources.environment.get(name).is_some())
}
