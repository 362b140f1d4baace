//! Vercel's AI Gateway: the request as the reference sends it, and answers with all kinds of parts.

use indexmap::IndexMap;
use opencode_llm::protocol::{Decoder, Fault};
use opencode_llm::stream::{FinishReason, Source, StreamPart};
use opencode_llm::{Client, Error, Request, Target, replay, usage};
use pretty_assertions::assert_eq;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::server::{Reply, Server};
use crate::shared::package;

const PACKAGE: &str = "@ai-sdk/gateway";

fn target(server: &Server) -> Target {
    let mut target = Target::new(package(PACKAGE), "vercel", "google/gemini-3.1-pro-preview");
    target.base_url = Some(server.url());
    target.api_key = Some("KEY".into());
    target.headers = IndexMap::from([
        ("User-Agent".to_owned(), "opencode/1.18.33".to_owned()),
        ("x-title".to_owned(), "opencode".to_owned()),
    ]);
    target
}

/// A turn after a tool call, as the reference wrote it.
fn request() -> Request {
    serde_json::from_value(json!({
        "prompt": [
            {"role": "system", "content": "S"},
            {"role": "user", "content": [
                {"type": "file", "mediaType": "image/*", "data": "data:image/png;base64,QUJD", "filename": "p.png"},
                {"type": "file", "mediaType": "application/pdf", "data": "https://example.com/a.pdf"},
                {"type": "text", "text": "hi"},
            ]},
            {"role": "assistant", "content": [
                {"type": "reasoning", "text": "think", "providerOptions": {"google": {"thoughtSignature": "A"}}},
                {"type": "text", "text": "Let me see.", "providerOptions": {"google": {"thoughtSignature": "B"}}},
                {"type": "tool-call", "toolCallId": "c1", "toolName": "bash", "input": {"command": "ls"},
                 "providerOptions": {"google": {"thoughtSignature": "C"}}},
            ]},
            {"role": "tool", "content": [
                {"type": "tool-result", "toolCallId": "c1", "toolName": "bash",
                 "output": {"type": "text", "value": "x\n"}, "providerOptions": {"google": {"thoughtSignature": "C"}}},
            ]},
        ],
        "tools": [{"type": "function", "name": "bash", "description": "Runs", "inputSchema": {"type": "object"}}],
        "toolChoice": {"type": "auto"},
        "maxOutputTokens": 32000, "temperature": 1.0, "topP": 0.95, "topK": 64.0,
        "providerOptions": {"gateway": {"caching": "auto"}},
        "headers": {"X-Session-Id": "s"},
    }))
    .unwrap()
}

#[tokio::test]
async fn calls_go_as_the_reference_sends_them() {
    let server = Server::start(vec![Reply::events()]).await;
    Client::default()
        .stream(&target(&server), &request(), CancellationToken::new())
        .await
        .unwrap();
    let seen = server.requests().pop().unwrap();
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("POST", "/language-model")
    );
    for (name, value) in [
        ("authorization", "Bearer KEY"),
        ("ai-gateway-protocol-version", "0.0.1"),
        ("ai-gateway-auth-method", "api-key"),
        ("ai-language-model-specification-version", "3"),
        ("ai-language-model-id", "google/gemini-3.1-pro-preview"),
        ("ai-language-model-streaming", "true"),
        ("x-title", "opencode"),
        ("x-session-id", "s"),
    ] {
        let sent = seen.headers.iter().find(|(known, _)| known == name);
        assert_eq!(sent.map(|(_, sent)| sent.as_str()), Some(value), "{name}");
    }
    let mut wanted: Value = serde_json::to_value(request()).unwrap();
    wanted["prompt"][1]["content"][0] =
        json!({"type": "file", "mediaType": "image/png", "data": "QUJD", "filename": "p.png"});
    wanted["temperature"] = json!(1);
    wanted["topK"] = json!(64);
    wanted["headers"] = json!({"X-Session-Id": "s", "User-Agent": "opencode/1.18.33"});
    wanted["includeRawChunks"] = json!(false);
    let sent: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(sent, wanted);
}

fn events(chunks: &[Value]) -> String {
    chunks
        .iter()
        .map(|chunk| format!("data: {chunk}\n\n"))
        .collect::<String>()
        + "data: [DONE]\n\n"
}

fn played(chunks: &[Value]) -> (Vec<StreamPart>, Option<Fault>) {
    let text = events(chunks);
    let replayed = replay::stream(Decoder::for_adapter(package(PACKAGE)), [text.as_bytes()]);
    (replayed.parts, replayed.fault)
}

fn answer() -> Vec<Value> {
    let signed = |text: &str| json!({"google": {"thoughtSignature": text}});
    vec![
        json!({"type": "stream-start", "warnings": []}),
        json!({"type": "response-metadata", "id": "r", "modelId": "m", "timestamp": "2026-01-01T00:00:00.000Z"}),
        json!({"type": "reasoning-start", "id": "0", "providerMetadata": signed("A")}),
        json!({"type": "reasoning-delta", "id": "0", "delta": "think", "providerMetadata": signed("B")}),
        json!({"type": "reasoning-end", "id": "0"}),
        json!({"type": "text-start", "id": "1"}),
        json!({"type": "text-delta", "id": "1", "delta": "é😀"}),
        json!({"type": "text-end", "id": "1", "providerMetadata": signed("C")}),
        json!({"type": "raw", "rawValue": {"x": 1}}),
        json!({"type": "tool-input-start", "id": "c", "toolName": "bash"}),
        json!({"type": "tool-input-delta", "id": "c", "delta": "{\"a\":1}"}),
        json!({"type": "tool-input-end", "id": "c"}),
        json!({"type": "tool-call", "toolCallId": "c", "toolName": "bash", "input": "{\"a\":1}", "providerMetadata": signed("D")}),
        json!({"type": "tool-call", "toolCallId": "w", "toolName": "web", "input": "", "providerExecuted": true}),
        json!({"type": "tool-result", "toolCallId": "w", "toolName": "web", "result": [], "preliminary": true}),
        json!({"type": "tool-result", "toolCallId": "w", "toolName": "web", "result": {"n": 1}, "isError": true}),
        json!({"type": "source", "sourceType": "url", "id": "s", "url": "https://a", "title": "A"}),
        json!({"type": "file", "mediaType": "image/png", "data": "QUJD"}),
        json!({"type": "of-tomorrow", "id": 5}),
        json!({"type": "finish", "finishReason": {"unified": "tool-calls", "raw": "STOP"},
            "usage": {"inputTokens": {"total": 100, "noCache": 60, "cacheRead": 30, "cacheWrite": 10},
                "outputTokens": {"total": 20, "text": 15, "reasoning": 5}},
            "providerMetadata": {"gateway": {"cost": "0.1"}, "odd": 1}}),
    ]
}

#[test]
fn all_parts_come_through_with_their_metadata() {
    let (parts, fault) = played(&answer());
    assert_eq!(fault, None);
    let kinds: Vec<String> = parts
        .iter()
        .map(|part| {
            let signature = |metadata: &opencode_llm::stream::ProviderMetadata| {
                let signature = metadata.get("google").map(|google| &google["thoughtSignature"]);
                signature.map_or(String::new(), |signature| {
                    format!(" {}", signature.as_str().unwrap())
                })
            };
            match part {
                StreamPart::ResponseMetadata { id, model } => {
                    format!("meta {} {}", id.as_deref().unwrap(), model.as_deref().unwrap())
                }
                StreamPart::ReasoningStart { metadata, .. } => format!("reasoning{}", signature(metadata)),
                StreamPart::ReasoningDelta { delta, metadata, .. } => {
                    format!("+{delta}{}", signature(metadata))
                }
                StreamPart::ReasoningEnd { metadata, .. } => format!("-reasoning{}", signature(metadata)),
                StreamPart::TextStart { metadata, .. } => format!("text{}", signature(metadata)),
                StreamPart::TextDelta { delta, metadata, .. } => format!("+{delta}{}", signature(metadata)),
                StreamPart::TextEnd { metadata, .. } => format!("-text{}", signature(metadata)),
                StreamPart::ToolInputStart { id, name, .. } => format!("input {id} {name}"),
                StreamPart::ToolInputDelta { delta, .. } => format!("+{delta}"),
                StreamPart::ToolInputEnd { .. } => "-input".to_owned(),
                StreamPart::ToolCall(call) => format!(
                    "call {} {} {} {}{}",
                    call.id,
                    call.name,
                    call.input,
                    call.provider_executed,
                    signature(&call.metadata)
                ),
                StreamPart::ToolResult {
                    id, output, is_error, ..
                } => format!("result {id} {output} {is_error}"),
                StreamPart::Source(Source::Url { url, .. }) => format!("source {url}"),
                StreamPart::File { media_type, data } => format!("file {media_type} {data}"),
                StreamPart::Finish(_) => "finish".to_owned(),
                other => panic!("{other:?}"),
            }
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "meta r m",
            "reasoning A",
            "+think B",
            "-reasoning",
            "text",
            "+é😀",
            "-text C",
            "input c bash",
            "+{\"a\":1}",
            "-input",
            "call c bash {\"a\":1} false D",
            "call w web {} true",
            "result w {\"n\":1} true",
            "source https://a",
            "file image/png QUJD",
            "finish",
        ]
    );
    let Some(StreamPart::Finish(finish)) = parts.last() else {
        panic!()
    };
    assert_eq!(
        (finish.reason, finish.raw.as_deref()),
        (FinishReason::ToolCalls, Some("STOP"))
    );
    let tokens = usage::tokens(&finish.usage, &finish.metadata);
    assert_eq!(
        (
            tokens.total,
            tokens.input,
            tokens.output,
            tokens.reasoning,
            tokens.cache_read,
            tokens.cache_write
        ),
        (Some(120), 60, 15, 5, 30, 10)
    );
    assert_eq!(json!(finish.metadata), json!({"gateway": {"cost": "0.1"}}));
}

#[test]
fn an_answer_may_come_whole() {
    let body = json!({
        "content": [
            {"type": "reasoning", "text": "T", "providerMetadata": {"anthropic": {"signature": "S"}}},
            {"type": "text", "text": "x"},
            {"type": "tool-call", "toolCallId": "c", "toolName": "bash", "input": "{}"},
        ],
        "finishReason": "tool-calls",
        "usage": {"inputTokens": 7, "outputTokens": 3, "cachedInputTokens": 2},
    });
    let mut parts = Vec::new();
    let mut decoder = Decoder::for_adapter(package(PACKAGE));
    decoder.whole(&body.to_string(), &mut parts).unwrap();
    assert!(
        matches!(&parts[0], StreamPart::ReasoningStart { metadata, .. } if metadata["anthropic"]["signature"] == "S")
    );
    assert!(matches!(&parts[6], StreamPart::ToolCall(call) if call.id == "c"));
    let Some(StreamPart::Finish(finish)) = parts.last() else {
        panic!()
    };
    assert_eq!((finish.usage.input, finish.usage.cache_read), (Some(7), Some(2)));

    let refused = decoder.whole(r#"{"error":{"message":"no"}}"#, &mut parts);
    assert!(matches!(refused, Err(Fault::Refused { message, .. }) if message == "no"));
    assert!(matches!(
        decoder.whole("{}", &mut parts),
        Err(Fault::Broken { .. })
    ));
}

#[test]
fn errors_keep_their_status_until_content_has_come() {
    let error = json!({"type": "error", "error": {"message": "busy", "statusCode": 529, "isRetryable": true, "responseBody": "{}"}});
    let (_, fault) = played(std::slice::from_ref(&error));
    assert_eq!(
        fault,
        Some(Fault::Refused {
            status: 529,
            message: "busy".into(),
            retryable: true,
            body: "{}".into()
        })
    );
    let (parts, fault) = played(&[json!({"type": "text-delta", "id": "1", "delta": "a"}), error]);
    assert_eq!(fault, None);
    assert!(
        matches!(&parts[..], [StreamPart::TextStart { .. }, StreamPart::TextDelta { .. }, StreamPart::Error(error)] if error.message == "busy")
    );
    let (parts, fault) = played(&[json!({"type": "error", "error": "plain"}), json!(5)]);
    assert_eq!(fault, None);
    assert!(
        matches!(&parts[..], [StreamPart::Error(first), StreamPart::Error(_)] if first.message == "plain")
    );
}

#[tokio::test]
async fn refusals_are_told_by_status_and_words() {
    for (status, kind, retryable) in [
        (401, "authentication_error", false),
        (400, "invalid_request_error", false),
        (404, "model_not_found", false),
        (429, "rate_limit_exceeded", true),
        (500, "internal_server_error", true),
    ] {
        let body = json!({"error": {"message": "no", "type": kind}, "generationId": "gen_1"}).to_string();
        let server = Server::start(vec![Reply::new(status, "application/json").body([body])]).await;
        let refused = Client::default()
            .stream(&target(&server), &request(), CancellationToken::new())
            .await;
        let Err(Error::Http(error)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(
            (error.status, error.message.as_str(), error.retryable),
            (status, "no [gen_1]", retryable)
        );
    }
}

proptest! {
    #[test]
    fn the_answer_does_not_depend_on_its_pieces(size in 1_usize..40) {
        let text = events(&answer());
        let whole = replay::stream(Decoder::for_adapter(package(PACKAGE)), [text.as_bytes()]);
        let pieces = replay::stream(Decoder::for_adapter(package(PACKAGE)), text.as_bytes().chunks(size));
        prop_assert_eq!(whole.parts, pieces.parts);
    }

    #[test]
    fn whatever_comes_is_borne(kind in "(text|reasoning|tool-input)-(start|delta|end)|finish|error|tool-call|source|file", field in any::<i32>(), text in ".*") {
        let odd = json!({"type": kind, "id": field, "delta": {"a": field}, "error": text, "usage": text, "finishReason": field, "providerMetadata": [text]});
        let (_, fault) = played(&[odd]);
        prop_assert_eq!(fault, None);
    }
}
