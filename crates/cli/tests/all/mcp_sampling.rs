//! MCP servers ask the session's model while their tools run.

use opencode_testkit::{Home, McpPeer, ScriptedModel, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{durable, home, new_session, stored_calls};

/// A server whose tool `ask` gives back what the model answered.
fn with_server(model: &ScriptedModel, more: &Value) -> Home {
    let text = json!({ "type": "text", "text": "Which colour?" });
    let asked = json!({ "messages": [{ "role": "user", "content": text }], "systemPrompt": "Be brief.",
        "maxTokens": 100_000, "stopSequences": ["."] });
    let peer = json!({ "tools": [{ "name": "ask", "inputSchema": { "type": "object" } }],
        "results": { "ask": { "do": "ask", "method": "sampling/createMessage", "params": asked } } });
    let home = home().with("OPENCODE_MCP_WAIT", "30000");
    let mut config = json!({ "mcp": { "s": McpPeer::config("mcp::peer", &peer) } });
    config
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    home.configure(&model.url(), config);
    home
}

/// What the server was told, by the call that it came from.
fn told(home: &Home, session: &str) -> Value {
    let call = stored_calls(home, session)[0].clone();
    let output = call["state"]["output"].as_str();
    serde_json::from_str(output.unwrap_or_else(|| panic!("{call}"))).unwrap()
}

fn used(input: u64, output: u64) -> Value {
    json!({ "input": input, "output": output })
}

#[tokio::test]
async fn the_model_answers_and_the_session_pays() {
    let model = ScriptedModel::start([
        Step::tool("s_ask", json!({})).usage(used(100, 10)),
        Step::text("blue").usage(used(7, 3)),
        Step::text("done").usage(used(200, 20)),
    ])
    .await;
    let home = with_server(
        &model,
        &json!({ "permission": { "mcp_sampling": { "s": "allow" } } }),
    );
    let server = home.serve().await;
    let session = new_session(&server).await;
    let prompt = json!({ "parts": [{ "type": "text", "text": "go" }] });
    let answer = server
        .send("POST", &format!("/session/{session}/message"), Some(prompt))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");

    let asked = &model.requests()[1].body;
    assert_eq!(
        asked["messages"],
        json!([{ "role": "system", "content": "Be brief." }, { "role": "user", "content": "Which colour?" }])
    );
    assert_eq!(
        (&asked["max_tokens"], &asked["stop"]),
        (&json!(8192), &json!(["."]))
    );
    assert!(asked["tools"].is_null(), "{asked}");
    assert_eq!(
        told(&home, &session)["result"],
        json!({ "model": "scripted", "role": "assistant", "stopReason": "endTurn",
            "content": { "type": "text", "text": "blue" } })
    );
    let tokens = server
        .send("GET", &format!("/session/{session}"), None)
        .await
        .json()["tokens"]
        .clone();
    assert_eq!((&tokens["input"], &tokens["output"]), (&json!(307), &json!(33)));
    // What fills the context is the conversation alone.
    let messages = server
        .send("GET", &format!("/session/{session}/message"), None)
        .await
        .json();
    assert_eq!(
        messages[1]["info"]["tokens"]["input"], 100,
        "{}",
        messages[1]["info"]
    );
    // The conversation knows nothing of it.
    let last = Value::Array(model.requests()[2].conversation()).to_string();
    assert!(!last.contains("Which colour?"), "{last}");
}

#[tokio::test]
async fn the_user_is_asked_and_may_say_no() {
    let model = ScriptedModel::start([Step::tool("s_ask", json!({})), Step::text("done")]).await;
    // What allows everything does not allow this.
    let home = with_server(&model, &json!({ "permission": "allow" }));
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
    assert_eq!(
        (&asked["permission"], &asked["patterns"]),
        (&json!("mcp_sampling"), &json!(["s"]))
    );
    assert_eq!(
        asked["metadata"],
        json!({ "server": "s", "prompt": "Which colour?", "maxTokens": 8192 })
    );
    let reply = || async {
        let path = format!("/permission/{}/reply", asked["id"].as_str().unwrap());
        server
            .send("POST", &path, Some(json!({ "reply": "reject" })))
            .await;
    };
    server
        .events("/event", reply, |event| event["type"] == "session.idle")
        .await;
    let error = told(&home, &session)["error"].clone();
    assert_eq!(error["code"], -1, "{error}");
    assert_eq!(model.requests().len(), 2, "the model was not asked");
}

#[tokio::test]
async fn who_may_not_is_not_told_of_it() {
    let model = ScriptedModel::start([Step::tool("s_ask", json!({})), Step::text("done")]).await;
    let home = with_server(&model, &json!({ "permission": { "mcp_sampling": "deny" } }));
    let run = home.run(["run", "--format", "json", "go"]).await.success();
    assert_eq!(told(&home, &run.session())["error"]["code"], -32601);
}

#[tokio::test]
async fn who_stops_the_turn_stops_the_question() {
    let (held, gate) = Step::text("blue").held();
    let model = ScriptedModel::start([Step::tool("s_ask", json!({})), held]).await;
    let home = with_server(&model, &json!({ "permission": { "mcp_sampling": "allow" } }));
    let server = home.serve().await;
    let session = new_session(&server).await;
    let prompt = json!({ "parts": [{ "type": "text", "text": "go" }] });
    server
        .send("POST", &format!("/session/{session}/prompt_async"), Some(prompt))
        .await;
    model.wait_for_requests(2).await;
    let stop = || async {
        server
            .send("POST", &format!("/session/{session}/abort"), None)
            .await;
    };
    server
        .events("/event", stop, |event| event["type"] == "session.idle")
        .await;
    let call = stored_calls(&home, &session)[0].clone();
    assert_eq!(call["state"]["error"], "Tool execution aborted", "{call}");
    gate.open();
}

#[tokio::test]
async fn durable_sessions_answer_and_pay_too() {
    let model = ScriptedModel::start([
        Step::tool("s_ask", json!({})).usage(used(100, 10)),
        Step::text("blue").usage(used(7, 3)),
        Step::text("done").usage(used(200, 20)),
    ])
    .await;
    let home = with_server(&model, &json!({ "permission": { "mcp_sampling": "allow" } }));
    let server = home.serve().await;
    let session = durable::session(&server).await;
    durable::say(&server, &session, "go").await;
    durable::settle(&server, &session).await;
    let messages = Value::Array(durable::messages(&server, &session).await).to_string();
    assert!(messages.contains("blue"), "{messages}");
    let known = server
        .send("GET", &format!("/api/session/{session}"), None)
        .await
        .json();
    let tokens = &known["data"]["tokens"];
    assert_eq!(
        (&tokens["input"], &tokens["output"]),
        (&json!(307), &json!(33)),
        "{known}"
    );
}
