use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;

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
    // What another client attached is not lost.
    let foreign = |mime: &str| json!({"type": "file", "mime": mime, "filename": "a.x", "url": "data:,x"});
    let parts = ["image/png", "image/gif", "application/pdf", "text/plain"].map(foreign);
    prompt.put_message(&[&[json!({"type": "text", "text": "see"})], parts.as_slice()].concat());
    assert_eq!(prompt.entry().input, "see [Image 1] [Image 2] [PDF 1] @a.x ");
    assert_eq!(prompt.entry().parts.len(), 4);
}

#[test]
fn a_torn_line_takes_no_other_with_it() {
    let torn = "{\"input\":\"first\",\"parts\":[],\"mode\":\"normal\"}\n{\"input\":\"to";
    let mut prompt = prompt();
    prompt.read_state(StateFile::History, torn);
    let mut file = torn.to_owned();
    for text in ["second", "third"] {
        type_in(&mut prompt, text);
        prompt.command("input.submit");
        for outcome in outcomes(&mut prompt) {
            if let Outcome::Write(StateFile::History, Write::Append(line)) = outcome {
                file += &line;
            }
        }
    }
    prompt.read_state(StateFile::History, &file);
    for wanted in ["third", "second", "first"] {
        prompt.command("prompt.history.previous");
        assert_eq!(prompt.entry().input, wanted);
    }
}
