//! What is left of calls of MCP clients: lines of the audit log, and sessions.

use opencode_testkit::Step;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{ANNOUNCED, Client, connected};
use crate::with_model;

#[tokio::test]
async fn calls_over_http_are_in_the_audit_log() {
    let (home, _model) = with_model([Step::text("Hello.")]).await;
    home.write("a.txt", "alpha\n");
    let home = home.with("OA_SERVER_TOKEN", "the-token");
    let served = home.listen(["mcp", "serve", "--http"], ANNOUNCED).await;
    let client = connected(
        &home.path(),
        &format!("{}/mcp?auth_token=the-token", served.url()),
    );
    let never = CancellationToken::new();
    for (tool, arguments, is_error) in [
        ("prompt", json!({ "text": "hi" }), false),
        ("read", json!({ "filePath": "a.txt" }), false),
        ("read", json!({ "filePath": "none.txt" }), true),
    ] {
        let result = client
            .call("peer", tool, arguments, &never, None, None)
            .await
            .unwrap();
        assert_eq!(result["isError"] == true, is_error, "{result}");
    }
    client
        .call("peer", "bash", json!({}), &never, None, None)
        .await
        .unwrap_err();
    client.close().await;
    served.stop().await.success();
    let log = home.path().join(".local/share/opencode/log/audit.jsonl");
    let log = fs_err::read_to_string(log).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let calls: Vec<&Value> = lines.iter().filter(|line| line["action"] == "mcp.call").collect();
    let told: Vec<_> = calls
        .iter()
        .map(|line| {
            (
                line["detail"]["tool"].as_str().unwrap(),
                line["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("prompt", "ok"),
            ("read", "ok"),
            ("read", "error"),
            ("bash", "error")
        ]
    );
    assert_eq!(calls[0]["actor"]["auth"], "bearer", "{}", calls[0]);
    assert!(
        calls[0]["session_id"].as_str().unwrap().starts_with("ses_"),
        "{}",
        calls[0]
    );
    assert_eq!(calls[1]["directory"], home.project().display().to_string());
}

#[tokio::test]
async fn a_refused_turn_leaves_no_session() {
    let (home, model) = with_model([Step::text("Hello.")]).await;
    let mut client = Client::start(&home, json!({})).await;
    for wrong in [
        json!({ "text": "hi", "agent": "nobody" }),
        json!({ "text": "hi", "model": "no/such" }),
    ] {
        let asked = json!({ "name": "prompt", "arguments": wrong });
        let answer = client.ask("tools/call", asked).await;
        assert_eq!(answer["result"]["isError"], true, "{answer}");
    }
    let sessions = || async {
        let mut other = Client::start(&home, json!({})).await;
        let asked = json!({ "name": "session_list", "arguments": {} });
        let answer = other.ask("tools/call", asked).await;
        answer["result"]["structuredContent"]["sessions"]
            .as_array()
            .unwrap_or_else(|| panic!("{answer}"))
            .len()
    };
    assert_eq!((sessions().await, model.asked()), (0, 0));
    let said = json!({ "name": "prompt", "arguments": { "text": "hi" } });
    client.ask("tools/call", said).await;
    assert_eq!(sessions().await, 1);
}
