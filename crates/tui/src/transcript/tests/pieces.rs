//! Every kind of part and tool in its states.

use pretty_assertions::assert_eq;
use ratatui::style::Modifier;
use serde_json::json;

use super::*;

/// The rows of one answer with some parts, without the rows around them.
fn rows(parts: &Value) -> String {
    Stage::new(vec![open(2, parts)]).rows()
}

impl Stage {
    fn rows(&self) -> String {
        let switches = Switches {
            assistant_metadata: false,
            ..self.switches
        };
        let screen = {
            let stage = Stage {
                switches,
                ..self.copy()
            };
            stage.screen(80, 60)
        };
        screen.trim_start_matches('\n').to_owned()
    }

    fn copy(&self) -> Self {
        Self {
            messages: self.messages.clone(),
            theme: self.theme.clone(),
            words: self.words.clone(),
            highlighter: Highlighter::default(),
            switches: self.switches,
            revert: self.revert.clone(),
            children: self.children.clone(),
            asked: self.asked.clone(),
            frame: self.frame,
            zone: self.zone.clone(),
            has_older: self.has_older,
        }
    }
}

#[test]
fn tools_of_one_line() {
    let path = json!({"filePath": "/home/dev/demo/a.txt", "offset": 1, "limit": 5, "list": [1]});
    let loaded = json!({"loaded": ["/home/dev/demo/AGENTS.md", "/home/dev/other.md", "/etc/x.md"]});
    // (name, part, rows)
    let table = [
        (
            "read",
            done("read", &path, "", &json!({})),
            "     → Read a.txt [offset=1, limit=5]",
        ),
        (
            "read with instructions",
            done("read", &json!({"filePath": "/etc/hosts"}), "", &loaded),
            "     → Read /etc/hosts\n       ↳ Loaded AGENTS.md\n       ↳ Loaded ~/other.md\n       ↳ Loaded /etc/x.md",
        ),
        ("read begins", pending("read"), "     ~ Reading file…"),
        (
            "glob",
            done(
                "glob",
                &json!({"pattern": "*", "path": "/home/dev/demo/src"}),
                "",
                &json!({"count": 1}),
            ),
            "     ✱ Glob \"*\" in src (1 match)",
        ),
        (
            "grep runs",
            running("grep", &json!({"pattern": "a"}), &json!({})),
            "     ✱ Grep \"a\"",
        ),
        (
            "webfetch",
            done("webfetch", &json!({"url": "http://x"}), "", &json!({})),
            "     % WebFetch http://x",
        ),
        (
            "websearch",
            done(
                "websearch",
                &json!({"query": "a"}),
                "",
                &json!({"provider": "exa", "numResults": 8}),
            ),
            "     ◈ Exa Web Search \"a\" (8 results)",
        ),
        (
            "search elsewhere",
            done("websearch", &json!({"query": "a"}), "", &json!({})),
            "     ◈ Web Search \"a\"",
        ),
        (
            "skill",
            done("skill", &json!({"name": "x"}), "", &json!({"name": "x"})),
            "     → Skill \"x\"",
        ),
        (
            "no todos",
            done("todowrite", &json!({"todos": []}), "", &json!({"todos": []})),
            "     ~ Updating todos…",
        ),
        ("command begins", pending("bash"), "     ~ Writing command…"),
        (
            "command without output",
            running("bash", &json!({"command": "git push"}), &json!({"output": ""})),
            "     $ git push",
        ),
        (
            "edit runs",
            running(
                "edit",
                &json!({"filePath": "a", "oldString": "x", "replaceAll": true}),
                &json!({}),
            ),
            "     ← Edit a [replaceAll=true]",
        ),
        (
            "write failed",
            failed("write", &json!({"filePath": "a"}), "no"),
            "     ← Write a",
        ),
        (
            "patch runs",
            running("apply_patch", &json!({"patchText": "x"}), &json!({})),
            "     % Patch",
        ),
        (
            "questions",
            running("question", &json!({"questions": [{}, {}]}), &json!({})),
            "     → Asked 2 questions",
        ),
        (
            "of a server",
            done(
                "db_query",
                &json!({"sql": "select\u{1b}[31m 1", "n": 1.5, "deep": {}}),
                "x",
                &json!({}),
            ),
            "     ⚙ db_query [sql=select 1, n=1.5]",
        ),
        (
            "code",
            done(
                "execute",
                &json!({"code": "…"}),
                "",
                &json!({"calls": [{"tool": "read", "input": {"a": 1}}]}),
            ),
            "     ✓ execute\n       ↳ read [a=1]",
        ),
        (
            "code failed",
            failed("execute", &json!({}), "1\n2\n3\n4\n5"),
            "     ✗ execute\n       1\n       2\n       3\n       4",
        ),
    ];
    for (name, part, expected) in table {
        assert_eq!(rows(&json!([part])), expected, "{name}");
    }
}

#[test]
fn tools_with_blocks() {
    let patch = json!({"files": [
        {"filePath": "/home/dev/demo/a", "type": "add", "patch": "@@ -0,0 +1,1 @@\n+x\n"},
        {"filePath": "/home/dev/demo/b", "type": "delete", "deletions": 3},
        {"filePath": "/home/dev/demo/c", "type": "move", "movePath": "/home/dev/demo/d", "patch": "@@ -9,1 +9,1 @@\n-x\n+y\n"},
        {"filePath": "/home/dev/demo/e", "type": "update", "patch": "not a patch"},
    ]});
    let broken = json!({"diagnostics": {"/home/dev/demo/src/new.ts": [
        {"severity": 2, "message": "a warning", "range": {"start": {"line": 0, "character": 0}}},
        {"severity": 1, "message": "Cannot find name", "range": {"start": {"line": 2, "character": 4}}},
    ]}});
    let content = "// hi\nexport const a = 1;\n\tfunction f() {}\n";
    let write = json!({"filePath": "/home/dev/demo/src/new.ts", "content": content});
    let printed = json!({"output": "\u{1b}[31mred\u{1b}[0m\tTab\n\n\nx\n"});
    let parts = json!([
        done(
            "bash",
            &json!({"command": "printf x", "workdir": "/home/dev/demo/src"}),
            "",
            &printed
        ),
        running("bash", &json!({"command": "make"}), &json!({"output": "one\n"})),
        done("write", &write, "", &broken),
        done("apply_patch", &json!({}), "", &patch),
    ]);
    insta::assert_snapshot!(rows(&parts), @r"
    ┃
    ┃  # Running in src
    ┃
    ┃  $ printf x
    ┃
    ┃  red  Tab
    ┃
    ┃
    ┃  x
    ┃

    ┃
    ┃  ⠋ make
    ┃
    ┃  one
    ┃

    ┃
    ┃  # Wrote src/new.ts
    ┃
    ┃   1 // hi
    ┃   2 export const a = 1;
    ┃   3   function f() {}
    ┃   4
    ┃
    ┃  Error [3:5] Cannot find name
    ┃

    ┃
    ┃  # Created a
    ┃
    ┃    1 + x
    ┃

    ┃
    ┃  # Deleted b
    ┃
    ┃  -3 lines
    ┃

    ┃
    ┃  # Moved c → d
    ┃
    ┃     9 - x
    ┃     9 + y
    ┃

    ┃
    ┃  ← Patched e
    ┃
    ");
}

#[test]
fn tasks_tell_what_they_do() {
    let input = json!({"description": "Look", "subagent_type": "explore"});
    let session = json!({"sessionId": "ses_child"});
    let newest = Some(("grep".to_owned(), "fn main".to_owned()));
    let runs = || running("task", &input, &session);
    let ended = || done("task", &input, "", &session);
    let child = Child {
        calls: 3,
        newest,
        retry: None,
        duration: Some(4_900),
    };
    let hint = "\n\n     ctrl+x down view subagents";
    let table = [
        ("nothing known", runs(), None, "     ⠋ Explore Task — Look"),
        (
            "a call",
            runs(),
            Some(child.clone()),
            "     ⠋ Explore Task — Look\n       ↳ Grep fn main",
        ),
        (
            "calls",
            runs(),
            Some(Child {
                newest: None,
                ..child.clone()
            }),
            "     ⠋ Explore Task — Look\n       ↳ 3 toolcalls",
        ),
        (
            "again",
            runs(),
            Some(Child {
                retry: Some((2, "busy".to_owned())),
                ..child.clone()
            }),
            "     ⠋ Explore Task — Look\n       ↳ Retrying (attempt 2) · busy",
        ),
        (
            "done",
            ended(),
            Some(child),
            "     ✓ Explore Task — Look\n       ↳ 3 toolcalls · 4.9s",
        ),
        (
            "done, nothing known",
            ended(),
            None,
            "     ✓ Explore Task — Look\n       ↳ 1.5s",
        ),
        (
            "in the background",
            done(
                "task",
                &input,
                "",
                &json!({"sessionId": "ses_child", "background": true}),
            ),
            None,
            "     ✓ Explore Task — Look (background)\n       ↳ 1.5s",
        ),
        ("about to be given", pending("task"), None, "     ~ Handing over…"),
    ];
    for (name, part, child, expected) in table {
        let mut stage = Stage::new(vec![open(2, &json!([part]))]);
        stage
            .children
            .extend(child.map(|child| ("ses_child".to_owned(), child)));
        assert_eq!(stage.rows(), format!("{expected}{hint}"), "{name}");
    }
}

#[test]
fn thoughts_are_folded() {
    let thought = |text: &str, end: Option<i64>| json!({"type": "reasoning", "text": text, "time": {"start": 0, "end": end}});
    let hidden =
        json!({"type": "reasoning", "text": "", "metadata": {"x": 1}, "time": {"start": 0, "end": 11}});
    let mut thought_open = thought("**Deep**\n\nand on", None);
    thought_open["time"] = json!({"start": 0});
    let body = "**Deep**\n\nFirst *line*\n\nsecond";
    // (name, part, shown in full, rows)
    let table = [
        (
            "folded",
            thought(body, Some(4_000)),
            false,
            "     + Thought: Deep · 4.0s",
        ),
        (
            "in full",
            thought(body, Some(4_000)),
            true,
            "     Thought: Deep · 4.0s\n\n     First line\n\n     second",
        ),
        (
            "without a title",
            thought("just so", Some(11)),
            false,
            "     + Thought: 11ms",
        ),
        (
            "a title alone",
            thought("**Deep**", Some(11)),
            false,
            "     Thought: Deep · 11ms",
        ),
        (
            "bold words",
            thought("**Not** a title", Some(11)),
            false,
            "     + Thought: 11ms",
        ),
        ("encrypted", hidden, false, "     Thought · 11ms"),
        ("now", thought_open, false, "     ⠋ Thinking: Deep"),
    ];
    for (name, part, thinking, expected) in table {
        let mut stage = Stage::new(vec![open(2, &json!([part]))]);
        stage.switches.thinking = thinking;
        assert_eq!(stage.rows(), expected, "{name}");
    }
    let mut stage = Stage::new(vec![open(2, &json!([thought(body, Some(4_000))]))]);
    stage.switches.assistant_metadata = false;
    let mut transcript = Transcript::default();
    stage.draw(&transcript, 80, 20);
    let target = stage
        .with(|scene| transcript.target(scene, 8, 1))
        .expect("a thought");
    let part = target.fold().expect("that can be unfolded").clone();
    stage.with(|scene| transcript.toggle(scene, &part));
    let screen = text(&stage.draw(&transcript, 80, 20));
    assert_eq!(
        screen,
        "\n     - Thought: Deep · 4.0s\n\n       First line\n\n       second"
    );
}

#[test]
fn calls_stand_together_where_they_are_lines() {
    let read = |path: &str| done("read", &json!({"filePath": path}), "", &json!({}));
    let task = done("task", &json!({"description": "d"}), "", &json!({}));
    let parts = json!([
        said("Text."),
        read("a"),
        read("b"),
        task,
        read("c"),
        said("More.")
    ]);
    insta::assert_snapshot!(rows(&parts), @r"
    Text.

    → Read a
    → Read b

    ✓ General Task — d
      ↳ 1.5s

    → Read c

    More.

    ctrl+x down view subagents
    ");
}

#[test]
fn switches_hide_and_show() {
    let parts = json!([
        done("read", &json!({"filePath": "a"}), "", &json!({})),
        failed("read", &json!({"filePath": "b"}), "no"),
        done("db_query", &json!({"q": 1}), "1\n2\n3\n4\n", &json!({})),
        said("**bold** and `code`"),
    ]);
    let mut stage = Stage::new(vec![answered(2, 5, &parts)]);
    stage.switches = Switches {
        tool_details: false,
        conceal: false,
        ..stage.switches
    };
    assert_eq!(stage.rows(), "     → Read b\n\n     **bold** and `code`");
    stage.switches = Switches {
        tool_details: true,
        generic_output: true,
        ..stage.switches
    };
    insta::assert_snapshot!(stage.rows(), @r"
       → Read a
       → Read b

    ┃
    ┃  # db_query [q=1]
    ┃
    ┃  1
    ┃  2
    ┃  3
    ┃  …
    ┃
    ┃  Click to expand
    ┃

       **bold** and `code`
    ");
}

#[test]
fn colours_tell_how_a_call_went() {
    let input = json!({"filePath": "a"});
    let theme = theme();
    let table = [
        (
            "done",
            done("read", &input, "", &json!({})),
            theme.text_muted,
            false,
        ),
        (
            "runs",
            running("read", &input, &json!({})),
            theme.text_muted,
            false,
        ),
        ("begins", pending("read"), theme.text, false),
        (
            "failed",
            failed("read", &input, "no such file"),
            theme.error,
            false,
        ),
        (
            "asked about",
            running("edit", &input, &json!({})),
            theme.warning,
            false,
        ),
        (
            "rejected",
            failed(
                "read",
                &input,
                "The user rejected permission to use this specific tool call.",
            ),
            theme.text_muted,
            true,
        ),
        (
            "dismissed",
            failed("question", &input, "The user dismissed this question"),
            theme.text,
            true,
        ),
    ];
    for (name, part, color, is_struck) in table {
        let mut stage = Stage::new(vec![open(2, &json!([part]))]);
        stage.asked = vec!["call_edit"];
        let buffer = stage.draw(&Transcript::default(), 80, 5);
        let cell = &buffer[(7, 1)];
        if name != "dismissed" {
            assert_eq!(cell.fg, color, "{name}");
        }
        assert_eq!(cell.modifier.contains(Modifier::CROSSED_OUT), is_struck, "{name}");
    }
}

#[test]
fn an_error_unfolds() {
    let stage = Stage::new(vec![open(
        2,
        &json!([failed("webfetch", &json!({"url": "x"}), "no\nway\u{7}")]),
    )]);
    let mut transcript = Transcript::default();
    stage.draw(&transcript, 40, 8);
    let target = stage
        .with(|scene| transcript.target(scene, 6, 1))
        .expect("a failure");
    let part = target.fold().expect("that can be unfolded").clone();
    stage.with(|scene| transcript.toggle(scene, &part));
    let screen = text(&stage.draw(&transcript, 40, 8));
    assert_eq!(
        screen,
        "\n     % WebFetch x\n       no\n       way\n\n     ▣  Build · Scripted"
    );
}
