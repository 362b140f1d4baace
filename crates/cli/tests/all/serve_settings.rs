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

#[tokio::test]
async fn all_providers_are_listed_and_those_with_a_key_are_connected() {
    let (home, _model) = with_model([]).await;
    let server = home.serve().await;
    let list = || async { server.send("GET", "/provider", None).await.json() };
    let before = list().await;
    let all = before["all"].as_array().unwrap();
    assert!(all.len() > 100 && all.iter().any(|one| one["id"] == "anthropic"));
    assert_eq!(before["default"]["scripted"], "scripted");
    let connected = |list: &Value, id: &str| list["connected"].as_array().unwrap().contains(&json!(id));
    assert!(connected(&before, "scripted") && !connected(&before, "anthropic"));
    let key = json!({ "type": "api", "key": "k" });
    server.send("PUT", "/auth/anthropic", Some(key)).await;
    assert!(connected(&list().await, "anthropic"));

    let packed = server
        .send_with("GET", "/provider", &[("accept-encoding", "gzip")], None)
        .await;
    assert!(packed.head.contains("content-encoding: gzip"), "{}", packed.head);
    assert!(packed.text.len() < 1_000_000);
}

#[tokio::test]
async fn lists_say_what_is_there() {
    let home = home();
    home.write(
        "opencode.json",
        r#"{"mcp": {
            "nowhere": {"enabled": false},
            "off": {"type": "local", "command": ["x"], "enabled": false},
            "on": {"type": "local", "command": ["no-such-program-here"]}
        }}"#,
    );
    let server = home.serve().await;
    let get = |path: &'static str| async { server.send("GET", path, None).await.json() };
    let mcp = get("/mcp").await;
    assert_eq!(mcp["off"], json!({ "status": "disabled" }));
    assert_eq!(mcp["nowhere"], Value::Null);
    assert_eq!(mcp["on"]["status"], "failed");
    assert_eq!(get("/lsp").await, json!([]));
    let ids = get("/experimental/tool/ids").await;
    for (model, others) in [
        ("b", &["apply_patch", "websearch"][..]),
        ("gpt-5", &["edit", "write", "websearch"]),
    ] {
        let address = format!("/experimental/tool?provider=a&model={model}");
        let tools = server.send("GET", &address, None).await.json();
        let tools = tools.as_array().unwrap();
        let listed: Vec<&Value> = tools.iter().map(|tool| &tool["id"]).collect();
        let all = ids.as_array().unwrap().iter();
        let wanted: Vec<&Value> = all.filter(|id| !others.contains(&id.as_str().unwrap())).collect();
        assert_eq!(listed, wanted, "{model}");
        assert_eq!(tools[1]["parameters"]["type"], "object");
    }
    let missing = server.send("GET", "/experimental/tool?provider=a", None).await;
    assert_eq!(missing.status, 400);
}

#[tokio::test]
async fn files_are_found_by_what_is_typed() {
    let home = home();
    for name in ["src/beta.rs", "gamma/delta.md", ".hid/h.txt", "skip.txt"] {
        home.write(name, "text");
    }
    home.write(".gitignore", "skip.txt\n");
    let server = home.serve().await;
    let server = &server;
    let find = |query: &'static str| async move {
        let answer = server.send("GET", &format!("/find/file?{query}"), None).await;
        (answer.status, answer.json())
    };
    for (query, wanted) in [
        ("query=beta", json!(["src/beta.rs"])),
        ("query=gamma", json!(["gamma/", "gamma/delta.md"])),
        ("query=gamma&type=directory", json!(["gamma/"])),
        ("query=gamma&dirs=false", json!(["gamma/delta.md"])),
        ("query=skip", json!([])),
        ("query=&limit=1&type=file", json!([".gitignore"])),
    ] {
        assert_eq!(find(query).await, (200, wanted), "{query}");
    }
    home.write("new/beta.rs", "text");
    for _ in 0..1000 {
        if find("query=new").await.1 == json!(["new/", "new/beta.rs"]) {
            break;
        }
    }
    assert_eq!(find("query=new").await.1, json!(["new/", "new/beta.rs"]));
    for query in [
        "query=a&limit=0",
        "query=a&limit=201",
        "query=a&limit=x",
        "query=a&type=link",
        "limit=1",
    ] {
        let (status, answer) = find(query).await;
        assert_eq!(
            (status, &answer["data"]["kind"]),
            (400, &json!("Query")),
            "{query}"
        );
    }
    assert_eq!(
        server.send("GET", "/find/symbol?query=main", None).await.json(),
        json!([])
    );
}

#[tokio::test]
async fn a_project_gets_a_name() {
    let home = home();
    let server = home.serve().await;
    let project = server.send("GET", "/project/current", None).await.json();
    let id = project["id"].as_str().unwrap();
    let path = format!("/project/{id}");
    let change = || async {
        let body = json!({ "name": "Mine", "icon": { "color": "red" }, "commands": { "start": "make" } });
        assert_eq!(
            server.send("PATCH", &path, Some(body)).await.json()["name"],
            "Mine"
        );
    };
    let told = |event: &Value| {
        event["payload"]["type"] == "project.updated" && event["payload"]["properties"]["name"] == "Mine"
    };
    let events = server.events("/global/event", change, told).await;
    assert_eq!(events.last().unwrap()["directory"], "global");
    let body = json!({ "icon": { "override": "o" } });
    let changed = server.send("PATCH", &path, Some(body)).await.json();
    assert_eq!(changed["icon"], json!({ "override": "o", "color": "red" }));
    assert_eq!(changed["commands"], json!({ "start": "make" }));
    let folders = server
        .send("GET", &format!("{path}/directories"), None)
        .await
        .json();
    assert_eq!(folders, json!([{ "directory": home.project() }]));
    let unknown = server.send("PATCH", "/project/none", Some(json!({}))).await;
    assert_eq!(
        (unknown.status, &unknown.json()["_tag"]),
        (404, &json!("ProjectNotFoundError"))
    );
    assert_eq!(
        server.send("GET", "/project/none/directories", None).await.json(),
        json!([])
    );
}
