//! Windows through the whole face: keys go in, pictures and requests come out.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::stage::Stage;

const FIRST: &str = "ses_0000000000000000000000000a";
const SECOND: &str = "ses_0000000000000000000000000b";

fn told(id: &str, title: &str, updated: i64) -> Value {
    json!({
        "id": id, "slug": "demo", "version": "1.0.0", "projectID": "global", "directory": "/home/me/demo",
        "title": title, "time": { "created": 1, "updated": updated },
    })
}

/// A face in the first of two sessions, with the list of sessions open.
fn sessions() -> Stage {
    let mut stage = Stage::in_session(100, 40, FIRST, "First");
    let second = serde_json::from_value(told(SECOND, "Second", 2)).unwrap();
    stage.act(move |app| {
        let second: opencode_schema::Session = second;
        app.store.sessions.insert(second.id.clone(), second);
        app.run("session.list");
    });
    stage.forget_asked();
    stage
}

#[test]
fn tab_leads_through_the_actions_of_a_list_and_enter_runs_the_one_it_is_at() {
    let mut stage = sessions();
    stage.keys("tab tab enter");
    assert!(stage.dialog().contains("ctrl+d"), "{}", stage.dialog());
    assert!(stage.dialog().contains("again"), "{}", stage.dialog());
    assert_eq!(stage.asked(), Vec::<String>::new());
    stage.keys("shift+tab enter");
    assert!(stage.dialog().contains("Rename"), "{}", stage.dialog());
}

#[test]
fn the_keyboard_goes_back_to_the_list_when_it_moves_or_is_written_to() {
    for keys in ["tab down", "tab tab tab tab", "tab shift+tab"] {
        let mut stage = sessions();
        stage.keys(keys);
        stage.keys("enter");
        assert!(stage.app.dialogs.is_empty(), "{keys}: {}", stage.dialog());
    }
    let mut stage = sessions();
    stage.keys("tab");
    stage.text("Second");
    stage.keys("enter");
    assert!(stage.app.dialogs.is_empty());
    assert_eq!(
        stage.app.session_id().map(ToString::to_string).as_deref(),
        Some(SECOND)
    );
}

#[test]
fn the_digit_of_a_pinned_session_stays_where_it_is_shown() {
    let mut stage = sessions();
    stage.keys("ctrl+f");
    assert!(stage.dialog().contains("1 First"), "{}", stage.dialog());
    stage.keys("esc");
    stage.run("session.list");
    stage.keys("enter");
    assert_eq!(
        stage.app.session_id().map(ToString::to_string).as_deref(),
        Some(FIRST)
    );
}

#[test]
fn tab_means_the_same_in_windows_whatever_cycles_agents() {
    let mut stage = sessions();
    stage.bind("agent_cycle", "ctrl+y");
    stage.keys("tab tab enter");
    assert!(stage.dialog().contains("again"), "{}", stage.dialog());
}

#[test]
fn a_question_keeps_its_answers_where_its_text_does_not_fit() {
    let mut stage = Stage::new(60, 12);
    stage.act(|app| {
        app.dialogs.clear();
        let text = "word ".repeat(200);
        app.open_dialog(super::Confirm::new("Sure", text, |_, _| {}));
    });
    assert!(stage.dialog().contains("Cancel   Confirm"), "{}", stage.dialog());
}

#[test]
fn a_long_title_is_folded_while_it_is_written() {
    let mut stage = Stage::in_session(60, 30, FIRST, &"a long title ".repeat(8));
    stage.run("session.rename");
    let dialog = stage.dialog();
    let rows = dialog.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(rows.matches("a long title").count(), 8, "{dialog}");
    stage.keys("ctrl+j x enter");
    let asked = stage.asked();
    assert!(asked[0].contains(r#"a long title x""#), "{asked:?}");
}
