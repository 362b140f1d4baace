use std::time::{Duration, Instant};

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

/// A server on a port of its own, which ends with the test.
async fn server<F>(answer: F) -> String
where
    F: Fn(Request) -> Response + Clone + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(move |request: Request| std::future::ready(answer(request)));
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

fn typed(kind: &'static str, body: impl Into<Body>) -> Response {
    ([("content-type", kind)], body.into()).into_response()
}

async fn fetch(input: Value) -> Result<Output, Failure> {
    Bench::new().run(&Webfetch::default(), input).await
}

#[tokio::test]
async fn a_page_comes_in_the_form_asked_for() {
    const PAGE: &str = "<title>T</title><h1>Head</h1><p>a <b>b</b></p>";
    let base = server(|request| match request.uri().path() {
        "/page" => typed("text/html; charset=utf-8", PAGE),
        _ => typed("application/json", "\u{feff}{\"a\": \"<b>\"}"),
    })
    .await;
    for (path, format, wanted) in [
        ("/page", json!("markdown"), "T\n\n# Head\n\na **b**"),
        ("/page", json!("text"), "T\n\nHead\n\na b"),
        ("/page", json!("html"), PAGE),
        ("/data", json!("markdown"), "{\"a\": \"<b>\"}"),
        ("/data", json!("text"), "{\"a\": \"<b>\"}"),
    ] {
        let output = fetch(json!({"url": format!("{base}{path}"), "format": format}))
            .await
            .unwrap();
        assert_eq!(output.output, wanted, "{path} {format}");
        assert_eq!((output.metadata.len(), output.attachments.len()), (0, 0));
    }
    let output = fetch(json!({"url": format!("{base}/page")})).await.unwrap();
    assert_eq!(output.title, format!("{base}/page (text/html; charset=utf-8)"));
    assert_eq!(output.output, "T\n\n# Head\n\na **b**");
}

#[tokio::test]
async fn permission_is_asked_for_the_address() {
    let bench = Bench::asking(|_| Err(Failure::Rejected("no".into())));
    let input = json!({"url": "http://127.0.0.1:1/", "format": "text", "timeout": 5});
    assert_eq!(
        bench.run(&Webfetch::default(), input.clone()).await,
        Err(Failure::Rejected("no".into()))
    );
    let ask = bench.recorded().asks.remove(0);
    assert_eq!(
        (ask.permission.as_str(), ask.patterns, ask.always),
        (
            "webfetch",
            vec!["http://127.0.0.1:1/".to_owned()],
            vec!["*".to_owned()]
        )
    );
    assert_eq!(Value::Object(ask.metadata), input);
}

#[tokio::test]
async fn other_addresses_are_refused_before_asking() {
    for url in ["ftp://x/y", "file:///etc/passwd", "HTTP://x", "x.org", ""] {
        let bench = Bench::new();
        let error = bench
            .run(&Webfetch::default(), json!({"url": url}))
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "URL must start with http:// or https://",
            "{url}"
        );
        assert_eq!(bench.recorded().asks, []);
    }
}

#[tokio::test]
async fn images_are_attached() {
    let base = server(|request| match request.uri().path() {
        "/svg" => typed("image/svg+xml", "<svg/>"),
        _ => typed("IMAGE/PNG; x=y", &b"\x89PNG"[..]),
    })
    .await;
    let output = fetch(json!({"url": format!("{base}/dot")})).await.unwrap();
    assert_eq!(output.output, "Image fetched successfully");
    assert_eq!(output.title, format!("{base}/dot (IMAGE/PNG; x=y)"));
    assert_eq!(
        output.attachments,
        [Attachment {
            mime: "image/png".into(),
            url: "data:image/png;base64,iVBORw==".into(),
            filename: None
        }]
    );
    let drawing = fetch(json!({"url": format!("{base}/svg")})).await.unwrap();
    assert_eq!(
        (drawing.output.as_str(), drawing.attachments.len()),
        ("<svg/>", 0)
    );
}

#[tokio::test]
async fn large_documents_are_refused() {
    let base = server(|request| match request.uri().path() {
        "/told" => ([("content-length", "6000000")], Body::from(vec![b'x'; 6_000_000])).into_response(),
        "/untold" => {
            let chunks = (0..1 << 20).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 1 << 16]));
            Body::from_stream(futures_util::stream::iter(chunks)).into_response()
        }
        _ => typed("text/plain", vec![b'x'; 5 << 20]),
    })
    .await;
    for path in ["/told", "/untold"] {
        let error = fetch(json!({"url": format!("{base}{path}")})).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "Response too large (exceeds 5MB limit)",
            "{path}"
        );
    }
    let most = fetch(json!({"url": format!("{base}/most")})).await.unwrap();
    assert_eq!(most.output.len(), 5 << 20);
}

#[tokio::test]
async fn what_is_no_document_is_an_error() {
    let base = server(|request| match request.uri().path() {
        "/round" => (StatusCode::FOUND, [("location", "/round")]).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    })
    .await;
    let missing = fetch(json!({"url": format!("{base}/x")})).await.unwrap_err();
    assert_eq!(
        missing.to_string(),
        "Request failed: the server answered 404 Not Found"
    );
    let round = fetch(json!({"url": format!("{base}/round")}))
        .await
        .unwrap_err()
        .to_string();
    assert!(round.contains("too many redirects"), "{round}");
    // Nobody listens there any more.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let refused = fetch(json!({"url": format!("http://{address}/")}))
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.starts_with("Request failed: "), "{refused}");
    assert!(fetch(json!({"url": "http://"})).await.is_err());
}

#[tokio::test]
async fn redirects_are_followed() {
    let base = server(|request| match request.uri().path() {
        "/from" => (StatusCode::FOUND, [("location", "/to")]).into_response(),
        _ => typed("text/plain", "there"),
    })
    .await;
    assert_eq!(
        fetch(json!({"url": format!("{base}/from")}))
            .await
            .unwrap()
            .output,
        "there"
    );
}

#[tokio::test]
async fn a_challenge_is_answered_once() {
    let base = server(|request| {
        let agent = request.headers()["user-agent"].to_str().unwrap().to_owned();
        let never = request.uri().path() == "/never";
        if never || agent.contains("Chrome") {
            return (StatusCode::FORBIDDEN, [("cf-mitigated", "challenge")]).into_response();
        }
        let headers = request.headers();
        let told = format!("{agent} {:?} {:?}", headers["accept"], headers["accept-language"]);
        typed("text/plain", told)
    })
    .await;
    let output = fetch(json!({"url": format!("{base}/"), "format": "text"}))
        .await
        .unwrap();
    assert_eq!(
        output.output,
        r#"opencode "text/plain;q=1.0, text/markdown;q=0.9, text/html;q=0.8, */*;q=0.1" "en-US,en;q=0.9""#
    );
    let error = fetch(json!({"url": format!("{base}/never")})).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Request failed: the server answered 403 Forbidden"
    );
}

/// A server that takes connections and never answers.
async fn silence() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    (listener, address)
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let (_listener, url) = silence().await;
    let error = fetch(json!({"url": url, "timeout": 0.1})).await.unwrap_err();
    assert_eq!(error.to_string(), "Request timed out");
}

#[tokio::test]
async fn a_server_that_stops_in_the_middle_is_given_up() {
    let base = server(|_| {
        let begin = futures_util::stream::iter([Ok::<_, std::io::Error>("begin")]);
        Body::from_stream(futures_util::StreamExt::chain(
            begin,
            futures_util::stream::pending(),
        ))
        .into_response()
    })
    .await;
    let error = fetch(json!({"url": base, "timeout": 0.2})).await.unwrap_err();
    assert_eq!(error.to_string(), "Request timed out");
}

#[tokio::test]
async fn a_cancel_ends_it() {
    let (_listener, url) = silence().await;
    let bench = Bench::new();
    let start = Instant::now();
    let (cancel, tool) = (bench.cancel.clone(), Webfetch::default());
    let (result, ()) = tokio::join!(bench.run(&tool, json!({"url": url})), async { cancel.cancel() });
    assert_eq!(result, Err(Failure::Aborted));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn parameters() {
    insta::assert_json_snapshot!(schema_of::<Arguments>(), @r#"
        {
          "type": "object",
          "properties": {
            "url": {
              "type": "string",
              "description": "Full address"
            },
            "format": {
              "type": "string",
              "enum": [
                "text",
                "markdown",
                "html"
              ],
              "description": "Form of the result",
              "default": "markdown"
            },
            "timeout": {
              "type": "number",
              "description": "Seconds to wait at most, up to 120"
            }
          },
          "required": [
            "url"
          ],
          "$schema": "https://json-schema.org/draft/2020-12/schema"
        }
        "#);
}
