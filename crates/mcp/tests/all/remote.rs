//! Servers elsewhere, as far as nobody has to log in (reference `integrations.md` §A2).

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use opencode_mcp::Error;
use opencode_schema::mcp::Status;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::place::{LIMIT, Place};

/// What a server is asked, with the headers.
type Asked = Arc<Mutex<Vec<(Method, Value, HeaderMap)>>>;
type Answer = fn(&Method, &Value) -> Response;

/// A server; all that it is asked, and its address.
async fn served(answer: Answer) -> (Asked, String) {
    let asked = Asked::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let reply = move |State(asked): State<Asked>, method: Method, headers: HeaderMap, body: Bytes| async move {
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let response = answer(&method, &body);
        asked.lock().unwrap().push((method, body, headers));
        response
    };
    let router = Router::new().fallback(reply).with_state(Arc::clone(&asked));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (asked, format!("http://{address}/mcp"))
}

fn json_of(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// As the protocol wants it, without sessions and streams.
fn plain(method: &Method, body: &Value) -> Response {
    if *method != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let result = match body["method"].as_str().unwrap_or_default() {
        "initialize" => json!({ "protocolVersion": "2025-06-18", "capabilities": { "tools": {} },
            "serverInfo": { "name": "s", "version": "1" } }),
        "tools/list" => json!({ "tools": [{ "name": "t", "inputSchema": { "type": "object" } }] }),
        "tools/call" => match body["params"]["name"].as_str().unwrap_or_default() {
            "huge" => json!({ "content": [{ "type": "text", "text": "x".repeat(20 << 20) }] }),
            "page" => return ([(header::CONTENT_TYPE, "text/html")], "<html>").into_response(),
            "nonsense" => return ([(header::CONTENT_TYPE, "application/json")], "{").into_response(),
            "fails" => return (StatusCode::INTERNAL_SERVER_ERROR, "broken").into_response(),
            _ => json!({ "content": [{ "type": "text", "text": "fine" }] }),
        },
        "ping" => json!({}),
        _ => return StatusCode::ACCEPTED.into_response(),
    };
    json_of(&json!({ "jsonrpc": "2.0", "id": body["id"], "result": result }))
}

#[tokio::test]
async fn a_server_that_answers_without_streams() {
    let (asked, url) = served(plain).await;
    let place = Place::new(
        &json!({ "s": { "type": "remote", "url": url, "headers": { "X-Own": "yes" }, "timeout": 5000 } }),
    );
    place.servers.settled(LIMIT).await;
    assert_eq!(
        (place.status("s"), place.tools("s")),
        (Status::Connected, vec!["t".to_owned()])
    );
    let cancel = CancellationToken::new();
    let call = async |tool: &str| {
        place
            .servers
            .call("s", tool, json!({}), &cancel, None, None)
            .await
    };
    assert_eq!(call("t").await.unwrap()["content"][0]["text"], "fine");
    for (tool, words) in [
        ("huge", "exceeded the maximum size"),
        ("page", "Unexpected content type"),
        ("nonsense", "no message of the protocol: {"),
        ("fails", "HTTP 500 Internal Server Error: broken"),
    ] {
        let error = call(tool).await.unwrap_err();
        assert!(
            matches!(error, Error::Transport(_)) && error.to_string().contains(words),
            "{tool}: {error}"
        );
        assert_eq!(
            call("t").await.unwrap()["content"][0]["text"],
            "fine",
            "after {tool}"
        );
    }
    let headers: Vec<(String, HeaderMap)> = {
        let asked = asked.lock().unwrap();
        let messages = asked.iter().filter(|(method, ..)| *method == Method::POST);
        messages
            .map(|(_, body, headers)| {
                (
                    body["method"].as_str().unwrap_or_default().to_owned(),
                    headers.clone(),
                )
            })
            .collect()
    };
    assert!(headers.iter().all(|(_, headers)| headers["x-own"] == "yes"));
    let (_, of_call) = headers.iter().find(|(method, _)| method == "tools/call").unwrap();
    assert_eq!(of_call["mcp-protocol-version"], "2025-06-18");
    assert_eq!(of_call["accept"], "application/json, text/event-stream");
    place.servers.close().await;
}

/// Nothing at all.
fn nothing(_: &Method, _: &Value) -> Response {
    StatusCode::NOT_FOUND.into_response()
}

/// A page for people.
fn page(_: &Method, _: &Value) -> Response {
    ([(header::CONTENT_TYPE, "text/html")], "<html>").into_response()
}

/// The older way, with messages sent to somebody else.
fn elsewhere(method: &Method, _: &Value) -> Response {
    match *method {
        Method::GET => {
            let events = "event: endpoint\ndata: http://127.0.0.2:1/messages\n\n";
            ([(header::CONTENT_TYPE, "text/event-stream")], events).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn refuses(_: &Method, _: &Value) -> Response {
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response()
}

#[tokio::test]
async fn a_server_that_cannot_be_had_says_why() {
    let url = async |answer: Answer| served(answer).await.1;
    let place = Place::new(&json!({
        "address": { "type": "remote", "url": "nonsense" },
        "scheme": { "type": "remote", "url": "file:///etc/passwd" },
        "header": { "type": "remote", "url": "http://127.0.0.1:1/", "headers": { "a b": "c" } },
        "nobody": { "type": "remote", "url": "http://127.0.0.1:1/mcp" },
        "nothing": { "type": "remote", "url": url(nothing).await },
        "page": { "type": "remote", "url": url(page).await },
        "elsewhere": { "type": "remote", "url": url(elsewhere).await },
        "login": { "type": "remote", "url": url(refuses).await },
        "none": { "type": "remote", "url": url(refuses).await, "oauth": false },
    }));
    place.servers.settled(LIMIT).await;
    for (server, words) in [
        ("address", "Invalid MCP URL for \"address\""),
        ("scheme", "Invalid MCP URL for \"scheme\""),
        (
            "header",
            "the header \"a b\" of the MCP server \"header\" cannot be sent",
        ),
        ("nobody", "SSE error: Unable to connect: "),
        ("nothing", "SSE error: Non-200 status code (404)"),
        (
            "page",
            "SSE error: Invalid content type, expected \"text/event-stream\"",
        ),
        (
            "elsewhere",
            "SSE error: Endpoint origin does not match connection origin: http://127.0.0.2:1",
        ),
        ("none", "SSE error: Non-200 status code (401)"),
    ] {
        let Status::Failed { error } = place.status(server) else {
            panic!("{server}: {:?}", place.status(server));
        };
        assert!(error.starts_with(words), "{server}: {error}");
    }
    assert_eq!(place.status("login"), Status::NeedsAuth);
    place.servers.close().await;
}
