//! Calls and results in the model's earlier answers: of local tools, of the provider's own tools, of MCP
//! servers that the provider called.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::options::NAMESPACE;
use crate::json::{Body, present, text_at, truthy};
use crate::request::{Content, Object, ToolOutput};

/// Tools of the provider that go back under their own name and input.
const PLAIN_SERVER_TOOLS: [&str; 5] = [
    "code_execution",
    "web_fetch",
    "web_search",
    "tool_search_tool_regex",
    "tool_search_tool_bm25",
];

/// A call. Calls of the provider's tools that it would not take back are left out.
pub(super) fn call(part: &Content, mark: Option<Value>, mcp_calls: &mut HashSet<String>) -> Option<Value> {
    let Content::ToolCall {
        tool_call_id,
        tool_name,
        input,
        provider_executed,
        provider_options,
    } = part
    else {
        return None;
    };
    let own = provider_options.get(NAMESPACE);
    if provider_executed != &Some(true) {
        return Some(use_block(
            "tool_use",
            tool_call_id,
            tool_name,
            input.clone(),
            caller(own),
            mark,
        ));
    }
    if text_of(own, "type") == Some("mcp-tool-use") {
        mcp_calls.insert(tool_call_id.clone());
        let Some(server) = text_of(own, "serverName") else {
            tracing::warn!(
                tool_name,
                "a call of an MCP server without the server's name is not sent back"
            );
            return None;
        };
        let mut block = Body::new();
        block.set("type", "mcp_tool_use");
        block.set("id", tool_call_id.as_str());
        block.set("name", tool_name.as_str());
        block.set("input", input.clone());
        block.set("server_name", server);
        block.put("cache_control", mark);
        return Some(block.into_value());
    }
    let (name, input) = server_call(tool_name, input)?;
    Some(use_block(
        "server_tool_use",
        tool_call_id,
        &name,
        input,
        caller(own),
        mark,
    ))
}

/// Name and input of a call of a provider's tool as the provider knows them. The kind of code execution
/// rides in the input on this side.
fn server_call(name: &str, input: &Value) -> Option<(String, Value)> {
    if name == "advisor" {
        return Some((name.to_owned(), json!({})));
    }
    if name == "code_execution"
        && let Some(fields) = input.as_object()
        && let Some(kind) = fields.get("type").and_then(Value::as_str)
    {
        let mut rest = fields.clone();
        match kind {
            "bash_code_execution" | "text_editor_code_execution" => {
                rest.shift_remove("type");
                return Some((kind.to_owned(), Value::Object(rest)));
            }
            "programmatic-tool-call" => {
                rest.shift_remove("type");
                return Some((name.to_owned(), Value::Object(rest)));
            }
            _ => {}
        }
    }
    if PLAIN_SERVER_TOOLS.contains(&name) {
        return Some((name.to_owned(), input.clone()));
    }
    tracing::warn!(
        name,
        "a call of this tool, which the provider ran, is not sent back"
    );
    None
}

/// The result of a tool that the provider ran.
pub(super) fn result(part: &Content, mark: Option<Value>, mcp_calls: &HashSet<String>) -> Option<Value> {
    let Content::ToolResult {
        tool_call_id,
        tool_name,
        output,
        provider_options,
    } = part
    else {
        return None;
    };
    let own = provider_options.get(NAMESPACE);
    let id = tool_call_id.as_str();
    if mcp_calls.contains(id) {
        return mcp_result(id, output, mark);
    }
    let written = match tool_name.as_str() {
        "code_execution" => code_execution(output).map(|(kind, content)| (kind, content, None)),
        "web_fetch" => web_fetch(output).map(|content| ("web_fetch_tool_result", content, caller(own))),
        "web_search" => web_search(output).map(|content| ("web_search_tool_result", content, caller(own))),
        "tool_search_tool_regex" | "tool_search_tool_bm25" => {
            tool_search(output).map(|content| ("tool_search_tool_result", content, None))
        }
        "advisor" => advisor(output).map(|content| ("advisor_tool_result", content, None)),
        _ => None,
    };
    let Some((kind, content, caller)) = written else {
        tracing::warn!(
            tool_name,
            "a result of this tool, which the provider ran, is not sent back"
        );
        return None;
    };
    let mut block = Body::new();
    block.set("type", kind);
    block.set("tool_use_id", id);
    block.set("content", content);
    block.put("caller", caller);
    block.put("cache_control", mark);
    Some(block.into_value())
}

fn mcp_result(id: &str, output: &ToolOutput, mark: Option<Value>) -> Option<Value> {
    let (ToolOutput::Json(value) | ToolOutput::ErrorJson(value)) = output else {
        tracing::warn!("a result of an MCP server that is no data is not sent back");
        return None;
    };
    let mut block = Body::new();
    block.set("type", "mcp_tool_result");
    block.set("tool_use_id", id);
    block.set("is_error", matches!(output, ToolOutput::ErrorJson(_)));
    block.set("content", value.clone());
    block.put("cache_control", mark);
    Some(block.into_value())
}

fn code_execution(output: &ToolOutput) -> Option<(&'static str, Value)> {
    const PLAIN: &str = "code_execution_tool_result";
    const BASH: &str = "bash_code_execution_tool_result";
    const EDITOR: &str = "text_editor_code_execution_tool_result";
    let value = match output {
        ToolOutput::ErrorText(_) | ToolOutput::ErrorJson(_) => {
            let error = error_fields(output);
            let code = present(error.get("errorCode"))
                .cloned()
                .unwrap_or_else(|| Value::from("unknown"));
            let plain = error.get("type").and_then(Value::as_str) == Some("code_execution_tool_result_error");
            let (kind, error_type) = if plain {
                (PLAIN, "code_execution_tool_result_error")
            } else {
                (BASH, "bash_code_execution_tool_result_error")
            };
            return Some((kind, json!({"type": error_type, "error_code": code})));
        }
        ToolOutput::Json(value) => value,
        ToolOutput::Text(_) | ToolOutput::Content(_) => return None,
    };
    let kind = text_at(value, "type")?;
    // The order of the keys is fixed, as the provider's cache compares texts.
    let pick = |keys: &[&str]| {
        let mut content = Body::new();
        for key in keys {
            content.put(key, value.get(*key).cloned());
        }
        if content.get("content").is_none() {
            content.set("content", Vec::<Value>::new());
        }
        content.into_value()
    };
    match kind {
        "code_execution_result" => Some((
            PLAIN,
            pick(&["type", "stdout", "stderr", "return_code", "content"]),
        )),
        "encrypted_code_execution_result" => Some((
            PLAIN,
            pick(&["type", "encrypted_stdout", "stderr", "return_code", "content"]),
        )),
        "bash_code_execution_result" => Some((
            BASH,
            pick(&["type", "stdout", "stderr", "return_code", "content"]),
        )),
        "bash_code_execution_tool_result_error" => Some((BASH, value.clone())),
        _ => Some((EDITOR, value.clone())),
    }
}

fn web_fetch(output: &ToolOutput) -> Option<Value> {
    let page = match output {
        ToolOutput::ErrorJson(_) => return Some(web_error("web_fetch_tool_result_error", output)),
        ToolOutput::Json(value) => value,
        _ => return None,
    };
    let document = page.get("content")?;
    let source = document.get("source")?;
    let mut inner = Body::new();
    inner.set("type", "document");
    inner.put("title", document.get("title").cloned());
    inner.put("citations", document.get("citations").cloned());
    inner.set(
        "source",
        json!({"type": source.get("type"), "media_type": source.get("mediaType"), "data": source.get("data")}),
    );
    let mut content = Body::new();
    content.set("type", "web_fetch_result");
    content.put("url", page.get("url").cloned());
    content.put("retrieved_at", page.get("retrievedAt").cloned());
    content.set("content", inner.into_value());
    Some(content.into_value())
}

fn web_search(output: &ToolOutput) -> Option<Value> {
    let hits = match output {
        ToolOutput::ErrorJson(_) => return Some(web_error("web_search_tool_result_error", output)),
        ToolOutput::Json(value) => value.as_array()?,
        _ => return None,
    };
    let hit = |hit: &Value| {
        let mut wire = Body::new();
        wire.put("url", hit.get("url").cloned());
        wire.put("title", hit.get("title").cloned());
        wire.put("page_age", hit.get("pageAge").cloned());
        wire.put("encrypted_content", hit.get("encryptedContent").cloned());
        wire.put("type", hit.get("type").cloned());
        wire.into_value()
    };
    Some(hits.iter().map(hit).collect())
}

fn web_error(kind: &str, output: &ToolOutput) -> Value {
    let code = present(error_fields(output).get("errorCode")).cloned();
    json!({"type": kind, "error_code": code.unwrap_or_else(|| Value::from("unavailable"))})
}

fn tool_search(output: &ToolOutput) -> Option<Value> {
    let ToolOutput::Json(found) = output else {
        return None;
    };
    let references: Vec<Value> = found
        .as_array()?
        .iter()
        .map(|tool| json!({"type": "tool_reference", "tool_name": tool.get("toolName")}))
        .collect();
    Some(json!({"type": "tool_search_tool_search_result", "tool_references": references}))
}

fn advisor(output: &ToolOutput) -> Option<Value> {
    let (ToolOutput::Json(value) | ToolOutput::ErrorJson(value)) = output else {
        return None;
    };
    Some(match text_at(value, "type") {
        Some("advisor_result") => json!({"type": "advisor_result", "text": value.get("text")}),
        Some("advisor_redacted_result") => {
            json!({"type": "advisor_redacted_result", "encrypted_content": value.get("encryptedContent")})
        }
        _ => json!({"type": "advisor_tool_result_error", "error_code": value.get("errorCode")}),
    })
}

/// The fields of a failure, which may be data or data in a text.
fn error_fields(output: &ToolOutput) -> Object {
    let fields = |text: &str| match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => fields,
        _ => Object::new(),
    };
    match output {
        ToolOutput::ErrorText(text) => fields(text),
        ToolOutput::ErrorJson(Value::String(text)) => fields(text),
        ToolOutput::ErrorJson(Value::Object(object)) => object.clone(),
        _ => Object::new(),
    }
}

fn use_block(
    kind: &str,
    id: &str,
    name: &str,
    input: Value,
    caller: Option<Value>,
    mark: Option<Value>,
) -> Value {
    let mut block = Body::new();
    block.set("type", kind);
    block.set("id", id);
    block.set("name", name);
    block.set("input", input);
    block.put("caller", caller);
    block.put("cache_control", mark);
    block.into_value()
}

/// Which tool of the provider made the call.
fn caller(own: Option<&Object>) -> Option<Value> {
    let caller = own?.get("caller")?;
    match text_at(caller, "type")? {
        kind @ ("code_execution_20250825" | "code_execution_20260120") => {
            truthy(caller.get("toolId")).map(|tool| json!({"type": kind, "tool_id": tool}))
        }
        "direct" => Some(json!({"type": "direct"})),
        _ => None,
    }
}

fn text_of<'a>(own: Option<&'a Object>, key: &str) -> Option<&'a str> {
    own.and_then(|own| own.get(key)).and_then(Value::as_str)
}
