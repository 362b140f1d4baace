//! Sessions as Markdown, and the window that asks what of them.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::stage::{CLOCK, Stage};

const SESSION: &str = "ses_0123456789abcdefghijklmnop";

fn messages() -> Value {
    let part = |id: &str, message: &str, body: Value| {
        let mut part = body;
        part["id"] = json!(format!("prt_{id}"));
        part["sessionID"] = json!(SESSION);
        part["messageID"] = json!(message);
        part
    };
    let tool = |id: &str, state: Value| {
        let body = json!({ "type": "tool", "callID": id, "tool": "bash", "state": state });
        part(id, "msg_2", body)
    };
    let answer = json!({
        "id": "msg_2", "sessionID": SESSION, "role": "assistant", "parentID": "msg_1",
        "time": { "created": CLOCK + 1000, "completed": CLOCK + 2250 },
        "modelID": "big", "providerID": "zed", "mode": "build", "agent": "build",
        "path": { "cwd": "/", "root": "/" }, "cost": 0,
        "tokens": { "input": 0, "output": 0, "reasoning": 0, "cache": { "read": 0, "write": 0 } },
    });
    let prompt = json!({
        "id": "msg_1", "sessionID": SESSION, "role": "user", "time": { "created": CLOCK },
        "agent": "build", "model": { "providerID": "zed", "modelID": "big" },
    });
    // The newest first: the order is that of the times.
    json!([
        { "info": answer, "parts": [
            part("1", "msg_2", json!({ "type": "reasoning", "text": "Hm.", "time": { "start": 1, "end": 2 } })),
            tool("2", json!({ "status": "completed", "input": { "command": "ls" }, "output": "```\na", "title": "",
                "metadata": {}, "time": { "start": 1, "end": 2 } })),
            tool("3", json!({ "status": "error", "input": {}, "error": "no", "time": { "start": 1, "end": 2 } })),
            part("4", "msg_2", json!({ "type": "text", "text": "There is **a**." })),
        ] },
        { "info": prompt, "parts": [
            part("5", "msg_1", json!({ "type": "text", "text": "What is there?" })),
            part("6", "msg_1", json!({ "type": "text", "text": "hidden", "synthetic": true })),
        ] },
    ])
}

fn stage() -> Stage {
    let mut stage = Stage::in_session(100, 30, SESSION, "Demo chat");
    stage.app.settings.switches.thinking = false;
    stage
}

#[test]
fn a_session_is_copied_as_it_is_shown() {
    let mut stage = stage();
    stage.run("session.copy");
    assert_eq!(stage.asked(), [format!("GET /session/{SESSION}/message")]);
    stage.answer(messages());
    let [copied] = stage.wants.as_slice() else {
        panic!("{:?}", stage.wants);
    };
    assert!(
        copied.starts_with(r##"Copy "# Demo chat\n\n**Session ID:** ses_"##),
        "{copied}"
    );
    assert!(!copied.contains("Hm."));
    assert!(copied.contains("**Input:**"));
    stage.run("session.copy");
    stage.refuse("away");
    assert!(stage.screen().contains("away"));
}

#[test]
fn a_session_is_written_edited_and_written_again() {
    let mut stage = stage();
    stage.run("session.export");
    insta::assert_snapshot!(stage.dialog(), @r#"
    Export Options                                   esc

    File name
    session-ses_0123.md

    [x] Include thinking
    [x] Include tool details
    [x] Include agent, model and time of answers
    [ ] Open without saving

    tab next  space toggle  enter export
    "#);
    stage.squeeze();
    // All that is proposed, in another file.
    stage.keys("ctrl+u");
    stage.text("notes.md");
    stage.keys("enter");
    stage.answer(messages());
    let (path, text, then) = stage.writes.pop_front().expect("a file");
    assert_eq!(path.to_str(), Some("/home/me/demo/notes.md"));
    insta::assert_snapshot!(text, @r#"
    # Demo chat

    **Session ID:** ses_0123456789abcdefghijklmnop
    **Created:** 1/2/2026, 3:04:05 AM
    **Updated:** 1/2/2026, 3:04:05 AM

    ---

    ## User

    What is there?

    ---

    ## Assistant (Build · big · 1.3s)

    _Thinking:_

    Hm.

    **Tool: bash**

    **Input:**
    ```json
    {
      "command": "ls"
    }
    ```

    **Output:**
    ````
    ```
    a
    ````

    **Tool: bash**

    **Input:**
    ```json
    {}
    ```

    **Error:**
    ```
    no
    ```

    There is **a**.

    ---
    "#);
    assert!(stage.edits.is_empty(), "it is written first");
    stage.act(move |app| then(app, Ok(())));
    let (offered, then) = stage.edits.pop_front().expect("an editor");
    assert_eq!(offered, text);
    stage.act(move |app| then(app, Ok(Some("shorter".to_owned()))));
    let (path, text, then) = stage.writes.pop_front().expect("a file");
    assert_eq!(path.to_str(), Some("/home/me/demo/notes.md"));
    assert_eq!(text, "shorter\n");
    stage.act(move |app| then(app, Ok(())));
    assert!(stage.screen().contains("demo/notes.md"));
}

#[test]
fn boxes_choose_what_is_told() {
    // Name, keys from the name on, whether the text has thoughts, details, metadata; whether it is only shown.
    for (keys, expected) in [
        ("enter", [true, true, true, false]),
        ("tab space tab space enter", [false, false, true, false]),
        ("tab tab tab space enter", [true, true, false, false]),
        ("shift+tab space enter", [true, true, true, true]),
        (
            "tab space space x down up up space enter",
            [true, true, true, false],
        ),
    ] {
        let mut stage = stage();
        stage.run("session.export");
        stage.keys(keys);
        assert!(stage.app.dialogs.is_empty(), "{keys}");
        stage.answer(messages());
        let looked = stage.edits.pop_front().map(|(text, _)| text);
        let written = stage.writes.pop_front().map(|(_, text, _)| text);
        let is_looked_at = looked.is_some();
        let text = looked.or(written).expect("a text");
        let found = [
            text.contains("_Thinking:_"),
            text.contains("**Output:**"),
            text.contains("(Build · big · 1.3s)"),
            is_looked_at,
        ];
        assert_eq!(found, expected, "{keys}");
    }
}

#[test]
fn what_fails_is_told() {
    let mut stage = stage();
    stage.run("session.export");
    stage.keys("ctrl+u enter");
    assert_eq!(stage.app.dialogs.len(), 1, "a file has a name");
    stage.text("a.md");
    stage.keys("enter");
    stage.answer(messages());
    let (_, _, then) = stage.writes.pop_front().expect("a file");
    stage.act(move |app| then(app, Err("disk full".to_owned())));
    assert!(stage.screen().contains("disk full"));
    assert!(stage.edits.is_empty());

    stage.run("session.export");
    stage.keys("shift+tab space enter");
    stage.answer(messages());
    let (_, then) = stage.edits.pop_front().expect("an editor");
    stage.act(move |app| then(app, Ok(None)));
    assert!(stage.screen().contains("VISUAL"));
}
