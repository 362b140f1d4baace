//! Where plugins and tools come from (reference `plugins.md` §2, §6).

use std::path::{Path, PathBuf};

use opencode_config::source::TOOL_FOLDERS;
use serde_json::Value;

/// What is loaded, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// Entries of `plugin` as they stand in the merged configuration: a specification, or one with options.
    pub plugins: Vec<Value>,
    /// Files of tools, absolute.
    pub tools: Vec<PathBuf>,
}

impl Source {
    /// What configuration names, and the tool files of the configuration folders, those of a folder by name.
    #[must_use]
    pub fn of(config: &Value, folders: &[PathBuf]) -> Self {
        let plugins = config.get("plugin").and_then(Value::as_array);
        Self {
            plugins: plugins.cloned().unwrap_or_default(),
            tools: folders.iter().flat_map(|folder| tools_in(folder)).collect(),
        }
    }

    /// Whether there is nothing to load.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plugins.is_empty() && self.tools.is_empty()
    }
}

fn tools_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in TOOL_FOLDERS {
        let Ok(entries) = fs_err::read_dir(folder.join(name)) else {
            continue;
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let is_script = |path: &PathBuf| {
            let extension = path.extension();
            extension.is_some_and(|extension| extension == "ts" || extension == "js") && path.is_file()
        };
        let mut scripts: Vec<PathBuf> = paths.filter(is_script).collect();
        scripts.sort();
        found.append(&mut scripts);
    }
    found
}
