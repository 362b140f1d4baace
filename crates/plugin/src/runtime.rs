//! Which program runs plugins (reference `plugins.md` §11): Bun where it is, because plugins are written for it;
//! else Node, with what plugins expect of Bun beside it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use opencode_config::Environment;
use opencode_process::Program;

/// Names the program that runs plugins: a path, or a name on the search path.
pub const VARIABLE: &str = "OPENCODE_PLUGIN_RUNTIME";
/// How long a program may take to say its version.
const VERSION_LIMIT: Duration = Duration::from_secs(10);
/// Bytes of its answer that are looked at.
const VERSION_SIZE: usize = 256;
/// The first Node that can be taught to load TypeScript (`module.register`).
const OLDEST_NODE: Version = Version(20, 6);
/// What is looked for when nobody names a program, the best first.
const NAMES: [&str; 2] = ["bun", "node"];

/// Files beside the host file that a program needs: loaders and what stands in for Bun.
pub const FILES: [(&str, &str); 6] = [
    ("bun.mjs", include_str!("../host/bun.mjs")),
    ("install.mjs", include_str!("../host/install.mjs")),
    ("lent.mjs", include_str!("../host/lent.mjs")),
    ("resolve-bun.mjs", include_str!("../host/resolve-bun.mjs")),
    ("shell.mjs", include_str!("../host/shell.mjs")),
    ("typescript.mjs", include_str!("../host/typescript.mjs")),
];

/// A program that runs JavaScript and TypeScript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    program: PathBuf,
    kind: Kind,
}

/// What a program is, as far as it matters how it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bun,
    Node,
}

/// Major and minor number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u64, u64);

/// Why plugins cannot be run.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{reason}\nInstall Bun (https://bun.sh) or Node.js 20.6 or newer (https://nodejs.org), or name such a program in {VARIABLE}"
)]
pub struct Missing {
    /// What was found instead.
    reason: String,
}

impl Runtime {
    /// The program that the environment names, else Bun, else Node. Each is asked for its version once, until its
    /// file changes.
    ///
    /// # Errors
    /// There is none, or none that is new enough.
    pub async fn find(environment: &Environment) -> Result<Self, Missing> {
        let search = environment.get("PATH").unwrap_or_default();
        if let Some(named) = environment.get(VARIABLE) {
            let Some(program) = on_path(search, named) else {
                return Err(Missing {
                    reason: format!(
                        "Plugins cannot be run: {VARIABLE} names {named}, which is no program here"
                    ),
                });
            };
            return Self::of(&program).await.map_err(|reason| Missing {
                reason: format!("Plugins cannot be run: {reason}"),
            });
        }
        let mut reason = "Plugins cannot be run: there is no program here that runs JavaScript".to_owned();
        for name in NAMES {
            let Some(program) = on_path(search, name) else {
                continue;
            };
            match Self::of(&program).await {
                Ok(runtime) => return Ok(runtime),
                Err(other) => reason = format!("Plugins cannot be run: {other}"),
            }
        }
        Err(Missing { reason })
    }

    /// The program itself.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its arguments for a host file that has [`FILES`] beside it.
    #[must_use]
    pub fn arguments(&self, host_file: &Path) -> Vec<OsString> {
        let beside = |name: &str| host_file.with_file_name(name);
        let mut arguments: Vec<OsString> = match self.kind {
            // Neither packages nor variables come from where nobody named them.
            Kind::Bun => vec![
                "--no-install".into(),
                "--env-file=".into(),
                "--preload".into(),
                beside("resolve-bun.mjs").into(),
            ],
            Kind::Node => {
                let loader = beside("typescript.mjs");
                let address = url::Url::from_file_path(&loader)
                    .map_or_else(|()| loader.into_os_string(), |url| String::from(url).into());
                vec!["--no-warnings".into(), "--import".into(), address]
            }
        };
        arguments.push(host_file.into());
        arguments
    }

    /// Variables that it needs besides, for a host file that has [`FILES`] beside it.
    #[must_use]
    pub fn variables(&self, host_file: &Path) -> Vec<(&'static str, OsString)> {
        match self.kind {
            Kind::Bun => vec![("NODE_PATH", host_file.with_file_name("lent").into())],
            Kind::Node => Vec::new(),
        }
    }

    /// Whether it is Bun itself.
    #[must_use]
    pub fn is_bun(&self) -> bool {
        self.kind == Kind::Bun
    }

    /// The program that installs packages, with the arguments that make it do so in the folder that it is started in;
    /// what is installed comes behind them. Scripts of packages are never run.
    ///
    /// # Errors
    /// There is none, in words for the user.
    pub(crate) fn installer(
        &self,
        environment: &Environment,
    ) -> Result<(PathBuf, &'static [&'static str]), String> {
        match self.kind {
            Kind::Bun => Ok((
                self.program.clone(),
                &["add", "--ignore-scripts", "--no-progress", "--no-summary"],
            )),
            Kind::Node => {
                let beside = self.program.parent().and_then(|folder| program_in(folder, "npm"));
                let search = environment.get("PATH").unwrap_or_default();
                let npm = on_path(search, "npm").or(beside);
                let npm = npm.ok_or("npm is not here; it comes with Node.js (https://nodejs.org)")?;
                Ok((
                    npm,
                    &[
                        "install",
                        "--ignore-scripts",
                        "--no-audit",
                        "--no-fund",
                        "--no-update-notifier",
                        "--loglevel=error",
                        "--prefix=.",
                    ],
                ))
            }
        }
    }

    /// What a program is by its own words, or why it is not taken.
    async fn of(program: &Path) -> Result<Self, String> {
        let said = version(program).await?;
        let words = said.trim();
        let kind = if words.starts_with('v') {
            Kind::Node
        } else {
            Kind::Bun
        };
        let Some(number) = Version::parse(words.trim_start_matches('v')) else {
            return Err(format!("{} does not say which version it is", program.display()));
        };
        if kind == Kind::Node && number < OLDEST_NODE {
            return Err(format!(
                "{} is Node.js {words}, which is too old",
                program.display()
            ));
        }
        Ok(Self {
            program: program.to_owned(),
            kind,
        })
    }
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(str::parse);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(Self(major, minor))
    }
}

/// What a program answered, and the time of its file then.
type Answers = HashMap<PathBuf, (Option<SystemTime>, Result<String, String>)>;

/// What a program says to `--version`.
async fn version(program: &Path) -> Result<String, String> {
    static KNOWN: Mutex<Option<Answers>> = Mutex::new(None);
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let changed = fs_err::metadata(program).and_then(|found| found.modified()).ok();
    if let Some((at, answer)) = known().as_ref().and_then(|known| known.get(program))
        && *at == changed
    {
        return answer.clone();
    }
    let asked = Program::new(program)
        .arg("--version")
        .timeout(VERSION_LIMIT)
        .limit(VERSION_SIZE);
    let answer = match asked.run().await {
        Ok(finished) if finished.success() => Ok(finished.text()),
        Ok(_) => Err(format!("{} does not run here", program.display())),
        Err(error) => Err(error.to_string()),
    };
    known()
        .get_or_insert_default()
        .insert(program.to_owned(), (changed, answer.clone()));
    answer
}

/// A program by its path, or by its name on a search path.
fn on_path(search: &str, name: &str) -> Option<PathBuf> {
    if Path::new(name).is_absolute() {
        return Some(PathBuf::from(name)).filter(|path| is_program(path));
    }
    let folders = std::env::split_paths(search).filter(|folder| folder.is_absolute());
    folders.into_iter().find_map(|folder| program_in(&folder, name))
}

fn program_in(folder: &Path, name: &str) -> Option<PathBuf> {
    let ends: &[&str] = if cfg!(windows) { &[".exe", ".cmd"] } else { &[""] };
    let paths = ends.iter().map(|end| folder.join(format!("{name}{end}")));
    paths.into_iter().find(|path| is_program(path))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use pretty_assertions::assert_eq;
    use tempfile::TempDir;

    use super::*;

    /// A folder of programs that say which version they are.
    fn programs(answers: &[(&str, &str)]) -> TempDir {
        let folder = TempDir::new().unwrap();
        for (name, answer) in answers {
            let path = folder.path().join(name);
            fs_err::write(&path, format!("#!/bin/sh\necho run >> \"$0.log\"\n{answer}\n")).unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    fn environment(folder: &Path, named: Option<&str>) -> Environment {
        let path = ("PATH".to_owned(), folder.display().to_string());
        let named = named.map(|named| (VARIABLE.to_owned(), named.to_owned()));
        std::iter::once(path).chain(named).collect()
    }

    #[tokio::test]
    async fn the_best_program_is_taken() {
        for (here, named, wanted) in [
            (
                &[("bun", "echo 1.3.14"), ("node", "echo v24.1.0")][..],
                None,
                Ok("bun"),
            ),
            (&[("node", "echo v20.6.0")][..], None, Ok("node")),
            (
                &[("bun", "exit 1"), ("node", "echo v22.18.0")][..],
                None,
                Ok("node"),
            ),
            (
                &[("bun", "echo 1.3.14"), ("mine", "echo v22.18.0")][..],
                Some("mine"),
                Ok("mine"),
            ),
            (&[("node", "echo v18.20.0")][..], None, Err("too old")),
            (&[("bun", "echo hello")][..], None, Err("which version")),
            (&[("bun", "echo 1.3.14")][..], Some("mine"), Err("names mine")),
            (&[][..], None, Err("there is no program")),
        ] {
            let folder = programs(here);
            let found = Runtime::find(&environment(folder.path(), named)).await;
            match (found, wanted) {
                (Ok(found), Ok(wanted)) => assert_eq!(found.program(), folder.path().join(wanted)),
                (Err(missing), Err(wanted)) => {
                    let text = missing.to_string();
                    assert!(text.contains(wanted) && text.contains("https://bun.sh"), "{text}");
                }
                (found, wanted) => panic!("{found:?} is not {wanted:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_program_is_asked_once_until_it_changes() {
        let folder = programs(&[("node", "echo v22.18.0")]);
        let environment = environment(folder.path(), None);
        for _ in 0..3 {
            assert!(!Runtime::find(&environment).await.unwrap().is_bun());
        }
        let log = folder.path().join("node.log");
        assert_eq!(fs_err::read_to_string(&log).unwrap(), "run\n");
        let program = folder.path().join("node");
        fs_err::write(&program, "#!/bin/sh\necho 1.3.14\n").unwrap();
        let file = fs_err::OpenOptions::new().write(true).open(&program).unwrap();
        file.file().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        drop(file);
        assert!(Runtime::find(&environment).await.unwrap().is_bun());
    }

    #[test]
    fn the_files_are_of_this_release() {
        let (_, text) = FILES.iter().find(|(name, _)| *name == "install.mjs").unwrap();
        assert!(text.contains(&format!("\"{}\"", env!("CARGO_PKG_VERSION"))));
    }
}

#[cfg(test)]
#[cfg(unix)]
mod host_files;
