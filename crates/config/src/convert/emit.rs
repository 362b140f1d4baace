//! Writing a configuration with its comments.

use serde_json::{Map, Value};
use toml_edit::{DocumentMut, Item, RawString, Table};

use super::comments::Comments;
use crate::{origin, toml as notation};

/// Tables whose order decides: what is in them stays in one line each, since TOML wants tables last.
const ORDERED: &str = "permission";

/// JSON with two spaces, and comments before their keys.
pub(super) fn json(value: &Value, comments: &Comments) -> String {
    let mut out = String::new();
    write_json(&mut out, value, &mut Vec::new(), comments);
    out.push('\n');
    for line in &comments.last {
        out.push_str(&format!("// {line}\n"));
    }
    out
}

fn write_json(out: &mut String, value: &Value, key: &mut Vec<String>, comments: &Comments) {
    let Value::Object(object) = value else {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        let indent = format!("\n{}", "  ".repeat(key.len()));
        // A break in a text is escaped, so that every break here is one between values.
        out.push_str(&text.replace('\n', &indent));
        return;
    };
    if object.is_empty() {
        out.push_str("{}");
        return;
    }
    out.push_str("{\n");
    for (index, (name, inner)) in object.iter().enumerate() {
        key.push(name.clone());
        let indent = "  ".repeat(key.len());
        for line in comments.before(key) {
            out.push_str(&format!("{indent}// {line}\n"));
        }
        out.push_str(&format!("{indent}{}: ", Value::from(name.as_str())));
        write_json(out, inner, key, comments);
        key.pop();
        out.push_str(if index + 1 < object.len() { ",\n" } else { "\n" });
    }
    out.push_str(&"  ".repeat(key.len()));
    out.push('}');
}

/// TOML, with comments before their keys.
pub(super) fn toml(value: &Value, comments: &Comments, report: &mut Vec<String>) -> String {
    let mut document = DocumentMut::new();
    if let Value::Object(object) = value {
        fill(document.as_table_mut(), object, &mut Vec::new(), comments, report);
    }
    let mut text = document.to_string();
    if !comments.last.is_empty() {
        text.push('\n');
    }
    for line in &comments.last {
        text.push_str(&format!("# {line}\n"));
    }
    text.trim_start_matches('\n').to_owned()
}

fn fill(
    table: &mut Table,
    object: &Map<String, Value>,
    key: &mut Vec<String>,
    comments: &Comments,
    report: &mut Vec<String>,
) {
    for (name, value) in object {
        key.push(name.clone());
        told_of_null(value, key, report);
        let lines: String = comments
            .before(key)
            .iter()
            .map(|line| format!("# {line}\n"))
            .collect();
        match value {
            Value::Object(inner) if !key.iter().rev().skip(1).any(|part| part == ORDERED) => {
                let mut new = Table::new();
                fill(&mut new, inner, key, comments, report);
                // A table of tables alone needs no line of its own, unless something is said of it.
                new.set_implicit(lines.is_empty() && !inner.is_empty() && inner.values().all(is_table));
                new.decor_mut().set_prefix(format!("\n{lines}"));
                table.insert(name, Item::Table(new));
            }
            value => {
                let lines = lines + &inside(value, key, comments);
                if let Some(value) = notation::value(value) {
                    table.insert(name, Item::Value(value));
                    if let Some(mut key) = table.key_mut(name) {
                        key.leaf_decor_mut().set_prefix(RawString::from(lines));
                    }
                }
            }
        }
        key.pop();
    }
}

fn is_table(value: &Value) -> bool {
    value.is_object()
}

/// Comments of what is written in one line.
fn inside(value: &Value, key: &[String], comments: &Comments) -> String {
    let Value::Object(object) = value else {
        return String::new();
    };
    let mut lines = String::new();
    for (name, inner) in object {
        let key = [key, std::slice::from_ref(name)].concat();
        for line in comments.before(&key) {
            lines.push_str(&format!("# {name}: {line}\n"));
        }
        lines.push_str(&inside(inner, &key, comments));
    }
    lines
}

fn told_of_null(value: &Value, key: &[String], report: &mut Vec<String>) {
    if value.is_null() {
        report.push(format!(
            "{} is null, which TOML does not have, and is left out",
            origin::written(key)
        ));
    }
}

/// A value as TOML can hold it.
pub(super) fn without_null(value: Value) -> Value {
    match value {
        Value::Object(object) => object
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_null(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items
            .into_iter()
            .filter(|value| !value.is_null())
            .map(without_null)
            .collect(),
        other => other,
    }
}
