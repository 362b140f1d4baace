//! The recorded requests of the adapters.

use opencode_llm::adapter::{Api, by_package_and_api};
use opencode_llm::{Client, Request, Target};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::server::{Reply, Server};
use crate::shared::{entries, json, package, provider_cases};

const FOLDERS: [(&str, Api); 13] = [
    ("cohere", Api::Cohere),
    ("mistral", Api::Chat),
    ("anthropic", Api::Messages),
    ("openai-chat", Api::Chat),
    ("openai-compatible", Api::Chat),
    ("groq", Api::Chat),
    ("openrouter", Api::Chat),
    ("perplexity", Api::Chat),
    ("openai-responses", Api::Responses),
    ("azure-responses", Api::Responses),
    ("xai-responses", Api::Responses),
    ("google", Api::Gemini),
    ("bedrock", Api::Converse),
];

/// Headers that the product adds for a provider; the adapters only carry them.
const PRODUCT_HEADERS: [(&str, &[(&str, &str)]); 2] = [
    (
        "@ai-sdk/anthropic",
        &[(
            "anthropic-beta",
            "interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14",
        )],
    ),
    (
        "@openrouter/ai-sdk-provider",
        &[("HTTP-Referer", "https://opencode.ai/"), ("X-Title", "opencode")],
    ),
];

/// The name under which the recorded provider was configured.
const COMPATIBLE_PROVIDER: &str = "compat";

#[tokio::test]
async fn fixtures_requests_are_sent_as_recorded() {
    let Some(root) = provider_cases() else { return };
    let client = Client::default();
    let mut failures = Vec::new();
    let mut count = 0;
    for (folder, api) in FOLDERS {
        for path in entries(&root.join("_requests").join(folder)) {
            let case = json(&path);
            let name = format!("{folder}/{}", path.file_name().unwrap().to_string_lossy());
            let package_name = case["package"].as_str().unwrap();
            let request: Request = match serde_json::from_value(case["input"].clone()) {
                Ok(request) => request,
                Err(error) => {
                    failures.push(format!("{name}: the input is not read: {error}"));
                    continue;
                }
            };
            let adapter = by_package_and_api(package_name, api).unwrap_or_else(|| package(package_name));
            let server = Server::start(vec![Reply::new(500, "text/plain")]).await;
            let mut target = Target::new(adapter, COMPATIBLE_PROVIDER, case["model"].as_str().unwrap());
            target.base_url = Some(server.url());
            target.api_key = Some("KEY".into());
            for (_, headers) in PRODUCT_HEADERS
                .iter()
                .filter(|(package, _)| *package == package_name)
            {
                target.headers.extend(
                    headers
                        .iter()
                        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
                );
            }
            let sent = client.stream(&target, &request, CancellationToken::new()).await;
            count += 1;
            if !case["error"].is_null() {
                if !matches!(sent, Err(opencode_llm::Error::Unsupported { .. })) {
                    failures.push(format!("{name}: the adapter takes what it should refuse"));
                }
                continue;
            }
            let Some(seen) = server.requests().pop() else {
                failures.push(format!(
                    "{name}: nothing was sent: {}",
                    sent.err().map(|error| error.to_string()).unwrap_or_default()
                ));
                continue;
            };
            let expected = &case["request"];
            compare(
                &name,
                "path",
                &expected["path"],
                &Value::from(seen.path),
                &mut failures,
            );
            compare(
                &name,
                "method",
                &expected["method"],
                &Value::from(seen.method),
                &mut failures,
            );
            compare(
                &name,
                "body",
                &expected["body"],
                &serde_json::from_slice(&seen.body).unwrap(),
                &mut failures,
            );
            let mut headers: Map<String, Value> = seen
                .headers
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect();
            for volatile in [
                "host",
                "content-length",
                "accept",
                "accept-encoding",
                "user-agent",
                "connection",
            ] {
                headers.remove(volatile);
            }
            compare(
                &name,
                "headers",
                &expected["headers"],
                &Value::Object(headers),
                &mut failures,
            );
        }
    }
    println!("{count} recorded requests compared");
    assert!(
        failures.is_empty(),
        "{} differences\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn compare(name: &str, what: &str, expected: &Value, actual: &Value, failures: &mut Vec<String>) {
    if expected != actual {
        failures.push(format!(
            "{name}: {what}\n  expected {expected}\n  got      {actual}"
        ));
    }
}
