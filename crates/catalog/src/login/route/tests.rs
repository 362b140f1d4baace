use opencode_llm::request::{Content, Message, ProviderOptions};
use opencode_schema::model::Provider;
use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::Catalog;
use crate::headers::{Asking, MEDIA_OF_TOOL, Purpose, of_request};
use crate::loader::tests::catalog;
use crate::login::arrange;
use crate::login::token::test_token;
use crate::request::Parameters;

fn login(access: &str, enterprise_url: Option<&str>) -> Credential {
    Credential::Oauth {
        refresh: "r".into(),
        access: access.into(),
        expires: 0,
        account_id: Some("acc".into()),
        enterprise_url: enterprise_url.map(str::to_owned),
    }
}

fn with_login(id: &str, login: Credential) -> (Catalog, Provider) {
    let catalog = catalog(&[], vec![(id, login)], json!({}));
    assert_eq!(catalog.connected(), [id, "opencode"]);
    let provider = Provider::clone(&catalog.provider(id).unwrap());
    (catalog, provider)
}

#[test]
fn chatgpt_goes_to_its_own_address_with_the_account() {
    let token = test_token(&json!({ "chatgpt_compute_residency": "eu" }));
    let (catalog, provider) = with_login("openai", login(&token, None));
    let mut model = provider.models["gpt-5.4"].clone();
    "@ai-sdk/openai-compatible".clone_into(&mut model.api.npm);
    let target = catalog.target(&model).unwrap();
    assert_eq!(
        target.base_url.as_deref(),
        Some("https://chatgpt.com/backend-api/codex")
    );
    assert_eq!(target.api_key.as_ref().unwrap().expose_secret(), token);
    assert_eq!(target.headers["ChatGPT-Account-Id"], "acc");
    assert_eq!(target.headers["x-openai-internal-codex-residency"], "eu");

    let mut prompt = vec![
        Message::system("one"),
        Message::system("two"),
        Message::user("hi"),
    ];
    let mut parameters = Parameters::default();
    arrange(&target, &mut prompt, &mut parameters);
    assert_eq!(prompt.len(), 1);
    assert_eq!(parameters.options["instructions"], "one\ntwo");

    let anywhere = test_token(&json!({ "chatgpt_compute_residency": "no_constraint" }));
    let (catalog, _) = with_login("openai", login(&anywhere, None));
    let headers = catalog.target(&model).unwrap().headers;
    assert!(!headers.contains_key("x-openai-internal-codex-residency"));
}

#[test]
fn a_subscription_has_its_own_models_at_no_further_cost() {
    let (_, provider) = with_login("openai", login("t", None));
    for (id, there) in [
        ("gpt-5.4", true),
        ("gpt-5.4-mini", true),
        ("gpt-5.5", true),
        ("gpt-5.5-pro", false),
        ("gpt-5", false),
        ("gpt-4o", false),
        ("o3", false),
        ("gpt-5.4-nano", false),
    ] {
        assert_eq!(provider.models.contains_key(id), there, "{id}");
    }
    assert!(
        provider
            .models
            .values()
            .all(|model| model.cost == Pricing::default())
    );
    let limit = &provider.models["gpt-5.5"].limit;
    assert_eq!(
        (limit.context, limit.input, limit.output),
        (400_000, Some(272_000), 128_000)
    );
}

#[test]
fn versions_of_gpt() {
    for (id, wanted) in [
        ("gpt-5", Some((5, 0))),
        ("gpt-5.4-mini", Some((5, 4))),
        ("gpt-6-sol", Some((6, 0))),
        ("gpt-4o", Some((4, 0))),
        ("gpt-oss-120b", None),
        ("claude-5", None),
    ] {
        assert_eq!(gpt_version(id), wanted, "{id}");
    }
    let named = |id: &str| crate::fixture::model("github-copilot", COPILOT_PACKAGE, id);
    for (id, endpoint, wanted) in [
        ("gpt-5.4", None, true),
        ("gpt-5-mini", None, false),
        ("gpt-4.1", None, false),
        ("gpt-5.4", Some("chat"), false),
        ("gpt-4.1", Some("responses"), true),
    ] {
        let mut model = named(id);
        model.api.endpoint = endpoint.map(str::to_owned);
        assert_eq!(wants_responses(&model), wanted, "{id} {endpoint:?}");
    }
}

#[test]
fn copilot_goes_to_github_or_to_an_own_installation() {
    for (own, base) in [
        (None, "https://api.githubcopilot.com"),
        (Some("company.ghe.com"), "https://copilot-api.company.ghe.com"),
    ] {
        let (catalog, provider) = with_login("github-copilot", login("gh", own));
        let target = catalog.target(&provider.models["claude-haiku-4.5"]).unwrap();
        assert_eq!(target.base_url.as_deref(), Some(base));
        assert_eq!(target.api_key.as_ref().unwrap().expose_secret(), "gh");
        assert_eq!(target.headers["Openai-Intent"], "conversation-edits");
        assert_eq!(target.headers["X-GitHub-Api-Version"], "2026-06-01");

        let mut messages = provider.models["claude-haiku-4.5"].clone();
        "@ai-sdk/anthropic".clone_into(&mut messages.api.npm);
        let target = catalog.target(&messages).unwrap();
        assert_eq!(target.base_url, Some(format!("{base}/v1")));
        assert!(target.api_key.is_none());
        assert_eq!(target.headers["Authorization"], "Bearer gh");
        assert_eq!(
            target.headers["anthropic-beta"],
            "interleaved-thinking-2025-05-14"
        );
    }
}

#[test]
fn an_address_that_is_configured_stays() {
    let config =
        json!({ "provider": { "github-copilot": { "options": { "baseURL": "http://127.0.0.1:9" } } } });
    let catalog = catalog(&[], vec![("github-copilot", login("gh", None))], config);
    let model = catalog.provider("github-copilot").unwrap().models["claude-haiku-4.5"].clone();
    let target = catalog.target(&model).unwrap();
    assert_eq!(target.base_url.as_deref(), Some("http://127.0.0.1:9"));
}

#[test]
fn requests_say_who_began_them() {
    let (_, provider) = with_login("github-copilot", login("gh", None));
    let model = &provider.models["claude-haiku-4.5"];
    let asking = Asking {
        session_id: "ses",
        parent_id: None,
        project_id: "pro",
        request_id: "msg",
        client: "cli",
        purpose: Purpose::Turn,
    };
    let file = |media_type: &str| Content::File {
        media_type: media_type.into(),
        data: String::new(),
        filename: None,
        provider_options: ProviderOptions::new(),
    };
    let text = |text: &str| Content::Text {
        text: text.into(),
        provider_options: ProviderOptions::new(),
    };
    let user = |content| Message::User {
        content,
        provider_options: ProviderOptions::new(),
    };
    let tool = Message::Tool {
        content: Vec::new(),
        provider_options: ProviderOptions::new(),
    };
    let said = user(vec![text("hi")]);
    let media = user(vec![text(MEDIA_OF_TOOL), file("image/png")]);
    let shown = user(vec![text("look"), file("image/png")]);
    for (prompt, asking, initiator, vision) in [
        (vec![said.clone()], asking, "user", false),
        (vec![shown], asking, "user", true),
        (vec![said.clone(), media], asking, "agent", true),
        (vec![said.clone(), tool], asking, "agent", false),
        (
            vec![said.clone(), Message::assistant("x")],
            asking,
            "agent",
            false,
        ),
        (
            vec![said.clone()],
            Asking {
                parent_id: Some("p"),
                ..asking
            },
            "agent",
            false,
        ),
        (
            vec![said.clone()],
            Asking {
                purpose: Purpose::Summary,
                ..asking
            },
            "agent",
            false,
        ),
    ] {
        let headers = of_request(model, asking, &prompt);
        assert_eq!(headers["x-initiator"], initiator, "{prompt:?}");
        assert_eq!(
            headers.contains_key("Copilot-Vision-Request"),
            vision,
            "{prompt:?}"
        );
        assert_eq!(headers["X-Interaction-Id"], "ses");
        assert!(!headers.contains_key("X-Interaction-Type"));
    }
    let title = Asking {
        purpose: Purpose::Title,
        ..asking
    };
    let headers = of_request(model, title, &[said]);
    assert_eq!(headers["X-Interaction-Type"], "agent-session-name-generation");
    assert_eq!(headers["x-session-affinity"], "ses");

    let zen = catalog(&[], vec![], json!({})).provider("opencode").unwrap();
    let headers = of_request(
        &zen.models["big-pickle"],
        Asking {
            parent_id: Some("par"),
            ..asking
        },
        &[],
    );
    let wanted = [
        ("x-opencode-project", "pro"),
        ("x-opencode-session", "ses"),
        ("x-opencode-request", "msg"),
        ("x-opencode-client", "cli"),
        ("x-parent-session-id", "par"),
    ];
    let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(headers, IndexMap::<_, _>::from(wanted));
}
