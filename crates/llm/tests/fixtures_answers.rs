//! The recorded answers of providers, through decoder and driver.

use std::path::Path;

use opencode_llm::error::HttpError;
use opencode_llm::protocol::{Decoder, Fault};
use opencode_llm::replay::{self, Replayed};
use opencode_llm::{Client, Error, Request, Target};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::fold::{differences, expectation, fold};
use crate::server::{Reply, Server};
use crate::shared::{adapter, entries, json, provider_cases};

const PROTOCOLS: [&str; 10] = [
    "anthropic-messages",
    "bedrock-converse",
    "cohere",
    "gemini",
    "mistral",
    "openai-chat",
    "openai-compatible-chat",
    "openai-responses",
    "perplexity",
    "xai-responses",
];

/// A recorded case.
struct Case {
    name: String,
    about: Value,
    expected: Value,
    body: Vec<u8>,
}

impl Case {
    fn read(folder: &Path) -> Option<Self> {
        let about = json(&folder.join("case.json"));
        let file = ["stream.bin", "stream.txt", "response.json"]
            .into_iter()
            .map(|name| folder.join(name))
            .find(|path| path.is_file())?;
        Some(Self {
            name: format!(
                "{}/{}",
                about["protocol"].as_str()?,
                folder.file_name()?.to_string_lossy()
            ),
            expected: expectation(json(&folder.join("expected.json"))),
            body: fs_err::read(file).unwrap(),
            about,
        })
    }

    fn status(&self) -> u16 {
        self.about["status"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok())
            .unwrap_or(200)
    }

    fn is_stream(&self) -> bool {
        self.about["mode"] == "stream"
    }
}

fn cases() -> Vec<Case> {
    let Some(root) = provider_cases() else {
        return Vec::new();
    };
    PROTOCOLS
        .iter()
        .flat_map(|protocol| entries(&root.join(protocol)))
        .filter_map(|folder| Case::read(&folder))
        .collect()
}

fn report(name: &str, failures: &[String]) {
    assert!(
        failures.is_empty(),
        "{name}: {} differences\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// What a fault becomes in the driver, as far as the cases look at it.
fn fault_error(fault: &Fault) -> Error {
    match fault.clone() {
        Fault::Refused {
            status,
            message,
            retryable,
            body,
        } => Error::Http(Box::new(HttpError {
            status,
            message,
            retryable,
            body,
            ..HttpError::default()
        })),
        Fault::Broken { message } => Error::InvalidAnswer { message, body: None },
    }
}

fn fold_replayed(replayed: &Replayed) -> Value {
    fold(
        &replayed.parts,
        replayed.fault.as_ref().map(fault_error).as_ref(),
        200,
    )
}

/// Pieces of sizes that look random but are the same each time.
fn ragged(bytes: &[u8], mut seed: u64) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let size = usize::try_from(seed >> 33).unwrap() % 97 + 1;
        let (piece, after) = rest.split_at(size.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

#[test]
fn fixtures_decode_as_recorded() {
    let mut failures = Vec::new();
    let mut count = 0;
    for case in cases().iter().filter(|case| case.status() < 400) {
        let Some(adapter) = adapter(&case.about) else {
            failures.push(format!("{}: no adapter for {}", case.name, case.about["package"]));
            continue;
        };
        count += 1;
        let decoder = || Decoder::for_adapter(adapter);
        let bytes = case.body.as_slice();
        let runs: Vec<(String, Replayed)> = if case.is_stream() {
            let mut runs = vec![
                ("whole".to_owned(), replay::stream(decoder(), [bytes])),
                ("by bytes".to_owned(), replay::stream(decoder(), bytes.chunks(1))),
            ];
            runs.extend((1..=3).map(|seed| {
                (
                    format!("ragged {seed}"),
                    replay::stream(decoder(), ragged(bytes, seed)),
                )
            }));
            runs
        } else {
            vec![(
                "whole".to_owned(),
                replay::whole(decoder(), std::str::from_utf8(bytes).unwrap()),
            )]
        };
        for (how, replayed) in runs {
            let found = differences(&case.expected, &fold_replayed(&replayed));
            failures.extend(
                found
                    .into_iter()
                    .map(|difference| format!("{} ({how}): {difference}", case.name)),
            );
        }
    }
    println!("{count} recorded answers decoded");
    report("decoding", &failures);
}

#[tokio::test]
async fn fixtures_arrive_through_the_driver_as_recorded() {
    let client = Client::default();
    let mut failures = Vec::new();
    for case in cases() {
        let Some(adapter) = adapter(&case.about) else {
            continue;
        };
        let content_type = case.about["content_type"].as_str().unwrap_or("application/json");
        let reply = Reply::new(case.status(), content_type).body(ragged(&case.body, 7));
        let server = Server::start(vec![reply]).await;
        let mut target = Target::new(
            adapter,
            "provider",
            case.about["model"].as_str().unwrap_or("model"),
        );
        target.base_url = Some(server.url());
        target.api_key = Some("KEY".into());
        let request = Request {
            prompt: vec![opencode_llm::request::Message::user("hello")],
            max_output_tokens: Some(1024),
            ..Request::default()
        };
        let mut parts = Vec::new();
        let mut error = None;
        if case.is_stream() {
            match client.stream(&target, &request, CancellationToken::new()).await {
                Ok(mut stream) => {
                    while let Some(next) = stream.next().await {
                        match next {
                            Ok(part) => parts.push(part),
                            Err(failure) => error = Some(failure),
                        }
                    }
                }
                Err(failure) => error = Some(failure),
            }
        } else {
            match client.generate(&target, &request, CancellationToken::new()).await {
                Ok(all) => parts = all,
                Err(failure) => error = Some(failure),
            }
        }
        let found = differences(&case.expected, &fold(&parts, error.as_ref(), case.status()));
        failures.extend(
            found
                .into_iter()
                .map(|difference| format!("{}: {difference}", case.name)),
        );
    }
    report("driving", &failures);
}
