//! What entries of `plugin` lead to.

use std::path::{Path, PathBuf};

use opencode_config::{Environment, Paths};
use serde_json::Value;
use url::Url;

use crate::Fault;
use crate::runtime::Runtime;

/// Files that a folder begins with.
const INDEX: [&str; 5] = ["index.ts", "index.tsx", "index.js", "index.mjs", "index.cjs"];

/// Where packages are looked for.
#[expect(dead_code, reason = "files need none of it")]
pub(crate) struct Place {
    pub(crate) paths: Paths,
    pub(crate) environment: Environment,
    pub(crate) version: &'static str,
    pub(crate) runtime: Runtime,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file or folder.
    Path,
    /// A package of a registry.
    Package,
}

/// An entry that was found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resolved {
    pub(crate) id: String,
    pub(crate) spec: String,
    pub(crate) entry: PathBuf,
    pub(crate) options: Option<Value>,
    pub(crate) kind: Kind,
}

/// What each entry leads to.
pub(crate) async fn resolve(entries: &[Value], _place: &Place) -> Vec<Result<Resolved, Fault>> {
    entries.iter().map(one).collect()
}

fn one(entry: &Value) -> Result<Resolved, Fault> {
    let spec = entry
        .as_str()
        .or_else(|| entry.get(0).and_then(Value::as_str))
        .unwrap_or_default();
    let fault = |reason: &str| Fault {
        plugin: spec.to_owned(),
        message: format!("Failed to load plugin {spec}: {reason}"),
    };
    let path = Url::parse(spec)
        .ok()
        .filter(|url| url.scheme() == "file")
        .and_then(|url| url.to_file_path().ok());
    let path = path.ok_or_else(|| fault("it is no file"))?;
    let file = file_of(&path).ok_or_else(|| fault("it is not there"))?;
    Ok(Resolved {
        id: spec.to_owned(),
        spec: spec.to_owned(),
        entry: file,
        options: entry.get(1).cloned(),
        kind: Kind::Path,
    })
}

fn file_of(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path.to_owned());
    }
    let mut files = INDEX.iter().map(|name| path.join(name));
    files.find(|file| file.is_file())
}
