//! Settings of the terminal face that stand in `opencode.json`, where they once belonged (reference `config.md`
//! §8.2). They are moved into a `tui.json` beside it, once.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{FILES, SCHEMA};
use crate::text::{self, Source};
use crate::{Environment, Error, Paths, Place, edit, source};

/// Keys of the terminal face in `opencode.json`.
const KEYS: [&str; 3] = ["theme", "keybinds", "tui"];

/// What is taken out of `tui`.
const INNER: [&str; 3] = ["scroll_speed", "scroll_acceleration", "diff_style"];

/// Settings that were moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The file that they were in.
    pub from: PathBuf,
    /// The file that they are in now.
    pub to: PathBuf,
    /// What `from` was before.
    pub backup: PathBuf,
}

/// Moves the settings of all files that count in a place. Files that cannot be read stay as they are; what could
/// not be written is told.
#[must_use]
pub fn migrate(place: Place<'_>, paths: &Paths, environment: &Environment) -> (Vec<Migrated>, Vec<Error>) {
    let mut moved = Vec::new();
    let mut errors = Vec::new();
    for file in source::files(place, paths, environment) {
        match migrate_file(&file.path, paths, environment) {
            Ok(migrated) => moved.extend(migrated),
            Err(error) => errors.push(error),
        }
    }
    (moved, errors)
}

fn migrate_file(path: &Path, paths: &Paths, environment: &Environment) -> Result<Option<Migrated>, Error> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let folder = path.parent().unwrap_or(Path::new("/"));
    if !matches!(name, "opencode.json" | "opencode.jsonc") {
        return Ok(None);
    }
    if FILES.iter().any(|name| folder.join(name).exists()) {
        return Ok(None);
    }
    let Ok(Some(before)) = text::content(path) else {
        return Ok(None);
    };
    // What is written counts here: what a variable stands for is not to be written down.
    let written = jsonc_parser::parse_to_serde_value::<Value>(&before, &text::OPTIONS);
    let Ok(Value::Object(written)) = written else {
        return Ok(None);
    };
    let Some(settings) = settings(&written) else {
        return Ok(None);
    };
    let source = Source {
        path,
        folder,
        environment,
        paths,
    };
    if text::parse(&before, &source).is_err() {
        return Ok(None);
    }
    let to = folder.join("tui.json");
    let backup = folder.join(format!("{name}.tui-migration.bak"));
    let unwritable = |path: &Path, error: &std::io::Error| Error::Unwritable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let mut text = serde_json::to_string_pretty(&settings).unwrap_or_default();
    text.push('\n');
    edit::replace(&to, &text).map_err(|error| unwritable(&to, &error))?;
    if !backup.exists() {
        edit::replace(&backup, &before).map_err(|error| unwritable(&backup, &error))?;
    }
    for key in KEYS.into_iter().filter(|key| written.contains_key(*key)) {
        edit::set(path, &[key.to_owned()], None, paths, environment)?;
    }
    Ok(Some(Migrated {
        from: path.to_owned(),
        to,
        backup,
    }))
}

/// The settings of the terminal face in a file, if there are any.
fn settings(written: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut settings = Map::new();
    settings.insert("$schema".to_owned(), SCHEMA.into());
    let theme = written.get("theme").filter(|theme| theme.is_string());
    let keybinds = written.get("keybinds").filter(|keybinds| keybinds.is_object());
    for (key, value) in [("theme", theme), ("keybinds", keybinds)] {
        if let Some(value) = value {
            settings.insert(key.to_owned(), value.clone());
        }
    }
    let inner = written.get("tui").and_then(Value::as_object);
    for key in INNER {
        if let Some(value) = inner.and_then(|inner| inner.get(key)) {
            settings.insert(key.to_owned(), value.clone());
        }
    }
    (settings.len() > 1 || inner.is_some()).then_some(settings)
}
