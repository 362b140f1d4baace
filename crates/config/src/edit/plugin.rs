//! Putting a plugin into the list of a configuration file (reference `plugins.md` §7).

use std::path::Path;

use jsonc_parser::cst::{CstArray, CstNode, CstRootNode};
use serde_json::{Value, json};

use super::{input, replace, unwritable};
use crate::text::{self, Source};
use crate::{Environment, Error, Issue, Paths, load};

/// The list of plugins in a file.
const KEY: &str = "plugin";

/// A plugin as it is to be configured.
#[derive(Clone, Copy, Debug)]
pub struct Plugin<'a> {
    /// What names it.
    pub specification: &'a str,
    /// Its options, unless it has some already.
    pub options: Option<&'a Value>,
}

/// What became of a plugin in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It was not there.
    Added,
    /// It was there, and stays as it was.
    Present,
    /// Another version of it was there.
    Replaced,
}

/// Adds a plugin to a JSON file, unless an entry is there already of which `is_same` says that it means the same
/// plugin: then that is kept, or with `force` made this one, with the options that it has; further ones go. Comments,
/// order and everything else stay; the file is replaced as a whole, and never by one that would not load.
///
/// # Errors
/// The file cannot be read or written, is wrong, or would be.
pub fn plugin(
    path: &Path,
    plugin: Plugin<'_>,
    is_same: impl Fn(&str) -> bool,
    force: bool,
    paths: &Paths,
    environment: &Environment,
) -> Result<Placed, Error> {
    let _writing = super::writing();
    let before = text::content(path)?.unwrap_or_default();
    let source = Source {
        path,
        folder: path.parent().unwrap_or(Path::new("/")),
        environment,
        paths,
    };
    let root = CstRootNode::parse(&before, &text::OPTIONS).map_err(|error| {
        let at = error.range().start;
        text::syntax_error(&before, at, error.kind().to_string(), path)
    })?;
    let object = root.object_value_or_create().ok_or_else(|| no_list(path, &[]))?;
    let list = object
        .array_value_or_create(KEY)
        .ok_or_else(|| no_list(path, &[KEY]))?;
    let placed = place(&list, plugin, is_same, force);
    let mut after = root.to_string();
    if before.is_empty() && !after.ends_with('\n') {
        after.push('\n');
    }
    if placed == Placed::Present {
        return Ok(placed);
    }
    // The document of the terminal interface has rules of its own, and nothing in it stops it from loading.
    if path.file_stem().is_some_and(|stem| stem == "tui") {
        text::parse(&after, &source)?;
    } else {
        load::checked(&after, &source)?;
    }
    fs_err::create_dir_all(source.folder).map_err(|error| unwritable(path, &error))?;
    replace(path, &after).map_err(|error| unwritable(path, &error))?;
    Ok(placed)
}

fn place(list: &CstArray, plugin: Plugin<'_>, is_same: impl Fn(&str) -> bool, force: bool) -> Placed {
    let entry = match plugin.options {
        Some(options) => json!([plugin.specification, options]),
        None => json!(plugin.specification),
    };
    let elements = list.elements().into_iter();
    let mut same = elements.filter(|element| specification(element).is_some_and(|text| is_same(&text)));
    let Some(first) = same.next() else {
        list.append(input(&entry));
        return Placed::Added;
    };
    if !force {
        return Placed::Present;
    }
    let further: Vec<CstNode> = same.collect();
    let is_new = specification(&first).as_deref() != Some(plugin.specification) || !further.is_empty();
    for element in further {
        element.remove();
    }
    if !is_new {
        return Placed::Present;
    }
    // What stands behind the name are options of the user's own.
    let name = first
        .as_array()
        .and_then(|parts| parts.elements().into_iter().next());
    match name.as_ref().and_then(CstNode::as_string_lit) {
        Some(name) => name.replace_with(input(&json!(plugin.specification))),
        None => first
            .as_string_lit()
            .and_then(|text| text.replace_with(input(&entry))),
    };
    Placed::Replaced
}

/// What names the plugin of an entry.
fn specification(element: &CstNode) -> Option<String> {
    let parts = element.as_array().map(|parts| parts.elements());
    let name = match parts {
        Some(parts) => parts.into_iter().next()?,
        None => element.clone(),
    };
    name.as_string_lit()?.decoded_value().ok()
}

fn no_list(path: &Path, key: &[&str]) -> Error {
    let wanted = if key.is_empty() { "an object" } else { "an array" };
    let key = key.iter().map(|part| (*part).to_owned()).collect();
    Error::Invalid {
        path: path.to_owned(),
        issues: vec![Issue::new(key, format!("Expected {wanted}, got something else"))],
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use tempfile::TempDir;

    use super::*;

    /// What becomes of a file, and of the plugin in it.
    fn put(name: &str, before: &str, entry: &Value, force: bool) -> Result<(Placed, String), Error> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(name);
        if !before.is_empty() {
            fs_err::write(&path, before).unwrap();
        }
        let environment: Environment = [("HOME".to_owned(), "/h".to_owned())].into_iter().collect();
        let given = Plugin {
            specification: entry.as_str().or(entry[0].as_str()).unwrap(),
            options: entry.get(1),
        };
        // Versions stand behind an `@` in these tests.
        let bare = |text: &str| text.split('@').next().map(str::to_owned);
        let is_same = |other: &str| bare(other) == bare(given.specification);
        let placed = plugin(
            &path,
            given,
            is_same,
            force,
            &Paths::new(&environment),
            &environment,
        );
        let after = fs_err::read_to_string(&path).unwrap_or_default();
        match placed {
            Ok(placed) => {
                assert_eq!(placed == Placed::Present, after == before);
                Ok((placed, after))
            }
            Err(error) => {
                assert_eq!(after, before, "a file that is wrong is not written");
                Err(error)
            }
        }
    }

    const TEXT: &str = r#"{
  // mine
  "plugin": [
    "a", // first
    ["b@1", { "own": true /* mine */ }], // second
    "c"
  ],
  "share": "auto"
}
"#;

    #[test]
    fn a_plugin_gets_its_place_and_comments_stay() {
        let with = |old: &str, new: &str| TEXT.replace(old, new);
        for (before, entry, force, wanted, after) in [
            (
                "",
                json!("a"),
                false,
                Placed::Added,
                "{\n  \"plugin\": [\"a\"]\n}\n".to_owned(),
            ),
            (TEXT, json!("b@2"), false, Placed::Present, TEXT.to_owned()),
            (TEXT, json!("b@1"), true, Placed::Present, TEXT.to_owned()),
            (
                TEXT,
                json!(["b@2", {}]),
                true,
                Placed::Replaced,
                with("b@1", "b@2"),
            ),
            (
                TEXT,
                json!("a@3"),
                true,
                Placed::Replaced,
                with("\"a\"", "\"a@3\""),
            ),
            (
                TEXT,
                json!("d"),
                false,
                Placed::Added,
                with("\"c\"\n", "\"c\",\n    \"d\"\n"),
            ),
            (
                "{\"plugin\": [\"a\", \"a@2\"]}",
                json!("a"),
                true,
                Placed::Replaced,
                "{\"plugin\": [\"a\"]}".to_owned(),
            ),
        ] {
            for name in ["opencode.jsonc", "tui.json"] {
                // The other document has no `share`, but nobody minds.
                assert_eq!(
                    put(name, before, &entry, force).unwrap(),
                    (wanted, after.clone()),
                    "{entry} {force}"
                );
            }
        }
        let (placed, after) = put("opencode.json", "{}", &json!(["a", { "x": 1 }]), false).unwrap();
        let value: Value = serde_json::from_str(&after).unwrap();
        assert_eq!(
            (placed, value),
            (Placed::Added, json!({ "plugin": [["a", { "x": 1 }]] }))
        );
    }

    #[test]
    fn a_file_that_is_wrong_stays_as_it_is() {
        for (before, wanted) in [
            ("{ \"plugin\": [ // c\n \"x\" ", "Unterminated array at line 1"),
            ("{ \"plugin\": \"x\" }", "Expected an array"),
            ("[]", "Expected an object"),
            ("{ \"share\": 5 }", "Expected"),
        ] {
            let error = put("opencode.json", before, &json!("a"), false).unwrap_err();
            assert!(error.to_string().contains(wanted), "{error}");
        }
    }
}
