//! Which interface of a package a model is asked through (reference `providers.md` §1.5, §3.3).

use opencode_llm::adapter::{self, Adapter, Api};
use opencode_schema::model::{Model, Provider};
use serde_json::Value;

use crate::Sources;
use crate::login::route;

/// A model that is asked through another interface than the first of its package.
struct Row {
    /// The package, or the provider.
    of: Of,
    api: Api,
    when: When,
}

enum Of {
    /// What a loader chooses, so that the provider needs a key of its own.
    Provider(&'static str),
    /// What a loader chooses that counts with configuration alone, too.
    ProviderAsIs(&'static str),
    /// What the package itself chooses.
    Package(&'static str),
}

enum When {
    Always,
    /// If this option of the provider is set.
    Option(&'static str),
    /// If the model is one of those.
    Model(fn(&Model) -> bool),
}

const AIHUBMIX: &str = "@aihubmix/ai-sdk-provider";

static ROWS: [Row; 8] = [
    Row {
        of: Of::Provider("xai"),
        api: Api::Responses,
        when: When::Always,
    },
    Row {
        of: Of::ProviderAsIs("snowflake-cortex"),
        api: Api::Cortex,
        when: When::Always,
    },
    Row {
        of: Of::Provider("azure"),
        api: Api::Chat,
        when: When::Option("useCompletionUrls"),
    },
    Row {
        of: Of::Provider("azure-cognitive-services"),
        api: Api::Chat,
        when: When::Option("useCompletionUrls"),
    },
    Row {
        of: Of::Provider("github-copilot"),
        api: Api::Responses,
        when: When::Model(route::wants_responses),
    },
    Row {
        of: Of::Package("@ai-sdk/amazon-bedrock/mantle"),
        api: Api::Chat,
        when: When::Model(|model| model.api.id.starts_with("openai.gpt-oss-safeguard-")),
    },
    Row {
        of: Of::Package(AIHUBMIX),
        api: Api::Messages,
        when: When::Model(|model| model.api.id.starts_with("claude-")),
    },
    Row {
        of: Of::Package(AIHUBMIX),
        api: Api::Gemini,
        when: When::Model(|model| {
            let id = model.api.id.as_str();
            id.starts_with("gemini") && !["-nothink", "-search"].iter().any(|end| id.ends_with(end))
        }),
    },
];

/// The adapter for the interface through which a model is asked.
pub(crate) fn of(
    adapter: &'static Adapter,
    model: &Model,
    provider: &Provider,
    sources: &Sources,
) -> &'static Adapter {
    let fits = |row: &&Row| {
        let meant = match row.of {
            // Parity: configuration alone leaves a provider with the interface of its package (§1.5).
            Of::Provider(id) => id == provider.id && has_key_of_its_own(provider, sources),
            Of::ProviderAsIs(id) => id == provider.id,
            Of::Package(package) => package == adapter.package,
        };
        meant
            && match row.when {
                When::Always => true,
                When::Option(option) => provider.options.get(option) == Some(&Value::Bool(true)),
                When::Model(fits) => fits(model),
            }
    };
    let row = ROWS.iter().find(fits);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::catalog::Catalog;
    use crate::loader::tests::catalog;
    use crate::select::Choice;

    /// Packages of the public catalogue whose protocol is not there, and why.
    const ABSENT: [(&str, &str); 1] = [(
        "watsonx-ai-provider",
        "IBM wants a token of its identity service and the id of a project",
    )];
    /// Packages that speak as OpenAI does, at an address that the catalogue or a loader knows.
    const COMPATIBLE: [&str; 2] = ["ai-gateway-provider", "merge-gateway-ai-sdk-provider"];

    #[test]
    fn every_package_of_the_public_catalogue_is_known_or_named_here() {
        let catalog = catalog(&[], vec![], json!({ "experimental": {} }));
        let mut without = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for provider in catalog.known() {
            for model in provider.models.values() {
                seen.insert(model.api.npm.clone());
                if adapter::by_package(&model.api.npm).is_none() {
                    without.insert(model.api.npm.clone());
                    let speaks = Catalog::adapter(model).is_ok();
                    let compatible = COMPATIBLE.contains(&model.api.npm.as_str());
                    assert_eq!(speaks, compatible, "{}/{}", provider.id, model.id);
                }
            }
        }
        assert!(seen.len() > 20, "{seen:?}");
        let named = ABSENT.iter().map(|(package, _)| *package).chain(COMPATIBLE);
        assert_eq!(without, named.map(str::to_owned).collect());
    }

    #[test]
    fn models_are_asked_through_the_interface_that_they_have() {
        let keys = [
            ("GITHUB_TOKEN", "k"),
            ("AIHUBMIX_API_KEY", "k"),
            ("AWS_BEARER_TOKEN_BEDROCK", "k"),
            ("XAI_API_KEY", "k"),
            ("SALAD_CLOUD_API_KEY", "k"),
        ];
        let config = json!({ "provider": {
            "aihubmix": { "models": { "claude-x": {}, "gemini-x": {}, "gemini-x-search": {} } },
            "amazon-bedrock": { "models": { "openai.gpt-oss-safeguard-20b": { "provider": { "npm": "@ai-sdk/amazon-bedrock/mantle" } } } },
            "qvac": {},
        } });
        let catalog = catalog(&keys, vec![], config);
        let copilot = "https://api.githubcopilot.com";
        for (name, api, url) in [
            (
                "github-copilot/gpt-5.4",
                Api::Responses,
                format!("{copilot}/responses"),
            ),
            (
                "github-copilot/gpt-5-mini",
                Api::Chat,
                format!("{copilot}/chat/completions"),
            ),
            (
                "github-copilot/claude-haiku-4.5",
                Api::Chat,
                format!("{copilot}/chat/completions"),
            ),
            (
                "amazon-bedrock/openai.gpt-5.5",
                Api::Responses,
                "https://bedrock-mantle.us-east-1.api.aws/openai/v1/responses".to_owned(),
            ),
            (
                "amazon-bedrock/openai.gpt-oss-safeguard-20b",
                Api::Chat,
                "https://bedrock-mantle.us-east-1.api.aws/v1/chat/completions".to_owned(),
            ),
            (
                "aihubmix/claude-x",
                Api::Messages,
                "https://aihubmix.com/v1/messages".to_owned(),
            ),
            (
                "aihubmix/gemini-x",
                Api::Gemini,
                "https://aihubmix.com/gemini/v1beta/models/gemini-x:streamGenerateContent?alt=sse".to_owned(),
            ),
            (
                "aihubmix/gemini-x-search",
                Api::Chat,
                "https://aihubmix.com/v1/chat/completions".to_owned(),
            ),
            (
                "xai/grok-4.3",
                Api::Responses,
                "https://api.x.ai/v1/responses".to_owned(),
            ),
        ] {
            let choice = Choice::parse(name);
            let model = catalog.model(&choice.provider_id, &choice.model_id).unwrap();
            let target = catalog.target(&model).unwrap();
            assert_eq!(target.adapter.api, api, "{name}");
            assert_eq!(target.url().unwrap().as_str(), url, "{name}");
        }
        for id in ["salad-cloud", "qvac"] {
            let provider = catalog.provider(id).unwrap();
            let model = provider.models.values().next().unwrap();
            let url = catalog.target(model).unwrap().url().unwrap();
            assert!(url.path().ends_with("/v1/chat/completions"), "{id}: {url}");
        }
    }

    #[test]
    fn configuration_alone_asks_copilot_for_chat() {
        let config = json!({ "provider": { "github-copilot": { "options": { "apiKey": "k" } } } });
        let catalog = catalog(&[], vec![], config);
        let model = catalog.model("github-copilot", "gpt-5.4").unwrap();
        assert_eq!(catalog.target(&model).unwrap().adapter.api, Api::Chat);
    }
}
