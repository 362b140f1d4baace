//! Resources of Azure: where they are (reference `providers.md` §3.3, §4.7).

use opencode_config::credential::Credential;
use opencode_schema::Object;
use opencode_schema::model::Provider;
use serde_json::Value;

use crate::Sources;

/// A provider whose address is that of a resource of the user's.
struct Row {
    provider: &'static str,
    /// The variable that names the resource.
    variable: &'static str,
    host: &'static str,
    /// What follows the host's address unless deployments are addressed.
    version: &'static str,
}

const ROWS: [Row; 2] = [
    Row {
        provider: "azure",
        variable: "AZURE_RESOURCE_NAME",
        host: "openai.azure.com",
        // The adapter adds the version on this host.
        version: "",
    },
    Row {
        provider: "azure-cognitive-services",
        variable: "AZURE_COGNITIVE_SERVICES_RESOURCE_NAME",
        host: "cognitiveservices.azure.com",
        version: "/v1",
    },
];

/// The variable that names the resource of a provider.
pub(crate) fn variable(provider_id: &str) -> Option<&'static str> {
    Some(row(provider_id)?.variable)
}

fn row(provider_id: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.provider == provider_id)
}

/// The name of the user's resource.
pub(crate) fn resource(provider: &Provider, sources: &Sources) -> Option<String> {
    let row = row(&provider.id)?;
    let configured = provider.options.get("resourceName").and_then(Value::as_str);
    let stored = match sources.credentials.get(&provider.id) {
        Some(Credential::Api { metadata, .. }) => metadata.get("resourceName").map(String::as_str),
        Some(Credential::Oauth { account_id, .. }) => account_id.as_deref(),
        _ => None,
    };
    let named = sources.environment.get(row.variable);
    [configured, stored, named]
        .into_iter()
        .flatten()
        .map(str::trim)
        .find(|name| !name.is_empty())
        .map(str::to_owned)
}

/// The address of a resource.
pub(crate) fn address(provider: &Provider, resource: &str) -> Option<String> {
    let row = row(&provider.id)?;
    let version = if flag(&provider.options, "useDeploymentBasedUrls") {
        ""
    } else {
        row.version
    };
    Some(format!("https://{resource}.{}/openai{version}", row.host))
}

fn flag(options: &Object, key: &str) -> bool {
    options.get(key).and_then(Value::as_bool).unwrap_or(false)
}
