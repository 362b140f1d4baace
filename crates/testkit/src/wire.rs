//! Answers of the scripted model on the wire formats of providers.

use serde_json::{Value, json};

use crate::model::Step;

/// Events of an answer: up to the first words, and the rest.
pub(crate) struct Events {
    pub(crate) before: String,
    pub(crate) after: String,
}

fn usage(step: &Step, key: &str, default: u64) -> u64 {
    step.usage
        .as_ref()
        .and_then(|usage| usage[key].as_u64())
        .unwrap_or(default)
}

fn halves(text: &str) -> (String, String) {
    let middle = text.chars().count().div_ceil(2);
    (
        text.chars().take(middle).collect(),
        text.chars().skip(middle).collect(),
    )
}

/// OpenAI chat completions.
pub(crate) fn chat(step: &Step) -> Events {
    let event = |value: &Value| format!("data: {value}\n\n");
    let chunk = |delta: Value, finish: Option<&str>| {
        event(&json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "scripted",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
        }))
    };
    let mut before = chunk(json!({ "role": "assistant", "content": "" }), None);
    let mut after = String::new();
    if let Some(reasoning) = &step.reasoning {
        before.push_str(&chunk(json!({ "reasoning_content": reasoning }), None));
    }
    if let Some(text) = &step.text {
        let (first, second) = halves(text);
        before.push_str(&chunk(json!({ "content": first }), None));
        after.push_str(&chunk(json!({ "content": second }), None));
    }
    for (index, tool) in step.tools.iter().enumerate() {
        let arguments = tool["arguments"]
            .as_str()
            .map_or_else(|| tool["arguments"].to_string(), str::to_owned);
        let call = json!({ "index": index, "id": tool["id"], "type": "function",
            "function": { "name": tool["name"], "arguments": arguments } });
        after.push_str(&chunk(json!({ "tool_calls": [call] }), None));
    }
    let usual = if step.tools.is_empty() {
        "stop"
    } else {
        "tool_calls"
    };
    after.push_str(&chunk(json!({}), Some(step.finish.as_deref().unwrap_or(usual))));
    let (input, output) = (usage(step, "input", 100), usage(step, "output", 10));
    after.push_str(&event(&json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "scripted", "choices": [],
        "usage": {
            "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
            "prompt_tokens_details": { "cached_tokens": usage(step, "cached", 0) },
            "completion_tokens_details": { "reasoning_tokens": usage(step, "reasoning", 0) },
        },
    })));
    after.push_str("data: [DONE]\n\n");
    Events { before, after }
}

/// Anthropic Messages.
pub(crate) fn anthropic(step: &Step) -> Events {
    let event = |value: &Value| {
        format!(
            "event: {}\ndata: {value}\n\n",
            value["type"].as_str().unwrap_or_default()
        )
    };
    let cached = usage(step, "cached", 0);
    let mut before = event(&json!({ "type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "scripted", "content": [], "stop_reason": null,
        "usage": {
            "input_tokens": usage(step, "input", 100) - cached, "output_tokens": 1,
            "cache_read_input_tokens": cached, "cache_creation_input_tokens": 0,
        },
    } }));
    let mut after = String::new();
    let mut index = 0;
    if let Some(reasoning) = &step.reasoning {
        for value in [
            json!({ "type": "content_block_start", "index": index, "content_block": { "type": "thinking", "thinking": "", "signature": "" } }),
            json!({ "type": "content_block_delta", "index": index, "delta": { "type": "thinking_delta", "thinking": reasoning } }),
            json!({ "type": "content_block_delta", "index": index, "delta": { "type": "signature_delta", "signature": "sig" } }),
            json!({ "type": "content_block_stop", "index": index }),
        ] {
            before.push_str(&event(&value));
        }
        index += 1;
    }
    if let Some(text) = &step.text {
        let (first, second) = halves(text);
        let delta = |text: String| {
            event(
                &json!({ "type": "content_block_delta", "index": index, "delta": { "type": "text_delta", "text": text } }),
            )
        };
        before.push_str(&event(
            &json!({ "type": "content_block_start", "index": index, "content_block": { "type": "text", "text": "" } }),
        ));
        before.push_str(&delta(first));
        after.push_str(&delta(second));
        after.push_str(&event(&json!({ "type": "content_block_stop", "index": index })));
        index += 1;
    }
    for tool in &step.tools {
        let block = json!({ "type": "tool_use", "id": tool["id"], "name": tool["name"], "input": {} });
        for value in [
            json!({ "type": "content_block_start", "index": index, "content_block": block }),
            json!({ "type": "content_block_delta", "index": index,
                "delta": { "type": "input_json_delta", "partial_json": tool["arguments"].to_string() } }),
            json!({ "type": "content_block_stop", "index": index }),
        ] {
            after.push_str(&event(&value));
        }
        index += 1;
    }
    let stop = if step.tools.is_empty() {
        "end_turn"
    } else {
        "tool_use"
    };
    after.push_str(&event(
        &json!({ "type": "message_delta", "delta": { "stop_reason": stop, "stop_sequence": null },
        "usage": { "output_tokens": usage(step, "output", 10) } }),
    ));
    after.push_str(&event(&json!({ "type": "message_stop" })));
    Events { before, after }
}
