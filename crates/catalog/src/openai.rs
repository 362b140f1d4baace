//! What OpenAI's models want, and those who speak as they do: options, limits, tools
//! (reference `providers.md` §6.1, §7, §9).

use opencode_llm::request::Tool;
use opencode_schema::Object;
use opencode_schema::model::{Model, Provider};
use serde_json::{Map, Value, json};

use crate::merge::merge;

const ENCRYPTED_REASONING: &str = "reasoning.encrypted_content";

/// Adapters that speak Responses to OpenAI's own models.
const ADAPTERS: [&str; 3] = ["@ai-sdk/openai", "@ai-sdk/azure", "@ai-sdk/amazon-bedrock/mantle"];
const COPILOT: &str = "@ai-sdk/github-copilot";
/// Adapters that take the key of a prompt cache under its own name.
const CACHE_KEYS: [&str; 4] = [
    "@ai-sdk/openai",
    "@ai-sdk/azure",
    "@ai-sdk/xai",
    "@ai-sdk/mistral",
];

fn speaks(npm: &str) -> bool {
    ADAPTERS.contains(&npm)
}

/// The provider is told not to keep what is said.
pub(crate) fn is_unstored(model: &Model) -> bool {
    let npm = model.api.npm.as_str();
    model.provider_id == "openai" || speaks(npm) || npm == COPILOT || npm == "@ai-sdk/xai"
}

/// The same for small things such as titles, where fewer are told.
pub(crate) fn is_unstored_when_small(model: &Model) -> bool {
    model.provider_id == "openai" || matches!(model.api.npm.as_str(), "@ai-sdk/openai" | COPILOT)
}

/// Options that every request to such a model carries.
pub(crate) fn base_options(model: &Model, provider: &Provider, session_id: &str) -> Object {
    let npm = model.api.npm.as_str();
    let id = model.api.id.to_lowercase();
    let mut options = Object::new();
    let mut add = |value: Value| {
        if let Value::Object(row) = value {
            merge(&mut options, &row);
        }
    };
    if is_unstored(model) {
        add(json!({ "store": false }));
    }
    if npm == "@ai-sdk/openai" && model.provider_id == "meta" {
        add(json!({ "reasoningSummary": "auto", "include": [ENCRYPTED_REASONING] }));
    }
    let wants_cache = provider.options.get("setCacheKey").and_then(Value::as_bool) != Some(false);
    if CACHE_KEYS.contains(&npm) && wants_cache {
        add(json!({ "promptCacheKey": session_id }));
    }
    let completions = provider.options.get("useCompletionUrls").and_then(Value::as_bool) == Some(true);
    if npm == "@ai-sdk/azure" && completions {
        if gpt(&id).is_none_or(|version| version < (5, 5)) {
            add(json!({ "reasoningEffort": "medium" }));
        }
        return options;
    }
    if !id.contains("gpt-5") || id.contains("gpt-5-chat") {
        return options;
    }
    let includes = matches!(npm, "@ai-sdk/openai" | "@ai-sdk/amazon-bedrock/mantle");
    if !id.contains("gpt-5-pro") {
        add(json!({ "reasoningEffort": "medium" }));
        if speaks(npm) || npm == COPILOT {
            add(json!({ "reasoningSummary": "auto" }));
        }
        if includes {
            add(json!({ "include": [ENCRYPTED_REASONING] }));
        }
    }
    if includes && id.contains("gpt-5.") && !id.contains("codex") && !id.contains("-chat") {
        add(json!({ "textVerbosity": "low" }));
    }
    if model.provider_id.starts_with("opencode") {
        add(json!({
            "promptCacheKey": session_id,
            "include": [ENCRYPTED_REASONING],
            "reasoningSummary": "auto",
        }));
    }
    options
}

/// Last changes to options of all sources together (reference §4.7, §9.1).
pub(crate) fn settle(model: &Model, provider: &Provider, options: &mut Object) {
    let npm = model.api.npm.as_str();
    let completions = provider.options.get("useCompletionUrls").and_then(Value::as_bool) == Some(true);
    if npm == "@ai-sdk/azure" && completions {
        options.shift_remove("reasoningSummary");
        options.shift_remove("include");
    }
    let reasons = model.capabilities.reasoning
        || options
            .get("reasoningEffort")
            .is_some_and(|effort| !effort.is_null());
    if speaks(npm) && reasons {
        options.insert("forceReasoning".to_owned(), Value::Bool(true));
    }
}

/// Headers that tell the provider who asks, and in which conversation.
#[must_use]
pub fn headers(model: &Model, session_id: &str) -> Vec<(&'static str, String)> {
    if model.provider_id != "openai" {
        return Vec::new();
    }
    vec![
        ("originator", "opencode".to_owned()),
        ("session-id", session_id.to_owned()),
    ]
}

/// The provider sets the limit of answers itself.
pub(crate) fn is_unlimited(model: &Model) -> bool {
    model.provider_id == "openai"
        || (model.provider_id.starts_with("github-copilot") && model.api.id.contains("gpt"))
}

/// `gpt-5.1-codex` as its version.
fn gpt(id: &str) -> Option<(u32, u32)> {
    let (_, rest) = id.split_once("gpt-")?;
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().ok().map(|number| (number, digits.len()))
    };
    let (major, length) = number(rest)?;
    let minor = rest
        .get(length..)
        .and_then(|rest| rest.strip_prefix('.'))
        .and_then(number);
    Some((major, minor.map_or(0, |(minor, _)| minor)))
}

/// Tools as such models take them: with the few words of schemas that the provider knows, and without its
/// promise to hold the model to them, which most schemas could not keep.
pub fn tools(model: &Model, tools: &mut [Tool]) {
    let npm = model.api.npm.as_str();
    let narrows = matches!(npm, "@ai-sdk/openai" | "@ai-sdk/azure");
    for tool in tools {
        let Tool::Function {
            input_schema, strict, ..
        } = tool;
        if speaks(npm) {
            *strict = Some(false);
        }
        if narrows {
            *input_schema = narrowed(input_schema);
        }
    }
}

/// Words of schemas that stay as they are.
const KEPT: [&str; 4] = ["$ref", "description", "required", "enum"];
/// Words that hold a schema by name.
const BY_NAME: [&str; 3] = ["properties", "$defs", "definitions"];
/// Words that hold a row of schemas.
const ROWS: [&str; 3] = ["anyOf", "oneOf", "allOf"];

/// A schema in the words that the provider knows. It is as deep as the schema, which was read within limits.
fn narrowed(schema: &Value) -> Value {
    let Value::Object(schema) = schema else {
        return match schema {
            Value::Bool(_) => json!({ "type": "string" }),
            other => other.clone(),
        };
    };
    let mut out = Map::new();
    for (key, value) in schema {
        let value = match (key.as_str(), value) {
            (key, value) if KEPT.contains(&key) => value.clone(),
            ("const", value) => {
                if !schema.contains_key("enum") {
                    out.insert("enum".to_owned(), json!([value]));
                }
                continue;
            }
            ("type", value) => value.clone(),
            (key, Value::Object(named)) if BY_NAME.contains(&key) => Value::Object(
                named
                    .iter()
                    .map(|(name, schema)| (name.clone(), narrowed(schema)))
                    .collect(),
            ),
            (key, Value::Array(row)) if ROWS.contains(&key) => row.iter().map(narrowed).collect(),
            ("items", Value::Array(row)) => row.iter().map(narrowed).collect(),
            ("items", value) => narrowed(value),
            ("additionalProperties", Value::Bool(flag)) => Value::Bool(*flag),
            ("additionalProperties", value) => narrowed(value),
            _ => continue,
        };
        out.insert(key.clone(), value);
    }
    with_type(schema, out)
}

/// Says the type, where it can be told from the other words.
fn with_type(schema: &Map<String, Value>, mut out: Map<String, Value>) -> Value {
    let has = |words: &[&str]| words.iter().any(|word| schema.contains_key(*word));
    let composed = has(&["$ref", "anyOf", "oneOf", "allOf"]);
    if !out.contains_key("type") && !composed {
        let told = if has(&["properties", "required", "additionalProperties"]) {
            "object"
        } else if has(&["items", "prefixItems"]) {
            "array"
        } else if has(&["enum", "const", "format"]) {
            "string"
        } else if has(&[
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
        ]) {
            "number"
        } else {
            return Value::Object(Map::new());
        };
        out.insert("type".to_owned(), Value::from(told));
    }
    let is = |name: &str| match out.get("type") {
        Some(Value::String(kind)) => kind == name,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == name),
        _ => false,
    };
    let (object, array) = (is("object"), is("array"));
    if object && !out.contains_key("properties") {
        out.insert("properties".to_owned(), json!({}));
    }
    if array && !out.contains_key("items") {
        out.insert("items".to_owned(), json!({ "type": "string" }));
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_from_names() {
        let table = [
            ("gpt-5", Some((5, 0))),
            ("gpt-5.5-mini", Some((5, 5))),
            ("openai/gpt-6-sol", Some((6, 0))),
            ("gpt-x", None),
            ("o3", None),
        ];
        for (id, expected) in table {
            assert_eq!(gpt(id), expected, "{id}");
        }
    }

    #[test]
    fn schemas_are_told_in_known_words() {
        let table = [
            (
                "unknown words go",
                json!({"type": "object", "$schema": "x", "properties": {"n": {"type": "integer", "minimum": 1}}, "additionalProperties": false}),
                json!({"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": false}),
            ),
            (
                "constants are choices",
                json!({"const": 3}),
                json!({"enum": [3], "type": "string"}),
            ),
            (
                "booleans are texts",
                json!({"type": "object", "properties": {"a": true}}),
                json!({"type": "object", "properties": {"a": {"type": "string"}}}),
            ),
            (
                "objects have properties",
                json!({"type": "object"}),
                json!({"type": "object", "properties": {}}),
            ),
            (
                "lists have items",
                json!({"type": "array"}),
                json!({"type": "array", "items": {"type": "string"}}),
            ),
            (
                "types are told from words",
                json!({"properties": {"a": {"items": {"format": "uri"}}, "b": {"minimum": 1}, "c": {"title": "x"}}}),
                json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}, "b": {"type": "number"}, "c": {}}}),
            ),
            (
                "choices of schemas need none",
                json!({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/a"}], "$defs": {"a": {"type": "string", "pattern": "x"}}}),
                json!({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/a"}], "$defs": {"a": {"type": "string"}}}),
            ),
        ];
        for (name, schema, expected) in table {
            assert_eq!(narrowed(&schema), expected, "{name}");
        }
    }
}
