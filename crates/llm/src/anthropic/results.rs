//! Results of tools that the provider ran itself: from blocks of the answer to parts.

use serde_json::{Value, json};

use super::decode::{CitedDocument, Known};
use super::options::NAMESPACE;
use crate::json::{Body, present, text_at};
use crate::request::Object;
use crate::stream::{ProviderMetadata, Source, StreamPart};

/// The parts of a result block. Blocks of unknown kinds have none: the provider adds kinds.
pub(super) fn parts(
    kind: &str,
    block: &Value,
    known: &mut Known,
    documents: &mut Vec<CitedDocument>,
) -> Vec<StreamPart> {
    let Some(id) = text_at(block, "tool_use_id") else {
        return Vec::new();
    };
    let none = Value::Null;
    let content = block.get("content").unwrap_or(&none);
    let inner = text_at(content, "type").unwrap_or_default();
    let (name, output, is_error) = match kind {
        "web_fetch_tool_result" if inner == "web_fetch_result" => {
            documents.push(fetched_document(content));
            ("web_fetch".to_owned(), fetched_page(content), false)
        }
        "web_fetch_tool_result" => (
            "web_fetch".to_owned(),
            failure("web_fetch_tool_result_error", content),
            true,
        ),
        "web_search_tool_result" => match content.as_array() {
            Some(hits) => (
                "web_search".to_owned(),
                hits.iter().map(search_hit).collect(),
                false,
            ),
            None => (
                "web_search".to_owned(),
                failure("web_search_tool_result_error", content),
                true,
            ),
        },
        "code_execution_tool_result" => {
            let failed = inner == "code_execution_tool_result_error";
            let output = if failed {
                failure(inner, content)
            } else {
                executed(content)
            };
            ("code_execution".to_owned(), output, failed)
        }
        // Parity: what these say about a failure stays a plain result (§4.1).
        "bash_code_execution_tool_result" | "text_editor_code_execution_tool_result" => {
            ("code_execution".to_owned(), content.clone(), false)
        }
        "tool_search_tool_result" => {
            let name = known
                .tool_searches
                .get(id)
                .cloned()
                .unwrap_or_else(|| "tool_search_tool_regex".to_owned());
            match inner {
                "tool_search_tool_search_result" => (name, found_tools(content), false),
                _ => (name, failure("tool_search_tool_result_error", content), true),
            }
        }
        "advisor_tool_result" => {
            let (output, failed) = advice(inner, content);
            ("advisor".to_owned(), output, failed)
        }
        "mcp_tool_result" => {
            let call = known.mcp_calls.get(id);
            return vec![StreamPart::ToolResult {
                id: id.to_owned(),
                name: call.map(|call| call.name.clone()).unwrap_or_default(),
                output: content.clone(),
                is_error: block.get("is_error").and_then(Value::as_bool).unwrap_or(false),
                metadata: call.map(|call| call.metadata.clone()).unwrap_or_default(),
            }];
        }
        _ => {
            tracing::debug!(kind, "block of an unknown kind is read over");
            return Vec::new();
        }
    };
    let metadata = match kind {
        "web_fetch_tool_result" | "web_search_tool_result" => caller_metadata(block),
        _ => ProviderMetadata::new(),
    };
    let mut parts = vec![StreamPart::ToolResult {
        id: id.to_owned(),
        name,
        output,
        is_error,
        metadata,
    }];
    if kind == "web_search_tool_result"
        && let Some(hits) = content.as_array()
    {
        parts.extend(hits.iter().filter_map(hit_source).map(StreamPart::Source));
    }
    parts
}

/// Who made a call or asked for a result: a tool of the provider, perhaps.
pub(super) fn caller_metadata(block: &Value) -> ProviderMetadata {
    let Some(caller) = present(block.get("caller")) else {
        return ProviderMetadata::new();
    };
    let mut facts = Body::new();
    facts.put("type", caller.get("type").cloned());
    facts.put("toolId", caller.get("tool_id").cloned());
    own_metadata([("caller", facts.into_value())])
}

/// Metadata in this adapter's namespace.
pub(super) fn own_metadata<const N: usize>(fields: [(&str, Value); N]) -> ProviderMetadata {
    let fields: Object = fields
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    ProviderMetadata::from([(NAMESPACE.to_owned(), fields)])
}

fn failure(kind: &str, content: &Value) -> Value {
    json!({"type": kind, "errorCode": content.get("error_code")})
}

fn fetched_document(content: &Value) -> CitedDocument {
    let title = content
        .pointer("/content/title")
        .and_then(Value::as_str)
        .or_else(|| text_at(content, "url"));
    let media_type = content
        .pointer("/content/source/media_type")
        .and_then(Value::as_str);
    CitedDocument {
        title: title.unwrap_or_default().to_owned(),
        filename: None,
        media_type: media_type.unwrap_or_default().to_owned(),
    }
}

fn fetched_page(content: &Value) -> Value {
    let mut document = Body::new();
    document.put("type", content.pointer("/content/type").cloned());
    document.put("title", content.pointer("/content/title").cloned());
    document.put("citations", content.pointer("/content/citations").cloned());
    document.set(
        "source",
        json!({
            "type": content.pointer("/content/source/type"),
            "mediaType": content.pointer("/content/source/media_type"),
            "data": content.pointer("/content/source/data"),
        }),
    );
    json!({
        "type": "web_fetch_result",
        "url": content.get("url"),
        "retrievedAt": content.get("retrieved_at"),
        "content": document.into_value(),
    })
}

fn search_hit(hit: &Value) -> Value {
    json!({
        "url": hit.get("url"),
        "title": hit.get("title"),
        "pageAge": hit.get("page_age"),
        "encryptedContent": hit.get("encrypted_content"),
        "type": hit.get("type"),
    })
}

fn hit_source(hit: &Value) -> Option<Source> {
    let url = text_at(hit, "url")?.to_owned();
    Some(Source::Url {
        url,
        title: text_at(hit, "title").map(str::to_owned),
    })
}

fn executed(content: &Value) -> Value {
    let mut output = Body::new();
    for key in ["type", "stdout", "encrypted_stdout", "stderr", "return_code"] {
        output.put(key, content.get(key).cloned());
    }
    output.set(
        "content",
        content
            .get("content")
            .cloned()
            .unwrap_or_else(|| Value::Array(Vec::new())),
    );
    output.into_value()
}

fn found_tools(content: &Value) -> Value {
    let tools = content.get("tool_references").and_then(Value::as_array);
    let tool = |tool: &Value| json!({"type": tool.get("type"), "toolName": tool.get("tool_name")});
    Value::Array(
        tools
            .map(|tools| tools.iter().map(tool).collect())
            .unwrap_or_default(),
    )
}

fn advice(kind: &str, content: &Value) -> (Value, bool) {
    match kind {
        "advisor_result" => (json!({"type": kind, "text": content.get("text")}), false),
        "advisor_redacted_result" => (
            json!({"type": kind, "encryptedContent": content.get("encrypted_content")}),
            false,
        ),
        _ => (failure("advisor_tool_result_error", content), true),
    }
}
