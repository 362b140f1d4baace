//! How the server is spoken to: packing, limits, who may ask, where it listens.

use opencode_testkit::Step;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::{home, with_model};

#[tokio::test]
async fn long_texts_are_packed_and_nothing_else() {
    let (home, _model) = with_model([Step::text(&"long ".repeat(1000))]).await;
    let server = home.serve().await;
    let made = server.send("POST", "/session", None).await.json();
    let message = format!("/session/{}/message", made["id"].as_str().unwrap());
    let said = json!({ "parts": [{ "type": "text", "text": "go" }] }).to_string();
    for (method, path, accepted, body, wanted) in [
        ("GET", "/agent", "gzip, deflate, br", None, Some("gzip")),
        ("GET", "/agent", "deflate", None, Some("deflate")),
        ("GET", "/agent", "br", None, None),
        ("GET", "/agent", "gzip;q=0", None, None),
        ("GET", "/global/health", "gzip", None, None),
        ("POST", message.as_str(), "gzip", Some(said), None),
        ("GET", message.as_str(), "gzip", None, Some("gzip")),
    ] {
        let answer = server
            .send_with(method, path, &[("accept-encoding", accepted)], body)
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let encoding = answer
            .head
            .lines()
            .find_map(|line| line.strip_prefix("content-encoding: "));
        assert_eq!(encoding, wanted, "{method} {path} {accepted}");
    }
    let plain = server.send("GET", "/agent", None).await;
    assert!(plain.head.contains("vary: accept-encoding"), "{}", plain.head);
}

#[tokio::test]
async fn what_is_too_long_is_refused() {
    let (home, _model) = with_model([]).await;
    let server = home.serve().await;
    let two_megabytes = format!("{{\"title\": \"{}\"}}", "x".repeat(2 << 20));
    let answer = server
        .send_with("POST", "/session", &[], Some(two_megabytes))
        .await;
    assert_eq!((answer.status, &answer.json()["limit"]), (413, &json!(1 << 20)));
    let long = "x".repeat(20 * 1024);
    let path = format!("/global/health?{long}");
    assert_eq!(server.send("GET", &path, None).await.status, 414);
    let headers = [("x-one", long.as_str()), ("x-two", long.as_str())];
    let answer = server.send_with("GET", "/global/health", &headers, None).await;
    assert_eq!(answer.status, 431);
    let huge = "x".repeat(1 << 20);
    let headers = [("x-one", huge.as_str())];
    let answer = server.send_with("GET", "/global/health", &headers, None).await;
    assert_eq!(answer.status, 431);
}

/// opencode:secret
const BASIC: &str = "b3BlbmNvZGU6c2VjcmV0";

#[tokio::test]
async fn a_password_and_a_token_are_each_enough() {
    let basic = format!("Basic {BASIC}");
    let basic_query = format!("?auth_token={BASIC}");
    let both: &[(&str, &str)] = &[
        ("OPENCODE_SERVER_PASSWORD", "secret"),
        ("OA_SERVER_TOKEN", "tok/en"),
    ];
    // Header, query, and whether they are enough with a password, with a token, with both.
    let rows = [
        (basic.as_str(), "", [true, false, true]),
        ("Bearer tok/en", "", [false, true, true]),
        ("bearer tok/en", "", [false, true, true]),
        ("Bearer other", "", [false, false, false]),
        ("Basic tok/en", "", [false, false, false]),
        ("", "", [false, false, false]),
        ("", "?auth_token=tok/en", [false, true, true]),
        ("", "?auth_token=tok%2Fen", [false, true, true]),
        ("", basic_query.as_str(), [true, false, true]),
        ("Bearer tok/en", "?auth_token=other", [false, false, false]),
    ];
    let challenges = [
        "basic realm=\"secure area\"",
        "bearer",
        "basic realm=\"secure area\", bearer",
    ];
    for (column, variables) in [&both[..1], &both[1..], both].into_iter().enumerate() {
        let mut home = home();
        for (name, value) in variables {
            home = home.with(name, value);
        }
        let server = home.serve().await;
        for (header, query, enough) in &rows {
            let headers = [("authorization", *header)];
            let headers = if header.is_empty() {
                &headers[..0]
            } else {
                &headers[..]
            };
            let answer = server
                .send_with("GET", &format!("/global/health{query}"), headers, None)
                .await;
            let wanted = if enough[column] { 200 } else { 401 };
            assert_eq!(answer.status, wanted, "{variables:?} {header} {query}");
            if wanted == 401 {
                let challenge = format!("www-authenticate: {}\r\n", challenges[column]);
                assert!(answer.head.contains(&challenge), "{}", answer.head);
            }
        }
        // Programs of this machine may guess as often as they like.
        for _ in 0..12 {
            let wrong = [("authorization", "Bearer wrong")];
            let answer = server.send_with("GET", "/global/health", &wrong, None).await;
            assert_eq!(answer.status, 401);
        }
        let log = fs_err::read_to_string(home.data().join("log/opencode.log")).unwrap_or_default();
        assert!(!log.contains("tok/en") && !log.contains(BASIC), "{log}");
    }
}

#[tokio::test]
async fn the_global_configuration_says_where_to_listen() {
    let home = home();
    let path = home.path().join(".config/opencode/opencode.json");
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    let server =
        json!({ "server": { "hostname": "localhost", "mdns": true, "cors": ["https://one.example"] } });
    fs_err::write(&path, server.to_string()).unwrap();
    home.write(
        "opencode.json",
        r#"{"server": {"cors": ["https://project.example"]}}"#,
    );
    let server = home.serve().await;
    for (origin, allowed) in [("https://one.example", true), ("https://project.example", false)] {
        let answer = server
            .send_with("GET", "/global/health", &[("origin", origin)], None)
            .await;
        let told = answer.head.contains("access-control-allow-origin");
        assert_eq!(told, allowed, "{origin}");
    }
    server.stop().await;
    let log = fs_err::read_to_string(home.data().join("log/opencode.log")).unwrap();
    let warned = |line: &str| line.contains("mDNS is on, but") && line.contains("localhost");
    assert!(log.lines().any(warned), "{log}");
}
