//! Terminals.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{get, refusal};
use crate::home;

#[tokio::test]
async fn terminals_are_used_and_remembered_when_they_have_ended() {
    let home = home();
    let server = home.serve().await;
    let body = json!({ "command": "/bin/sh", "args": ["-c", "stty -echo; echo ready; read x; exit 3"], "title": "T" });
    let made = server.send("POST", "/api/pty", Some(body)).await;
    assert_eq!(made.status, 200, "{made:?}");
    let made = made.json();
    assert_eq!(
        made["location"]["directory"],
        home.project().display().to_string()
    );
    let mut info = made["data"].clone();
    let id = info["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&info["status"], &info["title"]),
        (&json!("running"), &json!("T"))
    );
    let path = format!("/api/pty/{id}");
    assert_eq!(get(&server, &path).await, made);
    assert_eq!(get(&server, "/pty").await, json!([]), "the registries are apart");
    assert_eq!(server.send("GET", &format!("/pty/{id}"), None).await.status, 404);

    let connect = format!("{path}/connect");
    let mut socket = server.socket(&connect, &[]).await.unwrap();
    socket.text_with("ready\r\n").await;
    let typing = socket.send("\r");
    let events = server.events("/api/event", || typing, |event| event["type"] == "pty.exited");
    let events = events.await;
    assert_eq!(events.last().unwrap()["data"], json!({ "id": id, "exitCode": 3 }));
    assert_eq!(socket.close_code().await, Some(1000));

    info["status"] = json!("exited");
    info["exitCode"] = json!(3);
    assert_eq!(get(&server, "/api/pty").await["data"], json!([info]));
    let change = json!({ "title": "U", "size": { "rows": 9, "cols": 9 } });
    let changed = server.send("PUT", &path, Some(change)).await.json();
    info["title"] = json!("U");
    assert_eq!(changed["data"], info);
    let mut late = server.socket(&connect, &[]).await.unwrap();
    assert_eq!(late.close_code().await, Some(4404));

    let removed = server.send("DELETE", &path, None).await;
    assert_eq!((removed.status, removed.text.as_str()), (204, ""));
    let unknown = (404, "PtyNotFoundError".to_owned());
    assert_eq!(refusal(&server, "DELETE", &path, None).await, unknown);
    assert_eq!(refusal(&server, "GET", &path, None).await, unknown);
    assert_eq!(server.socket(&connect, &[]).await.err(), Some(404));
}

#[tokio::test]
async fn the_newest_25_that_have_ended_are_remembered() {
    let home = home();
    let server = home.serve().await;
    let body = json!({ "command": "/bin/true" });
    let ended = |count: usize| {
        let server = &server;
        let body = body.clone();
        async move {
            let opening = async || {
                for _ in 0..count {
                    server.send("POST", "/api/pty", Some(body.clone())).await;
                }
            };
            let seen = std::sync::atomic::AtomicUsize::new(0);
            let is_last = move |event: &Value| {
                event["type"] == "pty.exited"
                    && seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1 == count
            };
            server.events("/api/event", opening, is_last).await;
        }
    };
    ended(1).await;
    let first = get(&server, "/api/pty").await["data"][0]["id"].clone();
    ended(25).await;
    let all = get(&server, "/api/pty").await;
    let all = all["data"].as_array().unwrap();
    assert_eq!(all.len(), 25);
    assert!(all.iter().all(|info| info["status"] == "exited"));
    assert!(all.iter().all(|info| info["id"] != first));
}

#[tokio::test]
async fn a_ticket_opens_one_socket_and_foreign_pages_get_none() {
    let home = home().with("OPENCODE_SERVER_PASSWORD", "secret");
    let server = home.serve().await;
    // opencode:secret
    let right = ("authorization", "Basic b3BlbmNvZGU6c2VjcmV0");
    let (status, tag) = refusal(&server, "GET", "/api/pty", None).await;
    assert_eq!((status, tag.as_str()), (401, "UnauthorizedError"));
    let body = json!({ "command": "/bin/cat" }).to_string();
    let made = server
        .send_with("POST", "/api/pty", &[right], Some(body))
        .await
        .json();
    let id = made["data"]["id"].as_str().unwrap();
    let path = format!("/api/pty/{id}/connect-token");
    let plain = server.send_with("POST", &path, &[right], None).await;
    assert_eq!(
        (plain.status, &plain.json()["_tag"]),
        (403, &json!("ForbiddenError"))
    );
    let asking = [("x-opencode-ticket", "1"), right];
    let given = server.send_with("POST", &path, &asking, None).await.json();
    assert_eq!(given["data"]["expires_in"], 60);
    let ticket = given["data"]["ticket"].as_str().unwrap();

    let connect = format!("/api/pty/{id}/connect");
    assert_eq!(server.socket(&connect, &[]).await.err(), Some(401));
    let with = format!("{connect}?ticket={ticket}");
    server.socket(&with, &[]).await.unwrap();
    assert_eq!(server.socket(&with, &[]).await.err(), Some(403), "it is spent");
}

#[tokio::test]
async fn mistakes_have_tags() {
    let home = home();
    let server = home.serve().await;
    let wrong = "InvalidRequestError";
    for (method, path, body, wanted) in [
        ("POST", "/api/pty", Some("{bad"), (400, wrong)),
        ("POST", "/api/pty", Some(r#"{"command":5}"#), (400, wrong)),
        (
            "POST",
            "/api/pty",
            Some(r#"{"command":"/no/such/program"}"#),
            (400, wrong),
        ),
        ("GET", "/api/pty/bad", None, (400, wrong)),
        ("PUT", "/api/pty/pty_none", Some("{}"), (404, "PtyNotFoundError")),
        (
            "PUT",
            "/api/pty/pty_none",
            Some(r#"{"size":{"rows":0,"cols":1}}"#),
            (400, wrong),
        ),
    ] {
        let (status, tag) = refusal(&server, method, path, body).await;
        assert_eq!((status, tag.as_str()), wanted, "{method} {path} {body:?}");
    }
}
