use serde_json::json;

use super::*;
use crate::Catalog;
use crate::loader::tests::catalog;

#[test]
fn regions_have_their_own_names_for_models() {
    for (region, id, wanted) in [
        (
            "us-east-1",
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        (
            "us-east-1",
            "global.anthropic.claude-x",
            "global.anthropic.claude-x",
        ),
        (
            "us-east-1",
            "arn:aws:bedrock:us-east-1:1:claude",
            "arn:aws:bedrock:us-east-1:1:claude",
        ),
        ("us-east-1", "deepseek.r1-v1:0", "us.deepseek.r1-v1:0"),
        ("us-east-1", "openai.gpt-oss-20b-1:0", "openai.gpt-oss-20b-1:0"),
        ("us-gov-west-1", "anthropic.claude-x", "anthropic.claude-x"),
        ("eu-west-1", "amazon.nova-lite-v1:0", "eu.amazon.nova-lite-v1:0"),
        ("eu-west-1", "amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"),
        ("eu-central-2", "anthropic.claude-x", "anthropic.claude-x"),
        (
            "ap-southeast-2",
            "anthropic.claude-haiku-4-5",
            "au.anthropic.claude-haiku-4-5",
        ),
        (
            "ap-southeast-2",
            "anthropic.claude-opus-4-5",
            "anthropic.claude-opus-4-5",
        ),
        ("ap-southeast-2", "amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
        (
            "ap-northeast-1",
            "amazon.nova-pro-v1:0",
            "jp.amazon.nova-pro-v1:0",
        ),
        ("ap-south-1", "anthropic.claude-x", "apac.anthropic.claude-x"),
        ("sa-east-1", "anthropic.claude-x", "anthropic.claude-x"),
    ] {
        assert_eq!(regional(id, region), wanted, "{region} {id}");
    }
}

fn target(catalog: &Catalog, provider: &str, model: &str) -> Result<Target, Error> {
    catalog.target(&catalog.model(provider, model)?)
}

#[test]
fn clouds_are_connected_by_what_is_found() {
    for (variables, config, wanted) in [
        (&[][..], json!({}), &[][..]),
        (&[("AWS_PROFILE", "p")][..], json!({}), &["amazon-bedrock"][..]),
        (
            &[("AWS_WEB_IDENTITY_TOKEN_FILE", "f")][..],
            json!({}),
            &["amazon-bedrock"][..],
        ),
        (
            &[("AWS_PROFILE", "p")][..],
            json!({"disabled_providers": ["amazon-bedrock"]}),
            &[][..],
        ),
        (
            &[("GOOGLE_CLOUD_PROJECT", "p")][..],
            json!({}),
            &["google-vertex", "google-vertex-anthropic"][..],
        ),
        (
            &[][..],
            json!({"provider": {"google-vertex": {"options": {"project": "p"}}}}),
            &["google-vertex"][..],
        ),
    ] {
        let connected = catalog(variables, vec![], config).connected();
        // Free models are there without a key.
        let connected: Vec<&str> = connected
            .iter()
            .map(String::as_str)
            .filter(|id| *id != "opencode")
            .collect();
        assert_eq!(connected, wanted, "{variables:?}");
    }
}

#[test]
fn targets_of_clouds_are_complete() {
    const SONNET: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    let vertex = [("GOOGLE_CLOUD_PROJECT", "p"), ("GOOGLE_CLOUD_LOCATION", "eu")];
    let google = "/v1beta1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro";
    for (variables, config, provider, model, wanted, identity) in [
        (
            &[("AWS_PROFILE", "p"), ("AWS_REGION", "eu-west-1")][..],
            json!({}),
            "amazon-bedrock",
            SONNET,
            "https://bedrock-runtime.eu-west-1.amazonaws.com/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream".to_owned(),
            Some("Aws"),
        ),
        (
            &[("AWS_BEARER_TOKEN_BEDROCK", "t")][..],
            json!({"provider": {"amazon-bedrock": {"options": {"endpoint": "https://e.example/", "baseURL": "https://b.example"}}}}),
            "amazon-bedrock",
            SONNET,
            "https://e.example/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream".to_owned(),
            None,
        ),
        (
            &[("GOOGLE_CLOUD_PROJECT", "p")][..],
            json!({}),
            "google-vertex",
            "gemini-2.5-pro",
            format!("https://us-central1-aiplatform.googleapis.com{google}:streamGenerateContent?alt=sse"),
            Some("Google"),
        ),
        (
            &[("GOOGLE_VERTEX_PROJECT", "p"), ("GOOGLE_VERTEX_API_KEY", "k")][..],
            json!({}),
            "google-vertex",
            "gemini-2.5-pro",
            "https://aiplatform.googleapis.com/v1/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse".to_owned(),
            None,
        ),
        (
            &vertex[..],
            json!({}),
            "google-vertex-anthropic",
            "claude-sonnet-4-5@20250929",
            "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict".to_owned(),
            Some("Google"),
        ),
        (
            &[("GEMINI_API_KEY", "k")][..],
            json!({}),
            "google",
            "gemini-2.5-pro",
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse".to_owned(),
            None,
        ),
    ] {
        let target = target(&catalog(variables, vec![], config), provider, model).unwrap();
        assert_eq!(target.url().unwrap().as_str(), wanted);
        assert_eq!(target.api_key.is_some(), identity.is_none(), "{provider}");
        let shown = target.identity.map(|identity| format!("{identity:?}"));
        assert_eq!(shown.as_deref().and_then(|shown| shown.split(' ').next()), identity, "{provider}");
    }
}

#[test]
fn what_other_clouds_models_need_is_there_too() {
    let catalog = catalog(&[("GOOGLE_CLOUD_PROJECT", "p")], vec![], json!({}));
    let provider = catalog.provider("google-vertex").unwrap();
    let model = provider
        .models
        .values()
        .find(|model| model.api.npm == "@ai-sdk/openai-compatible")
        .unwrap();
    let target = catalog.target(model).unwrap();
    assert_eq!(
        target.url().unwrap().as_str(),
        "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/endpoints/openapi/chat/completions"
    );
    assert!(target.identity.is_some());
    assert_eq!(provider.options["project"], "p");
}

#[test]
fn a_missing_project_is_named() {
    let catalog = catalog(&[("GOOGLE_APPLICATION_CREDENTIALS", "/x")], vec![], json!({}));
    let error = target(&catalog, "google-vertex", "gemini-2.5-pro")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("GOOGLE_CLOUD_PROJECT") && error.contains("options.project"),
        "{error}"
    );
}

#[test]
fn small_models_of_bedrock_run_near_by() {
    let small = |region: &str, only: &[&str]| {
        let config = json!({"provider": {"amazon-bedrock": {"whitelist": only}}});
        let catalog = catalog(&[("AWS_PROFILE", "p"), ("AWS_REGION", region)], vec![], config);
        catalog.small_model("amazon-bedrock").map(|model| model.id)
    };
    let (plain, eu, us, global) = (
        "anthropic.claude-haiku-4-5-20251001-v1:0",
        "eu.anthropic.claude-haiku-4-5-20251001-v1:0",
        "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        "global.anthropic.claude-haiku-4-5-20251001-v1:0",
    );
    assert_eq!(
        small("eu-west-1", &[plain, eu, us, global]).as_deref(),
        Some(global)
    );
    assert_eq!(small("eu-west-1", &[plain, eu, us]).as_deref(), Some(eu));
    assert_eq!(small("ap-south-1", &[plain, eu, us]).as_deref(), Some(plain));
    assert_eq!(small("ap-south-1", &[eu, us]), None);
}

#[test]
fn locations_have_hosts() {
    assert_eq!(vertex_host("global"), "aiplatform.googleapis.com");
    assert_eq!(vertex_host("eu"), "aiplatform.eu.rep.googleapis.com");
    assert_eq!(
        vertex_host("europe-west4"),
        "europe-west4-aiplatform.googleapis.com"
    );
}
