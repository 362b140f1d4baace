//! Permissions: what was allowed, what is kept, why something was asked, and nothing changed at all.

use opencode_testkit::{ScriptedModel, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::serve::said;
use crate::{home, new_session};

fn echo(word: &str) -> Step {
    Step::tool("bash", json!({ "command": format!("echo {word} loud") }))
}

#[tokio::test]
async fn approvals_are_kept_listed_used_and_removed() {
    let model = ScriptedModel::start([echo("one"), Step::text("Done.")]).await;
    let home = home();
    home.configure(
        &model.url(),
        json!({ "permission": { "bash": { "*": "ask", "echo evil *": "deny" } } }),
    );
    let server = home.serve().await;
    let session = new_session(&server).await;
    let prompt = format!("/session/{session}/prompt_async");
    let send = || async {
        server.send("POST", &prompt, said("go")).await;
    };
    let is_asked = |event: &Value| event["type"] == "permission.asked";
    let events = server.events("/event", send, is_asked).await;
    let request = &events.last().unwrap()["properties"];
    assert_eq!(
        request["suggestions"],
        json!([["echo one loud"], ["echo *"]]),
        "{request}"
    );
    let reply = format!("/permission/{}/reply", request["id"].as_str().unwrap());
    let empty = json!({ "reply": "always", "patterns": [""], "save": true });
    assert_eq!(server.send("POST", &reply, Some(empty)).await.status, 400);
    let answer = json!({ "reply": "always", "patterns": ["echo *"], "save": true });
    let answer = || async {
        assert_eq!(server.send("POST", &reply, Some(answer)).await.json(), true);
    };
    let is_idle = |event: &Value| event["type"] == "session.idle";
    server.events("/event", answer, is_idle).await;

    let saved = server.send("GET", "/api/permission/saved", None).await.json();
    let saved = saved["data"].as_array().unwrap();
    assert_eq!(saved.len(), 1);
    assert_eq!(
        (&saved[0]["action"], &saved[0]["resource"]),
        (&json!("bash"), &json!("echo *"))
    );
    let audit = format!("/api/permissions/audit?session_id={session}");
    let audit = server.send("GET", &audit, None).await.json();
    assert_eq!(audit["decisions"][0]["outcome"], "always", "{audit}");
    server.stop().await;

    // Another program: the approval counts, but not against a rule.
    model.now_answers([echo("two"), echo("evil"), Step::text("Done.")]);
    let run = home.run(["run", "--format", "json", "go"]).await.success();
    let states: Vec<Value> = run
        .of_type("tool_use")
        .iter()
        .map(|line| line["part"]["state"]["status"].clone())
        .collect();
    assert_eq!(states, ["completed", "error"], "{}", run.stderr);
    let told = home.run(["permission", "audit", &run.session()]).await.success();
    let lines: Vec<&str> = told.stdout.lines().collect();
    assert!(
        lines[0].contains("allowed")
            && lines[0].ends_with("bash echo two loud  kept approval: bash echo * allow"),
        "{lines:?}"
    );
    assert!(
        lines[1].contains("denied") && lines[1].ends_with("rule: bash echo evil * deny"),
        "{lines:?}"
    );

    let listed = home.run(["permission", "list"]).await.success();
    let id = listed.stdout.split_whitespace().next().unwrap().to_owned();
    assert_eq!(listed.stdout, format!("{id}  bash  echo *\n"));
    home.run(["permission", "remove", &id]).await.success();
    let listed = home.run(["permission", "list"]).await.success();
    assert_eq!(
        (listed.stdout.as_str(), listed.stderr.trim()),
        ("", "Nothing is kept for this project")
    );
    assert_eq!(home.run(["permission", "remove", &id]).await.code(), Some(1));
    model.now_answers([echo("three"), Step::text("Done.")]);
    let run = home.run(["run", "go"]).await.success();
    assert!(run.stderr.contains("auto-rejecting"), "{}", run.stderr);
}

#[tokio::test]
async fn the_reason_names_the_rule_and_its_file() {
    let home = home();
    home.configure(
        "http://127.0.0.1:1",
        json!({ "permission": { "bash": { "*": "ask", "git *": "allow" } } }),
    );
    let agent = "---\npermission:\n  bash:\n    \"git push *\": deny\n---\nReview.\n";
    let file = home.write(".opencode/agent/careful.md", agent);
    let explain = |arguments: &[&str]| {
        let all: Vec<String> = ["permission", "explain"]
            .iter()
            .chain(arguments)
            .map(ToString::to_string)
            .collect();
        let home = &home;
        async move { home.run(all).await.success().stdout }
    };
    let told = explain(&["bash", "git push origin", "--agent", "careful"]).await;
    let config = home.project().join("opencode.json");
    let wanted = format!(
        "bash git push origin: deny (agent careful)\n\
         → bash git push * deny  the agent in {}\n  \
         bash git * allow  permission in {config}\n  \
         bash * ask  permission in {config}\n  \
         * * allow  default of every agent\n",
        file.display(),
        config = config.display(),
    );
    assert_eq!(told, wanted);
    let told = explain(&["edit", "src/a.rs", "--agent", "plan"]).await;
    assert!(
        told.starts_with("edit src/a.rs: deny (agent plan)\n→ edit * deny  the built-in agent plan\n"),
        "{told}"
    );
    home.run(["permission", "add", "bash", "make *"]).await.success();
    let told = explain(&["bash", "make all"]).await;
    assert!(
        told.starts_with("bash make all: allow (agent build)\n→ bash make * allow  kept approval psv_"),
        "{told}"
    );
}

#[tokio::test]
async fn read_only_mode_changes_nothing_whatever_is_allowed() {
    let model = ScriptedModel::start([
        Step::tool("write", json!({ "filePath": "made.txt", "content": "x" })),
        Step::tool("bash", json!({ "command": "touch made.txt" })),
        Step::tool("glob", json!({ "pattern": "*.json" })),
        Step::text("Done."),
    ])
    .await;
    let home = home();
    home.configure(&model.url(), json!({ "permission": "allow" }));
    let run = home
        .run(["run", "--read-only", "--auto", "--format", "json", "go"])
        .await
        .success();
    assert!(!home.project().join("made.txt").exists());
    assert_eq!(
        model.requests()[0].tools(),
        ["glob", "grep", "read", "skill", "task", "todowrite", "webfetch"]
    );
    assert_eq!(run.of_type("tool_use")[2]["part"]["state"]["status"], "completed");
    let explained = home
        .run(["--read-only", "permission", "explain", "edit", "a"])
        .await
        .success();
    assert!(
        explained.stdout.starts_with("edit a: deny (agent build)\n→"),
        "{}",
        explained.stdout
    );
    assert!(explained.stdout.contains("read-only mode"));
    let elsewhere = home
        .run(["run", "--read-only", "--attach", "http://127.0.0.1:1", "go"])
        .await;
    assert_eq!(elsewhere.code(), Some(1));
    assert!(
        elsewhere.stderr.contains("serve --read-only"),
        "{}",
        elsewhere.stderr
    );

    // Not even a session that allows everything, through a server.
    let home = home.with("OPENCODE_READ_ONLY", "1");
    let server = home.serve().await;
    let all = json!({ "permission": [{ "permission": "*", "pattern": "*", "action": "allow" }] });
    let session = server.send("POST", "/session", Some(all)).await.json();
    model.now_answers([
        Step::tool("write", json!({ "filePath": "made.txt", "content": "x" })),
        Step::text("Done."),
    ]);
    let path = format!("/session/{}/message", session["id"].as_str().unwrap());
    server.send("POST", &path, said("go")).await;
    assert!(!home.project().join("made.txt").exists());
}
