//! Requests for permission: what the client is asked, and what becomes of its answers.

use opencode_testkit::Step;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::client::Client;
use super::{connected, text};
use crate::stored_calls;

fn asking() -> Value {
    json!({ "permission": { "bash": "ask", "edit": "ask" } })
}

fn asked(told: &[Value]) -> Vec<Value> {
    let requests = told
        .iter()
        .filter(|message| message["method"] == "session/request_permission");
    requests.map(|message| message["params"].clone()).collect()
}

fn echo() -> Step {
    Step::tool("bash", json!({ "command": "echo hi", "description": "Say" }))
}

#[tokio::test]
async fn the_client_is_asked_and_its_answer_counts() {
    let (home, model, mut client) = connected([], asking()).await;
    let session = client.open(&home).await;
    for (option, status, asks) in [
        ("reject", "error", 1),
        ("strange", "error", 1),
        ("once", "completed", 1),
        ("always", "completed", 1),
        ("reject", "completed", 0),
    ] {
        client.chooses = Some(option);
        model.now_answers([echo(), Step::text("end")]);
        assert_eq!(
            client.prompt(&session, text("go")).await["stopReason"],
            "end_turn"
        );
        let asked = asked(&std::mem::take(&mut client.told));
        assert_eq!(asked.len(), asks, "{option}");
        let call = stored_calls(&home, &session).pop().unwrap();
        assert_eq!(call["state"]["status"], status, "{option}");
        for request in asked {
            let wanted = json!({
                "sessionId": session,
                "toolCall": {
                    "toolCallId": call["callID"], "title": "echo hi", "kind": "execute", "status": "pending",
                    "locations": [], "rawInput": { "command": "echo hi" },
                },
                "options": [
                    { "optionId": "once", "kind": "allow_once", "name": "Allow once" },
                    { "optionId": "always", "kind": "allow_always", "name": "Always allow" },
                    { "optionId": "reject", "kind": "reject_once", "name": "Reject" },
                ],
            });
            assert_eq!(request, wanted);
        }
    }
}

#[tokio::test]
async fn a_change_is_shown_before_it_is_made_and_told_when_it_is() {
    let (home, model, mut client) = connected([], asking()).await;
    client.chooses = Some("once");
    let file = home.write("a.txt", "if x {\n    one\n    two\n}\n");
    let new = home.project().join("new/b.txt");
    model.now_answers([
        Step::tool(
            "edit",
            json!({ "filePath": file, "oldString": "two", "newString": "zwei" }),
        ),
        Step::tool("write", json!({ "filePath": new, "content": "fresh\n" })),
        Step::text("end"),
    ]);
    let session = client.open(&home).await;
    client.prompt(&session, text("go")).await;
    let is_last = |message: &Value| {
        message["method"] == "fs/write_text_file" && message["params"]["path"] == json!(new)
    };
    if !client.told.iter().any(is_last) {
        client.wait_for(is_last).await;
    }
    let told = std::mem::take(&mut client.told);
    let after = "if x {\n    one\n    zwei\n}\n";
    let shown: Vec<Value> = asked(&told)
        .iter()
        .map(|request| request["toolCall"]["content"].clone())
        .collect();
    let before = "if x {\n    one\n    two\n}\n";
    let wanted = [
        json!([{ "type": "diff", "path": file, "oldText": before, "newText": after }]),
        json!([{ "type": "diff", "path": new, "oldText": "", "newText": "fresh\n" }]),
    ];
    assert_eq!(shown, wanted);
    let written: Vec<Value> = told
        .iter()
        .filter(|message| message["method"] == "fs/write_text_file")
        .map(|message| message["params"].clone())
        .collect();
    let wanted = [
        json!({ "sessionId": session, "path": file, "content": after }),
        json!({ "sessionId": session, "path": new, "content": "fresh\n" }),
    ];
    assert_eq!(written, wanted);
    assert_eq!(fs_err::read_to_string(&file).unwrap(), after);
}

#[tokio::test]
async fn one_request_at_a_time() {
    let call = |name: &str| json!({ "command": format!("echo {name}") });
    let both = Step::tool("bash", call("one")).and_tool("bash", call("two"));
    let (home, _model, mut client) = connected([both, Step::text("end")], asking()).await;
    let session = client.open(&home).await;
    let id = client
        .send(
            "session/prompt",
            json!({ "sessionId": session, "prompt": text("go") }),
        )
        .await;
    let is_request = |message: &Value| message["method"] == "session/request_permission";
    let first = client.wait_for(is_request).await;
    // While the user thinks about it, the other call waits without asking.
    client.call("session/list", json!({})).await;
    assert_eq!(asked(&client.told).len(), 1);
    let yes = json!({ "outcome": { "outcome": "selected", "optionId": "once" } });
    client.reply(&first, yes.clone()).await;
    let second = client.wait_for(is_request).await;
    assert_ne!(
        first["params"]["toolCall"]["toolCallId"],
        second["params"]["toolCall"]["toolCallId"]
    );
    client.reply(&second, yes).await;
    assert_eq!(client.wait(id).await["result"]["stopReason"], "end_turn");
    let calls = stored_calls(&home, &session);
    assert!(
        calls.iter().all(|call| call["state"]["status"] == "completed"),
        "{calls:?}"
    );
}

#[tokio::test]
async fn a_turn_that_is_stopped_asks_nothing_any_more() {
    let (home, model, mut client) = connected([echo()], asking()).await;
    let session = client.open(&home).await;
    let id = client
        .send(
            "session/prompt",
            json!({ "sessionId": session, "prompt": text("go") }),
        )
        .await;
    let request = client
        .wait_for(|message| message["method"] == "session/request_permission")
        .await;
    client
        .notify("session/cancel", json!({ "sessionId": session }))
        .await;
    let answer = client.wait(id).await;
    assert_eq!(answer["result"]["stopReason"], "cancelled");
    let taken_back = |message: &Value| {
        message["method"] == "$/cancel_request" && message["params"]["requestId"] == request["id"]
    };
    if !client.told.iter().any(taken_back) {
        client.wait_for(taken_back).await;
    }
    let end = client.calls(&session).pop().unwrap();
    assert_eq!(
        (&end["status"], &end["rawOutput"]["metadata"]),
        (&json!("failed"), &json!({ "interrupted": true }))
    );
    // An answer that comes too late harms nobody.
    client
        .reply(
            &request,
            json!({ "outcome": { "outcome": "selected", "optionId": "once" } }),
        )
        .await;
    model.now_answers([echo(), Step::text("end")]);
    client.chooses = Some("once");
    assert_eq!(
        client.prompt(&session, text("go")).await["stopReason"],
        "end_turn"
    );
}

#[tokio::test]
async fn what_a_subagent_asks_the_user_of_its_session_is_asked() {
    let task = json!({ "description": "Sub", "prompt": "do", "subagent_type": "general" });
    let steps = [
        Step::tool("task", task),
        echo().in_task(),
        Step::text("sub answer").in_task(),
        Step::text("end"),
    ];
    let (home, _model, mut client) = connected(steps, asking()).await;
    client.chooses = Some("once");
    let session = client.open(&home).await;
    assert_eq!(
        client.prompt(&session, text("go")).await["stopReason"],
        "end_turn"
    );
    let asked = asked(&client.told);
    assert_eq!((asked.len(), &asked[0]["sessionId"]), (1, &json!(session)));
    assert_eq!(asked[0]["toolCall"]["title"], "echo hi");
    let call = client.calls(&session).pop().unwrap();
    assert_eq!(call["kind"], Value::Null);
    assert_eq!(
        (&call["status"], &call["title"]),
        (&json!("completed"), &json!("Sub"))
    );
}

#[tokio::test]
async fn files_are_not_written_down_by_clients_that_do_not_take_them() {
    let (home, model, _) = connected([], asking()).await;
    let mut client = Client::start(&home, &[]);
    client.initialize_with(json!({})).await;
    client.chooses = Some("once");
    let file = home.project().join("a.txt");
    let write = Step::tool("write", json!({ "filePath": file, "content": "fresh\n" }));
    model.now_answers([write, Step::text("end")]);
    let session = client.open(&home).await;
    client.prompt(&session, text("go")).await;
    client.call("session/list", json!({})).await;
    let methods: Vec<&Value> = client.told.iter().map(|message| &message["method"]).collect();
    assert!(!methods.contains(&&json!("fs/write_text_file")), "{methods:?}");
    assert!(methods.contains(&&json!("session/request_permission")));
}
