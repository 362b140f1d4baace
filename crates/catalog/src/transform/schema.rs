//! Schemas of tools, in the parts of JSON Schema that providers take (reference `providers.md` §6.1).
//!
//! Schemas come from tool servers too, so that their depth is bounded here.

use opencode_schema::Object;
use serde_json::{Value, json};

/// Schemas within schemas; deeper ones are left as they are.
const DEEPEST: usize = 64;

/// Keys that OpenAI's protocols take.
const PLAIN: [&str; 13] = [
    "$ref",
    "description",
    "enum",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "anyOf",
    "oneOf",
    "allOf",
    "$defs",
    "definitions",
    "type",
];
/// Keys whose values are schemas by name.
const NAMED: [&str; 3] = ["properties", "$defs", "definitions"];
/// Keys whose values are lists of schemas.
const LISTS: [&str; 3] = ["anyOf", "oneOf", "allOf"];
const BOUNDS: [&str; 5] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];

/// Reduces a schema to the keys that OpenAI's protocols take, and says the type of everything.
pub(super) fn plain(schema: &mut Value) {
    reduce(schema, 0);
}

fn reduce(schema: &mut Value, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    let node = match schema {
        Value::Bool(_) => {
            *schema = json!({ "type": "string" });
            return;
        }
        Value::Object(node) => node,
        _ => return,
    };
    if let Some(only) = node.shift_remove("const")
        && !node.contains_key("enum")
    {
        node.insert("enum".to_owned(), json!([only]));
    }
    let inferred = (!node.contains_key("type"))
        .then(|| inferred_type(node))
        .flatten();
    node.retain(|key, _| PLAIN.contains(&key.as_str()));
    if let Some(kind) = inferred {
        node.insert("type".to_owned(), json!(kind));
    }
    if has_type(node, "object") && !node.contains_key("properties") {
        node.insert("properties".to_owned(), json!({}));
    }
    if has_type(node, "array") && !node.contains_key("items") {
        node.insert("items".to_owned(), json!({ "type": "string" }));
    }
    if let Some(Value::Array(tuple)) = node.get("items") {
        let first = tuple.first().cloned();
        node.insert(
            "items".to_owned(),
            first.unwrap_or_else(|| json!({ "type": "string" })),
        );
    }
    each_inner(node, &mut |inner| reduce(inner, depth + 1));
    if let Some(further) = node
        .get_mut("additionalProperties")
        .filter(|further| further.is_object())
    {
        reduce(further, depth + 1);
    }
}

/// The type that follows from the other keys; none where the schema says what else it may be.
fn inferred_type(node: &Object) -> Option<&'static str> {
    let has = |keys: &[&str]| keys.iter().any(|key| node.contains_key(*key));
    if has(&["properties", "required", "additionalProperties"]) {
        Some("object")
    } else if has(&["items", "prefixItems"]) {
        Some("array")
    } else if has(&["enum", "format"]) {
        Some("string")
    } else if has(&BOUNDS) {
        Some("number")
    } else {
        None
    }
}

fn has_type(node: &Object, wanted: &str) -> bool {
    match node.get("type") {
        Some(Value::String(kind)) => kind == wanted,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == wanted),
        _ => false,
    }
}

/// Visits the schemas inside a schema.
fn each_inner(node: &mut Object, visit: &mut dyn FnMut(&mut Value)) {
    for (key, value) in node.iter_mut() {
        match value {
            Value::Object(named) if NAMED.contains(&key.as_str()) => named.values_mut().for_each(&mut *visit),
            Value::Array(list) if LISTS.contains(&key.as_str()) || key == "items" => {
                list.iter_mut().for_each(&mut *visit);
            }
            inner @ Value::Object(_) if key == "items" => visit(inner),
            _ => {}
        }
    }
}

/// Moonshot takes nothing beside a reference, and no lists of item types.
pub(super) fn without_siblings(schema: &mut Value) {
    strip_siblings(schema, 0);
}

fn strip_siblings(schema: &mut Value, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    match schema {
        Value::Object(node) => {
            if node.get("$ref").is_some_and(Value::is_string) {
                node.retain(|key, _| key == "$ref");
                return;
            }
            if let Some(Value::Array(tuple)) = node.get("items") {
                let first = tuple.first().cloned().unwrap_or_else(|| json!({}));
                node.insert("items".to_owned(), first);
            }
            node.values_mut()
                .for_each(|inner| strip_siblings(inner, depth + 1));
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| strip_siblings(inner, depth + 1)),
        _ => {}
    }
}

/// Gemini takes one type, choices of texts only, and demands only of what there is.
pub(super) fn for_gemini(schema: &mut Value) {
    adapt(schema, 0);
}

fn adapt(schema: &mut Value, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    let Value::Object(node) = schema else { return };
    choices_as_texts(node);
    one_type(node);
    each_inner(node, &mut |inner| adapt(inner, depth + 1));
    if node.get("type") == Some(&json!("object"))
        && let Some(Value::Object(properties)) = node.get("properties")
    {
        let there: Vec<String> = properties.keys().cloned().collect();
        if let Some(Value::Array(required)) = node.get_mut("required") {
            required.retain(|name| {
                name.as_str()
                    .is_some_and(|name| there.iter().any(|one| one == name))
            });
        }
    }
    let combined = LISTS.iter().any(|key| node.contains_key(*key));
    if node.get("type") == Some(&json!("array")) && !combined {
        let items = node.entry("items").or_insert_with(|| json!({}));
        if items.is_null() {
            *items = json!({});
        }
        if let Value::Object(items) = items
            && !says_something(items)
        {
            items.insert("type".to_owned(), json!("string"));
        }
    }
    let other = node
        .get("type")
        .is_some_and(|kind| kind.is_string() && kind != "object");
    if other && !combined {
        node.shift_remove("properties");
        node.shift_remove("required");
    }
}

fn choices_as_texts(node: &mut Object) {
    let Some(Value::Array(choices)) = node.get_mut("enum") else {
        return;
    };
    for choice in choices {
        if !choice.is_string() {
            *choice = Value::String(choice.to_string());
        }
    }
    if matches!(
        node.get("type").and_then(Value::as_str),
        Some("integer" | "number")
    ) {
        node.insert("type".to_owned(), json!("string"));
    }
}

fn one_type(node: &mut Object) {
    let Some(Value::Array(kinds)) = node.get("type") else {
        return;
    };
    let nullable = kinds.iter().any(|kind| kind == "null");
    let others: Vec<Value> = kinds.iter().filter(|kind| *kind != "null").cloned().collect();
    match others.as_slice() {
        [] => {
            node.insert("type".to_owned(), json!("null"));
            return;
        }
        [only] => {
            node.insert("type".to_owned(), only.clone());
        }
        several => {
            let variants: Vec<Value> = several.iter().map(|kind| json!({ "type": kind })).collect();
            node.shift_remove("type");
            node.entry("anyOf").or_insert(Value::Array(variants));
        }
    }
    if nullable {
        node.insert("nullable".to_owned(), Value::Bool(true));
    }
}

/// Whether a schema of items says of what kind they are.
fn says_something(items: &Object) -> bool {
    const KEYS: [&str; 9] = [
        "type",
        "$ref",
        "enum",
        "const",
        "properties",
        "items",
        "anyOf",
        "oneOf",
        "allOf",
    ];
    KEYS.iter().any(|key| items.contains_key(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: fn(&mut Value), table: Vec<(&str, Value, Value)>) {
        for (name, mut schema, wanted) in table {
            change(&mut schema);
            assert_eq!(schema, wanted, "{name}");
            let once = schema.clone();
            change(&mut schema);
            assert_eq!(schema, once, "{name}, again");
        }
    }

    #[test]
    fn plain_schemas() {
        check(
            plain,
            vec![
                (
                    "unknown keys go",
                    json!({ "$schema": "s", "type": "object", "title": "t", "properties": { "a": { "type": "string", "minLength": 1, "description": "d" } }, "required": ["a"], "additionalProperties": false }),
                    json!({ "type": "object", "properties": { "a": { "type": "string", "description": "d" } }, "required": ["a"], "additionalProperties": false }),
                ),
                (
                    "a constant is a choice of one",
                    json!({ "const": "x" }),
                    json!({ "enum": ["x"], "type": "string" }),
                ),
                (
                    "anything is a text",
                    json!({ "type": "object", "properties": { "a": true } }),
                    json!({ "type": "object", "properties": { "a": { "type": "string" } } }),
                ),
                (
                    "objects have properties",
                    json!({ "additionalProperties": { "minimum": 1 } }),
                    json!({ "additionalProperties": { "type": "number" }, "type": "object", "properties": {} }),
                ),
                (
                    "lists have items",
                    json!({ "type": "array", "minItems": 1 }),
                    json!({ "type": "array", "items": { "type": "string" } }),
                ),
                (
                    "inferred list",
                    json!({ "prefixItems": [] }),
                    json!({ "type": "array", "items": { "type": "string" } }),
                ),
                (
                    "inferred number",
                    json!({ "maximum": 3 }),
                    json!({ "type": "number" }),
                ),
                ("nothing is known", json!({ "title": "t" }), json!({})),
                (
                    "alternatives",
                    json!({ "anyOf": [{ "pattern": "x", "type": "string" }, { "format": "date" }] }),
                    json!({ "anyOf": [{ "type": "string" }, { "type": "string" }] }),
                ),
                (
                    "references",
                    json!({ "$ref": "#/$defs/a", "$defs": { "a": { "default": 1, "type": "integer" } } }),
                    json!({ "$ref": "#/$defs/a", "$defs": { "a": { "type": "integer" } } }),
                ),
            ],
        );
    }

    #[test]
    fn references_stand_alone_for_moonshot() {
        check(
            without_siblings,
            vec![
                (
                    "beside a reference",
                    json!({ "properties": { "a": { "$ref": "#/x", "description": "d" } } }),
                    json!({ "properties": { "a": { "$ref": "#/x" } } }),
                ),
                (
                    "lists of items",
                    json!({ "items": [{ "type": "string" }, { "type": "number" }] }),
                    json!({ "items": { "type": "string" } }),
                ),
                ("no items", json!({ "items": [] }), json!({ "items": {} })),
            ],
        );
    }

    #[test]
    fn schemas_for_gemini() {
        check(
            for_gemini,
            vec![
                (
                    "choices",
                    json!({ "type": "integer", "enum": [1, "b", true] }),
                    json!({ "type": "string", "enum": ["1", "b", "true"] }),
                ),
                (
                    "several types",
                    json!({ "type": ["string", "number", "null"] }),
                    json!({ "anyOf": [{ "type": "string" }, { "type": "number" }], "nullable": true }),
                ),
                (
                    "a type or nothing",
                    json!({ "type": ["string", "null"] }),
                    json!({ "type": "string", "nullable": true }),
                ),
                (
                    "demands",
                    json!({ "type": "object", "properties": { "a": { "type": "array" } }, "required": ["a", "b"] }),
                    json!({ "type": "object", "properties": { "a": { "type": "array", "items": { "type": "string" } } }, "required": ["a"] }),
                ),
                (
                    "items of no kind",
                    json!({ "type": "array", "items": { "description": "d" } }),
                    json!({ "type": "array", "items": { "description": "d", "type": "string" } }),
                ),
                (
                    "no object",
                    json!({ "type": "string", "properties": {}, "required": ["x"] }),
                    json!({ "type": "string" }),
                ),
            ],
        );
    }

    #[test]
    fn depth_is_bounded() {
        let mut schema = json!({ "const": 1 });
        for _ in 0..500 {
            schema = json!({ "type": "array", "items": schema, "title": "t" });
        }
        plain(&mut schema);
        without_siblings(&mut schema);
        for_gemini(&mut schema);
        assert!(schema.get("title").is_none());
    }
}
