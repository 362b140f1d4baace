//! A prompt from end to end: what is shown, what the model is sent, what is kept.

use opencode_testkit::{ScriptedModel, Step};
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::{home, only_session, stored, stored_calls, with_model};

#[tokio::test]
async fn two_steps() {
    let model = ScriptedModel::start([
        Step::text("I look.").and_tool("bash", json!({ "command": "echo out && echo kept > made.txt" })),
        Step::text("It says out."),
    ])
    .await;
    let home = home();
    home.configure(&model.url(), json!({}));
    let run = home
        .run(["run", "--format", "json", "what does it say?"])
        .await
        .success();

    let kinds: Vec<_> = run
        .lines()
        .iter()
        .map(|line| line["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        kinds,
        [
            "step_start",
            "text",
            "tool_use",
            "step_finish",
            "step_start",
            "text",
            "step_finish"
        ]
    );
    assert_eq!(run.of_type("tool_use")[0]["part"]["state"]["output"], "out\n");

    let requests = model.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].header("authorization"), Some("Bearer test-key"));
    assert_eq!(
        requests[0].tools(),
        [
            "bash",
            "edit",
            "glob",
            "grep",
            "read",
            "skill",
            "task",
            "todowrite",
            "webfetch",
            "write"
        ]
    );
    assert!(
        requests[0]
            .system()
            .contains(&home.project().display().to_string())
    );
    // Parity: cli.md §3, an argument with spaces is sent in quotation marks.
    assert_eq!(
        requests[0].conversation(),
        [json!({ "role": "user", "content": "\"what does it say?\"" })]
    );
    assert_eq!(
        requests[1].conversation().last().unwrap(),
        &json!({ "role": "tool", "tool_call_id": "call_bash_0", "content": "out\n" })
    );

    let messages = stored(&home, &run.session());
    let kinds: Vec<Vec<_>> = messages
        .iter()
        .map(|(_, parts)| parts.iter().map(|part| part["type"].as_str().unwrap()).collect())
        .collect();
    assert_eq!(
        kinds,
        [
            vec!["text"],
            vec!["step-start", "text", "tool", "step-finish", "patch"],
            vec!["step-start", "text", "step-finish"]
        ]
    );
    let finishes: Vec<_> = messages[1..]
        .iter()
        .map(|(message, _)| &message["finish"])
        .collect();
    assert_eq!(finishes, ["tool-calls", "stop"]);
    let patch = &messages[1].1[4];
    assert_eq!(patch["files"], json!([home.project().join("made.txt")]));
    let title: String = home
        .database()
        .query_row("SELECT title FROM session", [], |row| row.get(0))
        .unwrap();
    assert_eq!(title, "A scripted title");
}

#[tokio::test]
async fn calls_of_one_answer_run_side_by_side() {
    // Each waits for the file of the other: one after the other they would never end.
    let meet = |own: &str, other: &str| json!({ "command": format!("touch {own}; until [ -e {other} ]; do sleep 0.01; done; echo {own}") });
    let model = ScriptedModel::start([
        Step::tool("bash", meet("a", "b")).and_tool("bash", meet("b", "a")),
        Step::text("both"),
    ])
    .await;
    let home = home();
    home.configure(&model.url(), json!({}));
    home.run(["run", "go"]).await.success();
    let sent = model.requests()[1].conversation();
    let results: Vec<_> = sent.iter().filter(|message| message["role"] == "tool").collect();
    assert_eq!(results[0]["content"], "a\n");
    assert_eq!(results[1]["content"], "b\n");
}

#[cfg(unix)]
#[tokio::test]
async fn sixteen_calls_of_one_answer_run_at_the_same_time() {
    const CALLS: usize = 16;
    let home = home();
    let pipe = |name: &str| {
        let path = home.project().join(name);
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        fs_err::OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .unwrap()
    };
    let (arrived, mut go) = (pipe("arrived"), pipe("go"));
    // Each says that it is there and waits for a letter, and nobody gets one before all are there.
    let answer = (0..CALLS).fold(Step::default(), |step, at| {
        let command = format!("echo {at} > arrived; echo \"{at} $(head -c 1 go)\"");
        step.and_tool("bash", json!({ "command": command }))
    });
    let model = ScriptedModel::start([answer, Step::text("all")]).await;
    home.configure(&model.url(), json!({}));
    let gate = std::thread::spawn(move || {
        use std::io::{BufRead as _, Write as _};
        let there = std::io::BufReader::new(arrived).lines().take(CALLS).count();
        go.write_all(&[b'x'; CALLS]).unwrap();
        // Open until the last has read: what a pipe holds is gone with the last who has it open.
        (there, go)
    });
    home.run(["run", "go"]).await.success();
    let (there, _go) = gate.join().unwrap();
    assert_eq!(there, CALLS);
    let sent = model.requests()[1].conversation();
    let results: Vec<_> = sent.iter().filter(|message| message["role"] == "tool").collect();
    assert_eq!(results.len(), CALLS);
    for (at, result) in results.iter().enumerate() {
        assert_eq!(result["content"], format!("{at} x\n"));
    }
}

#[tokio::test]
async fn a_session_goes_on_with_its_history() {
    let model = ScriptedModel::start([Step::text("one"), Step::text("two"), Step::text("three")]).await;
    let home = home();
    home.configure(&model.url(), json!({}));
    let first = home.run(["run", "--format", "json", "first"]).await.success();
    home.run(["run", "-c", "second"]).await.success();
    let forked = home
        .run([
            "run",
            "--format",
            "json",
            "-s",
            &first.session(),
            "--fork",
            "third",
        ])
        .await
        .success();
    assert_ne!(forked.session(), first.session());
    let words: Vec<_> = model.requests()[2]
        .conversation()
        .iter()
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(words, ["first", "one", "second", "two", "third"]);
    assert_eq!(stored(&home, &first.session()).len(), 4);
    assert_eq!(stored(&home, &forked.session()).len(), 6);
}

#[tokio::test]
async fn thoughts_go_back_in_their_field_and_are_shown_when_wanted() {
    let model = ScriptedModel::start([
        Step::tool("glob", json!({ "pattern": "*" })).thinking("Let me see."),
        Step::text("Nothing."),
    ])
    .await;
    let home = home();
    home.configure(
        &model.url(),
        json!({ "provider": { "scripted": { "models": { "scripted": {
            "reasoning": true, "interleaved": { "field": "reasoning_content" } } } } } }),
    );
    let run = home.run(["run", "--thinking", "go"]).await.success();
    assert!(run.stdout.contains("Thinking: Let me see."), "{}", run.stdout);
    let sent = model.requests()[1].conversation();
    assert_eq!(sent[1]["reasoning_content"], "Let me see.");
}

#[tokio::test]
async fn rules_and_attachments_reach_the_model() {
    let model = ScriptedModel::start([Step::text("ok")]).await;
    let home = home();
    home.configure(&model.url(), json!({}));
    home.write("AGENTS.md", "Always say please.");
    home.write("notes.txt", "alpha\nbeta\n");
    let run = home
        .run_with_input(["run", "read this", "-f", "notes.txt"], "from a pipe")
        .await
        .success();
    assert!(run.stdout.contains("ok"));
    let request = &model.requests()[0];
    assert!(request.system().contains("Always say please."));
    let sent = serde_json::to_string(&request.conversation()).unwrap();
    for wanted in ["read this", "from a pipe", "1: alpha", "2: beta"] {
        assert!(sent.contains(wanted), "{wanted} is not in {sent}");
    }
}

#[tokio::test]
async fn tokens_and_cost_are_summed() {
    let usage = json!({ "input": 1000, "output": 100, "cached": 400, "reasoning": 20 });
    let model = ScriptedModel::start([
        Step::tool("glob", json!({ "pattern": "*" })).usage(usage.clone()),
        Step::text("x").usage(usage),
    ])
    .await;
    let home = home();
    home.configure(
        &model.url(),
        json!({ "provider": { "scripted": { "models": { "scripted": {
            "cost": { "input": 1, "output": 10, "cache_read": 0.1 } } } } } }),
    );
    let run = home.run(["run", "--format", "json", "go"]).await.success();
    let step = &run.of_type("step_finish")[0]["part"];
    assert_eq!(
        step["tokens"],
        json!({ "total": 1100, "input": 600, "output": 80, "reasoning": 20, "cache": { "write": 0, "read": 400 } })
    );
    let cost = 0.000_6 + 0.001 + 0.000_04;
    assert!((step["cost"].as_f64().unwrap() - cost).abs() < 1e-12, "{step}");
    let (sum, input): (f64, i64) = home
        .database()
        .query_row("SELECT cost, tokens_input FROM session", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert!((sum - 2.0 * cost).abs() < 1e-12);
    assert_eq!(input, 1200);
}

#[tokio::test]
async fn a_task_runs_in_a_session_of_its_own() {
    let model = ScriptedModel::start([
        Step::tool(
            "task",
            json!({ "description": "count", "prompt": "Count the files", "subagent_type": "general" }),
        ),
        Step::text("There are three."),
        Step::text("Three, I am told."),
    ])
    .await;
    let home = home();
    home.configure(&model.url(), json!({}));
    home.run(["run", "how many files?"]).await.success();
    let session = only_session(&home);
    let child: String = home
        .database()
        .query_row("SELECT id FROM session WHERE parent_id = ?", [&session], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(stored(&home, &child).len(), 2);
    let requests = model.requests();
    assert!(
        !requests[1].tools().contains(&"task".to_owned()),
        "a subagent gives nothing away"
    );
    assert!(
        stored_calls(&home, &session)[0]["state"]["output"]
            .as_str()
            .unwrap()
            .contains("There are three.")
    );
}

#[tokio::test]
async fn the_last_step_is_told_to_come_to_an_end() {
    let call = || Step::tool("glob", json!({ "pattern": "*" }));
    let model = ScriptedModel::start([call(), Step::text("enough")]).await;
    let home = home();
    home.configure(&model.url(), json!({ "agent": { "build": { "steps": 2 } } }));
    home.run(["run", "go on for ever"]).await.success();
    let requests = model.requests();
    assert_eq!(
        requests[0].conversation().len() + 3,
        requests[1].conversation().len()
    );
    assert_eq!(requests[1].conversation().last().unwrap()["role"], "assistant");
}

#[tokio::test]
async fn whoever_calls_the_same_thing_again_and_again_is_stopped() {
    let call = || Step::tool("glob", json!({ "pattern": "*" }));
    let model = ScriptedModel::start([
        call()
            .and_tool("glob", json!({ "pattern": "*" }))
            .and_tool("glob", json!({ "pattern": "*" })),
        Step::text("never sent"),
    ])
    .await;
    let home = home();
    home.configure(&model.url(), json!({}));
    let run = home.run(["run", "go"]).await;
    assert_eq!(run.code(), Some(1));
    assert!(run.stderr.contains("doom_loop"), "{}", run.stderr);
    assert_eq!(model.requests().len(), 1);
}

#[tokio::test]
async fn what_needs_permission_is_refused_without_a_terminal() {
    let ask = json!({ "permission": { "bash": { "*": "ask", "echo *": "allow" } } });
    let model = ScriptedModel::start([
        Step::tool("bash", json!({ "command": "echo fine" })),
        Step::tool("bash", json!({ "command": "touch not-fine" })),
        Step::text("never sent"),
    ])
    .await;
    let home = home();
    home.configure(&model.url(), ask.clone());
    let run = home.run(["run", "go"]).await.success();
    assert!(
        run.stderr.contains("permission requested: bash (touch not-fine)"),
        "{}",
        run.stderr
    );
    assert!(!home.project().join("not-fine").exists());
    assert_eq!(model.requests().len(), 2, "a refusal ends the turn");

    let model = ScriptedModel::start([Step::tool("bash", json!({ "command": "touch fine" }))]).await;
    home.configure(&model.url(), ask);
    home.run(["run", "--auto", "go"]).await.success();
    assert!(home.project().join("fine").exists());
}

#[tokio::test]
async fn a_task_cannot_go_on_with_the_session_that_gives_it() {
    let (home, model) = with_model([Step::text("First.")]).await;
    home.run(["run", "first"]).await.success();
    let session = only_session(&home);
    let task =
        json!({ "description": "look", "prompt": "Look", "subagent_type": "general", "task_id": session });
    model.now_answers([
        Step::tool("task", task),
        Step::text("Looked."),
        Step::text("Done."),
    ]);
    let run = home.run(["run", "-c", "second"]).await.success();
    assert!(run.stdout.contains("Done."), "{run:?}");
    let children: i64 = home
        .database()
        .query_row(
            "SELECT count(*) FROM session WHERE parent_id = ?",
            [&session],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(children, 1);
}

#[tokio::test]
async fn a_full_conversation_is_shortened_and_goes_on() {
    let full = json!({ "input": 1900, "output": 10 });
    let (home, model) = with_model([
        Step::text("First answer.").usage(full),
        Step::text("## Objective\nThe blue door."),
        Step::text("Nothing left to do."),
        Step::text("Second answer."),
    ])
    .await;
    let limits = json!({ "scripted": { "limit": { "context": 2000, "output": 100 } } });
    home.configure(
        &model.url(),
        json!({ "provider": { "scripted": { "models": limits } } }),
    );
    home.run(["run", "remember the blue door"]).await.success();
    let session = only_session(&home);
    home.run(["run", "--session", &session, "which door?"])
        .await
        .success();

    let requests = model.requests();
    let summary = requests[1].conversation();
    let asked = summary[0]["content"].to_string();
    assert!(
        asked.contains("[User]: ")
            && asked.contains("blue door")
            && asked.contains("[Assistant]: First answer."),
        "{asked}"
    );
    assert!(requests[1].body["tools"].is_null(), "a summary needs no tools");
    let last = requests[3].conversation();
    let texts: Vec<String> = last
        .iter()
        .map(|message| message["content"].to_string())
        .collect();
    assert!(
        !texts.iter().any(|text| text.contains("First answer")),
        "{texts:?}"
    );
    assert!(
        texts[1].contains("The blue door.") && texts.last().unwrap().contains("which door?"),
        "{texts:?}"
    );
    let stored = stored(&home, &session);
    let summaries = stored
        .iter()
        .filter(|(message, _)| message["summary"] == true)
        .count();
    assert_eq!(summaries, 1);
}

#[tokio::test]
async fn a_command_takes_the_words_as_arguments() {
    let (home, model) = with_model([Step::text("Greeted.")]).await;
    home.write(
        ".opencode/command/greet.md",
        "---\ndescription: greets\n---\nGreet $1, then $2.\n",
    );
    let greeted = home
        .run(["run", "--command", "greet", "Ann Lee", "Bob"])
        .await
        .success();
    assert_eq!(greeted.stdout.trim(), "Greeted.");
    let sent = model.requests()[0].conversation()[0]["content"].to_string();
    assert!(sent.contains("Greet Ann Lee, then Bob."), "{sent}");
    let unknown = home.run(["run", "--command", "nothing"]).await;
    assert_eq!(unknown.code(), Some(1));
    assert!(unknown.stderr.contains("greet"), "{unknown:?}");
}
