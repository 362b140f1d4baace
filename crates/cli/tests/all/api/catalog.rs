//! Providers and models.

use opencode_testkit::Served;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{get, refusal};
use crate::home;

#[tokio::test]
async fn providers_and_models_are_shown_as_they_are_configured() {
    let home = home().with("ANTHROPIC_API_KEY", "secret-of-environment");
    home.write(
        "opencode.json",
        json!({
            "disabled_providers": ["cohere", "opencode"],
            "provider": {
                "own": {
                    "name": "Own", "npm": "@ai-sdk/openai-compatible",
                    "options": { "baseURL": "http://own/v1", "headers": { "x-a": "b" }, "timeout": 5 },
                    "models": {
                        "bare": {},
                        "full": {
                            "name": "Full", "release_date": "2031-02-03", "tool_call": true, "family": "f",
                            "limit": { "context": 1000, "output": 10 },
                            "modalities": { "input": ["text", "image"], "output": ["text"] },
                            "cost": { "input": 1, "output": 2, "context_over_200k": { "input": 3, "output": 4 } },
                            "options": { "o": 1 }, "headers": { "h": "v" },
                            "variants": { "high": { "effort": "high" } },
                            "provider": { "npm": "@ai-sdk/anthropic", "api": "http://else/v2" },
                        },
                    },
                },
            },
        })
        .to_string(),
    );
    let server = home.serve().await;

    let providers = get(&server, "/api/provider").await;
    let rows = providers["data"].as_array().unwrap();
    let ids: Vec<&str> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
    assert_eq!(ids, ["anthropic", "own"], "the public ones first");
    assert_eq!(
        rows[1],
        json!({ "id": "own", "name": "Own",
            "api": { "type": "aisdk", "package": "@ai-sdk/openai-compatible", "url": "http://own/v1",
                "settings": { "timeout": 5 } },
            "request": { "headers": { "x-a": "b" }, "body": {} } })
    );
    assert!(rows[0]["api"].get("settings").is_none(), "{}", rows[0]);

    let answer = server.send("GET", "/api/model", None).await;
    assert!(!answer.text.contains("secret-of-environment"));
    let models = answer.json();
    let models = models["data"].as_array().unwrap();
    let released = |at: usize| models[at]["time"]["released"].as_i64().unwrap();
    assert!((1..models.len()).all(|at| released(at - 1) >= released(at)));
    assert_eq!(
        models[0],
        json!({
            "id": "full", "providerID": "own", "family": "f", "name": "Full",
            "api": { "id": "full", "type": "aisdk", "package": "@ai-sdk/anthropic", "url": "http://own/v1",
                "settings": { "timeout": 5 } },
            "capabilities": { "tools": true, "input": ["text", "image"], "output": ["text"] },
            "request": { "headers": { "x-a": "b", "h": "v" }, "body": { "o": 1 } },
            "variants": [{ "id": "high", "headers": {}, "body": { "effort": "high" } }],
            "time": { "released": 1_927_843_200_000_i64 },
            "cost": [
                { "input": 1, "output": 2, "cache": { "read": 0, "write": 0 } },
                { "tier": { "type": "context", "size": 200_000 },
                  "input": 3, "output": 4, "cache": { "read": 0, "write": 0 } },
            ],
            "status": "active", "enabled": true, "limit": { "context": 1000, "output": 10 },
        })
    );
    let bare = models.iter().find(|model| model["id"] == "bare").unwrap();
    assert_eq!(
        bare["capabilities"],
        json!({ "tools": false, "input": [], "output": [] })
    );
    assert_eq!(
        (&bare["cost"], &bare["time"]["released"]),
        (&json!([]), &json!(0))
    );

    // Known without being connected; unknown; not allowed.
    let known = get(&server, "/api/provider/groq").await;
    assert_eq!(known["data"]["api"]["package"], "@ai-sdk/groq");
    for id in ["none", "cohere"] {
        let (status, tag) = refusal(&server, "GET", &format!("/api/provider/{id}"), None).await;
        assert_eq!((status, tag.as_str()), (404, "ProviderNotFoundError"));
    }
}

async fn models_of(server: &Served, provider: &str) -> Vec<String> {
    let models = get(server, "/api/model").await;
    let all = models["data"].as_array().unwrap().iter();
    all.filter(|model| model["providerID"] == provider)
        .map(|model| model["id"].as_str().unwrap().to_owned())
        .collect()
}

fn catalog_updated(event: &Value) -> bool {
    event["type"] == "catalog.updated"
}

#[tokio::test]
async fn gap_34_a_provider_that_is_added_is_there_without_a_restart() {
    let home = home();
    home.write("opencode.json", "{}");
    let server = home.serve().await;
    for provider in ["own", "groq", "mistral"] {
        assert_eq!(
            models_of(&server, provider).await,
            Vec::<String>::new(),
            "{provider}"
        );
    }
    let own = json!({ "provider": { "own": { "npm": "@ai-sdk/openai-compatible",
        "options": { "baseURL": "http://own/v1", "apiKey": "k" }, "models": { "m": {} } } } });
    let edit = || async { home.replace("opencode.json", own.to_string()) };
    server.events("/api/event", edit, catalog_updated).await;
    assert_eq!(models_of(&server, "own").await, ["m"]);

    let key = json!({ "type": "api", "key": "k" });
    let store = || async { drop(server.send("PUT", "/auth/groq", Some(key)).await) };
    server.events("/api/event", store, catalog_updated).await;
    assert!(!models_of(&server, "groq").await.is_empty());

    let path = "/api/integration/mistral/connect/key";
    let connect = || async { drop(server.send("POST", path, Some(json!({ "key": "k" }))).await) };
    server.events("/api/event", connect, catalog_updated).await;
    assert!(!models_of(&server, "mistral").await.is_empty());
}

#[tokio::test]
async fn gap_35_a_provider_that_is_switched_off_is_nowhere_any_more() {
    let home = home().with("GROQ_API_KEY", "k").with("MISTRAL_API_KEY", "k");
    home.write("opencode.json", "{}");
    let server = home.serve().await;
    let named = async |provider: &str| -> Vec<&'static str> {
        let has = |list: &Value, key: &str| {
            let all = list.as_array().unwrap();
            all.iter().any(|one| one[key] == provider)
        };
        let mut places = Vec::new();
        if has(&get(&server, "/api/provider").await["data"], "id") {
            places.push("/api/provider");
        }
        if !models_of(&server, provider).await.is_empty() {
            places.push("/api/model");
        }
        if has(&get(&server, "/config/providers").await["providers"], "id") {
            places.push("/config/providers");
        }
        let all = get(&server, "/provider").await;
        if has(&all["all"], "id") {
            places.push("/provider");
        }
        if all["connected"]
            .as_array()
            .unwrap()
            .iter()
            .any(|id| id == provider)
        {
            places.push("connected");
        }
        places
    };
    let everywhere = [
        "/api/provider",
        "/api/model",
        "/config/providers",
        "/provider",
        "connected",
    ];
    for provider in ["groq", "mistral"] {
        assert_eq!(named(provider).await, everywhere, "{provider}");
    }
    for rule in [
        json!({ "disabled_providers": ["groq"] }),
        json!({ "enabled_providers": ["mistral"] }),
    ] {
        let edit = || async { home.replace("opencode.json", rule.to_string()) };
        let is_told = |event: &Value| event["type"] == "config.updated";
        server.events("/event", edit, is_told).await;
        assert_eq!(named("groq").await, Vec::<&str>::new(), "{rule}");
        assert_eq!(named("mistral").await, everywhere, "{rule}");
    }
}
