//! Changing configuration files for clients (reference `config.md` §7). Comments, order and keys that nobody
//! knows stay; a file is replaced as a whole or not at all, and never by one that would not load.

mod key;
mod plugin;

pub use key::set;
pub use plugin::{Placed, Plugin, plugin};

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use serde_json::{Map, Value};

use crate::text::{self, Source};
use crate::{Environment, Error, Issue, Paths, merge, resolve, schema, source};

/// The file of a folder that changes go to.
const PROJECT_FILE: &str = "config.json";

/// What a client wants changed.
#[derive(Clone, Debug)]
pub struct Change {
    set: Map<String, Value>,
    remove: Vec<String>,
}

/// A change that was made.
#[derive(Clone, Debug)]
pub struct Changed {
    /// What the file says now.
    pub value: Value,
    /// Whether that is something else than before.
    pub is_new: bool,
}

impl Change {
    /// Takes a configuration as a change. Keys of the root that are null, or an empty `shell`, are removed.
    ///
    /// # Errors
    /// It is no configuration.
    pub fn parse(mut body: Value) -> Result<Self, Vec<Issue>> {
        let mut remove = Vec::new();
        if let Value::Object(object) = &mut body {
            object.retain(|key, value| {
                let goes = value.is_null() || (key == "shell" && value == "");
                if goes {
                    remove.push(key.clone());
                }
                !goes
            });
        }
        let mut set = schema::configuration(body)?;
        resolve::today(&mut set);
        // What the types refuse would be refused when it is read.
        if let Err(Error::Invalid { issues, .. }) = resolve::typed(set.clone(), Path::new("")) {
            return Err(issues);
        }
        let Value::Object(set) = set else {
            return Err(Vec::new());
        };
        Ok(Self { set, remove })
    }

    /// What is to be set, in today's form.
    #[must_use]
    pub fn value(&self) -> Value {
        Value::Object(self.set.clone())
    }
}

/// Merges a change into the file of a folder. Parity: config.md §7, it is one that no later load reads.
///
/// # Errors
/// The file cannot be read, is wrong, or cannot be written: then it is as it was.
pub fn project(
    directory: &Path,
    change: &Change,
    paths: &Paths,
    environment: &Environment,
) -> Result<Changed, Error> {
    apply(&directory.join(PROJECT_FILE), change, paths, environment)
}

/// Merges a change into the global file: the one that counts most of those that are there.
///
/// # Errors
/// The file cannot be read, is wrong, or cannot be written: then it is as it was.
pub fn global(change: &Change, paths: &Paths, environment: &Environment) -> Result<Changed, Error> {
    let files = || {
        let notations = source::GLOBAL_FILES.iter().rev();
        notations.map(|name| paths.config.join(name))
    };
    let first_there = files().find(|path| path.is_file());
    let Some(path) = first_there.or_else(|| files().next()) else {
        return Ok(Changed {
            value: change.value(),
            is_new: false,
        });
    };
    fs_err::create_dir_all(&paths.config).map_err(|error| unwritable(&path, &error))?;
    apply(&path, change, paths, environment)
}

/// The global file that is changed: the one that counts most of those that are there.
#[must_use]
pub fn global_file(paths: &Paths) -> PathBuf {
    of_folder(&paths.config, &source::GLOBAL_FILES)
}

/// The file of a folder that is changed: the one that counts most of those that are there.
#[must_use]
pub fn project_file(directory: &Path) -> PathBuf {
    of_folder(directory, &source::PROJECT_FILES)
}

/// The JSON file of a name in a folder that is changed: `.json`, else `.jsonc`, where one of them is there.
#[must_use]
pub fn json_file(folder: &Path, name: &str) -> PathBuf {
    let named = |end: &str| folder.join(format!("{name}.{end}"));
    let there = ["json", "jsonc"]
        .map(named)
        .into_iter()
        .find(|path| path.is_file());
    there.unwrap_or_else(|| named("json"))
}

fn of_folder(folder: &Path, names: &[&str]) -> PathBuf {
    let there = names
        .iter()
        .rev()
        .map(|name| folder.join(name))
        .find(|path| path.is_file());
    there.unwrap_or_else(|| folder.join("opencode.json"))
}

fn apply(path: &Path, change: &Change, paths: &Paths, environment: &Environment) -> Result<Changed, Error> {
    let _writing = writing();
    let before = match fs_err::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(unwritable(path, &error)),
    };
    let source = Source {
        path,
        folder: path.parent().unwrap_or(Path::new("/")),
        environment,
        paths,
    };
    let current = resolve::source(text::parse(&before, &source)?, path)?;
    let after = if text::is_toml(path) {
        key::set_all(&before, path, change)?
    } else {
        in_json(&before, path, change, &current)?
    };
    let value = resolve::source(text::parse(&after, &source)?, path)?;
    let is_new = after != before;
    if is_new {
        replace(path, &after).map_err(|error| unwritable(path, &error))?;
    }
    Ok(Changed { value, is_new })
}

fn in_json(before: &str, path: &Path, change: &Change, current: &Value) -> Result<String, Error> {
    let root = CstRootNode::parse(before, &text::OPTIONS).map_err(|error| {
        let at = error.range().start;
        text::syntax_error(before, at, error.kind().to_string(), path)
    })?;
    let object = root.object_value_or_set();
    for key in &change.remove {
        if let Some(property) = object.get(key) {
            property.remove();
        }
    }
    set_all(&object, &change.set, current);
    let mut after = root.to_string();
    if before.is_empty() && !after.ends_with('\n') {
        after.push('\n');
    }
    Ok(after)
}

/// One writer at a time.
fn writing() -> MutexGuard<'static, ()> {
    static WRITING: Mutex<()> = Mutex::new(());
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets leaf by leaf, so that what stands beside a leaf stays as it is written.
fn set_all(object: &CstObject, values: &Map<String, Value>, current: &Value) {
    for (key, value) in values {
        let current = current.get(key).unwrap_or(&Value::Null);
        let property = object.get(key);
        let inner = property.as_ref().and_then(|property| property.object_value());
        match (value, inner, property) {
            (Value::Object(values), Some(inner), _) => set_all(&inner, values, current),
            (Value::Object(values), None, None) => {
                if let Some(value) = without_empty(key, values) {
                    object.append(key, input(&value));
                }
            }
            (value, _, Some(property)) => {
                let mut merged = current.clone();
                merge::deep(&mut merged, value.clone());
                property.set_value(input(&merged));
            }
            (value, _, None) => {
                object.append(key, input(value));
            }
        }
    }
}

/// An object without the `options` and `permission` that today's form adds and that say nothing.
fn without_empty(key: &str, values: &Map<String, Value>) -> Option<Value> {
    let says_nothing = matches!(key, "options" | "permission") && values.is_empty();
    let kept = values.iter().filter_map(|(key, value)| match value {
        Value::Object(inner) => Some((key.clone(), without_empty(key, inner)?)),
        other => Some((key.clone(), other.clone())),
    });
    (!says_nothing).then(|| Value::Object(kept.collect()))
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(value) => CstInputValue::Bool(*value),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(object) => CstInputValue::Object(
            object
                .iter()
                .map(|(key, value)| (key.clone(), input(value)))
                .collect(),
        ),
    }
}

/// Replaces a file as a whole; a link stays a link, and who may read it may go on to.
pub(crate) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path: PathBuf = fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("/"));
    // A temporary file is for its owner alone from the beginning.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Ok(known) = fs_err::metadata(&path) {
        file.as_file().set_permissions(known.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::Unwritable {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    struct Folder(TempDir);

    impl Folder {
        fn new(text: &str) -> Self {
            let folder = Self(TempDir::new().unwrap());
            fs_err::write(folder.path(), text).unwrap();
            folder
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("config.json")
        }

        fn text(&self) -> String {
            fs_err::read_to_string(self.path()).unwrap()
        }

        fn change(&self, body: Value) -> Result<Changed, Error> {
            let environment: Environment = [("HOME".to_owned(), "/h".to_owned())].into_iter().collect();
            let change = Change::parse(body).unwrap();
            project(self.0.path(), &change, &Paths::new(&environment), &environment)
        }
    }

    const TEXT: &str = r#"{
  // The best one.
  "model": "a/b", /* for now */
  "key": "{env:NOT_SET}",
  "agent": { "build": { "maxSteps": 3 } },
  "permission": "ask"
}
"#;

    #[test]
    fn what_stands_beside_a_change_stays_as_it_is() {
        let folder = Folder::new(TEXT);
        let body =
            json!({ "model": "c/d", "agent": { "build": { "temperature": 1 }, "n": { "prompt": "x" } } });
        let changed = folder.change(body).unwrap();
        assert!(changed.is_new);
        assert_eq!(
            folder.text(),
            r#"{
  // The best one.
  "model": "c/d", /* for now */
  "key": "{env:NOT_SET}",
  "agent": {
    "build": {
      "maxSteps": 3,
      "temperature": 1
    },
    "n": {
      "prompt": "x"
    }
  },
  "permission": "ask"
}
"#
        );
        assert_eq!(changed.value["agent"]["build"]["steps"], 3);
    }

    #[test]
    fn one_action_for_everything_is_kept_below_the_others() {
        let folder = Folder::new(TEXT);
        let changed = folder
            .change(json!({ "permission": { "bash": "deny" } }))
            .unwrap();
        assert_eq!(changed.value["permission"], json!({ "*": "ask", "bash": "deny" }));
        let changed = folder.change(json!({ "permission": "allow" })).unwrap();
        assert_eq!(
            changed.value["permission"],
            json!({ "*": "allow", "bash": "deny" })
        );
    }

    #[test]
    fn keys_can_be_removed() {
        let folder = Folder::new(r#"{"shell": "zsh", "share": "auto", "model": "a/b"}"#);
        folder.change(json!({ "shell": "", "share": null })).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&folder.text()).unwrap(),
            json!({ "model": "a/b" })
        );
    }

    #[test]
    fn nothing_new_is_not_written() {
        let folder = Folder::new(TEXT);
        let changed = folder.change(json!({ "nonsense": 1, "shell": "" })).unwrap();
        assert!(!changed.is_new);
        assert_eq!(folder.text(), TEXT);
    }

    #[test]
    fn a_file_that_is_wrong_stays_as_it_is() {
        for (text, wanted) in [
            ("{ \"a\": // broken", "is not valid JSON"),
            (r#"{"share": 5}"#, "Expected"),
            ("[]", "Expected Config"),
        ] {
            let folder = Folder::new(text);
            let error = folder.change(json!({ "model": "a/b" })).unwrap_err();
            assert!(error.to_string().contains(wanted), "{error}");
            assert_eq!(folder.text(), text);
        }
        let body = json!({ "share": "no", "model": 5 });
        assert_eq!(Change::parse(body).unwrap_err().len(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_rights_stay() {
        use std::os::unix::fs::PermissionsExt;
        let folder = TempDir::new().unwrap();
        let real = folder.path().join("real.json");
        fs_err::write(&real, "{}").unwrap();
        fs_err::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link.json");
        fs_err::os::unix::fs::symlink(&real, &link).unwrap();
        replace(&link, "{\"a\": 1}").unwrap();
        assert!(fs_err::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs_err::read_to_string(&real).unwrap(), "{\"a\": 1}");
        assert_eq!(
            fs_err::metadata(&real).unwrap().permissions().mode() & 0o777,
            0o640
        );
    }
}
