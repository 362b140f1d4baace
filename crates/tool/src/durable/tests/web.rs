//! Tools that reach the web: `webfetch`, `websearch`.

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use opencode_config::Environment;
use opencode_config::environment::variable;
use tokio::net::TcpListener;

use pretty_assertions::assert_eq;

use super::*;
use crate::websearch;

/// A server on a port of its own, which ends with the test. It answers with a media type and a body by path.
async fn server(answers: &'static [(&'static str, &'static str, &'static [u8])]) -> String {
    let answer = |request: Request| -> Response {
        match answers.iter().find(|(path, ..)| *path == request.uri().path()) {
            Some((_, kind, body)) => ([("content-type", *kind)], *body).into_response(),
            None => axum::http::StatusCode::NOT_FOUND.into_response(),
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it has one");
    let app = Router::new().fallback(move |request: Request| std::future::ready(answer(request)));
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

#[tokio::test]
async fn texts_are_fetched() {
    let base = server(&[
        (
            "/page",
            "text/html; charset=utf-8",
            b"<h1>Hi</h1><p>a <b>b</b></p>",
        ),
        ("/data", "application/json", b"{}"),
        ("/drawing", "image/svg+xml", b"<svg/>"),
        ("/other", "application/x-own", b"words"),
        ("/dot", "image/png", b"\x89PNG"),
        ("/pdf", "application/pdf", b"%PDF-1.4"),
        ("/bytes", "application/octet-stream", b"\0\x01"),
    ])
    .await;
    for (path, format, kind, wanted) in [
        ("/page", None, "text/html; charset=utf-8", "# Hi\n\na **b**"),
        (
            "/page",
            Some("html"),
            "text/html; charset=utf-8",
            "<h1>Hi</h1><p>a <b>b</b></p>",
        ),
        ("/data", Some("text"), "application/json", "{}"),
        ("/drawing", None, "image/svg+xml", "<svg/>"),
        ("/other", None, "application/x-own", "words"),
    ] {
        let bench = Bench::new();
        let url = format!("{base}{path}");
        let mut input = json!({ "url": url });
        if let Some(format) = format {
            input["format"] = format.into();
        }
        let told = told(&bench, "webfetch", input.clone()).await;
        let facts = json!({
            "url": url,
            "contentType": kind,
            "format": format.unwrap_or("markdown"),
            "output": wanted,
        });
        assert_eq!(told, (facts, vec![wanted.to_owned()]), "{input}");
        assert_eq!(asked(&bench), [ask("webfetch", &url, "*")]);
    }
    let bench = Bench::new();
    for path in ["/dot", "/pdf", "/bytes", "/none"] {
        failed(&bench, "webfetch", json!({ "url": format!("{base}{path}") })).await;
    }
    let before = asked(&bench).len();
    failed(&bench, "webfetch", json!({ "url": "ftp://x/" })).await;
    assert_eq!(asked(&bench).len(), before);
}

#[tokio::test]
async fn the_web_is_searched() {
    let base = server(&[(
        "/mcp",
        "application/json",
        br#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"found"}]}}"#,
    )])
    .await;
    let environment: Environment = [
        (variable::WEBSEARCH_PROVIDER.to_owned(), "exa".to_owned()),
        (variable::EXA_URL.to_owned(), format!("{base}/mcp")),
    ]
    .into_iter()
    .collect();
    let registry = Registry::durable(Settings {
        search: websearch::Settings::of(&environment),
        ..Settings::default()
    });
    let bench = Bench::new();
    let tool = registry.get("websearch").expect("there is such a tool");
    let input = json!({ "query": "rust", "numResults": 3 });
    let output = bench.run(&**tool, input).await.expect("it goes well");
    assert_eq!(
        Value::from(output.metadata),
        json!({ "provider": "exa", "text": "found" })
    );
    assert_eq!(output.output, "found");
    assert_eq!(asked(&bench), [ask("websearch", "rust", "*")]);
    assert_eq!(
        Value::from(bench.recorded().asks.remove(0).metadata),
        json!({ "query": "rust", "numResults": 3, "provider": "exa" })
    );
}
