//! Resources of Azure: where they are (reference `providers.md` §3.3, §4.7).

use std::path::PathBuf;

use opencode_config::Environment;
use opencode_config::credential::Credential;
use opencode_llm::identity::{Azure, Identity};
use opencode_llm::target::Target;
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

/// Azure's own command line, where it is installed.
pub(crate) fn program(environment: &Environment) -> Option<PathBuf> {
    let names: &[&str] = if cfg!(windows) {
        &["az.cmd", "az.exe"]
    } else {
        &["az"]
    };
    let folders = std::env::split_paths(environment.get("PATH")?).collect::<Vec<_>>();
    let mut places = folders
        .iter()
        .filter(|folder| folder.is_absolute())
        .flat_map(|folder| names.iter().map(|name| folder.join(name)));
    places.find(|place| place.is_file())
}

/// Lets a request go with a login: each asks Azure's command line for a token.
pub(crate) fn enter(
    target: &mut Target,
    login: &Credential,
    environment: &Environment,
) -> Result<(), crate::catalog::Error> {
    if target.provider_id != ROWS[0].provider || !matches!(login, Credential::Oauth { .. }) {
        return Ok(());
    }
    let Some(program) = program(environment) else {
        return Err(crate::catalog::Error::LoginEnded {
            provider_id: target.provider_id.clone(),
            reason: "Azure's command line (az), which says who asks, is not there".to_owned(),
        });
    };
    let address = target.base_url.as_deref().unwrap_or_default();
    target.identity = Some(Identity::Azure(Azure::for_address(program, address)));
    target.api_key = None;
    target.settings.keyless = true;
    Ok(())
}

fn flag(options: &Object, key: &str) -> bool {
    options.get(key).and_then(Value::as_bool).unwrap_or(false)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use opencode_config::Paths;
    use opencode_config::credential;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::loader::tests::catalog;
    use crate::login::{self, Inputs, Logins};

    fn az(folder: &std::path::Path, text: &str) {
        let path = folder.join("az");
        fs_err::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[tokio::test]
    async fn the_command_line_of_azure_is_a_login_where_it_is_installed() {
        let home = tempfile::TempDir::new().unwrap();
        let folder = home.path().display().to_string();
        let environment = |path: &str| -> Environment {
            [("HOME", folder.as_str()), ("PATH", path)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into_iter()
                .collect()
        };
        let ways = |path: &str| {
            let listed = login::listed(&Default::default(), &environment(path));
            listed["azure"].as_array().unwrap().len()
        };
        assert_eq!(ways(&folder), 1);
        az(
            home.path(),
            r#"echo '{"accessToken": "t", "expires_on": 32503680000}'"#,
        );
        assert_eq!((ways(&folder), ways("/nowhere")), (2, 1));

        let environment = environment(&folder);
        let paths = Paths::new(&environment);
        let logins = Logins::new(paths.clone(), environment.clone(), login::Options::default());
        let inputs: Inputs = [("resourceName".to_owned(), "mine".to_owned())]
            .into_iter()
            .collect();
        let begun = logins.authorize("azure", 1, &inputs).await.unwrap().unwrap();
        assert_eq!(begun.url, "");
        logins.complete("azure", 1).await.unwrap();
        let stored = credential::read(&paths, &environment);
        let entry = stored["azure"].to_entry();
        assert_eq!(entry["accountId"], "mine");
        assert_eq!(entry["access"], "opencode-oauth-dummy-key");

        let variables = [("PATH", folder.as_str()), ("AZURE_API_KEY", "not used")];
        let with = catalog(&variables, vec![("azure", stored["azure"].clone())], json!({}));
        let model = with
            .provider("azure")
            .unwrap()
            .models
            .values()
            .next()
            .unwrap()
            .clone();
        let target = with.target(&model).unwrap();
        assert!(target.api_key.is_none() && target.settings.keyless);
        assert!(
            target.base_url.as_deref().unwrap().contains("//mine."),
            "{target:?}"
        );
        assert!(matches!(target.identity, Some(Identity::Azure(_))));
        let gone = catalog(
            &[("PATH", "/nowhere")],
            vec![("azure", stored["azure"].clone())],
            json!({}),
        );
        assert!(matches!(
            gone.target(&model),
            Err(crate::catalog::Error::LoginEnded { .. })
        ));

        az(home.path(), "echo 'Please run az login' >&2; exit 1");
        logins.authorize("azure", 1, &inputs).await.unwrap();
        let failed = logins.complete("azure", 1).await.unwrap_err().to_string();
        assert!(failed.contains("Please run az login"), "{failed}");
    }
}
