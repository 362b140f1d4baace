//! How durable sessions work (reference `v2.md` §5, §6; names say which row of its §14 a test closes).

use opencode_testkit::{Home, ScriptedModel, Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::durable::{messages, prompt, say, served, session, settle, told, users};
use crate::home;

fn bash(command: &str) -> Value {
    json!({ "command": command })
}

/// The names of the folders that commands found themselves in, in order.
fn folders(home: &Home) -> Vec<String> {
    let text = fs_err::read_to_string(home.path().join("where")).unwrap_or_default();
    let name = |line: &str| line.rsplit('/').next().unwrap_or_default().to_owned();
    text.lines().map(name).collect()
}

async fn go_to(server: &Served, session: &str, directory: &str) {
    let wanted = json!({ "sessionID": session, "destination": { "directory": directory } });
    let path = "/experimental/control-plane/move-session";
    let moved = server.send("POST", path, Some(wanted)).await;
    assert_eq!(moved.status, 204, "{moved:?}");
}

#[tokio::test]
async fn gap_3_a_session_that_moved_works_where_it_is() {
    let home = home();
    let whereabouts = home.path().join("where").display().to_string();
    let look = || bash(&format!("basename \"$PWD\" >> '{whereabouts}'"));
    let (first, gate) = Step::text("I look.").and_tool("bash", look()).held();
    let model = ScriptedModel::start([
        first,
        Step::tool("bash", look()),
        Step::text("one"),
        Step::tool("bash", look()),
        Step::text("two"),
    ])
    .await;
    let allowed = json!({ "permission": { "*": "allow" } });
    home.configure(&model.url(), allowed);
    home.write("sub/a.txt", "a");
    let server = home.serve().await;
    let id = session(&server).await;
    say(&server, &id, "look").await;
    model.wait_for_requests(1).await;
    // The step that goes on stays where it began, the next one is made where the session is.
    go_to(&server, &id, "sub").await;
    gate.open();
    settle(&server, &id).await;
    let project = home.project().file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(folders(&home), [project.clone(), "sub".to_owned()]);
    let shown = server
        .send("GET", &format!("/api/session/{id}"), None)
        .await
        .json();
    let directory = shown["data"]["location"]["directory"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(directory.ends_with("/sub"), "{directory}");
    // At rest, and over a restart.
    server.kill().await;
    let server = home.serve().await;
    go_to(&server, &id, home.project().to_str().unwrap()).await;
    say(&server, &id, "look again").await;
    settle(&server, &id).await;
    assert_eq!(folders(&home), [project.clone(), "sub".to_owned(), project]);
}

#[tokio::test]
async fn gap_7_a_model_that_never_stops_is_stopped() {
    for (config, steps) in [
        (json!({ "limits": { "steps": 3 } }), 3),
        (
            json!({ "limits": { "steps": 5 }, "agent": { "build": { "steps": 2 } } }),
            2,
        ),
    ] {
        let call = || Step::tool("glob", json!({ "pattern": "*" }));
        let mut script: Vec<Step> = (1..steps).map(|_| call()).collect();
        script.push(Step::text("that is all"));
        script.push(Step::text("never"));
        let model = ScriptedModel::start(script).await;
        let home = home();
        home.configure(&model.url(), config);
        let server = home.serve().await;
        let id = session(&server).await;
        say(&server, &id, "look for ever").await;
        settle(&server, &id).await;
        let requests = model.requests();
        assert_eq!(requests.len(), steps);
        let offered: Vec<bool> = requests
            .iter()
            .map(|request| !request.tools().is_empty())
            .collect();
        let wanted: Vec<bool> = (1..=steps).map(|step| step < steps).collect();
        assert_eq!(offered, wanted);
        let last = told(&messages(&server, &id).await).pop().unwrap();
        assert_eq!(last.1, "that is all");
    }
}

#[tokio::test]
async fn gap_8_ten_that_ask_at_once_make_one_request_and_sessions_do_not_wait_for_each_other() {
    let (first, one) = Step::text("one answer").held();
    let (second, other) = Step::text("one answer").held();
    let model = ScriptedModel::start([first, second]).await;
    let (_home, server) = served(&model).await;
    let sessions = [session(&server).await, session(&server).await];
    for (at, id) in sessions.iter().enumerate() {
        let wanted = json!({ "id": format!("msg_same{at}"), "prompt": { "text": "go" } });
        let all = (0..10).map(|_| prompt(&server, id, wanted.clone()));
        futures_util::future::join_all(all).await;
    }
    // Both are being answered at the same time.
    model.wait_for_requests(2).await;
    let active = server.send("GET", "/api/session/active", None).await.json();
    assert_eq!(active["data"].as_object().unwrap().len(), 2, "{active}");
    one.open();
    other.open();
    for id in &sessions {
        settle(&server, id).await;
        let kinds: Vec<String> = told(&messages(&server, id).await)
            .into_iter()
            .map(|one| one.0)
            .collect();
        assert_eq!(kinds, ["user", "assistant"]);
    }
    assert_eq!(users(&model), [["go"], ["go"]]);
}

/// Answers one request with `before`, waits until `ready` is there, and ends with `after`; further requests are
/// answered with a word.
async fn slow_model(
    before: String,
    after: String,
    ready: std::path::PathBuf,
) -> (String, tokio::sync::mpsc::Receiver<Value>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let (sender, requests) = tokio::sync::mpsc::channel(16);
    tokio::spawn(async move {
        let mut count = 0;
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let body = read_request(&mut socket).await;
            let has_tools = body["tools"].is_array();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            socket.write_all(head.as_bytes()).await.unwrap();
            if has_tools {
                sender.send(body).await.unwrap();
                count += 1;
            }
            if has_tools && count == 1 {
                socket.write_all(before.as_bytes()).await.unwrap();
                let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
                while !ready.exists() && std::time::Instant::now() < until {
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
                socket.write_all(after.as_bytes()).await.unwrap();
            } else {
                let word =
                    chunk(&json!({ "content": "done" }), &Value::Null) + &chunk(&json!({}), &json!("stop"));
                socket
                    .write_all((word + "data: [DONE]\n\n").as_bytes())
                    .await
                    .unwrap();
            }
        }
    });
    (url, requests)
}

async fn read_request(socket: &mut tokio::net::TcpStream) -> Value {
    let mut read = Vec::new();
    loop {
        let mut buffer = vec![0; 65536];
        let count = socket.read(&mut buffer).await.unwrap();
        read.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().unwrap())
        });
        if body.len() >= length.unwrap_or(0) {
            return serde_json::from_str(body).unwrap_or_default();
        }
        assert!(count > 0, "the request broke off");
    }
}

fn chunk(delta: &Value, finish: &Value) -> String {
    let chunk = json!({ "id": "x", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
    format!("data: {chunk}\n\n")
}

#[tokio::test]
async fn gap_11_calls_start_while_the_model_still_speaks_and_settle_as_they_end() {
    let home = home();
    let ready = home.path().join("ready");
    let call = |index: usize, id: &str, command: &str| {
        let arguments = bash(command).to_string();
        let call = json!({ "index": index, "id": id, "type": "function",
            "function": { "name": "bash", "arguments": arguments } });
        chunk(&json!({ "tool_calls": [call] }), &Value::Null)
    };
    // The slow one waits for what the quick one does, and the model for both to have begun.
    let slow = format!(
        "while [ ! -e '{0}' ]; do sleep 0.02; done; echo slow",
        ready.display()
    );
    let quick = format!("echo quick; touch '{}'", ready.display());
    let before = call(0, "call_slow", &slow) + &call(1, "call_quick", &quick);
    let after = chunk(&json!({}), &json!("tool_calls")) + "data: [DONE]\n\n";
    let (url, mut requests) = slow_model(before, after, ready.clone()).await;
    home.configure(&url, json!({ "permission": { "*": "allow" } }));
    let server = home.serve().await;
    let id = session(&server).await;
    say(&server, &id, "do both").await;
    settle(&server, &id).await;
    assert!(ready.exists(), "the calls did not start while the model spoke");
    let path = format!("/api/session/{id}/history?limit=1000");
    let history = server.send("GET", &path, None).await.json();
    let settled: Vec<&str> = history["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "session.next.tool.success")
        .map(|event| event["data"]["callID"].as_str().unwrap())
        .collect();
    assert_eq!(settled, ["call_quick", "call_slow"]);
    // The model is told of both at once, in one request.
    requests.recv().await.unwrap();
    let second = requests.recv().await.unwrap();
    let results: Vec<&Value> = second["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|message| message["role"] == "tool")
        .collect();
    assert_eq!(results.len(), 2, "{second}");
    assert!(requests.try_recv().is_err());
}

/// An answer in which the provider thinks, searches the web by itself, and speaks.
fn searched() -> String {
    let thought = |encrypted: &str| json!({ "type": "reasoning", "id": "rs_1", "encrypted_content": encrypted, "summary": [] });
    let search = json!({ "type": "web_search_call", "id": "ws_1", "status": "completed",
        "action": { "type": "search", "query": "rust" } });
    let said = json!({ "type": "message", "id": "msg_1", "role": "assistant",
        "content": [{ "type": "output_text", "text": "Found.", "annotations": [] }] });
    let events = [
        json!({ "type": "response.created", "response": { "id": "resp_1", "created_at": 1, "model": "m" } }),
        json!({ "type": "response.output_item.added", "output_index": 0, "item": thought("enc-a") }),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": thought("enc-b") }),
        json!({ "type": "response.output_item.added", "output_index": 1,
            "item": { "type": "web_search_call", "id": "ws_1", "status": "in_progress" } }),
        json!({ "type": "response.output_item.done", "output_index": 1, "item": search }),
        json!({ "type": "response.output_item.added", "output_index": 2, "item": { "type": "message", "id": "msg_1" } }),
        json!({ "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 2, "content_index": 0, "delta": "Found." }),
        json!({ "type": "response.output_item.done", "output_index": 2, "item": said }),
        json!({ "type": "response.completed", "response": { "id": "resp_1", "usage": { "input_tokens": 5, "output_tokens": 2 } } }),
    ];
    events.iter().map(|event| format!("data: {event}\n\n")).collect()
}

#[tokio::test]
async fn gap_45_what_a_provider_does_not_keep_is_sent_to_it_in_full() {
    for stored in [false, true] {
        let model = ScriptedModel::start([Step::raw(&searched()), Step::raw(&searched())]).await;
        let home = home();
        let provider = json!({ "npm": "@ai-sdk/openai", "options": { "baseURL": model.url(), "apiKey": "k" },
            "models": { "m": { "reasoning": true, "options": { "store": stored }, "limit": { "context": 100_000, "output": 1000 } } } });
        home.configure(
            &model.url(),
            json!({ "model": "own/m", "provider": { "own": provider } }),
        );
        let server = home.serve().await;
        let id = session(&server).await;
        for text in ["find it", "and now?"] {
            say(&server, &id, text).await;
            settle(&server, &id).await;
        }
        let requests = model.requests();
        assert_eq!(requests.len(), 2);
        let body = &requests[1].body;
        let items = body["input"].as_array().unwrap();
        let of = |kind: &str| -> Vec<&Value> { items.iter().filter(|item| item["type"] == kind).collect() };
        if stored {
            let ids: Vec<&Value> = of("item_reference").into_iter().map(|item| &item["id"]).collect();
            assert_eq!(ids, ["rs_1", "ws_1"]);
            continue;
        }
        assert_eq!(body["store"], false);
        assert_eq!(of("item_reference"), Vec::<&Value>::new(), "{body}");
        assert_eq!(
            of("web_search_call"),
            [
                &json!({ "type": "web_search_call", "id": "ws_1", "status": "completed",
                "action": { "type": "search", "query": "rust" } })
            ]
        );
        assert_eq!(of("reasoning")[0]["encrypted_content"], "enc-b", "{body}");
    }
}
