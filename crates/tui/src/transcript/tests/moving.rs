//! Moving through a transcript: scrolling, clicking, selecting, searching.

use pretty_assertions::assert_eq;
use ratatui::style::Modifier;
use serde_json::json;

use super::*;
use crate::transcript::piece::Target;
use crate::transcript::scroll::{Scroll, Wants};

/// Questions and answers in turns, each answer of some lines.
fn talk(turns: u32, lines: u32) -> Stage {
    let mut messages = Vec::new();
    for turn in 0..turns {
        messages.push(asked(2 * turn + 1, &format!("question {turn}")));
        let text: Vec<String> = (0..lines)
            .map(|line| format!("answer {turn} line {line}"))
            .collect();
        messages.push(answered(2 * turn + 2, 10, &json!([said(&text.join("\n"))])));
    }
    let mut stage = Stage::new(messages);
    stage.switches.assistant_metadata = false;
    stage
}

/// A transcript that is looked at through an area of a fixed size.
struct Viewer {
    stage: Stage,
    transcript: Transcript,
    width: u16,
    height: u16,
}

impl Viewer {
    fn new(stage: Stage, width: u16, height: u16) -> Self {
        let viewer = Self {
            stage,
            transcript: Transcript::default(),
            width,
            height,
        };
        viewer.lines();
        viewer
    }

    /// The rows that have text, without what is around it.
    fn lines(&self) -> Vec<String> {
        let screen = text(&self.stage.draw(&self.transcript, self.width, self.height));
        let lines = screen
            .lines()
            .map(|line| line.trim_matches([' ', '┃']).to_owned());
        lines.filter(|line| !line.is_empty()).collect()
    }

    fn scroll(&mut self, scroll: &Scroll) -> Vec<String> {
        self.stage.with(|scene| self.transcript.scroll(scene, scroll));
        self.lines()
    }

    fn edges(&mut self, scroll: &Scroll) -> (String, String) {
        let lines = self.scroll(scroll);
        (
            lines.first().cloned().unwrap_or_default(),
            lines.last().cloned().unwrap_or_default(),
        )
    }
}

#[test]
fn one_goes_through_a_transcript() {
    // A turn has as many rows as the area.
    let mut viewer = Viewer::new(talk(20, 4), 60, 9);
    // (movement, first line, last line)
    let table = [
        (Scroll::Lines(0), "question 19", "answer 19 line 3"),
        (Scroll::Lines(-3), "answer 18 line 1", "answer 19 line 0"),
        (Scroll::Lines(1), "answer 18 line 2", "answer 19 line 1"),
        (Scroll::Lines(100), "question 19", "answer 19 line 3"),
        (Scroll::Lines(-9), "question 18", "answer 18 line 3"),
        (Scroll::HalfPageUp, "answer 17 line 0", "question 18"),
        (Scroll::HalfPageDown, "question 18", "answer 18 line 3"),
        (Scroll::Lines(9), "question 19", "answer 19 line 3"),
        (Scroll::First, "question 0", "answer 0 line 3"),
        (Scroll::Lines(-5), "question 0", "answer 0 line 3"),
        (Scroll::NextMessage, "answer 0 line 0", "question 1"),
        (Scroll::NextMessage, "question 1", "answer 1 line 3"),
        (Scroll::PreviousMessage, "answer 0 line 0", "question 1"),
        (
            Scroll::Message("msg_000021".parse_id()),
            "question 10",
            "answer 10 line 3",
        ),
        (
            Scroll::Message("msg_999999".parse_id()),
            "question 10",
            "answer 10 line 3",
        ),
        (Scroll::LastUser, "question 19", "answer 19 line 3"),
        (Scroll::Last, "question 19", "answer 19 line 3"),
    ];
    for (scroll, first, last) in table {
        assert_eq!(
            viewer.edges(&scroll),
            (first.to_owned(), last.to_owned()),
            "{scroll:?}"
        );
    }
    assert!(viewer.transcript.position.is_bottom());
}

trait ParseId {
    fn parse_id(&self) -> opencode_schema::MessageId;
}

impl ParseId for str {
    fn parse_id(&self) -> opencode_schema::MessageId {
        opencode_schema::MessageId::trusted(self)
    }
}

#[test]
fn the_end_is_followed_until_one_leaves_it() {
    let mut viewer = Viewer::new(talk(20, 4), 60, 12);
    let more = |viewer: &mut Viewer, number: u32| {
        let message = serde_json::from_value(asked(number, &format!("new {number}"))).expect("a message");
        viewer.stage.messages.push((message, 1));
    };
    more(&mut viewer, 100);
    assert_eq!(viewer.lines().last().map(String::as_str), Some("new 100"));
    let before = viewer.scroll(&Scroll::Lines(-7));
    more(&mut viewer, 101);
    assert_eq!(viewer.lines(), before, "one stays where one is");
    // Older messages arrive above.
    let older = serde_json::from_value(asked(0, "older")).expect("a message");
    viewer.stage.messages.insert(0, (older, 1));
    assert_eq!(viewer.lines(), before);
    // The message at the top is taken away.
    let top = viewer.stage.with(|scene| {
        let list = viewer.transcript.list(scene);
        list.id(viewer.transcript.top(&list).0)
    });
    viewer
        .stage
        .messages
        .retain(|(message, _)| Some(&message.info.id) != top.as_ref());
    assert!(!viewer.lines().is_empty());
    viewer.scroll(&Scroll::Lines(1000));
    assert!(viewer.transcript.position.is_bottom());
}

#[test]
fn another_width_keeps_the_place() {
    let long: Vec<String> = (0..200).map(|number| format!("word{number}")).collect();
    let stage = Stage::new(vec![
        asked(1, "x"),
        answered(2, 1, &json!([said(&long.join(" "))])),
        asked(3, "y"),
    ]);
    let mut viewer = Viewer::new(stage, 40, 5);
    viewer.scroll(&Scroll::Lines(-25));
    let number = |line: &str| {
        line.split(' ')
            .next()
            .and_then(|word| word.strip_prefix("word")?.parse::<i32>().ok())
    };
    let before = viewer
        .lines()
        .first()
        .and_then(|line| number(line))
        .expect("a word");
    viewer.width = 80;
    let after = viewer
        .lines()
        .first()
        .and_then(|line| number(line))
        .expect("a word");
    assert!((before - after).abs() < 25, "{before} {after}");
}

#[test]
fn more_messages_are_wanted_near_the_ends() {
    let mut stage = talk(20, 4);
    stage.has_older = true;
    let mut viewer = Viewer::new(stage, 60, 12);
    assert_eq!(viewer.transcript.wants(), None);
    viewer.scroll(&Scroll::Message("msg_000005".parse_id()));
    assert_eq!(viewer.transcript.wants(), Some(Wants::Older));
    viewer.stage.has_older = false;
    viewer.lines();
    assert_eq!(viewer.transcript.wants(), None);
}

#[test]
fn a_place_says_what_it_is() {
    let printed: Vec<String> = (0..30).map(|number| format!("row {number}")).collect();
    let printed = printed.join("\n");
    let task = json!({"description": "d", "subagent_type": "explore"});
    let stage = Stage::new(vec![
        asked(1, "question"),
        answered(
            2,
            10,
            &json!([
                done("bash", &json!({"command": "c"}), "", &json!({"output": printed})),
                done("task", &task, "", &json!({"sessionId": "ses_child"})),
            ]),
        ),
    ]);
    let mut viewer = Viewer::new(stage, 60, 40);
    let at = |viewer: &Viewer, x, y| viewer.stage.with(|scene| viewer.transcript.target(scene, x, y));
    let id = "msg_000001".parse_id();
    let output = at(&viewer, 10, 8).expect("the output");
    // (column, row, what is there)
    let table = [
        (10, 0, None),
        (10, 1, Some(Target::Message(id.clone()))),
        (2, 2, Some(Target::Message(id.clone()))),
        (1, 2, None),
        (58, 2, None),
        (10, 4, None),
        (10, 5, Some(output.clone())),
        (10, 23, Some(Target::Task(SessionId::trusted("ses_child")))),
        (10, 39, None),
        (200, 200, None),
    ];
    for (x, y, target) in table {
        assert_eq!(at(&viewer, x, y), target, "{x} {y}");
    }
    // What the mouse is over stands out, and a click unfolds.
    let plain = viewer.stage.draw(&viewer.transcript, 60, 40)[(20, 2)].bg;
    assert!(viewer.transcript.hover(Some(Target::Message(id.clone()))));
    assert!(!viewer.transcript.hover(Some(Target::Message(id))));
    assert_ne!(viewer.stage.draw(&viewer.transcript, 60, 40)[(20, 2)].bg, plain);
    let part = output.fold().expect("that can be unfolded").clone();
    assert!(!viewer.lines().contains(&"row 20".to_owned()));
    viewer.stage.with(|scene| viewer.transcript.toggle(scene, &part));
    assert!(viewer.lines().contains(&"row 20".to_owned()));
    assert!(viewer.lines().contains(&"question".to_owned()), "the top stays");
    viewer.stage.with(|scene| viewer.transcript.toggle(scene, &part));
    assert!(!viewer.lines().contains(&"row 20".to_owned()));
}

#[test]
fn text_is_selected_with_the_mouse() {
    let code =
        "Some words that are too long for one row of the screen\n\n```rust\nfn main() {\n    go();\n}\n```";
    let stage = Stage::new(vec![
        asked(1, "first\nsecond 漢字"),
        answered(2, 10, &json!([said(code)])),
    ]);
    let mut viewer = Viewer::new(stage, 40, 20);
    // (name, from, to, text)
    let table = [
        ("a word", (5, 2), (9, 2), Some("first")),
        ("backwards", (9, 2), (5, 2), Some("first")),
        ("one cell", (5, 2), (5, 2), None),
        ("two rows", (7, 2), (10, 3), Some("rst\nsecond")),
        ("half of a wide letter", (12, 3), (13, 3), Some("漢")),
        (
            "borders are not text",
            (0, 1),
            (39, 4),
            Some("first\nsecond 漢字"),
        ),
        (
            "a broken line",
            (0, 6),
            (39, 7),
            Some("Some words that are too long for one row of the screen"),
        ),
        (
            "code keeps its indent",
            (0, 9),
            (39, 11),
            Some("fn main() {\n    go();\n}"),
        ),
        ("across messages", (0, 3), (8, 6), Some("second 漢字\n\n\nSome")),
        (
            "below the end",
            (0, 11),
            (39, 19),
            Some("}\n\n▣  Build · Scripted · 10ms"),
        ),
    ];
    for (name, from, to, text) in table {
        viewer.stage.with(|scene| {
            viewer.transcript.press(scene, from.0, from.1);
            viewer.transcript.drag(scene, to.0, to.1);
        });
        assert_eq!(
            viewer
                .stage
                .with(|scene| viewer.transcript.selected(scene))
                .as_deref(),
            text,
            "{name}"
        );
        assert_eq!(viewer.transcript.has_selection(), text.is_some(), "{name}");
    }
    viewer.stage.with(|scene| {
        viewer.transcript.press(scene, 5, 2);
        viewer.transcript.drag(scene, 9, 2);
    });
    assert_eq!(
        viewer
            .stage
            .with(|scene| viewer.transcript.selected(scene))
            .as_deref(),
        Some("first")
    );
    let buffer = viewer.stage.draw(&viewer.transcript, 40, 20);
    let is_marked = |x: u16| buffer[(x, 2)].modifier.contains(Modifier::REVERSED);
    assert_eq!([4, 5, 9, 10].map(is_marked), [false, true, true, false]);
    viewer.transcript.clear_selection();
    assert!(!viewer.transcript.has_selection());
}

#[test]
fn a_selection_goes_beyond_the_screen() {
    let mut viewer = Viewer::new(talk(20, 4), 60, 12);
    viewer.stage.with(|scene| viewer.transcript.press(scene, 50, 11));
    for _ in 0..10 {
        viewer.stage.with(|scene| viewer.transcript.drag(scene, 0, 0));
        viewer.transcript.area.set(Rect::new(0, 1, 60, 11));
    }
    let text = viewer
        .stage
        .with(|scene| viewer.transcript.selected(scene))
        .expect("a selection");
    assert!(
        text.contains("answer 18 line 0") && text.ends_with("answer 19 line 3"),
        "{text}"
    );
}

#[test]
fn words_are_found_in_a_session() {
    let mut stage = talk(200, 3);
    let printed: Vec<String> = (0..30).map(|number| format!("needle {number}")).collect();
    let bash = done(
        "bash",
        &json!({"command": "c"}),
        "",
        &json!({"output": printed.join("\n")}),
    );
    let message = serde_json::from_value(answered(1000, 1, &json!([bash]))).expect("a message");
    stage.messages.push((message, 1));
    let mut viewer = Viewer::new(stage, 60, 12);
    viewer.scroll(&Scroll::First);
    // (what is sought, whether it is there, a line that is seen then)
    let table = [
        ("QUESTION 77", true, "question 77"),
        ("answer 150 line 2", true, "answer 150 line 2"),
        ("nowhere", false, "answer 150 line 2"),
        ("needle 27", true, "needle 27"),
        ("  ", false, "needle 27"),
    ];
    for (query, is_there, seen) in table {
        let found = viewer.stage.with(|scene| viewer.transcript.search(scene, query));
        assert_eq!(found, is_there, "{query}");
        assert!(
            viewer.lines().contains(&seen.to_owned()),
            "{query}: {:?}",
            viewer.lines()
        );
    }
    viewer.scroll(&Scroll::First);
    assert!(
        viewer
            .stage
            .with(|scene| viewer.transcript.search(scene, "line 1"))
    );
    let mut find = |is_next| {
        assert!(viewer.stage.with(|scene| viewer.transcript.find(scene, is_next)));
        let buffer = viewer.stage.draw(&viewer.transcript, 60, 12);
        let marked = |y: &u16| (0..60).any(|x| buffer[(x, *y)].bg == viewer.stage.theme.primary);
        let row = (0..12).find(marked).expect("what was found is seen");
        text(&buffer)
            .lines()
            .nth(usize::from(row))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let found: Vec<String> = [true, true, false, false, false].map(&mut find).into();
    assert_eq!(
        found,
        [
            "answer 1 line 1",
            "answer 2 line 1",
            "answer 1 line 1",
            "answer 0 line 1",
            "answer 199 line 1"
        ]
    );
    viewer.transcript.end_search();
    assert!(!viewer.transcript.is_searching());
}

#[test]
fn a_word_is_found_across_the_end_of_a_row() {
    let stage = Stage::new(vec![answered(1, 1, &json!([said("aaaa bbbb cccc dddd eeee")]))]);
    let mut viewer = Viewer::new(stage, 20, 8);
    assert_eq!(viewer.lines()[0], "aaaa bbbb");
    assert!(
        viewer
            .stage
            .with(|scene| viewer.transcript.search(scene, "bbbb cc"))
    );
    let buffer = viewer.stage.draw(&viewer.transcript, 20, 8);
    let marked = |y: u16| {
        (0..20)
            .filter(|x| buffer[(*x, y)].bg == viewer.stage.theme.primary)
            .count()
    };
    assert_eq!([marked(1), marked(2), marked(3)], [5, 2, 0]);
}

#[test]
fn only_what_is_seen_is_drawn() {
    let mut viewer = Viewer::new(talk(5000, 4), 80, 40);
    let drawn = |viewer: &Viewer| viewer.transcript.cache.borrow().rows();
    assert!(drawn(&viewer) < 100, "{}", drawn(&viewer));
    for scroll in [
        Scroll::Lines(-40),
        Scroll::First,
        Scroll::Lines(40),
        Scroll::Message("msg_005001".parse_id()),
    ] {
        viewer.scroll(&scroll);
    }
    assert!(drawn(&viewer) < 500, "{}", drawn(&viewer));
    for _ in 0..1000 {
        viewer.scroll(&Scroll::Lines(40));
    }
    assert!(drawn(&viewer) <= 20_000, "{}", drawn(&viewer));
}

#[test]
fn a_selection_in_a_split_difference_keeps_to_the_side_where_it_began() {
    let diff = "--- a\n+++ b\n@@ -1,3 +1,4 @@\n fn one() {\n-    old();\n+    new();\n+    newer();\n }\n";
    let edit = done(
        "edit",
        &json!({ "filePath": "/p/a.txt", "oldString": "x", "newString": "y" }),
        "",
        &json!({ "diff": diff }),
    );
    let stage = Stage::new(vec![asked(1, "change it"), answered(2, 10, &json!([edit]))]);
    let mut viewer = Viewer::new(stage, 160, 20);
    let screen = text(&viewer.stage.draw(&viewer.transcript, 160, 20));
    let place = |wanted: &str| {
        let mut rows = (0..20).zip(screen.lines());
        let found = rows.find_map(|(y, row)| {
            let before = &row[..row.find(wanted)?];
            Some((u16::try_from(before.chars().count()).unwrap(), y))
        });
        found.unwrap_or_else(|| panic!("no {wanted} in\n{screen}"))
    };
    let (old, new, newer) = (place("old();"), place("new();"), place("newer();"));
    let (left, right) = ((old.0, old.1 - 1), (new.0 - 4, new.1 - 1));
    let end = (150, newer.1 + 1);
    // (name, from, to, text)
    let table = [
        (
            "the old side",
            (left.0 - 4, left.1),
            end,
            "fn one() {\n    old();\n}",
        ),
        (
            "the new side",
            right,
            end,
            "fn one() {\n    new();\n    newer();\n}",
        ),
        (
            "upwards",
            (newer.0 + 5, newer.1),
            (new.0, new.1),
            "new();\n    newer(",
        ),
    ];
    for (name, from, to, expected) in table {
        viewer.stage.with(|scene| {
            viewer.transcript.press(scene, from.0, from.1);
            viewer.transcript.drag(scene, to.0, to.1);
        });
        let selected = viewer.stage.with(|scene| viewer.transcript.selected(scene));
        assert_eq!(selected.as_deref(), Some(expected), "{name}\n{screen}");
    }
    // What began outside of both has both.
    viewer.stage.with(|scene| {
        viewer.transcript.press(scene, 3, 1);
        viewer.transcript.drag(scene, 159, old.1);
    });
    let selected = viewer.stage.with(|scene| viewer.transcript.selected(scene));
    let selected = selected.unwrap_or_default();
    assert!(
        selected.contains("old();") && selected.contains("new();"),
        "{selected}"
    );
    // What is marked is what is copied.
    viewer.stage.with(|scene| {
        viewer.transcript.press(scene, right.0, right.1);
        viewer.transcript.drag(scene, end.0, end.1);
    });
    let buffer = viewer.stage.draw(&viewer.transcript, 160, 20);
    let is_marked = |(x, y): (u16, u16)| buffer[(x, y)].modifier.contains(Modifier::REVERSED);
    assert_eq!([old, new, newer].map(is_marked), [false, true, true]);
}
