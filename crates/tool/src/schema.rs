//! Whether arguments fit a tool's schema, for callers that are told so before anything runs.
//!
//! Knows the words of JSON Schema that the tools' schemas are made of; others allow everything. What a tool
//! itself asks of its arguments beyond that, it says when it runs.

use serde_json::Value;

/// How deep is looked.
const DEPTH: usize = 64;

/// Checks a value.
///
/// # Errors
/// What does not fit, and where.
pub fn check(schema: &Value, value: &Value) -> Result<(), String> {
    walk(schema, value, "", DEPTH)
}

fn walk(schema: &Value, value: &Value, at: &str, depth: usize) -> Result<(), String> {
    let wrong = |what: String| {
        let place = if at.is_empty() { "the arguments" } else { at };
        Err(format!("{place}: {what}"))
    };
    let Some(depth) = depth.checked_sub(1) else {
        return wrong("too deep".to_owned());
    };
    let kinds = match schema.get("type") {
        Some(Value::String(kind)) => vec![kind.as_str()],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is_of(kind, value)) {
        return wrong(format!("expected {}, got {}", kinds.join(" or "), kind_of(value)));
    }
    if let Some(Value::Array(allowed)) = schema.get("enum")
        && !allowed.contains(value)
    {
        return wrong(format!("expected one of {}", Value::Array(allowed.clone())));
    }
    for word in ["anyOf", "oneOf"] {
        if let Some(Value::Array(choices)) = schema.get(word)
            && !choices
                .iter()
                .any(|choice| walk(choice, value, at, depth).is_ok())
        {
            return wrong("fits none of the possible forms".to_owned());
        }
    }
    if let Some(number) = value.as_f64() {
        let bound = |word: &str| schema.get(word).and_then(Value::as_f64);
        if bound("minimum").is_some_and(|least| number < least)
            || bound("maximum").is_some_and(|most| number > most)
            || bound("exclusiveMinimum").is_some_and(|least| number <= least)
        {
            return wrong(format!("{number} is out of range"));
        }
    }
    if let (Value::Array(values), Some(items)) = (value, schema.get("items")) {
        for (index, value) in values.iter().enumerate() {
            walk(items, value, &format!("{at}[{index}]"), depth)?;
        }
    }
    if let Value::Object(entries) = value {
        let within = |key: &str| {
            if at.is_empty() {
                key.to_owned()
            } else {
                format!("{at}.{key}")
            }
        };
        let required = schema.get("required").and_then(Value::as_array);
        for key in required.into_iter().flatten().filter_map(Value::as_str) {
            if !entries.contains_key(key) {
                return Err(format!("{}: is missing", within(key)));
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, value) in entries {
            match properties.and_then(|properties| properties.get(key)) {
                Some(schema) => walk(schema, value, &within(key), depth)?,
                None if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                    return Err(format!("{}: there is no such argument", within(key)));
                }
                None => {}
            }
        }
    }
    Ok(())
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => true,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_fit_or_it_is_said_where_not() {
        let schema = json!({
            "type": "object",
            "properties": {
                "path": { "type": "string" },
                "limit": { "type": "integer", "exclusiveMinimum": 0 },
                "todos": { "type": "array", "items": {
                    "type": "object", "properties": { "status": { "enum": ["a", "b"] } }, "required": ["status"],
                } },
            },
            "required": ["path"],
        });
        for (arguments, wanted) in [
            (json!({ "path": "a", "more": 1 }), Ok(())),
            (json!({}), Err("path: is missing")),
            (json!([]), Err("the arguments: expected object, got an array")),
            (json!({ "path": 1 }), Err("path: expected string, got a number")),
            (
                json!({ "path": "a", "limit": 1.5 }),
                Err("limit: expected integer, got a number"),
            ),
            (
                json!({ "path": "a", "limit": 0 }),
                Err("limit: 0 is out of range"),
            ),
            (
                json!({ "path": "a", "todos": [{ "status": "a" }, { "status": "c" }] }),
                Err("todos[1].status: expected one of [\"a\",\"b\"]"),
            ),
            (
                json!({ "path": "a", "todos": [{}] }),
                Err("todos[0].status: is missing"),
            ),
        ] {
            let wanted = wanted.map_err(str::to_owned);
            assert_eq!(check(&schema, &arguments), wanted, "{arguments}");
        }
    }
}
