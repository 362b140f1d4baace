//! JSON Schema in the dialect that the provider reads (reference `providers.md` §4.4).
//!
//! What is not named here is left out: the provider refuses a schema with a word that it does not know.

use serde_json::{Map, Value, json};

use crate::json::{present, truthy};

/// The schema of a tool's arguments or of an answer; `None` for an object without properties, which the
/// provider takes only below the root.
pub(super) fn for_root(schema: &Value) -> Option<Value> {
    (!schema.is_null() && !is_empty_object(schema)).then(|| convert(schema))
}

/// An object that holds nothing.
fn is_empty_object(schema: &Value) -> bool {
    let properties = present(schema.get("properties"));
    schema.get("type").and_then(Value::as_str) == Some("object")
        && properties.is_none_or(|properties| properties.as_object().is_some_and(Map::is_empty))
        && truthy(schema.get("additionalProperties")).is_none()
}

fn convert(schema: &Value) -> Value {
    let Some(source) = schema.as_object() else {
        // A schema that takes anything, or nothing.
        return json!({"type": "boolean", "properties": {}});
    };
    let mut out = Map::new();
    let copy = |out: &mut Map<String, Value>, key: &str, value: Option<&Value>| {
        if let Some(value) = value {
            out.insert(key.to_owned(), value.clone());
        }
    };
    if is_empty_object(schema) {
        copy(&mut out, "description", truthy(source.get("description")));
        out.insert("type".to_owned(), json!("object"));
        return Value::Object(out);
    }
    for key in ["description", "required", "format"] {
        copy(&mut out, key, truthy(source.get(key)));
    }
    if let Some(value) = source.get("const") {
        out.insert("enum".to_owned(), json!([value]));
    }
    kind(source.get("type"), &mut out);
    copy(&mut out, "enum", source.get("enum"));
    if let Some(Value::Object(properties)) = source.get("properties") {
        let converted = properties
            .iter()
            .map(|(key, value)| (key.clone(), convert(value)));
        out.insert("properties".to_owned(), Value::Object(converted.collect()));
    }
    match source.get("items") {
        Some(Value::Array(items)) => {
            out.insert("items".to_owned(), items.iter().map(convert).collect());
        }
        Some(items) if truthy(Some(items)).is_some() => {
            out.insert("items".to_owned(), convert(items));
        }
        _ => {}
    }
    list("allOf", source.get("allOf"), &mut out);
    choices(source.get("anyOf"), &mut out);
    list("oneOf", source.get("oneOf"), &mut out);
    copy(&mut out, "minLength", source.get("minLength"));
    Value::Object(out)
}

/// A list of types becomes a choice; `null` in it a flag.
fn kind(kind: Option<&Value>, out: &mut Map<String, Value>) {
    let Some(kinds) = kind.and_then(Value::as_array) else {
        if let Some(kind) = truthy(kind) {
            out.insert("type".to_owned(), kind.clone());
        }
        return;
    };
    let others: Vec<Value> = kinds
        .iter()
        .filter(|kind| *kind != "null")
        .map(|kind| json!({"type": kind}))
        .collect();
    if others.is_empty() {
        out.insert("type".to_owned(), json!("null"));
        return;
    }
    if others.len() < kinds.len() {
        out.insert("nullable".to_owned(), Value::Bool(true));
    }
    out.insert("anyOf".to_owned(), Value::Array(others));
}

fn list(key: &str, schemas: Option<&Value>, out: &mut Map<String, Value>) {
    if let Some(schemas) = schemas.and_then(Value::as_array) {
        out.insert(key.to_owned(), schemas.iter().map(convert).collect());
    }
}

/// A choice of which one is `null` is the others with a flag.
fn choices(schemas: Option<&Value>, out: &mut Map<String, Value>) {
    let Some(schemas) = schemas.and_then(Value::as_array) else {
        return;
    };
    let others: Vec<Value> = schemas
        .iter()
        .filter(|schema| schema.get("type").and_then(Value::as_str) != Some("null"))
        .map(convert)
        .collect();
    if others.len() < schemas.len() {
        out.insert("nullable".to_owned(), Value::Bool(true));
        if let [Value::Object(only)] = others.as_slice() {
            out.extend(only.clone());
            return;
        }
    }
    out.insert("anyOf".to_owned(), Value::Array(others));
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn schemas_are_said_in_the_words_of_the_provider() {
        let table = [
            ("nothing", json!({"type": "object"}), None),
            (
                "no properties",
                json!({"type": "object", "properties": {}, "additionalProperties": false}),
                None,
            ),
            (
                "any properties",
                json!({"type": "object", "additionalProperties": {"type": "string"}}),
                Some(json!({"type": "object"})),
            ),
            (
                "an empty object inside",
                json!({"type": "object", "properties": {"a": {"type": "object", "description": "d"}, "b": true}}),
                Some(json!({"type": "object", "properties": {
                    "a": {"type": "object", "description": "d"},
                    "b": {"type": "boolean", "properties": {}},
                }})),
            ),
            (
                "words that are not known",
                json!({"$schema": "x", "type": "integer", "minimum": 1, "default": 2, "format": "int32", "title": "t"}),
                Some(json!({"type": "integer", "format": "int32"})),
            ),
            (
                "types",
                json!({"type": "array", "items": {"type": ["string", "null"]}}),
                Some(json!({"type": "array", "items": {"anyOf": [{"type": "string"}], "nullable": true}})),
            ),
            (
                "null only",
                json!({"type": ["null"]}),
                Some(json!({"type": "null"})),
            ),
            (
                "one of two, one null",
                json!({"description": "outer", "anyOf": [{"type": "string", "minLength": 1}, {"type": "null"}]}),
                Some(json!({"description": "outer", "nullable": true, "type": "string", "minLength": 1})),
            ),
            (
                "one of three, one null",
                json!({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]}),
                Some(json!({"anyOf": [{"type": "string"}, {"type": "number"}], "nullable": true})),
            ),
            ("a constant", json!({"const": "a"}), Some(json!({"enum": ["a"]}))),
            (
                "tuples",
                json!({"type": "array", "items": [{"type": "string"}, {"type": "number"}]}),
                Some(json!({"type": "array", "items": [{"type": "string"}, {"type": "number"}]})),
            ),
            (
                "all and one",
                json!({"allOf": [{"type": "string"}], "oneOf": [{"enum": ["a"]}]}),
                Some(json!({"allOf": [{"type": "string"}], "oneOf": [{"enum": ["a"]}]})),
            ),
        ];
        for (name, schema, expected) in table {
            assert_eq!(for_root(&schema), expected, "{name}");
        }
    }
}
