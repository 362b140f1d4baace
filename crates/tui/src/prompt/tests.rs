mod kept;
mod lists;
mod screens;

use pretty_assertions::assert_eq;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier};
use serde_json::json;

use super::*;
use crate::theme::Theme;
use crate::words::Words;

const NOW: i64 = 1_795_297_955_908;

fn prompt() -> Prompt {
    let mut prompt = Prompt::default();
    prompt.set_now(NOW);
    prompt.set_sources(Sources {
        directory: "/home/demo".into(),
        commands: COMMANDS
            .iter()
            .map(|(name, description, aliases)| Slash {
                label: format!("/{name}"),
                aliases: aliases
                    .split_whitespace()
                    .map(|alias| format!("/{alias}"))
                    .collect(),
                description: (*description).into(),
                action: match *name {
                    "hello" | "init" | "review" => Action::Write((*name).into()),
                    _ => Action::Run("model.list"),
                },
            })
            .collect(),
        references: vec![Reference {
            name: "handbook".into(),
            path: "/home/demo/docs".into(),
        }],
        agents: vec!["explore".into(), "general".into()],
        resources: vec![Resource {
            name: "Schema".into(),
            client: "db".into(),
            uri: "db://schema".into(),
            mime: None,
            description: None,
        }],
    });
    prompt
}

/// The commands of a session in the reference program.
const COMMANDS: &[(&str, &str, &str)] = &[
    ("agents", "Switch agent", ""),
    ("compact", "Compact session", "summarize"),
    ("connect", "Connect provider", ""),
    ("copy", "Copy session transcript", ""),
    ("debug", "View debug info", ""),
    ("diff", "Open diff viewer", ""),
    ("editor", "Open editor", ""),
    ("exit", "Exit the app", "quit q"),
    ("export", "Export session transcript", ""),
    ("fork", "Fork session", ""),
    ("hello", "Greets somebody", ""),
    ("help", "Help", ""),
    ("init", "guided AGENTS.md setup", ""),
    ("mcps", "Toggle MCPs", ""),
    ("models", "Switch model", "mo"),
    ("move", "Move to another project dir", ""),
    ("new", "New session", "clear"),
    ("rename", "Rename session", ""),
    (
        "review",
        "review changes [commit|branch|pr], defaults to uncommitted",
        "",
    ),
    ("sessions", "Switch session", "resume continue"),
    ("share", "Share session", ""),
    ("skills", "Skills", ""),
    ("status", "View status", ""),
    ("themes", "Switch theme", ""),
    ("thinking", "Expand thinking", "toggle-thinking"),
    ("timeline", "Jump to message", ""),
    ("timestamps", "Show timestamps", "toggle-timestamps"),
    ("undo", "Undo previous message", ""),
    ("variants", "Switch model variant", ""),
];

fn type_in(prompt: &mut Prompt, text: &str) {
    for letter in text.chars() {
        prompt.insert_char(letter);
    }
}

fn outcomes(prompt: &mut Prompt) -> Vec<Outcome> {
    std::iter::from_fn(|| prompt.next_outcome()).collect()
}

fn find(prompt: &mut Prompt, query: &str, paths: &[&str]) {
    let files = paths.iter().map(|path| Found {
        path: (*path).into(),
        is_directory: path.ends_with('/'),
    });
    prompt.files_found(query, files.collect());
}

fn choice() -> Choice {
    Choice {
        agent: "build".into(),
        provider: "scripted".into(),
        model: "thinker".into(),
        variant: None,
    }
}

/// Sends the prompt; the request.
fn send(prompt: &mut Prompt) -> Option<(String, Value)> {
    outcomes(prompt);
    assert_eq!(prompt.command("input.submit"), Handled::Yes);
    outcomes(prompt).into_iter().find_map(|outcome| match outcome {
        Outcome::Submit(submission) => Some(submission.request("ses_1", &choice())),
        _ => None,
    })
}

/// Reads the file whose path was pasted.
fn paste_file(prompt: &mut Prompt, path: &str, content: Option<&[u8]>) {
    outcomes(prompt);
    prompt.paste(path);
    for outcome in outcomes(prompt) {
        if let Outcome::ReadFile { ticket, .. } = outcome {
            prompt.file_read(ticket, content);
        }
    }
}

const LIST: &str = "1\n2\n3\n4";

/// A prompt with one of each kind of mark.
fn rich() -> Prompt {
    let mut prompt = prompt();
    type_in(&mut prompt, "日本 look @REA");
    find(&mut prompt, "REA", &["README.md"]);
    prompt.command("prompt.autocomplete.select");
    type_in(&mut prompt, "and @exp");
    prompt.command("prompt.autocomplete.select");
    type_in(&mut prompt, "@handb");
    prompt.command("prompt.autocomplete.select");
    prompt.paste(LIST);
    paste_file(&mut prompt, "'/home/demo/dot.png'", Some(b"PNG"));
    paste_file(&mut prompt, "file:///home/demo/a%20doc.pdf", Some(b"PDF"));
    paste_file(&mut prompt, "/home/demo/a\\ pic.svg", Some(b"<svg/>\n"));
    prompt
}

const RICH: &str =
    "日本 look @README.md and @explore @handbook [Pasted ~4 lines] [Image 1] [PDF 1] [SVG: a pic.svg] ";

/// A theme whose colours can be told apart by their numbers.
fn theme() -> Theme {
    let mut theme = Theme::plain();
    for (number, (_, color)) in theme.colors_mut().into_iter().enumerate() {
        *color = Color::Indexed(u8::try_from(number).unwrap());
    }
    theme
}

/// The name of a colour of that theme.
fn color_name(color: Color) -> String {
    let mut theme = theme();
    let names = theme.colors_mut();
    let named = names.into_iter().find(|(_, known)| **known == color);
    named.map_or_else(|| "-".to_owned(), |(name, _)| name.to_owned())
}

/// The pieces of a row that look alike.
fn looks(buffer: &Buffer, y: u16) -> Vec<String> {
    let mut pieces: Vec<(String, String)> = Vec::new();
    for x in 0..buffer.area.width {
        let cell = &buffer[(x, y)];
        let bold = if cell.modifier.contains(Modifier::BOLD) {
            " bold"
        } else {
            ""
        };
        let look = format!("{} on {}{bold}", color_name(cell.fg), color_name(cell.bg));
        match pieces.last_mut() {
            Some((text, last))
                if *last == look || cell.symbol() == " " && last.ends_with(&color_name(cell.bg)) =>
            {
                text.push_str(cell.symbol());
            }
            _ => pieces.push((cell.symbol().to_owned(), look)),
        }
    }
    let pieces = pieces.into_iter().filter(|(text, _)| !text.trim().is_empty());
    pieces
        .map(|(text, look)| format!("{} | {look}", text.trim()))
        .collect()
}

fn info() -> Info<'static> {
    Info {
        agent: "Build",
        color: theme().secondary,
        model: Some("Thinker"),
        provider: "Scripted",
        variant: None,
        is_auto: false,
        example: Some(0),
    }
}

/// The prompt at the lower end of a screen, as text, and where the cursor is.
fn drawn(prompt: &Prompt, width: u16, height: u16, info: &Info<'_>) -> (String, Option<Position>) {
    let screen = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(screen);
    let rows = prompt.height(width, height, None);
    let area = Rect::new(0, height - rows, width, rows);
    let (theme, words) = (theme(), Words::english());
    let cursor = prompt.view(area, &mut buffer, &theme, &words, info);
    prompt.view_list(area, &mut buffer, &theme, &words);
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    let rows: Vec<_> = (0..height).map(|y| row(y).trim_end().to_owned()).collect();
    (rows.join("\n"), cursor)
}

impl Prompt {
    fn clear_for_tests(&mut self) {
        self.empty();
    }
}

#[test]
fn a_message_is_sent_with_what_its_marks_stand_for() {
    let mut prompt = rich();
    assert_eq!(prompt.entry().input, RICH);
    let wanted = json!({
        "agent": "build",
        "model": {"providerID": "scripted", "modelID": "thinker"},
        "parts": [
            {"type": "text", "text": "日本 look @README.md and @explore @handbook 1\n2\n3\n4 [Image 1] [PDF 1] <svg/>\n "},
            {"type": "file", "mime": "text/plain", "filename": "README.md", "url": "file:///home/demo/README.md",
             "source": {"type": "file", "text": {"start": 10, "end": 20, "value": "@README.md"}, "path": "README.md"}},
            {"type": "agent", "name": "explore", "source": {"start": 25, "end": 33, "value": "@explore"}},
            {"type": "file", "mime": "application/x-directory", "filename": "handbook", "url": "file:///home/demo/docs",
             "source": {"type": "file", "text": {"start": 34, "end": 43, "value": "@handbook"}, "path": "handbook"}},
            {"type": "file", "mime": "image/png", "filename": "dot.png", "url": "data:image/png;base64,UE5H",
             "source": {"type": "file", "path": "/home/demo/dot.png", "text": {"start": 62, "end": 71, "value": "[Image 1]"}}},
            {"type": "file", "mime": "application/pdf", "filename": "a doc.pdf", "url": "data:application/pdf;base64,UERG",
             "source": {"type": "file", "path": "/home/demo/a doc.pdf", "text": {"start": 72, "end": 79, "value": "[PDF 1]"}}},
        ]
    });
    let (path, body) = send(&mut prompt).unwrap();
    assert_eq!(
        (path.as_str(), body.to_string()),
        ("/session/ses_1/message", wanted.to_string())
    );
    assert!(prompt.is_empty());
}

#[test]
fn requests_are_those_of_the_reference() {
    for (typed, path, body) in [
        (
            "hi",
            "message",
            json!({"agent": "build", "model": {"providerID": "scripted", "modelID": "thinker"},
                   "parts": [{"type": "text", "text": "hi"}]}),
        ),
        (
            "/hello a b\nc",
            "command",
            json!({"command": "hello", "arguments": "a b\nc", "agent": "build", "model": "scripted/thinker", "parts": []}),
        ),
        (
            "/review",
            "command",
            json!({"command": "review", "arguments": "", "agent": "build", "model": "scripted/thinker", "parts": []}),
        ),
        (
            "/unknown a",
            "message",
            json!({"agent": "build", "model": {"providerID": "scripted", "modelID": "thinker"},
                   "parts": [{"type": "text", "text": "/unknown a"}]}),
        ),
        (
            "!echo hi",
            "shell",
            json!({"agent": "build", "model": {"providerID": "scripted", "modelID": "thinker"}, "command": "echo hi"}),
        ),
    ] {
        let mut prompt = prompt();
        type_in(&mut prompt, typed);
        prompt.command("prompt.autocomplete.hide");
        let wanted = (format!("/session/ses_1/{path}"), body.to_string());
        let sent = send(&mut prompt).map(|(path, body)| (path, body.to_string()));
        assert_eq!(sent, Some(wanted), "{typed}");
        assert_eq!(prompt.mode(), Mode::Normal, "{typed}");
    }
    let mut low = choice();
    low.variant = Some("low".into());
    let submission = Submission::Message { parts: Vec::new() };
    assert_eq!(
        submission.request("s", &low).1.to_string(),
        r#"{"agent":"build","model":{"providerID":"scripted","modelID":"thinker"},"variant":"low","parts":[]}"#
    );
}

#[test]
fn some_texts_are_not_sent() {
    for (typed, wanted) in [
        ("exit", vec![Outcome::Exit]),
        (" quit ", vec![Outcome::Exit]),
        (":q", vec![Outcome::Exit]),
        ("  ", vec![]),
        ("", vec![]),
    ] {
        let mut prompt = prompt();
        prompt.insert_text(typed);
        prompt.command("input.submit");
        assert_eq!(outcomes(&mut prompt), wanted, "{typed:?}");
    }
    let mut locked = prompt();
    locked.set_locked(true);
    type_in(&mut locked, "hi");
    assert_eq!(send(&mut locked), None);
    // A command line may be called like that.
    let mut shell = prompt();
    type_in(&mut shell, "!exit");
    assert!(send(&mut shell).is_some());
}

#[test]
fn shell_mode_is_entered_and_left() {
    let mut prompt = prompt();
    type_in(&mut prompt, "!ls !");
    assert_eq!(
        (prompt.mode(), prompt.entry().input.as_str()),
        (Mode::Shell, "ls !")
    );
    for (id, mode) in [
        ("input.backspace", Mode::Shell),
        ("session.interrupt", Mode::Normal),
    ] {
        assert_eq!(prompt.command(id), Handled::Yes);
        assert_eq!(prompt.mode(), mode, "{id}");
    }
    assert_eq!(prompt.command("session.interrupt"), Handled::No);
    prompt.command("input.buffer.home");
    type_in(&mut prompt, "!");
    prompt.command("input.backspace");
    assert_eq!(
        (prompt.mode(), prompt.entry().input.as_str()),
        (Mode::Normal, "ls ")
    );
}

#[test]
fn pastes_become_text_folds_or_files() {
    let long = "x".repeat(151);
    let wide = "x".repeat(150);
    for (pasted, shown) in [
        ("one\r\ntwo\n ", "one\ntwo\n "),
        ("  one\r\ntwo\rthree\n\n", "[Pasted ~3 lines] "),
        (long.as_str(), "[Pasted ~1 lines] "),
        (wide.as_str(), wide.as_str()),
        ("docs/with\\ space.md", "docs/with\\ space.md"),
        ("https://host/a.png", "https://host/a.png"),
        ("missing.png", "missing.png"),
    ] {
        let mut prompt = prompt();
        paste_file(&mut prompt, pasted, None);
        assert_eq!(prompt.entry().input, shown);
    }
    let mut prompt = prompt();
    for empty in ["", "\n"] {
        prompt.paste(empty);
    }
    prompt.command("prompt.paste");
    assert_eq!(outcomes(&mut prompt), vec![Outcome::ReadClipboard; 3]);
    prompt.clipboard(Clip::Image {
        mime: "image/png".into(),
        bytes: vec![1],
    });
    prompt.clipboard(Clip::Text("a\nb\nc".into()));
    prompt.clipboard(Clip::Nothing);
    paste_file(&mut prompt, "b.gif", Some(b"x"));
    paste_file(&mut prompt, "b.pdf", Some(b"x"));
    assert_eq!(
        prompt.entry().input,
        "[Image 1] [Pasted ~3 lines] [Image 2] [PDF 1] "
    );
    prompt.set_folds_pastes(false);
    prompt.clear_for_tests();
    prompt.paste(LIST);
    assert_eq!(prompt.entry().input, LIST);
    // An answer nobody asked for does nothing.
    prompt.file_read(99, Some(b"x"));
    assert_eq!(prompt.entry().input, LIST);
}

#[test]
fn megabytes_are_pasted_and_sent() {
    let mut prompt = prompt();
    prompt.set_folds_pastes(false);
    let text = "some words of a paste, ".repeat(220_000);
    prompt.paste(&text);
    for _ in 0..20 {
        type_in(&mut prompt, "x");
        drawn(&prompt, 80, 24, &info());
    }
    let (_, body) = send(&mut prompt).unwrap();
    assert_eq!(
        body["parts"][0]["text"].as_str().map(str::len),
        Some(text.len() + 20)
    );
}

#[test]
fn no_order_of_inputs_breaks_the_prompt() {
    let ids = [
        "input.move.left",
        "input.move.right",
        "input.move.up",
        "input.move.down",
        "input.select.left",
        "input.select.right",
        "input.select.up",
        "input.select.down",
        "input.line.home",
        "input.line.end",
        "input.visual.line.home",
        "input.visual.line.end",
        "input.buffer.home",
        "input.buffer.end",
        "input.delete.line",
        "input.delete.to.line.end",
        "input.delete.to.line.start",
        "input.backspace",
        "input.delete",
        "input.undo",
        "input.undo",
        "input.redo",
        "input.word.forward",
        "input.word.backward",
        "input.delete.word.forward",
        "input.delete.word.backward",
        "input.select.all",
        "input.newline",
        "prompt.history.previous",
        "prompt.history.next",
        "prompt.stash",
        "prompt.stash.pop",
        "prompt.clear",
        "prompt.autocomplete.prev",
        "prompt.autocomplete.select",
        "prompt.autocomplete.complete",
        "session.interrupt",
        "input.submit",
    ];
    let texts = [
        "a",
        " ",
        "@",
        "/",
        "!",
        "#12-3",
        "日",
        "e\u{301}",
        "\u{301}",
        "👨‍👩‍👧",
        "\u{202e}",
        "\t",
        "word word ",
        "1\n2\n3",
        "x.png",
    ];
    let mut seed = 11_u32;
    let mut next = |bound: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % bound
    };
    let mut prompt = prompt();
    for step in 0..6_000 {
        let place = Position::new(next(30) as u16, next(12) as u16);
        match next(8) {
            0 | 1 => type_in(&mut prompt, texts[next(texts.len())]),
            2 => prompt.paste(texts[next(texts.len())]),
            3 => {
                prompt.mouse(Pointer::Drag, place);
            }
            4 => {
                prompt.mouse(Pointer::Press, place);
            }
            _ => {
                prompt.command(ids[next(ids.len())]);
            }
        }
        for outcome in outcomes(&mut prompt) {
            match outcome {
                Outcome::FindFiles { query } => find(&mut prompt, &query, &["src/", "a b.rs"]),
                Outcome::ReadFile { ticket, .. } => {
                    let content = (next(2) == 0).then_some(b"x".as_slice());
                    prompt.file_read(ticket, content);
                }
                Outcome::OpenEditor { text } => prompt.edited(&text),
                _ => {}
            }
        }
        if next(3) == 0 {
            drawn(&prompt, [1, 9, 24][next(3)], [2, 6, 12][next(3)], &info());
        }
        let (text, cursor) = (prompt.editor.text(), prompt.editor.cursor());
        assert!(text.is_char_boundary(cursor), "step {step}: {cursor} in {text:?}");
        let mut end = 0;
        for mark in prompt.editor.marks() {
            assert!(
                mark.range.start >= end && text.get(mark.range.clone()).is_some(),
                "step {step}: {text:?}"
            );
            assert!(
                !(mark.range.start < cursor && cursor < mark.range.end),
                "step {step}: {text:?}"
            );
            end = mark.range.end;
        }
        let entry = prompt.entry();
        assert_eq!(
            marks(&entry.input, &entry.parts).len(),
            entry.parts.len(),
            "step {step}: {text:?}"
        );
    }
}
