//! The configuration as it takes effect, without secrets.

use serde_json::{Map, Value};
use url::Url;

use crate::context::Context;
use crate::failure::Failure;

const HIDDEN: &str = "***";
/// Parts of names whose values are secrets.
const SECRET_PARTS: [&str; 12] = [
    "apikey",
    "api_key",
    "api-key",
    "api.key",
    "secret",
    "password",
    "credential",
    "privatekey",
    "private_key",
    "private-key",
    "private.key",
    "passwd",
];
/// Ends of names whose values are secrets.
const SECRET_ENDS: [&str; 3] = ["token", "authorization", "cookie"];

/// Prints the configuration.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let config = redacted(effective(context).await?, false);
    super::json(context, &config)
}

/// The configuration of the folder that the user is in.
pub(super) async fn effective(context: &Context) -> Result<Value, Failure> {
    let (engine, location) = context.here().await?;
    engine.shutdown().await;
    Ok(location.effective_config.clone())
}

/// The same with secrets made unreadable: by their names, in headers, and in addresses.
pub(crate) fn redacted(value: Value, all: bool) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(|value| redacted(value, all)).collect(),
        Value::Object(object) => {
            let entry = |(name, value): (String, Value)| {
                let value = match value {
                    Value::String(text) if all || is_secret(&name) || has_secret(&text) => HIDDEN.into(),
                    Value::String(text) => text.into(),
                    other => redacted(other, all || name.eq_ignore_ascii_case("headers")),
                };
                (name, value)
            };
            object.into_iter().map(entry).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_PARTS.iter().any(|part| name.contains(part)) || SECRET_ENDS.iter().any(|end| name.ends_with(end))
}

/// Whether an address carries a password or a key.
fn has_secret(text: &str) -> bool {
    let start = text.get(..8).unwrap_or(text).to_lowercase();
    if !start.starts_with("http://") && !start.starts_with("https://") {
        return false;
    }
    Url::parse(text).map_or(true, |url| {
        !url.username().is_empty()
            || url.password().is_some()
            || url.query_pairs().any(|(name, _)| is_secret(&name))
    })
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let given = json!({
            "apiKey": "a", "api-key": "b", "accessToken": "c", "tokens": 5, "maxTokens": "kept", "password": "d",
            "Authorization": "e", "clientSecret": "f", "headers": { "x-any": "g", "deep": { "h": "i" } },
            "list": [{ "privateKey": "j" }, "kept"], "url": "https://user:pass@host/", "other": "https://host/?api_key=1",
            "fine": "https://host/?model=1", "broken": "http://[", "cookie": "k", "plain": "kept",
        });
        let wanted = json!({
            "apiKey": "***", "api-key": "***", "accessToken": "***", "tokens": 5, "maxTokens": "kept", "password": "***",
            "Authorization": "***", "clientSecret": "***", "headers": { "x-any": "***", "deep": { "h": "***" } },
            "list": [{ "privateKey": "***" }, "kept"], "url": "***", "other": "***",
            "fine": "https://host/?model=1", "broken": "***", "cookie": "***", "plain": "kept",
        });
        assert_eq!(redacted(given, false), wanted);
    }
}
