//! Requests that were made to show one thing each, and what goes over the wire for them.

use opencode_llm::adapter::{Api, by_package_and_api};
use opencode_llm::protocol::prepare;
use opencode_llm::request::Message;
use opencode_llm::{Error, Request, Target};
use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::shared::{adapter, json, package};

fn cases() -> Vec<Value> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    ["requests.json", "responses_requests.json"]
        .into_iter()
        .flat_map(|name| serde_json::from_value::<Vec<Value>>(json(&folder.join(name))).unwrap())
        .collect()
}

#[test]
fn requests_encode_as_the_protocols_want_them() {
    let mut failures = Vec::new();
    for case in cases() {
        let name = format!(
            "{} ({} {})",
            case["name"].as_str().unwrap(),
            case["package"].as_str().unwrap(),
            case["model"]
        );
        let mut target = Target::new(
            adapter(&case).unwrap(),
            "anthropic",
            case["model"].as_str().unwrap(),
        );
        if case["package"] == "@ai-sdk/openai-compatible" {
            target.provider_id = "compat".to_owned();
        }
        if let Some(provider) = case["provider"].as_str() {
            target.provider_id = provider.to_owned();
        }
        let request: Request = serde_json::from_value(case["input"].clone()).unwrap();
        let prepared = prepare(&target, &request, case["whole"] != true);
        if case["refused"] == true {
            assert!(
                matches!(prepared, Err(Error::Unsupported { .. })),
                "{name}: {prepared:?}"
            );
            continue;
        }
        let prepared = prepared.unwrap();
        if prepared.body != case["body"] {
            failures.push(format!(
                "{name}\n  expected {}\n  got      {}",
                case["body"], prepared.body
            ));
        }
        let beta = prepared
            .headers
            .into_iter()
            .find(|(name, _)| *name == "anthropic-beta")
            .map(|(_, value)| value);
        assert_eq!(beta.as_deref(), case["beta"].as_str(), "{name}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn hello() -> Request {
    Request {
        prompt: vec![Message::user("hello")],
        ..Request::default()
    }
}

#[test]
fn requests_read_their_own_writing() {
    for case in cases() {
        let request: Request = serde_json::from_value(case["input"].clone()).unwrap();
        let written = serde_json::to_value(&request).unwrap();
        assert_eq!(
            serde_json::from_value::<Request>(written).unwrap(),
            request,
            "{}",
            case["name"]
        );
    }
}

#[test]
fn usage_is_asked_for_as_the_settings_say() {
    let table = [
        ("@ai-sdk/openai-compatible", None, Some("include_usage")),
        ("@ai-sdk/openai-compatible", Some(false), None),
        ("@ai-sdk/togetherai", Some(false), Some("include_usage")),
        ("@ai-sdk/groq", Some(true), None),
        ("@ai-sdk/cerebras", None, None),
        ("@ai-sdk/deepinfra", None, None),
        ("@ai-sdk/vercel", None, None),
        ("venice-ai-sdk-provider", None, None),
        ("venice-ai-sdk-provider", Some(true), Some("includeUsage")),
    ];
    for (name, setting, expected) in table {
        let mut target = Target::new(package(name), "provider", "model");
        target.settings.include_usage = setting;
        let body = prepare(&target, &hello(), true).unwrap().body;
        let field = body["stream_options"]
            .as_object()
            .and_then(|options| options.keys().next().cloned());
        assert_eq!(field.as_deref(), expected, "{name}");
    }
}

#[test]
fn venice_gets_its_own_parameters() {
    let target = Target::new(package("venice-ai-sdk-provider"), "venice", "claude-x");
    let mut request: Request = serde_json::from_value(serde_json::json!({
        "prompt": [
            {"role": "system", "content": "S"},
            {"role": "assistant", "content": []},
            {"role": "assistant", "content": [{"type": "tool-call", "toolCallId": "c", "toolName": "t", "input": {}}]},
            {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c", "toolName": "t", "output": {"type": "content", "value": [
                {"type": "text", "text": "seen"}, {"type": "image-data", "mediaType": "image/png", "data": "AAAA"}]}}]},
        ],
        "maxOutputTokens": 9,
        "providerOptions": {"venice": {"reasoningEffort": "low", "veniceParameters": {"disableThinking": true}, "promptCacheKey": "k", "extra": 1}},
    }))
    .unwrap();
    let body = prepare(&target, &request, true).unwrap().body;
    assert_eq!(
        body,
        serde_json::json!({
            "model": "claude-x",
            "max_completion_tokens": 9,
            "extra": 1,
            "prompt_cache_key": "k",
            "venice_parameters": {"disable_thinking": true, "include_venice_system_prompt": false},
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "S"}]},
                {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "t", "arguments": "{}"}}],
                 "content": [{"type": "text", "text": "\n"}]},
                {"role": "tool", "tool_call_id": "c", "content": "seen"},
                {"role": "user", "content": [
                    {"type": "text", "text": "[Tool Result: c]\nseen"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
            ],
            "n": 1,
            "reasoning": {"effort": "low"},
            "stream": true,
        })
    );
    request.provider_options.clear();
    let body = prepare(&target, &request, true).unwrap().body;
    assert_eq!(body.get("n"), None);
    assert_eq!(
        body["venice_parameters"],
        serde_json::json!({"include_venice_system_prompt": false})
    );
}

#[test]
fn cerebras_has_its_own_name_for_reasoning() {
    let target = Target::new(package("@ai-sdk/cerebras"), "cerebras", "model");
    let request: Request = serde_json::from_value(serde_json::json!({"prompt": [
        {"role": "assistant", "content": [{"type": "reasoning", "text": "R"}, {"type": "text", "text": "T"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "T"}], "providerOptions": {"openaiCompatible": {"reasoning_content": "M"}}},
    ]}))
    .unwrap();
    let body = prepare(&target, &request, true).unwrap().body;
    assert_eq!(
        body["messages"],
        serde_json::json!([
            {"role": "assistant", "content": "T", "reasoning": "R"},
            {"role": "assistant", "content": "T", "reasoning": "M"},
        ])
    );
}

#[test]
fn thinking_blocks_can_be_bound() {
    let target = Target::new(package("@ai-sdk/anthropic"), "anthropic", "claude-opus-5");
    let request = Request {
        provider_options: serde_json::from_value(serde_json::json!({"anthropic": {
            "thinking": {"type": "adaptive", "blockBinding": {"prefixMismatchBehavior": "drop_block"}}}}))
        .unwrap(),
        ..hello()
    };
    let prepared = prepare(&target, &request, true).unwrap();
    assert_eq!(
        prepared.body["thinking"],
        serde_json::json!({"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}})
    );
    assert_eq!(
        prepared.headers,
        [(
            "anthropic-beta",
            "thinking-binding-controls-2026-08-01".to_owned()
        )]
    );
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let target = Target::new(package("@ai-sdk/anthropic"), "anthropic", "claude-opus-5");
    let request = Request {
        provider_options: serde_json::from_value(serde_json::json!({"anthropic": {"thinking": 5}})).unwrap(),
        ..hello()
    };
    assert!(matches!(
        prepare(&target, &request, true),
        Err(Error::Unsupported { .. })
    ));
}

#[test]
fn addresses_are_put_together() {
    let table = [
        ("@ai-sdk/anthropic", None, "https://api.anthropic.com/v1/messages"),
        (
            "@ai-sdk/anthropic",
            Some("https://api.anthropic.com/"),
            "https://api.anthropic.com/v1/messages",
        ),
        (
            "@ai-sdk/anthropic",
            Some("https://proxy.example/anthropic/v1"),
            "https://proxy.example/anthropic/v1/messages",
        ),
        (
            "@ai-sdk/openai-compatible",
            Some("http://localhost:11434/v1/"),
            "http://localhost:11434/v1/chat/completions",
        ),
        (
            "@ai-sdk/deepinfra",
            None,
            "https://api.deepinfra.com/v1/openai/chat/completions",
        ),
        (
            "@ai-sdk/azure",
            Some("https://mine.openai.azure.com/openai"),
            "https://mine.openai.azure.com/openai/v1/responses?api-version=v1",
        ),
        (
            "@ai-sdk/azure",
            Some("https://proxy.example/openai"),
            "https://proxy.example/openai/responses",
        ),
        ("@ai-sdk/openai", None, "https://api.openai.com/v1/responses"),
        ("@ai-sdk/xai", None, "https://api.x.ai/v1/chat/completions"),
        (
            "@ai-sdk/perplexity",
            None,
            "https://api.perplexity.ai/chat/completions",
        ),
    ];
    for (name, base, expected) in table {
        let mut target = Target::new(package(name), "provider", "model");
        target.base_url = base.map(str::to_owned);
        assert_eq!(target.url().unwrap().as_str(), expected, "{name}");
    }
    let chat = by_package_and_api("@ai-sdk/azure", Api::Chat).unwrap();
    let mut target = Target::new(chat, "azure", "deploy");
    target.base_url = Some("https://proxy.example/openai".to_owned());
    target.settings.deployment_urls = true;
    target.settings.api_version = Some("2026-01-01".to_owned());
    target.settings.query = vec![("a b".to_owned(), "c&d".to_owned())];
    assert_eq!(
        target.url().unwrap().as_str(),
        "https://proxy.example/openai/deployments/deploy/chat/completions?a+b=c%26d&api-version=2026-01-01"
    );
}

#[test]
fn addresses_that_are_none_are_refused() {
    for base in [None, Some(""), Some("not an address"), Some("ftp://example.com")] {
        let mut target = Target::new(package("@ai-sdk/openai-compatible"), "provider", "model");
        target.base_url = base.map(str::to_owned);
        assert!(matches!(target.url(), Err(Error::BadAddress { .. })), "{base:?}");
    }
}

#[test]
fn secrets_do_not_show() {
    let mut target = Target::new(package("@ai-sdk/anthropic"), "anthropic", "model");
    target.base_url = Some("https://user:hunter2@proxy.example/v1?key=hunter2".to_owned());
    target.api_key = Some("hunter2".into());
    target.headers.insert("x-token".to_owned(), "hunter2".to_owned());
    target.settings.query = vec![("key".to_owned(), "hunter2".to_owned())];
    let shown = format!("{target:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("x-token"), "{shown}");
}
