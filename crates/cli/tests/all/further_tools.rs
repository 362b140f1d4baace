//! Tools that are offered only on some condition, from end to end.

use opencode_testkit::{ScriptedModel, Service, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::serve::said;
use crate::{home, new_session, stored_calls};

/// A step that calls a tool, and one that ends the turn.
fn one_call(tool: &str, input: Value) -> [Step; 2] {
    [Step::tool(tool, input), Step::text("done")]
}

#[tokio::test]
async fn the_web_is_searched_where_a_variable_says_so() {
    let reply =
        json!({ "jsonrpc": "2.0", "id": 1, "result": { "content": [{ "type": "text", "text": "a page" }] } });
    let search = Service::start(200, reply).await;
    let model = ScriptedModel::start(one_call("websearch", json!({ "query": "news" }))).await;
    let home = home()
        .with("OPENCODE_ENABLE_PARALLEL", "1")
        .with("OPENCODE_PARALLEL_URL", &format!("{}/mcp", search.url()))
        .with("PARALLEL_API_KEY", "sesame");
    home.configure(&model.url(), json!({}));
    let run = home.run(["run", "--format", "json", "search"]).await.success();
    let state = run.of_type("tool_use")[0]["part"]["state"].clone();
    assert_eq!(
        (&state["output"], &state["title"]),
        (&json!("a page"), &json!("Parallel Web Search: news"))
    );
    assert_eq!(
        search.asked()[0].body["params"]["arguments"],
        json!({ "objective": "news", "search_queries": ["news"], "session_id": run.session(), "model_name": "scripted" })
    );
    // The key is in no file.
    let kept = home.run(["export", &run.session()]).await.success().stdout;
    assert!(!kept.contains("sesame"));
}

#[tokio::test]
async fn a_plan_is_carried_out_after_a_yes() {
    let model = ScriptedModel::start([
        Step::text("What do you want?"),
        Step::tool("plan_exit", json!({})),
        Step::tool("bash", json!({ "command": "echo built" })),
        Step::text("done"),
    ])
    .await;
    let home = home().with("OPENCODE_EXPERIMENTAL_PLAN_MODE", "1");
    home.configure(&model.url(), json!({}));
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}");
    let prompt = |text: &str| Some(json!({ "agent": "plan", "parts": [{ "type": "text", "text": text }] }));
    server
        .send("POST", &format!("{path}/message"), prompt("plan it"))
        .await;
    let info = server.send("GET", &path, None).await.json();
    let plan = format!(
        ".opencode/plans/{}-{}.md",
        info["time"]["created"],
        info["slug"].as_str().unwrap()
    );
    let folder = home.project().join(".opencode/plans");
    assert!(folder.is_dir());
    home.write(&plan, "1. build");

    let begin = || async {
        let begun = server
            .send("POST", &format!("{path}/prompt_async"), prompt("go on"))
            .await;
        assert_eq!(begun.status, 204, "{begun:?}");
    };
    let asked = |event: &Value| event["type"] == "question.asked";
    let events = server.events("/event", begin, asked).await;
    let question = &events.last().unwrap()["properties"];
    assert_eq!(question["questions"][0]["custom"], false);
    assert!(
        question["questions"][0]["question"]
            .as_str()
            .unwrap()
            .contains(&plan),
        "{question}"
    );
    let id = question["id"].as_str().unwrap();
    let reply = || async {
        let body = json!({ "answers": [["Yes"]] });
        server
            .send("POST", &format!("/question/{id}/reply"), Some(body))
            .await;
    };
    server
        .events("/event", reply, |event| event["type"] == "session.idle")
        .await;

    let requests = model.requests();
    let notes = |at: usize| {
        requests[at]
            .conversation()
            .iter()
            .filter(|one| one["role"] == "user")
            .cloned()
            .collect::<Vec<_>>()
    };
    // The note is told once, and with the name of the file.
    let first = notes(0)[0]["content"].to_string();
    assert!(
        first.contains("Plan mode is on") && first.contains(&plan),
        "{first}"
    );
    assert_eq!(notes(1)[1]["content"], "go on");
    assert!(requests[0].tools().contains(&"plan_exit".to_owned()));
    // The builder is told what was agreed, where the plan is, and may work.
    let last = notes(2)[2]["content"].to_string();
    assert!(
        last.contains("is approved") && last.contains("from plan to build") && last.contains(&plan),
        "{last}"
    );
    assert!(!requests[2].tools().contains(&"plan_exit".to_owned()));
    let calls = stored_calls(&home, &session);
    assert_eq!(calls[1]["state"]["output"], "built\n");
    assert_eq!(notes(3), notes(2));
}

#[tokio::test]
async fn further_tools_are_there_when_configuration_names_them() {
    let calls = json!({ "tool_calls": [
        { "tool": "read", "parameters": { "filePath": "kept.txt" } },
        { "tool": "rm", "parameters": { "path": "gone.txt" } },
        { "tool": "webfetch", "parameters": {} },
    ] });
    let model = ScriptedModel::start(one_call("batch", calls)).await;
    let home = home();
    home.configure(
        &model.url(),
        json!({
            "tools": { "batch": true, "list": true },
            "permission": { "rm": "allow", "webfetch": "deny" },
            "agent": { "explore": { "permission": { "todoread": "allow" } } },
        }),
    );
    home.write("kept.txt", "kept");
    home.write("gone.txt", "gone");
    let run = home.run(["run", "--format", "json", "go"]).await.success();
    let offered = model.requests()[0].tools();
    let further: Vec<&str> = offered
        .iter()
        .map(String::as_str)
        .filter(|name| ["batch", "list", "multiedit", "rm", "todoread"].contains(name))
        .collect();
    assert_eq!(further, ["batch", "list", "rm"]);
    let state = run.of_type("tool_use")[0]["part"]["state"].clone();
    assert_eq!(state["title"], "2 of 3 calls succeeded", "{state}");
    let output = state["output"].as_str().unwrap();
    assert!(
        output.contains("1: kept") && output.contains("no tool by the name 'webfetch'"),
        "{output}"
    );

    let gone = home.project().join("gone.txt");
    assert!(!gone.exists());
    let list = home.run(["trash", "list"]).await.success().stdout;
    assert!(list.contains("gone.txt"), "{list}");
    let restored = home.run(["trash", "restore"]).await.success().stdout;
    assert!(restored.trim_end().ends_with("gone.txt"), "{restored}");
    assert_eq!(fs_err::read_to_string(&gone).unwrap(), "gone");
    assert_eq!(home.run(["trash", "list"]).await.success().stdout, "");
    assert_eq!(home.run(["trash", "restore", "trash_1"]).await.code(), Some(1));
}

#[tokio::test]
async fn further_tools_are_listed_only_when_they_are_named() {
    let model = ScriptedModel::start([Step::text("hi")]).await;
    let home = home();
    home.configure(
        &model.url(),
        json!({ "permission": { "*": "allow", "multiedit": "allow" } }),
    );
    let server = home.serve().await;
    let ids = server.send("GET", "/experimental/tool/ids", None).await.json();
    let ids: Vec<&str> = ids.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(&ids[ids.len() - 2..], ["apply_patch", "multiedit"]);
    let session = new_session(&server).await;
    server
        .send("POST", &format!("/session/{session}/message"), said("hi"))
        .await;
    let offered = model.requests()[0].tools();
    assert!(
        offered.contains(&"multiedit".to_owned()) && !offered.contains(&"list".to_owned()),
        "{offered:?}"
    );
}
