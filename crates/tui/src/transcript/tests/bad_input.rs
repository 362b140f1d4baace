//! What must not hurt: screens without room, outputs without end, garbage.

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::transcript::scroll::Scroll;

/// One message of every kind, with things in them that want to do harm.
fn everything() -> Stage {
    let evil = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}abc\u{0}\u{9b}31m漢字👨\u{200d}👩\u{200d}👧\te\u{301}\u{301}\u{301}\r\nx";
    let path = json!({"filePath": evil, "content": evil, "command": evil, "pattern": evil, "path": evil,
        "description": evil, "subagent_type": evil, "questions": [{"question": evil}], "url": evil, "name": evil,
        "query": evil, "todos": [], "workdir": evil, "offset": 1});
    let patch = format!("--- {evil}\n+++ {evil}\n@@ -1,1 +1,2 @@\n-{evil}\n+{evil}\n+b");
    let facts = json!({"output": evil, "diff": patch, "todos": [{"content": evil, "status": "in_progress"}],
        "answers": [[evil]], "loaded": [evil, 3], "sessionId": evil, "count": "x", "files": [
            {"filePath": evil, "type": "update", "patch": patch}, {"type": 7}, null],
        "diagnostics": {evil: [{"message": evil}, 1]}, "calls": [{"tool": evil, "input": {"a": evil}}, 2]});
    let tools = [
        "bash",
        "read",
        "write",
        "edit",
        "apply_patch",
        "glob",
        "grep",
        "webfetch",
        "websearch",
        "todowrite",
        "question",
        "task",
        "execute",
        "skill",
        evil,
    ];
    let mut parts = vec![
        said(evil),
        json!({"type": "reasoning", "text": evil, "time": {"start": 5, "end": 1}}),
    ];
    for tool in tools {
        parts.push(done(tool, &path, evil, &facts));
        parts.push(done(tool, &json!([1]), "", &json!({})));
        parts.push(running(tool, &path, &facts));
        parts.push(failed(tool, &path, evil));
        parts.push(pending(tool));
    }
    parts.push(json!({"type": "nobody knows", "x": 1}));
    parts.push(said(&format!(
        "# {evil}\n\n> - {evil}\n\n| {evil} |\n|--|\n| a | b |\n\n```rust\n{evil}\n"
    )));
    let mut answer = open(2, &Value::Array(parts));
    answer["info"]["error"] = json!({"name": "UnknownError", "data": {"message": evil}});
    answer["info"]["modelID"] = json!(evil);
    answer["info"]["agent"] = json!(evil);
    let file = json!({"type": "file", "mime": evil, "filename": evil, "url": evil});
    let mut stage = Stage::new(vec![
        question(1, &json!([said(evil), file])),
        answer,
        asked(3, "x"),
    ]);
    stage.switches.timestamps = true;
    stage.switches.thinking = true;
    stage.switches.generic_output = true;
    stage.switches.scrollbar = true;
    stage.revert =
        Some(serde_json::from_value(json!({"messageID": "msg_000003", "diff": patch})).expect("a revert"));
    let child = Child {
        calls: 1,
        newest: Some((evil.to_owned(), evil.to_owned())),
        ..Child::default()
    };
    stage.children.insert(evil.to_owned(), child);
    stage
}

#[test]
fn nothing_of_it_reaches_the_terminal() {
    let stage = everything();
    for width in [80, 200] {
        let buffer = stage.draw(&Transcript::default(), width, 2000);
        for cell in &buffer.content {
            let symbol = cell.symbol();
            let is_bad = |letter: char| {
                letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            };
            assert!(!symbol.contains(is_bad), "{symbol:?}");
        }
    }
}

#[test]
fn every_size_is_good_enough() {
    let mut stage = everything();
    for width in [0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 20, 33, 121, 127] {
        for height in [0, 1, 2, 5, 300] {
            let mut transcript = Transcript::default();
            stage.switches.diff_wrap = if height == 5 {
                crate::row::Wrap::None
            } else {
                crate::row::Wrap::Word
            };
            stage.draw(&transcript, width, height);
            stage.with(|scene| {
                for scroll in [
                    Scroll::HalfPageUp,
                    Scroll::First,
                    Scroll::NextMessage,
                    Scroll::Lines(isize::MIN + 1),
                ] {
                    transcript.scroll(scene, &scroll);
                }
                transcript.search(scene, "abc");
                transcript.press(scene, 0, 0);
                transcript.drag(scene, width, height);
                transcript.selected(scene);
                transcript.target(scene, width, height);
            });
            stage.draw(&transcript, width, height);
        }
    }
}

#[test]
fn an_area_beyond_the_screen_is_cut() {
    let stage = everything();
    let mut buffer = ratatui::buffer::Buffer::empty(Rect::new(0, 0, 20, 5));
    stage.with(|scene| Transcript::default().view(scene, Rect::new(10, 2, 500, 500), &mut buffer));
    assert_eq!(buffer[(0, 0)].symbol(), " ");
}

#[test]
fn endless_outputs_cost_little() {
    let lines = "0123456789abcdef\n".repeat(320_000);
    let line = "x".repeat(1_000_000);
    let table = [
        (
            "five megabytes of lines",
            done(
                "bash",
                &json!({"command": "c"}),
                &lines,
                &json!({"output": lines}),
            ),
            20,
        ),
        (
            "a line of a megabyte",
            done("bash", &json!({"command": "c"}), &line, &json!({"output": line})),
            20,
        ),
        (
            "a file",
            done(
                "write",
                &json!({"filePath": "a.rs", "content": lines}),
                "",
                &json!({}),
            ),
            2010,
        ),
        (
            "a file of one line",
            done(
                "write",
                &json!({"filePath": "a.rs", "content": line}),
                "",
                &json!({}),
            ),
            300,
        ),
        (
            "a command",
            running("bash", &json!({"command": line}), &json!({})),
            8000,
        ),
        (
            "a difference",
            done(
                "edit",
                &json!({"filePath": "a.rs"}),
                "",
                &json!({"diff": format!("@@ -1,9999999 +1,9999999 @@\n{lines}")}),
            ),
            3010,
        ),
        ("an error", failed("bash", &json!({"command": "c"}), &lines), 5),
        ("text", said(&line), 20_000),
    ];
    for (name, part, most) in table {
        let stage = Stage::new(vec![open(2, &json!([part]))]);
        let mut transcript = Transcript::default();
        stage.draw(&transcript, 80, 24);
        assert!(
            transcript.cache.borrow().rows() <= most,
            "{name}: {}",
            transcript.cache.borrow().rows()
        );
        // Unfolded it is bounded, too.
        let target = (0..24).find_map(|y| stage.with(|scene| transcript.target(scene, 10, y)));
        if let Some(part) = target.and_then(|target| target.fold().cloned()) {
            stage.with(|scene| transcript.toggle(scene, &part));
            stage.draw(&transcript, 80, 24);
            assert!(transcript.cache.borrow().rows() <= 12_000, "{name}");
        }
    }
}
