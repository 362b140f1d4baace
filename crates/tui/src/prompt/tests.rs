use pretty_assertions::assert_eq;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Color;
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
                label: (*name).into(),
                aliases: aliases.split_whitespace().map(str::to_owned).collect(),
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
fn what_was_sent_comes_back_whole() {
    let mut prompt = rich();
    let entry = prompt.entry();
    prompt.command("input.submit");
    let line = outcomes(&mut prompt)
        .into_iter()
        .find_map(|outcome| match outcome {
            Outcome::Write(StateFile::History, Write::Append(line)) => Some(line),
            _ => None,
        });
    let mut other = self::prompt();
    other.read_state(StateFile::History, &line.unwrap());
    other.command("prompt.history.previous");
    assert_eq!((other.entry(), other.editor.cursor()), (entry, 0));
    assert_eq!(other.editor.marks(), {
        let again = rich();
        again.editor.marks().to_vec()
    });
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

impl Prompt {
    fn clear_for_tests(&mut self) {
        self.empty();
    }
}

#[test]
fn the_history_is_browsed_from_the_ends_of_the_text() {
    let file = concat!(
        "{\"input\":\"first\",\"parts\":[],\"mode\":\"normal\"}\n",
        "no line of ours\n",
        "{\"input\":\"ls\",\"parts\":[],\"mode\":\"shell\"}\n",
        "{\"input\":\"third one\",\"parts\":[{\"type\":\"strange\"}],\"mode\":\"normal\"}\n",
    );
    let mut prompt = prompt();
    prompt.read_state(StateFile::History, file);
    let shown = |prompt: &Prompt| (prompt.entry().input, prompt.mode(), prompt.editor.cursor());
    for (id, handled, wanted) in [
        ("prompt.history.next", Handled::No, ("", Mode::Normal, 0)),
        (
            "prompt.history.previous",
            Handled::Yes,
            ("third one", Mode::Normal, 0),
        ),
        ("prompt.history.previous", Handled::Yes, ("ls", Mode::Shell, 0)),
        ("prompt.history.next", Handled::No, ("ls", Mode::Shell, 0)),
        ("input.move.down", Handled::Yes, ("ls", Mode::Shell, 2)),
        ("prompt.history.previous", Handled::No, ("ls", Mode::Shell, 2)),
        ("input.move.up", Handled::Yes, ("ls", Mode::Shell, 0)),
        (
            "prompt.history.previous",
            Handled::Yes,
            ("first", Mode::Normal, 0),
        ),
        ("prompt.history.previous", Handled::No, ("first", Mode::Normal, 0)),
        ("input.line.end", Handled::Yes, ("first", Mode::Normal, 5)),
        ("prompt.history.next", Handled::Yes, ("ls", Mode::Shell, 2)),
        (
            "prompt.history.next",
            Handled::Yes,
            ("third one", Mode::Normal, 9),
        ),
        ("prompt.history.next", Handled::Yes, ("", Mode::Normal, 0)),
        (
            "prompt.history.previous",
            Handled::Yes,
            ("third one", Mode::Normal, 0),
        ),
    ] {
        assert_eq!(prompt.command(id), handled, "{id} before {wanted:?}");
        let (input, mode, cursor) = shown(&prompt);
        assert_eq!((input.as_str(), mode, cursor), wanted, "{id}");
    }
    // What was changed is not left for the past.
    type_in(&mut prompt, "x");
    prompt.command("input.buffer.home");
    assert_eq!(prompt.command("prompt.history.previous"), Handled::No);
}

#[test]
fn the_history_keeps_fifty_and_no_repeats() {
    let mut prompt = prompt();
    let mut file = String::new();
    for number in 0..60 {
        for _ in 0..2 {
            type_in(&mut prompt, &format!("prompt {number}"));
            prompt.command("input.submit");
        }
        for outcome in outcomes(&mut prompt) {
            match outcome {
                Outcome::Write(StateFile::History, Write::Append(line)) => file += &line,
                Outcome::Write(StateFile::History, Write::Replace(whole)) => file = whole,
                _ => {}
            }
        }
    }
    let lines: Vec<_> = file.lines().collect();
    assert_eq!(lines.len(), 50);
    assert_eq!(lines[0], r#"{"input":"prompt 10","parts":[],"mode":"normal"}"#);
    assert_eq!(lines[49], r#"{"input":"prompt 59","parts":[],"mode":"normal"}"#);
}

#[test]
fn what_is_thrown_away_is_kept_if_it_was_worth_writing() {
    for (typed, kept) in [("short", false), ("a text of twenty letters", true)] {
        let mut prompt = prompt();
        type_in(&mut prompt, typed);
        assert_eq!(prompt.command("prompt.clear"), Handled::Yes);
        assert_eq!(!outcomes(&mut prompt).is_empty(), kept, "{typed}");
        assert_eq!(prompt.command("prompt.clear"), Handled::No);
        assert_eq!(prompt.command("input.delete"), Handled::No);
        prompt.command("input.undo");
        assert_eq!(prompt.entry().input, typed);
    }
}

#[test]
fn prompts_are_put_aside_and_taken_back() {
    let mut prompt = rich();
    let entry = prompt.entry();
    outcomes(&mut prompt);
    prompt.command("prompt.stash");
    assert!(prompt.is_empty());
    let written = outcomes(&mut prompt);
    let [Outcome::Write(StateFile::Stash, Write::Append(line))] = written.as_slice() else {
        panic!("{written:?}");
    };
    assert!(line.ends_with(",\"timestamp\":1795297955908}\n"), "{line}");
    let mut other = self::prompt();
    other.read_state(
        StateFile::Stash,
        &format!("{{\"input\":\"old\\nx\",\"parts\":[],\"timestamp\":5}}\n{line}"),
    );
    let rows = other.stash_rows();
    assert_eq!(rows[0].lines, 1);
    assert_eq!(
        rows[1],
        StashRow {
            index: 0,
            title: "old".into(),
            timestamp: 5,
            lines: 2
        }
    );
    other.command("prompt.stash.pop");
    assert_eq!(other.entry(), entry);
    assert!(other.forget_stashed(0));
    assert!(!other.forget_stashed(0));
    let last = outcomes(&mut other).pop();
    assert_eq!(
        last,
        Some(Outcome::Write(StateFile::Stash, Write::Replace(String::new())))
    );
    assert_eq!(other.command("prompt.stash.pop"), Handled::Yes);
}

#[test]
fn commands_are_listed_as_the_reference_lists_them() {
    for (typed, wanted) in [
        (
            "/m",
            "models move mcps timeline variants undo init compact timestamps themes",
        ),
        (
            "/re",
            "rename review sessions hello share undo fork export compact connect",
        ),
        (
            "/s",
            "skills share sessions status compact agents themes models new timestamps",
        ),
        (
            "/st",
            "status timestamps themes copy export models agents sessions variants init",
        ),
        (
            "/mo",
            "models move variants timeline sessions rename compact hello review",
        ),
        ("/ex", "exit export thinking"),
        ("/zzzz", ""),
    ] {
        let mut prompt = prompt();
        type_in(&mut prompt, typed);
        let wanted: Vec<_> = wanted.split_whitespace().map(|name| format!("/{name}")).collect();
        assert_eq!(prompt.autocomplete.labels(), wanted, "{typed}");
    }
    let mut all = prompt();
    type_in(&mut all, "/");
    assert_eq!(all.autocomplete.labels().len(), COMMANDS.len());
    all.command("prompt.autocomplete.prev");
    assert_eq!(all.autocomplete.selected().unwrap().label, "/variants");
}

#[test]
fn what_can_be_named_is_listed() {
    let files = ["src/", "src/lib.rs", "README.md"];
    for (typed, query, wanted) in [
        (
            "@",
            Some(""),
            "@handbook @explore @general Schema src/ src/lib.rs README.md",
        ),
        ("see @g", Some("g"), "@general src/ src/lib.rs README.md"),
        ("@hand", Some("hand"), "@handbook src/ src/lib.rs README.md"),
        ("a@b", None, ""),
        ("@src x", None, ""),
        ("!cat @lib", Some("lib"), "src/ src/lib.rs README.md"),
        ("@lib.rs#12", Some("lib.rs"), "src/ src/lib.rs#12 README.md#12"),
        (
            "@lib.rs#12-40",
            Some("lib.rs"),
            "src/ src/lib.rs#12-40 README.md#12-40",
        ),
        ("@lib.rs#40-12", Some("lib.rs"), "src/ src/lib.rs#40 README.md#40"),
        ("@lib.rs#", Some("lib.rs"), "src/ src/lib.rs README.md"),
        ("@lib.rs#x", Some("lib.rs#x"), "src/ src/lib.rs README.md"),
    ] {
        let mut prompt = prompt();
        type_in(&mut prompt, typed);
        assert_eq!(prompt.has_list(), query.is_some(), "{typed}");
        let asked = outcomes(&mut prompt).pop();
        if let Some(query) = query {
            assert_eq!(asked, Some(Outcome::FindFiles { query: query.into() }), "{typed}");
            find(&mut prompt, "another question", &["no.rs"]);
            find(&mut prompt, query, &files);
        }
        let labels: Vec<_> = prompt.autocomplete.labels();
        let labels = labels.join(" ").replace(" (db://schema)", "");
        assert_eq!(labels, wanted, "{typed}");
    }
}

#[test]
fn the_list_opens_again_and_ends_with_the_word() {
    let mut prompt = prompt();
    type_in(&mut prompt, "@ab cd");
    assert!(!prompt.has_list());
    for _ in 0..3 {
        prompt.command("input.backspace");
    }
    assert!(prompt.has_list());
    assert_eq!(prompt.command("prompt.autocomplete.hide"), Handled::Yes);
    assert_eq!(prompt.command("prompt.autocomplete.hide"), Handled::No);
    prompt.command("input.move.left");
    assert!(!prompt.has_list());
    type_in(&mut prompt, "x");
    assert!(prompt.has_list());
    prompt.command("input.buffer.home");
    assert!(!prompt.has_list());
    // While it is open, Enter is its own.
    type_in(&mut prompt, "@z");
    assert_eq!(send(&mut prompt), None);
}

#[test]
fn choosing_a_row_writes_what_it_stands_for() {
    for (typed, files, id, shown, outcome) in [
        ("/mod", &[][..], "select", "", Some(Outcome::Run("model.list"))),
        ("/hell", &[], "select", "/hello ", None),
        (
            "@src",
            &["src/"],
            "complete",
            "@src/",
            Some(Outcome::FindFiles { query: "src/".into() }),
        ),
        ("@src", &["src/"], "select", "@src/ ", None),
        ("@zz", &["a b.rs"], "complete", "@a b.rs ", None),
        ("@zzz", &[], "select", "@zzz", None),
    ] {
        let mut prompt = prompt();
        type_in(&mut prompt, typed);
        outcomes(&mut prompt);
        find(&mut prompt, &typed[1..], files);
        prompt.command(&format!("prompt.autocomplete.{id}"));
        assert_eq!(prompt.entry().input, shown, "{typed}");
        if outcome.is_some() {
            assert_eq!(outcomes(&mut prompt).pop(), outcome, "{typed}");
        }
    }
    let mut prompt = prompt();
    type_in(&mut prompt, "@with#3-9");
    find(&mut prompt, "with", &["docs/with space.md"]);
    prompt.command("prompt.autocomplete.select");
    type_in(&mut prompt, "@Schem");
    prompt.command("prompt.autocomplete.select");
    let parts: Vec<_> = prompt.entry().parts.iter().map(Placed::to_wire).collect();
    assert_eq!(
        json!(parts),
        json!([
            {"type": "file", "mime": "text/plain", "filename": "docs/with space.md#3-9",
             "url": "file:///home/demo/docs/with%20space.md?start=3&end=9",
             "source": {"type": "file", "path": "docs/with space.md",
                        "text": {"start": 0, "end": 23, "value": "@docs/with space.md#3-9"}}},
            {"type": "file", "mime": "text/plain", "filename": "Schema", "url": "db://schema",
             "source": {"type": "resource", "clientName": "db", "uri": "db://schema",
                        "text": {"start": 24, "end": 31, "value": "@Schema"}}},
        ])
    );
}

#[test]
fn files_that_are_named_are_noted() {
    let mut prompt = prompt();
    let mut name = |file: &str| {
        type_in(&mut prompt, "@zz");
        find(&mut prompt, "zz", &[file]);
        outcomes(&mut prompt);
        prompt.command("prompt.autocomplete.select");
        outcomes(&mut prompt)
    };
    let write = |path: &str, frequency: u32| {
        let line = format!("{{\"path\":\"{path}\",\"frequency\":{frequency},\"lastOpen\":{NOW}}}\n");
        vec![Outcome::Write(StateFile::Frecency, Write::Append(line))]
    };
    assert_eq!(name("README.md"), write("/home/demo/README.md", 1));
    assert_eq!(name("README.md"), write("/home/demo/README.md", 2));
    assert_eq!(name("docs/"), write("/home/demo/docs", 1));
    let day = 86_400_000;
    prompt.read_state(
        StateFile::Frecency,
        "{\"path\":\"/a\",\"frequency\":1,\"lastOpen\":0}\nx\n{\"path\":\"/a\",\"frequency\":3,\"lastOpen\":0}\n",
    );
    assert_eq!(prompt.frecency.score("/a", 2 * day), 1.0);
    assert_eq!(prompt.frecency.score("/b", 2 * day), 0.0);
    let many: String = (0..1_200)
        .map(|number| format!("{{\"path\":\"/{number}\",\"frequency\":1,\"lastOpen\":{number}}}\n"))
        .collect();
    prompt.read_state(StateFile::Frecency, &many);
    let Some(Outcome::Write(_, Write::Replace(file))) = outcomes(&mut prompt).pop() else {
        panic!("the file was not shortened");
    };
    assert_eq!(
        (file.lines().count(), prompt.frecency.score("/199", 199)),
        (1_000, 0.0)
    );
}

#[test]
fn the_users_editor_sees_everything_and_marks_are_found_again() {
    let mut prompt = rich();
    outcomes(&mut prompt);
    prompt.command("prompt.editor");
    let Some(Outcome::OpenEditor { text }) = prompt.next_outcome() else {
        panic!("no editor");
    };
    assert_eq!(
        text,
        "日本 look @README.md and @explore @handbook 1\n2\n3\n4 [Image 1] [PDF 1] <svg/>\n "
    );
    prompt.edited("[PDF 1] first, @explore then @README.md\r\n");
    let marks: Vec<_> = prompt
        .entry()
        .parts
        .into_iter()
        .map(|placed| (placed.value, placed.cells))
        .collect();
    assert_eq!(prompt.entry().input, "[PDF 1] first, @explore then @README.md\n");
    assert_eq!(
        marks,
        [
            ("[PDF 1]".to_owned(), 0..7),
            ("@explore".to_owned(), 15..23),
            ("@README.md".to_owned(), 29..39)
        ]
    );
}

#[test]
fn drafts_and_messages_come_back() {
    let mut prompt = rich();
    prompt.command("input.word.backward");
    let (entry, cursor) = (prompt.entry(), prompt.editor.cursor());
    let draft = prompt.take_draft();
    assert!(prompt.is_empty());
    prompt.put_draft(&draft);
    assert_eq!((prompt.entry(), prompt.editor.cursor()), (entry, cursor));
    let file = json!({"type": "file", "id": "prt_1", "mime": "text/plain", "filename": "a.md", "url": "file:///a.md",
        "source": {"type": "file", "path": "a.md", "text": {"start": 4, "end": 9, "value": "@a.md"}}});
    prompt.put_message(&[
        json!({"type": "text", "text": "see @a.md "}),
        json!({"type": "text", "text": "not this", "synthetic": true}),
        file,
    ]);
    assert_eq!(
        (prompt.entry().input.as_str(), prompt.editor.marks().len()),
        ("see @a.md ", 1)
    );
    prompt.begin_command("review");
    assert_eq!(prompt.entry().input, "/review ");
}

fn theme() -> Theme {
    let mut theme = Theme::plain();
    theme.primary = Color::Red;
    theme.secondary = Color::Blue;
    theme.text = Color::White;
    theme
}

fn info() -> Info<'static> {
    Info {
        agent: "Build",
        color: Color::Blue,
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
    (format!("\n{}", rows.join("\n")), cursor)
}

#[test]
fn the_prompt_looks_as_on_the_screens() {
    let mut prompt = prompt();
    insta::assert_snapshot!(drawn(&prompt, 44, 5, &info()).0, @r#"
    ┃
    ┃  Ask anything… "Fix broken tests"
    ┃
    ┃  Build · Thinker Scripted
    ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    "#);
    prompt.paste(&(1..=12).map(|n| format!("{n}\n")).collect::<String>());
    let mut full = info();
    full.variant = Some("low");
    full.is_auto = true;
    insta::assert_snapshot!(drawn(&prompt, 44, 5, &full).0, @r#"
    ┃
    ┃  [Pasted ~12 lines]
    ┃
    ┃  Build auto · Thinker Scripted · low
    ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    "#);
    prompt.clear_for_tests();
    type_in(&mut prompt, "!");
    insta::assert_snapshot!(drawn(&prompt, 44, 5, &info()).0, @r#"
    ┃
    ┃  Run a command… "ls -la"
    ┃
    ┃  Shell
    ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    "#);
    type_in(&mut prompt, "ls");
    let (screen, cursor) = drawn(&prompt, 44, 5, &info());
    insta::assert_snapshot!(screen, @r#"
    ┃
    ┃  ls
    ┃
    ┃  Shell
    ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    "#);
    assert_eq!(cursor, Some(Position::new(5, 1)));
}

#[test]
fn the_lists_look_as_on_the_screens() {
    let mut prompt = prompt();
    type_in(&mut prompt, "/s");
    insta::assert_snapshot!(drawn(&prompt, 44, 12, &info()).0, @r#"
    ┃ /skills       Skills                     ┃
    ┃ /share        Share session              ┃
    ┃ /sessions     Switch session             ┃
    ┃ /status       View status                ┃
    ┃ /compact      Compact session            ┃
    ┃ /agents       Switch agent               ┃
    ┃ /themes       Switch theme               ┃
    ┃
    ┃  /s
    ┃
    ┃  Build · Thinker Scripted
    ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    "#);
    prompt.clear_for_tests();
    type_in(&mut prompt, "look at @lib");
    find(
        &mut prompt,
        "lib",
        &[
            "src/lib.rs",
            "src/a/very/long/path/of/folders/to/a/file/main.rs",
            "\u{202e}x\u{1b}",
        ],
    );
    insta::assert_snapshot!(drawn(&prompt, 44, 10, &info()).0, @r#"
    ┃ src/lib.rs                               ┃
    ┃ src/a/very/long/path…rs/to/a/file/main.rs┃
    ┃ x                                        ┃
    ┃
    ┃  look at @lib
    ┃
    ┃  Build · Thinker Scripted
    ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    "#);
    prompt.clear_for_tests();
    type_in(&mut prompt, "/zzz");
    insta::assert_snapshot!(drawn(&prompt, 44, 6, &info()).0, @r#"
    ┃ No matching items                        ┃
    ┃
    ┃  /zzz
    ┃
    ┃  Build · Thinker Scripted
    ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    "#);
}

#[test]
fn the_prompt_grows_and_then_scrolls() {
    let mut prompt = prompt();
    for (lines, screen, most, wanted) in [
        (1, 36, None, 5),
        (4, 36, None, 8),
        (40, 36, None, 16),
        (40, 12, None, 10),
        (40, 8, None, 8),
        (40, 36, Some(3), 7),
    ] {
        prompt.clear_for_tests();
        prompt.insert_text(&"\n".repeat(lines - 1));
        assert_eq!(prompt.height(40, screen, most), wanted, "{lines} on {screen}");
    }
}

#[test]
fn every_size_of_screen_is_drawn() {
    for width in [1, 2, 3, 4, 5, 20, 80] {
        for height in [1, 2, 3, 4, 5, 6, 24] {
            let mut prompt = rich();
            drawn(&prompt, width, height, &info());
            type_in(&mut prompt, "@");
            drawn(&prompt, width, height, &info());
            prompt.mouse(Pointer::Drag, Position::new(width, height));
            prompt.mouse(Pointer::Wheel(-3), Position::new(0, 0));
        }
    }
}

#[test]
fn the_mouse_works_on_text_and_list() {
    let mut prompt = prompt();
    type_in(&mut prompt, "one two");
    drawn(&prompt, 40, 5, &info());
    for (pointer, at, handled, cursor, selected) in [
        (Pointer::Press, (4, 1), Handled::Yes, 1, None),
        (Pointer::Drag, (7, 1), Handled::Yes, 4, Some("ne ")),
        (Pointer::Press, (1, 0), Handled::No, 4, Some("ne ")),
        (Pointer::Move, (5, 1), Handled::No, 4, Some("ne ")),
        (Pointer::Press, (30, 1), Handled::Yes, 7, None),
    ] {
        assert_eq!(
            prompt.mouse(pointer, Position::from(at)),
            handled,
            "{pointer:?} {at:?}"
        );
        assert_eq!(
            (prompt.editor.cursor(), prompt.selected_text()),
            (cursor, selected),
            "{pointer:?} {at:?}"
        );
    }
    prompt.mouse(Pointer::Drag, Position::new(4, 1));
    assert!(prompt.unselect());
    assert!(!prompt.unselect());
    prompt.clear_for_tests();
    type_in(&mut prompt, "/s");
    drawn(&prompt, 40, 20, &info());
    prompt.mouse(Pointer::Move, Position::new(5, 7));
    assert_eq!(prompt.autocomplete.selected().unwrap().label, "/sessions");
    outcomes(&mut prompt);
    prompt.mouse(Pointer::Press, Position::new(5, 6));
    assert_eq!(outcomes(&mut prompt), [Outcome::Run("model.list")]);
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
