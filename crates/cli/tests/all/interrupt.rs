//! Ctrl-C and other polite signals: the turn stops, the session stays consistent.

use opencode_testkit::Step;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::{only_session, stored, stored_calls, with_model};

#[tokio::test]
async fn while_the_model_speaks() {
    for signal in ["INT", "TERM", "HUP"] {
        let (step, _gate) = Step::text("half of an answer").held();
        let (home, model) = with_model([step]).await;
        let run = home.start(["run", "first"]);
        model.wait_for_requests(1).await;
        run.signal(signal);
        let run = run.finish().await;
        assert_eq!(run.code(), Some(130), "{run:?}");
        let messages = stored(&home, &only_session(&home));
        let (message, _) = messages.last().unwrap();
        assert_eq!(message["error"]["name"], "MessageAbortedError");
        assert!(message["time"]["completed"].is_number());
        model.now_answers([Step::text("Here again.")]);
        let run = home.run(["run", "-c", "again"]).await.success();
        assert!(run.stdout.contains("Here again."));
    }
}

#[tokio::test]
async fn while_a_command_runs() {
    let command = "echo $$ > pid.new; echo begun; mv pid.new pid; sleep 1000";
    let (home, model) = with_model([Step::tool("bash", json!({ "command": command }))]).await;
    let run = home.start(["run", "first"]);
    home.wait_for_file("pid").await;
    run.signal("INT");
    assert_eq!(run.finish().await.code(), Some(130));
    let pid = fs_err::read_to_string(home.project().join("pid")).unwrap();
    let alive = std::process::Command::new("kill")
        .args(["-0", pid.trim()])
        .output()
        .unwrap();
    assert!(!alive.status.success(), "the command is gone");
    let call = &stored_calls(&home, &only_session(&home))[0];
    // Parity: tools.md §3, a stopped command completes with what it had said.
    let output = call["state"]["output"].as_str().unwrap();
    assert!(output.contains("begun") && output.contains("aborted"), "{call}");
    assert_eq!(model.requests().len(), 1);
}

#[tokio::test]
async fn while_a_task_runs() {
    let task = json!({ "description": "look", "prompt": "Look", "subagent_type": "general" });
    let (step, _gate) = Step::text("half").held();
    let (home, model) = with_model([Step::tool("task", task), step]).await;
    let run = home.start(["run", "first"]);
    model.wait_for_requests(2).await;
    run.signal("INT");
    assert_eq!(run.finish().await.code(), Some(130));
    let open: i64 = home
        .database()
        .query_row(
            "SELECT count(*) FROM message WHERE json_extract(data, '$.role') = 'assistant' \
             AND json_extract(data, '$.time.completed') IS NULL",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(open, 0, "parent and child have both ended");
}

#[tokio::test]
async fn while_it_waits_to_ask_again() {
    let busy = Step::error(503, json!({ "error": { "message": "busy" } })).header("retry-after", "600");
    let (home, _model) = with_model([busy]).await;
    let mut run = home.start(["run", "first"]);
    run.talk_with("trying again in 600 s").await;
    run.signal("INT");
    assert_eq!(run.finish().await.code(), Some(130));
}

#[tokio::test]
async fn whoever_listens_may_go_away() {
    let (home, model) = with_model([
        Step::tool("bash", json!({ "command": "echo a > done-a" })),
        Step::tool("bash", json!({ "command": "echo b > done-b" })),
    ])
    .await;
    let mut command = home.command(["run", "--format", "json", "first"]);
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    drop(child.stderr.take());
    tokio::task::spawn_blocking(move || child.wait())
        .await
        .unwrap()
        .unwrap();
    assert!(home.project().join("done-b").exists());
    assert_eq!(model.requests().len(), 3);
}
