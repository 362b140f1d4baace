//! Answers that were made to show one thing each, part by part.

use opencode_llm::adapter::{Api, by_package_and_api};
use opencode_llm::protocol::{Fault, prepare};
use opencode_llm::request::Message;
use opencode_llm::stream::{ProviderMetadata, Source, StreamPart};
use opencode_llm::{Request, Target, replay};
use serde_json::{Value, json};

use proptest::prelude::*;

use crate::shared::{adapter, json as read_json, package};

fn cases() -> Vec<Value> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    ["answers.json", "responses.json"]
        .into_iter()
        .flat_map(|name| serde_json::from_value::<Vec<Value>>(read_json(&folder.join(name))).unwrap())
        .collect()
}

#[test]
fn answers_decode_part_by_part() {
    let mut failures = Vec::new();
    for case in cases() {
        let name = format!(
            "{} ({})",
            case["name"].as_str().unwrap(),
            case["package"].as_str().unwrap()
        );
        let provider = case["provider"].as_str().unwrap_or("anthropic");
        let provider = if case["package"] == "@ai-sdk/openai-compatible" {
            "compat"
        } else {
            provider
        };
        let target = Target::new(adapter(&case).unwrap(), provider, case["model"].as_str().unwrap());
        let request = match &case["input"] {
            Value::Null => Request {
                prompt: vec![Message::user("hello")],
                ..Request::default()
            },
            input => serde_json::from_value(input.clone()).unwrap(),
        };
        let answer = case["answer"].as_str().unwrap();
        let whole = case["whole"] == true;
        let decoder = || prepare(&target, &request, !whole).unwrap().decoder;
        let runs = if whole {
            vec![replay::whole(decoder(), answer)]
        } else {
            vec![
                replay::stream(decoder(), [answer.as_bytes()]),
                replay::stream(decoder(), answer.as_bytes().chunks(1)),
                replay::stream(decoder(), answer.as_bytes().chunks(7)),
            ]
        };
        for replayed in runs {
            let fault = match &replayed.fault {
                None => Value::Null,
                Some(Fault::Refused { status, .. }) => json!(status),
                Some(Fault::Broken { .. }) => json!(true),
            };
            let parts: Value = replayed.parts.iter().map(part_value).collect();
            if parts != case["parts"] || fault != case["fault"] {
                failures.push(format!(
                    "{name}\n  expected {} {}\n  got      {parts} {fault}",
                    case["parts"], case["fault"]
                ));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} differences\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// A part as the cases write it. Made-up ids are not compared, and words of errors only if the provider's.
fn part_value(part: &StreamPart) -> Value {
    let facts = |metadata: &ProviderMetadata| serde_json::to_value(metadata).unwrap();
    match part {
        StreamPart::TextStart { metadata, .. } => json!(["text-start", facts(metadata)]),
        StreamPart::TextDelta { delta, metadata, .. } => json!(["text-delta", delta, facts(metadata)]),
        StreamPart::TextEnd { metadata, .. } => json!(["text-end", facts(metadata)]),
        StreamPart::ReasoningStart { metadata, .. } => json!(["reasoning-start", facts(metadata)]),
        StreamPart::ReasoningDelta { delta, metadata, .. } => {
            json!(["reasoning-delta", delta, facts(metadata)])
        }
        StreamPart::ReasoningEnd { metadata, .. } => json!(["reasoning-end", facts(metadata)]),
        StreamPart::ToolInputStart {
            id,
            name,
            provider_executed,
        } => {
            json!(["tool-input-start", known(id), name, provider_executed])
        }
        StreamPart::ToolInputDelta { id, delta } => json!(["tool-input-delta", known(id), delta]),
        StreamPart::ToolInputEnd { id } => json!(["tool-input-end", known(id)]),
        StreamPart::ToolCall(call) => {
            json!([
                "tool-call",
                known(&call.id),
                call.name,
                call.input,
                call.provider_executed,
                facts(&call.metadata)
            ])
        }
        StreamPart::ToolResult {
            id,
            name,
            output,
            is_error,
            metadata,
        } => {
            json!(["tool-result", id, name, output, is_error, facts(metadata)])
        }
        StreamPart::Source(Source::Url { url, title }) => json!(["source", "url", url, title]),
        StreamPart::Source(Source::Document {
            title,
            filename,
            media_type,
        }) => {
            json!(["source", "document", title, filename, media_type])
        }
        StreamPart::File { media_type, data } => json!(["file", media_type, data]),
        StreamPart::ResponseMetadata { id, model } => json!(["meta", id, model]),
        StreamPart::Error(error) => json!(["error", error.message, error.code]),
        StreamPart::Finish(finish) => {
            let usage = &finish.usage;
            let counts = [
                usage.input,
                usage.output,
                usage.reasoning,
                usage.cache_read,
                usage.cache_write,
            ];
            json!([
                "finish",
                finish.reason.as_str(),
                finish.raw,
                counts,
                facts(&finish.metadata)
            ])
        }
    }
}

fn known(id: &str) -> &str {
    let made_up = id
        .strip_prefix("call_")
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if made_up { "<made up>" } else { id }
}

/// The newest interface of a package.
fn streamed(name: &str) -> &'static opencode_llm::Adapter {
    by_package_and_api(name, Api::Responses).unwrap_or_else(|| package(name))
}

/// The texts of all streamed cases, for damage.
fn streams() -> Vec<(&'static opencode_llm::Adapter, Vec<u8>)> {
    let streamed = cases().into_iter().filter(|case| case["whole"] != true);
    streamed
        .map(|case| {
            (
                adapter(&case).unwrap(),
                case["answer"].as_str().unwrap().as_bytes().to_vec(),
            )
        })
        .collect()
}

/// Parts without ids that are made up anew each time.
fn comparable(replayed: &replay::Replayed) -> (Value, Option<Fault>) {
    (
        replayed.parts.iter().map(part_value).collect(),
        replayed.fault.clone(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_answers_decode_the_same_however_they_are_split(
        case in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 0..6),
        size in 1usize..40,
    ) {
        let streams = streams();
        let (adapter, mut bytes) = case.get(&streams).clone();
        for (place, byte, edit) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = place.index(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        let whole = replay::bytes(adapter, &bytes);
        let decoder = opencode_llm::protocol::Decoder::for_adapter(adapter);
        let split = replay::stream(decoder, bytes.chunks(size));
        prop_assert_eq!(comparable(&whole), comparable(&split));
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for name in ["@ai-sdk/anthropic", "@ai-sdk/cohere", "@ai-sdk/mistral", "@ai-sdk/openai-compatible", "@openrouter/ai-sdk-provider", "@ai-sdk/openai", "@ai-sdk/xai"] {
            let text = String::from_utf8_lossy(&bytes);
            let decoder = || opencode_llm::protocol::Decoder::for_adapter(streamed(name));
            let event = format!("data: {}\n\n", text.replace(['\r', '\n'], " "));
            prop_assert!(replay::stream(decoder(), [event.as_bytes()]).parts.len() < 10);
            prop_assert!(replay::whole(decoder(), &text).parts.len() < 10);
            prop_assert!(replay::bytes(streamed(name), &bytes).parts.len() <= bytes.len() + 1);
        }
    }
}

#[test]
fn what_an_answer_leaves_open_is_bounded() {
    let piece = "x".repeat(1024 * 1024);
    let anthropic = format!(
        "data: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"input_json_delta\",\"partial_json\":\"{piece}\"}}}}\n\n"
    );
    let start = "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{}}}\n\n";
    let chat = format!(
        "data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{{\"index\":0,\"id\":\"c\",\"function\":{{\"name\":\"n\",\"arguments\":\"{piece}\"}}}}]}}}}]}}\n\n"
    );
    let call = "data: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"function_call\",\"id\":\"f\",\"call_id\":\"c\",\"name\":\"n\"}}\n\n";
    let arguments = format!(
        "data: {{\"type\":\"response.function_call_arguments.delta\",\"output_index\":0,\"delta\":\"{piece}\"}}\n\n"
    );
    let xai = format!(
        "data: {{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{{\"type\":\"function_call\",\"call_id\":\"{piece}\"}}}}\n\n"
    );
    let cohere_start = "data: {\"type\":\"tool-call-start\",\"delta\":{\"message\":{\"tool_calls\":{\"id\":\"c\",\"function\":{\"name\":\"n\",\"arguments\":\"\"}}}}}\n\n";
    let cohere = format!(
        "data: {{\"type\":\"tool-call-delta\",\"delta\":{{\"message\":{{\"tool_calls\":{{\"function\":{{\"arguments\":\"{piece}\"}}}}}}}}}}\n\n"
    );
    for (name, start, piece) in [
        ("@ai-sdk/anthropic", start, anthropic),
        ("@ai-sdk/cohere", cohere_start, cohere),
        ("@ai-sdk/openai", call, arguments),
        ("@ai-sdk/xai", "", xai),
        ("@ai-sdk/openai-compatible", "", chat),
    ] {
        let decoder = opencode_llm::protocol::Decoder::for_adapter(streamed(name));
        let flood = std::iter::once(start.as_bytes()).chain(std::iter::repeat_n(piece.as_bytes(), 80));
        let replayed = replay::stream(decoder, flood);
        assert!(
            matches!(replayed.fault, Some(Fault::Broken { .. })),
            "{name}: {:?}",
            replayed.fault
        );
    }
}

fn sse(events: impl IntoIterator<Item = Value>) -> Vec<Vec<u8>> {
    events
        .into_iter()
        .map(|event| format!("data: {event}\n\n").into_bytes())
        .collect()
}

fn fault(name: &str, events: &[Vec<u8>]) -> Option<Fault> {
    let decoder = opencode_llm::protocol::Decoder::for_adapter(streamed(name));
    replay::stream(decoder, events.iter().map(Vec::as_slice)).fault
}

#[test]
fn names_and_ids_that_stay_open_are_bounded() {
    let long = "x".repeat(1024 * 1024);
    let call = |at: usize| {
        json!({"choices": [{"delta": {"tool_calls": [{"index": at, "id": format!("{at}"),
        "function": {"name": long, "arguments": "{"}}]}}]})
    };
    let item = |at: usize| {
        json!({"type": "response.output_item.added", "output_index": at,
        "item": {"type": "function_call", "id": format!("{at}"), "call_id": long, "name": "n"}})
    };
    let taken = |at: usize| {
        json!({"type": "response.output_item.added", "output_index": 0,
        "item": {"type": "message", "id": format!("{at}{long}")}})
    };
    for (name, events) in [
        ("@ai-sdk/openai-compatible", sse((0..30).map(call))),
        ("@ai-sdk/openai", sse((0..70).map(item))),
        ("@ai-sdk/openai", sse((0..30).map(taken))),
    ] {
        let fault = fault(name, &events);
        assert!(matches!(fault, Some(Fault::Broken { .. })), "{name}: {fault:?}");
    }
}

#[test]
fn what_passes_by_is_not_held_against_an_answer() {
    let long = "x".repeat(1024 * 1024);
    let ping = |_| json!({"type": "ping", "padding": long});
    let thoughts = |at: usize| {
        let item =
            json!({"type": "reasoning", "id": format!("rs_{at}"), "encrypted_content": long, "summary": []});
        ["response.output_item.added", "response.output_item.done"]
            .map(|kind| json!({"type": kind, "output_index": at, "item": item}))
    };
    assert_eq!(fault("@ai-sdk/anthropic", &sse((0..70).map(ping))), None);
    assert_eq!(fault("@ai-sdk/openai", &sse((0..70).flat_map(thoughts))), None);
}
