//! SAP AI Core: a service key says where it is and who asks (reference `providers.md` §3.3).

use opencode_llm::identity::{Identity, Sap, ServiceKey};
use opencode_llm::target::Target;
use opencode_schema::model::{Model, Provider};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::catalog::{Error, Sources};

const PACKAGE: &str = "@jerome-benoit/sap-ai-provider-v2";
const KEY: &str = "AICORE_SERVICE_KEY";
const DEFAULT_GROUP: &str = "default";

/// Completes a target of SAP's. Others stay as they are.
pub(crate) fn complete(
    target: &mut Target,
    model: &Model,
    provider: &Provider,
    sources: &Sources,
) -> Result<(), Error> {
    if model.api.npm != PACKAGE {
        return Ok(());
    }
    let text = |name: &str| {
        let value = provider.options.get(name).and_then(Value::as_str).map(str::trim);
        value.filter(|value| !value.is_empty())
    };
    let stored = target.api_key.take();
    // Parity: the variable wins over what is stored, and only here (§3.3).
    let key = text("apiKey").or_else(|| sources.environment.get(KEY));
    let Some(key) = key.or(stored.as_ref().map(|key| key.expose_secret())) else {
        return Err(Error::MissingKey {
            provider_id: provider.id.clone(),
            variables: vec![KEY.to_owned()],
        });
    };
    let key = ServiceKey::read(key).map_err(|reason| Error::BadKey {
        provider_id: provider.id.clone(),
        reason: reason.to_owned(),
    })?;
    if target.base_url.is_none() {
        target.base_url = Some(key.api().to_owned());
    }
    let resource_group = text("resourceGroup").unwrap_or(DEFAULT_GROUP).to_owned();
    target
        .headers
        .entry("AI-Resource-Group".to_owned())
        .or_insert_with(|| resource_group.clone());
    target.identity = Some(Identity::Sap(Sap {
        key,
        resource_group,
        deployment: text("deploymentId").map(str::to_owned),
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use opencode_config::credential::Credential;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::Catalog;
    use crate::loader::tests::catalog;

    fn key(id: &str) -> String {
        json!({ "clientid": id, "clientsecret": "s", "url": "https://login.own",
            "serviceurls": { "AI_API_URL": "https://api.own/ignored" } })
        .to_string()
    }

    fn target(catalog: &Catalog) -> Result<Target, Error> {
        catalog.target(&catalog.model("sap-ai-core", "gpt-4.1").unwrap())
    }

    #[test]
    fn the_service_key_says_where_and_the_variable_wins() {
        let stored = || Credential::Api {
            key: key("stored").into(),
            metadata: Default::default(),
        };
        for (variables, credentials, deployment, group) in [
            (vec![], vec![("sap-ai-core", stored())], None, "default"),
            (
                vec![
                    (KEY, key("variable")),
                    ("AICORE_DEPLOYMENT_ID", "d1".to_owned()),
                    ("AICORE_RESOURCE_GROUP", "g1".to_owned()),
                ],
                vec![("sap-ai-core", stored())],
                Some("d1"),
                "g1",
            ),
        ] {
            let variables: Vec<(&str, &str)> = variables
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let target = target(&catalog(&variables, credentials, json!({}))).unwrap();
            assert_eq!(
                target.url().unwrap().as_str(),
                "https://api.own/v2/inference/deployments/-/v2/completion"
            );
            assert!(target.api_key.is_none());
            assert_eq!(target.headers["AI-Resource-Group"], group);
            let Some(Identity::Sap(sap)) = target.identity else {
                panic!("{:?}", target.identity)
            };
            assert_eq!(
                (sap.deployment.as_deref(), &*sap.resource_group),
                (deployment, group)
            );
        }
    }

    #[test]
    fn a_key_that_is_none_is_told_without_showing_it() {
        for (key, words) in [
            ("not json secret", "JSON"),
            (
                r#"{"clientid":"secret","url":"https://a","serviceurls":{"AI_API_URL":"https://b"}}"#,
                "certificate",
            ),
            (
                r#"{"clientid":"secret","clientsecret":"secret","url":"https://a","serviceurls":{"AI_API_URL":"b"}}"#,
                "AI_API_URL",
            ),
        ] {
            let error = target(&catalog(&[(KEY, key)], vec![], json!({})))
                .unwrap_err()
                .to_string();
            assert!(error.contains(words) && !error.contains("secret "), "{error}");
        }
        let none = catalog(&[], vec![], json!({ "provider": { "sap-ai-core": {} } }));
        assert!(matches!(target(&none), Err(Error::MissingKey { .. })));
    }
}
