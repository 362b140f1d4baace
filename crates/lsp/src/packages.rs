//! Programs that package managers bring (reference `integrations.md` §B2, `config.md` §1 «cache»): where they are, and
//! their installation into the cache when they are nowhere else.
//!
//! An installation is made beside its place and put there when it is whole, so that programs that install the same
//! at the same time do not see each other's half. What failed is not tried again for a while: nobody waits for a
//! registry that does not answer before each edit.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opencode_process::Program;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// How long an installation may take.
pub const INSTALL_LIMIT: Duration = Duration::from_secs(180);
/// How long what could not be installed is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(600);
/// Bytes that are kept of what a package manager says.
const SAID: usize = 16 << 10;

/// What brings a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// npm packages; the program is one of their commands.
    Npm(&'static [&'static str]),
    /// Python packages.
    Pip(&'static [&'static str]),
    /// A Go package with the program's name.
    Go(&'static str),
    /// A Ruby gem.
    Gem(&'static str),
    /// A .NET tool.
    Dotnet(&'static str),
}

impl Source {
    /// The program that installs it.
    fn manager(self) -> &'static str {
        match self {
            Self::Npm(_) => "npm",
            Self::Pip(_) => "python3",
            Self::Go(_) => "go",
            Self::Gem(_) => "gem",
            Self::Dotnet(_) => "dotnet",
        }
    }

    /// The name of its folder.
    fn folder(self) -> String {
        let name = match self {
            Self::Npm(packages) => packages.first().copied().unwrap_or_default().to_owned(),
            Self::Pip(packages) => format!("pip-{}", packages.join("-")),
            Self::Go(package) => format!("go-{package}"),
            Self::Gem(gem) => format!("gem-{gem}"),
            Self::Dotnet(tool) => format!("dotnet-{tool}"),
        };
        name.replace(['/', '\\'], "+")
    }

    /// Where its programs are in its folder.
    fn programs(self) -> &'static str {
        match self {
            Self::Npm(_) => "node_modules/.bin",
            Self::Dotnet(_) => "",
            Self::Pip(_) | Self::Go(_) | Self::Gem(_) => "bin",
        }
    }

    fn installation(self, manager: &Path, into: &Path) -> Program {
        let program = Program::new(manager)
            .directory(into)
            .timeout(INSTALL_LIMIT)
            .limit(SAID);
        match self {
            Self::Npm(packages) => program
                .args([
                    "install",
                    "--ignore-scripts",
                    "--no-audit",
                    "--no-fund",
                    "--loglevel=error",
                ])
                .arg("--prefix")
                .arg(into)
                .args(packages),
            Self::Pip(packages) => program
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "--target",
                ])
                .arg(into)
                .args(packages),
            Self::Go(package) => program
                .args(["install", package])
                .variable("GOBIN", into.join("bin")),
            Self::Gem(gem) => program
                .args(["install", gem, "--no-document", "--install-dir"])
                .arg(into)
                .arg("--bindir")
                .arg(into.join("bin")),
            Self::Dotnet(tool) => program
                .args(["tool", "install", tool, "--prerelease", "--tool-path"])
                .arg(into),
        }
    }
}

/// Where programs are, and where package managers put them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Packages {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// `PATH` of the environment.
    search: String,
    /// The program's cache.
    cache: PathBuf,
    known: Mutex<HashMap<String, Known>>,
}

/// An installation that was begun, and when.
#[derive(Clone, Debug)]
struct Known {
    at: Instant,
    outcome: Arc<OnceCell<Option<PathBuf>>>,
}

impl Packages {
    /// Programs of the search path, and those below the cache.
    #[must_use]
    pub fn new(search: impl Into<String>, cache: impl Into<PathBuf>) -> Self {
        Self {
            inner: Arc::new(Inner {
                search: search.into(),
                cache: cache.into(),
                known: Mutex::default(),
            }),
        }
    }

    /// A program by its path, or by its name on the search path or among the helpers in the cache.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        self.on_path(name)
            .or_else(|| program_in(&self.inner.cache.join("bin"), name))
    }

    /// A program by its path, or by its name on the search path alone.
    #[must_use]
    pub fn on_path(&self, name: &str) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(PathBuf::from(name)).filter(|path| is_program(path));
        }
        std::env::split_paths(&self.inner.search).find_map(|folder| program_in(&folder, name))
    }

    /// The search path of children that need the helpers of the cache, too.
    #[must_use]
    pub fn search_path(&self) -> OsString {
        let own = [self.inner.cache.join("bin")];
        let folders = std::env::split_paths(&self.inner.search).chain(own);
        std::env::join_paths(folders).unwrap_or_else(|_| self.inner.search.clone().into())
    }

    /// A program that was installed before.
    #[must_use]
    pub fn installed(&self, program: &str, source: Source) -> Option<PathBuf> {
        program_in(&self.folder(source).join(source.programs()), program)
    }

    /// A program of a package, which is installed if it is not there yet; nothing when that is not to be had. One
    /// installation at a time, which goes on when nobody waits for it any more.
    pub async fn install(&self, program: &'static str, source: Source) -> Option<PathBuf> {
        if let Some(there) = self.installed(program, source) {
            return Some(there);
        }
        let outcome = {
            let mut known = self.inner.known.lock().unwrap_or_else(PoisonError::into_inner);
            let key = format!("{} {program}", source.folder());
            let failed_long_ago =
                |known: &Known| known.outcome.get().is_some() && known.at.elapsed() >= RETRY_AFTER;
            if known.get(&key).is_some_and(failed_long_ago) {
                known.remove(&key);
            }
            let known = known.entry(key).or_insert_with(|| Known {
                at: Instant::now(),
                outcome: Arc::default(),
            });
            Arc::clone(&known.outcome)
        };
        let (packages, shared) = (self.clone(), Arc::clone(&outcome));
        let installing = tokio::spawn(async move {
            let made = shared.get_or_init(|| packages.install_anew(program, source));
            made.await.clone()
        });
        installing.await.ok().flatten()
    }

    /// What programs of a source need in their environment.
    #[must_use]
    pub fn variable(&self, source: Source) -> Option<(&'static str, PathBuf)> {
        match source {
            Source::Pip(_) => Some(("PYTHONPATH", self.folder(source))),
            Source::Gem(_) => Some(("GEM_HOME", self.folder(source))),
            Source::Npm(_) | Source::Go(_) | Source::Dotnet(_) => None,
        }
    }

    async fn install_anew(&self, program: &str, source: Source) -> Option<PathBuf> {
        let Some(manager) = self.on_path(source.manager()) else {
            tracing::info!(
                program,
                manager = source.manager(),
                "not installed: its package manager is not here"
            );
            return None;
        };
        let folder = self.folder(source);
        let parent = folder.parent()?.to_owned();
        let made = async {
            fs_err::tokio::create_dir_all(&parent).await?;
            let fresh = parent.join(format!(".new-{}-{}", std::process::id(), source.folder()));
            if fs_err::tokio::metadata(&fresh).await.is_ok() {
                fs_err::tokio::remove_dir_all(&fresh).await?;
            }
            fs_err::tokio::create_dir(&fresh).await?;
            tracing::info!(program, ?source, "installing");
            let finished = source.installation(&manager, &fresh).run().await;
            let is_whole = match &finished {
                Ok(finished) if finished.success() => true,
                Ok(finished) => {
                    tracing::warn!(program, said = finished.error_text(), "not installed");
                    false
                }
                Err(error) => {
                    tracing::warn!(program, %error, "not installed");
                    false
                }
            };
            if is_whole && self.installed(program, source).is_none() && folder.exists() {
                fs_err::tokio::remove_dir_all(&folder).await?;
            }
            // Another program may have put the same there meanwhile: either is good.
            if !is_whole || fs_err::tokio::rename(&fresh, &folder).await.is_err() {
                fs_err::tokio::remove_dir_all(&fresh).await?;
            }
            Ok::<_, std::io::Error>(())
        };
        if let Err(error) = made.await {
            tracing::warn!(program, %error, "not installed");
        }
        self.installed(program, source)
    }

    fn folder(&self, source: Source) -> PathBuf {
        self.inner.cache.join("packages").join(source.folder())
    }
}

/// A program of this name in a folder.
#[must_use]
pub fn program_in(folder: &Path, name: &str) -> Option<PathBuf> {
    let path = folder.join(name);
    if is_program(&path) {
        return Some(path);
    }
    ["exe", "cmd", "bat"]
        .iter()
        .filter(|_| cfg!(windows))
        .map(|end| path.with_extension(end))
        .find(|path| path.is_file())
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs_err::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.extension().is_some() && path.is_file()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn script(path: &Path, text: &str) {
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    const TOOL: Source = Source::Npm(&["tool"]);

    #[tokio::test]
    async fn a_package_is_installed_once_and_found_afterwards() {
        let tree = tempfile::tempdir().unwrap();
        let (bin, cache) = (tree.path().join("bin"), tree.path().join("cache"));
        script(
            &bin.join("npm"),
            "echo run >> \"$0.log\"; mkdir -p node_modules/.bin; echo x > node_modules/.bin/tool; chmod +x node_modules/.bin/tool",
        );
        let search = format!("{}:/usr/bin:/bin", bin.display());
        let packages = Packages::new(search.clone(), &cache);
        assert_eq!(packages.installed("tool", TOOL), None);
        let wanted = cache.join("packages/tool/node_modules/.bin/tool");
        let (one, two) = tokio::join!(packages.install("tool", TOOL), packages.install("tool", TOOL));
        assert_eq!((one, two), (Some(wanted.clone()), Some(wanted.clone())));
        let another = Packages::new(search, &cache);
        assert_eq!(another.install("tool", TOOL).await, Some(wanted));
        assert_eq!(fs_err::read_to_string(bin.join("npm.log")).unwrap(), "run\n");
        let left: Vec<_> = fs_err::read_dir(cache.join("packages")).unwrap().collect();
        assert_eq!(left.len(), 1);
    }

    #[tokio::test]
    async fn what_fails_leaves_nothing_and_is_not_tried_at_once() {
        let tree = tempfile::tempdir().unwrap();
        let bin = tree.path().join("bin");
        script(
            &bin.join("npm"),
            "echo run >> \"$0.log\"; mkdir -p node_modules; exit 1",
        );
        let packages = Packages::new(
            format!("{}:/usr/bin:/bin", bin.display()),
            tree.path().join("cache"),
        );
        for _ in 0..3 {
            assert_eq!(packages.install("tool", TOOL).await, None);
        }
        assert_eq!(fs_err::read_to_string(bin.join("npm.log")).unwrap(), "run\n");
        assert_eq!(
            fs_err::read_dir(tree.path().join("cache/packages"))
                .unwrap()
                .count(),
            0
        );
        let without = Packages::new("/nowhere", tree.path());
        assert_eq!(without.install("tool", TOOL).await, None);
    }

    #[test]
    fn programs_are_found_on_the_path_and_then_in_the_cache() {
        let tree = tempfile::tempdir().unwrap();
        script(&tree.path().join("cache/bin/helper"), "");
        fs_err::write(tree.path().join("cache/bin/text"), "").unwrap();
        let packages = Packages::new("/nowhere", tree.path().join("cache"));
        assert_eq!(
            packages.find("helper"),
            Some(tree.path().join("cache/bin/helper"))
        );
        assert_eq!((packages.find("text"), packages.on_path("helper")), (None, None));
    }
}
