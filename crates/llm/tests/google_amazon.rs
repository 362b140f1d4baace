//! Google's and Amazon's protocols: requests that were made to show one thing each, as the reference sends
//! them, and answers that no recording shows.

use opencode_llm::protocol::{Decoder, Fault, prepare};
use opencode_llm::stream::{FinishReason, Source, StreamPart};
use opencode_llm::{Error, Request, Target, replay};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fold::fold;
use crate::shared::{entries, json as read_json, package, provider_cases};

#[test]
fn requests_to_clouds_encode_as_the_reference_sends_them() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/clouds.json");
    let cases: Vec<Value> = serde_json::from_value(read_json(&path)).unwrap();
    let mut failures = Vec::new();
    for case in &cases {
        let target = Target::new(
            package(case["package"].as_str().unwrap()),
            "cloud",
            case["model"].as_str().unwrap(),
        );
        let request: Request = serde_json::from_value(case["input"].clone()).unwrap();
        match prepare(&target, &request, true) {
            Err(Error::Unsupported { .. }) if case["refused"] == true => {}
            Ok(prepared) if prepared.body == case["body"] => {}
            other => failures.push(format!(
                "{}\n  expected {}\n  got      {}",
                case["name"],
                case["body"],
                other.map_or_else(|error| error.to_string(), |prepared| prepared.body.to_string())
            )),
        }
    }
    assert!(
        failures.is_empty(),
        "{} differ\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn events(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

fn google(chunks: &[Value]) -> Vec<StreamPart> {
    let decoder = Decoder::for_adapter(package("@ai-sdk/google"));
    let replayed = replay::stream(decoder, [events(chunks).as_bytes()]);
    assert_eq!(replayed.fault, None);
    replayed.parts
}

fn chunk(parts: &Value) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}}]})
}

fn finish(parts: &[StreamPart]) -> &opencode_llm::stream::Finish {
    match parts.last() {
        Some(StreamPart::Finish(finish)) => finish,
        other => panic!("{other:?}"),
    }
}

#[test]
fn signatures_stay_with_what_they_sign() {
    let parts = google(&[
        chunk(
            &json!([{"text": "T", "thought": true}, {"text": "", "thought": true, "thoughtSignature": "A"}]),
        ),
        chunk(
            &json!([{"text": "x", "thoughtSignature": "B"}, {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "C"}]),
        ),
    ]);
    let signatures: Vec<(&str, String)> = parts
        .iter()
        .filter_map(|part| {
            let (kind, metadata) = match part {
                StreamPart::ReasoningDelta { metadata, .. } => ("reasoning", metadata),
                StreamPart::TextDelta { metadata, .. } => ("text", metadata),
                StreamPart::ToolCall(call) => ("call", &call.metadata),
                _ => return None,
            };
            let signature = metadata.get("google")?.get("thoughtSignature")?.as_str()?;
            Some((kind, signature.to_owned()))
        })
        .collect();
    assert_eq!(
        signatures,
        [
            ("reasoning", "A".to_owned()),
            ("text", "B".to_owned()),
            ("call", "C".to_owned())
        ]
    );
}

#[test]
fn code_searches_and_files_of_google() {
    let grounded = json!({"candidates": [{"groundingMetadata": {"groundingChunks": [
        {"web": {"uri": "https://a", "title": "A"}},
        {"image": {"sourceUri": "https://b", "imageUri": "https://no"}},
        {"retrievedContext": {"uri": "gs://x/y.pdf", "title": "Y"}},
        {"retrievedContext": {"fileSearchStore": "stores/z"}},
        {"maps": {"uri": "https://m"}},
    ]}}]});
    let parts = google(&[
        chunk(&json!([
            {"executableCode": {"language": "PYTHON", "code": "1"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
            {"toolCall": {"toolType": "SEARCH", "id": "s", "args": {"q": 1}}},
            {"toolResponse": {"toolType": "SEARCH", "id": "s", "response": {"r": 1}}},
        ])),
        grounded.clone(),
        grounded,
        json!({"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 9,
            "cachedContentTokenCount": 4, "candidatesTokenCount": 3, "thoughtsTokenCount": 2}}),
    ]);
    let folded = fold(&parts, None, 200);
    assert_eq!(
        folded["sequence"],
        json!(["tool_call", "tool_result", "tool_call", "tool_result"])
    );
    assert_eq!(folded["tool_calls"][0]["name"], "code_execution");
    assert_eq!(folded["tool_calls"][0]["provider_executed"], true);
    assert_eq!(folded["tool_calls"][0]["id"], folded["tool_results"][0]["id"]);
    assert_eq!(folded["tool_calls"][1]["name"], "server:SEARCH");
    assert_eq!(
        folded["sources"],
        json!([
            {"type": "url", "url": "https://a", "title": "A"},
            {"type": "url", "url": "https://b"},
            {"type": "document", "title": "Y", "filename": "y.pdf", "media_type": "application/pdf"},
            {"type": "document", "title": "Unknown Document", "filename": "z", "media_type": "application/octet-stream"},
            {"type": "url", "url": "https://m"},
        ])
    );
    // What the provider runs itself is no reason to go on.
    assert_eq!(folded["finish"], "stop");
    assert_eq!(
        folded["usage"],
        json!({"input": 9, "output": 5, "reasoning": 2, "cache_read": 4, "cache_write": null})
    );
    assert!(parts.contains(&StreamPart::File {
        media_type: "image/png".to_owned(),
        data: "AAAA".to_owned()
    }));
}

#[test]
fn ends_of_google() {
    for (last, reason) in [
        (
            json!({"candidates": [{"finishReason": "MAX_TOKENS"}]}),
            FinishReason::Length,
        ),
        (
            json!({"candidates": [{"finishReason": "SPII"}]}),
            FinishReason::ContentFilter,
        ),
        (
            json!({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}),
            FinishReason::Error,
        ),
        (
            json!({"candidates": [{"finishReason": "NEW"}]}),
            FinishReason::Other,
        ),
        (
            json!({"promptFeedback": {"blockReason": "SAFETY"}}),
            FinishReason::ContentFilter,
        ),
        (
            json!({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}),
            FinishReason::Error,
        ),
        (json!({"candidates": 5}), FinishReason::Error),
        (json!({"candidates": []}), FinishReason::Other),
    ] {
        let parts = google(std::slice::from_ref(&last));
        assert_eq!(finish(&parts).reason, reason, "{last}");
        let errors = parts
            .iter()
            .filter(|part| matches!(part, StreamPart::Error(_)))
            .count();
        assert_eq!(
            errors == 1,
            last.get("error").is_some() || last["candidates"] == 5,
            "{last}"
        );
    }
    let whole =
        |body: &Value| replay::whole(Decoder::for_adapter(package("@ai-sdk/google")), &body.to_string());
    let refused = whole(&json!({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}));
    assert!(
        matches!(
            refused.fault,
            Some(Fault::Refused {
                status: 503,
                retryable: true,
                ..
            })
        ),
        "{refused:?}"
    );
    assert!(matches!(
        whole(&json!({"candidates": []})).fault,
        Some(Fault::Broken { .. })
    ));
}

/// A frame of an event stream.
fn frame(kind: (&str, &str), message_type: &str, content: &str) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [(":message-type", message_type), kind] {
        headers.push(u8::try_from(name.len()).unwrap());
        headers.extend(name.bytes());
        headers.push(7);
        headers.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        headers.extend(value.bytes());
    }
    let total = u32::try_from(16 + headers.len() + content.len()).unwrap();
    let mut frame = total.to_be_bytes().to_vec();
    frame.extend(u32::try_from(headers.len()).unwrap().to_be_bytes());
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(headers);
    frame.extend(content.bytes());
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame
}

fn event(name: &str, content: &Value) -> Vec<u8> {
    frame((":event-type", name), "event", &content.to_string())
}

fn delta(index: u64, delta: &Value) -> Vec<u8> {
    event(
        "contentBlockDelta",
        &json!({"contentBlockIndex": index, "delta": delta, "p": "abc"}),
    )
}

fn bedrock(frames: &[Vec<u8>]) -> replay::Replayed {
    let decoder = Decoder::for_adapter(package("@ai-sdk/amazon-bedrock"));
    replay::stream(decoder, frames.iter().map(Vec::as_slice))
}

#[test]
fn thoughts_of_bedrock_keep_their_proofs() {
    let replayed = bedrock(&[
        delta(0, &json!({"reasoningContent": {"text": "T"}})),
        delta(0, &json!({"reasoningContent": {"signature": "S"}})),
        event("contentBlockStop", &json!({"contentBlockIndex": 0})),
        delta(1, &json!({"reasoningContent": {"redactedContent": "a"}})),
        delta(1, &json!({"reasoningContent": {"redactedContent": "b"}})),
        event("contentBlockStop", &json!({"contentBlockIndex": 1})),
        delta(2, &json!({"reasoningContent": {"data": "D"}})),
        delta(3, &json!({"text": "x"})),
        event(
            "metadata",
            &json!({"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3,
            "cacheReadInputTokens": 4, "cacheWriteInputTokens": 5}, "trace": {"t": 1}}),
        ),
        event(
            "messageStop",
            &json!({"stopReason": "stop_sequence",
            "additionalModelResponseFields": {"delta": {"stop_sequence": "q"}}}),
        ),
    ]);
    let facts: Vec<Value> = replayed
        .parts
        .iter()
        .filter_map(|part| match part {
            StreamPart::ReasoningDelta { metadata, .. } | StreamPart::ReasoningEnd { metadata, .. } => {
                metadata.get("bedrock").map(|own| Value::Object(own.clone()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        facts,
        [
            json!({"signature": "S"}),
            json!({"redactedContent": "ab"}),
            json!({"redactedData": "D"})
        ]
    );
    let end = finish(&replayed.parts);
    assert_eq!(
        (end.reason, end.raw.as_deref()),
        (FinishReason::Stop, Some("stop_sequence"))
    );
    assert_eq!(end.usage.input, Some(10));
    assert_eq!(
        serde_json::to_value(&end.metadata["bedrock"]).unwrap(),
        json!({"usage": {"cacheWriteInputTokens": 5}, "trace": {"t": 1}, "stopSequence": "q"})
    );
    // All that was opened is closed.
    let closed = replayed
        .parts
        .iter()
        .filter(|part| matches!(part, StreamPart::TextEnd { .. } | StreamPart::ReasoningEnd { .. }));
    assert_eq!(closed.count(), 4);
}

#[test]
fn thoughts_without_words_are_none() {
    let empty = delta(0, &json!({"reasoningContent": {"text": ""}}));
    let replayed = bedrock(&[empty, delta(1, &json!({"text": "said"}))]);
    assert!(
        !replayed
            .parts
            .iter()
            .any(|part| matches!(part, StreamPart::ReasoningStart { .. })),
        "{:?}",
        replayed.parts
    );
}

#[test]
fn failures_of_bedrock_are_told() {
    let replayed = bedrock(&[
        delta(0, &json!({"text": "x"})),
        frame(
            (":exception-type", "throttlingException"),
            "exception",
            r#"{"message":"slow down"}"#,
        ),
    ]);
    let error = replayed.parts.iter().find_map(|part| match part {
        StreamPart::Error(error) => Some(error.clone()),
        _ => None,
    });
    let error = error.unwrap();
    assert_eq!(
        (error.message.as_str(), error.code.as_deref()),
        ("slow down", Some("throttlingException"))
    );
    assert_eq!(finish(&replayed.parts).reason, FinishReason::Error);

    let replayed = bedrock(&[frame((":event-type", "metadata"), "event", "no json")]);
    assert!(matches!(replayed.parts[0], StreamPart::Error(_)));
    let mut cut = delta(0, &json!({"text": "x"}));
    cut.extend(&delta(0, &json!({"text": "y"}))[..9]);
    let replayed = bedrock(&[cut]);
    assert!(matches!(replayed.fault, Some(Fault::Broken { .. })));
    assert!(
        !replayed
            .parts
            .iter()
            .any(|part| matches!(part, StreamPart::Finish(_)))
    );
}

#[test]
fn schemas_become_tools_and_their_answers_text() {
    let request: Request = serde_json::from_value(json!({
        "prompt": [{"role": "user", "content": [{"type": "text", "text": "a"}]}],
        "responseFormat": {"type": "json", "schema": {"type": "object"}},
    }))
    .unwrap();
    let target = Target::new(
        package("@ai-sdk/amazon-bedrock"),
        "amazon-bedrock",
        "amazon.nova-lite-v1:0",
    );
    let prepared = prepare(&target, &request, true).unwrap();
    assert_eq!(prepared.body["toolConfig"]["toolChoice"], json!({"any": {}}));
    let frames = [
        event(
            "contentBlockStart",
            &json!({"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t", "name": "json"}}}),
        ),
        delta(0, &json!({"toolUse": {"input": "{\"a\":1}"}})),
        event("contentBlockStop", &json!({"contentBlockIndex": 0})),
        event("messageStop", &json!({"stopReason": "tool_use"})),
    ];
    let replayed = replay::stream(prepared.decoder, frames.iter().map(Vec::as_slice));
    let folded = fold(&replayed.parts, None, 200);
    assert_eq!(folded["text"], "{\"a\":1}");
    assert_eq!(folded["finish"], "stop");
}

#[test]
fn what_clouds_leave_open_is_bounded() {
    let piece = "x".repeat(1024 * 1024);
    let start = event(
        "contentBlockStart",
        &json!({"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t", "name": "n"}}}),
    );
    let more = delta(0, &json!({"toolUse": {"input": piece}}));
    let decoder = Decoder::for_adapter(package("@ai-sdk/amazon-bedrock"));
    let flood = std::iter::once(start.as_slice()).chain(std::iter::repeat_n(more.as_slice(), 80));
    assert!(matches!(
        replay::stream(decoder, flood).fault,
        Some(Fault::Broken { .. })
    ));

    let named = |index: usize| {
        let tool = json!({"toolUse": {"toolUseId": "t", "name": piece}});
        event(
            "contentBlockStart",
            &json!({"contentBlockIndex": index, "start": tool}),
        )
    };
    let stop = |index: usize| event("contentBlockStop", &json!({"contentBlockIndex": index}));
    let open: Vec<_> = (0..70).map(named).collect();
    assert!(matches!(bedrock(&open).fault, Some(Fault::Broken { .. })));
    let closed: Vec<_> = (0..70).flat_map(|index| [named(index), stop(index)]).collect();
    assert_eq!(bedrock(&closed).fault, None);

    let start = events(&[chunk(
        &json!([{"functionCall": {"name": "n", "willContinue": true}}]),
    )]);
    let more = events(&[chunk(
        &json!([{"functionCall": {"willContinue": true, "partialArgs": [
        {"jsonPath": "$.a", "stringValue": piece, "willContinue": true}]}}]),
    )]);
    let decoder = Decoder::for_adapter(package("@ai-sdk/google-vertex"));
    let flood = std::iter::once(start.as_bytes()).chain(std::iter::repeat_n(more.as_bytes(), 80));
    assert!(matches!(
        replay::stream(decoder, flood).fault,
        Some(Fault::Broken { .. })
    ));
}

/// Recorded answers, for damage.
fn recorded() -> Vec<(&'static str, Vec<u8>)> {
    let Some(root) = provider_cases() else {
        return vec![(
            "@ai-sdk/google",
            events(&[chunk(&json!([{"text": "x"}]))]).into_bytes(),
        )];
    };
    [
        ("@ai-sdk/google", "gemini", "stream.txt"),
        ("@ai-sdk/amazon-bedrock", "bedrock-converse", "stream.bin"),
    ]
    .into_iter()
    .flat_map(|(name, folder, file)| {
        let paths = entries(&root.join(folder))
            .into_iter()
            .map(move |path| path.join(file));
        paths.filter_map(move |path| Some((name, fs_err::read(path).ok()?)))
    })
    .collect()
}

/// Parts as text, without ids that are made up anew each time.
fn comparable(replayed: &replay::Replayed) -> (String, bool) {
    let mut text = format!("{:?}", replayed.parts);
    while let Some(at) = text.find("call_") {
        let end = (at + 37).min(text.len());
        text.replace_range(at..end, "made-up");
    }
    (text, replayed.fault.is_some())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_answers_of_clouds_decode_the_same_however_they_are_split(
        case in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 0..6),
        size in 1usize..40,
    ) {
        let recorded = recorded();
        let (name, mut bytes) = case.get(&recorded).clone();
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
        let whole = replay::bytes(package(name), &bytes);
        let split = replay::stream(Decoder::for_adapter(package(name)), bytes.chunks(size));
        prop_assert_eq!(comparable(&whole), comparable(&split));
    }

    #[test]
    fn any_content_of_events_is_survived(name in "[a-zA-Z]{1,20}", content in ".{0,200}") {
        let _ = bedrock(&[frame((":event-type", &name), "event", &content), frame((":exception-type", &name), "exception", &content)]);
        let text = content.replace(['\r', '\n'], " ");
        let decoder = || Decoder::for_adapter(package("@ai-sdk/google"));
        let _ = replay::stream(decoder(), [format!("data: {text}\n\n").as_bytes()]);
        for name in ["@ai-sdk/google", "@ai-sdk/amazon-bedrock"] {
            prop_assert!(replay::whole(Decoder::for_adapter(package(name)), &text).parts.len() < 10);
        }
    }
}

#[test]
fn sources_come_once() {
    let chunk =
        json!({"candidates": [{"groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://a"}}]}}]});
    let parts = google(&[chunk.clone(), chunk]);
    let sources = parts
        .iter()
        .filter(|part| matches!(part, StreamPart::Source(Source::Url { .. })));
    assert_eq!(sources.count(), 1);
}
