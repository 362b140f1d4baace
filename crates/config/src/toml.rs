//! `opencode.toml`: the keys of `opencode.json` in another notation (reference `config.md` §12).

use serde_json::{Map, Value};
use toml_edit::{Array, Document, InlineTable, Item, Table, Value as TomlValue};

/// Reads TOML. Dates and times are texts, because JSON has none.
///
/// # Errors
/// The byte at which it is wrong, and why.
pub(crate) fn parse(text: &str) -> Result<Map<String, Value>, (usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = Document::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        (at, error.message().to_owned())
    })?;
    Ok(table(document.as_table()))
}

fn table(table: &Table) -> Map<String, Value> {
    let entries = table.iter();
    entries
        .filter_map(|(key, item)| Some((key.to_owned(), of_item(item)?)))
        .collect()
}

fn of_item(item: &Item) -> Option<Value> {
    match item {
        Item::None => None,
        Item::Value(value) => Some(of_value(value)),
        Item::Table(inner) => Some(Value::Object(table(inner))),
        Item::ArrayOfTables(tables) => Some(tables.iter().map(|inner| Value::Object(table(inner))).collect()),
    }
}

fn of_value(value: &TomlValue) -> Value {
    match value {
        TomlValue::String(text) => text.value().as_str().into(),
        TomlValue::Integer(number) => (*number.value()).into(),
        TomlValue::Float(number) => (*number.value()).into(),
        TomlValue::Boolean(value) => (*value.value()).into(),
        TomlValue::Datetime(time) => time.value().to_string().into(),
        TomlValue::Array(items) => items.iter().map(of_value).collect(),
        TomlValue::InlineTable(inner) => Value::Object(
            inner
                .iter()
                .map(|(key, value)| (key.to_owned(), of_value(value)))
                .collect(),
        ),
    }
}

/// The byte at which the value of a key stands, or the nearest of what it would be in.
pub(crate) fn find(text: &str, key: &[String]) -> Option<usize> {
    let document = Document::parse(text).ok()?;
    let mut item = document.as_item();
    let mut at = 0;
    for part in key {
        let inner = item.get(part.as_str());
        let inner = inner.or_else(|| item.get(part.parse::<usize>().ok()?));
        let Some(inner) = inner else { break };
        item = inner;
        at = item.span().map_or(at, |span| span.start);
    }
    Some(at)
}

/// A JSON value as TOML; `None` for null, which TOML does not have.
pub(crate) fn value(value: &Value) -> Option<TomlValue> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64()?.into(),
        },
        Value::String(text) => text.into(),
        Value::Array(items) => TomlValue::Array(items.iter().filter_map(self::value).collect::<Array>()),
        Value::Object(object) => TomlValue::InlineTable(
            object
                .iter()
                .filter_map(|(key, inner)| Some((key, self::value(inner)?)))
                .collect::<InlineTable>(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_are_objects() {
        let text = "model = \"a/b\" # c\nlist = [1, 2.5, true]\nat = 2020-01-01\n\n[agent.x]\nprompt = '''p'''\n\
                    permission = { bash = { \"git *\" = \"allow\" } }\n\n[[experimental.policies]]\neffect = \"deny\"\n";
        let wanted = json!({
            "model": "a/b", "list": [1, 2.5, true], "at": "2020-01-01",
            "agent": { "x": { "prompt": "p", "permission": { "bash": { "git *": "allow" } } } },
            "experimental": { "policies": [{ "effect": "deny" }] },
        });
        assert_eq!(Value::Object(parse(text).unwrap()), wanted);
        let key = ["agent", "x", "prompt"].map(str::to_owned);
        assert_eq!(find(text, &key), text.find("'''p"));
        assert!(parse("a = ").is_err());
    }
}
