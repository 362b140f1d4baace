//! Configuration, lists and search over HTTP.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{home, with_model};

#[tokio::test]
async fn a_changed_folder_is_read_anew() {
    let (home, _model) = with_model([]).await;
    let server = home.serve().await;
    let before = server.send("GET", "/config", None).await.json();
    assert_eq!(before["command"], json!({}), "defaults are filled: {before}");
    let wanted = json!({ "username": "zoe", "permission": "ask", "nonsense": 1 });
    let change = || async {
        let answer = server.send("PATCH", "/config", Some(wanted)).await;
        assert_eq!(
            answer.json(),
            json!({ "username": "zoe", "permission": { "*": "ask" } })
        );
    };
    let events = server
        .events("/event", change, |event| {
            event["type"] == "server.instance.disposed"
        })
        .await;
    assert!(!events.is_empty());
    let file = fs_err::read_to_string(home.project().join("config.json")).unwrap();
    let written: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(
        written,
        json!({ "username": "zoe", "permission": { "*": "ask" } })
    );

    let refused = server
        .send("PATCH", "/config", Some(json!({ "username": 7, "model": "a/b" })))
        .await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json()["data"],
        json!({ "message": "Expected string, got 7\n  at [\"username\"]", "kind": "Payload" })
    );
    let after = fs_err::read_to_string(home.project().join("config.json")).unwrap();
    assert_eq!(after, file);
}

#[tokio::test]
async fn a_global_change_counts_at_once_and_keeps_comments() {
    let (home, _model) = with_model([]).await;
    let path = home.path().join(".config/opencode/opencode.jsonc");
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(&path, "{\n  // Who I am.\n  \"username\": \"old\"\n}\n").unwrap();
    let server = home.serve().await;
    assert_eq!(
        server.send("GET", "/config", None).await.json()["username"],
        "old"
    );
    let change = || async {
        let answer = server
            .send("PATCH", "/global/config", Some(json!({ "username": "new" })))
            .await;
        assert_eq!(answer.json()["username"], "new");
    };
    let last = |event: &Value| event["payload"]["type"] == "global.disposed";
    server.events("/global/event", change, last).await;
    assert_eq!(
        fs_err::read_to_string(&path).unwrap(),
        "{\n  // Who I am.\n  \"username\": \"new\"\n}\n"
    );
    assert_eq!(
        server.send("GET", "/config", None).await.json()["username"],
        "new"
    );
    let global = server.send("GET", "/global/config", None).await.json();
    assert_eq!(global["username"], "new");
    assert_eq!(
        global["provider"],
        Value::Null,
        "that of the project is not global"
    );
}

#[tokio::test]
async fn the_agent_that_is_taken_comes_first() {
    let home = home();
    home.write(
        "opencode.json",
        r#"{"default_agent": "plan", "agent": {"zoo": {"mode": "primary"}, "explore": {"disable": true}}}"#,
    );
    let server = home.serve().await;
    let agents = server.send("GET", "/agent", None).await.json();
    let names: Vec<&str> = agents
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|agent| agent["name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "plan",
            "build",
            "compaction",
            "general",
            "summary",
            "title",
            "zoo"
        ]
    );
}
