//! The JSON Schema of configuration files, for editors: made of what files are checked against, with words
//! of our own.

use serde_json::{Map, Value, json};

use crate::schema;

/// What keys mean, a line each: key, blank, words.
const WORDS: &str = include_str!("../data/words.txt");
/// Where definitions stand.
const DEFINITIONS: &str = "$defs";

/// The document as text.
#[must_use]
pub fn schema_document() -> String {
    let mut definitions = Map::new();
    for (name, definition) in schema::definitions() {
        let mut definition = definition.clone();
        refer(&mut definition);
        describe(&mut definition, name);
        definitions.insert(name.clone(), definition);
    }
    if let Some(properties) = definitions
        .get_mut("Config")
        .and_then(|config| config["properties"].as_object_mut())
    {
        // What is put into today's form before the rest is looked at.
        properties.insert(
            "profile".to_owned(),
            json!({
                "type": "object",
                "additionalProperties": { "$ref": "#/$defs/Config" },
                "description": word("Config.profile").unwrap_or_default(),
            }),
        );
    }
    let document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "OpenCode configuration",
        "$ref": "#/$defs/Config",
        DEFINITIONS: definitions,
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// Names of definitions as addresses in the document. Keys that nobody knows are no error, as in the program.
fn refer(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(name)) = object.get_mut("$ref") {
                *name = format!("#/{DEFINITIONS}/{name}");
            }
            if object.get("additionalProperties") == Some(&Value::Bool(false)) {
                object.shift_remove("additionalProperties");
            }
            object.values_mut().for_each(refer);
        }
        Value::Array(items) => items.iter_mut().for_each(refer),
        _ => {}
    }
}

fn describe(schema: &mut Value, name: &str) {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (key, property) in properties {
            let name = format!("{name}.{key}");
            if let (Some(words), Value::Object(property)) = (word(&name), &mut *property) {
                property.insert("description".to_owned(), words.into());
            }
            describe(property, &name);
        }
    }
    if let Some(inner) = schema.get_mut("additionalProperties") {
        describe(inner, &format!("{name}.*"));
    }
}

fn word(key: &str) -> Option<&'static str> {
    WORDS.lines().find_map(|line| {
        let (known, words) = line.split_once(' ')?;
        (known == key).then_some(words)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the document is kept for editors.
    const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/opencode.schema.json");

    #[test]
    fn the_kept_document_is_of_now() {
        let document = schema_document();
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            fs_err::write(PATH, &document).unwrap();
        }
        let kept = fs_err::read_to_string(PATH).unwrap();
        assert!(
            kept == document,
            "write it anew: UPDATE_SCHEMA=1 cargo test -p opencode-config document"
        );
    }

    #[test]
    fn every_key_of_the_root_is_explained_and_every_word_is_used() {
        let document: Value = serde_json::from_str(&schema_document()).unwrap();
        for (key, property) in document["$defs"]["Config"]["properties"].as_object().unwrap() {
            assert!(property["description"].is_string(), "{key} is not explained");
        }
        let text = document.to_string();
        for line in WORDS.lines() {
            let (key, words) = line.split_once(' ').unwrap();
            let words = Value::from(words).to_string();
            assert!(text.contains(&words), "nothing has the key {key}");
        }
    }

    #[test]
    fn the_types_know_what_the_document_lets_them_know() {
        // A value of every key that the types act on is allowed by the document's definitions.
        let typed = serde_json::to_value(opencode_schema::config::Config {
            shell: Some("x".to_owned()),
            snapshot: Some(true),
            model: Some("a/b".to_owned()),
            share: Some(opencode_schema::config::ShareMode::Auto),
            subagent_depth: Some(1),
            ..Default::default()
        })
        .unwrap();
        assert_eq!(schema::configuration(typed.clone()).unwrap(), {
            let mut ordered = Map::new();
            for key in ["shell", "snapshot", "share", "model", "subagent_depth"] {
                ordered.insert(key.to_owned(), typed[key].clone());
            }
            Value::Object(ordered)
        });
    }
}
