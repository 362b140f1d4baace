//! The further surface: sessions, chat, models, tools, configuration.

use opencode_testkit::{Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{home, stored, with_model};

/// The events of a stream that ended: name, data and id of each.
fn told(text: &str) -> Vec<(String, Value, i64)> {
    let frames = text.split("\n\n").filter(|frame| frame.starts_with("event: "));
    frames
        .map(|frame| {
            let field = |name: &str| {
                let line = frame.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_else(|| panic!("no {name} in {frame}"))
            };
            let data = serde_json::from_str(field("data: ")).unwrap();
            (field("event: ").to_owned(), data, field("id: ").parse().unwrap())
        })
        .collect()
}

fn names(frames: &[(String, Value, i64)]) -> Vec<&str> {
    let mut names: Vec<&str> = frames.iter().map(|(name, ..)| name.as_str()).collect();
    names.retain(|name| *name != "status");
    names.dedup();
    names
}

async fn say(server: &Served, body: Value) -> Value {
    let answer = server.send("POST", "/api/chat/message", Some(body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn a_message_is_answered_and_seen_everywhere() {
    let (home, model) = with_model([Step::text("Hello."), Step::text("Again.")]).await;
    let server = home.serve().await;
    let answer = say(&server, json!({ "message": "hi", "system": "be kind" })).await;
    assert_eq!(answer["message"]["content"], "Hello.");
    assert_eq!(
        (&answer["finish"], &answer["message"]["role"]),
        (&json!("stop"), &json!("assistant"))
    );
    assert!(answer["usage"]["input"].is_number(), "{answer}");
    assert!(model.requests()[0].system().contains("be kind"));
    let session = answer["session_id"].as_str().unwrap();

    let more = json!({ "message": "and?", "session_id": session, "model": "scripted/scripted" });
    assert_eq!(say(&server, more).await["message"]["content"], "Again.");
    let shown = server
        .send("GET", &format!("/api/sessions/{session}?limit=3"), None)
        .await
        .json();
    assert_eq!(shown["messages"].as_array().unwrap().len(), 3);
    assert_eq!(
        (&shown["has_more"], &shown["status"]),
        (&json!(true), &json!("idle"))
    );
    let oldest = shown["messages"][0]["id"].as_str().unwrap();
    let path = format!("/api/sessions/{session}?before={oldest}");
    let before = server.send("GET", &path, None).await.json();
    assert_eq!(before["messages"][0]["content"], "hi");
    // The same session in the other surface.
    let native = server
        .send("GET", &format!("/session/{session}/message"), None)
        .await
        .json();
    assert_eq!(native.as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn sessions_are_made_listed_and_deleted() {
    let home = home();
    let server = home.serve().await;
    let mut made = Vec::new();
    for title in ["one", "two", "three"] {
        let answer = server
            .send("POST", "/api/sessions", Some(json!({ "title": title })))
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
        made.push(answer.json());
    }
    let mut listed = Vec::new();
    for offset in [0, 2] {
        let path = format!("/api/sessions?limit=2&offset={offset}");
        let page = server.send("GET", &path, None).await.json();
        assert_eq!((&page["total"], &page["offset"]), (&json!(3), &json!(offset)));
        let titles = page["sessions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["title"].clone());
        listed.extend(titles.map(|title| title.as_str().unwrap().to_owned()));
    }
    listed.sort_unstable();
    assert_eq!(listed, ["one", "three", "two"]);
    let id = made[0]["id"].as_str().unwrap();
    let searched = server.send("GET", "/api/sessions?search=on", None).await.json();
    assert_eq!(searched["sessions"][0]["id"], id);
    let deleted = server
        .send("DELETE", &format!("/api/sessions/{id}"), None)
        .await
        .json();
    assert_eq!(deleted, json!({ "deleted": true, "id": id }));
    let gone = server.send("GET", &format!("/api/sessions/{id}"), None).await;
    assert_eq!(
        (gone.status, &gone.json()["_tag"]),
        (404, &json!("SessionNotFoundError"))
    );
}

#[tokio::test]
async fn a_stream_tells_the_turn_and_can_be_taken_up_again() {
    let (home, _model) = with_model([
        Step::text("I look.").and_tool("bash", json!({ "command": "echo out" })),
        Step::text("It says out."),
    ])
    .await;
    let server = home.serve().await;
    let body = Some(json!({ "message": "what does it say?" }));
    let answer = server.send("POST", "/api/chat/stream", body).await;
    assert!(answer.head.contains("text/event-stream"), "{answer:?}");
    let frames = told(&answer.text);
    assert_eq!(
        names(&frames),
        [
            "start",
            "text",
            "tool_call",
            "tool_result",
            "usage",
            "text",
            "usage",
            "done"
        ]
    );
    let (_, done, last) = frames.last().unwrap();
    assert_eq!(
        (&done["finish"], &done["message"]["content"]),
        (&json!("stop"), &json!("It says out."))
    );
    assert!(frames.is_sorted_by_key(|(_, _, id)| *id));
    let find = |name: &str| frames.iter().find(|(one, ..)| one == name).unwrap();
    let (_, result, _) = find("tool_result");
    assert_eq!(
        (&result["output"], &result["status"]),
        (&json!("out\n"), &json!("completed"))
    );

    let session = done["session_id"].as_str().unwrap();
    let (_, _, called) = find("tool_call");
    let path = format!("/api/chat/stream?session_id={session}");
    let again = |id: String| {
        let (server, path) = (&server, &path);
        async move {
            let headers = [("last-event-id", id.as_str())];
            told(&server.send_with("GET", path, &headers, None).await.text)
        }
    };
    let replayed = again(called.to_string()).await;
    assert_eq!(names(&replayed), ["tool_result", "usage", "done"]);
    assert_eq!(names(&again(last.to_string()).await), ["done"]);
    assert_eq!(names(&again("-1".to_owned()).await)[..2], ["start", "tool_call"]);
}

#[tokio::test]
async fn the_same_message_is_said_once() {
    let (home, model) = with_model([Step::text("Once.")]).await;
    let server = home.serve().await;
    let made = server.send("POST", "/api/sessions", None).await.json();
    let session = made["id"].as_str().unwrap();
    let id = format!("msg_{}", "0".repeat(26));
    let body = json!({ "message": "hi", "session_id": session, "client_message_id": id });
    let all = futures_util::future::join_all((0..5).map(|_| say(&server, body.clone()))).await;
    assert!(
        all.iter().all(|answer| answer["message"]["content"] == "Once."),
        "{all:?}"
    );
    let turns = model.requests().len();
    assert_eq!((turns, stored(&home, session).len()), (1, 2));
    let other = json!({ "message": "ho", "session_id": session, "client_message_id": id });
    let refused = server.send("POST", "/api/chat/message", Some(other)).await;
    assert_eq!(
        (refused.status, &refused.json()["_tag"]),
        (409, &json!("ConflictError"))
    );
}

#[tokio::test]
async fn a_socket_chats_asks_and_is_answered() {
    let (home, model) = with_model([
        Step::tool("bash", json!({ "command": "echo allowed" })),
        Step::text("Done."),
    ])
    .await;
    home.configure(&model.url(), json!({ "permission": { "bash": "ask" } }));
    let server = home.serve().await;
    let mut socket = server.socket("/api/chat/ws", &[]).await.unwrap();
    assert_eq!(socket.until("ready").await.len(), 1);
    socket.send(r#"{"type":"ping"}"#).await;
    socket.until("pong").await;
    socket.send(r#"{"type":"message","id":7,"message":"go"}"#).await;
    let ack = socket.until("ack").await.pop().unwrap();
    assert_eq!(ack["id"], 7);
    let session = ack["session_id"].as_str().unwrap().to_owned();
    let asked = socket.until("permission").await.pop().unwrap();
    // Another one listens from the beginning.
    let mut other = server.socket("/api/chat/ws", &[]).await.unwrap();
    let follow = json!({ "type": "subscribe", "session_id": session, "after": -1 });
    other.send(&follow.to_string()).await;
    other.until("tool_call").await;
    let reply = json!({ "type": "permission", "request_id": asked["id"], "reply": "once" });
    socket.send(&reply.to_string()).await;
    let rest = socket.until("done").await;
    let result = rest.iter().find(|frame| frame["type"] == "tool_result").unwrap();
    assert_eq!(result["output"], "allowed\n");
    let done = rest.last().unwrap();
    assert_eq!(done["message"]["content"], "Done.");
    let others = other.until("done").await;
    assert_eq!(others.last().unwrap()["seq"], done["seq"]);

    socket
        .send(r#"{"type":"permission","id":"x","request_id":"per_1","reply":"once"}"#)
        .await;
    let error = socket.until("error").await.pop().unwrap();
    assert_eq!(
        (&error["code"], &error["id"]),
        (&json!("PermissionNotFoundError"), &json!("x"))
    );
    socket.send("nonsense").await;
    let error = socket.until("error").await.pop().unwrap();
    assert_eq!(error["code"], "InvalidRequestError");
    socket.try_send(&"x".repeat(2 << 20)).await;
    assert!(matches!(socket.close_code().await, None | Some(1009)));
    let code = tokio::join!(other.close_code(), server.stop()).0;
    assert_eq!(code, Some(1001));
}

#[tokio::test]
async fn a_turn_is_stopped_over_a_socket() {
    let (step, _gate) = Step::text("never").held();
    let (home, model) = with_model([step]).await;
    let server = home.serve().await;
    let mut socket = server.socket("/api/chat/ws", &[]).await.unwrap();
    socket.send(r#"{"type":"message","message":"go"}"#).await;
    let ack = socket.until("ack").await.pop().unwrap();
    model.wait_for_requests(1).await;
    let stop = json!({ "type": "abort", "session_id": ack["session_id"] });
    socket.send(&stop.to_string()).await;
    let done = socket.until("done").await.pop().unwrap();
    assert_eq!(done["finish"], "abort");
}

#[tokio::test]
async fn a_socket_may_say_later_who_it_is() {
    let home = home().with("OPENCODE_SERVER_PASSWORD", "secret");
    let server = home.serve().await;
    for wrong in [r#"{"type":"auth","token":"nope"}"#, r#"{"type":"ping"}"#] {
        let mut socket = server.socket("/api/chat/ws", &[]).await.unwrap();
        socket.send(wrong).await;
        assert_eq!(socket.close_code().await, Some(1008), "{wrong}");
    }
    let mut socket = server.socket("/api/chat/ws", &[]).await.unwrap();
    // opencode:secret
    socket
        .send(r#"{"type":"auth","token":"b3BlbmNvZGU6c2VjcmV0"}"#)
        .await;
    socket.until("ready").await;
    let right = "/api/chat/ws?auth_token=b3BlbmNvZGU6c2VjcmV0";
    server.socket(right, &[]).await.unwrap().until("ready").await;
    assert_eq!(
        server.socket("/api/chat/ws?auth_token=nope", &[]).await.err(),
        Some(401)
    );
}

#[tokio::test]
async fn tools_run_under_the_same_rules() {
    let (home, model) = with_model([]).await;
    let rules = json!({ "bash": { "*": "allow", "rm *": "ask", "curl *": "deny" } });
    home.configure(&model.url(), json!({ "permission": rules }));
    home.write("a.txt", "first\nsecond\n");
    let server = home.serve().await;
    let listed = server.send("GET", "/api/tools", None).await.json();
    let tools = listed["tools"].as_array().unwrap();
    let bash = tools.iter().find(|tool| tool["name"] == "bash").unwrap();
    assert_eq!(
        (&bash["permission"], &bash["source"]),
        (&json!("allow"), &json!("builtin"))
    );
    assert!(bash["parameters"]["properties"]["command"].is_object());

    let run = |tool: &str, arguments: Value| {
        let body = json!({ "tool": tool, "arguments": arguments });
        server.send("POST", "/api/tools/execute", Some(body))
    };
    let done = run("bash", json!({ "command": "TOKEN=s3cret; echo hi" }))
        .await
        .json();
    assert_eq!(
        (&done["status"], &done["output"]),
        (&json!("completed"), &json!("hi\n"))
    );
    let read = run("read", json!({ "filePath": "a.txt" })).await.json();
    assert!(read["output"].as_str().unwrap().contains("second"), "{read}");
    let failed = run("read", json!({ "filePath": "none.txt" })).await.json();
    assert_eq!(failed["status"], "error");
    for (tool, arguments, status, tag) in [
        ("bash", json!({ "command": "rm a.txt" }), 403, "ForbiddenError"),
        ("bash", json!({ "command": "curl x" }), 403, "ForbiddenError"),
        ("bash", json!({ "command": 5 }), 400, "InvalidRequestError"),
        ("bash", json!({}), 400, "InvalidRequestError"),
        ("todowrite", json!({ "todos": [] }), 400, "InvalidRequestError"),
        ("invalid", json!({}), 404, "NotFoundError"),
        (
            "read",
            json!({ "filePath": "/etc/passwd" }),
            403,
            "ForbiddenError",
        ),
    ] {
        let answer = run(tool, arguments).await;
        assert_eq!(
            (answer.status, &answer.json()["_tag"]),
            (status, &json!(tag)),
            "{answer:?}"
        );
    }
    assert!(home.project().join("a.txt").exists());

    // With a session somebody can be asked.
    let made = server.send("POST", "/api/sessions", None).await.json();
    let body = json!({ "tool": "bash", "arguments": { "command": "rm a.txt" }, "session_id": made["id"] });
    let path = "/api/tools/execute";
    let mut waits = body.clone();
    waits["timeout_ms"] = 50.into();
    assert_eq!(server.send("POST", path, Some(waits)).await.status, 408);
    let answering = async {
        // The call itself has a limit after which nothing is asked.
        loop {
            let asked = server.send("GET", "/permission", None).await.json();
            let Some(id) = asked[0]["id"].as_str() else {
                continue;
            };
            let reply = json!({ "reply": "once" });
            break server
                .send("POST", &format!("/permission/{id}/reply"), Some(reply))
                .await;
        }
    };
    let (done, _) = tokio::join!(server.send("POST", path, Some(body)), answering);
    assert_eq!(done.json()["status"], "completed", "{done:?}");
    assert!(!home.project().join("a.txt").exists());
    server.stop().await;
    let log = fs_err::read_to_string(home.data().join("log/audit.jsonl")).unwrap();
    assert!(
        log.contains("\"shell.exec\"") && log.contains("\"denied\"") && !log.contains("s3cret"),
        "{log}"
    );
}

#[tokio::test]
async fn commands_of_the_model_are_written_down_once() {
    let (home, _model) = with_model([
        Step::tool("bash", json!({ "command": "echo out; exit 3" })),
        Step::text("Done."),
    ])
    .await;
    let server = home.serve().await;
    say(&server, json!({ "message": "go" })).await;
    server.stop().await;
    let log = fs_err::read_to_string(home.data().join("log/audit.jsonl")).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert_eq!(lines[0]["actor"]["auth"], "internal");
    assert_eq!(lines[0]["detail"]["command"], "echo out; exit 3");
    assert_eq!(lines[0]["detail"]["exit_code"], 3);
    assert!(lines[0]["session_id"].is_string());
}

#[tokio::test]
async fn what_is_shown_of_configuration_has_no_secrets() {
    let (home, _model) = with_model([]).await;
    let server = home.serve().await;
    let shown = server.send("GET", "/api/config", None).await;
    let config = shown.json();
    assert_eq!(config["config"]["model"], "scripted/scripted");
    assert_eq!(
        config["config"]["provider"]["scripted"]["options"]["apiKey"],
        "***"
    );
    assert!(!shown.text.contains("test-key"));
    let source = &config["sources"][0];
    assert!(
        source["path"]
            .as_str()
            .unwrap()
            .ends_with("project/opencode.json"),
        "{source}"
    );
    assert_eq!(source["scope"], "project");
    let models = server
        .send("GET", "/api/models?provider=scripted", None)
        .await
        .json();
    assert_eq!(models["default"]["model"], "scripted/scripted");
    assert_eq!(models["providers"][0]["models"][0]["context"], 128_000);
}

#[tokio::test]
async fn what_is_wrong_is_told_in_one_form() {
    let (home, _model) = with_model([]).await;
    let server = home.serve().await;
    let unknown = format!("ses_{}", "0".repeat(26));
    let chat = "/api/chat/message";
    for (method, path, body, status, tag) in [
        ("GET", "/api/nope", None, 404, "NotFoundError"),
        ("PATCH", "/api/sessions", None, 405, "MethodNotAllowedError"),
        ("GET", "/api/sessions?limit=0", None, 400, "InvalidRequestError"),
        ("GET", "/api/sessions?limit=x", None, 400, "InvalidRequestError"),
        ("GET", "/api/sessions/..%2fx", None, 400, "InvalidRequestError"),
        ("POST", chat, Some(json!({})), 400, "InvalidRequestError"),
        (
            "POST",
            chat,
            Some(json!({ "message": "" })),
            400,
            "InvalidRequestError",
        ),
        (
            "POST",
            chat,
            Some(json!({ "message": "x".repeat(1 << 21) })),
            413,
            "PayloadTooLargeError",
        ),
        (
            "POST",
            chat,
            Some(json!({ "message": "a", "session_id": unknown })),
            404,
            "SessionNotFoundError",
        ),
        (
            "POST",
            chat,
            Some(json!({ "message": "a", "agent": "none" })),
            400,
            "InvalidRequestError",
        ),
        (
            "POST",
            chat,
            Some(json!({ "message": "a", "model": "a/b" })),
            400,
            "InvalidRequestError",
        ),
        (
            "POST",
            chat,
            Some(json!({ "message": "a", "files": [{ "path": "../x" }] })),
            400,
            "InvalidRequestError",
        ),
    ] {
        let answer = server.send(method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path} {answer:?}");
        assert_eq!(answer.json()["_tag"], tag, "{method} {path} {answer:?}");
    }
    // Nothing of that was stored.
    assert_eq!(server.send("GET", "/api/sessions", None).await.json()["total"], 0);
    let document = server.send("GET", "/doc/compat", None).await.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/api/chat/ws"]["get"]["responses"]["101"].is_object());
    let native = server.send("GET", "/doc", None).await.json();
    assert!(native["paths"].get("/api/sessions").is_none());
}

#[tokio::test]
async fn files_are_listed_read_and_written_within_the_folder() {
    let (home, model) = with_model([]).await;
    let rules = json!({ "edit": { "*": "allow", "locked/*": "ask" } });
    home.configure(&model.url(), json!({ "permission": rules }));
    home.write("src/a.rs", "one\ntwo\nthree\n");
    home.write("pixel.png", b"\x89PNG\r\n\x1a\n\0\0");
    let server = home.serve().await;
    let listed = server
        .send("GET", "/api/files/list?recursive=true", None)
        .await
        .json();
    let paths: Vec<&str> = listed["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["path"].as_str())
        .collect();
    assert_eq!(paths, ["src", "src/a.rs", "opencode.json", "pixel.png"]);
    let page = server
        .send("GET", "/api/files/read?path=src/a.rs&offset=1&limit=1", None)
        .await
        .json();
    assert_eq!(
        (&page["content"], &page["lines"], &page["truncated"]),
        (&json!("two\n"), &json!(3), &json!(true))
    );
    let picture = server
        .send("GET", "/api/files/read?path=pixel.png", None)
        .await
        .json();
    assert_eq!(
        (&picture["type"], &picture["mime"]),
        (&json!("binary"), &json!("image/png"))
    );

    let put = |body: Value| server.send("POST", "/api/files/write", Some(body));
    let made = put(json!({ "path": "new/b.txt", "content": "x", "create_dirs": true })).await;
    assert_eq!((made.status, &made.json()["created"]), (201, &json!(true)));
    let hash = made.json()["sha256"].clone();
    let more = json!({ "path": "new/b.txt", "content": "eQ==", "encoding": "base64", "mode": "append", "if_match": hash });
    assert_eq!(put(more.clone()).await.status, 200);
    assert_eq!(
        fs_err::read_to_string(home.project().join("new/b.txt")).unwrap(),
        "xy"
    );
    for (body, status) in [
        (more, 409),
        (
            json!({ "path": "new/b.txt", "content": "", "mode": "create" }),
            409,
        ),
        (
            json!({ "path": "locked/c", "content": "", "create_dirs": true }),
            403,
        ),
        (json!({ "path": "../out", "content": "" }), 403),
        (json!({ "path": "/etc/out", "content": "" }), 403),
        (json!({ "path": "none/out", "content": "" }), 404),
        (json!({ "path": "src", "content": "" }), 400),
        (json!({ "path": "a", "content": "!", "encoding": "base64" }), 400),
    ] {
        let answer = put(body.clone()).await;
        assert_eq!(answer.status, status, "{body} {answer:?}");
    }
    for (path, status) in [
        ("/api/files/read?path=../x", 403),
        ("/api/files/read?path=%2e%2e%2fx", 403),
        ("/api/files/read?path=none", 404),
        ("/api/files/read?path=src", 400),
        ("/api/files/list?path=/etc", 403),
        ("/api/files/list?depth=11", 400),
    ] {
        assert_eq!(server.send("GET", path, None).await.status, status, "{path}");
    }

    let find = |body: Value| server.send("POST", "/api/files/search", Some(body));
    let found = find(json!({ "query": "TWO", "context_lines": 1 })).await.json();
    let expected = json!({
        "path": "src/a.rs", "line": 2, "column": 1, "text": "two",
        "submatches": [{ "text": "two", "start": 0, "end": 3 }], "before": ["one"], "after": ["three"],
    });
    assert_eq!(found["matches"], json!([expected]));
    assert_eq!(find(json!({ "query": "t.o" })).await.json()["matches"], json!([]));
    let regex = find(json!({ "query": "t.o", "regex": true, "path": "src" }))
        .await
        .json();
    assert_eq!(regex["matches"][0]["path"], "src/a.rs");
    let named = find(json!({ "query": "A.RS", "mode": "name" })).await.json();
    assert_eq!(named["matches"], json!([{ "path": "src/a.rs" }]));
    assert_eq!(find(json!({ "query": "(", "regex": true })).await.status, 400);
}

#[tokio::test]
async fn files_are_brought_and_said() {
    let (home, model) = with_model([Step::text("Seen.")]).await;
    let server = home.serve().await;
    let form = "--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../note.txt\"\r\n\r\n\
        remember the milk\r\n--xx\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\ninbox\r\n--xx--\r\n";
    let kind = [("content-type", "multipart/form-data; boundary=xx")];
    let send = || server.send_with("POST", "/api/files/upload", &kind, Some(form.to_owned()));
    let taken = send().await;
    assert_eq!(taken.status, 201, "{taken:?}");
    let upload = taken.json()["uploads"][0].clone();
    assert_eq!(
        (&upload["name"], &upload["path"]),
        (&json!("note.txt"), &json!("inbox/note.txt"))
    );
    assert!(home.project().join("inbox/note.txt").exists());
    assert_eq!(send().await.status, 409, "nothing is replaced unasked");
    let id = upload["upload_id"].as_str().unwrap();
    let given = server.send("GET", &format!("/api/files/upload/{id}"), None).await;
    assert_eq!(given.text, "remember the milk");
    for wrong in ["upl_none", "..%2f..%2fauth.json", "upl_%2e%2e"] {
        let path = format!("/api/files/upload/{wrong}");
        assert_eq!(server.send("GET", &path, None).await.status, 404, "{wrong}");
    }
    let body = json!({ "message": "look", "files": [{ "upload_id": id }] });
    assert_eq!(say(&server, body).await["message"]["content"], "Seen.");
    let sent = json!(model.requests()[0].conversation()).to_string();
    assert!(sent.contains("remember the milk"), "{sent}");
}

#[tokio::test]
async fn other_machines_execute_nothing_without_a_password() {
    let home = home();
    let try_all = |home: &opencode_testkit::Home, arguments: &'static [&'static str]| {
        let mut running =
            home.start([&["serve", "--hostname", "0.0.0.0", "--port", "0"], arguments].concat());
        async move {
            let line = running.line_with("opencode server listening on").await;
            let port = line.trim().rsplit(':').next().unwrap().to_owned();
            let status = |method: &'static str, path: &'static str| {
                let port = port.clone();
                async move {
                    let head =
                        format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n");
                    let body = "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
                    let mut stream = tokio::net::TcpStream::connect(format!("127.0.0.1:{port}"))
                        .await
                        .unwrap();
                    use tokio::io::{AsyncReadExt, AsyncWriteExt};
                    stream
                        .write_all(format!("{head}{body}").as_bytes())
                        .await
                        .unwrap();
                    let mut answer = String::new();
                    stream.read_to_string(&mut answer).await.unwrap();
                    answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
                }
            };
            [
                status("GET", "/global/health").await,
                status("POST", "/pty").await,
                status("POST", "/api/tools/execute").await,
            ]
        }
    };
    assert_eq!(try_all(&home, &[]).await, [200, 403, 403]);
    assert_eq!(try_all(&home, &["--insecure"]).await, [200, 200, 400]);
}
