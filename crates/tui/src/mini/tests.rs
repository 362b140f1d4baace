//! The face without a screen of its own: what is printed for good, what is drawn below it, and what waits.

use pretty_assertions::assert_eq;
use ratatui::layout::Rect;
use serde_json::{Value, json};

use super::Replay;
use crate::stage::{CLOCK, Stage};

const SESSION: &str = "ses_0000000000000000000000000a";
const CHILD: &str = "ses_0000000000000000000000000b";
const ALL: Replay = Replay {
    is_wanted: true,
    limit: None,
};

fn user(id: u32, text: &str) -> Value {
    let message = format!("msg_{id:026}");
    json!({
        "info": {
            "id": message, "sessionID": SESSION, "role": "user", "time": { "created": CLOCK + i64::from(id) },
            "agent": "build", "model": { "providerID": "scripted", "modelID": "scripted" },
        },
        "parts": [part(id, 0, json!({ "type": "text", "text": text }))],
    })
}

fn part(message: u32, number: u32, body: Value) -> Value {
    let mut part = json!({
        "id": format!("prt_{message:013}{number:013}"), "sessionID": SESSION, "messageID": format!("msg_{message:026}"),
    });
    let (Value::Object(part), Value::Object(body)) = (&mut part, body) else {
        unreachable!("both are objects")
    };
    part.extend(body);
    Value::Object(part.clone())
}

/// An answer; `end` is when it was completed, after its beginning.
fn answer(id: u32, to: u32, end: Option<i64>, parts: &[Value]) -> Value {
    let created = CLOCK + i64::from(id);
    let mut time = json!({ "created": created });
    if let Some(end) = end {
        time["completed"] = (created + end).into();
    }
    let parts = parts
        .iter()
        .zip(0..)
        .map(|(body, number)| part(id, number, body.clone()));
    json!({
        "info": {
            "id": format!("msg_{id:026}"), "sessionID": SESSION, "role": "assistant", "time": time,
            "parentID": format!("msg_{to:026}"), "modelID": "scripted", "providerID": "scripted", "mode": "build",
            "agent": "build", "path": { "cwd": "/home/me/demo", "root": "/home/me/demo" }, "cost": 0,
            "finish": end.map(|_| "stop"),
            "tokens": { "input": 10, "output": 5, "reasoning": 0, "cache": { "read": 0, "write": 0 } },
        },
        "parts": parts.collect::<Vec<_>>(),
    })
}

fn said(text: &str) -> Value {
    json!({ "type": "text", "text": text, "time": { "start": 1, "end": 2 } })
}

/// Tells a message by events, as the server does.
fn tell(stage: &mut Stage, message: &Value) {
    stage.hear(
        "message.updated",
        &json!({ "sessionID": SESSION, "info": message["info"] }),
    );
    for part in message["parts"].as_array().unwrap() {
        let told = json!({ "sessionID": SESSION, "part": part, "time": 1 });
        stage.hear("message.part.updated", &told);
    }
}

fn status(stage: &mut Stage, kind: &str) {
    stage.hear(
        "session.status",
        &json!({ "sessionID": SESSION, "status": { "type": kind } }),
    );
}

/// A face in a session with these messages.
fn with(replay: Replay, messages: &[Value], older: Option<&str>) -> Stage {
    let mut stage = Stage::mini(60, 20, replay);
    stage.enter(SESSION, "Demo");
    stage.answer_page("message", json!(messages), older);
    stage
}

fn history() -> Vec<Value> {
    (0..4)
        .flat_map(|turn| {
            let (asked, answered) = (2 * turn + 1, 2 * turn + 2);
            [
                user(asked, &format!("question {turn}")),
                answer(answered, asked, Some(1500), &[said(&format!("answer {turn}"))]),
            ]
        })
        .collect()
}

#[test]
fn the_head_is_printed_once_and_the_prompt_stays_below() {
    let mut stage = Stage::mini(60, 20, ALL);
    let (printed, drawn) = stage.print();
    assert_eq!(printed, "\n█▀▀█  OpenCode\n█  █  ~/demo\n▀▀▀▀\n");
    assert!(drawn.starts_with("Ask anything…"), "{drawn}");
    assert!(drawn.contains("\n BUILD "), "{drawn}");
    assert!(drawn.ends_with("ctrl+p cmd"), "{drawn}");
    assert_eq!(stage.print().0, "");
}

#[test]
fn what_was_said_before_is_printed_without_frames() {
    let bash = json!({
        "type": "tool", "callID": "c1", "tool": "bash",
        "state": {
            "status": "completed", "input": { "command": "seq 1 12" }, "title": "", "time": { "start": 1, "end": 2 },
            "output": (1..=12).map(|n| format!("{n}\n")).collect::<String>(), "metadata": {},
        },
    });
    let read = json!({
        "type": "tool", "callID": "c2", "tool": "read",
        "state": {
            "status": "error", "input": { "filePath": "/home/me/demo/gone" }, "error": "it is gone",
            "time": { "start": 1, "end": 2 },
        },
    });
    let thought = json!({ "type": "reasoning", "text": "**Looking**\n\nWhere is it?", "time": { "start": 1, "end": 9 } });
    let messages = [
        user(1, "go on\nplease"),
        answer(2, 1, Some(1500), &[thought, bash, read, said("Done.")]),
    ];
    let mut stage = with(ALL, &messages, None);
    let (printed, drawn) = stage.print();
    let numbers: String = (1..=12).map(|n| format!("{n}\n")).collect();
    let expected = format!(
        "\n█▀▀█  OpenCode\n█  █  ~/demo\n▀▀▀▀\n\n› go on\nplease\n\nThinking: Looking\n\nWhere is it?\n\n$ seq 1 12\n\n{numbers}\n→ Read gone\n✖ read failed: it is gone\n\nDone.\n\n▣ Build · Scripted · 1.5s\n"
    );
    assert_eq!(printed, expected);
    assert!(drawn.starts_with(" BUILD "), "{drawn}");
}

#[test]
fn how_much_is_printed_again_is_the_users_choice() {
    let limited = |limit| Replay {
        is_wanted: true,
        limit,
    };
    let nothing = Replay {
        is_wanted: false,
        limit: None,
    };
    for (replay, seen) in [
        (limited(None), vec!["question 0", "answer 1", "answer 3"]),
        (limited(Some(1)), vec!["answer 3"]),
        (limited(Some(3)), vec!["answer 2", "question 3", "answer 3"]),
        (nothing, vec![]),
    ] {
        let mut stage = with(replay, &history(), None);
        let (printed, _) = stage.print();
        for turn in 0..4 {
            for text in [format!("question {turn}"), format!("answer {turn}")] {
                let limit = replay.limit.unwrap_or(8).min(8);
                let place = 2 * turn + usize::from(text.starts_with('a'));
                let is_expected = replay.is_wanted && place >= 8 - limit;
                assert_eq!(
                    printed.contains(&text),
                    is_expected,
                    "{replay:?}: {text}\n{printed}"
                );
            }
        }
        assert!(seen.iter().all(|text| printed.contains(text)), "{printed}");
    }
}

#[test]
fn what_is_older_is_read_before_anything_is_printed() {
    let messages = history();
    let (older, newest) = messages.split_at(4);
    let mut stage = with(ALL, newest, Some("cursor"));
    assert!(!stage.print().0.contains("question 2"), "it is not complete");
    assert!(stage.app.is_followed());
    stage.act(|app| app.load_older());
    stage.answer_page("message", json!(older), None);
    let (printed, _) = stage.print();
    let at = |text: &str| {
        printed
            .find(text)
            .unwrap_or_else(|| panic!("{text} in {printed}"))
    };
    assert!(at("question 0") < at("question 2"));
}

#[test]
fn what_may_still_change_is_drawn_and_what_is_finished_printed_once() {
    let mut stage = with(ALL, &[], None);
    stage.print();
    status(&mut stage, "busy");
    tell(&mut stage, &user(1, "go"));
    let (printed, drawn) = stage.print();
    assert_eq!(printed, "", "it may have further parts");
    assert!(drawn.starts_with("› go"), "{drawn}");
    let open = json!({ "type": "text", "text": "One.\n\nTwo.\n\nThree.\n\nFo", "time": { "start": 1 } });
    tell(&mut stage, &answer(2, 1, None, &[open]));
    let (printed, drawn) = stage.print();
    assert_eq!(printed, "\n› go\n\nOne.\n\nTwo.\n");
    assert!(drawn.starts_with("Three.\n\nFo"), "{drawn}");
    assert!(drawn.contains("esc interrupt"), "{drawn}");
    tell(
        &mut stage,
        &answer(2, 1, Some(1500), &[said("One.\n\nTwo.\n\nThree.\n\nFour.")]),
    );
    status(&mut stage, "idle");
    let (printed, drawn) = stage.print();
    assert_eq!(printed, "\nThree.\n\nFour.\n\n▣ Build · Scripted · 1.5s\n");
    assert!(drawn.starts_with(" BUILD "), "{drawn}");
    assert_eq!(stage.print().0, "");
}

#[test]
fn another_width_prints_everything_again_and_another_height_nothing() {
    let mut stage = with(ALL, &history(), None);
    stage.print();
    stage.act(|app| app.resize((60, 12)));
    assert_eq!(stage.print().0, "");
    stage.act(|app| app.resize((40, 12)));
    assert!(stage.app.mini.as_ref().unwrap().is_resizing());
    stage.act(|app| app.resize((42, 12)));
    stage.act(|app| app.settle_size(1));
    assert!(
        stage.app.mini.as_ref().unwrap().is_resizing(),
        "it has changed since"
    );
    stage.act(|app| app.settle_size(2));
    let (printed, _) = stage.print();
    for text in ["OpenCode", "question 0", "answer 3"] {
        assert_eq!(printed.matches(text).count(), 1, "{printed}");
    }
    let nothing = Replay {
        is_wanted: false,
        limit: None,
    };
    let mut stage = with(nothing, &history(), None);
    stage.print();
    stage.act(|app| app.resize((40, 12)));
    stage.act(|app| app.settle_size(1));
    assert_eq!(stage.print().0, "");
}

#[test]
fn prompts_wait_until_the_session_rests() {
    let mut stage = with(ALL, &[], None);
    stage.forget();
    stage.act(|app| app.size = (80, 20));
    status(&mut stage, "busy");
    for text in ["first", "second", "third"] {
        stage.text(text);
        stage.keys("enter");
    }
    assert_eq!(stage.asked(), [""; 0]);
    let (_, drawn) = stage.print();
    assert!(drawn.contains("ctrl+x q 3 queued · ctrl+p cmd"), "{drawn}");
    stage.keys("ctrl+x q");
    let (_, drawn) = stage.print();
    assert!(
        drawn.starts_with("Queued prompts") || drawn.contains("Queued prompts"),
        "{drawn}"
    );
    // The first is taken away, the second written anew.
    stage.keys("ctrl+d ctrl+e");
    assert_eq!(stage.app.prompt.draft().text(), "second");
    status(&mut stage, "idle");
    let sent = stage.asked();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!(
        sent[0].contains("/message") && sent[0].contains("third"),
        "{sent:?}"
    );
    // Until that turn has ended the next prompt waits, too.
    stage.keys("enter");
    assert_eq!(stage.asked().len(), 1);
    stage.answer(json!({}));
    let sent = stage.asked();
    assert!(sent.len() == 1 && sent[0].contains("second"), "{sent:?}");
}

#[test]
fn the_palette_lists_what_this_face_can_do() {
    let mut stage = with(ALL, &[], None);
    let command = json!([
        { "name": "hello", "template": "x", "description": "greets", "source": "command", "hints": [] },
        { "name": "sum", "template": "x", "source": "mcp", "hints": [] },
    ]);
    let commands = serde_json::from_value(command).unwrap();
    stage.act(move |app| {
        app.store.commands = commands;
        app.size = (60, 60);
    });
    stage.keys("ctrl+p");
    let (_, drawn) = stage.print();
    let mut at = 0;
    for row in [
        "Commands",
        "Search",
        "Session",
        "Open editor",
        "/editor",
        "New session",
        "Prompt",
        "Skills",
        "Agent",
        "Switch model",
        "Project Commands",
        "hello",
        "/hello",
        "MCP Commands",
        "sum",
        "/sum:mcp",
        "System",
        "Exit",
        "/exit",
        "▀▀▀▀",
    ] {
        let found = drawn[at..].find(row);
        at += found.unwrap_or_else(|| panic!("{row} after {} in\n{drawn}", &drawn[..at]));
    }
    assert!(!drawn.contains("Switch theme"), "{drawn}");
    stage.text("hello");
    stage.keys("enter");
    assert_eq!(stage.app.prompt.draft().text(), "/hello ");
}

#[test]
fn the_program_ends_at_the_second_press() {
    let mut stage = Stage::mini(60, 20, ALL);
    stage.keys("ctrl+c");
    assert_eq!(stage.wants, [""; 0]);
    let (_, drawn) = stage.print();
    assert!(drawn.contains(" EXIT  Press ctrl+c again to exit"), "{drawn}");
    stage.text("x");
    assert!(!stage.print().1.contains("EXIT"), "whoever writes stays");
    stage.keys("ctrl+c ctrl+c");
    assert!(
        stage.wants.iter().all(|want| !want.starts_with("Exit")),
        "{:?}",
        stage.wants
    );
    stage.keys("ctrl+c");
    assert!(
        stage.wants.iter().any(|want| want.starts_with("Exit")),
        "{:?}",
        stage.wants
    );
}

#[test]
fn what_the_user_is_asked_stands_below() {
    let mut stage = with(ALL, &[], None);
    let asked = json!({
        "id": "per_1", "sessionID": SESSION, "permission": "bash", "patterns": ["git push"], "always": ["git push *"],
        "metadata": { "command": "git push" },
    });
    stage.hear("permission.asked", &asked);
    let (_, drawn) = stage.print();
    assert!(
        drawn.contains("Permission required") && drawn.contains("$ git push"),
        "{drawn}"
    );
    stage.keys("enter");
    assert!(
        stage
            .asked()
            .iter()
            .any(|asked| asked.contains("/permission/per_1/reply"))
    );
}

#[test]
fn subagents_are_looked_at_below() {
    let mut stage = with(ALL, &[], None);
    stage.forget();
    let child = json!({
        "id": CHILD, "slug": "x", "version": "1", "projectID": "p", "directory": "/home/me/demo",
        "title": "Find files (@explore subagent)", "parentID": SESSION, "time": { "created": 1, "updated": 1 },
    });
    stage.hear("session.created", &json!({ "sessionID": CHILD, "info": child }));
    stage.keys("ctrl+x down");
    let (_, drawn) = stage.print();
    assert!(
        drawn.contains("Find files (@explore subagent)") && drawn.contains("done"),
        "{drawn}"
    );
    stage.keys("enter");
    let mut message = user(1, "look for it");
    message["info"]["sessionID"] = CHILD.into();
    stage.answer_page("message", json!([message]), None);
    let (printed, drawn) = stage.print();
    assert!(drawn.contains("› look for it"), "{drawn}");
    assert!(!printed.contains("look for it"), "{printed}");
    stage.keys("up down pageup pagedown home end esc");
    assert!(stage.print().1.starts_with(" BUILD "));
}

#[test]
fn nothing_breaks_where_there_is_no_room() {
    let mut stage = with(ALL, &history(), None);
    for keys in ["", "ctrl+p", "esc"] {
        stage.keys(keys);
        for (width, height) in [(1, 1), (2, 2), (20, 5), (3, 40), (200, 2), (0, 0), (40, 12)] {
            stage.act(move |app| app.size = (width, height));
            let picture = crate::view::mini::draw(&mut stage.app);
            assert!(picture.drawn.area.height <= height.max(1), "{width}x{height}");
            for row in &picture.printed {
                let mut line = ratatui::buffer::Buffer::empty(Rect::new(0, 0, width, 1));
                row.draw(&mut line, 0, 0, width);
            }
        }
        stage.act(|app| app.size = (60, 20));
    }
    stage.text("a\nb\nc\nd");
    stage.act(|app| app.size = (5, 3));
    stage.print();
}
