//! Going to workspaces, with a session and without, and deleting them.

use opencode_schema::SessionId;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::stage::Stage;

const SESSION: &str = "ses_0123456789abcdefghijklmnop";
const BLUE: &str = "wrk_0123456789abcdefghijklmnop";

fn workspace(id: &str, name: &str) -> Value {
    json!({
        "id": id, "type": "worktree", "name": name, "branch": null, "directory": format!("/data/{name}"),
        "extra": null, "projectID": "p1", "timeUsed": 1,
    })
}

fn switched_on(mut stage: Stage) -> Stage {
    stage.act(|app| {
        let on = [("OPENCODE_EXPERIMENTAL_WORKSPACES".to_owned(), "1".to_owned())];
        app.settings.environment = app.settings.environment.with(on);
        app.dialogs.clear();
    });
    stage
}

fn chosen(stage: &mut Stage) {
    stage.run("workspace.set");
    assert_eq!(stage.asked(), ["GET /experimental/workspace/adapter"]);
    stage.answer(json!([{ "type": "worktree", "name": "Worktree", "description": "Another checkout" }]));
    assert_eq!(stage.asked(), ["POST /experimental/workspace/sync-list {}"]);
    stage.answer(Value::Null);
    assert_eq!(stage.asked(), ["GET /experimental/workspace"]);
    stage.answer(json!([workspace(BLUE, "blue")]));
}

#[test]
fn there_are_none_unless_they_are_switched_on() {
    let mut stage = Stage::in_session(100, 30, SESSION, "Demo");
    stage.act(|app| {
        for id in ["workspace.set", "workspace.list"] {
            assert!(!app.run(id), "{id}");
        }
    });
    stage.text("/warp");
    assert!(
        !stage.screen().contains("another workspace"),
        "{}",
        stage.screen()
    );
}

#[test]
fn a_session_goes_to_a_workspace_and_back() {
    let mut stage = switched_on(Stage::in_session(100, 30, SESSION, "Demo"));
    chosen(&mut stage);
    insta::assert_snapshot!(stage.dialog(), @r"
      Where to work                                    esc

      Search

      New workspace
      Worktree Another checkout

      Workspaces
    ● None The project's own folder
      blue (worktree)
    ");
    stage.squeeze();
    stage.keys("down enter");
    assert_eq!(stage.asked(), ["GET /vcs/status directory=/home/me/demo"]);
    stage.answer(json!([{ "file": "a" }]));
    stage.keys("enter");
    assert_eq!(
        stage.asked(),
        [format!(
            r#"POST /experimental/workspace/warp {{"id":"{BLUE}","sessionID":"{SESSION}","copyChanges":true}}"#
        )]
    );
    stage.answer(Value::Null);
    assert_eq!(stage.asked(), [format!("GET /session/{SESSION}")]);
    stage.answer(json!({
        "id": SESSION, "slug": "demo", "version": "1", "projectID": "p", "directory": "/home/me/demo",
        "workspaceID": BLUE, "title": "Demo", "time": { "created": 1, "updated": 1 },
    }));
    let asked = stage.asked();
    assert!(
        asked[0].starts_with(&format!("POST /session/{SESSION}/prompt_async")),
        "{asked:?}"
    );
    assert!(
        asked[0].contains("/data/blue") && asked[0].contains("noReply"),
        "{asked:?}"
    );
    stage.answer(Value::Null);
    // Its events are listened to there.
    assert_eq!(stage.asked(), [format!("GET /path workspace={BLUE}")]);
    stage.answer(json!({
        "home": "/home/me", "state": "", "config": "", "worktree": "/data/blue", "directory": "/data/blue",
    }));
    assert!(
        stage.wants.contains(&"Enter /data/blue".to_owned()),
        "{:?}",
        stage.wants
    );
    stage.answer_load();
    stage.act(|app| assert_eq!(app.entered.as_deref(), Some("/data/blue")));
    let mut stage = switched_on(stage);
    chosen(&mut stage);
    stage.keys("up enter");
    stage.answer(json!([]));
    assert_eq!(
        stage.asked(),
        [format!(
            r#"POST /experimental/workspace/warp {{"id":null,"sessionID":"{SESSION}","copyChanges":false}}"#
        )]
    );
}

#[test]
fn a_folder_that_is_gone_is_not_entered() {
    let mut stage = Stage::in_session(100, 30, SESSION, "Demo");
    stage.act(|app| {
        let id = SessionId::trusted(SESSION);
        app.store.sessions.get_mut(&id).unwrap().directory = "/gone".to_owned();
    });
    assert_eq!(stage.asked(), ["GET /path directory=/gone"]);
    stage.refuse("no such folder");
    stage.act(|_| {});
    assert_eq!(stage.asked(), [""; 0]);
    assert!(
        !stage.wants.iter().any(|want| want.starts_with("Enter")),
        "{:?}",
        stage.wants
    );
}

#[test]
fn the_next_session_begins_in_a_new_workspace() {
    let mut stage = switched_on(Stage::new(100, 30).connected());
    chosen(&mut stage);
    stage.keys("up enter");
    assert_eq!(
        stage.asked(),
        [r#"POST /experimental/workspace {"type":"worktree","branch":null}"#]
    );
    stage.answer(workspace(BLUE, "blue"));
    assert!(
        stage.wants.contains(&"Enter /data/blue".to_owned()),
        "{:?}",
        stage.wants
    );
    stage.text("fix it");
    stage.keys("enter");
    let asked = stage.asked().pop().unwrap();
    assert!(asked.contains(&format!(r#""workspaceID":"{BLUE}""#)), "{asked}");
}

#[test]
fn workspaces_are_deleted_by_two_presses() {
    let mut stage = switched_on(Stage::new(100, 30));
    stage.run("workspace.list");
    assert_eq!(stage.asked().len(), 2);
    stage.answer(Value::Null);
    stage.answer(json!([{ "workspaceID": BLUE, "status": "error" }]));
    stage.answer(json!([workspace(BLUE, "blue")]));
    stage.keys("enter");
    insta::assert_snapshot!(stage.dialog(), @r"
      Workspaces                                                                   esc

      Search

    ● blue /data/blue                                                         worktree

      delete ctrl+d
    ");
    stage.keys("ctrl+d");
    assert_eq!(stage.asked(), [""; 0]);
    stage.keys("ctrl+d");
    assert_eq!(stage.asked(), [format!("DELETE /experimental/workspace/{BLUE}")]);
}
