//! What plugins add to providers. The catalogue knows nothing of plugins: whoever makes it asks them and says what came
//! of it.

use indexmap::IndexMap;
use opencode_llm::target::Detour;
use opencode_schema::Object;
use opencode_schema::model::Model;
use serde_json::Value;

use crate::catalog::Sources;

/// Additions by provider.
pub type Additions = IndexMap<String, Addition>;

/// What is added to a provider.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Addition {
    /// What was made of its stored credential, which then needs nothing of ours.
    pub loaded: Option<Loading>,
    /// Its models, in the place of those of the public catalogue.
    pub models: Option<IndexMap<String, Model>>,
}

/// What was made of a credential.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loading {
    /// Options of the provider, below those of configuration.
    pub options: Object,
    /// Who sends its requests, if not we.
    pub through: Option<Detour>,
}

/// A list of models as somebody made it, by id. What is no model is left out, with a word in the log.
#[must_use]
pub fn models(provider_id: &str, list: Value) -> IndexMap<String, Model> {
    let Value::Object(list) = list else {
        return IndexMap::new();
    };
    let models = list.into_iter().filter_map(|(id, mut model)| {
        let fields = model.as_object_mut()?;
        // Parity: providers.md §1.5, whose they are and what they are called is not theirs to say.
        fields.insert("id".to_owned(), id.clone().into());
        fields.insert("providerID".to_owned(), provider_id.into());
        match serde_json::from_value(model) {
            Ok(model) => Some((id, model)),
            Err(error) => {
                tracing::warn!(provider_id, model = id, %error, "this is no model");
                None
            }
        }
    });
    models.collect()
}

/// What was made of the credential of a provider.
pub(crate) fn loading<'a>(id: &str, sources: &'a Sources) -> Option<&'a Loading> {
    sources.additions.get(id)?.loaded.as_ref()
}

/// The list of models that stands for that of the public catalogue.
pub(crate) fn listed<'a>(id: &str, sources: &'a Sources) -> Option<&'a IndexMap<String, Model>> {
    sources.additions.get(id)?.models.as_ref()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use opencode_config::credential::Credential;
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;
    use crate::Catalog;
    use crate::loader::tests::catalog;

    fn login() -> Credential {
        Credential::Oauth {
            refresh: "r".into(),
            access: "a".into(),
            expires: i64::MAX,
            account_id: None,
            enterprise_url: None,
        }
    }

    fn with(id: &str, addition: Addition, credential: Credential, config: Value) -> Catalog {
        let catalog = catalog(&[], vec![(id, credential)], config);
        Catalog::new(Sources {
            additions: Arc::new(Additions::from_iter([(id.to_owned(), addition)])),
            ..catalog.sources
        })
    }

    #[test]
    fn what_is_made_of_a_login_stands_for_what_we_would_make_of_it() {
        let options =
            json!({ "apiKey": "made", "baseURL": "http://127.0.0.1:1/v1", "headers": { "x-own": "1" } });
        let addition = Addition {
            loaded: Some(Loading {
                options: options.as_object().unwrap().clone(),
                through: None,
            }),
            models: None,
        };
        let config =
            json!({ "provider": { "openai": { "options": { "headers": { "x-configured": "2" } } } } });
        let catalog = with("openai", addition, login(), config);
        let target = catalog
            .target(&catalog.model("openai", "gpt-5.4").unwrap())
            .unwrap();
        assert_eq!(target.base_url.as_deref(), Some("http://127.0.0.1:1/v1"));
        assert_eq!(target.api_key.unwrap().expose_secret(), "made");
        assert_eq!(target.headers["x-own"], "1");
        assert_eq!(target.headers["x-configured"], "2");
        assert!(!target.settings.instructions, "it is no login of ours");
    }

    #[test]
    fn whoever_sends_requests_himself_needs_no_key() {
        let through = Detour {
            url: "http://127.0.0.1:1/x".to_owned(),
            header: "x-for",
        };
        let addition = Addition {
            loaded: Some(Loading {
                options: Object::from_iter([("apiKey".to_owned(), "".into())]),
                through: Some(through.clone()),
            }),
            models: None,
        };
        let catalog = with("anthropic", addition, login(), json!({}));
        assert!(catalog.connected().contains(&"anthropic".to_owned()));
        let target = catalog
            .target(&catalog.model("anthropic", "claude-haiku-4-5").unwrap())
            .unwrap();
        assert_eq!(target.through, Some(through));
        assert!(target.api_key.is_none());
    }
}
