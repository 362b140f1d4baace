//! Which source each value of a configuration comes from, and keys as people write them:
//! `provider.p.models."gpt-4.1".name`.

use serde_json::Value;

use crate::load::{Layer, Loaded};

/// A value of the effective configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The key from the root.
    pub key: Vec<String>,
    /// The value: no object, or one without entries.
    pub value: Value,
    /// The sources that say it, of which the last one counts; none when the program itself says it.
    pub sources: Vec<String>,
}

/// Lists that sources add to.
const ADDED: [&str; 2] = ["instructions", "plugin"];
/// Prints as a key without quotes.
fn is_plain(part: &str) -> bool {
    !part.is_empty()
        && part
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$'))
}

impl Loaded {
    /// Every value with its sources, in the order of the effective configuration.
    #[must_use]
    pub fn origins(&self) -> Vec<Origin> {
        let sources: Vec<(&str, &Value)> = self.layers.iter().flat_map(said_by).collect();
        let mut all = Vec::new();
        collect(&self.effective, &mut Vec::new(), &sources, &mut all);
        all
    }
}

/// What a source says, file by file where it is several.
pub(crate) fn said_by(layer: &Layer) -> Vec<(&str, &Value)> {
    if layer.parts.is_empty() {
        return vec![(&layer.name, &layer.value)];
    }
    let parts = layer.parts.iter();
    parts.map(|part| (part.name.as_str(), &part.value)).collect()
}

fn collect(value: &Value, key: &mut Vec<String>, sources: &[(&str, &Value)], all: &mut Vec<Origin>) {
    if let Value::Object(object) = value
        && !object.is_empty()
    {
        for (name, inner) in object {
            key.push(name.clone());
            collect(inner, key, sources, all);
            key.pop();
        }
        return;
    }
    let adds = key.len() == 1 && key.first().is_some_and(|key| ADDED.contains(&key.as_str()));
    let says = |said: &Value| match get(said, key) {
        Some(said) if adds => said.as_array().is_some_and(|said| !said.is_empty()),
        Some(said) => said == value,
        None => false,
    };
    let mut found: Vec<String> = sources
        .iter()
        .filter(|(_, said)| says(said))
        .map(|(name, _)| (*name).to_owned())
        .collect();
    if !adds && found.len() > 1 {
        found.drain(..found.len() - 1);
    }
    all.push(Origin {
        key: key.clone(),
        value: value.clone(),
        sources: found,
    });
}

/// The value of a key.
#[must_use]
pub fn get<'a>(value: &'a Value, key: &[String]) -> Option<&'a Value> {
    key.iter().try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}

/// A key as it is written.
#[must_use]
pub fn written(key: &[String]) -> String {
    let parts: Vec<String> = key
        .iter()
        .map(|part| match is_plain(part) {
            true => part.clone(),
            false => Value::from(part.as_str()).to_string(),
        })
        .collect();
    parts.join(".")
}

/// Reads a key as it is written; `None` when quotes do not close or a part is empty.
#[must_use]
pub fn key(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        if rest.starts_with('"') {
            let mut quoted = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            parts.push(quoted.next()?.ok()?);
            rest = rest.get(quoted.byte_offset()..)?;
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            let part = rest.get(..end).filter(|part| !part.is_empty())?;
            parts.push(part.to_owned());
            rest = rest.get(end..)?;
        }
        if rest.is_empty() {
            return Some(parts);
        }
        rest = rest.strip_prefix('.')?;
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for (text, parts) in [
            ("model", vec!["model"]),
            ("agent.build.steps", vec!["agent", "build", "steps"]),
            (
                r#"provider.p.models."gpt-4.1".name"#,
                vec!["provider", "p", "models", "gpt-4.1", "name"],
            ),
            (r#"permission.bash."git *""#, vec!["permission", "bash", "git *"]),
        ] {
            let parts: Vec<String> = parts.into_iter().map(str::to_owned).collect();
            assert_eq!(key(text), Some(parts.clone()), "{text}");
            assert_eq!(written(&parts), text);
        }
        for wrong in ["", ".", "a.", ".a", "\"a", "\"a\"b", "a..b"] {
            assert_eq!(key(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_last_source_that_says_a_value_counts() {
        let loaded = Loaded {
            effective: json!({ "model": "b", "instructions": ["x", "y"], "username": "u", "agent": {} }),
            layers: vec![
                Layer::new("one", json!({ "model": "a", "instructions": ["x"] })),
                Layer::new("two", json!({ "model": "b", "instructions": ["y"] })),
                Layer::new("three", json!({ "model": "b" })),
            ],
            ..Loaded::default()
        };
        let told: Vec<(String, Vec<String>)> = loaded
            .origins()
            .into_iter()
            .map(|origin| (written(&origin.key), origin.sources))
            .collect();
        let told: Vec<(&str, Vec<&str>)> = told
            .iter()
            .map(|(key, sources)| (key.as_str(), sources.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(
            told,
            [
                ("model", vec!["three"]),
                ("instructions", vec!["one", "two"]),
                ("username", vec![]),
                ("agent", vec![]),
            ]
        );
    }
}
