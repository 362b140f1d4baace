//! MCP servers that others wrote, where `scripts/install-mcp-servers` has put them (`OPENCODE_MCP_SERVERS`).

#![expect(clippy::print_stderr, reason = "what is left out is said")]

use std::path::PathBuf;

use opencode_testkit::{Home, ScriptedModel, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{home, stored_calls};

/// The program of a server; none, and a line that says so, where it is not installed.
fn program(server: &str) -> Option<String> {
    let folder = PathBuf::from(std::env::var_os("OPENCODE_MCP_SERVERS").unwrap_or_default());
    let program = folder
        .join("node_modules/@modelcontextprotocol")
        .join(server)
        .join("dist/index.js");
    if program.is_file() {
        return Some(program.to_string_lossy().into_owned());
    }
    eprintln!("left out: {server} is not in $OPENCODE_MCP_SERVERS");
    None
}

fn configured(model: &ScriptedModel, servers: &Value) -> Home {
    let home = home().with("OPENCODE_MCP_WAIT", "60000");
    home.configure(&model.url(), json!({ "mcp": servers }));
    home
}

/// Calls of everything's tools, and what comes of them.
async fn everything(server: &Value) {
    let model = ScriptedModel::start([
        Step::tool("every_echo", json!({ "message": "hi" }))
            .and_tool("every_get-sum", json!({ "a": 2, "b": 3 }))
            .and_tool("every_get-structured-content", json!({ "location": "Chicago" }))
            .and_tool("every_get-tiny-image", json!({}))
            .and_tool(
                "every_trigger-long-running-operation",
                json!({ "duration": 1, "steps": 4 }),
            ),
        Step::text("done"),
    ])
    .await;
    let home = configured(&model, &json!({ "every": server }));
    let run = home.run(["run", "--format", "json", "go"]).await.success();
    let request = &model.requests()[0];
    assert!(
        request.system().contains("<server name=\"every\">"),
        "{}",
        request.system()
    );
    assert!(
        request.tools().iter().any(|tool| tool == "read_mcp_resource"),
        "{:?}",
        request.tools()
    );
    let calls = stored_calls(&home, &run.session());
    let output = |at: usize| {
        calls[at]["state"]["output"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(output(0), "Echo: hi");
    assert_eq!(output(1), "The sum of 2 and 3 is 5.");
    assert!(output(2).contains("\"temperature\":36"), "{}", calls[2]);
    assert_eq!(
        calls[3]["state"]["attachments"][0]["mime"], "image/png",
        "{}",
        calls[3]
    );
    assert!(output(4).contains("completed"), "{}", calls[4]);
}

#[tokio::test]
async fn everything_asks_the_model() {
    let Some(program) = program("server-everything") else {
        return;
    };
    let model = ScriptedModel::start([
        // It has the tool only once it knows that it may ask.
        Step::tool("bash", json!({ "command": "sleep 1" })),
        Step::tool(
            "every_trigger-sampling-request",
            json!({ "prompt": "Which colour?", "maxTokens": 50 }),
        ),
        Step::text("blue"),
        Step::text("done"),
    ])
    .await;
    let home = home().with("OPENCODE_MCP_WAIT", "60000");
    let server = json!({ "type": "local", "command": ["node", program] });
    let more = json!({ "mcp": { "every": server }, "permission": { "mcp_sampling": "allow" } });
    home.configure(&model.url(), more);
    let run = home.run(["run", "--format", "json", "go"]).await.success();
    let asked = &model.requests()[2].body;
    assert_eq!(asked["max_tokens"], 50);
    assert!(asked["messages"].to_string().contains("Which colour?"), "{asked}");
    let calls = stored_calls(&home, &run.session());
    assert!(
        calls[1]["state"]["output"].to_string().contains("blue"),
        "{}",
        calls[1]
    );
}

#[tokio::test]
async fn everything_over_standard_input_and_output() {
    let Some(program) = program("server-everything") else {
        return;
    };
    everything(&json!({ "type": "local", "command": ["node", program, "stdio"] })).await;
}

/// Everything as a server of the web, until it is dropped.
async fn web(kind: &str) -> Option<(tokio::process::Child, u16)> {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let program = program("server-everything")?;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut child = tokio::process::Command::new("node")
        .args([&program, kind])
        .env("PORT", port.to_string())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let listening = async {
        while let Ok(Some(line)) = lines.next_line().await {
            if line.contains("port") {
                break;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), listening)
        .await
        .unwrap();
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Some((child, port))
}

#[tokio::test]
async fn everything_over_streamable_http() {
    let Some((_server, port)) = web("streamableHttp").await else {
        return;
    };
    everything(&json!({ "type": "remote", "url": format!("http://127.0.0.1:{port}/mcp") })).await;
}

#[tokio::test]
async fn everything_over_the_older_way() {
    let Some((_server, port)) = web("sse").await else {
        return;
    };
    everything(&json!({ "type": "remote", "url": format!("http://127.0.0.1:{port}/sse") })).await;
}

#[tokio::test]
async fn files_and_memory() {
    let (Some(files), Some(memory)) = (program("server-filesystem"), program("server-memory")) else {
        return;
    };
    let entity = json!({ "name": "Ada", "entityType": "person", "observations": ["writes programs"] });
    let model = ScriptedModel::start([
        Step::tool("files_read_text_file", json!({ "path": "note.txt" }))
            .and_tool("files_read_text_file", json!({ "path": "/etc/passwd" }))
            .and_tool("memory_create_entities", json!({ "entities": [entity] })),
        Step::tool("memory_search_nodes", json!({ "query": "Ada" })),
        Step::text("done"),
    ])
    .await;
    let home = configured(&model, &json!({}));
    home.write("note.txt", "remember the milk");
    let project = home.project();
    let store = home.path().join("memory.json");
    let servers = json!({
        "files": { "type": "local", "command": ["node", files, project] },
        "memory": { "type": "local", "command": ["node", memory], "environment": { "MEMORY_FILE_PATH": store } },
    });
    home.configure(&model.url(), json!({ "mcp": servers }));
    let run = home.run(["run", "--format", "json", "go"]).await.success();
    let calls = stored_calls(&home, &run.session());
    assert_eq!(calls[0]["state"]["output"], "remember the milk", "{}", calls[0]);
    assert_eq!(calls[1]["state"]["status"], "error", "{}", calls[1]);
    assert!(
        calls[3]["state"]["output"]
            .as_str()
            .unwrap()
            .contains("writes programs"),
        "{}",
        calls[3]
    );
}
