//! JSON schemas for answers: what the provider does not understand becomes part of the description.

use serde_json::Value;

use crate::request::Object;

const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

const CONSTRAINTS: [&str; 14] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "not",
];

/// Keys that are copied unless they are null; `default` and `const` also when they are.
const COPIED: [&str; 8] = [
    "$schema",
    "$id",
    "title",
    "description",
    "default",
    "const",
    "enum",
    "type",
];

/// Depth at which a schema is no longer looked into; no real one is as deep.
const DEEPEST: usize = 64;

/// A schema that the provider accepts for an answer.
pub(super) fn for_answer(schema: &Value) -> Value {
    definition(schema, 0)
}

fn definition(value: &Value, depth: usize) -> Value {
    match value {
        Value::Object(schema) if depth < DEEPEST => object(schema, depth),
        other => other.clone(),
    }
}

fn object(schema: &Object, depth: usize) -> Value {
    let present = |key: &str| schema.get(key).filter(|value| !value.is_null());
    let each = |list: &Value| match list {
        Value::Array(items) => Value::Array(items.iter().map(|item| definition(item, depth + 1)).collect()),
        other => definition(other, depth + 1),
    };
    let each_named = |map: &Value| match map {
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(name, item)| (name.clone(), definition(item, depth + 1)))
                .collect(),
        ),
        other => other.clone(),
    };
    let mut result = Object::new();
    if let Some(reference) = present("$ref") {
        result.insert("$ref".to_owned(), reference.clone());
        return Value::Object(result);
    }
    for key in COPIED {
        let value = if matches!(key, "default" | "const") {
            schema.get(key)
        } else {
            present(key)
        };
        if let Some(value) = value {
            result.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(variants) = present("anyOf").or_else(|| present("oneOf")) {
        result.insert("anyOf".to_owned(), each(variants));
    }
    if let Some(all) = present("allOf") {
        result.insert("allOf".to_owned(), each(all));
    }
    for key in ["definitions", "$defs"] {
        if let Some(named) = present(key) {
            result.insert(key.to_owned(), each_named(named));
        }
    }
    let is_object =
        schema.get("type").and_then(Value::as_str) == Some("object") || present("properties").is_some();
    if is_object {
        if let Some(properties) = present("properties") {
            result.insert("properties".to_owned(), each_named(properties));
        }
        result.insert("additionalProperties".to_owned(), Value::Bool(false));
        if let Some(required) = present("required") {
            result.insert("required".to_owned(), required.clone());
        }
    }
    if let Some(items) = present("items") {
        result.insert("items".to_owned(), each(items));
    }
    let format = schema.get("format").and_then(Value::as_str);
    if let Some(format) = format.filter(|format| FORMATS.contains(format)) {
        result.insert("format".to_owned(), Value::from(format));
    }
    if let Some(words) = constraints(schema, format) {
        let description = match result.get("description").and_then(Value::as_str) {
            Some(description) => format!("{description}\n{words}"),
            None => words,
        };
        result.insert("description".to_owned(), Value::from(description));
    }
    Value::Object(result)
}

/// The constraints in words: `min length: 1; max length: 9.`
fn constraints(schema: &Object, format: Option<&str>) -> Option<String> {
    let mut words: Vec<String> = CONSTRAINTS
        .iter()
        .filter_map(|key| {
            let value = schema
                .get(*key)
                .filter(|value| !value.is_null() && **value != Value::Bool(false))?;
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Some(format!("{}: {value}", in_words(key)))
        })
        .collect();
    if let Some(format) = format.filter(|format| !FORMATS.contains(format)) {
        words.push(format!("format: {format}"));
    }
    if words.is_empty() {
        None
    } else {
        Some(format!("{}.", words.join("; ")))
    }
}

fn in_words(key: &str) -> String {
    let mut words = String::with_capacity(key.len() + 2);
    for letter in key.chars() {
        if letter.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_are_reduced() {
        let table = [
            (
                "objects are closed",
                json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
                json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false, "required": ["a"]}),
            ),
            (
                "constraints become words",
                json!({"type": "string", "description": "A name.", "minLength": 1, "pattern": "^a", "uniqueItems": false}),
                json!({"type": "string", "description": "A name.\nmin length: 1; pattern: ^a."}),
            ),
            (
                "formats are known or words",
                json!({"format": "uri"}),
                json!({"format": "uri"}),
            ),
            (
                "other formats",
                json!({"format": "color"}),
                json!({"description": "format: color."}),
            ),
            (
                "one of",
                json!({"oneOf": [{"type": "null"}, {"minimum": 2}]}),
                json!({"anyOf": [{"type": "null"}, {"description": "minimum: 2."}]}),
            ),
            (
                "references stand alone",
                json!({"$ref": "#/a", "title": "x"}),
                json!({"$ref": "#/a"}),
            ),
            (
                "items",
                json!({"items": {"maxItems": 3}}),
                json!({"items": {"description": "max items: 3."}}),
            ),
        ];
        for (name, input, expected) in table {
            assert_eq!(for_answer(&input), expected, "{name}");
        }
    }
}
