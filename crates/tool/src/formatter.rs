//! Formatters: which there are in a place, and their run over a file that was just written (reference
//! `integrations.md` §C).
//!
//! All formatters for a file run, one after the other. What they do is no affair of the model: a formatter that
//! fails is logged, and what was written is never lost to it (`run`).

mod detect;
pub(crate) mod run;
mod table;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use opencode_lsp::Packages;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use run::after_writing;
use table::{BUILT_IN, BuiltIn, Need};

/// A formatter as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Ends of names of files that it is for, each with its dot.
    pub extensions: Vec<String>,
    /// Whether it could be used here.
    pub enabled: bool,
}

/// The formatters of a place.
#[derive(Debug)]
pub struct Formatters {
    all: Vec<Formatter>,
    /// Ends of names of files that language servers may format where no formatter is for them; nothing when they
    /// may not, empty for all.
    servers: Option<Vec<String>>,
    ground: Ground,
    /// What programs said when they were asked what they can.
    said: Mutex<HashMap<&'static str, bool>>,
}

/// Where formatters are looked for, and where they run.
#[derive(Debug, Clone)]
pub struct Ground {
    /// The folder.
    pub directory: PathBuf,
    /// Where looking upward ends.
    pub worktree: PathBuf,
    /// Programs.
    pub packages: Packages,
    /// Whether `oxfmt` may be used.
    pub with_oxfmt: bool,
}

/// One formatter that is not switched off.
#[derive(Debug)]
struct Formatter {
    name: String,
    /// Each with its dot.
    extensions: Vec<String>,
    command: Command,
    variables: Vec<(String, String)>,
}

#[derive(Debug)]
enum Command {
    BuiltIn(&'static BuiltIn),
    /// Of the configuration, with `$FILE` for the path.
    Own(Vec<String>),
}

/// What configuration says of one formatter.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Own {
    disabled: bool,
    command: Option<Vec<String>>,
    environment: Map<String, Value>,
    extensions: Option<Vec<String>>,
}

impl Formatters {
    /// The formatters of a place; none unless configuration wants them.
    #[must_use]
    pub fn new(config: &Value, ground: Ground) -> Self {
        Self {
            all: configured(config),
            servers: servers(config),
            ground,
            said: Mutex::default(),
        }
    }

    /// No formatters.
    #[must_use]
    pub fn none() -> Self {
        let ground = Ground {
            directory: PathBuf::from("/"),
            worktree: PathBuf::from("/"),
            packages: Packages::new("", "/"),
            with_oxfmt: false,
        };
        Self::new(&Value::Null, ground)
    }

    /// All of them as lists show them.
    pub async fn statuses(&self) -> Vec<Status> {
        let mut all = Vec::with_capacity(self.all.len());
        for one in &self.all {
            all.push(Status {
                name: one.name.clone(),
                extensions: one.extensions.clone(),
                enabled: self.is_enabled(one).await,
            });
        }
        if let Some(extensions) = &self.servers {
            all.push(Status {
                name: SERVERS.to_owned(),
                extensions: extensions.clone(),
                enabled: true,
            });
        }
        all
    }

    /// Whether any formatter is for files of this name.
    #[must_use]
    pub fn are_for(&self, path: &Path) -> bool {
        self.all.iter().any(|one| one.is_for(path)) || self.are_servers_for(path)
    }

    /// Whether language servers may format a file.
    fn are_servers_for(&self, path: &Path) -> bool {
        let ends = self.servers.as_ref();
        ends.is_some_and(|ends| ends.is_empty() || has_end(path, ends))
    }
}

/// The entry of the configuration that lets language servers format (beyond the reference).
const SERVERS: &str = "lsp";

fn servers(config: &Value) -> Option<Vec<String>> {
    let own: Own = serde_json::from_value(config.get(SERVERS)?.clone()).ok()?;
    (!own.disabled && own.command.is_none()).then(|| own.extensions.unwrap_or_default())
}

fn configured(config: &Value) -> Vec<Formatter> {
    let none = Map::new();
    let wanted = match config {
        Value::Bool(true) => &none,
        Value::Object(wanted) => wanted,
        _ => return Vec::new(),
    };
    let own = |name: &str| -> Own {
        let own = wanted.get(name).cloned();
        own.and_then(|own| serde_json::from_value(own).ok())
            .unwrap_or_default()
    };
    let python_is_off = own("ruff").disabled || own("uv").disabled;
    let mut all = Vec::new();
    for one in BUILT_IN {
        let own = own(one.name);
        if own.disabled || (python_is_off && matches!(one.needs, Need::Ruff | Need::Uv)) {
            continue;
        }
        let usual = || one.extensions.split(' ').map(|end| format!(".{end}")).collect();
        all.push(Formatter {
            name: one.name.to_owned(),
            extensions: own.extensions.clone().unwrap_or_else(usual),
            variables: own.variables(),
            command: own.command.map_or(Command::BuiltIn(one), Command::Own),
        });
    }
    for name in wanted
        .keys()
        .filter(|name| BUILT_IN.iter().all(|one| one.name != **name))
    {
        let own = own(name);
        let is_of_servers = name == SERVERS && own.command.is_none();
        if !own.disabled && !is_of_servers {
            all.push(Formatter {
                name: name.clone(),
                extensions: own.extensions.clone().unwrap_or_default(),
                variables: own.variables(),
                command: Command::Own(own.command.unwrap_or_default()),
            });
        }
    }
    all
}

impl Own {
    fn variables(&self) -> Vec<(String, String)> {
        let texts = self.environment.iter();
        texts
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect()
    }
}

impl Formatter {
    fn is_for(&self, path: &Path) -> bool {
        has_end(path, &self.extensions)
    }
}

/// Whether the name of a file ends in one of these. `a.html.erb` has the ends `.html.erb` and `.erb`; `.erb` alone is
/// a name.
fn has_end(path: &Path, ends: &[String]) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    ends.iter()
        .any(|end| end.starts_with('.') && name.len() > end.len() && name.ends_with(end.as_str()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
