//! What a user does himself in durable sessions.
#![cfg(unix)]

use opencode_testkit::{ScriptedModel, Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{happened, jobs, messages, say, served, session, settle, told, until, users};

async fn run(server: &Served, session: &str, body: Value) -> Value {
    let path = format!("/api/session/{session}/shell");
    let answer = server.send("POST", &path, Some(body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["data"].clone()
}

async fn message(server: &Served, session: &str, id: &Value) -> Value {
    let path = format!("/api/session/{session}/message/{}", id.as_str().unwrap());
    server.send("GET", &path, None).await.json()["data"].clone()
}

#[tokio::test]
async fn gap_2_a_command_line_of_the_user_has_a_beginning_and_an_end() {
    let model = ScriptedModel::start([Step::text("I saw it.")]).await;
    let (_home, server) = served(&model).await;
    let id = session(&server).await;
    let begun = run(
        &server,
        &id,
        json!({ "id": "msg_shell1", "command": "echo out; exit 3" }),
    )
    .await;
    assert_eq!(
        (&begun["id"], &begun["type"], &begun["command"]),
        (&json!("msg_shell1"), &json!("shell"), &json!("echo out; exit 3"))
    );
    settle(&server, &id).await;
    let ended = message(&server, &id, &begun["id"]).await;
    assert_eq!(ended["output"], "out\n", "{ended}");
    assert!(ended["time"]["completed"].is_i64(), "{ended}");
    // The same again is the same one, and not run again.
    let again = run(
        &server,
        &id,
        json!({ "id": "msg_shell1", "command": "echo out; exit 3" }),
    )
    .await;
    assert_eq!(again, ended);
    let path = format!("/api/session/{id}/shell");
    let other = json!({ "id": "msg_shell1", "command": "echo other" });
    let refused = server.send("POST", &path, Some(other)).await;
    assert_eq!(
        (refused.status, &refused.json()["_tag"]),
        (409, &json!("ConflictError"))
    );
    let started = happened(&server, &id, "session.next.shell.started").await;
    let ended = happened(&server, &id, "session.next.shell.ended").await;
    assert_eq!((started.len(), ended.len()), (1, 1));
    assert_eq!(started[0]["callID"], ended[0]["callID"]);
    assert_eq!(model.requests().len(), 0, "no model is asked");
    say(&server, &id, "what did I run?").await;
    settle(&server, &id).await;
    let told = &users(&model)[0];
    assert!(
        told[0].contains("echo out; exit 3") && told[0].contains("out\n"),
        "{told:?}"
    );
}

#[tokio::test]
async fn gap_2_a_command_line_is_stopped_and_prompts_wait_for_its_end() {
    let model = ScriptedModel::start([Step::text("Now.")]).await;
    let (home, server) = served(&model).await;
    let id = session(&server).await;
    let begun = run(
        &server,
        &id,
        json!({ "command": "echo begun; echo ready > ready; exec sleep 1000" }),
    )
    .await;
    home.wait_for_file("ready").await;
    let path = format!("/api/session/{id}/shell");
    let busy = server
        .send("POST", &path, Some(json!({ "command": "true" })))
        .await;
    assert_eq!(
        (busy.status, &busy.json()["_tag"]),
        (409, &json!("SessionBusyError"))
    );
    say(&server, &id, "and then").await;
    assert_eq!(model.requests().len(), 0);
    let stop = format!("/api/session/{id}/interrupt");
    assert_eq!(server.send("POST", &stop, None).await.status, 204);
    let ended = message(&server, &id, &begun["id"]).await;
    let output = ended["output"].as_str().unwrap();
    assert!(
        output.starts_with("begun\n") && output.contains("aborted"),
        "{output}"
    );
    assert_eq!(jobs(&server, &id).await[0]["status"], "cancelled");
}

#[tokio::test]
async fn gap_2_a_command_line_whose_program_was_killed_is_shown_as_interrupted() {
    let model = ScriptedModel::start([]).await;
    let (home, server) = served(&model).await;
    let id = session(&server).await;
    let begun = run(
        &server,
        &id,
        json!({ "command": "echo ready > ready; exec sleep 30" }),
    )
    .await;
    home.wait_for_file("ready").await;
    assert!(begun["time"]["completed"].is_null());
    server.kill().await;
    let server = home.serve().await;
    let ended = until(async || {
        let now = message(&server, &id, &begun["id"]).await;
        now["time"]["completed"].is_i64().then_some(now)
    })
    .await;
    let output = ended["output"].as_str().unwrap();
    assert!(output.contains("Interrupted"), "{output}");
    assert_eq!(happened(&server, &id, "session.next.shell.ended").await.len(), 1);
    assert_eq!(jobs(&server, &id).await[0]["status"], "lost");
    assert_eq!(model.requests().len(), 0);
}

const SKILL: &str = "---\nname: fish\ndescription: Catch fish.\n---\nUse a net.\n";

async fn call(server: &Served, session: &str, body: Value) -> Value {
    let path = format!("/api/session/{session}/skill");
    let answer = server.send("POST", &path, Some(body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["data"].clone()
}

#[tokio::test]
async fn gap_2_a_skill_that_the_user_calls_for_has_a_beginning_and_an_end() {
    let model = ScriptedModel::start([Step::text("I take a net.")]).await;
    let (home, server) = served(&model).await;
    home.write(".opencode/skill/fish/SKILL.md", SKILL);
    let id = session(&server).await;
    let begun = call(&server, &id, json!({ "id": "msg_skill1", "skill": "fish" })).await;
    assert_eq!(
        (&begun["id"], &begun["type"]),
        (&json!("msg_skill1"), &json!("assistant"))
    );
    model.wait_for_requests(1).await;
    settle(&server, &id).await;
    let all = messages(&server, &id).await;
    let kinds: Vec<String> = told(&all).into_iter().map(|one| one.0).collect();
    assert_eq!(kinds, ["synthetic", "assistant", "assistant"]);
    let asked = call(&server, &id, json!({ "id": "msg_skill1", "skill": "fish" })).await;
    assert_eq!(asked, all[1]);
    let started = happened(&server, &id, "session.next.tool.called").await;
    let ended = happened(&server, &id, "session.next.tool.success").await;
    assert_eq!((started.len(), ended.len()), (1, 1));
    assert_eq!(started[0]["callID"], ended[0]["callID"]);
    let sent = Value::Array(model.requests()[0].conversation()).to_string();
    assert!(sent.contains("Use a net."), "{sent}");
    let path = format!("/api/session/{id}/skill");
    for (body, status) in [
        (json!({ "skill": "nobody" }), 400),
        (json!({ "id": "msg_skill1", "skill": "other" }), 409),
        (json!({}), 400),
    ] {
        let refused = server.send("POST", &path, Some(body.clone())).await;
        assert_eq!(refused.status, status, "{body}");
    }
    assert_eq!(model.requests().len(), 1);
}

#[tokio::test]
async fn gap_2_a_skill_whose_program_was_killed_is_shown_as_interrupted() {
    let model = ScriptedModel::start([]).await;
    let (home, server) = served(&model).await;
    home.write(".opencode/skill/fish/SKILL.md", SKILL);
    let id = session(&server).await;
    let begun = call(&server, &id, json!({ "skill": "fish", "resume": false })).await;
    settle(&server, &id).await;
    server.kill().await;
    // The state between the call and its result.
    let database = home.database();
    let message = begun["id"].as_str().unwrap();
    let data: String = database
        .query_row(
            "SELECT data FROM session_message WHERE id = ?1",
            [message],
            |row| row.get(0),
        )
        .unwrap();
    let mut data: Value = serde_json::from_str(&data).unwrap();
    data["time"].as_object_mut().unwrap().remove("completed");
    data["content"][0]["state"] =
        json!({ "status": "running", "input": { "name": "fish" }, "structured": {}, "content": [] });
    database
        .execute(
            "UPDATE session_message SET data = ?2 WHERE id = ?1",
            [message, &data.to_string()],
        )
        .unwrap();
    for statement in [
        "DELETE FROM event WHERE type IN ('session.next.tool.success.1', 'session.next.step.ended.2')",
        "UPDATE event_sequence SET seq = (SELECT max(seq) FROM event)",
        "UPDATE background_job SET status = 'running', is_told = 0",
    ] {
        database.execute(statement, []).unwrap();
    }
    drop(database);
    let server = home.serve().await;
    let left = until(async || {
        let now = self::message(&server, &id, &begun["id"]).await;
        now["time"]["completed"].is_i64().then_some(now)
    })
    .await;
    let state = &left["content"][0]["state"];
    assert_eq!(
        (&state["status"], &state["error"]["message"]),
        (&json!("error"), &json!("Tool execution interrupted"))
    );
    assert_eq!(model.requests().len(), 0);
}
