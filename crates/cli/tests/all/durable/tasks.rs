//! Tasks of durable sessions are durable sessions.

use opencode_testkit::{Home, ScriptedModel, Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{jobs, messages, pair, say, session, settle, told, until};
use crate::home;

/// A server whose durable sessions may give tasks away.
async fn with_tasks(model: &ScriptedModel) -> (Home, Served) {
    let home = home().with("OPENCODE_EXPERIMENTAL_BACKGROUND_SUBAGENTS", "true");
    home.configure(&model.url(), json!({ "permission": { "task": "allow" } }));
    let server = home.serve().await;
    (home, server)
}

fn task(more: &Value) -> Step {
    let mut task = json!({ "description": "look", "prompt": "Look", "subagent_type": "general" });
    task.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    Step::tool("task", task)
}

/// The first call of the newest answer that has one.
async fn newest_call(server: &Served, session: &str) -> Value {
    let all = messages(server, session).await;
    let contents = all
        .iter()
        .rev()
        .flat_map(|message| message["content"].as_array().into_iter().flatten());
    let mut calls = contents.filter(|content| content["type"] == "tool");
    calls.next().unwrap().clone()
}

async fn get(server: &Served, session: &str) -> Value {
    let shown = server.send("GET", &format!("/api/session/{session}"), None).await;
    shown.json()["data"].clone()
}

#[tokio::test]
async fn gap_2_a_task_is_a_durable_session_that_can_be_gone_on_with() {
    let model = ScriptedModel::start([
        task(&json!({})),
        Step::text("found one").in_task(),
        Step::text("One."),
    ])
    .await;
    let (_home, server) = with_tasks(&model).await;
    let id = session(&server).await;
    say(&server, &id, "go").await;
    settle(&server, &id).await;
    let call = newest_call(&server, &id).await;
    assert_eq!(call["state"]["status"], "completed", "{call}");
    let told = call["state"]["content"][0]["text"].as_str().unwrap();
    assert!(
        told.contains("state=\"completed\"") && told.contains("found one"),
        "{told}"
    );
    let child = call["state"]["structured"]["sessionId"].as_str().unwrap();
    let shown = get(&server, child).await;
    assert_eq!(
        (&shown["parentID"], &shown["agent"]),
        (&json!(id), &json!("general"))
    );
    assert_eq!(
        self::told(&messages(&server, child).await),
        [pair("user", "Look"), pair("assistant", "found one")]
    );
    let requests = model.requests();
    assert_eq!(requests[1].header("x-parent-session-id"), Some(id.as_str()));
    assert_eq!(requests[0].header("x-parent-session-id"), None);
    assert!(
        !requests[1].tools().contains(&"todowrite".to_owned()),
        "as in other sessions"
    );

    model.now_answers([
        task(&json!({ "task_id": child, "prompt": "And more" })),
        Step::text("found two").in_task(),
        Step::text("Two."),
    ]);
    say(&server, &id, "again").await;
    settle(&server, &id).await;
    let known = model.requests()[4].conversation();
    assert!(Value::Array(known).to_string().contains("found one"));
    assert_eq!(messages(&server, child).await.len(), 4);
    let all = jobs(&server, &id).await;
    let states: Vec<&Value> = all.iter().map(|job| &job["status"]).collect();
    assert_eq!(states, ["completed", "completed"], "{all:?}");
}

#[tokio::test]
async fn gap_2_a_task_whose_program_was_killed_is_interrupted_and_does_not_go_on_by_itself() {
    let (step, _gate) = Step::text("half").in_task().held();
    let model = ScriptedModel::start([task(&json!({})), step]).await;
    let (home, server) = with_tasks(&model).await;
    let id = session(&server).await;
    let begin = || async {
        say(&server, &id, "go").await;
    };
    let giver = id.clone();
    let of_child = move |event: &Value| {
        event["type"] == "session.next.text.started" && event["properties"]["sessionID"] != giver.as_str()
    };
    server.events("/event", begin, of_child).await;
    server.kill().await;

    let server = home.serve().await;
    let lost = until(async || {
        jobs(&server, &id)
            .await
            .pop()
            .filter(|job| job["status"] == "lost")
    })
    .await;
    let child = lost["metadata"]["sessionId"].as_str().unwrap();
    let left = messages(&server, child).await.pop().unwrap();
    assert_eq!(left["error"]["message"], "Provider turn interrupted", "{left}");
    model.now_answers([Step::text("I see.")]);
    let retry = format!("/api/sessions/{id}/attempt/retry");
    assert_eq!(server.send("POST", &retry, None).await.status, 204);
    settle(&server, &id).await;
    assert_eq!(
        newest_call(&server, &id).await["state"]["error"]["message"],
        "Tool execution interrupted"
    );
    let requests = model.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[2].header("x-parent-session-id"), None);
}

#[tokio::test]
async fn gap_16_a_task_in_the_background_is_told_once() {
    let (step, gate) = Step::text("found it").in_task().held();
    let model = ScriptedModel::start([
        task(&json!({ "background": true })),
        step,
        Step::text("It is on its way."),
    ])
    .await;
    let (home, server) = with_tasks(&model).await;
    let id = session(&server).await;
    say(&server, &id, "go").await;
    settle(&server, &id).await;
    model.wait_for_requests(3).await;
    let running = jobs(&server, &id).await.pop().unwrap();
    assert_eq!(
        (
            &running["status"],
            &running["type"],
            &running["metadata"]["background"]
        ),
        (&json!("running"), &json!("task"), &json!(true))
    );
    model.now_answers([Step::text("It was found.")]);
    gate.open();
    model.wait_for_requests(4).await;
    settle(&server, &id).await;
    let all = told(&messages(&server, &id).await);
    let notices: Vec<&(String, String)> = all.iter().filter(|one| one.0 == "synthetic").collect();
    assert_eq!(notices.len(), 1, "{all:?}");
    assert!(
        notices[0].1.contains("Background task completed: look") && notices[0].1.contains("found it"),
        "{notices:?}"
    );
    assert_eq!(all.last().unwrap(), &pair("assistant", "It was found."));
    server.stop().await;
    let server = home.serve().await;
    settle(&server, &id).await;
    assert_eq!(model.requests().len(), 4, "told once");
}

#[tokio::test]
async fn gap_16_a_task_in_the_background_is_stopped_or_lost() {
    let (first, _one) = Step::text("half").in_task().held();
    let (second, _two) = Step::text("half").in_task().held();
    let model = ScriptedModel::start([
        task(&json!({ "background": true })),
        first,
        second,
        Step::text("It is on its way."),
    ])
    .await;
    let (home, server) = with_tasks(&model).await;
    let id = session(&server).await;
    say(&server, &id, "go").await;
    settle(&server, &id).await;
    model.wait_for_requests(3).await;
    let job = jobs(&server, &id).await.pop().unwrap();
    let path = format!("/api/session/{id}/job/{}", job["id"].as_str().unwrap());
    let stopped = server.send("POST", &format!("{path}/cancel"), None).await.json();
    assert_eq!(stopped["data"]["status"], "cancelled", "{stopped}");
    let active = server.send("GET", "/api/session/active", None).await.json();
    assert_eq!(active["data"], json!({}));

    // Another one is lost with its program, and that is told.
    model.now_answers([
        task(&json!({ "background": true })),
        Step::text("On its way."),
        Step::text("again").in_task().held().0,
    ]);
    say(&server, &id, "again").await;
    settle(&server, &id).await;
    model.wait_for_requests(6).await;
    server.kill().await;
    model.now_answers([Step::text("Pity.")]);
    let server = home.serve().await;
    model.wait_for_requests(7).await;
    settle(&server, &id).await;
    let all = told(&messages(&server, &id).await);
    let notices: Vec<&(String, String)> = all.iter().filter(|one| one.0 == "synthetic").collect();
    assert_eq!(notices.len(), 1, "who stops it need not be told: {all:?}");
    assert!(notices[0].1.contains("state=\"lost\""), "{notices:?}");
    let states: Vec<Value> = jobs(&server, &id)
        .await
        .into_iter()
        .map(|job| job["status"].clone())
        .collect();
    assert_eq!(states, ["cancelled", "lost"]);
    assert_eq!(model.requests().len(), 7, "the task does not go on");
}
