//! Where files are kept: the XDG folders on every system, as the reference has them
//! (reference `config.md` §1).

use std::path::{Component, Path, PathBuf};

use crate::Environment;
use crate::environment::variable;

/// The name of the program's folder in each XDG folder.
const NAME: &str = "opencode";

/// Where files are kept. Nothing is made by asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The user's home.
    pub home: PathBuf,
    /// Database, credentials, snapshots, logs, whole tool results.
    pub data: PathBuf,
    /// What can be made again.
    pub cache: PathBuf,
    /// Global configuration.
    pub config: PathBuf,
    /// Locks and what faces remember.
    pub state: PathBuf,
    /// Scratch; always allowed.
    pub temporary: PathBuf,
}

impl Paths {
    /// The folders as `environment` says.
    #[must_use]
    pub fn new(environment: &Environment) -> Self {
        let real_home = || etcetera::home_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let home = environment.get("HOME").map_or_else(real_home, PathBuf::from);
        let base = |variable: &str, default: &str| {
            environment
                .get(variable)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .unwrap_or_else(|| home.join(default))
                .join(NAME)
        };
        Self {
            data: base("XDG_DATA_HOME", ".local/share"),
            cache: base("XDG_CACHE_HOME", ".cache"),
            config: base("XDG_CONFIG_HOME", ".config"),
            state: base("XDG_STATE_HOME", ".local/state"),
            temporary: environment
                .get("TMPDIR")
                .map_or_else(std::env::temp_dir, PathBuf::from)
                .join(NAME),
            home: environment.get(variable::TEST_HOME).map_or(home, PathBuf::from),
        }
    }

    /// The database file, or `None` for one in memory.
    #[must_use]
    pub fn database(&self, environment: &Environment) -> Option<PathBuf> {
        match environment.get(variable::DATABASE) {
            Some(":memory:") => None,
            Some(name) => Some(self.data.join(name)),
            None => Some(self.data.join("opencode.db")),
        }
    }

    /// Stored credentials.
    #[must_use]
    pub fn credentials(&self) -> PathBuf {
        self.data.join("auth.json")
    }

    /// Ids and labels of stored credentials.
    #[must_use]
    pub fn connections(&self) -> PathBuf {
        self.data.join("connections.json")
    }

    /// Whole tool results.
    #[must_use]
    pub fn tool_output(&self) -> PathBuf {
        self.data.join("tool-output")
    }

    /// What was decided about permissions, by session.
    #[must_use]
    pub fn decisions(&self) -> PathBuf {
        self.data.join("permissions")
    }

    /// What tools threw away.
    #[must_use]
    pub fn trash(&self) -> PathBuf {
        self.data.join("trash")
    }

    /// The newest log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.data.join("log").join("opencode.log")
    }

    /// Who had the server execute or change what.
    #[must_use]
    pub fn audit(&self) -> PathBuf {
        self.data.join("log").join("audit.jsonl")
    }

    /// `path` with a leading `~/` or `$HOME/` expanded.
    #[must_use]
    pub fn expand(&self, path: &str) -> String {
        for prefix in ["~", "$HOME"] {
            if let Some(rest) = path.strip_prefix(prefix)
                && (rest.is_empty() || rest.starts_with('/'))
            {
                return format!("{}{rest}", self.home.display());
            }
        }
        path.to_owned()
    }

    /// `path` with the home folder shortened to `~`.
    #[must_use]
    pub fn shorten(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(rest) => Path::new("~").join(rest).display().to_string(),
            Err(_) => path.display().to_string(),
        }
    }
}

/// A path without `.` and `..`, whatever links there are.
#[must_use]
pub fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn folders_follow_xdg() {
        let plain = Paths::new(&environment(&[("HOME", "/home/u")]));
        assert_eq!(plain.data, Path::new("/home/u/.local/share/opencode"));
        assert_eq!(plain.config, Path::new("/home/u/.config/opencode"));
        let set = Paths::new(&environment(&[
            ("HOME", "/home/u"),
            ("XDG_DATA_HOME", "/d"),
            ("XDG_CONFIG_HOME", "relative/is/ignored"),
            ("TMPDIR", "/scratch"),
        ]));
        assert_eq!(set.data, Path::new("/d/opencode"));
        assert_eq!(set.config, Path::new("/home/u/.config/opencode"));
        assert_eq!(set.temporary, Path::new("/scratch/opencode"));
    }

    #[test]
    fn the_database_can_be_elsewhere() {
        let home = ("HOME", "/home/u");
        for (value, wanted) in [
            (None, Some("/home/u/.local/share/opencode/opencode.db")),
            (Some(":memory:"), None),
            (Some("/x/y.db"), Some("/x/y.db")),
            (Some("other.db"), Some("/home/u/.local/share/opencode/other.db")),
        ] {
            let mut variables = vec![home];
            variables.extend(value.map(|value| ("OPENCODE_DB", value)));
            let environment = environment(&variables);
            assert_eq!(
                Paths::new(&environment).database(&environment),
                wanted.map(PathBuf::from)
            );
        }
    }

    #[test]
    fn home_expands_only_as_a_whole_name() {
        let paths = Paths::new(&environment(&[("HOME", "/home/u")]));
        for (given, wanted) in [
            ("~", "/home/u"),
            ("~/a", "/home/u/a"),
            ("$HOME/a", "/home/u/a"),
            ("~other/a", "~other/a"),
            ("a~", "a~"),
        ] {
            assert_eq!(paths.expand(given), wanted);
        }
        assert_eq!(paths.shorten(Path::new("/home/u/x")), "~/x");
        assert_eq!(paths.shorten(Path::new("/else")), "/else");
    }
}
