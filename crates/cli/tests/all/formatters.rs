//! Formatters, from end to end: those of a configuration, and the real ones.

use opencode_testkit::{Home, ScriptedModel, Step, language_tools};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::durable::{prompt, session, settle};
use crate::home;

fn own() -> Value {
    json!({ "own": {
        "command": ["sh", "-c", "echo end >> \"$1\"", "sh", "$FILE"],
        "extensions": [".own"],
    } })
}

#[tokio::test]
async fn what_a_model_writes_is_formatted_and_the_model_hears_nothing_of_it() {
    let model = ScriptedModel::start([
        Step::tool("write", json!({ "filePath": "a.own", "content": "one\n" })),
        Step::tool(
            "edit",
            json!({ "filePath": "a.own", "oldString": "one", "newString": "two" }),
        ),
        Step::text("done"),
    ])
    .await;
    let home = home();
    home.configure(&model.url(), json!({ "formatter": own() }));
    let run = home.run(["run", "--format", "json", "go"]).await.success();
    let text = fs_err::read_to_string(home.project().join("a.own")).unwrap();
    assert_eq!(text, "two\nend\nend\n");
    let calls = run.of_type("tool_use");
    let outputs: Vec<_> = calls
        .iter()
        .map(|call| &call["part"]["state"]["output"])
        .collect();
    assert_eq!(
        outputs,
        ["Wrote file successfully.", "Edit applied successfully."]
    );
    let filediff = &calls[1]["part"]["state"]["metadata"]["filediff"];
    assert_eq!(
        (&filediff["additions"], &filediff["deletions"]),
        (&json!(2), &json!(1))
    );
}

#[tokio::test]
async fn what_a_client_writes_is_formatted_and_the_client_told_what_it_is_then() {
    let home = home();
    home.write("opencode.json", json!({ "formatter": own() }).to_string());
    let server = home.serve().await;
    let write = json!({ "path": "a.own", "content": "one\n" });
    let answer = server.send("POST", "/api/files/write", Some(write)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let told = answer.json();
    let text = fs_err::read_to_string(home.project().join("a.own")).unwrap();
    assert_eq!((text.as_str(), &told["bytes"]), ("one\nend\n", &json!(8)));
    // What was told is what has to be there for the next change.
    let more = json!({ "path": "a.own", "content": "two\n", "mode": "append", "if_match": told["sha256"] });
    let answer = server.send("POST", "/api/files/write", Some(more)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = fs_err::read_to_string(home.project().join("a.own")).unwrap();
    assert_eq!(text, "one\nend\ntwo\nend\n");
}

#[tokio::test]
async fn durable_sessions_format_too() {
    let model = ScriptedModel::start([
        Step::tool("write", json!({ "path": "a.own", "content": "one\n" })),
        Step::tool(
            "edit",
            json!({ "path": "a.own", "oldString": "one", "newString": "two" }),
        ),
        Step::text("done"),
    ])
    .await;
    let home = home();
    let config = json!({ "formatter": own(), "permission": { "*": "allow" } });
    home.configure(&model.url(), config);
    let server = home.serve().await;
    let id = session(&server).await;
    prompt(&server, &id, json!({ "prompt": { "text": "go" } })).await;
    settle(&server, &id).await;
    let text = fs_err::read_to_string(home.project().join("a.own")).unwrap();
    assert_eq!(text, "two\nend\nend\n");
}

/// What real formatters make of a file that a model writes.
async fn written(home: &Home, name: &str, content: &str) -> String {
    let model = ScriptedModel::start([
        Step::tool("write", json!({ "filePath": name, "content": content })),
        Step::text("done"),
    ])
    .await;
    home.configure(&model.url(), json!({ "formatter": true }));
    home.run(["run", "go"]).await.success();
    fs_err::read_to_string(home.project().join(name)).unwrap()
}

#[tokio::test]
async fn the_real_formatters() {
    let Some(tools) = language_tools(&["ruff", "prettier", "rustfmt", "clang-format"]) else {
        return;
    };
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let home = home().with("PATH", &path);
    home.write("ruff.toml", "");
    home.write("package.json", r#"{"devDependencies": {"prettier": "3"}}"#);
    home.write(".clang-format", "BasedOnStyle: LLVM\n");
    for (name, content, wanted) in [
        ("a.py", "x = {  'a':1 }\n", "x = {\"a\": 1}\n"),
        ("a.ts", "const  a={b:1}\n", "const a = { b: 1 };\n"),
        (
            "a.rs",
            "fn  main( ) {let a=1;}\n",
            "fn main() {\n    let a = 1;\n}\n",
        ),
        ("a.c", "int  main( ){return 0;}\n", "int main() { return 0; }\n"),
        ("b.py", "x = (\n", "x = (\n"),
    ] {
        assert_eq!(written(&home, name, content).await, wanted, "{name}");
    }
}
