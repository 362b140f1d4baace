//! Front matter: YAML between two `---` lines at the head of a Markdown file
//! (reference `agents-commands-permissions.md` §1.5).

use std::io::{self, Read as _};
use std::path::Path;

use serde_json::Value;

/// Bytes of a Markdown file that is read: prompts are shorter, and what is longer fits no conversation.
const FILE_LIMIT: u64 = 1 << 20;
/// Bytes of front matter, and how deep brackets may stand in it: reading it takes time that grows with the
/// square of both.
const LIMIT: usize = 64 << 10;
const DEPTH: usize = 100;

/// Reads a Markdown file. Blocks.
///
/// # Errors
/// It cannot be read, is no text, or is too long.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let too_long = || {
        let reason = format!("{} has more than {FILE_LIMIT} bytes", path.display());
        io::Error::new(io::ErrorKind::FileTooLarge, reason)
    };
    let mut text = String::new();
    let file = fs_err::File::open(path)?;
    if file.metadata()?.len() > FILE_LIMIT {
        return Err(too_long());
    }
    // It may grow while it is read.
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let count = file
        .take(FILE_LIMIT + 1)
        .read_to_string(&mut text)
        .map_err(named)?;
    if count as u64 > FILE_LIMIT {
        return Err(too_long());
    }
    Ok(text)
}

/// A Markdown file in two.
#[derive(Debug, PartialEq)]
pub(crate) struct Parts<'a> {
    /// What stands between the lines, an empty object when there is nothing.
    pub(crate) data: Value,
    /// What follows.
    pub(crate) body: &'a str,
}

/// Takes a file apart. `None` when it has front matter that cannot be read, even after values with a
/// colon are quoted.
pub(crate) fn parse(text: &str) -> Option<Parts<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some((yaml, body)) = split(text) else {
        return Some(Parts {
            data: Value::Object(serde_json::Map::new()),
            body: text,
        });
    };
    if yaml.len() > LIMIT || depth(yaml) > DEPTH {
        return None;
    }
    let data = object(yaml).or_else(|| object(&quoted(yaml)))?;
    Some(Parts { data, body })
}

fn split(text: &str) -> Option<(&str, &str)> {
    let first = text.lines().next()?;
    if first.trim_end() != "---" {
        return None;
    }
    let start = text.find('\n')? + 1;
    let mut at = start;
    for line in text[start..].split_inclusive('\n') {
        if line.trim_end() == "---" {
            return Some((&text[start..at], &text[at + line.len()..]));
        }
        at += line.len();
    }
    None
}

/// How deep brackets stand, as if none stood in quotes.
fn depth(yaml: &str) -> usize {
    let mut open = 0_usize;
    let mut deepest = 0;
    for byte in yaml.bytes() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

fn object(yaml: &str) -> Option<Value> {
    match serde_yaml_ng::from_str::<Value>(yaml).ok()? {
        Value::Null => Some(Value::Object(serde_json::Map::new())),
        value @ Value::Object(_) => Some(value),
        _ => None,
    }
}

/// The same with top-level values that hold a colon as quoted texts: `description: has: colon`.
fn quoted(yaml: &str) -> String {
    let line = |line: &str| -> String {
        let plain = || line.to_owned();
        let Some((key, value)) = line.split_once(':') else {
            return plain();
        };
        let value = value.trim();
        let top_level = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        if !top_level || !value.contains(':') || value.starts_with(['"', '\'', '[', '{', '|', '>']) {
            return plain();
        }
        format!("{key}: {}", Value::String(value.to_owned()))
    };
    yaml.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_would_take_long_is_refused_at_once() {
        let bomb = |depth: usize| format!("---\nx: {}\n---\nbody", "[".repeat(depth));
        let began = std::time::Instant::now();
        for text in [bomb(200), bomb(30_000), bomb(1_000_000)] {
            assert_eq!(parse(&text), None);
        }
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.md");
        fs_err::write(&path, vec![b'x'; 10_000_000]).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        fs_err::write(&path, "fine").unwrap();
        assert_eq!(read(&path).unwrap(), "fine");
    }

    #[test]
    fn table() {
        for (text, wanted) in [
            (
                "---\nname: a\nn: 3\n---\nbody\n",
                Some((json!({ "name": "a", "n": 3 }), "body\n")),
            ),
            (
                "---\r\nname: a\r\n---\r\nbody",
                Some((json!({ "name": "a" }), "body")),
            ),
            ("no front matter", Some((json!({}), "no front matter"))),
            (
                "---\nname: a\nnever closed",
                Some((json!({}), "---\nname: a\nnever closed")),
            ),
            ("---\n---\n", Some((json!({}), ""))),
            (
                "---\ndescription: has: a colon\nlist:\n  - a: b\n---\nx",
                Some((
                    json!({ "description": "has: a colon", "list": [{ "a": "b" }] }),
                    "x",
                )),
            ),
            ("---\n- a\n- b\n---\nx", None),
            ("---\n{ broken: [\n---\nx", None),
        ] {
            let parts = parse(text);
            assert_eq!(
                parts.as_ref().map(|parts| (&parts.data, parts.body)),
                wanted.as_ref().map(|(d, b)| (d, *b)),
                "{text}"
            );
        }
    }
}
