//! Tools of MCP servers that models search for, because their definitions would fill the context.

use std::time::Duration;

use opencode_testkit::{Home, McpPeer, ScriptedModel, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{durable, home, new_session, stored_calls};

/// A server with many tools whose descriptions are long: about `tools` times 250 tokens.
fn library(tools: usize, more: &[Value]) -> Value {
    let filler = "Much is to be said about it, and all of it is said here. ".repeat(17);
    let many = (0..tools).map(|at| {
        json!({ "name": format!("shelf_{at}"), "description": format!("Looks at shelf {at}. {filler}"),
            "inputSchema": { "type": "object", "properties": { "book": { "type": "string" } } } })
    });
    let all: Vec<Value> = many.chain(more.iter().cloned()).collect();
    json!({ "tools": all })
}

fn tool(name: &str, description: &str) -> Value {
    json!({ "name": name, "description": description, "inputSchema": {
        "type": "object", "properties": { "amount": { "type": "number" } } } })
}

fn with_server(model: &ScriptedModel, peer: &Value, more: &Value) -> Home {
    let home = home().with("OPENCODE_MCP_WAIT", "30000");
    let mut config = json!({ "mcp": { "s": McpPeer::config("mcp::peer", peer) } });
    config
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    home.configure(&model.url(), config);
    home
}

fn of_server(names: &[String]) -> usize {
    names.iter().filter(|name| name.starts_with("s_")).count()
}

#[tokio::test]
async fn many_tools_are_searched_for_and_few_are_told() {
    // The model's context has 128 000 tokens.
    for (about, tools, more, is_deferred) in [
        ("a tenth of the context at most", 40, json!({}), false),
        ("more than a tenth", 60, json!({}), true),
        ("more may be", 60, json!({ "mcp_tools_percent": 50 }), false),
        ("never", 100, json!({ "mcp_tools_percent": 100 }), false),
        ("always", 1, json!({ "mcp_tools_percent": 0 }), true),
    ] {
        let model = ScriptedModel::start([Step::text("done")]).await;
        let home = with_server(&model, &library(tools, &[]), &json!({ "experimental": more }));
        home.run(["run", "go"]).await.success();
        let told = model.requests()[0].tools();
        let searches = told.iter().any(|name| name == "tool_search");
        assert_eq!(searches, is_deferred, "{about}");
        assert_eq!(of_server(&told), if is_deferred { 0 } else { tools }, "{about}");
    }
    let model = ScriptedModel::start([]).await;
    let home = with_server(
        &model,
        &library(0, &[]),
        &json!({ "experimental": { "mcp_tools_percent": 101 } }),
    );
    let wrong = home.run(["run", "go"]).await;
    assert!(wrong.stderr.contains("mcp_tools_percent"), "{}", wrong.stderr);
}

/// What is sent again is sent as it was.
fn assert_grows(model: &ScriptedModel) {
    let requests = model.requests();
    for pair in requests.windows(2) {
        let messages = |at: usize| pair[at].body["messages"].as_array().unwrap().clone();
        assert_eq!(pair[0].body["tools"], pair[1].body["tools"]);
        let (before, after) = (messages(0), messages(1));
        assert!(after.len() > before.len());
        assert_eq!(before, after[..before.len()]);
    }
}

#[tokio::test]
async fn what_is_found_is_called_and_nothing_before_it_changes() {
    let pay = tool("pay_invoice", "Pays an invoice of a customer.");
    // Its description is another one after a call.
    let changed = json!({ "do": "tools", "tools": [tool("pay_invoice", "Pays an invoice, in cents."), tool("hold", "Waits.")] });
    let mut peer = library(60, &[pay, tool("change", "Changes the tools.")]);
    peer["results"] = json!({ "change": changed });
    let call = |arguments: Value| json!({ "tool": "s_pay_invoice", "arguments": arguments });
    let model = ScriptedModel::start([
        Step::tool("tool_search", json!({ "query": "pay invoices", "limit": 1 })),
        Step::tool("tool_call", call(json!({ "amount": 1 }))),
        Step::text("paid"),
        // The next turn: also by its own name, and with arguments as text.
        Step::tool("s_pay_invoice", json!({ "amount": 2 })),
        Step::tool(
            "tool_call",
            json!({ "tool": "s_pay_invoice", "arguments": "{\"amount\":3}" }),
        ),
        Step::text("paid again"),
        // Nobody has seen this one, whose definition is told then.
        Step::tool("tool_call", json!({ "tool": "s_change" })),
        Step::tool("tool_call", json!({ "tool": "s_change" })),
        Step::tool("bash", json!({ "command": "sleep 0.5" })),
        // What was seen is not what is there any more.
        Step::tool("tool_call", call(json!({ "amount": 4 }))),
        Step::tool("tool_call", call(json!({ "amount": 400 }))),
        Step::tool("tool_call", json!({ "tool": "s_shelf_1" })),
        Step::text("enough"),
    ])
    .await;
    let home = with_server(&model, &peer, &json!({}));
    let server = home.serve().await;
    let session = new_session(&server).await;
    for words in ["go", "again", "change"] {
        let prompt = json!({ "parts": [{ "type": "text", "text": words }] });
        let answer = server
            .send("POST", &format!("/session/{session}/message"), Some(prompt))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_grows(&model);
    let told = &model.requests()[0].body["tools"];
    let named = |name: &str| {
        let mut all = told.as_array().unwrap().iter();
        all.find(|tool| tool["function"]["name"] == name).unwrap()["function"].clone()
    };
    let about = named("tool_search")["description"].as_str().unwrap().to_owned();
    assert!(about.ends_with("Servers: s."), "{about}");
    assert_eq!(named("tool_call")["parameters"]["required"], json!(["tool"]));

    let calls = stored_calls(&home, &session);
    let state = |at: usize| calls[at]["state"].clone();
    let found = state(0)["output"].as_str().unwrap().to_owned();
    let first: Value = serde_json::from_str(found.lines().next().unwrap()).unwrap();
    assert_eq!(first["tool"], "s_pay_invoice");
    assert_eq!(first["description"], "Pays an invoice of a customer.");
    assert_eq!(first["arguments"]["properties"]["amount"]["type"], "number");
    for (at, amount) in [(1, 1), (2, 2), (3, 3), (8, 400)] {
        assert_eq!(calls[at]["tool"], "tool_call");
        assert_eq!(
            state(at)["output"],
            format!("pay_invoice {{\"amount\":{amount}}}"),
            "{at}"
        );
        assert_eq!(state(at)["title"], "s_pay_invoice");
    }
    let refused = |at: usize, words: &str| {
        let error = state(at)["error"].as_str().unwrap_or_default().to_owned();
        assert!(error.contains(words), "{at}: {}", state(at));
    };
    refused(4, "was not shown to you yet. This is it:\n{\"tool\":\"s_change\"");
    assert_eq!(state(5)["output"], "changed");
    refused(7, "Pays an invoice, in cents.");
    refused(9, "There is no tool \"s_shelf_1\" of an MCP server here.");
}

#[tokio::test]
async fn rules_count_for_what_is_searched_and_called() {
    let peer = library(
        60,
        &[tool("burn", "Burns money."), tool("spend", "Spends money.")],
    );
    let model = ScriptedModel::start([
        Step::tool("tool_search", json!({ "query": "money" })),
        Step::tool("tool_call", json!({ "tool": "s_burn", "arguments": {} })),
        Step::tool("tool_call", json!({ "tool": "s_spend", "arguments": {} })),
        Step::text("done"),
    ])
    .await;
    let home = with_server(
        &model,
        &peer,
        &json!({ "permission": { "s_burn": "deny", "s_spend": "ask" } }),
    );
    let server = home.serve().await;
    let session = new_session(&server).await;
    let begin = || async {
        let prompt = json!({ "parts": [{ "type": "text", "text": "go" }] });
        server
            .send("POST", &format!("/session/{session}/prompt_async"), Some(prompt))
            .await;
    };
    let events = server
        .events("/event", begin, |event| event["type"] == "permission.asked")
        .await;
    let asked = &events.last().unwrap()["properties"];
    assert_eq!(asked["permission"], "s_spend");
    let reply = || async {
        let path = format!("/permission/{}/reply", asked["id"].as_str().unwrap());
        server.send("POST", &path, Some(json!({ "reply": "once" }))).await;
    };
    server
        .events("/event", reply, |event| event["type"] == "session.idle")
        .await;
    let calls = stored_calls(&home, &session);
    let found = calls[0]["state"]["output"].as_str().unwrap();
    assert!(found.contains("s_spend") && !found.contains("s_burn"), "{found}");
    assert_eq!(calls[1]["state"]["status"], "error", "{}", calls[1]);
    assert_eq!(calls[2]["state"]["output"], "spend {}");
}

#[tokio::test]
async fn gap_6_a_tool_that_is_gone_while_a_durable_session_is_answered_is_stale() {
    let peer = library(60, &[tool("pay_invoice", "Pays an invoice of a customer.")]);
    let pay = json!({ "tool": "s_pay_invoice", "arguments": { "amount": 1 } });
    let (held, gate) = Step::tool("tool_call", pay.clone()).held();
    let model = ScriptedModel::start([
        Step::tool("tool_search", json!({ "query": "invoice" })),
        Step::tool("s_pay_invoice", json!({ "amount": 1 })),
        Step::tool("tool_call", pay),
        held,
        Step::text("I see."),
    ])
    .await;
    let home = with_server(&model, &peer, &json!({}));
    let server = home.serve().await;
    let session = durable::session(&server).await;
    durable::say(&server, &session, "go").await;
    tokio::time::timeout(Duration::from_secs(60), model.wait_for_requests(4))
        .await
        .unwrap();
    let gone = server.send("POST", "/mcp/s/disconnect", None).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    gate.open();
    durable::settle(&server, &session).await;
    let messages = durable::messages(&server, &session).await;
    let calls: Vec<&Value> = messages
        .iter()
        .flat_map(|message| message["content"].as_array().into_iter().flatten())
        .filter(|content| content["type"] == "tool")
        .collect();
    let error = |at: usize| {
        calls[at]["state"]["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        error(1),
        "Unknown tool: s_pay_invoice. It is called with tool_call."
    );
    assert!(
        calls[2].to_string().contains("pay_invoice {\\\"amount\\\":1}"),
        "{}",
        calls[2]
    );
    assert!(
        error(3).starts_with("Stale tool call: s_pay_invoice"),
        "{}",
        error(3)
    );
    let requests = model.requests();
    assert_eq!(requests[0].body["tools"], requests[3].body["tools"]);
}
