//! The options of a dialect: which come from where, and what they become.

use serde_json::Value;

use super::dialect::{OptionForm, OtherOptions, RequestRules};
use crate::json::{Body, present};
use crate::request::{Object, ProviderOptions};

/// The options of a call, sorted.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// Those that the dialect names.
    known: Object,
    /// The others.
    other: Object,
    /// The name under which metadata goes.
    pub(super) namespace: String,
    /// There are options under the provider's name.
    pub(super) given: bool,
}

impl Options {
    /// Gathers the options; those under the provider's own name win, and its name may be written in
    /// `camelCase`.
    pub(super) fn gather(rules: &RequestRules, name: &str, options: &ProviderOptions) -> Self {
        let camel = camel_case(name);
        let own = if camel == name {
            vec![name]
        } else {
            vec![name, camel.as_str()]
        };
        let is_known = |key: &str| rules.options.iter().any(|field| field.name == key);
        let mut gathered = Self {
            namespace: name.to_owned(),
            ..Self::default()
        };
        for namespace in rules.shared_namespaces.iter().copied().chain(own.iter().copied()) {
            let Some(object) = options.get(namespace) else {
                continue;
            };
            let is_own = own.contains(&namespace);
            gathered.given |= is_own;
            for (key, value) in object {
                if is_known(key) {
                    if !value.is_null() {
                        gathered.known.insert(key.clone(), value.clone());
                    }
                } else if is_own && rules.other_options != OtherOptions::Dropped {
                    gathered.other.insert(key.clone(), value.clone());
                }
            }
        }
        if camel != name && options.contains_key(&camel) {
            gathered.namespace = camel;
        }
        gathered
    }

    /// A named option.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        present(self.known.get(name))
    }

    /// A named option that is a yes or no.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    /// Puts the named options into their fields.
    pub(super) fn put_known(&self, rules: &RequestRules, has_tools: bool, body: &mut Body) {
        for field in rules.options.iter().filter(|field| !field.field.is_empty()) {
            let Some(value) = self.get(field.name) else {
                continue;
            };
            match field.form {
                OptionForm::Same => body.set(field.field, value.clone()),
                OptionForm::SnakeKeys { renamed } => body.set(field.field, snake_keys(value, renamed)),
                OptionForm::WhenTrue if *value == Value::Bool(true) => body.set(field.field, true),
                OptionForm::WhenTrue => {}
                OptionForm::AsTrue => body.set(field.field, true),
                OptionForm::WithTools if has_tools => body.set(field.field, value.clone()),
                OptionForm::WithTools => {}
            }
        }
    }

    /// Puts the other options under their names.
    pub(super) fn put_other(&self, body: &mut Body) {
        body.spread(&self.other);
    }
}

/// `a-name` and `a_name` as `aName`.
fn camel_case(name: &str) -> String {
    let mut result = String::with_capacity(name.len());
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        match letters.peek() {
            Some(next) if matches!(letter, '-' | '_') && next.is_ascii_lowercase() => {
                result.push(next.to_ascii_uppercase());
                letters.next();
            }
            _ => result.push(letter),
        }
    }
    result
}

/// Keys in `snake_case`. The recursion is as deep as the value, which was parsed within limits.
fn snake_keys(value: &Value, renamed: &[(&str, &str)]) -> Value {
    match value {
        Value::Object(object) => {
            let keys = object
                .iter()
                .map(|(key, value)| (snake_case(key), snake_keys(value, renamed)));
            let mut keys: Object = keys.collect();
            for (old, new) in renamed {
                if let Some(value) = keys.shift_remove(*old) {
                    keys.entry(*new).or_insert(value);
                }
            }
            Value::Object(keys)
        }
        Value::Array(list) => Value::Array(list.iter().map(|value| snake_keys(value, renamed)).collect()),
        other => other.clone(),
    }
}

fn snake_case(name: &str) -> String {
    let mut result = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            result.push('_');
        }
        result.push(letter.to_ascii_lowercase());
    }
    result
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::openai_chat::dialect;

    #[test]
    fn names_change_their_case() {
        for (input, expected) in [
            ("my-provider", "myProvider"),
            ("a_b_c", "aBC"),
            ("plain", "plain"),
            ("x-1", "x-1"),
            ("-a", "A"),
        ] {
            assert_eq!(camel_case(input), expected, "{input}");
        }
        assert_eq!(
            snake_keys(&json!({"maxResults": [{"xHandle": 1}]}), &[]),
            json!({"max_results": [{"x_handle": 1}]})
        );
        assert_eq!(
            snake_keys(
                &json!([{"oldOne": 1}, {"oldOne": 1, "new": 2}]),
                &[("old_one", "new")]
            ),
            json!([{"new": 1}, {"new": 2}])
        );
    }

    #[test]
    fn options_of_the_provider_win() {
        let options: ProviderOptions = serde_json::from_value(json!({
            "openaiCompatible": {"reasoningEffort": "low", "user": "shared", "extra": 1},
            "my-provider": {"reasoningEffort": "medium", "own": 1},
            "myProvider": {"reasoningEffort": "high", "camel": 2},
            "other": {"user": "nobody"},
        }))
        .unwrap();
        let gathered = Options::gather(&dialect::COMPATIBLE.request, "my-provider", &options);
        assert_eq!(gathered.get("reasoningEffort"), Some(&json!("high")));
        assert_eq!(gathered.get("user"), Some(&json!("shared")));
        assert_eq!(gathered.namespace, "myProvider");
        let mut body = Body::new();
        gathered.put_other(&mut body);
        assert_eq!(body.into_value(), json!({"own": 1, "camel": 2}));
    }
}
