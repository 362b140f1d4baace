use std::collections::BTreeMap;

use opencode_config::credential::Credential;
use opencode_llm::adapter::Api;
use pretty_assertions::assert_eq;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::*;
use crate::Catalog;
use crate::loader::tests::catalog;

fn target(catalog: &Catalog, id: &str) -> Target {
    catalog.target(&catalog.model("gitlab", id).unwrap()).unwrap()
}

fn identity(target: &Target) -> GitLab {
    match &target.identity {
        Some(Identity::GitLab(gitlab)) => gitlab.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_chat_model_of_the_public_catalogue_is_known() {
    let catalog = catalog(&[("GITLAB_TOKEN", "t")], vec![], json!({}));
    let provider = catalog.provider("gitlab").unwrap();
    assert!(provider.models.len() > 10);
    for (id, model) in &provider.models {
        assert_eq!(
            Catalog::adapter(model).is_ok(),
            !id.starts_with("duo-workflow"),
            "{id}"
        );
    }
}

#[test]
fn models_go_to_the_gateway_in_the_words_of_their_makers() {
    let catalog = catalog(&[("GITLAB_TOKEN", "t")], vec![], json!({}));
    for (id, api, name, url, instructions) in [
        (
            "duo-chat-sonnet-4-5",
            Api::Messages,
            "claude-sonnet-4-5-20250929",
            "https://cloud.gitlab.com/ai/v1/proxy/anthropic/v1/messages",
            false,
        ),
        (
            "duo-chat-gpt-5-1",
            Api::Chat,
            "gpt-5.1-2025-11-13",
            "https://cloud.gitlab.com/ai/v1/proxy/openai/v1/chat/completions",
            false,
        ),
        (
            "duo-chat-gpt-5-3-codex",
            Api::Responses,
            "gpt-5.3-codex",
            "https://cloud.gitlab.com/ai/v1/proxy/openai/v1/responses",
            true,
        ),
    ] {
        let target = target(&catalog, id);
        assert_eq!(target.adapter.api, api, "{id}");
        assert_eq!(target.model_id, name);
        assert_eq!(target.url().unwrap().as_str(), url);
        assert_eq!(target.settings.instructions, instructions, "{id}");
        // The user's token is for the instance, and for nobody else.
        assert!(target.api_key.is_none());
        let agent = &target.headers["User-Agent"];
        assert!(agent.starts_with("opencode/1 gitlab-ai-provider/"), "{agent}");
        assert_eq!(target.headers["anthropic-beta"], "context-1m-2025-08-07");
        let asks = identity(&target);
        assert_eq!(asks.token.expose_secret(), "t");
        assert_eq!(asks.instance, "https://gitlab.com");
        assert_eq!(
            json!(asks.features),
            json!({ "DuoAgentPlatformNext": true, "duo_agent_platform_agentic_chat": true, "duo_agent_platform": true })
        );
    }
}

#[test]
fn configuration_counts_where_the_reference_lets_it() {
    let config = json!({ "provider": { "gitlab": { "options": {
        "instanceUrl": "https://git.own", "aiGatewayUrl": "https://gate.own/", "headers": { "x-in": "1" },
        "aiGatewayHeaders": { "anthropic-beta": "own", "x-out": "2" },
        "featureFlags": { "duo_agent_platform": false, "more": true },
    } } } });
    let catalog = catalog(
        &[("GITLAB_TOKEN", "t"), ("GITLAB_INSTANCE_URL", "https://other")],
        vec![],
        config,
    );
    let target = target(&catalog, "duo-chat-opus-4-6");
    assert_eq!(
        target.url().unwrap().as_str(),
        "https://gate.own/ai/v1/proxy/anthropic/v1/messages"
    );
    assert_eq!(target.headers["anthropic-beta"], "own");
    assert_eq!(target.headers["x-out"], "2");
    assert!(!target.headers.contains_key("x-in"));
    let asks = identity(&target);
    assert_eq!(asks.instance, "https://git.own");
    assert_eq!(asks.headers["x-in"], "1");
    assert_eq!(asks.features["duo_agent_platform"], Value::Bool(false));
    assert_eq!(asks.features["more"], Value::Bool(true));
}

#[test]
fn a_token_goes_to_the_instance_that_it_is_of() {
    let metadata = BTreeMap::from([("instanceUrl".to_owned(), "https://git.stored".to_owned())]);
    let stored = Credential::Api {
        key: "pat".into(),
        metadata: metadata.into_iter().collect(),
    };
    let login = Credential::Oauth {
        refresh: "r".into(),
        access: "at".into(),
        expires: i64::MAX,
        account_id: None,
        enterprise_url: Some("https://git.login".to_owned()),
    };
    let variables = [("GITLAB_INSTANCE_URL", "https://other")];
    for (credential, token, instance) in [
        (stored, "pat", "https://git.stored"),
        (login, "at", "https://git.login"),
    ] {
        let catalog = catalog(&variables, vec![("gitlab", credential)], json!({}));
        let asks = identity(&target(&catalog, "duo-chat-opus-4-6"));
        assert_eq!((asks.token.expose_secret(), &*asks.instance), (token, instance));
    }
    let config = json!({ "provider": { "gitlab": {} } });
    let without = catalog(&[], vec![], config);
    let model = without.model("gitlab", "duo-chat-opus-4-6").unwrap();
    assert!(matches!(without.target(&model), Err(Error::MissingKey { .. })));
}
