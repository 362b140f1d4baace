//! Tools that the provider has: from items to calls and results.
//!
//! Most of them it runs itself. Its shells and its patches are for the caller to run, in its own words.

use serde_json::{Map, Value, json};

use crate::json::{Body, present, stringify, text_at};
use crate::stream::{ProviderMetadata, StreamPart, ToolCall};

/// A kind of item that is a call of such a tool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hosted {
    /// Kind of the item.
    pub(super) item: &'static str,
    /// Name of the tool.
    pub(super) name: &'static str,
    /// The call is known when the item begins.
    pub(super) at_once: bool,
    /// Its arguments are announced and ended.
    pub(super) announced: bool,
}

const fn hosted(item: &'static str, name: &'static str, at_once: bool, announced: bool) -> Hosted {
    Hosted {
        item,
        name,
        at_once,
        announced,
    }
}

/// Tools that the provider runs; their items are call and result in one.
pub(super) const HOSTED: [Hosted; 5] = [
    hosted("web_search_call", "web_search", true, true),
    hosted("file_search_call", "file_search", true, false),
    hosted("image_generation_call", "image_generation", true, false),
    hosted("computer_call", "computer_use", false, true),
    hosted("code_interpreter_call", "code_interpreter", false, true),
];

pub(super) const TOOL_SEARCH: &str = "tool_search";
pub(super) const APPLY_PATCH: &str = "apply_patch";

/// The tool whose call an item is.
pub(super) fn of_item(kind: &str) -> Option<Hosted> {
    HOSTED.into_iter().find(|hosted| hosted.item == kind)
}

/// Metadata with the item's id.
pub(super) fn item_metadata(namespace: &str, item: &Value) -> ProviderMetadata {
    let fields = Map::from_iter([(
        "itemId".to_owned(),
        item.get("id").cloned().unwrap_or(Value::Null),
    )]);
    ProviderMetadata::from([(namespace.to_owned(), fields)])
}

fn id_of(item: &Value, key: &str) -> String {
    text_at(item, key).unwrap_or_default().to_owned()
}

impl Hosted {
    /// The call of an item.
    pub(super) fn call(self, item: &Value) -> ToolCall {
        let input = match self.item {
            "code_interpreter_call" => stringify(&json!({
                "code": item.get("code"),
                "containerId": item.get("container_id"),
            })),
            _ => "{}".to_owned(),
        };
        ToolCall {
            id: id_of(item, "id"),
            name: self.name.to_owned(),
            input,
            provider_executed: true,
            metadata: ProviderMetadata::new(),
        }
    }

    /// The result of an item.
    pub(super) fn result(self, item: &Value) -> StreamPart {
        let output = match self.item {
            "web_search_call" => searched(item.get("action")),
            "file_search_call" => file_search(item),
            "image_generation_call" => json!({"result": item.get("result")}),
            "computer_call" => json!({
                "type": "computer_use_tool_result",
                "status": text_at(item, "status").filter(|status| !status.is_empty()).unwrap_or("completed"),
            }),
            _ => json!({"outputs": item.get("outputs")}),
        };
        StreamPart::ToolResult {
            id: id_of(item, "id"),
            name: self.name.to_owned(),
            output,
            is_error: false,
            metadata: ProviderMetadata::new(),
        }
    }
}

/// What a search of the web did.
fn searched(action: Option<&Value>) -> Value {
    let Some(action) = present(action) else {
        return json!({});
    };
    let mut inner = Body::new();
    let mut output = Body::new();
    match text_at(action, "type") {
        Some("search") => {
            inner.set("type", "search");
            inner.put("query", present(action.get("query")).cloned());
            inner.put("queries", present(action.get("queries")).cloned());
            output.set("action", inner.into_value());
            output.put("sources", present(action.get("sources")).cloned());
        }
        Some("open_page") => {
            output.set("action", json!({"type": "openPage", "url": action.get("url")}));
        }
        Some("find_in_page") => output.set(
            "action",
            json!({"type": "findInPage", "url": action.get("url"), "pattern": action.get("pattern")}),
        ),
        _ => output.set("action", action.clone()),
    }
    output.into_value()
}

/// What a search of files found.
pub(super) fn file_search(item: &Value) -> Value {
    let hit = |hit: &Value| {
        let mut wire = Body::new();
        wire.put("attributes", hit.get("attributes").cloned());
        wire.set("fileId", hit.get("file_id").cloned().unwrap_or_default());
        for key in ["filename", "score", "text"] {
            wire.set(key, hit.get(key).cloned().unwrap_or_default());
        }
        wire.into_value()
    };
    let results = item
        .get("results")
        .and_then(Value::as_array)
        .map(|hits| hits.iter().map(hit).collect::<Value>());
    json!({"queries": item.get("queries"), "results": results})
}

/// A call of a tool on a server that the provider talks to, and its result.
pub(super) fn mcp(item: &Value, namespace: &str) -> [StreamPart; 2] {
    let (id, name) = (id_of(item, "id"), mcp_name(item));
    let arguments = text_at(item, "arguments").filter(|arguments| !arguments.is_empty());
    let mut output = Body::new();
    output.set("type", "call");
    output.put("serverLabel", item.get("server_label").cloned());
    output.put("name", item.get("name").cloned());
    output.put("arguments", item.get("arguments").cloned());
    for key in ["output", "error"] {
        output.put(key, present(item.get(key)).cloned());
    }
    let call = StreamPart::ToolCall(ToolCall {
        id: id.clone(),
        name: name.clone(),
        input: arguments.unwrap_or("{}").to_owned(),
        provider_executed: true,
        metadata: ProviderMetadata::new(),
    });
    // Parity: a failure of the tool is a plain result that tells of it (§4.3).
    let result = StreamPart::ToolResult {
        id,
        name,
        output: output.into_value(),
        is_error: false,
        metadata: item_metadata(namespace, item),
    };
    [call, result]
}

fn mcp_name(item: &Value) -> String {
    format!("mcp.{}", text_at(item, "name").unwrap_or_default())
}

/// A call that waits for the user's leave, which there is no way to give: it stays without a result.
pub(super) fn mcp_request(item: &Value) -> StreamPart {
    let arguments = text_at(item, "arguments").filter(|arguments| !arguments.is_empty());
    StreamPart::ToolCall(ToolCall {
        id: id_of(item, "id"),
        name: mcp_name(item),
        input: arguments.unwrap_or("{}").to_owned(),
        provider_executed: true,
        metadata: ProviderMetadata::new(),
    })
}

/// A call that the caller runs, in the provider's words.
pub(super) fn local_call(kind: &str, item: &Value, namespace: &str) -> Option<ToolCall> {
    let action = item.get("action");
    let field = |key: &str| action.and_then(|action| action.get(key)).cloned();
    let (name, input) = match kind {
        "local_shell_call" => {
            let mut wire = Body::new();
            wire.set("type", "exec");
            for (key, field_name) in [
                ("command", "command"),
                ("timeoutMs", "timeout_ms"),
                ("user", "user"),
                ("workingDirectory", "working_directory"),
                ("env", "env"),
            ] {
                wire.put(key, field(field_name));
            }
            ("local_shell", json!({"action": wire.into_value()}))
        }
        "shell_call" => ("shell", json!({"action": {"commands": field("commands")}})),
        "apply_patch_call" => (
            APPLY_PATCH,
            json!({"callId": item.get("call_id"), "operation": item.get("operation")}),
        ),
        _ => return None,
    };
    Some(ToolCall {
        id: id_of(item, "call_id"),
        name: name.to_owned(),
        input: stringify(&input),
        provider_executed: false,
        metadata: item_metadata(namespace, item),
    })
}

/// What the provider's own shell had to say.
pub(super) fn shell_result(item: &Value) -> StreamPart {
    let outcome = |outcome: Option<&Value>| match outcome.and_then(|outcome| text_at(outcome, "type")) {
        Some("exit") => {
            json!({"type": "exit", "exitCode": outcome.and_then(|outcome| outcome.get("exit_code"))})
        }
        _ => json!({"type": "timeout"}),
    };
    let outputs = item.get("output").and_then(Value::as_array);
    let outputs: Value = outputs
        .into_iter()
        .flatten()
        .map(|output| {
            json!({
                "stdout": output.get("stdout"),
                "stderr": output.get("stderr"),
                "outcome": outcome(output.get("outcome")),
            })
        })
        .collect();
    StreamPart::ToolResult {
        id: id_of(item, "call_id"),
        name: "shell".to_owned(),
        output: json!({"output": outputs}),
        is_error: false,
        metadata: ProviderMetadata::new(),
    }
}

/// A search for tools: run by the provider, or for the caller to run.
pub(super) fn tool_search(id: String, item: &Value, is_hosted: bool, namespace: &str) -> ToolCall {
    let call_id = if is_hosted {
        Value::Null
    } else {
        Value::from(id.as_str())
    };
    ToolCall {
        id,
        name: TOOL_SEARCH.to_owned(),
        input: stringify(&json!({"arguments": item.get("arguments"), "call_id": call_id})),
        provider_executed: is_hosted,
        metadata: item_metadata(namespace, item),
    }
}

/// What such a search found.
pub(super) fn tools_found(id: String, item: &Value, namespace: &str) -> StreamPart {
    StreamPart::ToolResult {
        id,
        name: TOOL_SEARCH.to_owned(),
        output: json!({"tools": item.get("tools")}),
        is_error: false,
        metadata: item_metadata(namespace, item),
    }
}
