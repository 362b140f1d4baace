//! The program is killed in the middle: the next start has everything that was stored, takes nothing for
//! running, and runs nothing again.

use opencode_testkit::{Home, ScriptedModel, Step};
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::{only_session, stored, stored_calls, with_model};

/// A call that leaves a line in `ran` and then does what `then` says.
fn call(then: &str) -> Step {
    Step::text("I run it.").and_tool("bash", json!({ "command": format!("echo ran >> ran; {then}") }))
}

fn times_run(home: &Home) -> usize {
    fs_err::read_to_string(home.project().join("ran")).map_or(0, |text| text.lines().count())
}

/// Goes on with the session and checks that it is whole.
async fn assert_recovers(home: &Home, model: &ScriptedModel) {
    let ran = times_run(home);
    let asked = model.requests().len();
    model.now_answers([Step::text("Here again.")]);
    let run = home.run(["run", "-c", "again"]).await.success();
    assert!(run.stdout.contains("Here again."), "{run:?}");
    assert_eq!(times_run(home), ran, "nothing is run again");
    assert_eq!(model.requests().len(), asked + 1);
    for (message, parts) in stored(home, &only_session(home)) {
        if message["role"] == "assistant" {
            assert!(message["time"]["completed"].is_number(), "{message}");
        }
        for part in parts {
            let status = &part["state"]["status"];
            assert!(status != "running" && status != "pending", "{part}");
        }
    }
    let sent = model.requests().last().unwrap().conversation();
    assert_eq!(sent.first().unwrap()["content"], "first");
    assert_eq!(sent.last().unwrap()["content"], "again");
    let check: String = home
        .database()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

#[tokio::test]
async fn while_the_model_speaks() {
    let (step, _gate) = Step::text("a long answer").held();
    let (home, model) = with_model([step]).await;
    let mut run = home.start(["run", "first"]);
    model.wait_for_requests(1).await;
    run.kill();
    assert_recovers(&home, &model).await;
}

#[tokio::test]
async fn while_a_command_runs() {
    let (home, model) = with_model([call("kill -9 $PPID; sleep 1")]).await;
    let run = home.run(["run", "first"]).await;
    assert_eq!(run.code(), None, "it was killed");
    assert_eq!(times_run(&home), 1);
    assert_recovers(&home, &model).await;
    let calls = stored_calls(&home, &only_session(&home));
    assert_eq!(calls[0]["state"]["status"], "error");
    assert_eq!(calls[0]["state"]["metadata"]["interrupted"], true);
    let sent = model.requests()[1].conversation();
    let told = sent.iter().find(|message| message["role"] == "tool").unwrap();
    assert!(
        told["content"].as_str().unwrap().contains("interrupted"),
        "{told}"
    );
}

#[tokio::test]
async fn after_a_command_while_the_model_thinks() {
    let (step, _gate) = Step::text("what I saw").held();
    let (home, model) = with_model([call("true"), step]).await;
    let mut run = home.start(["run", "first"]);
    model.wait_for_requests(2).await;
    run.kill();
    assert_recovers(&home, &model).await;
    assert_eq!(
        stored_calls(&home, &only_session(&home))[0]["state"]["status"],
        "completed"
    );
}

#[tokio::test]
async fn in_a_task() {
    let task = json!({ "description": "look", "prompt": "Look", "subagent_type": "general" });
    let (home, model) = with_model([Step::tool("task", task), call("kill -9 $PPID; sleep 1")]).await;
    let run = home.run(["run", "first"]).await;
    assert_eq!(run.code(), None, "it was killed");
    assert_recovers(&home, &model).await;
    assert_eq!(times_run(&home), 1);
}

#[tokio::test]
async fn after_any_line_of_output() {
    for line in 0..8 {
        let (home, model) = with_model([call("true"), call("echo 2"), call("echo 3")]).await;
        let mut run = home.start(["run", "--format", "json", "first"]);
        model.wait_for_requests(1).await;
        for _ in 0..line {
            run.line_with("\"type\"").await;
        }
        run.kill();
        assert!(times_run(&home) <= 3);
        // What a killed program had started may still write its line.
        let settled =
            |calls: &[serde_json::Value]| calls.iter().all(|call| call["state"]["status"] == "completed");
        if settled(&stored_calls(&home, &only_session(&home))) {
            assert_recovers(&home, &model).await;
        }
    }
}
