//! Calls of tools that the provider ran itself, as items that say everything: for a provider that keeps nothing, so
//! that there is nothing to refer to (reference `v2.md` §14 row 45). It is the way back of what `hosted` makes of
//! such items.

use serde_json::{Value, json};

use super::item;
use crate::json::{Body, present, text_at};
use crate::request::ToolOutput;

/// The item of a call with its result; `None` for one whose item cannot be told from them.
pub(super) fn inline(id: &str, tool: &str, input: Option<&Value>, output: &ToolOutput) -> Option<Value> {
    let output = match output {
        ToolOutput::Json(value) => value.clone(),
        ToolOutput::Text(text) => serde_json::from_str(text).ok()?,
        _ => return None,
    };
    let completed = |kind: &str| {
        let mut wire = item(kind);
        wire.set("id", id);
        wire.set("status", "completed");
        wire
    };
    let copied = |mut wire: Body, from: Option<&Value>, keys: &[(&str, &str)]| {
        for (to, key) in keys {
            let value = from.and_then(|from| from.get(*key)).cloned();
            wire.set(to, value.unwrap_or_default());
        }
        wire.into_value()
    };
    Some(match tool {
        "web_search" => {
            let mut wire = completed("web_search_call");
            // What it did is all that there is to tell.
            wire.set("action", action(&output)?);
            wire.into_value()
        }
        "file_search" => {
            let mut wire = completed("file_search_call");
            wire.set(
                "queries",
                output.get("queries").cloned().unwrap_or_else(|| json!([])),
            );
            wire.set("results", found(&output));
            wire.into_value()
        }
        "image_generation" => copied(
            completed("image_generation_call"),
            Some(&output),
            &[("result", "result")],
        ),
        "code_interpreter" => {
            let mut wire = completed("code_interpreter_call");
            wire.set("outputs", output.get("outputs").cloned().unwrap_or_default());
            copied(wire, input, &[("code", "code"), ("container_id", "containerId")])
        }
        _ if tool.starts_with("mcp.") => {
            let mut wire = item("mcp_call");
            wire.set("id", id);
            for key in ["output", "error"] {
                wire.put(key, present(output.get(key)).cloned());
            }
            let keys = [
                ("server_label", "serverLabel"),
                ("name", "name"),
                ("arguments", "arguments"),
            ];
            copied(wire, Some(&output), &keys)
        }
        _ => return None,
    })
}

/// What a search of the web did, in the provider's words.
fn action(output: &Value) -> Option<Value> {
    let mut action = output.get("action")?.clone();
    let kind = match text_at(&action, "type") {
        Some("openPage") => Some("open_page"),
        Some("findInPage") => Some("find_in_page"),
        _ => None,
    };
    let fields = action.as_object_mut()?;
    if let Some(kind) = kind {
        fields.insert("type".to_owned(), Value::from(kind));
    }
    if let Some(sources) = present(output.get("sources")) {
        fields.insert("sources".to_owned(), sources.clone());
    }
    Some(action)
}

/// What a search of files found, in the provider's words.
fn found(output: &Value) -> Value {
    let Some(hits) = output.get("results").and_then(Value::as_array) else {
        return Value::Null;
    };
    let hit = |hit: &Value| {
        let mut wire = Body::new();
        wire.put("attributes", present(hit.get("attributes")).cloned());
        for (to, key) in [
            ("file_id", "fileId"),
            ("filename", "filename"),
            ("score", "score"),
            ("text", "text"),
        ] {
            wire.set(to, hit.get(key).cloned().unwrap_or_default());
        }
        wire.into_value()
    };
    hits.iter().map(hit).collect()
}
