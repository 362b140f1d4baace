use std::sync::Arc;

use opencode_config::credential::Credential;
use opencode_config::{Environment, Paths};
use opencode_schema::config::Config;
use opencode_schema::model::{Model, Source};
use pretty_assertions::assert_eq;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::public::Public;
use crate::{Catalog, DEMO_PROVIDER, Error, Sources};

pub(crate) fn catalog(
    variables: &[(&str, &str)],
    credentials: Vec<(&str, Credential)>,
    config: Value,
) -> Catalog {
    let home = [("HOME", "/dev/null/home"), ("XDG_CACHE_HOME", "/dev/null/cache")];
    let environment: Environment = home
        .iter()
        .chain(variables)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let config: Config = serde_json::from_value(config).unwrap();
    Catalog::new(Sources {
        public: Arc::new(Public::new(&Paths::new(&environment), &environment, "1")),
        paths: Paths::new(&environment),
        environment,
        credentials: credentials
            .into_iter()
            .map(|(id, entry)| (id.to_owned(), entry))
            .collect(),
        config: Arc::new(config),
        version: "1",
        logins: crate::login::Options::default(),
        additions: Arc::default(),
    })
}

fn api(key: &str, metadata: &[(&str, &str)]) -> Credential {
    Credential::Api {
        key: key.into(),
        metadata: metadata
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
    }
}

fn first(catalog: &Catalog, provider: &str) -> Model {
    let provider = catalog.provider(provider).unwrap();
    provider.models.values().next().unwrap().clone()
}

#[test]
fn zen_is_there_without_a_key_with_what_costs_nothing() {
    let keyless = catalog(&[], vec![], json!({}));
    assert_eq!(keyless.connected(), ["opencode"]);
    let provider = keyless.provider("opencode").unwrap();
    assert_eq!(provider.source, Source::Custom);
    assert_eq!(provider.options["apiKey"], "public");
    assert!(provider.models.values().all(|model| model.cost.base.input == 0.0));
    let target = keyless.target(&first(&keyless, "opencode")).unwrap();
    assert_eq!(target.api_key.unwrap().expose_secret(), "public");

    let free = provider.models.len();
    for keyed in [
        catalog(&[("OPENCODE_API_KEY", "k")], vec![], json!({})),
        catalog(&[], vec![("opencode", api("k", &[]))], json!({})),
        catalog(
            &[],
            vec![],
            json!({ "provider": { "opencode": { "options": { "apiKey": "k" } } } }),
        ),
    ] {
        let provider = keyed.provider("opencode").unwrap();
        assert!(provider.models.len() > free);
        let target = keyed.target(&first(&keyed, "opencode")).unwrap();
        assert_eq!(target.api_key.unwrap().expose_secret(), "k");
    }
}

#[test]
fn the_order_of_what_is_connected_is_that_of_the_ways_to_connect() {
    let all = catalog(
        &[("GROQ_API_KEY", "k")],
        vec![("mistral", api("k", &[]))],
        json!({ "provider": { "own": { "npm": "@ai-sdk/openai-compatible", "models": { "m": {} } } } }),
    );
    assert_eq!(all.connected(), ["groq", "mistral", "opencode", "own"]);
    let off = catalog(&[], vec![], json!({ "disabled_providers": ["opencode"] }));
    assert_eq!(off.connected(), [DEMO_PROVIDER]);
}

#[test]
fn headers_come_with_a_key_and_not_with_configuration_alone() {
    for (provider, variable, header, value) in [
        ("openrouter", "OPENROUTER_API_KEY", "X-Title", "opencode"),
        ("vercel", "AI_GATEWAY_API_KEY", "x-title", "opencode"),
        (
            "cerebras",
            "CEREBRAS_API_KEY",
            "X-Cerebras-3rd-Party-Integration",
            "opencode",
        ),
        ("llmgateway", "LLMGATEWAY_API_KEY", "X-Source", "opencode"),
    ] {
        let with = catalog(&[(variable, "k")], vec![], json!({}));
        let options = &with.provider(provider).unwrap().options;
        assert_eq!(options["headers"][header], value, "{provider}");
        let config = json!({ "provider": { provider: { "options": { "apiKey": "k" } } } });
        let without = catalog(&[], vec![], config);
        assert!(
            !without
                .provider(provider)
                .unwrap()
                .options
                .contains_key("headers"),
            "{provider}"
        );
    }
    let nvidia = catalog(
        &[],
        vec![],
        json!({ "provider": { "nvidia": { "options": { "apiKey": "k" } } } }),
    );
    let options = &nvidia.provider("nvidia").unwrap().options;
    assert_eq!(options["headers"]["X-BILLING-INVOKE-ORIGIN"], "OpenCode");
}

#[test]
fn names_in_addresses_come_from_variables_and_from_credentials() {
    let workers = |variables: &[(&str, &str)], credentials| catalog(variables, credentials, json!({}));
    let stored = workers(
        &[],
        vec![("cloudflare-workers-ai", api("k", &[("accountId", "acc")]))],
    );
    let model = first(&stored, "cloudflare-workers-ai");
    let target = stored.target(&model).unwrap();
    assert_eq!(
        target.base_url.as_deref(),
        Some("https://api.cloudflare.com/client/v4/accounts/acc/ai/v1")
    );
    let set = workers(
        &[("CLOUDFLARE_ACCOUNT_ID", "env"), ("CLOUDFLARE_API_KEY", "secret")],
        vec![],
    );
    let target = set.target(&model).unwrap();
    assert!(target.base_url.unwrap().contains("/accounts/env/"));
    assert_eq!(target.api_key.unwrap().expose_secret(), "secret");
    let missing = workers(&[("CLOUDFLARE_API_KEY", "secret")], vec![]);
    assert_eq!(
        missing.target(&model).unwrap_err(),
        Error::MissingSetting {
            provider_id: "cloudflare-workers-ai".into(),
            option: "baseURL".into(),
            variables: vec!["CLOUDFLARE_ACCOUNT_ID".into()],
        }
    );
}

#[test]
fn a_gateway_has_an_address_for_each_maker() {
    let facts = [("accountId", "a"), ("gatewayId", "g")];
    let catalog = catalog(&[], vec![("cloudflare-ai-gateway", api("k", &facts))], json!({}));
    let provider = catalog.provider("cloudflare-ai-gateway").unwrap();
    let model = |prefix: &str| {
        provider
            .models
            .values()
            .find(|model| model.id.starts_with(prefix))
            .unwrap()
    };
    let messages = catalog.target(model("anthropic/")).unwrap();
    assert_eq!(
        messages.base_url.as_deref(),
        Some("https://gateway.ai.cloudflare.com/v1/a/g/anthropic/v1")
    );
    assert_eq!(messages.headers["cf-aig-authorization"], "Bearer k");
    assert!(
        !messages.model_id.starts_with("anthropic/"),
        "{}",
        messages.model_id
    );
    let rest = provider
        .models
        .values()
        .find(|model| model.api.npm == "ai-gateway-provider")
        .unwrap();
    let chat = catalog.target(rest).unwrap();
    assert_eq!(
        chat.base_url.as_deref(),
        Some("https://api.cloudflare.com/client/v4/accounts/a/ai/v1")
    );
    assert_eq!(chat.headers["cf-aig-gateway-id"], "g");
    assert_eq!(chat.model_id, rest.api.id);
}

#[test]
fn of_several_variables_the_one_that_is_named_like_a_key_is_it() {
    let neon = catalog(
        &[
            ("NEON_AI_GATEWAY_BASE_URL", "https://neon"),
            ("NEON_AI_GATEWAY_TOKEN", "t"),
        ],
        vec![],
        json!({}),
    );
    let provider = neon.provider("neon").unwrap();
    assert_eq!(provider.key, None);
    let model = provider
        .models
        .values()
        .find(|model| model.api.npm == "@ai-sdk/openai-compatible")
        .unwrap();
    let target = neon.target(model).unwrap();
    assert_eq!(target.base_url.as_deref(), Some("https://neon/v1"));
    assert_eq!(target.api_key.unwrap().expose_secret(), "t");
}

#[test]
fn the_gateway_of_vercel_hears_of_the_deployment() {
    let configured = json!({ "provider": { "vercel": {} } });
    let token = ("VERCEL_OIDC_TOKEN", "t");
    let key = ("AI_GATEWAY_API_KEY", "k");
    for (name, variables, config, wanted) in [
        ("a key", vec![key, token], json!({}), ("k", None)),
        ("a token", vec![token], configured, ("t", Some("oidc"))),
    ] {
        let variables: Vec<_> = variables.into_iter().chain([("VERCEL_ENV", "preview")]).collect();
        let catalog = catalog(&variables, vec![], config);
        let target = catalog.target(&first(&catalog, "vercel")).unwrap();
        assert_eq!(target.adapter.package, "@ai-sdk/gateway", "{name}");
        let header = |header: &str| target.headers.get(header).map(String::as_str);
        assert_eq!(
            target.api_key.as_ref().unwrap().expose_secret(),
            wanted.0,
            "{name}"
        );
        assert_eq!(header("ai-gateway-auth-method"), wanted.1, "{name}");
        assert_eq!(header("ai-o11y-environment"), Some("preview"), "{name}");
        assert_eq!(header("ai-o11y-region"), None, "{name}");
    }
}

#[test]
fn snowflake_is_asked_in_its_own_way_however_it_is_connected() {
    let configured =
        json!({ "provider": { "snowflake-cortex": { "options": { "account": "acc", "token": "t1" } } } });
    let variables = [("SNOWFLAKE_ACCOUNT", "acc"), ("SNOWFLAKE_CORTEX_PAT", "t2")];
    for (catalog, token) in [
        (catalog(&[], vec![], configured), "t1"),
        (catalog(&variables, vec![], json!({})), "t2"),
    ] {
        let target = catalog.target(&first(&catalog, "snowflake-cortex")).unwrap();
        assert_eq!(target.adapter.api, opencode_llm::adapter::Api::Cortex);
        assert_eq!(target.api_key.unwrap().expose_secret(), token);
        assert_eq!(
            target.base_url.as_deref(),
            Some("https://acc.snowflakecomputing.com/api/v2/cortex/v1")
        );
    }
}
