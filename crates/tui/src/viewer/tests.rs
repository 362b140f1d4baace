//! The screen of differences, from opening it to marking the last file.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::app::Route;
use crate::stage::Stage;

const SESSION: &str = "ses_0123456789abcdefghijklmnop";

fn file(path: &str, status: &str, lines: &[&str]) -> Value {
    let count = |sign: char| lines.iter().filter(|line| line.starts_with(sign)).count();
    let (added, removed) = (count('+'), count('-'));
    let same = lines.len() - added - removed;
    let patch = format!(
        "--- a/{path}\n+++ b/{path}\n@@ -1,{} +1,{} @@\n{}\n",
        same + removed,
        same + added,
        lines.join("\n")
    );
    json!({ "file": path, "patch": patch, "additions": added, "deletions": removed, "status": status })
}

fn changes() -> Value {
    json!([
        file("new.txt", "added", &["+one", "+two"]),
        { "file": "logo.png", "additions": 0, "deletions": 0, "status": "modified" },
        file("src/deep/b.txt", "deleted", &["-gone"]),
        file(
            "src/a.txt",
            "modified",
            &[" head", "-was", "+is", " middle", " more", "+last", " end"]
        ),
    ])
}

fn opened(width: u16, height: u16) -> Stage {
    let mut stage = Stage::in_session(width, height, SESSION, "Demo chat");
    stage.run("diff.open");
    assert_eq!(stage.asked(), ["GET /vcs/diff mode=git"]);
    stage.answer(changes());
    // Rows are those of a picture.
    stage.buffer();
    stage
}

/// The row at the top of the patches.
fn top(stage: &mut Stage) -> String {
    let screen = stage.screen();
    let row = screen.lines().nth(2).unwrap_or_default();
    row.rsplit_once(['│', '├'])
        .map_or(row, |(_, right)| right)
        .trim()
        .to_owned()
}

#[test]
fn all_patches_stand_one_below_the_other() {
    let mut stage = opened(100, 24);
    insta::assert_snapshot!(stage.screen(), @r#"
     Diff working tree                                                                          4 files
    ────────────────────────────────┬───────────────────────────────────────────────────────────────────
     ▾ src                          │ src/deep/b.txt                                              +0 -1
    │  ├─ ▾ deep                    ├───────────────────────────────────────────────────────────────────
    │  │  └─ b.txt                 D│ 1 - gone
    │  └─ a.txt                    M│
    ├─ logo.png                    M│ src/a.txt                                                   +2 -1
    └─ new.txt                     A├───────────────────────────────────────────────────────────────────
                                    │ 1   head
                                    │ 2 - was
                                    │ 2 + is
                                    │ 3   middle
                                    │ 4   more
                                    │ 5 + last
                                    │ 6   end
                                    │
                                    │ logo.png                                                    +0 -0
                                    ├───────────────────────────────────────────────────────────────────
                                    │ There is no text to compare
                                    │
                                    │ new.txt                                                     +2 -0
                                    ├───────────────────────────────────────────────────────────────────
    ────────────────────────────────┴───────────────────────────────────────────────────────────────────
     tab focus file tree  n next file  ] next hunk  [ previous hunk  p previous file  ? all
    "#);
    stage.squeeze();
}

#[test]
fn both_sides_stand_beside_each_other_where_there_is_room() {
    let mut stage = opened(160, 12);
    insta::assert_snapshot!(stage.screen(), @r#"
     Diff working tree                                                                                                                                      4 files
    ────────────────────────────────┬───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
     ▾ src                          │ src/deep/b.txt                                                                                                          +0 -1
    │  ├─ ▾ deep                    ├───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    │  │  └─ b.txt                 D│ 1 - gone
    │  └─ a.txt                    M│
    ├─ logo.png                    M│ src/a.txt                                                                                                               +2 -1
    └─ new.txt                     A├───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
                                    │ 1   head                                                       1   head
                                    │ 2 - was                                                        2 + is
    ────────────────────────────────┴───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
     tab focus file tree  n next file  ] next hunk  [ previous hunk  p previous file  d switch source  m mark reviewed  ? all
    "#);
    stage.keys("v");
    assert!(!stage.screen().contains("was                   "));
    stage.keys("b s");
    insta::assert_snapshot!(stage.screen(), @r#"
     Diff working tree                                                                                                                                      4 files
    ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
     src/deep/b.txt                                                                                                                                           +0 -1
    ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
     1 - gone





    ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
     tab focus file tree  n next file  ] next hunk  [ previous hunk  p previous file  d switch source  m mark reviewed  ? all
    "#);
}

#[test]
fn keys_move_through_files_and_hunks() {
    // Keys from the beginning, and what is at the top then; the screen is small, so that all of it can be.
    for (keys, expected) in [
        ("n", "src/a.txt"),
        ("n n", "logo.png"),
        ("n n p", "src/a.txt"),
        ("p", "src/deep/b.txt"),
        ("]", "1 - gone"),
        ("] ]", "2 - was"),
        ("] ] ]", "5 + last"),
        ("] ] ] [ [", "1 - gone"),
        ("j j", "1 - gone"),
        ("down down k", "────"),
        ("pagedown j", "src/a.txt"),
        ("ctrl+f ctrl+b", "src/deep/b.txt"),
        ("s n j j", "1   head"),
        ("s ] ] ]", "src/deep/b.txt"),
    ] {
        let mut stage = opened(100, 8);
        stage.keys(keys);
        let top = top(&mut stage);
        assert!(top.starts_with(expected), "{keys}: {top}");
    }
}

#[test]
fn the_tree_folds_and_chooses() {
    for (keys, expected) in [
        // Which names the tree shows, and what is at the top.
        ("tab", "src deep b.txt a.txt logo.png new.txt"),
        ("tab k enter", "src deep a.txt logo.png new.txt"),
        ("tab k k left", "src logo.png new.txt"),
        ("tab k k left right", "src deep b.txt a.txt logo.png new.txt"),
        ("tab left left left", "src deep a.txt logo.png new.txt"),
        ("tab k space E", "src deep b.txt a.txt logo.png new.txt"),
        ("b", ""),
    ] {
        let mut stage = opened(100, 20);
        stage.keys(keys);
        let viewer = stage.app.viewer.as_ref().expect("the screen");
        let names: Vec<&str> = viewer
            .tree
            .shown()
            .iter()
            .map(|entry| entry.name.as_str())
            .collect();
        let names = if viewer.has_tree {
            names.join(" ")
        } else {
            String::new()
        };
        assert_eq!(names, expected, "{keys}");
        stage.squeeze();
    }
    let mut stage = opened(100, 8);
    stage.keys("tab j j");
    assert!(top(&mut stage).starts_with("logo.png"), "{}", top(&mut stage));
    stage.click(5, 4);
    assert!(top(&mut stage).starts_with("src/a.txt"), "{}", top(&mut stage));
}

#[test]
fn files_are_marked_until_they_change() {
    let mut stage = opened(100, 24);
    stage.keys("m n m m");
    assert!(
        stage.screen().contains("1 reviewed · 4 files"),
        "{}",
        stage.screen()
    );
    for (changed, expected) in [
        (changes(), true),
        (json!([file("src/deep/b.txt", "modified", &["-other"])]), false),
    ] {
        stage.keys("d enter");
        assert_eq!(stage.asked(), ["GET /vcs/diff mode=git"]);
        stage.answer(changed);
        assert_eq!(stage.screen().contains("1 reviewed"), expected);
    }
}

#[test]
fn sources_are_switched_and_late_answers_dropped() {
    let mut stage = opened(100, 24);
    stage.keys("d down enter d down enter");
    assert_eq!(
        stage.asked(),
        [
            "GET /vcs/diff mode=branch".to_owned(),
            format!("GET /session/{SESSION}/diff"),
        ]
    );
    stage.answer(json!([]));
    assert!(stage.screen().contains("Reading"), "{}", stage.screen());
    stage.refuse("no such branch");
    assert!(stage.screen().contains("last turn"), "{}", stage.screen());
    assert!(stage.screen().contains("no such branch"));
    stage.keys("n p ] [ j k m tab enter left E s v");
    stage.keys("d enter");
    stage.answer(json!([]));
    assert!(stage.screen().contains("Nothing changed"));
    stage.squeeze();
}

#[test]
fn closing_goes_back() {
    for key in ["q", "escape"] {
        let mut stage = opened(100, 40);
        stage.keys("?");
        assert!(stage.dialog().contains("mark reviewed"), "{}", stage.dialog());
        stage.keys("escape");
        assert_eq!(stage.app.route, Route::Diff);
        stage.keys(key);
        assert!(matches!(stage.app.route, Route::Session(_)));
        assert!(stage.app.viewer.is_none());
    }
    let mut stage = Stage::new(100, 24);
    stage.keys("escape");
    stage.text("unsent");
    stage.run("diff.open");
    stage.keys("d");
    assert!(!stage.dialog().contains("Last turn"));
    stage.keys("escape q");
    assert_eq!(stage.app.route, Route::Home);
    assert!(stage.screen().contains("unsent"));
    stage.answer(changes());
    assert!(stage.app.viewer.is_none(), "an answer that nobody waits for");
}

#[test]
fn bad_files_do_no_harm() {
    let deep = format!("{}x", "a/".repeat(5000));
    let mut stage = Stage::in_session(80, 24, SESSION, "Demo chat");
    stage.run("diff.open");
    stage.answer(json!([
        { "additions": 1, "deletions": 1 },
        { "file": deep, "patch": "@@ -1,9999999 +1,99999999999999999999 @@\n", "additions": u64::MAX, "deletions": 0 },
        { "file": "\u{1b}[31m\u{202e}/\u{7}", "patch": "@@ -1 +1 @@\n-\u{1b}[2J\n+\u{202e}a", "additions": 1,
          "deletions": 1, "status": "modified" },
        { "file": "same", "additions": 1, "deletions": 1 },
        { "file": "same", "additions": 1, "deletions": 1 },
    ]));
    for keys in ["", "n n ] [ tab j j j enter", "E left left m", "s v b"] {
        stage.keys(keys);
        let screen = stage.screen();
        assert!(!screen.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{screen}");
        stage.squeeze();
    }
}

#[test]
fn the_key_that_shows_all_keys_is_always_told() {
    for width in [60, 80, 120] {
        let mut stage = Stage::in_session(width, 30, SESSION, "Demo");
        stage.run("diff.open");
        assert!(stage.screen().contains("? "), "{width}: {}", stage.screen());
        assert_eq!(stage.app.title, "OC | diff");
    }
}
