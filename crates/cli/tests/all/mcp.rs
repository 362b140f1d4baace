//! MCP servers from end to end: what models are told, what becomes of calls, and what clients see
//! (reference `integrations.md` §A).

use std::time::{Duration, Instant};

use opencode_testkit::{Home, McpPeer, ScriptedModel, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{durable, home, new_session, stored_calls};

/// This program as a server, when [`script`] started it.
#[test]
fn peer() {
    McpPeer::serve_if_asked();
}

/// How a scripted server is configured.
fn script(script: &Value) -> Value {
    McpPeer::config("mcp::peer", script)
}

fn tool(name: &str) -> Value {
    json!({ "name": name, "description": format!("does {name}"),
        "inputSchema": { "type": "object", "properties": { "a": { "type": "number" } }, "$schema": "x" } })
}

/// A home with servers, whose first turn waits for them.
fn with_servers(model: &ScriptedModel, servers: &Value, more: &Value) -> Home {
    let home = home().with("OPENCODE_MCP_WAIT", "30000");
    let mut config = json!({ "mcp": servers });
    config
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().cloned().unwrap_or_default());
    home.configure(&model.url(), config);
    home
}

#[tokio::test]
async fn a_model_calls_tools_of_servers() {
    let picture =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let peer = json!({
        "tools": [tool("echo"), tool("see it"), tool("fail")], "instructions": "Be gentle.\nAlways.",
        "results": {
            "see it": { "content": [
                { "type": "text", "text": "a picture" },
                { "type": "image", "mimeType": "image/png", "data": picture },
                { "type": "audio", "mimeType": "audio/wav", "data": "AAAA" },
            ] },
            "fail": { "content": [{ "type": "text", "text": "no way" }], "isError": true },
        },
    });
    let model = ScriptedModel::start([
        Step::tool("my_server__echo", json!({ "a": 1 }))
            .and_tool("my_server__see_it", json!({}))
            .and_tool("my_server__fail", json!({})),
        Step::text("done"),
    ])
    .await;
    let home = with_servers(&model, &json!({ "my server!": script(&peer) }), &json!({}));
    let run = home.run(["run", "--format", "json", "go"]).await.success();

    let request = &model.requests()[0];
    let tools = request.tools();
    let mut sorted = tools.clone();
    sorted.sort();
    assert_eq!(tools, sorted);
    for name in ["my_server__echo", "my_server__see_it", "bash"] {
        assert!(tools.iter().any(|tool| tool == name), "{name} in {tools:?}");
    }
    assert!(
        !tools.iter().any(|tool| tool.contains("mcp_resource")),
        "no server has resources"
    );
    let all = request.body["tools"].as_array().unwrap();
    let echo = all
        .iter()
        .find(|tool| tool["function"]["name"] == "my_server__echo")
        .unwrap();
    assert_eq!(
        echo["function"],
        json!({ "name": "my_server__echo", "description": "does echo", "parameters": {
            "type": "object", "properties": { "a": { "type": "number" } }, "$schema": "x", "additionalProperties": false,
        } })
    );
    let told = "<mcp_instructions>\n  <server name=\"my server!\">\n    Be gentle.\n    Always.\n  </server>\n</mcp_instructions>";
    assert!(request.system().contains(told), "{}", request.system());

    let calls = stored_calls(&home, &run.session());
    let state = |at: usize| calls[at]["state"].clone();
    assert_eq!(state(0)["output"], "echo {\"a\":1}");
    assert_eq!(
        (&state(0)["title"], &state(0)["metadata"]["truncated"]),
        (&json!(""), &json!(false))
    );
    assert_eq!(
        state(1)["output"],
        "a picture\n\n[Audio of an MCP tool omitted: audio/wav, 3 B]"
    );
    assert_eq!(state(1)["attachments"][0]["mime"], "image/png");
    assert_eq!(
        (&state(2)["status"], &state(2)["error"]),
        (&json!("error"), &json!("no way"))
    );
}

#[tokio::test]
async fn rules_hide_ask_and_forbid() {
    let peer = json!({ "tools": [tool("open"), tool("secret")], "instructions": "Hello." });
    let model = ScriptedModel::start([Step::tool("s_open", json!({})), Step::text("done")]).await;
    let rules = json!({ "permission": { "s_open": "deny", "t_*": "deny" } });
    let servers = json!({ "s": script(&peer), "t": script(&peer) });
    let home = with_servers(&model, &servers, &rules);
    home.run(["run", "go"]).await.success();
    let request = &model.requests()[0];
    let own: Vec<String> = request
        .tools()
        .into_iter()
        .filter(|name| name.starts_with("s_") || name.starts_with("t_"))
        .collect();
    assert_eq!(own, ["s_secret"]);
    let system = request.system();
    assert!(
        system.contains("<server name=\"s\">") && !system.contains("<server name=\"t\">"),
        "{system}"
    );
}

#[tokio::test]
async fn a_server_that_hangs_or_dies_does_not_hold_up_a_turn() {
    let peer = json!({ "tools": [tool("die"), tool("long")], "results": { "die": { "do": "die" },
        "long": { "do": "bytes", "bytes": 300_000 } } });
    let model = ScriptedModel::start([
        Step::tool("s_long", json!({})),
        Step::tool("s_die", json!({})),
        Step::text("done"),
    ])
    .await;
    let servers = json!({
        "s": script(&peer), "hangs": { "type": "local", "command": ["sleep", "600"] },
        "mute": script(&json!({ "silent": ["initialize"] })), "babbles": { "type": "local", "command": ["yes"] },
    });
    // Only the hanging ones are waited for in vain.
    let home = with_servers(&model, &servers, &json!({})).with("OPENCODE_MCP_WAIT", "3000");
    let since = Instant::now();
    let run = home.run(["run", "--format", "json", "go"]).await.success();
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    let calls = stored_calls(&home, &run.session());
    assert_eq!(calls[0]["state"]["metadata"]["truncated"], true, "{}", calls[0]);
    assert_eq!(
        calls[1]["state"]["error"], "MCP error -32000: Connection closed",
        "{}",
        calls[1]
    );
    // At another time they are known to be slow, and the other one is told of before it is started.
    model.forget_requests();
    model.now_answers([Step::text("hello")]);
    let home = home.with("OPENCODE_MCP_WAIT", "60000");
    let since = Instant::now();
    home.run(["run", "go"]).await.success();
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    assert!(model.requests()[0].tools().iter().any(|tool| tool == "s_die"));
}

#[tokio::test]
async fn tools_that_change_in_a_turn_count_from_the_next_step_on() {
    let peer = json!({ "tools": [tool("grow")], "results": { "grow": { "do": "tools", "tools": [tool("grow"), tool("grown")] } } });
    let model = ScriptedModel::start([
        Step::tool("s_grow", json!({})),
        Step::tool("bash", json!({ "command": "sleep 0.5" })),
        Step::tool("s_grown", json!({})),
        Step::text("done"),
    ])
    .await;
    let home = with_servers(&model, &json!({ "s": script(&peer) }), &json!({}));
    let run = home.run(["run", "--format", "json", "go"]).await.success();
    let tools = |at: usize| model.requests()[at].tools();
    assert!(!tools(0).iter().any(|tool| tool == "s_grown"));
    assert!(tools(2).iter().any(|tool| tool == "s_grown"), "{:?}", tools(2));
    let calls = stored_calls(&home, &run.session());
    assert_eq!(calls[2]["state"]["output"], "grown {}");
}

#[tokio::test]
async fn clients_see_and_change_servers() {
    let model = ScriptedModel::start([Step::tool("new_echo", json!({})), Step::text("done")]).await;
    let servers = json!({
        "up": script(&json!({ "tools": [tool("a")] })), "missing": { "type": "local", "command": ["/no/such/program"] },
        "off": { "type": "local", "command": ["true"], "enabled": false }, "switch": { "enabled": true },
    });
    let home = with_servers(&model, &servers, &json!({}));
    let server = home.serve().await;
    let status = async || server.send("GET", "/mcp", None).await.json();
    let mut expected = json!({
        "up": { "status": "connected" }, "off": { "status": "disabled" },
        "missing": { "status": "failed", "error": "ENOENT: no such file or directory, posix_spawn '/no/such/program'" },
    });
    assert_eq!(status().await, expected);

    let added = json!({ "name": "new", "config": script(&json!({ "tools": [tool("echo")] })) });
    let added = server.send("POST", "/mcp", Some(added)).await;
    expected["new"] = json!({ "status": "connected" });
    assert_eq!((added.status, added.json()), (200, expected));
    let bad = json!({ "name": "bad", "config": { "type": "elsewhere" } });
    assert_eq!(server.send("POST", "/mcp", Some(bad)).await.status, 400);

    let session = new_session(&server).await;
    let prompt = json!({ "parts": [{ "type": "text", "text": "go" }] });
    let answer = server
        .send("POST", &format!("/session/{session}/message"), Some(prompt))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(stored_calls(&home, &session)[0]["state"]["output"], "echo {}");

    let gone = async || server.send("POST", "/mcp/new/disconnect", None).await;
    let changed =
        |event: &Value| event["type"] == "mcp.tools.changed" && event["properties"]["server"] == "new";
    let events = server
        .events(
            "/event",
            || async { assert_eq!(gone().await.json(), json!(true)) },
            changed,
        )
        .await;
    assert!(changed(events.last().unwrap()));
    assert_eq!(status().await["new"], json!({ "status": "disabled" }));
    let connected = server.send("POST", "/mcp/new/connect", None).await;
    assert_eq!(
        (connected.json(), &status().await["new"]),
        (json!(true), &json!({ "status": "connected" }))
    );
    for path in ["/mcp/none/connect", "/mcp/none/disconnect", "/mcp/none/auth"] {
        let refused = server.send("POST", path, None).await;
        let body = json!({ "_tag": "McpServerNotFoundError", "name": "none", "message": "MCP server not found: none" });
        assert_eq!((refused.status, refused.json()), (404, body), "{path}");
    }
    let refused = server.send("POST", "/mcp/up/auth", None).await;
    assert_eq!(
        (refused.status, refused.json()),
        (400, json!({ "error": "MCP server up does not support OAuth" }))
    );
}

/// A server with a prompt and resources.
fn library() -> Value {
    json!({
        "tools": [tool("t")],
        "prompts": [
            { "name": "re view", "description": "Looks at it", "arguments": [{ "name": "what" }, { "name": "how" }] },
            { "name": "init" },
        ],
        "resources": [{ "name": "Notes", "uri": "notes://1", "description": "some", "mimeType": "text/plain" }, { "name": "Pic", "uri": "pic://1" }],
        "resourceTemplates": [{ "name": "Any", "uriTemplate": "notes://{id}" }],
        "results": {
            "prompt:re view": { "messages": [
                { "role": "user", "content": { "type": "text", "text": "Look at $1" } },
                { "role": "user", "content": { "type": "image", "data": "AAAA", "mimeType": "image/png" } },
                { "role": "user", "content": { "type": "text", "text": "like $2" } },
            ] },
            "notes://1": { "contents": [{ "uri": "notes://1", "mimeType": "text/plain", "text": "remember the milk" }] },
            "pic://1": { "contents": [{ "uri": "pic://1", "mimeType": "application/zip", "blob": "AAAA" }] },
            "notes://2": { "do": "error", "error": { "code": -32002, "message": "no such note" } },
        },
    })
}

#[tokio::test]
async fn prompts_become_commands() {
    let model = ScriptedModel::start([Step::text("seen")]).await;
    let home = with_servers(&model, &json!({ "l!b": script(&library()) }), &json!({}));
    let server = home.serve().await;
    let commands = server.send("GET", "/command", None).await.json();
    let own: Vec<&Value> = commands
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["source"] == "mcp")
        .collect();
    assert_eq!(
        own,
        [
            &json!({ "name": "l_b:re_view", "description": "Looks at it", "source": "mcp", "template": "", "hints": ["$1", "$2"] }),
            &json!({ "name": "l_b:init", "source": "mcp", "template": "", "hints": [] }),
        ]
    );
    let session = new_session(&server).await;
    let path = format!("/session/{session}/command");
    let call = json!({ "command": "l_b:re_view", "arguments": "this closely" });
    let answer = server.send("POST", &path, Some(call)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let said = model.requests()[0].conversation().last().unwrap()["content"].to_string();
    assert!(said.contains("Look at this\\nlike closely"), "{said}");
    let unknown = server
        .send(
            "POST",
            &path,
            Some(json!({ "command": "l_b:none", "arguments": "" })),
        )
        .await;
    assert!(
        unknown.status == 400 && unknown.text.contains("l_b:re_view"),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn resources_are_listed_read_and_attached() {
    let model = ScriptedModel::start([
        Step::tool("list_mcp_resources", json!({}))
            .and_tool("list_mcp_resource_templates", json!({ "server": "lib" }))
            .and_tool(
                "read_mcp_resource",
                json!({ "server": "lib", "uri": "notes://1" }),
            )
            .and_tool("read_mcp_resource", json!({ "server": "lib", "uri": "pic://1" }))
            .and_tool("read_mcp_resource", json!({ "server": "other", "uri": "x" }))
            .and_tool(
                "read_mcp_resource",
                json!({ "server": "lib", "uri": "notes://2" }),
            ),
        Step::text("done"),
    ])
    .await;
    let home = with_servers(&model, &json!({ "lib": script(&library()) }), &json!({}));
    let server = home.serve().await;
    let listed = server.send("GET", "/experimental/resource", None).await.json();
    assert_eq!(
        listed["lib:notes://1"],
        json!({ "name": "Notes", "uri": "notes://1", "client": "lib", "description": "some", "mimeType": "text/plain" })
    );
    let session = new_session(&server).await;
    let attached = |uri: &str| {
        json!({ "type": "file", "mime": "text/plain", "url": uri, "filename": "Notes", "source": {
        "type": "resource", "clientName": "lib", "uri": uri, "text": { "value": "@Notes", "start": 0, "end": 6 } } })
    };
    let parts =
        json!({ "parts": [{ "type": "text", "text": "see" }, attached("notes://1"), attached("notes://2")] });
    let answer = server
        .send("POST", &format!("/session/{session}/message"), Some(parts))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let said = model.requests()[0].conversation().last().unwrap()["content"].to_string();
    for words in [
        "Reading MCP resource: Notes (notes://1)",
        "remember the milk",
        "Failed to read MCP resource Notes: MCP error -32002: no such note",
    ] {
        assert!(said.contains(words), "{words} in {said}");
    }
    let calls = stored_calls(&home, &session);
    let output = |at: usize| {
        calls[at]["state"]["output"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let notes = json!({ "resources": [
        { "name": "Notes", "uri": "notes://1", "description": "some", "mimeType": "text/plain", "server": "lib" },
        { "name": "Pic", "uri": "pic://1", "server": "lib" },
    ] });
    assert_eq!(output(0), serde_json::to_string_pretty(&notes).unwrap());
    assert_eq!(calls[0]["state"]["title"], "MCP resources");
    assert!(
        output(1).contains("\"uriTemplate\": \"notes://{id}\""),
        "{}",
        output(1)
    );
    assert_eq!(calls[1]["state"]["title"], "MCP resource templates: lib");
    assert_eq!(
        output(2),
        "Resource: notes://1\nMIME: text/plain\nremember the milk"
    );
    assert!(
        output(3).contains("is not a supported attachment type"),
        "{}",
        output(3)
    );
    let error = |at: usize| {
        calls[at]["state"]["error"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(error(4).ends_with("Servers with resources: lib."), "{}", error(4));
    assert_eq!(error(5), "MCP error -32002: no such note");
}

#[tokio::test]
async fn durable_sessions_have_the_tools_too() {
    let peer = json!({ "tools": [tool("echo")], "instructions": "Be gentle." });
    let model = ScriptedModel::start([Step::tool("s_echo", json!({ "a": 2 })), Step::text("done")]).await;
    let home = with_servers(&model, &json!({ "s": script(&peer) }), &json!({}));
    let server = home.serve().await;
    let session = durable::session(&server).await;
    durable::say(&server, &session, "go").await;
    durable::settle(&server, &session).await;
    let requests = model.requests();
    assert!(requests[0].tools().iter().any(|tool| tool == "s_echo"));
    assert!(requests[0].system().contains("Be gentle."));
    let told = requests[1].conversation().last().unwrap().to_string();
    assert!(told.contains("echo {\\\"a\\\":2}"), "{told}");
}

#[tokio::test]
async fn a_server_asks_the_user() {
    let schema = json!({ "type": "object", "properties": { "size": { "type": "string", "enum": ["small", "large"] } } });
    let ask = json!({ "do": "ask", "method": "elicitation/create", "params": { "message": "Which size?", "requestedSchema": schema } });
    let peer = json!({ "tools": [tool("ask")], "results": { "ask": ask } });
    let model = ScriptedModel::start([Step::tool("s_ask", json!({})), Step::text("done")]).await;
    let home = with_servers(&model, &json!({ "s": script(&peer) }), &json!({}));
    let server = home.serve().await;
    let session = new_session(&server).await;
    let begin = || async {
        let prompt = json!({ "parts": [{ "type": "text", "text": "go" }] });
        server
            .send("POST", &format!("/session/{session}/prompt_async"), Some(prompt))
            .await;
    };
    let events = server
        .events("/event", begin, |event| event["type"] == "question.asked")
        .await;
    let asked = &events.last().unwrap()["properties"];
    let question = &asked["questions"][0];
    assert!(
        question["question"].as_str().unwrap().contains("Which size?"),
        "{question}"
    );
    assert_eq!(question["options"][1]["label"], "large");
    let reply = || async {
        let path = format!("/question/{}/reply", asked["id"].as_str().unwrap());
        server
            .send("POST", &path, Some(json!({ "answers": [["large"]] })))
            .await;
    };
    server
        .events("/event", reply, |event| event["type"] == "session.idle")
        .await;
    let output = stored_calls(&home, &session)[0]["state"]["output"].to_string();
    assert!(output.contains("accept") && output.contains("large"), "{output}");
}

#[tokio::test]
async fn the_command_line_lists_and_adds() {
    let home = home();
    let none = home.run(["mcp", "list"]).await.success().stdout;
    assert!(none.contains("No MCP servers configured"), "{none}");
    let config = json!({ "mcp": {
        "up": script(&json!({ "tools": [] })), "ends": { "type": "local", "command": ["true", "x"] },
        "off": { "type": "local", "command": ["true"], "enabled": false },
    } });
    home.write("opencode.json", config.to_string());
    let listed = home.run(["mcp", "ls"]).await.success().stdout;
    for line in [
        "✓ up connected",
        "✗ ends failed\n│      Connection closed\n│      true x",
        "○ off disabled",
        "3 server(s)",
    ] {
        assert!(listed.contains(line), "{line:?} in {listed}");
    }
    for (arguments, error) in [
        (
            &["add", "x"][..],
            "Provide either --url <url> or a command after --",
        ),
        (
            &["add", "--url", "http://x"],
            "A server name is required for non-interactive MCP configuration",
        ),
        (&["add", "x", "--url", "nonsense"], "Invalid URL: nonsense"),
        (
            &["add", "x", "--url", "http://x", "--env", "A=b"],
            "--env is only valid for local MCP servers",
        ),
        (
            &["add", "x", "--header", "A=b", "--", "true"],
            "--header is only valid for remote MCP servers",
        ),
        (
            &["add", "x", "--env", "A", "--", "true"],
            "Invalid environment variable: A. Expected KEY=VALUE",
        ),
    ] {
        let refused = home.run([&["mcp"], arguments].concat()).await;
        assert!(
            refused.code() == Some(1) && refused.stderr.contains(error),
            "{arguments:?}: {refused:?}"
        );
    }
    let added = home
        .run(["mcp", "add", "new", "--env", "A=b=c", "--", "npx", "-y", "thing"])
        .await
        .success()
        .stdout;
    assert!(added.starts_with("MCP server \"new\" added to "), "{added}");
    home.run([
        "mcp",
        "add",
        "far",
        "--url",
        "http://127.0.0.1:1/mcp",
        "--header",
        "X=y",
    ])
    .await
    .success();
    let file = added.trim().rsplit(" added to ").next().unwrap();
    let written: Value = serde_json::from_str(&fs_err::read_to_string(file).unwrap()).unwrap();
    assert_eq!(
        written["mcp"],
        json!({
            "new": { "type": "local", "command": ["npx", "-y", "thing"], "environment": { "A": "b=c" } },
            "far": { "type": "remote", "url": "http://127.0.0.1:1/mcp", "headers": { "X": "y" } },
        })
    );
}
