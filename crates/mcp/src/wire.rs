//! From the bytes of a peer to messages of the protocol. What is no message is skipped; what answers a request in a
//! way that cannot be understood becomes an error for whoever asked.

use rmcp::model::{ErrorCode, ErrorData, RequestId, ServerJsonRpcMessage};
use serde_json::Value;

/// Bytes of one message. More is not kept in memory.
pub(crate) const MESSAGE_LIMIT: usize = 16 << 20;
/// Where the execution settings of a tool are kept, which the protocol's types do not have.
const EXECUTION: &str = "opencode/execution";
/// Messages that one line may hold.
const BATCH_LIMIT: usize = 1000;

/// The messages of a text; none when it holds no JSON-RPC.
pub(crate) fn messages(text: &[u8]) -> Vec<ServerJsonRpcMessage> {
    match serde_json::from_slice(text) {
        Ok(Value::Array(batch)) => batch.into_iter().take(BATCH_LIMIT).filter_map(message).collect(),
        Ok(value) => message(value).into_iter().collect(),
        Err(_) => Vec::new(),
    }
}

fn message(mut value: Value) -> Option<ServerJsonRpcMessage> {
    value.as_object()?;
    keep_execution(&mut value);
    let id = value.get("id").cloned();
    let is_answer = value.get("result").is_some() || value.get("error").is_some();
    match serde_json::from_value(value) {
        Ok(message) => Some(message),
        Err(error) if is_answer => {
            let text = format!("the server's answer is not understood: {error}");
            Some(refusal(serde_json::from_value(id?).ok()?, text))
        }
        Err(_) => None,
    }
}

/// An answer that says that the real one cannot be used.
pub(crate) fn refusal(id: RequestId, message: String) -> ServerJsonRpcMessage {
    let error = ErrorData::new(ErrorCode::INTERNAL_ERROR, message, None);
    ServerJsonRpcMessage::error(error, Some(id))
}

/// The protocol's types have no place for how a tool wants to be run; its metadata have.
fn keep_execution(message: &mut Value) {
    let tools = message.pointer_mut("/result/tools").and_then(Value::as_array_mut);
    for tool in tools.into_iter().flatten().filter_map(Value::as_object_mut) {
        let Some(execution) = tool.get("execution").filter(|value| value.is_object()).cloned() else {
            continue;
        };
        let meta = tool
            .entry("_meta")
            .or_insert_with(|| Value::Object(Default::default()));
        if let Some(meta) = meta.as_object_mut() {
            meta.insert(EXECUTION.to_owned(), execution);
        }
    }
}

/// Whether a tool can only be run as a task.
pub(crate) fn needs_task(tool: &Value) -> bool {
    let direct = tool.pointer("/execution/taskSupport");
    let kept = tool
        .get("_meta")
        .and_then(|meta| meta.get(EXECUTION))
        .and_then(|execution| execution.get("taskSupport"));
    direct.or(kept).and_then(Value::as_str) == Some("required")
}

/// The beginning of a text that may be long.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(500).collect()
}

/// The id of a message of which only the first and the last bytes are known.
pub(crate) fn id_of_fragment(head: &[u8], tail: &[u8]) -> Option<RequestId> {
    // Written by a program, the id stands right at the beginning or right at the end.
    let after_key = |text: &str, at: usize| -> Option<RequestId> {
        let rest = text
            .get(at..)?
            .strip_prefix("\"id\"")?
            .trim_start()
            .strip_prefix(':')?
            .trim_start();
        let end = match rest.strip_prefix('"') {
            Some(text) => text.find('"')? + 2,
            None => rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()),
        };
        serde_json::from_str(rest.get(..end)?).ok()
    };
    let head = String::from_utf8_lossy(head);
    let tail = String::from_utf8_lossy(tail);
    let first = head.find("\"id\"").filter(|at| {
        !head
            .get(..*at)
            .is_some_and(|before| before.contains("\"result\""))
    });
    let last = tail.rfind("\"id\"");
    first
        .and_then(|at| after_key(&head, at))
        .or_else(|| last.and_then(|at| after_key(&tail, at)))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_message_is_skipped() {
        let deep = "[".repeat(100_000);
        for text in [
            "",
            "starting up…",
            "{",
            "null",
            "[1, 2]",
            "{\"a\": 1}",
            deep.as_str(),
            "\u{0}",
        ] {
            assert!(messages(text.as_bytes()).is_empty(), "{text:.20}");
        }
        let batch = r#"[{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}, 7, {"jsonrpc":"2.0","id":1,"result":{}}]"#;
        assert_eq!(messages(batch.as_bytes()).len(), 2);
    }

    #[test]
    fn an_answer_that_is_not_understood_is_an_error_for_its_request() {
        let odd = messages(br#"{"jsonrpc":"2.0","id":4,"error":"text"}"#);
        let value = serde_json::to_value(&odd).unwrap();
        assert_eq!(
            (&value[0]["id"], &value[0]["error"]["code"]),
            (&json!(4), &json!(-32603))
        );
    }

    #[test]
    fn how_a_tool_is_run_is_kept() {
        let text = json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": [
            { "name": "a", "inputSchema": { "type": "object" }, "execution": { "taskSupport": "required" } },
            { "name": "b", "inputSchema": { "type": "object" }, "execution": { "taskSupport": "optional" } },
        ] } });
        let message = serde_json::to_value(messages(text.to_string().as_bytes())).unwrap();
        let tools = message[0]["result"]["tools"].as_array().unwrap();
        assert_eq!(tools.iter().map(needs_task).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn the_id_of_a_message_that_is_too_long() {
        let number = |number| Some(RequestId::Number(number));
        for (head, tail, id) in [
            (
                r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"#,
                "aaaa",
                number(7),
            ),
            (
                r#"{"result":{"content":[{"id":3,"#,
                r#"aaaa"}]},"jsonrpc":"2.0","id":12}"#,
                number(12),
            ),
            (
                r#"{"id": "x-1", "result":"#,
                "aaaa",
                Some(RequestId::String("x-1".into())),
            ),
            ("aaaaaaa", "aaaaaaa", None),
            (r#"{"id":"#, "", None),
        ] {
            assert_eq!(
                id_of_fragment(head.as_bytes(), tail.as_bytes()),
                id,
                "{head} … {tail}"
            );
        }
    }
}
