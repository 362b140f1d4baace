//! JSON through the types and back: nothing is lost, added or turned into another form.
//!
//! `data/export.json` is a session as the reference program exports it, with every kind of message and
//! part that it could be brought to make; long words are replaced.

use std::collections::BTreeSet;
use std::fmt::Debug;

use opencode_schema::event::EventBody;
use opencode_schema::{MessageError, MessageWithParts, Part, Session, ToolState};
use pretty_assertions::assert_eq;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn export() -> Value {
    serde_json::from_str(include_str!("data/export.json")).unwrap()
}

fn through<T: Serialize + DeserializeOwned + Debug>(value: &Value) -> Value {
    let typed: T = serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{error}: {value:#}"));
    serde_json::to_value(typed).unwrap()
}

#[test]
fn an_exported_session() {
    let export = export();
    assert_eq!(through::<Session>(&export["info"]), export["info"]);
    let mut kinds = BTreeSet::new();
    for message in export["messages"].as_array().unwrap() {
        assert_eq!(through::<MessageWithParts>(message), *message);
        for part in message["parts"].as_array().unwrap() {
            assert_eq!(through::<Part>(part), *part);
            kinds.insert(part["type"].as_str().unwrap());
        }
    }
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        [
            "agent",
            "compaction",
            "file",
            "patch",
            "reasoning",
            "step-finish",
            "step-start",
            "subtask",
            "text",
            "tool"
        ]
    );
}

#[test]
fn events_of_that_session() {
    let export = export();
    let session = export["info"]["id"].clone();
    for message in export["messages"].as_array().unwrap() {
        let updated = json!({ "type": "message.updated",
            "properties": { "sessionID": session, "info": message["info"] } });
        assert_eq!(through::<EventBody>(&updated), updated);
        for part in message["parts"].as_array().unwrap() {
            let updated = json!({ "type": "message.part.updated",
                "properties": { "sessionID": session, "part": part, "time": 1 } });
            assert_eq!(through::<EventBody>(&updated), updated);
        }
    }
}

/// What no finished session holds.
#[test]
fn states_of_a_call() {
    for state in [
        json!({ "status": "pending", "input": {}, "raw": "{\"a\":" }),
        json!({ "status": "running", "input": { "a": 1 }, "time": { "start": 1 } }),
        json!({ "status": "running", "input": {}, "title": "t", "metadata": { "output": "x" }, "time": { "start": 1 } }),
        json!({ "status": "completed", "input": {}, "output": "o", "title": "t", "metadata": {},
            "time": { "start": 1, "end": 2, "compacted": 3 } }),
        json!({ "status": "completed", "input": { "b": 1, "a": [2.5, null] }, "output": "", "title": "", "metadata": {},
            "time": { "start": 1, "end": 2 }, "attachments": [
                { "id": "prt_1", "sessionID": "ses_1", "messageID": "msg_1", "type": "file", "mime": "image/png", "url": "data:," }] }),
        json!({ "status": "error", "input": {}, "error": "e", "metadata": { "interrupted": true },
            "time": { "start": 1, "end": 2 } }),
    ] {
        assert_eq!(through::<ToolState>(&state), state);
    }
}

#[test]
fn errors_of_a_message() {
    for error in [
        json!({ "name": "ProviderAuthError", "data": { "providerID": "x", "message": "m" } }),
        json!({ "name": "UnknownError", "data": { "message": "m" } }),
        json!({ "name": "UnknownError", "data": { "message": "m", "ref": "err_1" } }),
        json!({ "name": "MessageOutputLengthError", "data": {} }),
        json!({ "name": "MessageAbortedError", "data": { "message": "Aborted" } }),
        json!({ "name": "StructuredOutputError", "data": { "message": "m", "retries": 2 } }),
        json!({ "name": "ContextOverflowError", "data": { "message": "m", "responseBody": "b" } }),
        json!({ "name": "ContentFilterError", "data": { "message": "m" } }),
        json!({ "name": "APIError", "data": { "message": "m", "isRetryable": true } }),
        json!({ "name": "APIError", "data": { "message": "m", "statusCode": 429, "isRetryable": true,
            "responseHeaders": { "b": "1", "a": "2" }, "responseBody": "b", "metadata": { "url": "u" } } }),
    ] {
        assert_eq!(through::<MessageError>(&error), error);
    }
}

#[test]
fn a_part_that_is_not_understood_is_kept() {
    for part in [
        json!({ "id": "prt_1", "sessionID": "ses_1", "messageID": "msg_1", "type": "novel", "pages": [1] }),
        json!({ "id": "prt_1", "sessionID": "ses_1", "messageID": "msg_1", "type": "text", "words": "" }),
    ] {
        assert_eq!(through::<Part>(&part), part);
    }
}

#[test]
fn a_part_that_belongs_nowhere_is_refused() {
    let part = json!({ "sessionID": "ses_1", "messageID": "msg_1", "type": "text", "text": "" });
    let error = serde_json::from_value::<Part>(part).unwrap_err().to_string();
    assert!(error.contains("id"), "{error}");
}
