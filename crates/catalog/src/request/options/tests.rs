//! Options by adapter, provider and model.

use super::*;
use crate::fixture::{model, object, provider};

fn base_of(provider_id: &str, npm: &str, id: &str, reasoning: bool, settings: Value) -> Value {
    let mut model = model(provider_id, npm, id);
    model.capabilities.reasoning = reasoning;
    json!(base(&model, &provider(provider_id, settings), "ses"))
}

#[test]
fn rules_by_adapter_provider_and_model() {
    let none = json!({});
    let sealed = json!(["reasoning.encrypted_content"]);
    for (provider_id, npm, id, reasoning, wanted) in [
        ("mine", "@ai-sdk/openai-compatible", "m", true, none.clone()),
        ("anthropic", "@ai-sdk/anthropic", "claude-x", true, none.clone()),
        (
            "minimax",
            "@ai-sdk/anthropic",
            "minimax-m2",
            true,
            json!({ "toolStreaming": false }),
        ),
        (
            "minimax",
            "@ai-sdk/anthropic",
            "MiniMax-M3",
            true,
            json!({ "toolStreaming": false, "thinking": { "type": "adaptive" } }),
        ),
        (
            "google-vertex-anthropic",
            "@ai-sdk/google-vertex/anthropic",
            "claude-x",
            true,
            json!({ "toolStreaming": false }),
        ),
        (
            "kimi-for-coding",
            "@ai-sdk/anthropic",
            "k3",
            true,
            json!({ "toolStreaming": false, "thinking": { "type": "adaptive", "display": "summarized" },
                "effort": "high" }),
        ),
        (
            "mine",
            "@ai-sdk/openai",
            "m",
            false,
            json!({ "store": false, "promptCacheKey": "ses" }),
        ),
        (
            "openai",
            "@ai-sdk/openai",
            "gpt-5.2",
            true,
            json!({ "store": false, "promptCacheKey": "ses", "reasoningEffort": "medium",
                "reasoningSummary": "auto", "include": sealed, "textVerbosity": "low" }),
        ),
        (
            "openai",
            "@ai-sdk/openai",
            "gpt-5.3-codex",
            true,
            json!({ "store": false, "promptCacheKey": "ses", "reasoningEffort": "medium",
                "reasoningSummary": "auto", "include": sealed }),
        ),
        (
            "openai",
            "@ai-sdk/openai",
            "gpt-5-pro",
            true,
            json!({ "store": false, "promptCacheKey": "ses" }),
        ),
        (
            "openai",
            "@ai-sdk/openai",
            "gpt-5-chat-latest",
            true,
            json!({ "store": false, "promptCacheKey": "ses" }),
        ),
        (
            "azure",
            "@ai-sdk/azure",
            "gpt-5.2",
            true,
            json!({ "store": false, "promptCacheKey": "ses", "reasoningEffort": "medium", "reasoningSummary": "auto" }),
        ),
        (
            "xai",
            "@ai-sdk/xai",
            "grok-4",
            true,
            json!({ "store": false, "prompt_cache_key": "ses", "promptCacheKey": "ses" }),
        ),
        (
            "mistral",
            "@ai-sdk/mistral",
            "m",
            true,
            json!({ "prompt_cache_key": "ses" }),
        ),
        (
            "venice",
            "venice-ai-sdk-provider",
            "m",
            true,
            json!({ "promptCacheKey": "ses" }),
        ),
        (
            "deepinfra",
            "@ai-sdk/deepinfra",
            "m",
            true,
            json!({ "prompt_cache_key": "ses" }),
        ),
        (
            "mine",
            "@ai-sdk/openai-compatible",
            "gpt-5.2",
            true,
            json!({ "reasoningEffort": "medium" }),
        ),
        (
            "opencode",
            "@ai-sdk/openai-compatible",
            "gpt-5.2",
            true,
            json!({ "reasoningEffort": "medium", "promptCacheKey": "ses", "include": sealed,
                "reasoningSummary": "auto" }),
        ),
        (
            "google",
            "@ai-sdk/google",
            "gemini-3-pro",
            true,
            json!({ "thinkingConfig": { "includeThoughts": true, "thinkingLevel": "high" } }),
        ),
        (
            "google",
            "@ai-sdk/google",
            "gemini-2.5-pro",
            true,
            json!({ "thinkingConfig": { "includeThoughts": true } }),
        ),
        ("google", "@ai-sdk/google", "gemini-3-pro", false, none.clone()),
        (
            "openrouter",
            "@openrouter/ai-sdk-provider",
            "google/gemini-3-pro",
            true,
            json!({ "usage": { "include": true }, "reasoning": { "effort": "high" } }),
        ),
        (
            "openrouter",
            "@openrouter/ai-sdk-provider",
            "google/gemini-2.5-pro",
            true,
            json!({ "usage": { "include": true } }),
        ),
        (
            "zai-coding-plan",
            "@ai-sdk/openai-compatible",
            "glm-5",
            true,
            json!({ "thinking": { "type": "enabled", "clear_thinking": false } }),
        ),
        (
            "baseten",
            "@ai-sdk/openai-compatible",
            "m",
            true,
            json!({ "chat_template_args": { "enable_thinking": true } }),
        ),
        (
            "alibaba-cn",
            "@ai-sdk/openai-compatible",
            "qwen",
            true,
            json!({ "enable_thinking": true }),
        ),
        (
            "alibaba-cn",
            "@ai-sdk/openai-compatible",
            "kimi-k2-thinking",
            true,
            none,
        ),
        (
            "meta",
            "@ai-sdk/openai",
            "muse",
            true,
            json!({ "store": false, "reasoningSummary": "auto", "include": sealed, "promptCacheKey": "ses" }),
        ),
        (
            "vercel",
            "@ai-sdk/gateway",
            "m",
            true,
            json!({ "gateway": { "caching": "auto" } }),
        ),
    ] {
        let ours = base_of(provider_id, npm, id, reasoning, json!({}));
        assert_eq!(ours, wanted, "{provider_id} {npm} {id}");
    }
}

#[test]
fn the_cache_key_can_be_forced_and_forbidden() {
    for (npm, setting, wanted) in [
        ("@ai-sdk/openai", false, json!({ "store": false })),
        ("@ai-sdk/cerebras", false, json!({})),
        (
            "@ai-sdk/openai-compatible",
            true,
            json!({ "promptCacheKey": "ses" }),
        ),
    ] {
        assert_eq!(
            base_of("mine", npm, "m", false, json!({ "setCacheKey": setting })),
            wanted,
            "{npm}"
        );
    }
}

#[test]
fn azure_without_responses_gets_less() {
    let chat = json!({ "useCompletionUrls": true });
    for (id, wanted) in [
        (
            "gpt-5.2",
            json!({ "store": false, "promptCacheKey": "ses", "reasoningEffort": "medium" }),
        ),
        ("gpt-5.5", json!({ "store": false, "promptCacheKey": "ses" })),
        ("gpt-6", json!({ "store": false, "promptCacheKey": "ses" })),
    ] {
        assert_eq!(
            base_of("azure", "@ai-sdk/azure", id, true, chat.clone()),
            wanted,
            "{id}"
        );
    }
    let mut options =
        object(json!({ "reasoningSummary": "auto", "include": [ENCRYPTED], "reasoningEffort": "low" }));
    settle(
        &model("azure", "@ai-sdk/azure", "gpt-5.2"),
        &provider("azure", chat),
        &mut options,
    );
    assert_eq!(
        json!(options),
        json!({ "reasoningEffort": "low", "forceReasoning": true })
    );
}

#[test]
fn small_requests_think_little() {
    let with = |npm: &str, id: &str, variants: Value| {
        let mut model = model("p", npm, id);
        model.variants = serde_json::from_value(variants).unwrap();
        json!(small(&model, &provider("p", json!({}))))
    };
    let efforts = json!({ "none": { "reasoningEffort": "none" }, "high": { "reasoningEffort": "high" } });
    for (npm, id, variants, wanted) in [
        (
            "@ai-sdk/openai",
            "m",
            efforts.clone(),
            json!({ "store": false, "reasoningEffort": "none" }),
        ),
        ("@ai-sdk/groq", "m", efforts, json!({ "reasoningEffort": "none" })),
        (
            "@openrouter/ai-sdk-provider",
            "google/g",
            json!({}),
            json!({ "reasoning": { "enabled": false } }),
        ),
        (
            "venice-ai-sdk-provider",
            "m",
            json!({}),
            json!({ "veniceParameters": { "disableThinking": true } }),
        ),
        ("@ai-sdk/openai-compatible", "m", json!({}), json!({})),
    ] {
        assert_eq!(with(npm, id, variants), wanted, "{npm}");
    }
}

#[test]
fn binding_turns_thinking_on() {
    let mut options = Object::new();
    let (model, provider) = (
        model("anthropic", "@ai-sdk/anthropic", "claude-opus-5-5"),
        provider("anthropic", json!({})),
    );
    settle(&model, &provider, &mut options);
    assert_eq!(
        json!(options),
        json!({ "thinking": { "type": "adaptive", "blockBinding": { "prefixMismatchBehavior": "drop_block" } } })
    );
}

#[test]
fn thoughts_of_newer_claude_models_are_bound() {
    let bound = json!({ "type": "adaptive", "blockBinding": { "prefixMismatchBehavior": "drop_block" } });
    let plain = json!({ "type": "adaptive" });
    for (npm, id, thinking, wanted) in [
        (
            "@ai-sdk/anthropic",
            "claude-opus-5-1",
            plain.clone(),
            bound.clone(),
        ),
        (
            "@ai-sdk/google-vertex/anthropic",
            "claude-opus-5-5@default",
            plain.clone(),
            bound,
        ),
        ("@ai-sdk/anthropic", "claude-opus-5", plain.clone(), plain.clone()),
        (
            "@ai-sdk/anthropic",
            "claude-mythos-5-1",
            plain.clone(),
            plain.clone(),
        ),
        ("@ai-sdk/anthropic", "kimi-k3", plain.clone(), plain.clone()),
        ("@ai-sdk/anthropic", "claude-latest", plain.clone(), plain.clone()),
        (
            "@ai-sdk/anthropic",
            "claude-opus-5-1",
            json!({ "type": "disabled" }),
            json!({ "type": "disabled" }),
        ),
        (
            "@ai-sdk/anthropic",
            "claude-opus-5-1",
            json!({ "blockBinding": false }),
            Value::Null,
        ),
        (
            "@ai-sdk/anthropic",
            "claude-opus-5-1",
            json!({ "type": "adaptive", "blockBinding": false }),
            plain,
        ),
    ] {
        let mut options = object(json!({ "thinking": thinking }));
        settle(
            &model("anthropic", npm, id),
            &provider("anthropic", json!({})),
            &mut options,
        );
        let thinking = options.get("thinking").cloned().unwrap_or_default();
        assert_eq!(thinking, wanted, "{id}");
    }
}
