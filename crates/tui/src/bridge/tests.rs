use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{Mention, Notice, Selection};
use crate::app::Input;
use crate::stage::Stage;

const SESSION: &str = "ses_0000000000000000000000000a";
const OTHER: &str = "ses_0000000000000000000000000b";

fn selection(path: &str, spans: &[(i64, i64, i64, i64)]) -> Selection {
    let ranges: Vec<Value> = spans
        .iter()
        .map(|(line, character, end, last)| {
            json!({
                "text": "let a = 1;",
                "selection": {
                    "start": { "line": line, "character": character },
                    "end": { "line": end, "character": last },
                },
            })
        })
        .collect();
    serde_json::from_value(json!({ "filePath": path, "ranges": ranges })).unwrap()
}

fn select(stage: &mut Stage, selection: Selection) {
    stage.notice(Notice::Selected(selection));
}

#[test]
fn the_label_is_short_and_says_which_lines() {
    let table = [
        ("/p/src/lib.rs", vec![(12, 0, 20, 4)], "lib.rs#12-20"),
        ("/p/src/lib.rs", vec![(12, 0, 12, 4)], "lib.rs#12"),
        ("/p/src/lib.rs", vec![(12, 3, 12, 3)], "lib.rs"),
        ("/p/web/index.ts", vec![(1, 0, 2, 0)], "web/index.ts#1-2"),
        ("/p/web/index.test.ts", vec![(1, 0, 2, 0)], "index.test.ts#1-2"),
        (
            "/p/a.rs",
            vec![(3, 3, 3, 3), (5, 0, 7, 0), (9, 0, 9, 1)],
            "a.rs#5-7 +2",
        ),
        ("/p/a\u{1b}[31m.rs", vec![(1, 1, 1, 1)], "a[31m.rs"),
    ];
    for (path, spans, expected) in table {
        let label = selection(path, &spans).label();
        assert!(!label.contains('\u{1b}'), "{label:?}");
        if !path.contains('\u{1b}') {
            assert_eq!(label, expected, "{path}");
        }
    }
}

#[test]
fn both_forms_of_a_selection_are_read_and_nothing_else_is() {
    let span = json!({ "start": { "line": 1, "character": 2 }, "end": { "line": 1.0, "character": 1e300 } });
    let one = json!({ "filePath": "/p/a", "text": "t", "selection": span });
    let several = json!({ "filePath": "/p/a", "ranges": [{ "text": "t", "selection": span }] });
    let read = |value: &Value| serde_json::from_value::<Selection>(value.clone());
    assert_eq!(read(&one).unwrap(), read(&several).unwrap());
    for wrong in [
        json!({ "filePath": "/p/a" }),
        json!({ "filePath": "/p/a", "ranges": [] }),
        json!({ "filePath": "/p/a", "text": "t" }),
        json!({ "text": "t", "selection": span }),
        json!({ "filePath": "/p/a", "text": "t", "selection": { "start": "x" } }),
        json!(["a"]),
        json!(null),
    ] {
        assert!(read(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_selection_goes_with_one_prompt() {
    let mut stage = Stage::in_session(100, 30, SESSION, "Demo").connected();
    select(
        &mut stage,
        selection("/home/me/demo/src/lib.rs", &[(12, 0, 20, 4)]),
    );
    assert!(stage.screen().contains("lib.rs#12-20"), "{}", stage.screen());
    let sent = |stage: &mut Stage| {
        stage.text("why?");
        stage.keys("enter");
        let asked = stage.asked().pop().unwrap();
        stage.answer(json!({}));
        serde_json::from_str::<Value>(&asked[asked.find('{').unwrap()..]).unwrap()["parts"].clone()
    };
    let parts = sent(&mut stage);
    assert_eq!(parts.as_array().unwrap().len(), 2);
    assert_eq!(parts[0]["synthetic"], true);
    assert_eq!(
        parts[0]["metadata"],
        json!({
            "kind": "editor_context", "source": "websocket", "filePath": "/home/me/demo/src/lib.rs",
            "ranges": [{
                "text": "let a = 1;",
                "selection": { "start": { "line": 12, "character": 0 }, "end": { "line": 20, "character": 4 } },
            }],
        })
    );
    let text = parts[0]["text"].as_str().unwrap();
    assert!(text.contains("/home/me/demo/src/lib.rs#12-20"), "{text}");
    assert!(text.contains("let a = 1;"), "{text}");
    assert_eq!(sent(&mut stage).as_array().unwrap().len(), 1);
    // The same again is nothing new, another one is.
    select(
        &mut stage,
        selection("/home/me/demo/src/lib.rs", &[(12, 0, 20, 4)]),
    );
    assert_eq!(sent(&mut stage).as_array().unwrap().len(), 1);
    select(&mut stage, selection("/home/me/demo/src/lib.rs", &[(1, 0, 2, 0)]));
    assert_eq!(sent(&mut stage).as_array().unwrap().len(), 2);
}

#[test]
fn the_selection_of_a_prompt_that_makes_a_session_stays_known_there() {
    let mut stage = Stage::new(100, 30).connected();
    select(&mut stage, selection("/home/me/demo/a.rs", &[(1, 0, 2, 0)]));
    stage.text("why?");
    stage.keys("enter");
    stage.answer(json!({
        "id": SESSION, "slug": "demo", "version": "1", "projectID": "p", "directory": "/home/me/demo",
        "title": "Demo", "time": { "created": 1, "updated": 1 },
    }));
    let asked = stage.asked();
    assert!(
        asked.iter().any(|asked| asked.contains("editor_context")),
        "{asked:?}"
    );
    assert_eq!(stage.app.selection_label(), Some(("a.rs#1-2".to_owned(), false)));
    // Another session has nothing to do with it.
    stage.act(|app| app.open_session(&opencode_schema::SessionId::trusted(OTHER)));
    assert_eq!(stage.app.selection_label(), None);
}

#[test]
fn a_selection_of_a_prompt_that_could_not_be_sent_waits_again() {
    let mut stage = Stage::new(100, 30).connected();
    select(&mut stage, selection("/home/me/demo/a.rs", &[(1, 0, 2, 0)]));
    stage.text("why?");
    stage.keys("enter");
    stage.refuse("no room on the disk");
    assert_eq!(stage.app.selection_label(), Some(("a.rs#1-2".to_owned(), true)));
}

#[test]
fn the_user_decides_whether_selections_are_sent() {
    let mut stage = Stage::in_session(100, 30, SESSION, "Demo").connected();
    let first = selection("/home/me/demo/a.rs", &[(1, 0, 2, 0)]);
    select(&mut stage, first.clone());
    stage.run("prompt.editor_context.clear");
    assert_eq!(stage.app.selection_label(), None);
    select(&mut stage, first);
    assert_eq!(stage.app.selection_label(), None, "it was refused");
    select(&mut stage, selection("/home/me/demo/b.rs", &[(1, 0, 2, 0)]));
    assert_eq!(stage.app.selection_label(), Some(("b.rs#1-2".to_owned(), true)));
    stage.run("app.toggle.file_context");
    assert!(!stage.screen().contains("b.rs"), "{}", stage.screen());
    assert!(
        stage.wants.iter().any(|want| want.ends_with("kv.json")),
        "{:?}",
        stage.wants
    );
    stage.text("why?");
    stage.keys("enter");
    assert!(!stage.asked().iter().any(|asked| asked.contains("editor_context")));
}

#[test]
fn a_mention_is_a_file_of_the_prompt() {
    let mention = |path: &str, line_start, line_end| {
        Notice::Mentioned(Mention {
            path: path.to_owned(),
            line_start,
            line_end,
        })
    };
    let mut stage = Stage::in_session(100, 30, SESSION, "Demo").connected();
    stage.text("see");
    stage.keys("space");
    stage.notice(mention("/home/me/demo/src/lib.rs", 3, 9));
    stage.notice(mention("/etc/hosts", 4, 4));
    let screen = stage.screen();
    assert!(screen.contains("see @src/lib.rs#3-9 @/etc/hosts#4"), "{screen}");
    stage.keys("enter");
    let sent = stage.asked().pop().unwrap();
    assert!(
        sent.contains("file:///home/me/demo/src/lib.rs?start=3&end=9"),
        "{sent}"
    );
    assert!(sent.contains("file:///etc/hosts?start=4\""), "{sent}");
    // What makes no sense is harmless.
    stage.notice(mention("", -1, i64::MAX));
    stage.notice(mention("///", i64::MIN, 0));
    stage.screen();
}

#[test]
fn the_editor_that_is_listened_to_is_that_of_the_session() {
    let mut stage = Stage::new(100, 30);
    stage.act(|app| {
        let session = json!({
            "id": OTHER, "slug": "o", "version": "1", "projectID": "p", "directory": "/home/me/other",
            "title": "Other", "time": { "created": 1, "updated": 1 },
        });
        let session: opencode_schema::Session = serde_json::from_value(session).unwrap();
        let id = session.id.clone();
        app.store.sessions.insert(id.clone(), session);
        app.open_session(&id);
    });
    let bridges = stage.wants.iter().filter(|want| want.starts_with("Bridge"));
    assert_eq!(bridges.collect::<Vec<_>>(), ["Bridge /home/me/other"]);
}

impl Stage {
    fn notice(&mut self, notice: Notice) {
        self.input(Input::Bridge(notice));
    }
}
