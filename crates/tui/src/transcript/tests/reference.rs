//! The reference's screens: the same messages give the same rows.

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;

const PLAN: &str = "I will look at the project.\n\n# Plan\n\n- read `a.txt`\n- run a command\n\n```rust\nfn main() {}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";
const PATCH: &str = "Index: /home/dev/demo/src/lib.rs\n===\n--- /home/dev/demo/src/lib.rs\n+++ /home/dev/demo/src/lib.rs\n@@ -1,3 +1,4 @@\n pub fn add(a: i32, b: i32) -> i32 {\n-    a + b\n+    // sum of two\n+    a.wrapping_add(b)\n }\n";

#[test]
fn session_text() {
    let thought = json!({"type": "reasoning", "text": "**Looking around**\n\nWhich files matter first?",
        "time": {"start": 1_000, "end": 1_014}});
    let parts = json!([thought, said(PLAN)]);
    let stage = Stage::new(vec![asked(1, "please make a plan"), answered(2, 4_100, &parts)]);
    let line = "─".repeat(55);
    let blank = " ".repeat(54);
    assert_eq!(
        stage.screen(120, 30),
        format!(
            "
  ┃
  ┃  please make a plan
  ┃

     + Thought: Looking around · 14ms

     I will look at the project.

     Plan

     - read a.txt
     - run a command

     fn main() {{}}

     ┌{line}┬{line}┐
     │a{blank}│b{blank}│
     ├{line}┼{line}┤
     │1{blank}│2{blank}│
     └{line}┴{line}┘

     ▣  Build · Scripted · 4.1s"
        )
    );
}

#[test]
fn tool_bash() {
    let path = |name: &str| format!("/home/dev/demo/{name}");
    let numbers: Vec<String> = (1..=14).map(|number| number.to_string()).collect();
    let printed = format!("{}\n", numbers.join("\n"));
    let stage = Stage::new(vec![
        open(
            1,
            &json!([
                done("read", &json!({"filePath": path("a.txt")}), "…", &json!({})),
                done("glob", &json!({"pattern": "**/*.rs"}), "…", &json!({"count": 2})),
                done(
                    "grep",
                    &json!({"pattern": "fn", "include": "*.rs"}),
                    "…",
                    &json!({"matches": 2})
                ),
                failed(
                    "read",
                    &json!({"filePath": path("missing.txt")}),
                    "File not found"
                ),
                done(
                    "bash",
                    &json!({"command": "seq 1 14"}),
                    &printed,
                    &json!({"output": printed})
                ),
            ]),
        ),
        answered(2, 2_500, &json!([said("Ran them.")])),
    ]);
    // The answer belongs to a question that is not loaded.
    insta::assert_snapshot!(stage.screen(120, 36), @r#"

         → Read a.txt
         ✱ Glob "**/*.rs" (2 matches)
         ✱ Grep "fn" (2 matches)
         → Read missing.txt

      ┃
      ┃  $ seq 1 14
      ┃
      ┃  1
      ┃  2
      ┃  3
      ┃  4
      ┃  5
      ┃  6
      ┃  7
      ┃  8
      ┃  9
      ┃  10
      ┃  …
      ┃
      ┃  Click to expand
      ┃

         Ran them.

         ▣  Build · Scripted · 2.5s
    "#);
}

fn edited() -> Stage {
    let todos = json!([
        {"content": "Read files", "status": "completed", "priority": "high"},
        {"content": "Edit lib", "status": "in_progress", "priority": "high"},
        {"content": "Write tests", "status": "pending", "priority": "medium"},
        {"content": "Old idea", "status": "cancelled", "priority": "low"},
    ]);
    let edit = json!({"filePath": "/home/dev/demo/src/lib.rs", "oldString": "a", "newString": "b"});
    let parts = json!([
        done("edit", &edit, "", &json!({"diff": PATCH, "diagnostics": {}})),
        done(
            "todowrite",
            &json!({"todos": todos}),
            "",
            &json!({"todos": todos})
        ),
        said("Edited."),
    ]);
    Stage::new(vec![asked(1, "edit it"), answered(2, 1_800, &parts)])
}

#[test]
fn tool_edit_diff() {
    insta::assert_snapshot!(edited().screen(120, 36), @r"

    ┃
    ┃  edit it
    ┃

    ┃
    ┃  ← Edit src/lib.rs
    ┃
    ┃    1   pub fn add(a: i32, b: i32) -> i32 {
    ┃    2 -     a + b
    ┃    2 +     // sum of two
    ┃    3 +     a.wrapping_add(b)
    ┃    4   }
    ┃

    ┃
    ┃  # Todos
    ┃
    ┃  [✓] Read files
    ┃  [•] Edit lib
    ┃  [ ] Write tests
    ┃  [ ] Old idea
    ┃

       Edited.

       ▣  Build · Scripted · 1.8s
    ");
}

#[test]
fn sidebar_wide() {
    insta::assert_snapshot!(edited().screen(128, 36), @r"

    ┃
    ┃  edit it
    ┃

    ┃
    ┃  ← Edit src/lib.rs
    ┃
    ┃    1   pub fn add(a: i32, b: i32) -> i32 {                     1   pub fn add(a: i32, b: i32) -> i32 {
    ┃    2 -     a + b                                               2 +     // sum of two
    ┃                                                                3 +     a.wrapping_add(b)
    ┃    3   }                                                       4   }
    ┃

    ┃
    ┃  # Todos
    ┃
    ┃  [✓] Read files
    ┃  [•] Edit lib
    ┃  [ ] Write tests
    ┃  [ ] Old idea
    ┃

       Edited.

       ▣  Build · Scripted · 1.8s
    ");
}

#[test]
fn subagent_running() {
    let questions = json!({"questions": [
        {"question": "Which colour?", "header": "Colour", "options": []},
        {"question": "Which sizes?", "header": "Sizes", "options": [], "multiple": true},
    ]});
    let task =
        json!({"description": "Find files", "prompt": "Find the rust files", "subagent_type": "explore"});
    let mut stage = Stage::new(vec![
        asked(1, "ask me"),
        answered(
            2,
            3_400,
            &json!([
                done("question", &questions, "", &json!({"answers": [["Red"], ["S"]]})),
                said("Thanks for answering."),
            ]),
        ),
        asked(3, "delegate it"),
        open(
            4,
            &json!([running("task", &task, &json!({"sessionId": "ses_child"}))]),
        ),
    ]);
    stage.frame = 17;
    insta::assert_snapshot!(stage.screen(120, 36), @r"

    ┃
    ┃  ask me
    ┃

    ┃
    ┃  # Questions
    ┃
    ┃  Which colour?
    ┃  Red
    ┃
    ┃  Which sizes?
    ┃  S
    ┃

       Thanks for answering.

       ▣  Build · Scripted · 3.4s

    ┃
    ┃  delegate it
    ┃

       ⠇ Explore Task — Find files

       ctrl+x down view subagents

       ▣  Build · Scripted
    ");
}

#[test]
fn error() {
    let task =
        json!({"description": "Find files", "prompt": "Find the rust files", "subagent_type": "explore"});
    let mut failed = answered(5, 0, &json!([]));
    failed["info"]["error"] =
        json!({"name": "APIError", "data": {"message": "bad request from the model", "isRetryable": false}});
    failed["info"]["finish"] = Value::Null;
    let mut step = answered(
        2,
        5_000,
        &json!([done("task", &task, "", &json!({"sessionId": "ses_child"}))]),
    );
    step["info"]["finish"] = json!("tool-calls");
    let mut last = answered(3, 5_500, &json!([said("Subagent finished.")]));
    last["info"]["parentID"] = json!("msg_000001");
    let mut stage = Stage::new(vec![
        asked(1, "delegate it"),
        step,
        last,
        asked(4, "fail now"),
        failed,
    ]);
    let child = Child {
        duration: Some(4_300),
        ..Child::default()
    };
    stage.children.insert("ses_child".to_owned(), child);
    insta::assert_snapshot!(stage.screen(120, 36), @r"

    ┃
    ┃  delegate it
    ┃

       ✓ Explore Task — Find files
         ↳ 4.3s

       ctrl+x down view subagents

       Subagent finished.

       ▣  Build · Scripted · 5.5s

    ┃
    ┃  fail now
    ┃

    ┃
    ┃  bad request from the model
    ┃

       ▣  Build · Scripted
    ");
}

/// Cells of the reference's screens with the colours that they have there, by their names in themes.
#[test]
fn colours() {
    let theme = theme();
    let stage = edited();
    let buffer = stage.draw(&Transcript::default(), 120, 36);
    let edit = 6;
    let todos = 18;
    // (name, column, row, text, foreground, background)
    let table = [
        ("border of the user", 2, 2, "┃", theme.secondary, theme.background),
        ("words of the user", 5, 2, "e", theme.text, theme.background_panel),
        (
            "panel of the user",
            117,
            2,
            " ",
            Color::Reset,
            theme.background_panel,
        ),
        ("beside the panel", 118, 2, " ", Color::Reset, Color::Reset),
        (
            "border of a tool",
            2,
            edit,
            "┃",
            theme.background,
            theme.background_panel,
        ),
        (
            "title of a tool",
            5,
            edit,
            "←",
            theme.text_muted,
            theme.background_panel,
        ),
        (
            "number",
            7,
            edit + 2,
            "1",
            theme.diff_line_number,
            theme.diff_context_background,
        ),
        (
            "number of what went",
            7,
            edit + 3,
            "2",
            theme.diff_line_number,
            theme.diff_removed_line_number_background,
        ),
        (
            "sign of what went",
            9,
            edit + 3,
            "-",
            theme.diff_highlight_removed,
            theme.diff_removed_line_number_background,
        ),
        (
            "what went",
            117,
            edit + 3,
            " ",
            Color::Reset,
            theme.diff_removed_background,
        ),
        (
            "number of what came",
            7,
            edit + 4,
            "2",
            theme.diff_line_number,
            theme.diff_added_line_number_background,
        ),
        (
            "sign of what came",
            9,
            edit + 4,
            "+",
            theme.diff_highlight_added,
            theme.diff_added_line_number_background,
        ),
        (
            "what came",
            15,
            edit + 4,
            "/",
            theme.syntax_comment,
            theme.diff_added_background,
        ),
        (
            "what is done",
            5,
            todos,
            "[",
            theme.text_muted,
            theme.background_panel,
        ),
        (
            "what is being done",
            5,
            todos + 1,
            "[",
            theme.warning,
            theme.background_panel,
        ),
        (
            "what is to do",
            5,
            todos + 2,
            "[",
            theme.text_muted,
            theme.background_panel,
        ),
        ("answer", 5, todos + 6, "E", theme.markdown_text, Color::Reset),
        (
            "end of the turn",
            5,
            todos + 8,
            "▣",
            theme.secondary,
            Color::Reset,
        ),
        ("agent", 8, todos + 8, "B", theme.text, Color::Reset),
        ("model", 16, todos + 8, "S", theme.text_muted, Color::Reset),
    ];
    for (name, x, y, symbol, foreground, background) in table {
        let cell = &buffer[(x, y)];
        assert_eq!(
            (cell.symbol(), cell.fg, cell.bg),
            (symbol, foreground, background),
            "{name}"
        );
    }
}
