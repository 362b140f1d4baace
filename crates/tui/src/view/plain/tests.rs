//! Every screen in words: nothing of what is drawn only is on any of them.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::is_drawing;
use crate::stage::Stage;

const SESSION: &str = "ses_0000000000000000000000000a";

fn plain(mut stage: Stage) -> Stage {
    stage.act(|app| {
        app.settings.tui.plain = true;
        app.dialogs.clear();
    });
    stage
}

fn tool(number: usize, name: &str, state: &Value) -> Value {
    json!({
        "id": format!("prt_{number:026}"), "sessionID": SESSION, "messageID": "msg_00000000000000000000000002",
        "type": "tool", "callID": format!("call_{number}"), "tool": name, "state": state,
    })
}

fn done(input: &Value, output: &str, metadata: &Value) -> Value {
    json!({
        "status": "completed", "input": input, "output": output, "title": "", "metadata": metadata,
        "time": { "start": 1, "end": 2 },
    })
}

/// A session in which much has happened.
fn session() -> Stage {
    let mut stage = plain(Stage::in_session(130, 70, SESSION, "Demo"));
    let diff = "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n";
    let failed = |error: &str| json!({ "status": "error", "input": { "command": "x" }, "error": error, "time": { "start": 1, "end": 2 } });
    let todos = json!([
        { "content": "one", "status": "completed" },
        { "content": "two", "status": "in_progress" },
        { "content": "three", "status": "pending" },
    ]);
    let parts = json!([
        tool(
            1,
            "read",
            &done(&json!({ "filePath": "/home/me/demo/a.txt" }), "", &json!({}))
        ),
        tool(
            2,
            "bash",
            &done(
                &json!({ "command": "tree" }),
                "├── a\n└── b",
                &json!({ "output": "├── a\n└── b" })
            )
        ),
        tool(
            3,
            "edit",
            &done(
                &json!({ "filePath": "/home/me/demo/a.txt", "oldString": "old", "newString": "new" }),
                "",
                &json!({ "diff": diff })
            )
        ),
        tool(
            4,
            "todowrite",
            &done(&json!({ "todos": todos }), "", &json!({ "todos": todos }))
        ),
        tool(5, "webfetch", &failed("no such host")),
        tool(
            6,
            "bash",
            &failed("The user rejected permission to use this specific tool call.")
        ),
        tool(
            7,
            "grep",
            &json!({ "status": "running", "input": { "pattern": "x" }, "time": { "start": 1 } })
        ),
    ]);
    let user = json!({
        "id": "msg_00000000000000000000000001", "sessionID": SESSION, "role": "user", "time": { "created": 1 },
        "agent": "build", "model": { "providerID": "p", "modelID": "m" },
    });
    let said = json!({
        "id": "prt_00000000000000000000000000", "sessionID": SESSION, "messageID": "msg_00000000000000000000000001",
        "type": "text", "text": "change it",
    });
    let answer = json!({
        "id": "msg_00000000000000000000000002", "sessionID": SESSION, "role": "assistant", "parentID": "msg_00000000000000000000000001",
        "providerID": "p", "modelID": "m", "mode": "build", "agent": "build", "path": { "cwd": "/", "root": "/" }, "cost": 0,
        "tokens": { "input": 1, "output": 1, "reasoning": 0, "cache": { "read": 0, "write": 0 } },
        "time": { "created": 2 },
    });
    let page = json!([{ "info": user, "parts": [said] }, { "info": answer, "parts": parts }]);
    stage.act(move |app| {
        let id = opencode_schema::SessionId::trusted(SESSION);
        let page = serde_json::from_value(page).unwrap();
        app.store.conversation(&id).load(page, None);
    });
    stage.hear(
        "session.status",
        &json!({ "sessionID": SESSION, "status": { "type": "busy" } }),
    );
    stage
}

fn assert_plain(stage: &mut Stage, name: &str) -> String {
    let screen = stage.screen();
    let drawn: String = screen.chars().filter(|letter| is_drawing(*letter)).collect();
    assert_eq!(drawn, "", "{name}\n{screen}");
    screen
}

#[test]
fn states_of_tools_and_things_to_do_are_words() {
    let mut stage = session();
    let screen = assert_plain(&mut stage, "session");
    for words in [
        "You:",
        "change it",
        "Build:",
        "Tool read: done",
        "Read a.txt",
        "Tool bash: done",
        "$ tree",
        "Tool edit: done",
        "Tool webfetch: failed",
        "Tool bash: refused",
        "Tool grep: working",
        "done: one",
        "in progress: two",
        "to do: three",
        "working  esc interrupt",
    ] {
        assert!(screen.contains(words), "{words}\n{screen}");
    }
    // One thing below the other, at any width.
    assert!(!screen.contains("Context"), "{screen}");
    assert_eq!(stage.app.animation(), Some(std::time::Duration::from_secs(1)));
}

#[test]
fn every_screen_is_plain() {
    let mut home = plain(Stage::new(120, 36));
    assert_plain(&mut home, "home");
    for command in [
        "command.palette.show",
        "opencode.status",
        "theme.switch",
        "help.show",
        "session.list",
    ] {
        let mut stage = session();
        stage.run(command);
        assert_plain(&mut stage, command);
        stage.squeeze();
    }
    let mut stage = session();
    stage.run("session.sidebar.toggle");
    let screen = assert_plain(&mut stage, "sidebar");
    assert!(
        screen.contains("Context") && !screen.contains("Tool read"),
        "{screen}"
    );
    let mut stage = session();
    stage.run("diff.open");
    assert_plain(&mut stage, "diff");
}

#[test]
fn what_is_chosen_is_said_and_has_the_cursor() {
    let mut stage = session();
    stage.hear(
        "permission.asked",
        &json!({
            "id": "per_000000000000000000000000aa", "sessionID": SESSION, "permission": "bash",
            "patterns": ["git push"], "always": ["git push *"], "metadata": { "command": "git push" },
        }),
    );
    stage.act(|app| app.dialogs.clear());
    let screen = assert_plain(&mut stage, "permission");
    assert!(screen.contains("[Allow once]  Allow always"), "{screen}");
    stage.keys("right");
    assert!(stage.screen().contains("[Allow always]"), "{}", stage.screen());
    let mut stage = session();
    stage.hear(
        "question.asked",
        &json!({
            "id": "que_000000000000000000000000aa", "sessionID": SESSION, "questions": [{
                "question": "Which?", "header": "Size", "multiple": true,
                "options": [{ "label": "Small", "description": "" }, { "label": "Large", "description": "" }],
            }],
        }),
    );
    stage.keys("down enter");
    let screen = assert_plain(&mut stage, "question");
    assert!(screen.contains("> 2. [x] Large"), "{screen}");
    let mut stage = session();
    stage.run("theme.switch");
    let screen = assert_plain(&mut stage, "list");
    assert!(screen.contains("> opencode (in force)"), "{screen}");
}
