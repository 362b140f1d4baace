//! Messages as wholes: those of the user, those that were taken back, turns that were stopped.

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::transcript::piece::Target;

#[test]
fn users_messages_carry_what_belongs_to_them() {
    let file =
        |mime: &str, name: &str| json!({"type": "file", "mime": mime, "filename": name, "url": "file:///x"});
    let parts = json!([
        said("look at this"),
        {"type": "text", "text": "made by the program", "synthetic": true},
        file("text/plain", "lib.rs"),
        file("application/x-directory", "src/"),
        file("image/png", "a.png"),
    ]);
    let mut stage = Stage::new(vec![
        question(1, &parts),
        question(2, &json!([{"type": "compaction", "auto": false}])),
        open(3, &json!([])),
        asked(4, "and then"),
    ]);
    stage.switches.timestamps = true;
    insta::assert_snapshot!(stage.screen(80, 30), @r"

    ┃
    ┃  look at this
    ┃
    ┃   File  lib.rs   Directory  src/   Image  a.png
    ┃  10:13 PM
    ┃

    ──────────────────────────────── Compaction ────────────────────────────────

       ▣  Build · Scripted

    ┃
    ┃  and then
    ┃   QUEUED
    ┃
    ");
}

#[test]
fn what_was_taken_back_is_told() {
    let mut stage = Stage::new(vec![
        asked(1, "one"),
        answered(2, 10, &json!([said("two")])),
        asked(3, "three"),
    ]);
    let diff = "--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n";
    let revert = json!({"messageID": "msg_000003", "diff": diff});
    stage.revert = Some(serde_json::from_value(revert).expect("a revert"));
    insta::assert_snapshot!(stage.screen(80, 30), @r"

    ┃
    ┃  one
    ┃

       two

       ▣  Build · Scripted · 10ms

    ┃
    ┃  1 message reverted
    ┃  ctrl+x r or /redo to restore
    ┃
    ┃  src/lib.rs +1 -1
    ┃  gone -1
    ┃
    ");
    let transcript = Transcript::default();
    stage.draw(&transcript, 80, 30);
    assert_eq!(
        stage.with(|scene| transcript.target(scene, 10, 10)),
        Some(Target::Reverted)
    );
}

#[test]
fn a_turn_that_was_stopped_says_so() {
    let mut stopped = open(2, &json!([said("half")]));
    stopped["info"]["error"] = json!({"name": "MessageAbortedError", "data": {"message": "Aborted"}});
    let stage = Stage::new(vec![asked(1, "x"), stopped, asked(3, "y"), open(4, &json!([]))]);
    let screen = stage.screen(60, 20);
    assert!(
        screen.contains("     half\n\n     ▣  Build · Scripted · interrupted\n"),
        "{screen}"
    );
}
