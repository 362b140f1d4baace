//! Requests to models behind GitLab's gateway, and what comes back: the shapes that its package sends and
//! reads.

use opencode_llm::adapter::{Api, by_package_and_api};
use opencode_llm::replay;
use opencode_llm::stream::StreamPart;
use opencode_llm::{Request, Target, protocol};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

fn target(api: Api, model: &str) -> Target {
    let adapter = by_package_and_api("gitlab-ai-provider", api).unwrap();
    Target::new(adapter, "gitlab", model)
}

fn request(options: &Value) -> Request {
    serde_json::from_value(json!({
        "prompt": [
            {"role": "system", "content": "one"},
            {"role": "system", "content": "two"},
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {"role": "assistant", "content": [
                {"type": "reasoning", "text": "hm", "providerOptions": {"gitlab": {"signature": "sig", "itemId": "rs_1"}}},
                {"type": "reasoning", "text": "", "providerOptions": {"gitlab": {"redactedData": "secret"}}},
                {"type": "text", "text": "ok", "providerOptions": {"gitlab": {"itemId": "msg_1"}}},
                {"type": "tool-call", "toolCallId": "t1", "toolName": "read", "input": {"a": 1},
                    "providerOptions": {"gitlab": {"itemId": "fc_1"}}},
            ]},
            {"role": "tool", "content": [
                {"type": "tool-result", "toolCallId": "t1", "toolName": "read", "output": {"type": "text", "value": "res"}},
            ]},
        ],
        "tools": [{"type": "function", "name": "read", "description": "Reads", "inputSchema": {"type": "object"}}],
        "toolChoice": {"type": "auto"},
        "maxOutputTokens": 1000,
        "providerOptions": {"gitlab": options},
    }))
    .unwrap()
}

fn body(target: &Target, request: &Request) -> Value {
    protocol::prepare(target, request, true).unwrap().body
}

#[test]
fn claude_is_asked_with_marks_and_thinks_as_it_is_told() {
    let target = target(Api::Messages, "claude-opus-4-6");
    let options = json!({"thinking": {"type": "adaptive", "effort": "high"}});
    let cached = json!({"type": "ephemeral"});
    assert_eq!(
        body(&target, &request(&options)),
        json!({
            "model": "claude-opus-4-6",
            "max_tokens": 1000,
            "thinking": {"type": "adaptive", "display": "summarized"},
            "output_config": {"effort": "high"},
            "system": [{"type": "text", "text": "one\ntwo", "cache_control": cached}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "hi"}]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "redacted_thinking", "data": "secret"},
                    {"type": "text", "text": "ok"},
                    {"type": "tool_use", "id": "t1", "name": "read", "input": {"a": 1}, "cache_control": cached},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "res", "cache_control": cached},
                ]},
            ],
            "tools": [{"name": "read", "description": "Reads", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "auto"},
            "stream": true,
        })
    );
}

#[test]
fn claude_answers_under_the_name_of_gitlab() {
    let target = target(Api::Messages, "claude-opus-4-6");
    let prepared = protocol::prepare(&target, &request(&json!({})), true).unwrap();
    let events = [
        json!({"type": "message_start", "message": {"id": "m", "model": "claude", "usage": {"input_tokens": 3}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "sig"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}),
        json!({"type": "message_stop"}),
    ];
    let text: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let pieces = text.as_bytes().chunks(7);
    let replayed = replay::stream(prepared.decoder, pieces);
    assert_eq!(replayed.fault, None);
    let signed = replayed.parts.iter().find_map(|part| match part {
        StreamPart::ReasoningDelta { metadata, .. } => metadata.get("gitlab"),
        _ => None,
    });
    assert_eq!(json!(signed), json!({"signature": "sig"}));
    let Some(StreamPart::Finish(finish)) = replayed.parts.last() else {
        panic!("{:?}", replayed.parts)
    };
    assert!(!finish.metadata.contains_key("anthropic"));

    let whole = json!({"type": "message", "id": "m", "stop_reason": "end_turn", "usage": {},
        "content": [{"type": "thinking", "thinking": "hm", "signature": "sig"}]});
    let prepared = protocol::prepare(&target, &request(&json!({})), false).unwrap();
    let replayed = replay::whole(prepared.decoder, &whole.to_string());
    assert!(replayed.parts.iter().any(|part| matches!(part,
        StreamPart::ReasoningStart { metadata, .. }
        | StreamPart::ReasoningDelta { metadata, .. }
        | StreamPart::ReasoningEnd { metadata, .. } if metadata.contains_key("gitlab"))));
}

#[test]
fn chat_carries_the_effort_and_nothing_that_the_gateway_does_not_know() {
    let target = target(Api::Chat, "gpt-5.1-2025-11-13");
    let options = json!({"reasoningEffort": "low", "textVerbosity": "low", "promptCacheKey": "s"});
    let made = body(&target, &request(&options));
    assert_eq!(
        json!([
            made["model"],
            made["max_completion_tokens"],
            made["reasoning_effort"],
            made["stream_options"]
        ]),
        json!(["gpt-5.1-2025-11-13", 1000, "low", {"include_usage": true}])
    );
    let keys: Vec<&str> = made.as_object().unwrap().keys().map(String::as_str).collect();
    for absent in ["max_tokens", "verbosity", "prompt_cache_key"] {
        assert!(!keys.contains(&absent), "{absent}");
    }
    assert_eq!(made["messages"][0], json!({"role": "system", "content": "one"}));
}

#[test]
fn responses_keep_nothing_from_turn_to_turn() {
    let target = target(Api::Responses, "gpt-5.3-codex");
    let mut request =
        request(&json!({"reasoningEffort": "high", "instructions": "be good", "textVerbosity": "low"}));
    request.prompt.drain(..2);
    assert_eq!(
        body(&target, &request),
        json!({
            "model": "gpt-5.3-codex",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
                {"role": "assistant", "content": [{"type": "output_text", "text": "ok"}]},
                {"type": "function_call", "call_id": "t1", "name": "read", "arguments": "{\"a\":1}"},
                {"type": "function_call_output", "call_id": "t1", "output": "res"},
            ],
            "max_output_tokens": 1000,
            "instructions": "be good",
            "store": false,
            "reasoning": {"effort": "high", "summary": "auto"},
            "tools": [{"type": "function", "name": "read", "description": "Reads", "parameters": {"type": "object"}}],
            "tool_choice": "auto",
            "stream": true,
        })
    );
}
