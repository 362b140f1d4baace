//! Which plugins configuration names, and where (reference `config.md` §4): sources add to each other, and
//! of several versions of one plugin the last counts, in its place.

use std::path::Path;

use serde_json::Value;
use url::Url;

use crate::paths::plain;

/// Folders of a configuration folder whose scripts are plugins.
pub(crate) const FOLDERS: [&str; 2] = ["plugin", "plugins"];

/// Makes paths of plugins in one source addresses of files.
pub(crate) fn resolve(source: &mut Value, folder: &Path) {
    let Some(Value::Array(plugins)) = source.get_mut("plugin") else {
        return;
    };
    for plugin in plugins {
        let specification = match plugin {
            Value::Array(parts) => parts.first_mut(),
            other => Some(other),
        };
        if let Some(Value::String(text)) = specification
            && (text.starts_with("./") || text.starts_with("../") || Path::new(&*text).is_absolute())
            && let Some(address) = address(&folder.join(&*text))
        {
            *text = address;
        }
    }
}

fn address(path: &Path) -> Option<String> {
    Url::from_file_path(plain(path)).ok().map(String::from)
}

/// The scripts in the plugin folders of a configuration folder.
pub(crate) fn in_folder(directory: &Path) -> Vec<Value> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        let Ok(entries) = fs_err::read_dir(directory.join(folder)) else {
            continue;
        };
        let mut paths: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "ts" || extension == "js")
                    && path.is_file()
            })
            .collect();
        paths.sort();
        found.extend(paths.iter().filter_map(|path| address(path)).map(Value::from));
    }
    found
}

/// Adds the plugins of one source to those before it.
pub(crate) fn add(config: &mut Value, plugins: Vec<Value>) {
    let Value::Object(config) = config else { return };
    let mut all = match config.shift_remove("plugin") {
        Some(Value::Array(before)) => before,
        _ => Vec::new(),
    };
    all.extend(plugins);
    let mut kept: Vec<Value> = Vec::new();
    for plugin in all.into_iter().rev() {
        if !kept.iter().any(|other| identity(other) == identity(&plugin)) {
            kept.push(plugin);
        }
    }
    kept.reverse();
    config.insert("plugin".to_owned(), kept.into());
}

/// What makes two entries the same plugin: the name of the package, or the address of the file.
fn identity(plugin: &Value) -> &str {
    let text = plugin
        .as_str()
        .or_else(|| plugin.get(0).and_then(Value::as_str))
        .unwrap_or_default();
    if text.starts_with("file://") {
        return text;
    }
    match text.get(1..).and_then(|rest| rest.find('@')) {
        Some(at) => text.get(..=at).unwrap_or(text),
        None => text,
    }
}
