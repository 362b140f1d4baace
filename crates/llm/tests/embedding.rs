//! Vectors of texts, against a server on this machine.

use opencode_llm::{Client, ClientOptions, Error, Target};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::server::{Reply, Seen, Server};
use crate::shared::package;

async fn embed(target: &Target, dimensions: Option<u32>) -> Result<Vec<Vec<f32>>, Error> {
    let client = Client::new(ClientOptions {
        system_proxies: false,
        ..ClientOptions::default()
    });
    let texts = ["one".to_owned(), "two".to_owned()];
    client
        .embed(target, &texts, dimensions, CancellationToken::new())
        .await
}

fn target(name: &str, base_url: String) -> Target {
    let mut target = Target::new(package(name), "local", "vectors");
    target.base_url = Some(base_url);
    target.api_key = Some("hunter2".into());
    target
}

fn reply(body: &Value) -> Reply {
    Reply::new(200, "application/json").body([body.to_string()])
}

fn in_disorder() -> Reply {
    reply(&json!({"data": [
        {"index": 1, "embedding": [3.0, 4.0]},
        {"index": 0, "embedding": [1.0, 2.0]},
        {"index": 7, "embedding": [5.0, 6.0]},
    ]}))
}

fn sent(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).unwrap()
}

#[tokio::test]
async fn vectors_come_in_the_order_of_the_texts() {
    let server = Server::start(vec![in_disorder(), in_disorder()]).await;
    let mut target = target("@ai-sdk/openai-compatible", format!("{}/v1/", server.url()));
    target.settings.query = vec![("tenant".to_owned(), "a b".to_owned())];
    let wanted = vec![vec![1.0, 2.0], vec![3.0, 4.0]];
    assert_eq!(embed(&target, None).await.unwrap(), wanted);
    assert_eq!(embed(&target, Some(2)).await.unwrap(), wanted);
    let seen = server.requests();
    assert_eq!(seen[0].path, "/v1/embeddings?tenant=a+b");
    let key = seen[0].headers.iter().find(|(name, _)| name == "authorization");
    assert_eq!(key.unwrap().1, "Bearer hunter2");
    let body = json!({"model": "vectors", "input": ["one", "two"], "encoding_format": "float"});
    assert_eq!(sent(&seen[0]), body);
    assert_eq!(sent(&seen[1])["dimensions"], 2);
}

#[tokio::test]
async fn deployments_of_azure_have_their_own_address() {
    let server = Server::start(vec![in_disorder()]).await;
    let mut target = target("@ai-sdk/azure", format!("{}/openai", server.url()));
    target.settings.deployment_urls = true;
    embed(&target, None).await.unwrap();
    let seen = &server.requests()[0];
    assert_eq!(seen.path, "/openai/deployments/vectors/embeddings?api-version=v1");
    assert!(
        seen.headers
            .contains(&("api-key".to_owned(), "hunter2".to_owned()))
    );
}

#[tokio::test]
async fn answers_that_lack_something_are_refused() {
    let one = json!({"data": [{"index": 0, "embedding": [1.0]}]});
    let server = Server::start(vec![
        reply(&one),
        reply(&json!({"error": "no"})),
        Reply::new(404, "application/json").body([r#"{"error":{"message":"no such model"}}"#]),
    ])
    .await;
    let target = target("@ai-sdk/openai-compatible", server.url());
    for words in [
        "fewer vectors than texts",
        "missing field `data`",
        "no such model",
    ] {
        let error = embed(&target, None).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
