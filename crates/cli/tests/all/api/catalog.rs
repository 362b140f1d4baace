//! Providers and models.

use pretty_assertions::assert_eq;
use serde_json::json;

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
