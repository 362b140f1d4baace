//! Setting and removing one key of one file, in the notation of the file (beyond the reference).

use std::path::Path;

use jsonc_parser::cst::CstRootNode;
use serde_json::Value;
use toml_edit::{DocumentMut, Item, Table, TableLike};

use super::{Change, input, replace, unwritable};
use crate::schema::Issue;
use crate::text::{self, Source};
use crate::{Environment, Error, Paths, load, toml};

/// Sets a key of a file, or removes it. Comments, order and everything else stay; the file is replaced as a
/// whole, and never by one that would not load. Whether it says something else now is the answer.
///
/// # Errors
/// The file cannot be read or written, is wrong, or would be.
pub fn set(
    path: &Path,
    key: &[String],
    value: Option<&Value>,
    paths: &Paths,
    environment: &Environment,
) -> Result<bool, Error> {
    let _writing = super::writing();
    let before = text::content(path)?.unwrap_or_default();
    let source = Source {
        path,
        folder: path.parent().unwrap_or(Path::new("/")),
        environment,
        paths,
    };
    let mut after = if text::is_toml(path) {
        in_toml(&before, path, key, value)?
    } else {
        in_json(&before, path, key, value)?
    };
    if !after.is_empty() && !after.ends_with('\n') && (before.is_empty() || before.ends_with('\n')) {
        after.push('\n');
    }
    load::checked(&after, &source)?;
    if after == before {
        return Ok(false);
    }
    fs_err::create_dir_all(source.folder).map_err(|error| unwritable(path, &error))?;
    replace(path, &after).map_err(|error| unwritable(path, &error))?;
    Ok(true)
}

/// Makes the changes of a client in TOML.
pub(super) fn set_all(before: &str, path: &Path, change: &Change) -> Result<String, Error> {
    let mut text = before.to_owned();
    for key in &change.remove {
        text = in_toml(&text, path, std::slice::from_ref(key), None)?;
    }
    let mut leaves = Vec::new();
    for (key, value) in &change.set {
        leaves_of(value, vec![key.clone()], &mut leaves);
    }
    for (key, value) in leaves {
        text = in_toml(&text, path, &key, Some(value))?;
    }
    Ok(text)
}

fn leaves_of<'a>(value: &'a Value, key: Vec<String>, leaves: &mut Vec<(Vec<String>, &'a Value)>) {
    match value {
        // Today's form adds tables that say nothing.
        Value::Object(object) if object.is_empty() => {}
        Value::Object(object) => {
            for (name, inner) in object {
                let mut key = key.clone();
                key.push(name.clone());
                leaves_of(inner, key, leaves);
            }
        }
        other => leaves.push((key, other)),
    }
}

fn in_json(before: &str, path: &Path, key: &[String], value: Option<&Value>) -> Result<String, Error> {
    let root = CstRootNode::parse(before, &text::OPTIONS).map_err(|error| {
        let at = error.range().start;
        text::syntax_error(before, at, error.kind().to_string(), path)
    })?;
    let Some((last, folders)) = key.split_last() else {
        return Ok(before.to_owned());
    };
    let mut object = root.object_value_or_set();
    for (depth, part) in folders.iter().enumerate() {
        let inner = object.object_value(part);
        object = match (inner, value) {
            (Some(inner), _) => inner,
            // What is not there need not be removed.
            (None, None) => return Ok(before.to_owned()),
            (None, Some(_)) => object
                .object_value_or_create(part)
                .ok_or_else(|| no_table(path, &key[..=depth]))?,
        };
    }
    match (object.get(last), value) {
        (Some(property), Some(value)) => property.set_value(input(value)),
        (Some(property), None) => property.remove(),
        (None, Some(value)) => {
            object.append(last, input(value));
        }
        (None, None) => {}
    }
    Ok(root.to_string())
}

fn in_toml(before: &str, path: &Path, key: &[String], value: Option<&Value>) -> Result<String, Error> {
    let mut document: DocumentMut = before.parse().map_err(|error: toml_edit::TomlError| {
        let at = error.span().map_or(0, |span| span.start);
        text::syntax_error(before, at, error.message().to_owned(), path)
    })?;
    let Some((last, folders)) = key.split_last() else {
        return Ok(before.to_owned());
    };
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for (depth, part) in folders.iter().enumerate() {
        if !table.contains_key(part) {
            if value.is_none() {
                return Ok(before.to_owned());
            }
            let mut new = Table::new();
            new.set_implicit(true);
            table.insert(part, Item::Table(new));
        }
        table = table
            .get_mut(part)
            .and_then(Item::as_table_like_mut)
            .ok_or_else(|| no_table(path, &key[..=depth]))?;
    }
    match value {
        None => {
            table.remove(last);
        }
        Some(value) => {
            let mut new = toml::value(value).ok_or_else(|| no_null(path, key))?;
            // What stands around the old value, a comment behind it for one, stays.
            if let Some(Item::Value(old)) = table.get(last) {
                *new.decor_mut() = old.decor().clone();
            }
            match table.get_mut(last) {
                Some(item) => *item = Item::Value(new),
                None => {
                    table.insert(last, Item::Value(new));
                }
            }
        }
    }
    Ok(document.to_string())
}

fn no_table(path: &Path, key: &[String]) -> Error {
    invalid(path, key, "Expected object, got something else")
}

fn no_null(path: &Path, key: &[String]) -> Error {
    invalid(path, key, "TOML has no null")
}

fn invalid(path: &Path, key: &[String], message: &str) -> Error {
    Error::Invalid {
        path: path.to_owned(),
        issues: vec![Issue::new(key.to_vec(), message)],
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    fn changed(name: &str, before: &str, key: &str, value: Option<&Value>) -> Result<String, Error> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(name);
        if !before.is_empty() {
            fs_err::write(&path, before).unwrap();
        }
        let environment: Environment = [("HOME".to_owned(), "/h".to_owned())].into_iter().collect();
        let key = crate::origin::key(key).unwrap();
        let outcome = set(&path, &key, value, &Paths::new(&environment), &environment);
        let after = fs_err::read_to_string(&path).unwrap_or_default();
        match outcome {
            Ok(is_new) => {
                assert_eq!(is_new, after != before);
                Ok(after)
            }
            Err(error) => {
                assert_eq!(after, before, "a file that is wrong is not written");
                Err(error)
            }
        }
    }

    #[test]
    fn one_key_changes_and_comments_stay() {
        let json =
            "{\n  // best\n  \"model\": \"a/b\", // now\n  \"agent\": { \"x\": { \"steps\": 3 } }\n}\n";
        let toml = "# best\nmodel = \"a/b\" # now\n\n[agent.x]\n# few\nsteps = 3\n";
        for (name, before, key, value, wanted) in [
            (
                "opencode.jsonc",
                json,
                "model",
                Some(json!("c/d")),
                json.replace("a/b", "c/d"),
            ),
            (
                "opencode.json",
                json,
                "agent.x.steps",
                Some(json!(5)),
                json.replace('3', "5"),
            ),
            (
                "opencode.json",
                json,
                "agent.x.steps",
                None,
                json.replace("{ \"steps\": 3 }", "{}"),
            ),
            ("opencode.json", json, "agent.y.steps", None, json.to_owned()),
            (
                "opencode.json",
                "",
                "share",
                Some(json!("auto")),
                "{\n  \"share\": \"auto\"\n}\n".to_owned(),
            ),
            (
                "opencode.toml",
                toml,
                "model",
                Some(json!("c/d")),
                toml.replace("a/b", "c/d"),
            ),
            (
                "opencode.toml",
                toml,
                "agent.x.steps",
                Some(json!(5)),
                toml.replace('3', "5"),
            ),
            (
                "opencode.toml",
                toml,
                "agent.x.steps",
                None,
                toml.replace("# few\nsteps = 3\n", ""),
            ),
            (
                "opencode.toml",
                "",
                r#"permission.bash."git *""#,
                Some(json!("ask")),
                "[permission.bash]\n\"git *\" = \"ask\"\n".to_owned(),
            ),
        ] {
            assert_eq!(
                changed(name, before, key, value.as_ref()).unwrap(),
                wanted,
                "{name} {key}"
            );
        }
    }

    #[test]
    fn changes_of_clients_reach_a_global_file_in_toml() {
        let folder = TempDir::new().unwrap();
        let environment: Environment = [("HOME".to_owned(), folder.path().display().to_string())]
            .into_iter()
            .collect();
        let paths = Paths::new(&environment);
        fs_err::create_dir_all(&paths.config).unwrap();
        let path = paths.config.join("opencode.toml");
        fs_err::write(&path, "# mine\nmodel = \"a/b\"\nshell = \"sh\"\n").unwrap();
        let body = json!({ "shell": "", "agent": { "x": { "steps": 2 } } });
        let change = Change::parse(body).unwrap();
        super::super::global(&change, &paths, &environment).unwrap();
        assert_eq!(
            fs_err::read_to_string(&path).unwrap(),
            "# mine\nmodel = \"a/b\"\n\n[agent.x]\nsteps = 2\n"
        );
    }

    #[test]
    fn what_would_not_load_is_not_written() {
        for (name, before, key, value) in [
            ("opencode.json", "{}\n", "share", json!("no")),
            ("opencode.json", "{ broken", "share", json!("auto")),
            ("opencode.json", "{\"model\": \"a/b\"}", "model.x", json!(1)),
            ("opencode.toml", "share = \"auto\"\n", "share", json!(5)),
            ("opencode.toml", "", "x", Value::Null),
        ] {
            assert!(
                changed(name, before, key, Some(&value)).is_err(),
                "{name} {before} {key}"
            );
        }
    }
}
