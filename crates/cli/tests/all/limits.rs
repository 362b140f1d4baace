//! What is spent has limits, and so has what one turn may do.

use opencode_testkit::{Finished, Home, ScriptedModel, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{home, new_session, only_session, stored, stored_calls};

/// Each answer costs 10 cents and uses 1100 tokens.
async fn with_prices(limits: Value, steps: impl IntoIterator<Item = Step>) -> (Home, ScriptedModel) {
    let usage = json!({ "input": 1000, "output": 100 });
    let model = ScriptedModel::start(steps.into_iter().map(|step| step.usage(usage.clone()))).await;
    let home = home();
    configure(&home, &model, &limits);
    (home, model)
}

fn configure(home: &Home, model: &ScriptedModel, limits: &Value) {
    home.configure(
        &model.url(),
        json!({
            "limits": limits,
            "provider": { "scripted": { "models": { "scripted": { "cost": { "input": 0, "output": 1000 } } } } },
        }),
    );
}

fn look() -> Step {
    Step::tool("glob", json!({ "pattern": "*" }))
}

fn task() -> Step {
    Step::tool(
        "task",
        json!({ "description": "look", "prompt": "Look", "subagent_type": "general" }),
    )
}

fn assert_ended(run: &Finished, told: &str) {
    assert_eq!(run.code(), Some(1), "{run:?}");
    assert!(run.stderr.contains(told), "{told}: {}", run.stderr);
}

#[tokio::test]
async fn a_run_ends_in_order_when_its_money_is_spent() {
    let (home, model) = with_prices(json!({}), [look(), look(), look(), Step::text("never")]).await;
    let run = home.run(["run", "--max-cost", "0.15", "first"]).await;
    assert_ended(&run, "this run cost $0.20 of $0.15 (--max-cost)");
    assert_eq!(model.requests().len(), 2);
    let session = only_session(&home);
    let messages = stored(&home, &session);
    let last = &messages.last().unwrap().0;
    assert!(
        last["error"]["data"]["message"]
            .as_str()
            .unwrap()
            .contains("--max-cost"),
        "{last}"
    );
    assert!(
        messages
            .iter()
            .all(|(message, _)| message["role"] == "user" || message["time"]["completed"].is_number())
    );

    // The next run has its own, and the model never hears of the limit.
    model.now_answers([Step::text("Here again.")]);
    let run = home
        .run(["run", "-c", "--max-cost", "$0.15", "again"])
        .await
        .success();
    assert!(run.stdout.contains("Here again."));
    let sent = Value::Array(model.requests().last().unwrap().conversation()).to_string();
    assert!(!sent.contains("max-cost"), "{sent}");
    let refused = home.run(["run", "--max-cost", "much", "x"]).await;
    assert!(
        refused.code() != Some(0) && refused.stderr.contains("0.50"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn sessions_and_days_have_limits_of_money_and_tokens() {
    for (limits, told) in [
        (json!({ "cost": { "session": 0.15 } }), "(limits.cost.session)"),
        (
            json!({ "tokens": { "session": 2000 } }),
            "used 2200 of 2000 (limits.tokens.session)",
        ),
        (json!({ "cost": { "day": 0.15 } }), "(limits.cost.day)"),
        (
            json!({ "tokens": { "day": 2000 } }),
            "all sessions today used 2200 of 2000 (limits.tokens.day)",
        ),
    ] {
        let (home, model) = with_prices(limits.clone(), [look(), look(), Step::text("never")]).await;
        assert_ended(&home.run(["run", "first"]).await, told);
        assert_eq!(model.requests().len(), 2, "{limits}");
        // Nobody is asked, not even for a title, until the limit is raised; a new session has its own.
        let asked = model.all_requests().len();
        assert_ended(&home.run(["run", "-c", "again"]).await, told);
        assert_eq!(model.all_requests().len(), asked);
        let of_day = told.contains("day)");
        let fresh = home.run(["run", "fresh"]).await;
        assert_eq!(fresh.code() == Some(0), !of_day, "{fresh:?}");
        configure(&home, &model, &json!({ "cost": { "session": 9, "day": 9 } }));
        home.run(["run", "-c", "again"]).await.success();
    }
}

#[tokio::test]
async fn subagents_spend_what_their_session_may_spend() {
    let (home, model) = with_prices(
        json!({ "cost": { "session": 0.25 } }),
        [task(), look(), look(), Step::text("never")],
    )
    .await;
    let run = home.run(["run", "first"]).await;
    assert_ended(&run, "(limits.cost.session)");
    // One of the parent and two of the child: the child is ended, and then the parent.
    assert_eq!(model.requests().len(), 3);
    let call = &stored_calls(&home, &only_session(&home))[0]["state"];
    assert_eq!(call["status"], "error");
    assert!(
        call["error"].as_str().unwrap().contains("spending limit"),
        "{call}"
    );
}

#[tokio::test]
async fn what_may_be_spent_is_shown() {
    let limits = json!({ "cost": { "day": 5, "session": 2.5 }, "tokens": { "run": 9000 } });
    let (home, _model) = with_prices(limits, [look(), Step::text("Done.")]).await;
    home.run(["run", "first"]).await.success();
    let stats = home.run(["stats"]).await.success().stdout;
    for wanted in ["LIMITS", "$0.20 of $5.00", "Cost of a Session, at most", "9.0K"] {
        assert!(stats.contains(wanted), "{wanted}\n{stats}");
    }
    let session = only_session(&home);
    let server = home.serve().await;
    let shown = server
        .send("GET", &format!("/api/sessions/{session}/spending"), None)
        .await;
    assert_eq!(shown.status, 200, "{shown:?}");
    let shown = shown.json();
    assert_eq!(shown["day"]["cost_limit"], 5.0);
    assert_eq!(shown["session"]["tokens"], 2200);
    assert!(
        (shown["session"]["cost"].as_f64().unwrap() - 0.2).abs() < 1e-9,
        "{shown}"
    );
    assert!(shown["reached"].is_null(), "{shown}");
}

#[tokio::test]
async fn a_turn_that_never_ends_is_ended() {
    let (home, model) = with_prices(json!({ "steps": 4 }), (0..9).map(|_| look())).await;
    assert_ended(
        &home.run(["run", "first"]).await,
        "asked 4 times and still calls tools (limits.steps)",
    );
    let requests = model.requests();
    assert_eq!(requests.len(), 4);
    let last = |at: usize| requests[at].conversation().last().unwrap()["role"].clone();
    assert_eq!(
        (last(2), last(3)),
        (json!("tool"), json!("assistant")),
        "it is told that it is the last"
    );
    model.now_answers([Step::text("Here again.")]);
    home.run(["run", "-c", "again"]).await.success();
}

/// An answer with so many calls, all different.
fn calls(count: usize, command: impl Fn(usize) -> String) -> Step {
    (0..count).fold(Step::default(), |step, at| {
        step.and_tool("bash", json!({ "command": command(at) }))
    })
}

#[tokio::test]
async fn a_thousand_calls_in_one_answer_have_one_result_each() {
    let usage = json!({ "input": 1000, "output": 100 });
    let answer = (0..1000).fold(Step::default(), |step, at| {
        step.and_tool("glob", json!({ "pattern": format!("{at}*") }))
    });
    let model = ScriptedModel::start([answer.usage(usage), Step::text("Enough.")]).await;
    let home = home();
    home.configure(&model.url(), json!({}));
    home.run(["run", "first"]).await.success();
    let calls = stored_calls(&home, &only_session(&home));
    assert_eq!(calls.len(), 1000);
    let ran = calls
        .iter()
        .filter(|call| call["state"]["status"] == "completed")
        .count();
    assert_eq!(ran, 512);
    let refused = &calls[999]["state"];
    assert!(
        refused["error"].as_str().unwrap().contains("512 calls at most"),
        "{refused}"
    );
    let sent = model.requests()[1].conversation();
    assert_eq!(
        sent.iter().filter(|message| message["role"] == "tool").count(),
        1000
    );
}

#[tokio::test]
async fn so_many_calls_run_at_the_same_time() {
    // Each leaves a file while it runs, and tells how many there are.
    let command = |at: usize| format!("mkdir -p on; touch on/{at}; ls on | wc -l; sleep 0.05; rm on/{at}");
    let (home, _model) = with_prices(
        json!({ "parallel_calls": 2, "calls": 6 }),
        [calls(8, command), Step::text("Done.")],
    )
    .await;
    home.run(["run", "first"]).await.success();
    let calls = stored_calls(&home, &only_session(&home));
    let at_once: Vec<u32> = calls
        .iter()
        .filter_map(|call| call["state"]["output"].as_str()?.trim().parse().ok())
        .collect();
    assert_eq!(at_once.len(), 6, "{calls:?}");
    assert!(at_once.iter().all(|count| *count <= 2), "{at_once:?}");
    assert_eq!(
        calls
            .iter()
            .filter(|call| call["state"]["status"] == "error")
            .count(),
        2
    );
}

#[tokio::test]
async fn calls_of_calls_take_turns_with_all_others() {
    let command = |at: usize| {
        format!("mkdir -p on; touch on/{at}; ls on | wc -l >> at-once.txt; sleep 0.05; rm on/{at}")
    };
    for most in [1, 2] {
        let calls: Vec<Value> = (0..6)
            .map(|at| json!({ "tool": "bash", "parameters": { "command": command(at) } }))
            .collect();
        let steps = [
            Step::tool("batch", json!({ "tool_calls": calls })),
            Step::text("Done."),
        ];
        let model = ScriptedModel::start(steps).await;
        let home = home();
        home.configure(
            &model.url(),
            json!({ "tools": { "batch": true }, "limits": { "parallel_calls": most } }),
        );
        home.run(["run", "first"]).await.success();
        let written = fs_err::read_to_string(home.project().join("at-once.txt")).unwrap();
        let at_once: Vec<u32> = written.lines().map(|line| line.trim().parse().unwrap()).collect();
        assert_eq!(at_once.len(), 6, "{at_once:?}");
        assert!(at_once.iter().all(|count| *count <= most), "{at_once:?}");
    }
}

#[tokio::test]
async fn a_summary_in_pieces_ends_when_its_money_is_spent() {
    let (home, model) = with_prices(json!({ "cost": { "session": 0.15 } }), []).await;
    let path = home.project().join("opencode.json");
    let mut config: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    config["compaction"] = json!({ "tail_turns": 0 });
    config["provider"]["scripted"]["models"]["scripted"]["limit"] = json!({ "context": 4000, "output": 100 });
    home.write("opencode.json", config.to_string());
    let server = home.serve().await;
    let session = new_session(&server).await;
    for _ in 0..40 {
        let text = json!({ "type": "text", "text": "word ".repeat(200) });
        let body = json!({ "noReply": true, "parts": [text] });
        let path = format!("/session/{session}/message");
        assert_eq!(server.send("POST", &path, Some(body)).await.status, 200);
    }
    let usage = json!({ "input": 1000, "output": 100 });
    model.now_answers((0..9).map(|_| Step::text("A piece.").usage(usage.clone())));
    let body = json!({ "providerID": "scripted", "modelID": "scripted" });
    let path = format!("/session/{session}/summarize");
    assert_eq!(server.send("POST", &path, Some(body)).await.status, 200);
    assert_eq!(model.requests().len(), 2);
    let messages = stored(&home, &session);
    let summary = messages
        .iter()
        .map(|(message, _)| message)
        .find(|message| message["summary"] == true);
    let summary = summary.unwrap();
    let told = summary["error"]["data"]["message"].as_str().unwrap_or_default();
    assert!(told.contains("(limits.cost.session)"), "{messages:?}");
    assert_eq!(summary["tokens"]["output"], 200, "what was made is paid for");
}
