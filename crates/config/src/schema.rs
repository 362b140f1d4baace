//! Whether a value is a configuration: each known key has a value of its kind, unknown keys are dropped
//! (reference `config.md` §5.2, §6).
//!
//! The schema is data, cut from the interface document without its words: one definition a line, which
//! `$ref` names. Only the words of JSON Schema that it uses are understood.

use std::sync::LazyLock;

use serde_json::{Map, Value};

/// What is wrong at one place of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The key from the root.
    pub key: Vec<String>,
    /// What was expected.
    pub message: String,
    /// Line and column of the value in the file, from 1, if it was found there.
    pub place: Option<(usize, usize)>,
    /// What may have been meant.
    pub hint: Option<String>,
}

impl Issue {
    pub(crate) fn new(key: Vec<String>, message: impl Into<String>) -> Self {
        Self {
            key,
            message: message.into(),
            place: None,
            hint: None,
        }
    }
}

static DEFINITIONS: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../schema/config.json")).unwrap_or_default());
/// What a value is shown of in a message.
const SHOWN: usize = 80;

/// A configuration in the order of the schema, without keys that nobody knows.
pub(crate) fn configuration(value: Value) -> Result<Value, Vec<Issue>> {
    fit_to("Config", value)
}

/// All definitions by name.
pub(crate) fn definitions() -> &'static Map<String, Value> {
    &DEFINITIONS
}

/// A key that nobody knows, and one that is near to it.
pub(crate) type Ignored = (Vec<String>, Option<String>);

/// The keys of a valid configuration that nobody knows.
pub(crate) fn ignored(value: &Value) -> Vec<Ignored> {
    let Ok(fitted) = configuration(value.clone()) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    differing(value, &fitted, &mut Vec::new(), &mut all);
    all
}

fn differing(value: &Value, fitted: &Value, key: &mut Vec<String>, all: &mut Vec<Ignored>) {
    match (value, fitted) {
        (Value::Object(value), Value::Object(fitted)) => {
            for (name, inner) in value {
                key.push(name.clone());
                match fitted.get(name) {
                    Some(fitted) => differing(inner, fitted, key, all),
                    None => {
                        let known = definition("Config")["properties"].as_object();
                        let known = known.into_iter().flatten().map(|(known, _)| known.as_str());
                        let near = (key.len() == 1).then(|| nearest(name, known)).flatten();
                        all.push((key.clone(), near.map(str::to_owned)));
                    }
                }
                key.pop();
            }
        }
        (Value::Array(value), Value::Array(fitted)) => {
            for (index, (inner, fitted)) in value.iter().zip(fitted).enumerate() {
                key.push(index.to_string());
                differing(inner, fitted, key, all);
                key.pop();
            }
        }
        _ => {}
    }
}

/// What `permission` may be.
pub(crate) fn permission(value: Value) -> Result<Value, Vec<Issue>> {
    fit_to("PermissionConfig", value)
}

/// The keys of an agent that are more than options.
pub(crate) fn agent_keys() -> impl Iterator<Item = &'static str> {
    let properties = DEFINITIONS
        .get("AgentConfig")
        .and_then(|agent| agent["properties"].as_object());
    properties.into_iter().flat_map(Map::keys).map(String::as_str)
}

/// What another document's schema makes of a value.
pub(crate) fn fit(schema: &'static Value, value: Value) -> Result<Value, Vec<Issue>> {
    let mut fit = Fit::default();
    let fitted = fit.any(schema, value);
    match fit.issues.is_empty() {
        true => Ok(fitted),
        false => Err(fit.issues),
    }
}

fn fit_to(name: &str, value: Value) -> Result<Value, Vec<Issue>> {
    let mut fit = Fit::default();
    let fitted = fit.any(definition(name), value);
    if fit.issues.is_empty() {
        Ok(fitted)
    } else {
        Err(fit.issues)
    }
}

fn definition(name: &str) -> &'static Value {
    DEFINITIONS.get(name).unwrap_or(&Value::Null)
}

#[derive(Default)]
struct Fit {
    path: Vec<String>,
    issues: Vec<Issue>,
}

impl Fit {
    fn any(&mut self, schema: &'static Value, value: Value) -> Value {
        if let Some(name) = schema["$ref"].as_str() {
            return self.any(definition(name), value);
        }
        if let Some(branches) = schema["anyOf"].as_array() {
            return self.one_of(branches, value);
        }
        if let Some(allowed) = schema["enum"].as_array() {
            if !allowed.contains(&value) {
                self.expected(&listed(allowed), &value);
                self.hint(allowed, &value);
            }
            return value;
        }
        match (schema["type"].as_str(), value) {
            (Some("object"), Value::Object(object)) => Value::Object(self.object(schema, object)),
            (Some("array"), Value::Array(items)) => Value::Array(self.array(schema, items)),
            (Some("string"), Value::String(text)) => {
                if let Some(pattern) = schema["pattern"].as_str()
                    && !is_color(&text)
                {
                    let form = format!("a string matching the RegExp {pattern}");
                    self.expected(&form, &Value::String(text.clone()));
                }
                Value::String(text)
            }
            (Some("integer" | "number"), Value::Number(number)) => self.number(schema, &number),
            (Some("boolean"), value @ Value::Bool(_)) | (None, value) => value,
            (Some(kind), value) => {
                self.expected(kind, &value);
                value
            }
        }
    }

    /// The first branch that takes the value. If none does: what those branches have against it that are of
    /// its kind (reference `config.md` §5.2).
    fn one_of(&mut self, branches: &'static [Value], value: Value) -> Value {
        let mut all = Vec::new();
        let mut words = Vec::new();
        let mut tried = false;
        for branch in branches {
            let branch = resolved(branch);
            if !is_of_kind(branch, &value) {
                continue;
            }
            match tag(branch, &value) {
                Tag::Other => continue,
                Tag::Missing(word) => {
                    words.extend(word);
                    continue;
                }
                Tag::Fits => {}
            }
            tried = true;
            let mut fit = Self {
                path: self.path.clone(),
                issues: Vec::new(),
            };
            let fitted = fit.any(branch, value.clone());
            if fit.issues.is_empty() {
                return fitted;
            }
            all.extend(fit.issues);
        }
        if !words.is_empty() {
            self.expected(&format!("an object with {}", words.join(" | ")), &value);
        } else if !tried {
            let kinds: Vec<String> = branches.iter().map(|branch| named(resolved(branch))).collect();
            self.expected(&kinds.join(" | "), &value);
        }
        self.issues.extend(all);
        value
    }

    fn object(&mut self, schema: &'static Value, mut object: Map<String, Value>) -> Map<String, Value> {
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        for key in required.iter().filter_map(Value::as_str) {
            if !object.contains_key(key) {
                self.issue_at(key, "Missing key".to_owned());
            }
        }
        let known = schema["properties"].as_object();
        // What says nothing of its keys keeps them all.
        const NONE: &Value = &Value::Bool(false);
        const ANY: &Value = &Value::Null;
        let rest = schema
            .get("additionalProperties")
            .unwrap_or(if known.is_some() { NONE } else { ANY });
        // The order of permissions decides; everything else comes in the order of the schema.
        let mut fitted = Map::new();
        if rest.is_object() {
            for (key, value) in object {
                let schema = known.and_then(|known| known.get(&key)).unwrap_or(rest);
                let value = self.at(&key, schema, value);
                fitted.insert(key, value);
            }
            return fitted;
        }
        for (key, schema) in known.into_iter().flatten() {
            if let Some(value) = object.shift_remove(key) {
                let value = self.at(key, schema, value);
                fitted.insert(key.clone(), value);
            }
        }
        if *rest != Value::Bool(false) {
            fitted.extend(object);
        }
        fitted
    }

    fn array(&mut self, schema: &'static Value, items: Vec<Value>) -> Vec<Value> {
        let first = schema["prefixItems"].as_array().map_or(&[][..], Vec::as_slice);
        let wanted = schema["minItems"].as_u64().unwrap_or(0);
        if (items.len() as u64) < wanted
            || schema["maxItems"]
                .as_u64()
                .is_some_and(|most| items.len() as u64 > most)
        {
            self.expected(&format!("an array of {wanted}"), &Value::Array(items.clone()));
            return items;
        }
        let each = &schema["items"];
        let at = |fit: &mut Self, (index, value): (usize, Value)| {
            fit.at(&index.to_string(), first.get(index).unwrap_or(each), value)
        };
        items.into_iter().enumerate().map(|item| at(self, item)).collect()
    }

    fn number(&mut self, schema: &Value, number: &serde_json::Number) -> Value {
        let value = number.as_f64().unwrap_or(f64::NAN);
        let whole = value.fract() == 0.0;
        if schema["type"] == "integer" && !whole {
            self.expected("an integer", &Value::Number(number.clone()));
        }
        for (word, holds, relation) in [
            (
                "minimum",
                f64::ge as fn(&f64, &f64) -> bool,
                "greater than or equal to",
            ),
            ("exclusiveMinimum", f64::gt, "greater than"),
            ("maximum", f64::le, "less than or equal to"),
        ] {
            if let Some(bound) = schema[word].as_f64()
                && !holds(&value, &bound)
            {
                self.expected(
                    &format!("a value {relation} {bound}"),
                    &Value::Number(number.clone()),
                );
                break;
            }
        }
        // `3.0` is 3 to those who read numbers as the reference does.
        if whole && number.is_f64() && value.abs() < 9e15 {
            return Value::from(value as i64);
        }
        Value::Number(number.clone())
    }

    fn at(&mut self, key: &str, schema: &'static Value, value: Value) -> Value {
        self.path.push(key.to_owned());
        let fitted = self.any(schema, value);
        self.path.pop();
        fitted
    }

    fn issue_at(&mut self, key: &str, message: String) {
        let mut path = self.path.clone();
        path.push(key.to_owned());
        self.issues.push(Issue::new(path, message));
    }

    fn expected(&mut self, expected: &str, value: &Value) {
        let mut shown = value.to_string();
        if let Some((end, _)) = shown.char_indices().nth(SHOWN) {
            shown.truncate(end);
            shown.push('…');
        }
        let expected = if self.path.is_empty() && expected == "object" {
            "Config"
        } else {
            expected
        };
        self.issues.push(Issue::new(
            self.path.clone(),
            format!("Expected {expected}, got {shown}"),
        ));
    }

    /// Adds the allowed word that is near to a wrong one.
    fn hint(&mut self, allowed: &[Value], value: &Value) {
        let words = allowed.iter().filter_map(Value::as_str);
        if let (Some(issue), Some(near)) = (
            self.issues.last_mut(),
            value.as_str().and_then(|word| nearest(word, words)),
        ) {
            issue.hint = Some(format!("did you mean \"{near}\"?"));
        }
    }
}

/// A definition in place of its name.
fn resolved(mut schema: &'static Value) -> &'static Value {
    while let Some(name) = schema["$ref"].as_str() {
        schema = definition(name);
    }
    schema
}

fn is_of_kind(schema: &Value, value: &Value) -> bool {
    match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer" | "number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    }
}

/// Whether an object has the word that tells a branch from the others.
enum Tag {
    Fits,
    Other,
    /// It has none, and it should be this.
    Missing(Option<String>),
}

fn tag(schema: &Value, value: &Value) -> Tag {
    let (Some(properties), Some(required)) =
        (schema["properties"].as_object(), schema["required"].as_array())
    else {
        return Tag::Fits;
    };
    for key in required.iter().filter_map(Value::as_str) {
        let Some([only]) = properties
            .get(key)
            .and_then(|schema| schema["enum"].as_array().map(Vec::as_slice))
        else {
            continue;
        };
        match value.get(key) {
            Some(given) if given == only => {}
            Some(_) => return Tag::Other,
            None => return Tag::Missing(only.is_string().then(|| format!("{key:?}: {only}"))),
        }
    }
    Tag::Fits
}

fn named(schema: &Value) -> String {
    match schema["enum"].as_array() {
        Some(allowed) => listed(allowed),
        None => schema["type"].as_str().unwrap_or("a value").to_owned(),
    }
}

/// The name that is nearest to one that was typed, if one is near at all.
pub(crate) fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    names
        .map(|name| (strsim::damerau_levenshtein(&typed, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= name.chars().count().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `"a" | "b"`
fn listed(allowed: &[Value]) -> String {
    let all: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    all.join(" | ")
}

/// `#rrggbb`, the only form that the schema asks of a string.
fn is_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_name_that_a_definition_uses_is_defined() {
        let mut open: Vec<&Value> = DEFINITIONS.values().collect();
        let mut patterns = Vec::new();
        while let Some(value) = open.pop() {
            if let Some(name) = value.get("$ref").and_then(Value::as_str) {
                assert!(DEFINITIONS.contains_key(name), "{name}");
            }
            patterns.extend(value.get("pattern").and_then(Value::as_str));
            match value {
                Value::Object(object) => open.extend(object.values()),
                Value::Array(array) => open.extend(array),
                _ => {}
            }
        }
        assert_eq!(patterns, ["^#[0-9a-fA-F]{6}$"]);
    }

    #[test]
    fn what_is_known_stays() {
        for (name, given, wanted) in [
            (
                "unknown keys go at every level",
                json!({ "nonsense": 1, "server": { "port": 1, "x": 2 }, "watcher": { "y": 1 } }),
                json!({ "server": { "port": 1 }, "watcher": {} }),
            ),
            (
                "agents and options of providers keep theirs",
                json!({ "agent": { "a": { "effort": [1] } }, "provider": { "p": { "options": { "own": { "b": 2 } }, "x": 1 } } }),
                json!({ "agent": { "a": { "effort": [1] } }, "provider": { "p": { "options": { "own": { "b": 2 } } } } }),
            ),
            (
                "the first branch that fits decides",
                json!({ "mcp": { "a": { "enabled": false }, "b": { "type": "local", "command": ["x"], "y": 1 } } }),
                json!({ "mcp": { "a": { "enabled": false }, "b": { "type": "local", "command": ["x"] } } }),
            ),
            (
                "whole numbers are whole however they are written",
                json!({ "subagent_depth": 3.0 }),
                json!({ "subagent_depth": 3 }),
            ),
            (
                "plugins may have options",
                json!({ "plugin": ["a", ["b", { "c": 1 }]] }),
                json!({ "plugin": ["a", ["b", { "c": 1 }]] }),
            ),
        ] {
            assert_eq!(configuration(given).unwrap(), wanted, "{name}");
        }
        let ordered =
            permission(json!({ "zzz": "ask", "bash": { "x *": "allow", "*": "deny" }, "edit": "ask" }));
        assert_eq!(
            ordered.unwrap().to_string(),
            r#"{"zzz":"ask","bash":{"x *":"allow","*":"deny"},"edit":"ask"}"#
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (given, wanted) in [
            (
                json!({ "share": "no" }),
                vec!["share: Expected \"manual\" | \"auto\" | \"disabled\", got \"no\""],
            ),
            (
                json!({ "username": null }),
                vec!["username: Expected string, got null"],
            ),
            (json!([]), vec![": Expected Config, got []"]),
            (
                json!({ "tool_output": { "max_lines": 0 }, "subagent_depth": 1.5 }),
                vec![
                    "subagent_depth: Expected an integer, got 1.5",
                    "tool_output.max_lines: Expected a value greater than 0, got 0",
                ],
            ),
            (
                json!({ "command": { "x": {} } }),
                vec!["command.x.template: Missing key"],
            ),
            (
                json!({ "instructions": ["a", 5] }),
                vec!["instructions.1: Expected string, got 5"],
            ),
            (
                json!({ "formatter": 7 }),
                vec!["formatter: Expected boolean | object, got 7"],
            ),
            (
                json!({ "agent": { "a": { "color": "red" } } }),
                vec![
                    "agent.a.color: Expected a string matching the RegExp ^#[0-9a-fA-F]{6}$, got \"red\"",
                    "agent.a.color: Expected \"primary\" | \"secondary\" | \"accent\" | \"success\" | \"warning\" | \"error\" | \"info\", got \"red\"",
                ],
            ),
        ] {
            let issues = configuration(given).unwrap_err();
            let told: Vec<String> = issues
                .iter()
                .map(|issue| format!("{}: {}", issue.key.join("."), issue.message))
                .collect();
            assert_eq!(told, wanted);
        }
    }
}
