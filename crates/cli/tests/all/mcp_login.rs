//! Logging in at MCP servers over HTTP, and what it does for sessions that run.

use opencode_testkit::oauth::{Script, Server, browse, open};
use opencode_testkit::{Home, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::mcp_auth::{free_port, without_browser};
use crate::{home, new_session, with_model};

/// A server of the configuration, which lets browsers come back to a port of this test.
fn remote(server: &Server) -> Value {
    json!({ "type": "remote", "url": server.url(), "oauth": { "callbackPort": free_port() } })
}

fn query(url: &str, name: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs()
        .find(|(key, _)| key == name)
        .unwrap()
        .1
        .into_owned()
}

fn has_login(home: &Home) -> bool {
    let text = fs_err::read_to_string(home.data().join("mcp-auth.json")).unwrap_or_default();
    text.contains("accessToken")
}

#[tokio::test]
async fn clients_log_in_in_their_own_way() {
    let (home, at) = (without_browser(home()), Server::start(Script::default()).await);
    let off = json!({ "type": "remote", "url": at.url(), "oauth": false });
    let config =
        json!({ "mcp": { "t": remote(&at), "off": off, "l": { "type": "local", "command": ["true"] } } });
    home.write("opencode.json", config.to_string());
    let server = home.serve().await;
    let post = async |path: &str, body: Option<Value>| server.send("POST", path, body).await;

    for (path, body) in [
        ("/mcp/nope/auth", None),
        ("/mcp/nope/auth/authenticate", None),
        ("/mcp/nope/auth/callback", Some(json!({ "code": "c" }))),
    ] {
        let answer = post(path, body).await;
        let wanted = json!({ "_tag": "McpServerNotFoundError", "name": "nope", "message": "MCP server not found: nope" });
        assert_eq!((answer.status, answer.json()), (404, wanted), "{path}");
    }
    assert_eq!(server.send("DELETE", "/mcp/nope/auth", None).await.status, 404);
    for name in ["l", "off"] {
        let answer = post(&format!("/mcp/{name}/auth"), None).await;
        let wanted = json!({ "error": format!("MCP server {name} does not support OAuth") });
        assert_eq!((answer.status, answer.json()), (400, wanted));
    }
    let answer = post("/mcp/t/auth/callback", Some(json!({ "code": "c" }))).await;
    let wanted = json!({ "error": "No pending OAuth flow for MCP server: t" });
    assert_eq!((answer.status, answer.json()), (400, wanted));
    assert_eq!(post("/mcp/t/auth/callback", Some(json!({}))).await.status, 400);

    // The client opens the page and brings the code.
    let begun = post("/mcp/t/auth", None).await.json();
    let url = begun["authorizationUrl"].as_str().unwrap();
    assert_eq!(begun["oauthState"], query(url, "state"));
    let (_, back, _) = open(url).await;
    let code = query(&back.unwrap(), "code");
    let answer = post("/mcp/t/auth/callback", Some(json!({ "code": code }))).await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({ "status": "connected" }))
    );
    assert!(has_login(&home));
    let removed = server.send("DELETE", "/mcp/t/auth", None).await;
    assert_eq!(
        (removed.status, removed.json()),
        (200, json!({ "success": true }))
    );
    assert!(!has_login(&home));

    // A wrong code.
    post("/mcp/t/auth", None).await;
    let answer = post("/mcp/t/auth/callback", Some(json!({ "code": "made-up" })))
        .await
        .json();
    assert_eq!(answer["status"], "failed");
    let error = answer["error"].as_str().unwrap();
    assert!(
        error.starts_with("OAuth completion failed: invalid_grant"),
        "{error}"
    );

    // The server opens it, which does not work, and the user does so himself.
    let (sender, opened) = tokio::sync::oneshot::channel();
    let begin = || async {
        let answer = post("/mcp/t/auth/authenticate", None);
        let browsing = async {
            let url: String = opened.await.unwrap();
            browse(&url).await
        };
        let (answer, (status, _)) = tokio::join!(answer, browsing);
        assert_eq!((status, answer.json()), (200, json!({ "status": "connected" })));
    };
    let sender = std::sync::Mutex::new(Some(sender));
    let events = server.events("/event", begin, move |event| {
        if event["type"] != "mcp.browser.open.failed" {
            return false;
        }
        let url = event["properties"]["url"].as_str().unwrap().to_owned();
        sender.lock().unwrap().take().unwrap().send(url).unwrap();
        true
    });
    let events = events.await;
    assert_eq!(events.last().unwrap()["properties"]["mcpName"], "t");
    server.stop().await.success();
}

#[tokio::test]
async fn a_login_of_another_program_counts_in_sessions_that_run() {
    let (home, model) = with_model([Step::text("First."), Step::text("Second.")]).await;
    let (home, at) = (without_browser(home), Server::start(Script::default()).await);
    home.configure(
        &model.url(),
        json!({ "mcp": { "t": remote(&at), "u": remote(&at) } }),
    );
    let server = home.serve().await;
    let session = new_session(&server).await;
    let say = async |text: &str| {
        let body = json!({ "parts": [{ "type": "text", "text": text }] });
        let answer = server
            .send("POST", &format!("/session/{session}/message"), Some(body))
            .await;
        assert_eq!(answer.status, 200);
    };
    let log_in = async |name: &str| {
        let mut login = home.start(["mcp", "auth", name]);
        let page = login.line_with("/authorize").await;
        browse(page.trim_start_matches("●  ")).await;
        login.finish().await.success();
    };
    say("one").await;
    log_in("t").await;
    say("two").await;
    // Lists show it at once.
    log_in("u").await;
    let shown = server.send("GET", "/mcp", None).await.json();
    let connected = json!({ "status": "connected" });
    assert_eq!(shown, json!({ "t": connected, "u": connected }));
    let turns = model.requests();
    assert_eq!(turns.len(), 2);
    let looks = [0, 1].map(|turn| turns[turn].tools().contains(&"t_look".to_owned()));
    assert_eq!(looks, [false, true]);
    server.stop().await.success();
}
