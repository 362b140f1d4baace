//! The log between programs, lists of all projects, and faces that ask for orders.

use opencode_testkit::{Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{home, new_session, with_model};

/// The log of one session, in the form in which it is taken over.
async fn log_of(server: &Served, session: &str) -> Vec<Value> {
    let history = server.send("POST", "/sync/history", Some(json!({}))).await;
    assert_eq!(history.status, 200, "{history:?}");
    let all = history.json();
    let own = all
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["aggregate_id"] == session);
    own.map(|event| {
        json!({
            "id": event["id"], "aggregateID": session, "seq": event["seq"], "type": event["type"], "data": event["data"],
        })
    })
    .collect()
}

async fn replay(server: &Served, events: &[Value]) -> (u16, Value) {
    let body = json!({ "directory": "/", "events": events });
    let answer = server.send("POST", "/sync/replay", Some(body)).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn a_session_goes_from_one_program_to_another() {
    let (first, _model) = with_model([Step::text("Hello.")]).await;
    let from = first.serve().await;
    let session = new_session(&from).await;
    let said = json!({ "parts": [{ "type": "text", "text": "hi" }] });
    let path = format!("/session/{session}/message");
    assert_eq!(from.send("POST", &path, Some(said)).await.status, 200);
    let log = log_of(&from, &session).await;
    let later = from
        .send("POST", "/sync/history", Some(json!({ session.as_str(): 2 })))
        .await
        .json();
    assert_eq!(later[0]["seq"], 3);
    let told = from.send("GET", &path, None).await.json();

    // The same repository: the same project.
    let second = home();
    fs_err::remove_dir_all(second.project()).unwrap();
    let cloned = std::process::Command::new("git")
        .arg("clone")
        .arg("--quiet")
        .args([first.project(), second.project()])
        .envs(second.environment())
        .status();
    assert!(cloned.unwrap().success());
    let to = second.serve().await;
    let done = (200, json!({ "sessionID": session }));
    assert_eq!(replay(&to, &log[..3]).await, done);
    assert_eq!(replay(&to, &log).await, done, "what is known is no hindrance");
    assert_eq!(replay(&to, &log).await, done);
    assert_eq!(to.send("GET", &path, None).await.json(), told);
    assert_eq!(log_of(&to, &session).await, log);
}

#[tokio::test]
async fn a_log_that_does_not_fit_changes_nothing() {
    let home = home();
    let server = home.serve().await;
    let session = new_session(&server).await;
    let other = new_session(&server).await;
    let log = log_of(&server, &session).await;
    let message = json!({
        "id": "msg_1", "sessionID": session, "role": "user", "agent": "build", "time": { "created": 1 },
        "model": { "providerID": "p", "modelID": "m" },
    });
    let next = |kind: &str, data: Value| json!({ "id": "evt_1", "aggregateID": session, "seq": 1, "type": kind, "data": data });
    let said = next(
        "message.updated.1",
        json!({ "sessionID": session, "info": message }),
    );
    let change = |base: &Value, pointer: &str, value: Value| {
        let mut event = base.clone();
        *event.pointer_mut(pointer).unwrap() = value;
        event
    };
    let bent = "ses_../../x";
    let cases = [
        vec![change(&log[0], "/data/info/title", json!("another"))],
        vec![change(&log[0], "/id", json!("evt_2"))],
        vec![change(&said, "/seq", json!(2))],
        vec![change(&said, "/type", json!("foo.bar.1"))],
        vec![change(&said, "/type", json!("message.updated.2"))],
        vec![change(&said, "/type", json!("session.status.1"))],
        vec![change(&said, "/data/info", json!({}))],
        vec![change(&said, "/data/info/sessionID", json!(other))],
        vec![change(&said, "/data/info/id", json!("msg_../x"))],
        vec![change(&said, "/id", log[0]["id"].clone())],
        vec![change(&said, "/aggregateID", json!(other))],
        vec![said.clone(), change(&said, "/aggregateID", json!(other))],
        vec![said.clone(), change(&said, "/seq", json!(9))],
        vec![
            json!({ "id": "evt_3", "aggregateID": bent, "seq": 0, "type": "session.created.1",
            "data": { "sessionID": bent, "info": change(&log[0]["data"]["info"], "/id", json!(bent)) } }),
        ],
        vec![
            json!({ "id": "evt_4", "aggregateID": "ses_new", "seq": 0, "type": "message.removed.1",
            "data": { "sessionID": "ses_new", "messageID": "msg_1" } }),
        ],
        vec![],
    ];
    for events in cases {
        let (status, answer) = replay(&server, &events).await;
        assert_eq!(
            (status, &answer["name"]),
            (400, &json!("BadRequest")),
            "{events:?} {answer}"
        );
    }
    assert_eq!(log_of(&server, &session).await, log);
    assert_eq!(replay(&server, &[said]).await.0, 200, "it would have fitted");
    let foreign = server
        .send("POST", "/sync/steal", Some(json!({ "sessionID": session })))
        .await;
    assert_eq!(
        (foreign.status, foreign.json()),
        (400, json!({ "_tag": "BadRequest" }))
    );
    assert_eq!(server.send("POST", "/sync/start", None).await.json(), json!(true));
}

#[tokio::test]
async fn a_program_that_works_for_a_workspace_takes_sessions_over() {
    let home = home().with("OPENCODE_WORKSPACE_ID", "wrk_own");
    let server = home.serve().await;
    let session = server.send("POST", "/session", None).await.json();
    assert_eq!(session["workspaceID"], "wrk_own");
    let id = session["id"].as_str().unwrap();
    let stolen = server
        .send("POST", "/sync/steal", Some(json!({ "sessionID": id })))
        .await;
    assert_eq!(stolen.json(), json!({ "sessionID": id }));
    let owner: String = home
        .database()
        .query_row("SELECT owner_id FROM event_sequence", [], |row| row.get(0))
        .unwrap();
    assert_eq!(owner, "wrk_own");
    let none = server
        .send("POST", "/sync/steal", Some(json!({ "sessionID": "ses_none" })))
        .await;
    assert_eq!(none.status, 404);
}

#[tokio::test]
async fn sessions_of_all_projects_are_listed_in_pages() {
    let home = home();
    let server = home.serve().await;
    let here = new_session(&server).await;
    let elsewhere = format!("/session?directory={}", home.path().display());
    let there = server.send("POST", &elsewhere, None).await.json();
    let away = new_session(&server).await;
    let archive = json!({ "time": { "archived": 5 } });
    server
        .send("PATCH", &format!("/session/{away}"), Some(archive))
        .await;
    let list = |query: &'static str| {
        let server = &server;
        async move {
            server
                .send("GET", &format!("/experimental/session{query}"), None)
                .await
        }
    };
    let all = list("").await.json();
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(all[0]["id"], there["id"]);
    assert_eq!(all[0]["project"], json!({ "id": "global", "worktree": "/" }));
    assert_eq!(all[1]["project"]["worktree"], json!(home.project()));
    let page = list("?limit=1").await;
    let cursor = page
        .head
        .split("x-next-cursor: ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    assert_eq!(cursor, there["time"]["updated"].to_string());
    let rest = server
        .send(
            "GET",
            &format!("/experimental/session?limit=1&cursor={cursor}"),
            None,
        )
        .await;
    assert_eq!(rest.json()[0]["id"], here.as_str());
    assert!(!rest.head.contains("x-next-cursor"));
    assert_eq!(list("?archived=true").await.json().as_array().unwrap().len(), 3);
    assert_eq!(list("?limit=0").await.json(), json!([]));
    assert_eq!(list("?archived=1").await.status, 400);
    for (id, status) in [(here.as_str(), 200), ("ses_none", 200), ("none", 400)] {
        let path = format!("/experimental/session/{id}/background");
        assert_eq!(server.send("POST", &path, None).await.status, status, "{id}");
    }
}

#[tokio::test]
async fn a_face_that_asks_gets_its_orders() {
    let home = home();
    let server = home.serve().await;
    let append = |text: &'static str| {
        let server = &server;
        async move {
            let told = server
                .send("POST", "/tui/append-prompt", Some(json!({ "text": text })))
                .await;
            assert_eq!(told.json(), json!(true));
        }
    };
    append("too early").await;
    let asking = async { server.send("GET", "/tui/control/next", None).await.json() };
    let telling = async {
        // Until the face asks, nothing is kept for it.
        loop {
            append("now").await;
            tokio::task::yield_now().await;
        }
    };
    let order = tokio::select! {
        order = asking => order,
        () = telling => unreachable!(),
    };
    assert_eq!(
        order,
        json!({ "path": "/tui/append-prompt", "body": { "text": "now" } })
    );
    let answered = server
        .send("POST", "/tui/control/response", Some(json!({ "any": 1 })))
        .await;
    assert_eq!(answered.json(), json!(true));
    assert_eq!(
        server.send("POST", "/tui/control/response", None).await.status,
        400
    );
    assert_eq!(server.stop().await.code(), Some(0));
}
