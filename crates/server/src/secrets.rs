//! Hiding what nobody else should read: in command lines that are logged, and in values that are shown
//! (reference `seed-http.md` §4, §8).

use serde_json::Value;

/// What stands for a secret.
pub(crate) const HIDDEN: &str = "***";

/// Parts of names whose values are secret, in small letters and without `-` and `_`.
const SECRET_NAMES: &[&str] = &["apikey", "token", "password", "passwd", "secret", "authorization"];
/// Keys whose values are secret one by one: anything can be in them.
const SECRET_TABLES: &[&str] = &["headers", "environment", "env"];
/// What keys of well-known services begin with.
const SECRET_STARTS: &[&str] = &[
    "sk-",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "AIza",
];

fn names_secret(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(|character| !matches!(character, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect();
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

/// A value without its secrets. Numbers that merely have such a name (`max_tokens`) stay.
pub(crate) fn redacted(value: Value) -> Value {
    fn walk(value: Value, is_secret: bool) -> Value {
        match value {
            Value::Object(entries) => entries
                .into_iter()
                .map(|(key, value)| {
                    let inner = is_secret || names_secret(&key) || SECRET_TABLES.contains(&key.as_str());
                    (key, walk(value, inner))
                })
                .collect(),
            Value::Array(values) => values.into_iter().map(|value| walk(value, is_secret)).collect(),
            Value::String(_) if is_secret => Value::String(HIDDEN.to_owned()),
            other => other,
        }
    }
    walk(value, false)
}

/// A command line without what looks like a secret in it: values of telling names, what follows telling
/// options and schemes, keys of well-known services, passwords in addresses.
pub(crate) fn masked(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut hide_next = false;
    for piece in line.split_inclusive([' ', '\t', '\n']) {
        let word = piece.trim_end_matches([' ', '\t', '\n']);
        let space = piece.get(word.len()..).unwrap_or_default();
        let bare = word.trim_matches(['"', '\'']);
        if word.is_empty() {
            out.push_str(piece);
            continue;
        }
        let is_scheme = ["bearer", "basic"]
            .iter()
            .any(|scheme| bare.eq_ignore_ascii_case(scheme));
        if hide_next && !is_scheme {
            let quote = word.chars().next_back().filter(|last| matches!(last, '"' | '\''));
            out.push_str(HIDDEN);
            out.extend(quote);
            hide_next = false;
        } else {
            hide_next = is_scheme
                || (names_secret(bare) && (bare.starts_with('-') || bare.ends_with(':')))
                    && !bare.contains('=');
            out.push_str(&masked_word(word));
        }
        out.push_str(space);
    }
    out
}

fn masked_word(word: &str) -> String {
    let after = |at: usize| word.get(..at).unwrap_or_default().to_owned() + HIDDEN;
    if let Some(at) = word.find(['=', ':'])
        && names_secret(word.get(..at).unwrap_or_default())
        && word.len() > at + 1
    {
        return after(at + 1);
    }
    if let Some(at) = SECRET_STARTS.iter().filter_map(|start| word.find(start)).min() {
        return after(at);
    }
    if let Some((scheme, rest)) = word.split_once("://")
        && let Some((credentials, host)) = rest.split_once('@')
        && credentials.contains(':')
        && !credentials.contains('/')
    {
        return format!("{scheme}://{HIDDEN}@{host}");
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn command_lines_lose_their_secrets() {
        for (line, wanted) in [
            ("ls -la  /tmp", "ls -la  /tmp"),
            ("API_KEY=abc make test", "API_KEY=*** make test"),
            (
                "login --password hunter2 --user me",
                "login --password *** --user me",
            ),
            ("login --token=abc", "login --token=***"),
            (
                "curl -H 'Authorization: Bearer abc' https://x",
                "curl -H 'Authorization: Bearer ***' https://x",
            ),
            (
                "git clone https://me:pw@host/x.git",
                "git clone https://***@host/x.git",
            ),
            ("echo sk-live-1234", "echo ***"),
            ("echo tokens are nice", "echo tokens are nice"),
        ] {
            assert_eq!(masked(line), wanted);
        }
    }

    #[test]
    fn values_lose_their_secrets() {
        let value = json!({
            "provider": { "p": { "options": { "apiKey": "k", "baseURL": "u", "headers": { "X": "y" } } } },
            "mcp": { "m": { "environment": { "A": "b" }, "url": "u", "oauth": { "clientSecret": "s" } } },
            "max_tokens": 5,
        });
        assert_eq!(
            redacted(value),
            json!({
                "provider": { "p": { "options": { "apiKey": "***", "baseURL": "u", "headers": { "X": "***" } } } },
                "mcp": { "m": { "environment": { "A": "***" }, "url": "u", "oauth": { "clientSecret": "***" } } },
                "max_tokens": 5,
            })
        );
    }
}
