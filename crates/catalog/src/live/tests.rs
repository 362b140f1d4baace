use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use opencode_config::credential::{self, Credential};
use opencode_llm::adapter;
use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::loader::tests::catalog;

type Asked = Arc<Mutex<Vec<(String, Value)>>>;

async fn server(
    answer: impl Fn(&str, &Value) -> Option<Value> + Clone + Send + Sync + 'static,
) -> (String, Asked) {
    let asked = Asked::default();
    let keep = Arc::clone(&asked);
    let handle = move |request: Request| {
        let (keep, answer) = (Arc::clone(&keep), answer.clone());
        async move {
            let path = request.uri().path().to_owned();
            let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let found = answer(&path, &body);
            keep.lock().unwrap().push((path, body));
            let status = if found.is_some() {
                StatusCode::OK
            } else {
                StatusCode::NOT_FOUND
            };
            (status, axum::Json(found.unwrap_or_default()))
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(handle);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

fn ollama(path: &str, body: &Value) -> Option<Value> {
    Some(match path {
        "/api/tags" => json!({ "models": [{ "name": "qwen3:8b" }, { "name": "embed:1" }, { "name": "old" },
            { "name": "loaded:1" }] }),
        "/api/ps" => json!({ "models": [{ "name": "loaded:1", "context_length": 32768 }] }),
        "/api/show" => match body["model"].as_str()? {
            "qwen3:8b" => json!({ "capabilities": ["completion", "tools", "thinking"],
                "model_info": { "qwen3.context_length": 40960 } }),
            "embed:1" => json!({ "capabilities": ["embedding"] }),
            "loaded:1" => json!({ "capabilities": ["completion", "vision"],
                "model_info": { "x.context_length": 65536 } }),
            "old" => json!({ "parameters": "stop \"x\"\nnum_ctx      20000\n",
                "model_info": { "x.context_length": 8192 } }),
            _ => return None,
        },
        "/api/create" => json!({ "status": "success" }),
        _ => return None,
    })
}

/// Nobody is asked that the test has not started.
fn offline(more: &Value) -> Value {
    let mut config = json!({ "provider": { "ollama": { "options": { "baseURL": "http://127.0.0.1:1/v1" } },
        "lmstudio": { "options": { "baseURL": "http://127.0.0.1:1/v1" } } } });
    for (id, own) in more.as_object().unwrap() {
        config["provider"][id] = own.clone();
    }
    config
}

#[tokio::test]
async fn ollama_is_there_with_the_contexts_that_it_really_has() {
    let (url, asked) = server(ollama).await;
    let catalog = catalog(
        &[("OLLAMA_HOST", &url)],
        vec![],
        json!({ "disabled_providers": ["lmstudio"] }),
    );
    assert_eq!(catalog.connected(), ["opencode"]);
    assert!(catalog.discover().await);
    assert_eq!(catalog.connected(), ["opencode", "ollama"]);
    let provider = catalog.provider("ollama").unwrap();
    assert_eq!(
        (provider.name.as_str(), provider.source),
        ("Ollama", Source::Custom)
    );
    let contexts: Vec<(&str, u64)> = provider
        .models
        .iter()
        .map(|(id, model)| (id.as_str(), model.limit.context))
        .collect();
    assert_eq!(contexts, [("qwen3:8b", 0), ("old", 0), ("loaded:1", 32768)]);
    let qwen = &provider.models["qwen3:8b"];
    assert!(qwen.capabilities.toolcall && qwen.capabilities.reasoning && !qwen.capabilities.input.image);
    assert!(!provider.models["loaded:1"].capabilities.toolcall);
    assert!(provider.models["loaded:1"].capabilities.input.image);
    assert!(catalog.warning(qwen).unwrap().contains("4096 tokens"));
    assert!(catalog.warning(&provider.models["loaded:1"]).is_none());
    let target = catalog.target(qwen).unwrap();
    assert_eq!(target.base_url, Some(format!("{url}/v1")));

    let before = asked.lock().unwrap().len();
    assert!(!catalog.discover().await, "a list is not asked for again at once");
    assert_eq!(asked.lock().unwrap().len(), before);
}

#[tokio::test]
async fn a_context_that_is_wanted_is_set() {
    let (url, asked) = server(ollama).await;
    let config = offline(&json!({ "ollama": {
        "options": { "baseURL": format!("{url}/v1"), "num_ctx": 16384 },
        "models": { "loaded:1": { "options": { "num_ctx": 999_999 } } },
    } }));
    let catalog = catalog(&[], vec![], config);
    catalog.discover().await;
    let provider = catalog.provider("ollama").unwrap();
    let facts = |id: &str| {
        (
            provider.models[id].api.id.clone(),
            provider.models[id].limit.context,
        )
    };
    assert_eq!(facts("qwen3:8b"), ("qwen3-8b-opencode-ctx16384".into(), 16384));
    assert_eq!(facts("old"), ("old".into(), 0), "it cannot take more");
    assert_eq!(facts("loaded:1"), ("loaded-1-opencode-ctx65536".into(), 65536));
    let asked = asked.lock().unwrap();
    let made: Vec<&Value> = asked
        .iter()
        .filter(|(path, _)| path == "/api/create")
        .map(|(_, body)| body)
        .collect();
    assert_eq!(made.len(), 2);
    assert!(made.contains(
        &&json!({ "model": "qwen3-8b-opencode-ctx16384", "from": "qwen3:8b",
        "parameters": { "num_ctx": 16384 }, "stream": false })
    ));
}

#[tokio::test]
async fn lm_studio_in_its_own_words_and_in_common_ones() {
    let own = |path: &str, _: &Value| match path {
        "/api/v0/models" => Some(json!({ "data": [
            { "id": "a", "type": "vlm", "max_context_length": 100_000, "loaded_context_length": 20_000,
              "capabilities": ["tool_use"] },
            { "id": "e", "type": "embeddings" },
        ] })),
        _ => None,
    };
    let common = |path: &str, _: &Value| (path == "/v1/models").then(|| json!({ "data": [{ "id": "b" }] }));
    let (first, _) = server(own).await;
    let (second, _) = server(common).await;
    for (url, id, context, tools) in [(first, "a", 20_000, true), (second, "b", 0, true)] {
        let config = offline(&json!({ "lmstudio": { "options": { "baseURL": format!("{url}/v1/") } } }));
        let catalog = catalog(&[], vec![], config);
        catalog.discover().await;
        let provider = catalog.provider("lmstudio").unwrap();
        assert_eq!(provider.models.keys().collect::<Vec<_>>(), [id]);
        let model = &provider.models[id];
        assert_eq!(
            (model.limit.context, model.capabilities.toolcall),
            (context, tools)
        );
    }
}

#[tokio::test]
async fn nobody_is_asked_when_it_is_switched_off_and_strange_answers_are_no_lists() {
    let (url, asked) = server(|_, _| Some(json!({ "models": "many", "data": 5 }))).await;
    let both =
        json!({ "ollama": { "options": { "baseURL": url } }, "lmstudio": { "options": { "baseURL": url } } });
    let off = catalog(&[("OPENCODE_DISABLE_LOCAL_MODELS", "1")], vec![], offline(&both));
    assert!(!off.discover().await);
    let mut disabled = offline(&both);
    disabled["disabled_providers"] = json!(["ollama", "lmstudio"]);
    assert!(!catalog(&[], vec![], disabled).discover().await);
    assert_eq!(asked.lock().unwrap().len(), 0);
    let strange = catalog(&[], vec![], offline(&both));
    assert!(!strange.discover().await);
    assert_eq!(strange.connected(), ["opencode", "lmstudio"]);
    let known = strange.snapshot().provider("lmstudio").unwrap();
    let kept = strange.provider("lmstudio").unwrap();
    assert!(
        kept.models.keys().eq(known.models.keys()),
        "as the public catalogue has them"
    );
}

#[tokio::test]
async fn copilot_says_which_models_there_are() {
    let answer = |path: &str, _: &Value| {
        let limits = json!({ "max_context_window_tokens": 100_000, "max_prompt_tokens": 90_000, "max_output_tokens": 100 });
        let model = |id: &str, more: Value| {
            let mut model = json!({ "id": id, "name": id.to_uppercase(), "model_picker_enabled": true,
                "capabilities": { "limits": limits, "supports": { "tool_calls": true, "vision": true } } });
            model
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            model
        };
        (path == "/models").then(|| {
            json!({ "data": [
                model("claude-haiku-4.5", json!({ "supported_endpoints": ["/v1/messages", "/chat/completions"],
                    "billing": { "token_prices": { "batch_size": 1_000_000, "default":
                        { "cache_price": 10, "input_price": 100, "output_price": 500 } } } })),
                model("brand-new", json!({ "version": "brand-new-2026-01-02", "supported_endpoints": ["/chat/completions"],
                    "capabilities": { "family": "f", "limits": limits, "supports": { "tool_calls": true, "reasoning_effort": ["low"] } } })),
                model("undecided", json!({ "supported_endpoints": ["/responses"], "policy": { "state": "unconfigured" } })),
                model("gpt-4o-mini", json!({ "model_picker_enabled": false })),
                model("forbidden", json!({ "policy": { "state": "disabled" } })),
                { "id": "without-limits", "name": "x", "model_picker_enabled": true },
            ] })
        })
    };
    let (url, _) = server(answer).await;
    let login = Credential::Oauth {
        refresh: "gh".into(),
        access: "gh".into(),
        expires: 0,
        account_id: None,
        enterprise_url: None,
    };
    let config = offline(&json!({ "github-copilot": { "options": { "baseURL": url } } }));
    let catalog = catalog(&[], vec![("github-copilot", login)], config);
    assert!(catalog.provider("github-copilot").unwrap().models.len() > 5);
    assert!(catalog.discover().await);
    let provider = catalog.provider("github-copilot").unwrap();
    assert_eq!(
        provider.models.keys().collect::<Vec<_>>(),
        ["claude-haiku-4.5", "brand-new", "undecided"]
    );
    let haiku = &provider.models["claude-haiku-4.5"];
    assert_eq!(haiku.api.npm, "@ai-sdk/anthropic");
    assert_eq!((haiku.limit.context, haiku.limit.output), (100_000, 100));
    assert!(
        haiku.capabilities.reasoning,
        "what the list does not say, the public catalogue does"
    );
    assert_eq!(haiku.limit.input, Some(90_000));
    let cost = &haiku.cost.base;
    assert_eq!((cost.input, cost.output, cost.cache.read), (1.0, 5.0, 0.1));
    assert_eq!(haiku.api.url, format!("{url}/v1"));
    let new = &provider.models["brand-new"];
    assert_eq!(new.api.npm, "@ai-sdk/github-copilot");
    assert_eq!(
        (new.name.as_str(), new.family.as_deref()),
        ("BRAND-NEW", Some("f"))
    );
    assert_eq!(new.release_date, "2026-01-02");
    assert!(new.capabilities.reasoning);
    assert_eq!(
        json!(new.variants),
        json!({ "low": { "reasoningEffort": "low", "reasoningSummary": "auto", "include": ["reasoning.encrypted_content"] } })
    );
    for (id, api) in [
        ("claude-haiku-4.5", adapter::Api::Messages),
        ("brand-new", adapter::Api::Chat),
        ("undecided", adapter::Api::Responses),
    ] {
        let target = catalog.target(&provider.models[id]).unwrap();
        assert_eq!(target.adapter.api, api, "{id}");
    }
    assert_eq!(
        catalog.small_model("github-copilot").unwrap().id,
        "gpt-4o-mini",
        "a model that is not shown"
    );
}

#[tokio::test]
async fn modal_lists_what_the_account_has() {
    let (url, asked) = server(|path, _| {
        (path == "/v1/models").then(|| {
            json!({ "data": [
                { "id": "own/kimi", "base_model_id": "moonshotai/Kimi-K3", "name": "My Kimi" },
                { "id": "new", "context_length": 65_000, "max_output_length": 9_000,
                  "pricing": { "prompt": "0.0000012", "completion": 0.000005, "input_cache_read": "x" },
                  "supported_features": ["reasoning"], "supported_sampling_parameters": ["temperature"],
                  "input_modalities": ["text", "image"], "output_modalities": ["text"],
                  "reasoning_options": [{ "type": "effort", "values": ["low", null] }] },
            ] })
        })
    })
    .await;
    let config = offline(&json!({ "modal": { "options": { "baseURL": format!("{url}/v1/") } } }));
    let catalog = catalog(&[("MODAL_PROXY_TOKEN", "k")], vec![], config);
    assert!(
        catalog.provider("modal").unwrap().models.len() > 2,
        "until the list comes"
    );
    assert!(catalog.discover().await);
    let provider = catalog.provider("modal").unwrap();
    assert_eq!(provider.models.keys().collect::<Vec<_>>(), ["own/kimi", "new"]);
    let kimi = &provider.models["own/kimi"];
    assert_eq!(
        (kimi.name.as_str(), kimi.api.id.as_str()),
        ("My Kimi", "own/kimi")
    );
    assert!(
        kimi.limit.context > 500_000 && kimi.capabilities.reasoning,
        "{kimi:?}"
    );
    let new = &provider.models["new"];
    assert_eq!((new.limit.context, new.limit.output), (65_000, 9_000));
    assert!((new.cost.base.input - 1.2).abs() < 1e-9 && (new.cost.base.output - 5.0).abs() < 1e-9);
    assert_eq!(new.cost.base.cache.read, 0.0);
    let can = &new.capabilities;
    assert!(can.reasoning && !can.toolcall && can.temperature && can.input.image && can.attachment);
    assert_eq!(
        json!(new.variants),
        json!({ "low": { "reasoningEffort": "low" }, "none": { "reasoningEffort": "none" } })
    );
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn routers_of_digitalocean_are_models_besides() {
    let (url, asked) = server(|path, _| {
        (path == "/v2/gen-ai/models/routers")
            .then(|| json!({ "model_routers": [{ "name": "fast", "uuid": "u", "policies": [] }] }))
    })
    .await;
    let home = tempfile::TempDir::new().unwrap();
    let login = |fetched: &str, expires: &str| Credential::Api {
        key: "k".into(),
        metadata: [
            ("oauth_access", "at"),
            ("oauth_expires", expires),
            ("routers", r#"[{"name":"kept"}]"#),
            ("routers_fetched_at", fetched),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .collect(),
    };
    let (now, later) = (opencode_schema::time::now().to_string(), i64::MAX.to_string());
    for (fetched, expires, router, asks) in [
        ("1", later.as_str(), "router:fast", 1),
        (now.as_str(), later.as_str(), "router:kept", 0),
        ("1", "1", "router:kept", 0),
    ] {
        let login = login(fetched, expires);
        let mut catalog = catalog(&[], vec![("digitalocean", login.clone())], offline(&json!({})));
        catalog.sources.paths.data = home.path().to_owned();
        catalog.sources.paths.state = home.path().to_owned();
        credential::put(&catalog.sources.paths, "digitalocean", Some(login.to_entry())).unwrap();
        catalog
            .sources
            .logins
            .instead
            .insert("https://api.digitalocean.com".to_owned(), url.clone());
        let before = asked.lock().unwrap().len();
        catalog.discover().await;
        assert_eq!(asked.lock().unwrap().len() - before, asks, "{router}");
        let provider = catalog.provider("digitalocean").unwrap();
        assert!(provider.models.len() > 50, "the others stay");
        let model = &provider.models[router];
        assert_eq!((model.limit.context, model.limit.output), (128_000, 8_192));
        let target = catalog.target(model).unwrap();
        assert_eq!(target.base_url.as_deref(), Some("https://inference.do-ai.run/v1"));
        assert_eq!(target.model_id, router);
        let stored = credential::read(&catalog.sources.paths, &catalog.sources.environment);
        let entry = stored["digitalocean"].to_entry();
        let kept = entry["metadata"]["routers"].as_str().unwrap();
        assert!(kept.contains(router.trim_start_matches("router:")), "{kept}");
    }
}
