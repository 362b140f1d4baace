//! Requests to SAP's orchestration, and its answers.

use opencode_llm::adapter::by_package;
use opencode_llm::replay::{self, Replayed};
use opencode_llm::stream::{FinishReason, StreamPart};
use opencode_llm::{Request, Target, protocol};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

fn target() -> Target {
    let adapter = by_package("@jerome-benoit/sap-ai-provider-v2").unwrap();
    Target::new(adapter, "sap-ai-core", "anthropic--claude-4.5-sonnet")
}

fn request() -> Request {
    serde_json::from_value(json!({
        "prompt": [
            {"role": "system", "content": "You are {{name}}"},
            {"role": "user", "content": [
                {"type": "text", "text": "{%x%}"},
                {"type": "file", "mediaType": "image/png", "data": "AAAA"},
            ]},
            {"role": "assistant", "content": [
                {"type": "reasoning", "text": "hm"},
                {"type": "text", "text": "ok"},
                {"type": "tool-call", "toolCallId": "t1", "toolName": "read", "input": {"a": {"b": 1}}},
            ]},
            {"role": "tool", "content": [
                {"type": "tool-result", "toolCallId": "t1", "toolName": "read", "output": {"type": "text", "value": "{{y}}"}},
            ]},
        ],
        "tools": [{"type": "function", "name": "read", "description": "Reads {{x}}", "inputSchema": {"type": "object"}}],
        "toolChoice": {"type": "auto"},
        "maxOutputTokens": 1000,
        "temperature": 0.5,
        "providerOptions": {"sap-ai-core": {"reasoningEffort": "low", "modelParams": {"output_config": {"effort": "high"}}}},
    }))
    .unwrap()
}

#[test]
fn the_conversation_is_a_template_whose_braces_mean_nothing() {
    let made = |streaming| protocol::prepare(&target(), &request(), streaming).unwrap().body;
    let template = json!([
        {"role": "system", "content": "You are {\u{200b}{name}}"},
        {"role": "user", "content": [
            {"type": "text", "text": "{\u{200b}%x%}"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ]},
        {"role": "assistant", "content": "ok", "tool_calls": [
            {"id": "t1", "type": "function", "function": {"name": "read", "arguments": "{\"a\":{\"b\":1}}"}},
        ]},
        {"role": "tool", "tool_call_id": "t1", "content": "{\u{200b}{y}}"},
    ]);
    let tools = json!([{"type": "function", "function":
        {"name": "read", "description": "Reads {{x}}", "parameters": {"type": "object"}}}]);
    let mut wanted = json!({"config": {
        "stream": {"enabled": true},
        "modules": {"prompt_templating": {
            "model": {"name": "anthropic--claude-4.5-sonnet", "params": {"temperature": 0.5,
                "output_config": {"effort": "high"}, "stream_options": {"include_usage": true}}},
            "prompt": {"template": template, "tools": tools},
        }},
    }});
    assert_eq!(made(true), wanted);
    let config = wanted["config"].as_object_mut().unwrap();
    config.remove("stream");
    config["modules"]["prompt_templating"]["model"]["params"]
        .as_object_mut()
        .unwrap()
        .remove("stream_options");
    assert_eq!(made(false), wanted);
}

fn stream(events: &[Value], size: usize) -> Replayed {
    let decoder = protocol::prepare(&target(), &request(), true).unwrap().decoder;
    let mut text: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    text.push_str("data: [DONE]\n\n");
    replay::stream(decoder, text.as_bytes().chunks(size))
}

fn chunk(delta: &Value, finish: &str) -> Value {
    json!({"request_id": "r", "final_result": {"id": "c1", "object": "chat.completion.chunk", "created": 1,
        "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}})
}

#[test]
fn answers_come_in_an_envelope() {
    let call = json!({"tool_calls": [{"index": 0, "id": "call1", "type": "function",
        "function": {"name": "read", "arguments": "{\"t\":\"{"}}]});
    let rest = json!({"tool_calls": [{"index": 0, "function": {"arguments": "\u{200b}{x}}\"}"}}]});
    let mut last = chunk(&rest, "tool_calls");
    last["final_result"]["usage"] = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4}});
    let events = [
        json!({"request_id": "r", "intermediate_results": {"templating": []}}),
        chunk(&json!({"role": "", "content": ""}), ""),
        chunk(&json!({"role": "assistant", "content": "Say {"}), ""),
        chunk(&json!({"content": "\u{200b}{name}}"}), ""),
        chunk(&call, ""),
        last,
    ];
    for size in [1, 3, 17, 100_000] {
        let replayed = stream(&events, size);
        assert_eq!(replayed.fault, None);
        let text: String = replayed
            .parts
            .iter()
            .filter_map(|part| match part {
                StreamPart::TextDelta { delta, .. } => Some(delta.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(text, "Say {{name}}", "{size}");
        let call = replayed.parts.iter().find_map(|part| match part {
            StreamPart::ToolCall(call) => Some((call.id.as_str(), call.name.as_str(), call.input.as_str())),
            _ => None,
        });
        assert_eq!(call, Some(("call1", "read", r#"{"t":"{{x}}"}"#)));
        let Some(StreamPart::Finish(finish)) = replayed.parts.last() else {
            panic!("{:?}", replayed.parts)
        };
        assert_eq!(finish.reason, FinishReason::ToolCalls);
        assert_eq!(
            (finish.usage.input, finish.usage.output, finish.usage.cache_read),
            (Some(10), Some(5), Some(4))
        );
    }
}

#[test]
fn errors_are_told() {
    let error = json!({"error": [{"request_id": "r", "code": 400, "message": "content filtered"}]});
    let replayed = stream(std::slice::from_ref(&error), 5);
    let told = replayed.parts.iter().find_map(|part| match part {
        StreamPart::Error(error) => Some((error.message.as_str(), error.code.as_deref())),
        _ => None,
    });
    assert_eq!(told, Some(("content filtered", Some("400"))));
    let whole = |body: &Value| {
        let decoder = protocol::prepare(&target(), &request(), false).unwrap().decoder;
        replay::whole(decoder, &body.to_string())
    };
    assert!(whole(&error).fault.is_some());
    assert!(whole(&json!({"request_id": "r"})).fault.is_some());
    let broken = stream(
        &[
            json!(5),
            json!({"final_result": 5}),
            json!({"final_result": {"choices": 7}}),
        ],
        2,
    );
    assert!(
        broken
            .parts
            .iter()
            .any(|part| matches!(part, StreamPart::Error(_)))
    );
}
