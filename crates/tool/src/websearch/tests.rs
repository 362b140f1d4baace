use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pretty_assertions::assert_eq;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::contract::schema_of;
use crate::testing::Bench;

/// What a search service was sent: path with query, `authorization`, `user-agent`, body.
type Sent = Arc<Mutex<Vec<(String, Option<String>, Option<String>, Value)>>>;

/// A search service on a port of its own, which ends with the test.
async fn service(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> (String, Sent) {
    let sent = Sent::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::clone(&sent);
    let app = Router::new().fallback(move |request: Request| {
        let (seen, answer) = (Arc::clone(&seen), answer.clone());
        async move {
            let (head, body) = request.into_parts();
            let header = |name| Some(head.headers.get(name)?.to_str().unwrap().to_owned());
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            seen.lock().unwrap().push((
                head.uri.to_string(),
                header("authorization"),
                header("user-agent"),
                serde_json::from_slice(&body).unwrap(),
            ));
            answer()
        }
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}"), sent)
}

fn tool(variables: &[(&str, &str)]) -> Websearch {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Websearch::new(Settings::of(&variables.collect()))
}

fn found(text: &str) -> Response {
    let reply =
        json!({ "jsonrpc": "2.0", "id": 1, "result": { "content": [{ "type": "text", "text": text }] } });
    format!("event: message\ndata: {reply}\n\n").into_response()
}

#[tokio::test]
async fn exa_is_asked_with_its_defaults_and_limits() {
    let (base, sent) = service(|| found("a page")).await;
    let address = format!("{base}/mcp?own=1");
    let tool = tool(&[
        ("OPENCODE_WEBSEARCH_PROVIDER", "exa"),
        ("OPENCODE_EXA_URL", &address),
        ("EXA_API_KEY", "a&b"),
    ]);
    let bench = Bench::new();
    let output = bench.run(&tool, json!({ "query": "rust news" })).await.unwrap();
    assert_eq!(
        (output.title.as_str(), output.output.as_str()),
        ("Exa Web Search: rust news", "a page")
    );
    assert_eq!(Value::from(output.metadata), json!({ "provider": "exa" }));
    bench
        .run(
            &tool,
            json!({ "query": "q", "numResults": 500, "livecrawl": "preferred", "type": "deep", "contextMaxCharacters": 1e9 }),
        )
        .await
        .unwrap();
    let sent = sent.lock().unwrap().clone();
    assert_eq!(
        sent[0],
        (
            "/mcp?own=1&exaApiKey=a%26b".to_owned(),
            None,
            Some("opencode/0.0.0-test".to_owned()),
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                "name": "web_search_exa",
                "arguments": { "query": "rust news", "type": "auto", "numResults": 8, "livecrawl": "fallback" },
            } }),
        )
    );
    assert_eq!(
        sent[1].3["params"]["arguments"],
        json!({ "query": "q", "type": "deep", "numResults": 20, "livecrawl": "preferred", "contextMaxCharacters": 50000 })
    );
    let recorded = bench.recorded();
    let ask = &recorded.asks[1];
    assert_eq!(
        (ask.permission.as_str(), &ask.patterns[..], &ask.always[..]),
        ("websearch", &["q".to_owned()][..], &["*".to_owned()][..])
    );
    assert_eq!(
        Value::from(ask.metadata.clone()),
        json!({ "query": "q", "numResults": 500, "livecrawl": "preferred", "type": "deep",
            "contextMaxCharacters": 1_000_000_000, "provider": "exa" })
    );
    assert_eq!(
        recorded.progress[0].0.as_deref(),
        Some("Exa Web Search \"rust news\"")
    );
}

#[tokio::test]
async fn parallel_is_told_session_and_model() {
    let (base, sent) = service(|| found("")).await;
    let tool = tool(&[
        ("OPENCODE_ENABLE_PARALLEL", "1"),
        ("OPENCODE_PARALLEL_URL", &base),
        ("PARALLEL_API_KEY", "key"),
    ]);
    let output = Bench::new().run(&tool, json!({ "query": "q" })).await.unwrap();
    assert_eq!(
        (output.title.as_str(), output.output.as_str()),
        ("Parallel Web Search: q", NOTHING)
    );
    let sent = sent.lock().unwrap().clone();
    assert_eq!(
        sent[0],
        (
            "/".to_owned(),
            Some("Bearer key".to_owned()),
            Some("opencode/0.0.0-test".to_owned()),
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                "name": "web_search",
                "arguments": { "objective": "q", "search_queries": ["q"], "session_id": "ses_test", "model_name": "scripted-model" },
            } }),
        )
    );
}

#[tokio::test]
async fn without_permission_nobody_is_asked() {
    let (base, sent) = service(|| found("x")).await;
    let tool = tool(&[("OPENCODE_ENABLE_EXA", "1"), ("OPENCODE_EXA_URL", &base)]);
    let bench = Bench::asking(|_| Err(Failure::told("no")));
    bench.run(&tool, json!({ "query": "q" })).await.unwrap_err();
    assert_eq!(sent.lock().unwrap().len(), 0);
}

/// A body that gives a piece again and again.
fn endless(piece: &'static str) -> Body {
    Body::from_stream(futures_util::stream::repeat_with(move || {
        Ok::<_, std::convert::Infallible>(piece)
    }))
}

#[tokio::test]
async fn what_goes_wrong_is_told_without_the_key() {
    async fn failure(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> String {
        let (base, _) = service(answer).await;
        let tool = tool(&[
            ("OPENCODE_ENABLE_EXA", "1"),
            ("OPENCODE_EXA_URL", &base),
            ("EXA_API_KEY", "sesame"),
        ]);
        let failure = Bench::new()
            .run(&tool, json!({ "query": "q" }))
            .await
            .unwrap_err();
        failure.to_string()
    }
    for (told, wanted) in [
        (
            failure(|| endless("data: more and more of the same\n").into_response()).await,
            "web_search_exa response exceeded 262144 bytes",
        ),
        (
            failure(|| endless("more and more without an end").into_response()).await,
            "web_search_exa response exceeded 262144 bytes",
        ),
        (
            failure(|| StatusCode::TOO_MANY_REQUESTS.into_response()).await,
            "web_search_exa request failed: the server answered 429 Too Many Requests",
        ),
        (
            failure(|| (StatusCode::FOUND, [("location", "/elsewhere")]).into_response()).await,
            "web_search_exa request failed: the server answered 302 Found",
        ),
        (
            failure(|| r#"{"error":{"message":"no credit"}}"#.into_response()).await,
            "web_search_exa failed: no credit",
        ),
        (
            failure(|| "<html>".into_response()).await,
            "web_search_exa request failed: the server's answer is no reply to a search",
        ),
    ] {
        assert_eq!(told, wanted);
    }
    // A port that was free a moment ago.
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let address = format!("http://{closed}");
    let tool = tool(&[
        ("OPENCODE_ENABLE_EXA", "1"),
        ("OPENCODE_EXA_URL", &address),
        ("EXA_API_KEY", "sesame"),
    ]);
    let told = Bench::new()
        .run(&tool, json!({ "query": "q" }))
        .await
        .unwrap_err()
        .to_string();
    assert!(told.starts_with("web_search_exa request failed: "), "{told}");
    assert!(!told.contains("sesame"), "{told}");
}

#[tokio::test]
async fn the_end_of_the_stream_is_not_waited_for() {
    use futures_util::StreamExt as _;
    let answer = || {
        let reply = "data: {\"result\":{\"content\":[{\"text\":\"here\"}]}}\n\n";
        let first = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(reply)]);
        Body::from_stream(first.chain(futures_util::stream::pending())).into_response()
    };
    let (base, _) = service(answer).await;
    let tool = tool(&[("OPENCODE_ENABLE_EXA", "1"), ("OPENCODE_EXA_URL", &base)]);
    let bench = Bench::new();
    let search = bench.run(&tool, json!({ "query": "q" }));
    let output = tokio::time::timeout(Duration::from_secs(20), search)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(output.output, "here");
}

#[tokio::test]
async fn it_ends_by_itself_and_when_stopped() {
    let silent = || {
        Body::from_stream(futures_util::stream::pending::<Result<String, std::io::Error>>()).into_response()
    };
    let (base, _) = service(silent).await;
    let tool = tool(&[("OPENCODE_ENABLE_EXA", "1"), ("OPENCODE_EXA_URL", &base)]);
    let bench = Bench::new();
    let (stopped, ()) = tokio::join!(bench.run(&tool, json!({ "query": "q" })), async {
        tokio::task::yield_now().await;
        bench.cancel.cancel();
    });
    assert_eq!(stopped, Err(Failure::Aborted));

    tokio::time::pause();
    let told = Bench::new()
        .run(&tool, json!({ "query": "q" }))
        .await
        .unwrap_err();
    assert_eq!(told.to_string(), "web_search_exa request timed out");
}

#[test]
fn parameters() {
    insta::assert_json_snapshot!(schema_of::<Arguments>(), @r#"
    {
      "type": "object",
      "properties": {
        "query": {
          "type": "string",
          "description": "What to look for"
        },
        "numResults": {
          "type": "number",
          "description": "Results wanted, at most 20 (default 8)"
        },
        "livecrawl": {
          "type": "string",
          "enum": [
            "fallback",
            "preferred"
          ],
          "description": "Whether pages are read anew: only when there is no copy (fallback, the default), or first (preferred)"
        },
        "type": {
          "type": "string",
          "enum": [
            "auto",
            "fast",
            "deep"
          ],
          "description": "How thorough: auto (default), fast or deep"
        },
        "contextMaxCharacters": {
          "type": "number",
          "description": "Characters wanted at most, up to 50000"
        }
      },
      "required": [
        "query"
      ],
      "$schema": "https://json-schema.org/draft/2020-12/schema"
    }
    "#);
}
