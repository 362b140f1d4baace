//! The TOML file `config` of the first days (reference `config.md` §5.3). The reference writes it anew as
//! JSON and removes it; here it is read where it is.

use std::path::Path;

use serde_json::{Map, Value};

use crate::toml;

/// What it says in today's keys; nothing when there is none or it cannot be read.
pub(crate) fn read(path: &Path) -> Option<Value> {
    let text = fs_err::read_to_string(path).ok()?;
    match toml::parse(&text) {
        Ok(values) => Some(Value::Object(today(values))),
        Err((_, reason)) => {
            tracing::warn!(path = %path.display(), reason, "an old configuration file cannot be read");
            None
        }
    }
}

/// Provider and model were two keys.
pub(crate) fn today(mut values: Map<String, Value>) -> Map<String, Value> {
    let text = |values: &Map<String, Value>, key| values.get(key).and_then(Value::as_str).map(str::to_owned);
    if let (Some(provider), Some(model)) = (text(&values, "provider"), text(&values, "model")) {
        values.insert("model".to_owned(), format!("{provider}/{model}").into());
    }
    // What names a provider by a word is no table of providers.
    if values.get("provider").is_some_and(Value::is_string) {
        values.shift_remove("provider");
    }
    values
}
