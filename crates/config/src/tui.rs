//! Configuration of the terminal face: `tui.json` and `tui.jsonc` (reference `tui.md` §13, `config.md` §8).
//!
//! It is a document of its own with rules of its own: what is wrong in it is told and left out, and everything
//! else is in force.

mod migrate;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::environment::variable;
use crate::schema::{self, nearest};
use crate::source::FOLDER;
use crate::text::{self, Source};
use crate::{Environment, Error, Issue, Paths, Place, merge, plugin};

pub use migrate::{Migrated, migrate};

/// Names of its files in a folder, of which the later wins.
const FILES: [&str; 2] = ["tui.json", "tui.jsonc"];

/// What `$schema` says in a file that this program writes.
const SCHEMA: &str = "https://opencode.ai/tui.json";

static SCHEMA_DOCUMENT: &str = include_str!("../schema/tui.schema.json");
static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(SCHEMA_DOCUMENT).unwrap_or_default());

/// The JSON Schema of `tui.json`, for editors.
#[must_use]
pub fn schema_document() -> &'static str {
    SCHEMA_DOCUMENT
}

/// What configures the terminal face, with defaults where nothing does.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Tui {
    /// Name of the theme.
    pub theme: Option<String>,
    /// Bindings by names of actions, as they are written.
    pub keybinds: Map<String, Value>,
    /// Milliseconds to wait for the key after the leader.
    pub leader_timeout: u64,
    /// Plugins, as they are written.
    pub plugin: Vec<Value>,
    /// Which plugins are on.
    pub plugin_enabled: BTreeMap<String, bool>,
    /// How the user is told that something waits.
    pub attention: Attention,
    /// The size of the prompt.
    pub prompt: Prompt,
    /// Lines that a step of the wheel scrolls.
    pub scroll_speed: f64,
    /// Scrolling that gets faster, which wins over [`Self::scroll_speed`].
    pub scroll_acceleration: Acceleration,
    /// How diffs are shown.
    pub diff_style: DiffStyle,
    /// The cursor; the terminal's own if nothing is said.
    pub cursor: Option<Cursor>,
    /// Whether the mouse is for the program.
    pub mouse: bool,
    /// Whether it is drawn for readers of screens; not in the reference.
    pub plain: bool,
    /// Language of the interface.
    pub language: Option<String>,
}

impl Default for Tui {
    fn default() -> Self {
        Self {
            theme: None,
            keybinds: Map::new(),
            leader_timeout: 2000,
            plugin: Vec::new(),
            plugin_enabled: BTreeMap::new(),
            attention: Attention::default(),
            prompt: Prompt::default(),
            scroll_speed: 3.0,
            scroll_acceleration: Acceleration::default(),
            diff_style: DiffStyle::default(),
            cursor: None,
            mouse: true,
            plain: false,
            language: None,
        }
    }
}

/// How the user is told that something waits.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Attention {
    /// Whether at all.
    pub enabled: bool,
    /// By notifications of the system.
    pub notifications: bool,
    /// By sounds.
    pub sound: bool,
    /// How loud, from 0 to 1.
    pub volume: f64,
    /// Which sounds.
    pub sound_pack: String,
    /// Files of sounds, absolute, by `default`, `question`, `permission`, `error`, `done` and `subagent_done`.
    pub sounds: BTreeMap<String, PathBuf>,
}

impl Default for Attention {
    fn default() -> Self {
        Self {
            enabled: false,
            notifications: true,
            sound: true,
            volume: 0.4,
            sound_pack: "opencode.default".to_owned(),
            sounds: BTreeMap::new(),
        }
    }
}

/// The size of the prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Prompt {
    /// Rows of text before it scrolls.
    pub max_height: Option<u16>,
    /// Columns on the first screen.
    pub max_width: Option<Width>,
}

/// How wide something may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Width {
    /// So many columns.
    Columns(u16),
    /// A share of the screen.
    Auto(Auto),
}

/// The word for a share of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auto {
    /// `auto`.
    Auto,
}

/// Scrolling that gets faster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Acceleration {
    /// Whether it is on.
    pub enabled: bool,
}

/// How diffs are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiffStyle {
    /// Both sides where there is room.
    #[default]
    Auto,
    /// One below the other.
    Stacked,
}

/// The cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Cursor {
    /// Its form.
    pub style: CursorStyle,
    /// Whether it blinks.
    pub blinking: bool,
}

impl Default for Cursor {
    fn default() -> Self {
        Self {
            style: CursorStyle::Block,
            blinking: true,
        }
    }
}

/// The form of the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CursorStyle {
    /// A block.
    Block,
    /// A line below.
    Underline,
    /// A line between.
    Line,
    /// The terminal's own.
    Default,
}

/// The configuration of the terminal face in a place.
#[derive(Debug, Clone, Default)]
pub struct LoadedTui {
    /// What is in force.
    pub config: Tui,
    /// What is wrong, file by file, and therefore not in force.
    pub errors: Vec<Error>,
    /// The files that were read, of which the later won.
    pub files: Vec<PathBuf>,
}

/// Reads the files of a place. Later ones win, objects key by key: the global folder, `OPENCODE_TUI_CONFIG`, the
/// folders from the root down to the place, `.opencode` from the place up to the root, that of the home,
/// `OPENCODE_CONFIG_DIR`.
#[must_use]
pub fn load(place: Place<'_>, paths: &Paths, environment: &Environment) -> LoadedTui {
    let mut loaded = LoadedTui::default();
    let mut merged = Value::Object(Map::new());
    let mut plugins = Vec::new();
    for path in candidates(place, paths, environment) {
        let text = match text::content(&path) {
            Ok(Some(text)) => text,
            Ok(None) => continue,
            Err(error) => {
                loaded.errors.push(error);
                continue;
            }
        };
        let folder = path.parent().unwrap_or(Path::new("/"));
        let source = Source {
            path: &path,
            folder,
            environment,
            paths,
        };
        match read(&text, &source) {
            Ok((mut value, issues)) => {
                plugin::resolve(&mut value, folder);
                if let Some(Value::Array(named)) = value
                    .as_object_mut()
                    .and_then(|value| value.shift_remove("plugin"))
                {
                    plugins.extend(named);
                }
                merge::deep(&mut merged, value);
                if !issues.is_empty() {
                    let error = Error::Invalid {
                        path: path.clone(),
                        issues,
                    };
                    loaded.errors.push(text::located(error, &text, &source));
                }
            }
            Err(error) => loaded.errors.push(error),
        }
        loaded.files.push(path);
    }
    plugin::add(&mut merged, plugins);
    // What was left has been checked.
    loaded.config = serde_json::from_value(merged).unwrap_or_default();
    loaded
}

/// The files that count, whether they are there or not.
fn candidates(place: Place<'_>, paths: &Paths, environment: &Environment) -> Vec<PathBuf> {
    let set = |name: &str| environment.get(name).filter(|path| !path.is_empty());
    let whole = |path: &str| place.directory.join(paths.expand(path));
    // Parity: seen in the reference. Neither search stops at the worktree, and of the `.opencode` folders the
    // outer ones win.
    let upward = match environment.is_on(variable::DISABLE_PROJECT_CONFIG) {
        true => Vec::new(),
        false => place.directory.ancestors().collect::<Vec<_>>(),
    };
    let mut folders = vec![paths.config.clone()];
    folders.extend(upward.iter().rev().map(|folder| (*folder).to_owned()));
    folders.extend(upward.iter().map(|folder| folder.join(FOLDER)));
    folders.push(paths.home.join(FOLDER));
    folders.extend(set(variable::CONFIG_DIR).map(whole));

    let mut files = Vec::new();
    for (index, folder) in folders.iter().enumerate() {
        files.extend(FILES.map(|name| folder.join(name)));
        if index == 0 {
            files.extend(set(variable::TUI_CONFIG).map(whole));
        }
    }
    // The home may be one of the folders above.
    let mut known = HashSet::new();
    files.retain(|file| known.insert(file.clone()));
    files
}

/// What a file says: what can be in force, and what is wrong.
fn read(text: &str, source: &Source<'_>) -> Result<(Value, Vec<Issue>), Error> {
    let mut value = text::parse(text, source)?;
    if let Value::Object(object) = &mut value
        && let Some(Value::Object(older)) = object.shift_remove("tui")
    {
        // Its keys were in an object of their own once.
        for (key, value) in older {
            object.entry(key).or_insert(value);
        }
    }
    let mut issues = Vec::new();
    let mut kept = keep(&DOCUMENT, value, &mut Vec::new(), &mut issues).unwrap_or_default();
    if let Some(sounds) = kept
        .pointer_mut("/attention/sounds")
        .and_then(Value::as_object_mut)
    {
        for path in sounds.values_mut() {
            if let Some(written) = path.as_str() {
                let written = written.strip_prefix("file://").unwrap_or(written);
                let whole = source.folder.join(source.paths.expand(written));
                *path = Value::String(whole.display().to_string());
            }
        }
    }
    Ok((kept, issues))
}

/// What of a value fits: of objects with known keys what fits of each, of everything else all or nothing.
fn keep(
    schema: &'static Value,
    value: Value,
    key: &mut Vec<String>,
    issues: &mut Vec<Issue>,
) -> Option<Value> {
    let properties = schema["properties"].as_object();
    let (Some(properties), Value::Object(object)) = (properties, &value) else {
        return match schema::fit(schema, value) {
            Ok(value) => Some(value),
            Err(wrong) => {
                issues.extend(wrong.into_iter().map(|mut issue| {
                    issue.key.splice(0..0, key.iter().cloned());
                    issue
                }));
                None
            }
        };
    };
    let mut kept = Map::new();
    for (name, value) in object {
        key.push(name.clone());
        match properties.get(name) {
            Some(schema) => {
                if let Some(value) = keep(schema, value.clone(), key, issues) {
                    kept.insert(name.clone(), value);
                }
            }
            None => {
                let near = nearest(name, properties.keys().map(String::as_str));
                issues.push(Issue {
                    hint: near.map(|near| format!("did you mean \"{near}\"?")),
                    ..Issue::new(key.clone(), "There is no such key")
                });
            }
        }
        key.pop();
    }
    Some(Value::Object(kept))
}

#[cfg(test)]
mod tests;
