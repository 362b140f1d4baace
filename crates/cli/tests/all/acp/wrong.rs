//! What a client must not say, and how it is told.

use opencode_testkit::Step;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::client::Client;
use super::{connected, text};
use crate::home;

#[tokio::test]
async fn messages_that_are_none_are_answered_and_the_talk_goes_on() {
    let home = home();
    let mut client = Client::start(&home, &[]);
    for (message, id, code) in [
        ("not json", json!(null), -32700),
        ("{\"jsonrpc\":", json!(null), -32700),
        ("[]", json!(null), -32600),
        ("5", json!(null), -32600),
        (r#"{"jsonrpc":"2.0","id":99}"#, json!(99), -32600),
        (r#"{"jsonrpc":"2.0","id":98,"method":4}"#, json!(98), -32600),
        (
            r#"[{"jsonrpc":"2.0","id":1,"method":"initialize"}]"#,
            json!(null),
            -32600,
        ),
    ] {
        client.raw(message).await;
        let answer = client.next().await;
        assert_eq!(
            (&answer["id"], &answer["error"]["code"]),
            (&id, &json!(code)),
            "{message}"
        );
    }
    // Nothing is said to these.
    for message in [
        "",
        r#"{"jsonrpc":"2.0","id":7,"result":{}}"#,
        r#"{"jsonrpc":"2.0","method":"no/such"}"#,
        r#"{"jsonrpc":"2.0","method":"session/cancel","params":{}}"#,
        r#"{"jsonrpc":"2.0","method":"session/cancel","params":{"sessionId":"ses_none"}}"#,
    ] {
        client.raw(message).await;
    }
    let answer = client.initialize().await;
    assert_eq!(answer["agentInfo"]["name"], "OpenCode");
    assert_eq!(client.end().await.code(), Some(0));
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_without_keeping_it() {
    let home = home();
    let mut client = Client::start(&home, &[]);
    let large = "x".repeat(65 * 1024 * 1024);
    client
        .raw(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{large}"}}"#))
        .await;
    let answer = client.next().await;
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&Value::Null, &json!(-32600))
    );
    client.initialize().await;
}

#[tokio::test]
async fn requests_that_make_no_sense_say_why() {
    let (home, _model, mut client) = connected([], json!({})).await;
    let project = home.project();
    let session = client.open(&home).await;
    let not_found = |id: &str| {
        (
            format!("Invalid params: session not found: {id}"),
            json!({ "sessionId": id }),
        )
    };
    let given = |value: Value| value;
    for (method, params, wanted) in [
        (
            "session/load",
            given(json!({ "sessionId": "ses_none", "cwd": project, "mcpServers": [] })),
            not_found("ses_none"),
        ),
        (
            "session/load",
            given(json!({ "sessionId": "bad", "cwd": project, "mcpServers": [] })),
            not_found("bad"),
        ),
        (
            "session/resume",
            given(json!({ "sessionId": "ses_none", "cwd": project })),
            not_found("ses_none"),
        ),
        (
            "session/fork",
            given(json!({ "sessionId": "ses_none", "cwd": project })),
            not_found("ses_none"),
        ),
        (
            "session/prompt",
            given(json!({ "sessionId": "ses_none", "prompt": text("x") })),
            not_found("ses_none"),
        ),
        (
            "session/set_mode",
            given(json!({ "sessionId": "ses_none", "modeId": "x" })),
            not_found("ses_none"),
        ),
        (
            "session/set_model",
            given(json!({ "sessionId": "ses_none", "modelId": "x" })),
            not_found("ses_none"),
        ),
        (
            "session/set_config_option",
            given(json!({ "sessionId": "ses_none", "configId": "x", "value": "y" })),
            not_found("ses_none"),
        ),
        (
            "session/set_mode",
            given(json!({ "sessionId": session, "modeId": "none" })),
            (
                "Invalid params: mode not found: none".into(),
                json!({ "mode": "none" }),
            ),
        ),
        (
            "session/set_model",
            given(json!({ "sessionId": session, "modelId": "scripted/none" })),
            (
                "Invalid params: model not found: scripted/none".into(),
                json!({ "modelId": "scripted/none", "providerId": "scripted" }),
            ),
        ),
        (
            "session/set_config_option",
            given(json!({ "sessionId": session, "configId": "none", "value": "x" })),
            (
                "Invalid params: unknown config option: none".into(),
                json!({ "configId": "none" }),
            ),
        ),
        (
            "session/set_config_option",
            given(json!({ "sessionId": session, "configId": "effort", "value": "low" })),
            (
                "Invalid params: effort not found: low".into(),
                json!({ "effort": "low" }),
            ),
        ),
        (
            "authenticate",
            given(json!({ "methodId": "none" })),
            (
                "Invalid params: unknown auth method: none".into(),
                json!({ "methodId": "none" }),
            ),
        ),
        (
            "session/new",
            given(json!({ "cwd": "/no/such/folder", "mcpServers": [] })),
            (
                "Invalid params: /no/such/folder is no folder".into(),
                json!({ "cwd": "/no/such/folder" }),
            ),
        ),
    ] {
        let error = client.fail(method, params).await;
        let told = (
            error["message"].as_str().unwrap().to_owned(),
            error["data"].clone(),
        );
        assert_eq!((told, &error["code"]), (wanted, &json!(-32602)), "{method}");
    }
    for (method, params, wanted) in [
        ("initialize", json!({}), "missing field `protocolVersion`"),
        ("initialize", Value::Null, "an object is wanted"),
        (
            "session/new",
            json!({ "cwd": project }),
            "missing field `mcpServers`",
        ),
        (
            "session/new",
            json!({ "cwd": 5, "mcpServers": [] }),
            "cwd: invalid type: integer `5`, expected path string",
        ),
        ("session/list", Value::Null, "an object is wanted"),
        (
            "session/prompt",
            json!({ "sessionId": session, "prompt": "x" }),
            "prompt: invalid type: string \"x\", expected a sequence",
        ),
        (
            "session/set_config_option",
            json!({ "sessionId": session, "configId": "mode", "value": true }),
            "value: invalid type: boolean `true`, expected a string",
        ),
    ] {
        let error = client.fail(method, params).await;
        let wanted = json!({ "code": -32602, "message": "Invalid params", "data": { "_errors": [wanted] } });
        assert_eq!(error, wanted, "{method}");
    }
    let error = client
        .fail(
            "session/prompt",
            json!({ "sessionId": session, "prompt": [{ "type": "strange" }] }),
        )
        .await;
    assert_eq!(error["code"], -32602);
    for method in ["session/none", "none", "session/cancel"] {
        let error = client.fail(method, json!({})).await;
        let message = format!("\"Method not found\": {method}");
        assert_eq!(
            error,
            json!({ "code": -32601, "message": message, "data": { "method": method } })
        );
    }
}

#[tokio::test]
async fn a_wrong_configuration_is_told_by_the_request_that_needs_it() {
    let (home, _model, mut client) = connected([], json!({})).await;
    home.write("opencode.json", r#"{ "agent": 7 }"#);
    let params = json!({ "cwd": home.project(), "mcpServers": [] });
    let error = client.fail("session/new", params).await;
    assert_eq!(error["code"], -32603);
    assert!(
        error["message"].as_str().unwrap().contains("opencode.json"),
        "{error}"
    );
    assert_eq!(error["data"]["errorName"], "ConfigInvalidError");
}

#[tokio::test]
async fn errors_of_providers_end_the_turn_and_not_the_session() {
    let steps = [
        Step::error(400, json!({ "error": { "message": "bad request" } })),
        Step::text("better"),
    ];
    let (home, _model, mut client) = connected(steps, json!({})).await;
    let session = client.open(&home).await;
    let params = json!({ "sessionId": session, "prompt": text("go") });
    let error = client.fail("session/prompt", params).await;
    let data = json!({ "service": "session", "errorName": "APIError" });
    let wanted = json!({ "code": -32603, "message": "Internal error: bad request", "data": data });
    assert_eq!(error, wanted);
    assert_eq!(
        client.prompt(&session, text("go")).await["stopReason"],
        "end_turn"
    );
}
