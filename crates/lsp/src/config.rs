//! Which language servers a place has: those of the program and what configuration says (reference
//! `integrations.md` §B1).

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::table::{ROWS, Row};

/// A language server that is not switched off.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Server {
    pub(crate) id: String,
    /// Ends of names of files, without dots.
    extensions: Vec<String>,
    /// What the program knows of it.
    pub(crate) row: Option<&'static Row>,
    /// What configuration says to run in place of that.
    pub(crate) command: Option<Vec<String>>,
    pub(crate) variables: Vec<(String, String)>,
    /// What it is told at its start, and when it asks how it is configured.
    pub(crate) initialization: Option<Value>,
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// What configuration says of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Own {
    disabled: bool,
    command: Option<Vec<String>>,
    extensions: Option<Vec<String>>,
    env: Map<String, Value>,
    initialization: Option<Value>,
}

/// The servers of a place, in the order in which they are asked.
pub(crate) fn servers(config: &Value, with_ty: bool) -> Vec<Server> {
    let none = Map::new();
    let wanted = match config {
        Value::Bool(true) => &none,
        Value::Object(wanted) => wanted,
        _ => return Vec::new(),
    };
    let own = |id: &str| -> Own {
        let own = wanted.get(id).cloned();
        own.and_then(|own| serde_json::from_value(own).ok())
            .unwrap_or_default()
    };
    let left_out = if with_ty { "pyright" } else { "ty" };
    let rows = ROWS.iter().map(|row| (row.id, Some(row)));
    let others = wanted.keys().filter(|id| ROWS.iter().all(|row| row.id != **id));
    rows.chain(others.map(|id| (id.as_str(), None)))
        .filter_map(|(id, row)| {
            let own = own(id);
            // Who configures it wants it.
            if own.disabled || (id == left_out && own.command.is_none()) {
                return None;
            }
            Server::new(id, row, own)
        })
        .collect()
}

impl Server {
    fn new(id: &str, row: Option<&'static Row>, own: Own) -> Option<Self> {
        let command = own.command.filter(|command| !command.is_empty());
        if row.is_none() && command.is_none() {
            return None;
        }
        let plain = |end: &String| end.trim_start_matches('.').to_owned();
        let usual = || {
            row.map_or("", |row| row.extensions)
                .split(' ')
                .map(str::to_owned)
                .collect()
        };
        let variables = own.env.iter();
        Some(Self {
            id: id.to_owned(),
            extensions: own
                .extensions
                .map_or_else(usual, |ends| ends.iter().map(plain).collect()),
            row,
            command,
            variables: variables
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
            initialization: own.initialization,
        })
    }

    /// Whether it is for files of this name.
    pub(crate) fn is_for(&self, path: &Path) -> bool {
        let end = end_of(path);
        self.extensions
            .iter()
            .any(|one| *one == end || (one == "dockerfile" && end == "Dockerfile"))
    }
}

/// The last end of a file's name without its dot; a name without ends is one itself.
pub(crate) fn end_of(path: &Path) -> String {
    let end = path.extension().or_else(|| path.file_name());
    end.unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    fn ids(config: &Value, path: &str) -> Vec<String> {
        let servers = servers(config, false).into_iter();
        let matching = servers.filter(|server| server.is_for(Path::new(path)));
        matching.map(|server| server.id).collect()
    }

    #[test]
    fn configuration_adds_changes_and_removes() {
        for off in [json!(false), Value::Null] {
            assert!(ids(&off, "a.py").is_empty());
        }
        assert_eq!(ids(&json!(true), "a.py"), ["pyright"]);
        assert_eq!(ids(&json!({}), "x/Dockerfile"), ["dockerfile"]);
        assert_eq!(ids(&json!({}), "a.dockerfile"), ["dockerfile"]);
        let config = json!({
            "pyright": { "disabled": true },
            "mine": { "command": ["x"], "extensions": [".py", "own"] },
            "without": { "disabled": true },
            "bash": { "command": ["y"], "extensions": [".own"], "env": { "A": "b" }, "initialization": { "c": 1 } },
            "rust": { "command": ["z"] },
        });
        assert_eq!(ids(&config, "a.py"), ["mine"]);
        assert_eq!(ids(&config, "a.own"), ["bash", "mine"]);
        assert_eq!(ids(&config, "a.sh"), Vec::<String>::new());
        assert_eq!(ids(&config, "a.rs"), ["rust"]);
        let all = servers(&config, false);
        let bash = all.iter().find(|server| server.id == "bash").unwrap();
        assert_eq!(bash.variables, [("A".to_owned(), "b".to_owned())]);
        assert_eq!(bash.initialization, Some(json!({ "c": 1 })));
    }

    #[test]
    fn the_other_server_for_python() {
        let ids: Vec<_> = servers(&json!(true), true)
            .into_iter()
            .map(|server| server.id)
            .collect();
        assert!(ids.contains(&"ty".to_owned()) && !ids.contains(&"pyright".to_owned()));
    }
}
