//! Merging configuration objects (reference `config.md` §4).

use serde_json::{Map, Value};

/// Merges `over` into `base`: objects key by key, everything else is replaced.
pub(crate) fn deep(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                entry(base, &key, value);
            }
        }
        (base, over) => *base = over,
    }
}

/// [`deep`] at one key.
pub(crate) fn entry(base: &mut Map<String, Value>, key: &str, over: Value) {
    match base.get_mut(key) {
        Some(existing) => deep(existing, over),
        None => {
            base.insert(key.to_owned(), over);
        }
    }
}

/// [`deep`] between sources: `instructions` of both are kept, the earlier first.
pub(crate) fn source(base: &mut Value, mut over: Value) {
    if let (Some(Value::Array(before)), Some(Value::Array(after))) =
        (base.get("instructions"), over.get_mut("instructions"))
    {
        let mut all: Vec<Value> = Vec::new();
        for entry in before.iter().cloned().chain(after.drain(..)) {
            if !all.contains(&entry) {
                all.push(entry);
            }
        }
        *after = all;
    }
    deep(base, over);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn table() {
        for (name, base, over, wanted) in [
            (
                "keys are joined",
                json!({ "a": 1 }),
                json!({ "b": 2 }),
                json!({ "a": 1, "b": 2 }),
            ),
            (
                "the later wins",
                json!({ "a": 1 }),
                json!({ "a": 2 }),
                json!({ "a": 2 }),
            ),
            (
                "objects merge deeply",
                json!({ "a": { "x": 1, "y": { "z": 1 } } }),
                json!({ "a": { "y": { "w": 2 } } }),
                json!({ "a": { "x": 1, "y": { "z": 1, "w": 2 } } }),
            ),
            (
                "arrays are replaced",
                json!({ "a": [1, 2] }),
                json!({ "a": [3] }),
                json!({ "a": [3] }),
            ),
            (
                "an object replaces a word",
                json!({ "p": "ask" }),
                json!({ "p": { "x": 1 } }),
                json!({ "p": { "x": 1 } }),
            ),
            (
                "null replaces",
                json!({ "a": 1 }),
                json!({ "a": null }),
                json!({ "a": null }),
            ),
            (
                "instructions are joined without repeats",
                json!({ "instructions": ["a", "b"] }),
                json!({ "instructions": ["b", "c"] }),
                json!({ "instructions": ["a", "b", "c"] }),
            ),
        ] {
            let mut merged = base;
            source(&mut merged, over);
            assert_eq!(merged, wanted, "{name}");
        }
    }
}
