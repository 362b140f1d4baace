//! Terminals over HTTP, and what is written down of them.

use opencode_testkit::{Frame, Home, Served};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::home;

async fn terminal(server: &Served, script: &str) -> String {
    let body = json!({ "command": "/bin/sh", "args": ["-c", script] });
    let made = server.send("POST", "/pty", Some(body)).await;
    assert_eq!(made.status, 200, "{made:?}");
    made.json()["id"].as_str().unwrap().to_owned()
}

async fn ticket(server: &Served, id: &str) -> String {
    let path = format!("/pty/{id}/connect-token");
    let headers = [("x-opencode-ticket", "1")];
    let given = server.send_with("POST", &path, &headers, None).await.json();
    assert_eq!(given["expires_in"], 60);
    given["ticket"].as_str().unwrap().to_owned()
}

/// The lines of the audit log.
fn audited(home: &Home) -> Vec<Value> {
    let text = fs_err::read_to_string(home.data().join("log/audit.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn actions(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["action"].as_str()).collect()
}

#[tokio::test]
async fn a_terminal_is_typed_in_and_comes_back_where_it_was() {
    let home = home();
    let server = home.serve().await;
    let id = terminal(
        &server,
        "stty -echo; echo ready; read x; echo \"got $x\"; read x; exit 7",
    )
    .await;
    let connect = format!("/pty/{id}/connect");
    let mut first = server.socket(&connect, &[]).await.unwrap();
    first.text_with("ready\r\n").await;
    first.send("wörd 😀\r").await;
    first.text_with("got wörd 😀\r\n").await;

    let mut second = server.socket(&format!("{connect}?cursor=11"), &[]).await.unwrap();
    assert_eq!(second.next().await, Frame::Text("wörd 😀\r\n".to_owned()));
    let meta = [b"\0".as_slice(), b"{\"cursor\":20}"].concat();
    assert_eq!(second.next().await, Frame::Binary(meta));
    let mut third = server.socket(&format!("{connect}?cursor=-1"), &[]).await.unwrap();
    assert!(matches!(third.next().await, Frame::Binary(_)));

    let typing = first.send("\r");
    let events = server
        .events("/event", || typing, |event| event["type"] == "pty.exited")
        .await;
    assert_eq!(
        events.last().unwrap()["properties"],
        json!({ "id": id, "exitCode": 7 })
    );
    assert_eq!(second.close_code().await, Some(1000));
    assert_eq!(third.close_code().await, Some(1000));
    assert_eq!(server.send("GET", &format!("/pty/{id}"), None).await.status, 404);
    assert_eq!(server.socket(&connect, &[]).await.err(), Some(404));
}

#[tokio::test]
async fn a_ticket_opens_one_socket_instead_of_the_password() {
    let home = home().with("OPENCODE_SERVER_PASSWORD", "secret");
    let server = home.serve().await;
    // opencode:secret
    let right = [("authorization", "Basic b3BlbmNvZGU6c2VjcmV0")];
    let body = json!({ "command": "/bin/cat" }).to_string();
    let made = server.send_with("POST", "/pty", &right, Some(body)).await.json();
    let id = made["id"].as_str().unwrap();
    let path = format!("/pty/{id}/connect-token");
    let mut headers = vec![("x-opencode-ticket", "1"), right[0]];
    let given = server.send_with("POST", &path, &headers, None).await.json();
    headers.push(("origin", "https://evil.example"));
    assert_eq!(server.send_with("POST", &path, &headers, None).await.status, 403);
    let given = given["ticket"].as_str().unwrap();

    let connect = format!("/pty/{id}/connect");
    assert_eq!(server.socket(&connect, &[]).await.err(), Some(401));
    let foreign = [("origin", "https://evil.example")];
    let with_ticket = format!("{connect}?ticket={given}");
    assert_eq!(
        server
            .socket(&format!("{connect}?ticket=guessed"), &[])
            .await
            .err(),
        Some(403)
    );
    let mut socket = server.socket(&with_ticket, &[]).await.unwrap();
    socket.send("echoed\r").await;
    socket.text_with("echoed").await;
    assert_eq!(server.socket(&with_ticket, &[]).await.err(), Some(403));
    // Not good for anything else.
    let elsewhere = format!("/pty/{id}?ticket={given}");
    assert_eq!(server.send("GET", &elsewhere, None).await.status, 401);
    assert_eq!(server.socket(&with_ticket, &foreign).await.err(), Some(403));
    server.stop().await;
    let lines = audited(&home);
    let connected = lines
        .iter()
        .find(|line| line["action"] == "pty.connect" && line["outcome"] == "ok");
    assert_eq!(connected.unwrap()["actor"]["auth"], "ticket");
    assert!(actions(&lines).contains(&"auth.fail"));
    let text = format!("{lines:?}");
    assert!(
        !text.contains(given) && !text.contains("b3BlbmNvZGU6c2VjcmV0"),
        "{text}"
    );
}

#[tokio::test]
async fn foreign_pages_open_no_sockets() {
    let home = home();
    let server = home.serve().await;
    let id = terminal(&server, "sleep 100").await;
    let path = format!("/pty/{id}/connect");
    let foreign = [("origin", "https://evil.example")];
    assert_eq!(server.socket(&path, &foreign).await.err(), Some(403));
    assert_eq!(server.socket("/api/chat/ws", &foreign).await.err(), Some(403));
    let usual = [("origin", "http://localhost:3000")];
    assert!(server.socket(&path, &usual).await.is_ok());
    let given = ticket(&server, &id).await;
    assert!(
        server
            .socket(&format!("{path}?ticket={given}"), &usual)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn terminals_end_with_their_location_and_with_the_server() {
    let home = home();
    let server = home.serve().await;
    let script = "trap '' HUP TERM; echo up; while :; do sleep 100; done";
    let first = terminal(&server, script).await;
    let mut socket = server
        .socket(&format!("/pty/{first}/connect"), &[])
        .await
        .unwrap();
    socket.text_with("up").await;
    let pid = server.send("GET", &format!("/pty/{first}"), None).await.json()["pid"].clone();
    server.send("POST", "/instance/dispose", None).await;
    assert_eq!(socket.close_code().await, Some(1000));
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());

    let second = terminal(&server, script).await;
    let pid = server.send("GET", &format!("/pty/{second}"), None).await.json()["pid"].clone();
    let mut socket = server
        .socket(&format!("/pty/{second}/connect"), &[])
        .await
        .unwrap();
    socket.text_with("up").await;
    let (code, finished) = tokio::join!(socket.close_code(), server.stop());
    assert_eq!((code, finished.code()), (Some(1001), Some(0)));
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[tokio::test]
async fn what_is_executed_is_written_down_without_secrets() {
    let home = home();
    let server = home.serve().await;
    let id = terminal(&server, "echo password=hunter2; API_KEY=s3cr3t cat").await;
    let mut socket = server.socket(&format!("/pty/{id}/connect"), &[]).await.unwrap();
    socket.text_with("hunter2").await;
    socket.send("typed words").await;
    socket.text_with("typed words").await;
    server
        .send("PUT", &format!("/pty/{id}"), Some(json!({ "title": "t" })))
        .await;
    server.send("DELETE", &format!("/pty/{id}"), None).await;
    assert_eq!(socket.close_code().await, Some(1000));
    server.stop().await;
    let lines = audited(&home);
    let mut seen = actions(&lines);
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            "pty.connect",
            "pty.create",
            "pty.disconnect",
            "pty.remove",
            "pty.update"
        ]
    );
    let text = format!("{lines:?}");
    assert!(
        !text.contains("hunter2") && !text.contains("s3cr3t") && !text.contains("typed words"),
        "{text}"
    );
    let end = lines
        .iter()
        .find(|line| line["action"] == "pty.disconnect")
        .unwrap();
    assert_eq!(end["detail"]["bytes_in"], 11);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs_err::metadata(home.data().join("log/audit.jsonl")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn the_log_can_be_switched_off_by_the_user_alone() {
    let home = home();
    home.write(
        "opencode.json",
        json!({ "server": { "audit": false } }).to_string(),
    );
    let server = home.serve().await;
    terminal(&server, "exit").await;
    server.stop().await;
    assert!(
        actions(&audited(&home)).contains(&"pty.create"),
        "a project does not decide"
    );

    let home = crate::home();
    let config = home.path().join(".config/opencode");
    fs_err::create_dir_all(&config).unwrap();
    fs_err::write(
        config.join("opencode.json"),
        r#"{ "server": { "audit": false } }"#,
    )
    .unwrap();
    let server = home.serve().await;
    terminal(&server, "exit").await;
    server.stop().await;
    assert!(!home.data().join("log/audit.jsonl").exists());
}

#[tokio::test]
async fn what_cannot_be_a_terminal_is_the_clients_mistake() {
    let home = home();
    let server = home.serve().await;
    for (body, says) in [
        (json!({ "command": "/no/such" }), "/no/such"),
        (json!({ "command": "/bin/cat", "cwd": "nowhere" }), "nowhere"),
        (json!({ "env": { "A=B": "1" } }), "env"),
        (json!({ "args": 5 }), "args"),
    ] {
        let answer = server.send("POST", "/pty", Some(body)).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.text.contains(says), "{answer:?}");
    }
    let id = terminal(&server, "sleep 100").await;
    let path = format!("/pty/{id}");
    for size in [
        json!({ "rows": 0, "cols": 1 }),
        json!({ "rows": 1.5, "cols": 1 }),
        json!({}),
    ] {
        let answer = server.send("PUT", &path, Some(json!({ "size": size }))).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    assert_eq!(server.send("GET", "/pty/bad", None).await.status, 400);
    let answer = server.send("GET", &format!("{path}/connect"), None).await;
    assert_eq!(answer.status, 400, "{answer:?}");
}
