//! Answers that come letter by letter are told in pieces, in both kinds of sessions (reference `v2.md` §14 row 14).

use opencode_testkit::{ScriptedModel, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::durable::{messages, say, served, session, settle};
use crate::new_session;

/// Letters of each text.
const LETTERS: usize = 10_000;
/// Pieces in which they are told at most, also by a busy machine.
const MOST: usize = LETTERS / 10;

fn letters() -> String {
    (0..LETTERS)
        .map(|place| char::from(b'a' + (place % 26) as u8))
        .collect()
}

/// An answer of the provider, each letter in an event of its own.
fn letter_by_letter() -> Step {
    let chunk = |delta: Value| {
        let chunk = json!({
            "id": "x", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
            "choices": [{ "index": 0, "delta": delta }],
        });
        format!("data: {chunk}\n\n")
    };
    let call = |delta: Value| {
        let mut call = json!({ "index": 0, "function": delta });
        if call["function"]["name"].is_string() {
            call["id"] = json!("call_1");
            call["type"] = json!("function");
        }
        chunk(json!({ "tool_calls": [call] }))
    };
    let text = letters();
    let arguments = json!({ "path": "a.txt", "pattern": text }).to_string();
    let mut raw: String = text
        .chars()
        .map(|letter| chunk(json!({ "reasoning_content": letter })))
        .collect();
    raw.extend(text.chars().map(|letter| chunk(json!({ "content": letter }))));
    raw.push_str(&call(json!({ "name": "grep", "arguments": "" })));
    raw.extend(
        arguments
            .chars()
            .map(|letter| call(json!({ "arguments": letter }))),
    );
    raw.push_str("data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n");
    Step::raw(&raw)
}

/// How many pieces of this kind came, and what they are together.
fn together(events: &[Value], kind: &str, wanted: impl Fn(&Value) -> bool) -> (usize, String) {
    let of_kind = events.iter().filter(|event| event["type"] == kind);
    let pieces: Vec<&str> = of_kind
        .filter(|event| wanted(&event["properties"]))
        .map(|event| event["properties"]["delta"].as_str().unwrap())
        .collect();
    (pieces.len(), pieces.concat())
}

#[tokio::test]
async fn gap_14_deltas_of_durable_sessions_are_told_together() {
    let model = ScriptedModel::start([letter_by_letter()]).await;
    let (_home, server) = served(&model).await;
    let id = session(&server).await;
    let begin = || async {
        say(&server, &id, "go").await;
    };
    let ended = |event: &Value| event["type"] == "session.next.step.ended";
    let events = server.events("/event", begin, ended).await;
    settle(&server, &id).await;
    let answer = &messages(&server, &id).await[1]["content"];
    let arguments = json!({ "path": "a.txt", "pattern": letters() }).to_string();
    for (kind, wanted) in [
        ("session.next.reasoning.delta", letters()),
        ("session.next.text.delta", letters()),
        ("session.next.tool.input.delta", arguments),
    ] {
        let (pieces, all) = together(&events, kind, |_| true);
        assert!((2..MOST).contains(&pieces), "{kind}: {pieces}");
        assert_eq!(all, wanted, "{kind}");
    }
    assert_eq!(
        (&answer[0]["text"], &answer[1]["text"]),
        (&json!(letters()), &json!(letters()))
    );
    assert_eq!(answer[2]["state"]["input"]["pattern"], json!(letters()));
}

#[tokio::test]
async fn gap_14_deltas_of_other_sessions_are_told_together() {
    let model = ScriptedModel::start([letter_by_letter()]).await;
    let (_home, server) = served(&model).await;
    let id = new_session(&server).await;
    let begin = || async {
        let said = json!({ "parts": [{ "type": "text", "text": "go" }] });
        let path = format!("/session/{id}/prompt_async");
        assert_eq!(server.send("POST", &path, Some(said)).await.status, 204);
    };
    let ended = |event: &Value| event["type"] == "session.idle";
    let events = server.events("/event", begin, ended).await;
    let all = server
        .send("GET", &format!("/session/{id}/message"), None)
        .await
        .json();
    for kind in ["reasoning", "text"] {
        let parts = all[1]["parts"].as_array().unwrap();
        let part = parts.iter().find(|part| part["type"] == kind).unwrap();
        let (pieces, told) = together(&events, "message.part.delta", |delta| {
            delta["partID"] == part["id"]
        });
        assert!((2..MOST).contains(&pieces), "{kind}: {pieces}");
        assert_eq!((told, &part["text"]), (letters(), &json!(letters())), "{kind}");
    }
}
