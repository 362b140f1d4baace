//! The tools of durable sessions change while a model answers.

use opencode_testkit::{ScriptedModel, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{happened, messages, say, served, session, settle};

#[tokio::test]
async fn gap_6_a_call_of_a_tool_that_changed_during_the_answer_is_stale() {
    let calls = Step::text("I run it.")
        .and_tool("bash", json!({ "command": "touch ran" }))
        .and_tool("read", json!({ "path": "a.txt" }));
    let (first, gate) = calls.held();
    let model = ScriptedModel::start([first, Step::text("I see.")]).await;
    let (home, server) = served(&model).await;
    home.write("a.txt", "alpha\n");
    let id = session(&server).await;
    say(&server, &id, "go").await;
    model.wait_for_requests(1).await;
    let background = |on: bool| {
        let (home, model) = (&home, &model);
        async move {
            home.configure(
                &model.url(),
                json!({ "experimental": { "background_commands": on } }),
            );
        }
    };
    let changed = |event: &Value| event["type"] == "config.updated";
    server.events("/event", || background(true), changed).await;
    gate.open();
    settle(&server, &id).await;

    let answer = messages(&server, &id).await[1].clone();
    let state = |name: &str| {
        let all = answer["content"].as_array().unwrap().iter();
        let mut named = all.filter(|content| content["name"] == name);
        named.next().unwrap()["state"].clone()
    };
    let bash = state("bash");
    assert_eq!(bash["status"], "error", "{answer}");
    let reason = bash["error"]["message"].as_str().unwrap();
    assert!(reason.starts_with("Stale tool call: bash"), "{reason}");
    assert!(!home.project().join("ran").exists());
    assert_eq!(state("read")["status"], "completed", "it is as it was: {answer}");

    // The model is told that, and has the new ones.
    let requests = model.requests();
    let last = Value::Array(requests[1].conversation()).to_string();
    assert!(last.contains("Stale tool call: bash"), "{last}");
    assert!(!requests[0].tools().contains(&"job".to_owned()));
    assert!(requests[1].tools().contains(&"job".to_owned()));

    // What is taken away while it answers is stale, too.
    let (third, gate) = Step::text("I look.")
        .and_tool("job", json!({ "action": "list" }))
        .held();
    model.now_answers([third, Step::text("Gone.")]);
    say(&server, &id, "look").await;
    model.wait_for_requests(3).await;
    server.events("/event", || background(false), changed).await;
    gate.open();
    settle(&server, &id).await;
    let failed = happened(&server, &id, "session.next.tool.failed").await;
    let reason = failed.last().unwrap()["error"]["message"].as_str().unwrap();
    assert!(reason.starts_with("Stale tool call: job"), "{reason}");
    assert!(!model.requests()[3].tools().contains(&"job".to_owned()));
}
