//! Changes of files as servers propose them, made into texts. Nothing is written here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::location::{self, Position, range};

/// Changes that one proposal may have.
const MOST: usize = 100_000;

/// Why a proposal cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not of the form that is agreed on.
    #[error("the language server proposes a change that cannot be read")]
    Unreadable,
    /// It would do more than change texts.
    #[error("the language server also wants to {0} files, which is not done here")]
    Resource(String),
    /// Two of its changes are of the same place.
    #[error("the language server proposes changes that contradict each other")]
    Overlap,
    /// There are too many.
    #[error("the language server proposes more than {MOST} changes")]
    TooMany,
}

/// A change of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextEdit {
    start: Position,
    end: Position,
    text: String,
}

/// What a proposal for several files changes in each of them.
///
/// # Errors
/// [`Refused`].
pub fn of_workspace(proposal: &Value) -> Result<BTreeMap<PathBuf, Vec<TextEdit>>, Refused> {
    let mut files: BTreeMap<PathBuf, Vec<TextEdit>> = BTreeMap::new();
    let mut add = |uri: &str, edits: &Value| {
        let path = location::path(uri).ok_or(Refused::Unreadable)?;
        files.entry(path).or_default().extend(of_document(edits)?);
        Ok::<_, Refused>(())
    };
    if let Some(changes) = proposal["documentChanges"].as_array() {
        for change in changes {
            if let Some(kind) = change["kind"].as_str() {
                return Err(Refused::Resource(kind.to_owned()));
            }
            let uri = change["textDocument"]["uri"]
                .as_str()
                .ok_or(Refused::Unreadable)?;
            add(uri, &change["edits"])?;
        }
    } else if let Some(changes) = proposal["changes"].as_object() {
        for (uri, edits) in changes {
            add(uri, edits)?;
        }
    }
    files.retain(|_, edits| !edits.is_empty());
    if files.values().map(Vec::len).sum::<usize>() > MOST {
        return Err(Refused::TooMany);
    }
    Ok(files)
}

/// What a proposal for one file changes.
///
/// # Errors
/// [`Refused`].
pub fn of_document(edits: &Value) -> Result<Vec<TextEdit>, Refused> {
    let rows = match edits {
        Value::Null => return Ok(Vec::new()),
        Value::Array(rows) => rows,
        _ => return Err(Refused::Unreadable),
    };
    let read = |row: &Value| {
        let (start, end) = range(&row["range"])?;
        let text = row["newText"].as_str()?.to_owned();
        Some(TextEdit { start, end, text })
    };
    rows.iter()
        .map(read)
        .collect::<Option<_>>()
        .ok_or(Refused::Unreadable)
}

/// A text with changes, all of which are of the text as it is.
///
/// # Errors
/// [`Refused::Overlap`].
pub fn apply(text: &str, edits: &[TextEdit]) -> Result<String, Refused> {
    let mut edits: Vec<_> = edits
        .iter()
        .map(|edit| (edit.start.offset(text), edit.end.offset(text), edit.text.as_str()))
        .collect();
    // What is put in at one place keeps its order.
    edits.sort_by_key(|(start, end, _)| (*start, *end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (start, end, new) in edits {
        let between = text.get(at..start).ok_or(Refused::Overlap)?;
        out.push_str(between);
        out.push_str(new);
        at = end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    fn edit(from: (u32, u32), to: (u32, u32), text: &str) -> Value {
        let at = |(line, character)| json!({ "line": line, "character": character });
        json!({ "range": { "start": at(from), "end": at(to) }, "newText": text })
    }

    #[test]
    fn changes_are_of_the_text_as_it_is() {
        let text = "one two\nthr\u{1f600}ee\n";
        for (name, edits, wanted) in [
            ("none", vec![], Ok(text)),
            (
                "two, not in order",
                vec![edit((0, 4), (0, 7), "2"), edit((0, 0), (0, 3), "uno")],
                Ok("uno 2\nthr\u{1f600}ee\n"),
            ),
            (
                "beyond a wide letter",
                vec![edit((1, 5), (1, 7), "EE")],
                Ok("one two\nthr\u{1f600}EE\n"),
            ),
            (
                "at one place",
                vec![edit((0, 0), (0, 0), "a"), edit((0, 0), (0, 0), "b")],
                Ok("abone two\nthr\u{1f600}ee\n"),
            ),
            ("all of it", vec![edit((0, 0), (99, 0), "x")], Ok("x")),
            (
                "two of one place",
                vec![edit((0, 0), (0, 5), "a"), edit((0, 3), (0, 6), "b")],
                Err(Refused::Overlap),
            ),
        ] {
            let edits = of_document(&json!(edits)).unwrap();
            assert_eq!(apply(text, &edits), wanted.map(str::to_owned), "{name}");
        }
    }

    #[test]
    fn proposals_are_read_in_both_forms() {
        let one = edit((0, 0), (0, 1), "x");
        let document =
            json!({ "documentChanges": [{ "textDocument": { "uri": "file:///a" }, "edits": [one] }] });
        let plain = json!({ "changes": { "file:///a": [one], "file:///b": [] } });
        for proposal in [document, plain] {
            let files = of_workspace(&proposal).unwrap();
            assert_eq!(files.keys().collect::<Vec<_>>(), [&PathBuf::from("/a")]);
        }
        for (proposal, wanted) in [
            (
                json!({ "documentChanges": [{ "kind": "rename" }] }),
                Refused::Resource("rename".into()),
            ),
            (json!({ "changes": { "untitled:1": [] } }), Refused::Unreadable),
            (json!({ "changes": { "file:///a": [{}] } }), Refused::Unreadable),
            (json!({ "documentChanges": [5] }), Refused::Unreadable),
        ] {
            assert_eq!(of_workspace(&proposal), Err(wanted));
        }
        assert_eq!(of_workspace(&Value::Null), Ok(BTreeMap::new()));
        assert_eq!(
            of_document(&json!([edit((1, 0), (0, 0), "x")])),
            Err(Refused::Unreadable)
        );
    }
}
