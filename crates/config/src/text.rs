//! One file's text: substitution, then JSON with comments (reference `config.md` §5.1).

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jsonc_parser::ParseOptions;
use serde_json::Value;

use crate::error::Issue;
use crate::{Environment, Error, Paths, toml};

/// JSON with comments and trailing commas, and nothing else.
pub(crate) const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// What substitution needs to know.
pub struct Source<'a> {
    /// The file, for messages.
    pub path: &'a Path,
    /// The folder that relative `{file:…}` start from.
    pub folder: &'a Path,
    /// Values of `{env:…}`.
    pub environment: &'a Environment,
    /// The home folder of `{file:~/…}`.
    pub paths: &'a Paths,
}

/// How long a file is waited for that was emptied a moment ago, how often it is looked at meanwhile, and what a
/// moment is: many editors empty a file before they write it, and what is read between is nobody's wish.
const FILLING: Duration = Duration::from_millis(250);
const LOOK: Duration = Duration::from_millis(10);
const MOMENT: Duration = Duration::from_secs(1);

/// The text of a file; `None` when there is none. One that was emptied a moment ago is given a little time to be
/// filled.
///
/// # Errors
/// [`Error::Unreadable`].
pub fn content(path: &Path) -> Result<Option<String>, Error> {
    let begun = Instant::now();
    loop {
        let text = content_now(path)?;
        let is_empty = text.as_ref().is_some_and(String::is_empty);
        if !is_empty || begun.elapsed() > FILLING || !was_changed_just_now(path) {
            return Ok(text);
        }
        std::thread::sleep(LOOK);
    }
}

fn was_changed_just_now(path: &Path) -> bool {
    let changed = fs_err::metadata(path).and_then(|about| about.modified()).ok();
    changed
        .and_then(|at| at.elapsed().ok())
        .is_some_and(|ago| ago < MOMENT)
}

fn content_now(path: &Path) -> Result<Option<String>, Error> {
    match fs_err::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(Error::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        }),
    }
}

/// Text with nothing but its `{env:…}` and `{file:…}` replaced.
///
/// # Errors
/// [`Error::BadReference`].
pub(crate) fn plain(text: &str, source: &Source<'_>) -> Result<String, Error> {
    substitute_files(&substitute_environment(text, source.environment), source)
}

/// Whether a file is TOML, by its name.
#[must_use]
pub fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

/// Makes a value of configuration text. Empty text is an empty object.
///
/// # Errors
/// [`Error::BadReference`], [`Error::Syntax`], or [`Error::Invalid`] when the text is no object.
pub fn parse(text: &str, source: &Source<'_>) -> Result<Value, Error> {
    let text = plain(text, source)?;
    if is_toml(source.path) {
        return toml::parse(&text)
            .map(Value::Object)
            .map_err(|(at, reason)| syntax_error(&text, at, reason, source.path));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let value: Option<Value> = jsonc_parser::parse_to_serde_value(text, &OPTIONS).map_err(|error| {
        let at = error.range().start.min(text.len());
        syntax_error(text, at, error.kind().to_string(), source.path)
    })?;
    match value {
        None => Ok(Value::Object(serde_json::Map::new())),
        Some(value @ Value::Object(_)) => Ok(value),
        Some(other) => Err(Error::Invalid {
            path: source.path.to_owned(),
            issues: vec![Issue::new(Vec::new(), format!("Expected Config, got {other}"))],
        }),
    }
}

pub(crate) fn syntax_error(text: &str, at: usize, reason: String, path: &Path) -> Error {
    let (line, column) = position(text, at);
    let shown = text.lines().nth(line - 1).unwrap_or("");
    let excerpt = format!(
        "   {line} | {shown}\n   {} | {}^",
        " ".repeat(line.to_string().len()),
        " ".repeat(column - 1)
    );
    Error::Syntax {
        path: path.to_owned(),
        language: if is_toml(path) { "TOML" } else { "JSON(C)" },
        reason,
        line,
        column,
        excerpt,
    }
}

/// Line and column of a byte, from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let at = (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (line, column)
}

/// An error with the places in the text that it is about.
pub(crate) fn located(mut error: Error, content: &str, source: &Source<'_>) -> Error {
    if let Error::Invalid { issues, .. } = &mut error {
        for issue in issues {
            issue.place = place(content, &issue.key, source);
        }
    }
    error
}

/// Where the value of a key stands in a text: the value, or the nearest of what it would be in.
fn place(content: &str, key: &[String], source: &Source<'_>) -> Option<(usize, usize)> {
    let find = |text: &str| {
        let at = if is_toml(source.path) {
            toml::find(text, key)?
        } else {
            find(text, key)?
        };
        Some(position(text, at))
    };
    // What is written counts; only where it can be read after substitution alone, that does.
    find(content).or_else(|| find(&plain(content, source).ok()?))
}

fn find(text: &str, key: &[String]) -> Option<usize> {
    use jsonc_parser::ast::Value as Node;
    use jsonc_parser::common::Ranged as _;
    let parsed = jsonc_parser::parse_to_ast(text, &jsonc_parser::CollectOptions::default(), &OPTIONS).ok()?;
    let mut node = parsed.value?;
    let mut at = node.range().start;
    for part in key {
        let inner = match node {
            Node::Object(object) => object
                .properties
                .into_iter()
                .rev()
                .find(|property| property.name.as_str() == part)
                .map(|property| property.value),
            Node::Array(array) => part
                .parse()
                .ok()
                .and_then(|index: usize| array.elements.into_iter().nth(index)),
            _ => None,
        };
        let Some(inner) = inner else { break };
        node = inner;
        at = node.range().start;
    }
    Some(at)
}

/// Replaces `{env:NAME}` by the variable as it is; an unset one by nothing.
fn substitute_environment(text: &str, environment: &Environment) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, token, after)) = next_token(rest, "{env:") {
        out.push_str(before);
        out.push_str(
            environment
                .get(&token["{env:".len()..token.len() - 1])
                .unwrap_or(""),
        );
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Replaces `{file:PATH}` by the file's trimmed content as the inside of a JSON string, except behind `//`.
fn substitute_files(text: &str, source: &Source<'_>) -> Result<String, Error> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let comment = if is_toml(source.path) { "#" } else { "//" };
    while let Some((before, token, after)) = next_token(rest, "{file:") {
        out.push_str(before);
        let line = out.rsplit('\n').next().unwrap_or("");
        if line.trim_start().starts_with(comment) {
            out.push_str(token);
        } else {
            out.push_str(&referenced(token, source)?);
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Text before the first token that starts with `open` and has something in it, the token, text after it.
fn next_token<'a>(text: &'a str, open: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let mut from = 0;
    loop {
        let start = from + text.get(from..)?.find(open)?;
        let length = text[start..].find('}')? + 1;
        if length > open.len() + 1 {
            let end = start + length;
            return Some((&text[..start], &text[start..end], &text[end..]));
        }
        from = start + length;
    }
}

fn referenced(token: &str, source: &Source<'_>) -> Result<String, Error> {
    let name = source.paths.expand(&token["{file:".len()..token.len() - 1]);
    let path: PathBuf = source.folder.join(name);
    let content = fs_err::read_to_string(&path).map_err(|error| Error::BadReference {
        path: source.path.to_owned(),
        reference: token.to_owned(),
        reason: if error.kind() == std::io::ErrorKind::NotFound {
            format!("{} does not exist", path.display())
        } else {
            error.to_string()
        },
    })?;
    let quoted = Value::String(content.trim().to_owned()).to_string();
    Ok(quoted[1..quoted.len() - 1].to_owned())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    fn environment() -> Environment {
        [("NAME", "value"), ("NUMBER", "5"), ("HOME", "/home/u")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect()
    }

    fn parsed(text: &str, folder: &Path) -> Result<Value, Error> {
        let environment = environment();
        let paths = Paths::new(&environment);
        parse(
            text,
            &Source {
                path: Path::new("/c/opencode.json"),
                folder,
                environment: &environment,
                paths: &paths,
            },
        )
    }

    #[test]
    fn values() {
        let folder = tempfile::TempDir::new().unwrap();
        fs_err::write(folder.path().join("key.txt"), "  line \"one\"\nline two\n").unwrap();
        fs_err::write(folder.path().join("value"), "five").unwrap();
        for (text, wanted) in [
            ("", json!({})),
            ("\u{feff}{}", json!({})),
            ("{ // c\n \"a\": 1, /* b */ }", json!({ "a": 1 })),
            ("{\"a\": \"{env:NAME}\"}", json!({ "a": "value" })),
            ("{\"a\": {env:NUMBER}}", json!({ "a": 5 })),
            ("{\"a\": \"{env:MISSING}\"}", json!({ "a": "" })),
            ("{\"a\": \"{env:}\"}", json!({ "a": "{env:}" })),
            (
                "{\"a\": \"{file:key.txt}\"}",
                json!({ "a": "line \"one\"\nline two" }),
            ),
            ("{\"a\": \"{file:{env:NAME}}\"}", json!({ "a": "five" })),
            ("{\n// {file:gone}\n\"a\": 1}", json!({ "a": 1 })),
        ] {
            assert_eq!(parsed(text, folder.path()).unwrap(), wanted, "{text}");
        }
    }

    #[test]
    fn errors_say_where() {
        for (text, wanted) in [
            (
                "{\n  \"a\": ,\n}",
                "Config file at /c/opencode.json is not valid JSON(C): Unexpected comma at line 2, column 8\n   2 |   \"a\": ,\n     |        ^",
            ),
            (
                "[]",
                "Configuration is invalid at /c/opencode.json\n↳ Expected Config, got [] ",
            ),
            (
                "{\"a\": \"{file:/no/such}\"}",
                "Configuration is invalid at /c/opencode.json: bad file reference: \"{file:/no/such}\" /no/such does not exist",
            ),
        ] {
            assert_eq!(parsed(text, Path::new("/c")).unwrap_err().to_string(), wanted);
        }
    }

    #[test]
    fn a_file_that_is_emptied_to_be_written_is_read_when_it_is_written() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("opencode.json");
        fs_err::write(&path, "").unwrap();
        let filled = path.clone();
        let writer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            fs_err::write(filled, "{}").unwrap();
        });
        assert_eq!(content(&path).unwrap().as_deref(), Some("{}"));
        writer.join().unwrap();
        // One that stays empty is empty.
        fs_err::write(&path, "").unwrap();
        assert_eq!(content(&path).unwrap().as_deref(), Some(""));
        assert_eq!(content(&folder.path().join("none")).unwrap(), None);
    }
}
