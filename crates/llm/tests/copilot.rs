//! GitHub Copilot's chat: the request as the reference sends it, and answers with reasoning and a price.

use opencode_llm::adapter::{Adapter, Api, by_package_and_api};
use opencode_llm::protocol::{Decoder, prepare};
use opencode_llm::stream::{FinishReason, StreamPart};
use opencode_llm::{Request, Target, replay, usage};
use pretty_assertions::assert_eq;
use proptest::prelude::*;
use serde_json::{Value, json};

fn adapter(api: Api) -> &'static Adapter {
    by_package_and_api("@ai-sdk/github-copilot", api).unwrap()
}

/// The body for a prompt, as the reference wrote it.
fn body(prompt: &Value, options: &Value) -> Value {
    let target = Target::new(adapter(Api::Chat), "github-copilot", "claude-haiku-4.5");
    let request: Request = serde_json::from_value(json!({
        "prompt": prompt, "maxOutputTokens": 32000, "temperature": 0.5, "topK": 5,
        "tools": [{"type": "function", "name": "bash", "description": "Runs", "inputSchema": {"type": "object"}, "strict": false}],
        "toolChoice": {"type": "auto"}, "providerOptions": {"copilot": options},
    }))
    .unwrap();
    prepare(&target, &request, true).unwrap().body
}

#[test]
fn a_turn_goes_with_the_reasoning_that_only_copilot_reads() {
    let cache = json!({"copilot_cache_control": {"type": "ephemeral"}});
    let opaque = json!({"copilot": {"reasoningOpaque": "OPQ"}});
    let both = json!({"copilot": {"reasoningOpaque": "OPQ", "copilot_cache_control": {"type": "ephemeral"}}});
    let sent = body(
        &json!([
            {"role": "system", "content": "S", "providerOptions": {"copilot": cache}},
            {"role": "user", "content": [{"type": "text", "text": "hi", "providerOptions": {"copilot": cache}}]},
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "file", "mediaType": "image/*", "data": "data:;base64,QUJD"},
            ]},
            {"role": "assistant", "content": [
                {"type": "reasoning", "text": "think more", "providerOptions": opaque},
                {"type": "text", "text": "Let me"},
                {"type": "tool-call", "toolCallId": "c1", "toolName": "bash", "input": {"a": 1}, "providerOptions": both},
            ]},
            {"role": "tool", "content": [
                {"type": "tool-result", "toolCallId": "c1", "toolName": "bash", "output": {"type": "text", "value": "x"}, "providerOptions": both},
            ]},
            {"role": "assistant", "content": [{"type": "reasoning", "text": "words alone"}]},
        ]),
        &json!({"reasoningEffort": "low", "textVerbosity": "low", "thinking_budget": 5, "store": false, "include": ["x"]}),
    );
    assert_eq!(
        sent,
        json!({
            "model": "claude-haiku-4.5", "max_tokens": 32000, "temperature": 0.5,
            "reasoning_effort": "low", "verbosity": "low", "thinking_budget": 5,
            "messages": [
                {"role": "system", "content": "S", "copilot_cache_control": {"type": "ephemeral"}},
                {"role": "user", "content": "hi", "copilot_cache_control": {"type": "ephemeral"}},
                {"role": "user", "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,QUJD"}},
                ]},
                {"role": "assistant", "content": "Let me", "tool_calls": [{
                    "id": "c1", "type": "function", "function": {"name": "bash", "arguments": "{\"a\":1}"},
                    "reasoningOpaque": "OPQ", "copilot_cache_control": {"type": "ephemeral"},
                }], "reasoning_text": "think more", "reasoning_opaque": "OPQ"},
                {"role": "tool", "tool_call_id": "c1", "content": "x",
                    "reasoningOpaque": "OPQ", "copilot_cache_control": {"type": "ephemeral"}},
                {"role": "assistant", "content": null},
            ],
            "tools": [{"type": "function", "function": {"name": "bash", "description": "Runs", "parameters": {"type": "object"}}}],
            "tool_choice": "auto", "stream": true,
        })
    );
}

fn chunk(delta: &Value, reason: Option<&str>) -> Value {
    json!({"id": "x", "created": 1, "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
}

fn answer() -> String {
    let chunks = [
        chunk(
            &json!({"role": "assistant", "content": null, "reasoning_text": "think"}),
            None,
        ),
        chunk(&json!({"reasoning_text": " more"}), None),
        chunk(&json!({"reasoning_opaque": "OPQ"}), None),
        chunk(&json!({"content": "Let me"}), None),
        chunk(
            &json!({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "bash", "arguments": ""}}]}),
            None,
        ),
        chunk(
            &json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"a\":1}"}}]}),
            None,
        ),
        chunk(&json!({}), Some("tool_calls")),
        json!({"id": "x", "choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 20,
            "prompt_tokens_details": {"cached_tokens": 30}, "completion_tokens_details": {"reasoning_tokens": 5}},
            "copilot_usage": {"total_nano_aiu": 250_000_000}}),
    ];
    let events: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    events + "data: [DONE]\n\n"
}

fn played(text: &str, pieces: usize) -> Vec<StreamPart> {
    let decoder = Decoder::for_adapter(adapter(Api::Chat));
    let replayed = replay::stream(decoder, text.as_bytes().chunks(pieces));
    assert_eq!(replayed.fault, None);
    replayed.parts
}

#[test]
fn answers_bring_reasoning_and_a_price() {
    let parts = played(&answer(), 7);
    let opaque = json!({"copilot": {"reasoningOpaque": "OPQ"}});
    let with: Vec<(&str, Value)> = parts
        .iter()
        .filter_map(|part| match part {
            StreamPart::ReasoningEnd { metadata, .. } => Some(("thought", json!(metadata))),
            StreamPart::TextStart { metadata, .. } => Some(("text", json!(metadata))),
            StreamPart::ToolCall(call) => Some(("call", json!(call.metadata))),
            _ => None,
        })
        .collect();
    assert_eq!(
        with,
        [
            ("thought", opaque.clone()),
            ("text", opaque.clone()),
            ("call", opaque)
        ]
    );
    let thought: String = parts
        .iter()
        .filter_map(|part| match part {
            StreamPart::ReasoningDelta { delta, .. } => Some(delta.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(thought, "think more");
    let Some(StreamPart::Finish(finish)) = parts.last() else {
        panic!()
    };
    assert_eq!(finish.reason, FinishReason::ToolCalls);
    let tokens = usage::tokens(&finish.usage, &finish.metadata);
    assert_eq!(
        (tokens.input, tokens.output, tokens.reasoning, tokens.cache_read),
        (70, 15, 5, 30)
    );
    assert_eq!(
        json!(finish.metadata),
        json!({"copilot": {"reasoningOpaque": "OPQ", "totalNanoAiu": 250_000_000}})
    );
}

#[test]
fn whole_answers_bring_the_same() {
    let body = json!({
        "id": "x", "choices": [{"message": {"role": "assistant", "content": "x", "reasoning_text": "T", "reasoning_opaque": "O",
            "tool_calls": [{"id": "c", "function": {"name": "bash", "arguments": "{}"}}]}, "finish_reason": "stop"}],
        "copilot_usage": {"total_nano_aiu": 7},
    });
    let mut parts = Vec::new();
    Decoder::for_adapter(adapter(Api::Chat))
        .whole(&body.to_string(), &mut parts)
        .unwrap();
    let opaque = json!({"copilot": {"reasoningOpaque": "O"}});
    assert!(
        parts.iter().any(
            |part| matches!(part, StreamPart::ReasoningEnd { metadata, .. } if json!(metadata) == opaque)
        )
    );
    assert!(
        parts
            .iter()
            .any(|part| matches!(part, StreamPart::ToolCall(call) if json!(call.metadata) == opaque))
    );
    let Some(StreamPart::Finish(finish)) = parts.last() else {
        panic!()
    };
    assert_eq!(finish.metadata["copilot"]["totalNanoAiu"], 7);
}

#[test]
fn other_protocols_of_copilot_tell_the_price_too() {
    let responses = "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1},\"copilot_usage\":{\"total_nano_aiu\":5}}}\n\n";
    let messages = "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":1}}}\n\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":1},\"copilot_usage\":{\"total_nano_aiu\":5}}\n\ndata: {\"type\":\"message_stop\"}\n\n";
    let anthropic = by_package_and_api("@ai-sdk/anthropic", Api::Messages).unwrap();
    for (adapter, text) in [(adapter(Api::Responses), responses), (anthropic, messages)] {
        let replayed = replay::stream(Decoder::for_adapter(adapter), [text.as_bytes()]);
        let Some(StreamPart::Finish(finish)) = replayed.parts.last() else {
            panic!("{:?}", replayed.parts)
        };
        assert_eq!(
            finish.metadata["copilot"]["totalNanoAiu"], 5,
            "{}",
            adapter.package
        );
    }
}

proptest! {
    #[test]
    fn the_answer_does_not_depend_on_its_pieces(size in 1_usize..40) {
        let text = answer();
        prop_assert_eq!(played(&text, size), played(&text, text.len()));
    }

    #[test]
    fn whatever_comes_is_borne(text in any::<i32>(), opaque in ".*") {
        let odd = chunk(&json!({"reasoning_text": text, "reasoning_opaque": [opaque], "content": "x"}), None);
        let parts = played(&format!("data: {odd}\n\n"), 9);
        let is_text = |part: &StreamPart| matches!(part, StreamPart::TextDelta { .. });
        prop_assert!(parts.iter().any(is_text));
    }
}
