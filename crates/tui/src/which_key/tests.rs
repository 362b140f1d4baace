use pretty_assertions::assert_eq;
use serde_json::json;

use crate::stage::Stage;

/// A face with the panel switched on.
fn stage(height: u16) -> Stage {
    let mut stage = Stage::new(120, height);
    stage.act(|app| {
        app.dialogs.clear();
        app.settings
            .tui
            .plugin_enabled
            .insert("which-key".to_owned(), true);
    });
    stage
}

/// The rows of the panel.
fn panel(stage: &mut Stage) -> String {
    let screen = stage.screen();
    let rows: Vec<&str> = screen.lines().collect();
    rows[rows.len().saturating_sub(9)..].join("\n")
}

#[test]
fn there_is_no_panel_unless_it_is_switched_on() {
    let mut stage = stage(40);
    stage.act(|app| app.settings.tui.plugin_enabled.clear());
    let before = stage.screen();
    stage.keys("ctrl+alt+k");
    assert_eq!(stage.screen(), before);
    let kept = json!({ "plugin_enabled": { "which-key": true } }).to_string();
    stage.act(move |app| app.settings.switches = crate::settings::Switches::parse(&kept));
    stage.keys("ctrl+alt+k");
    assert!(stage.screen().contains("toggle ctrl+alt+k"));
    let text = stage.app.settings.switches.text();
    assert!(text.contains("\"which-key\": true"), "what is kept stays: {text}");
}

#[test]
fn it_lists_the_keys_of_a_group_and_goes_to_the_next() {
    let mut stage = stage(40);
    stage.keys("ctrl+alt+k");
    let shown = panel(&mut stage);
    let heads = shown.lines().next().unwrap();
    let names: Vec<&str> = heads
        .split("  ")
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(names[..3], ["Agent", "Prompt", "System"], "{}", stage.screen());
    let row = shown.lines().find(|row| row.contains("Agent cycle reverse"));
    assert!(row.unwrap().contains("shift+tab"), "{shown}");
    assert!(!shown.contains("ctrl+x"), "keys that are pressed alone: {shown}");
    stage.keys("ctrl+alt+right");
    let shown = panel(&mut stage);
    assert!(
        shown.contains("History previous") && !shown.contains("Agent cycle"),
        "{shown}"
    );
    stage.keys("ctrl+alt+left ctrl+alt+left");
    let shown = panel(&mut stage);
    assert!(shown.contains("Delete"), "the groups go round: {shown}");
    // There is more than has room: rows, pages, both ends.
    let first = |shown: &str| shown.lines().nth(2).unwrap().to_owned();
    let top = first(&shown);
    stage.keys("ctrl+alt+down");
    let second = panel(&mut stage);
    assert_ne!(first(&second), top);
    stage.keys("ctrl+alt+up");
    assert_eq!(panel(&mut stage), shown);
    stage.keys("ctrl+alt+end ctrl+alt+end");
    let last = panel(&mut stage);
    stage.keys("ctrl+alt+pagedown");
    assert_eq!(panel(&mut stage), last);
    stage.keys("ctrl+alt+pageup ctrl+alt+home");
    assert_eq!(panel(&mut stage), shown);
    stage.keys("ctrl+alt+k");
    assert!(!stage.screen().contains("toggle ctrl+alt+k"));
}

#[test]
fn it_takes_room_from_the_screen_or_lies_over_it() {
    let mut stage = stage(40);
    stage.keys("ctrl+alt+k");
    let docked = stage.screen();
    assert!(
        docked.contains("~/demo") && docked.contains("overlay ctrl+"),
        "{docked}"
    );
    stage.keys("ctrl+alt+shift+k");
    let over = stage.screen();
    assert!(!over.contains("~/demo") && over.contains("dock ctrl+"), "{over}");
    let text = stage.app.settings.switches.text();
    assert!(text.contains("\"which_key_layout\": \"overlay\""), "{text}");
}

#[test]
fn what_may_follow_is_listed_at_once_or_after_a_while() {
    let mut stage = stage(40);
    stage.keys("ctrl+x");
    let waiting = stage.app.keymap.waiting().unwrap();
    stage.act(move |app| app.show_preview(waiting));
    assert!(
        stage.screen().contains("Switch model"),
        "a sequence that waits is shown"
    );
    stage.keys("esc");
    assert!(!stage.screen().contains("Switch model"));
    stage.keys("ctrl+x");
    let shown = stage.screen();
    assert!(!shown.contains("Switch model"), "not at once: {shown}");
    stage.keys("esc ctrl+alt+shift+p ctrl+x");
    let waiting = stage.app.keymap.waiting().unwrap();
    stage.act(move |app| app.show_preview(waiting + 1));
    assert!(!stage.screen().contains("Switch model"), "that one has ended");
    stage.act(move |app| app.show_preview(waiting));
    assert!(stage.screen().contains("Switch model"));
    stage.keys("esc");
    assert!(!stage.screen().contains("Switch model"));
    stage.keys("ctrl+alt+k ctrl+x");
    let shown = stage.screen();
    for seen in ["Agent", "Switch model", "Session", "New session"] {
        assert!(shown.contains(seen), "{seen} in\n{shown}");
    }
    let text = stage.app.settings.switches.text();
    assert!(text.contains("\"which_key_pending_preview\": true"), "{text}");
    stage.keys("m");
    assert!(stage.dialog().contains("Select model"));
}

#[test]
fn it_follows_what_has_the_keyboard_and_needs_room() {
    let mut stage = stage(40);
    stage.keys("ctrl+alt+k ctrl+p");
    let shown = stage.screen();
    assert!(
        shown.contains("Agent     Dialog     System     Text Editing"),
        "{shown}"
    );
    stage.squeeze();
    let mut small = super::tests::stage(14);
    small.keys("ctrl+alt+k");
    assert!(!small.screen().contains("toggle ctrl+alt+k"));
}
