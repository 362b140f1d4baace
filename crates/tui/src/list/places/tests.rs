//! Moving sessions, with and without what was changed.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::stage::Stage;

const SESSION: &str = "ses_0123456789abcdefghijklmnop";

fn folders() -> Value {
    json!([
        { "directory": "/home/me/demo" },
        { "directory": "/home/me/copies/blue", "strategy": "git_worktree" },
    ])
}

fn opened(mut stage: Stage) -> Stage {
    stage.keys("escape");
    stage.run("session.move");
    assert_eq!(stage.asked(), ["GET /project/current"]);
    stage.answer(json!({ "id": "p1", "worktree": "/home/me/demo" }));
    assert_eq!(stage.asked(), ["GET /project/p1/directories"]);
    stage.answer(folders());
    stage
}

fn session() -> Stage {
    opened(Stage::in_session(100, 30, SESSION, "Demo"))
}

#[test]
fn a_session_moves_with_its_changes_or_without() {
    let moving = |takes: bool| {
        format!(
            r#"POST /experimental/control-plane/move-session {{"sessionID":"{SESSION}","destination":{{"directory":"/home/me/copies/blue"}},"moveChanges":{takes}}}"#
        )
    };
    for (changes, keys, expected) in [
        (json!([]), "", Some(false)),
        (json!([{ "file": "a" }]), "enter", Some(true)),
        (json!([{ "file": "a" }]), "down enter", Some(false)),
        (json!([{ "file": "a" }]), "escape", None),
    ] {
        let mut stage = session();
        insta::allow_duplicates! {
            insta::assert_snapshot!(stage.dialog(), @r#"
              Move session                                                                           esc

              Search

              Project
            ● ~/demo

              Copies
              ~/copies/blue

              new copy ctrl+m  delete copy ctrl+d  refresh ctrl+r
            "#);
        }
        stage.squeeze();
        stage.keys("down enter");
        assert_eq!(stage.asked(), ["GET /vcs/status directory=/home/me/demo"]);
        stage.answer(changes);
        stage.keys(keys);
        let expected: Vec<String> = expected.map(moving).into_iter().collect();
        assert_eq!(stage.asked(), expected, "{keys}");
        if !expected.is_empty() {
            stage.answer(Value::Null);
            assert_eq!(stage.asked(), [format!("GET /session/{SESSION}")]);
        }
    }
}

#[test]
fn nothing_moves_to_where_it_is() {
    let mut stage = session();
    stage.keys("enter");
    assert_eq!(stage.asked(), Vec::<String>::new());
    assert!(stage.app.dialogs.is_empty());
}

#[test]
fn copies_are_made_deleted_and_looked_for() {
    let mut stage = session();
    stage.keys("ctrl+d ctrl+d");
    assert_eq!(stage.asked(), Vec::<String>::new(), "the project itself stays");
    stage.keys("down ctrl+d up down ctrl+d");
    assert_eq!(
        stage.asked(),
        Vec::<String>::new(),
        "moving away forgets the first press"
    );
    assert!(stage.dialog().contains("again to confirm"));
    stage.keys("ctrl+d");
    assert_eq!(
        stage.asked(),
        [r#"DELETE /experimental/project/p1/copy {"directory":"/home/me/copies/blue","force":false}"#]
    );
    stage.answer(Value::Null);
    assert_eq!(stage.asked(), ["GET /project/p1/directories"]);
    stage.answer(json!([{ "directory": "/home/me/demo" }]));
    assert!(!stage.dialog().contains("blue"));
    stage.keys("ctrl+r");
    assert_eq!(stage.asked(), ["POST /experimental/project/p1/copy/refresh {}"]);
    stage.answer(Value::Null);
    stage.answer(folders());
    assert!(stage.dialog().contains("blue"));
    stage.keys("ctrl+m");
    assert_eq!(stage.asked(), ["POST /experimental/worktree {}"]);
    stage.answer(json!({ "name": "n", "directory": "/home/me/copies/new" }));
    assert_eq!(stage.asked(), ["GET /vcs/status directory=/home/me/demo"]);
}

#[test]
fn the_start_works_elsewhere() {
    let mut stage = opened(Stage::new(100, 30));
    stage.keys("down enter");
    assert_eq!(stage.wants, ["Enter /home/me/copies/blue"]);
}
