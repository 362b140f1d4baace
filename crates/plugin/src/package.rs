//! Where plugins come from (reference `plugins.md` §2): what a specification names, the packages that are installed
//! for it, and the file of it that is loaded.

mod install;
mod manifest;
mod range;
mod specification;

use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use opencode_config::{Environment, Paths, paths};
use serde_json::Value;

use self::specification::Specification;
use crate::{Fault, Runtime};

pub use self::manifest::{Target, TargetKind};

/// Files that stand for a folder, the first that is there.
const INDEX: [&str; 5] = ["index.ts", "index.tsx", "index.js", "index.mjs", "index.cjs"];
/// Plugins whose work the program does itself today.
const SUPERSEDED: [&str; 2] = ["opencode-openai-codex-auth", "opencode-copilot-auth"];

/// What packages are brought with, and where to.
#[derive(Clone, Debug)]
pub struct Place {
    /// The folders of the program.
    pub paths: Paths,
    /// The environment of the program.
    pub environment: Environment,
    /// Version of the program.
    pub version: &'static str,
    /// What runs plugins; its package manager installs them.
    pub runtime: Runtime,
}

/// A plugin that can be loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// Name of its package; the specification, where it is a file or a folder.
    pub id: String,
    /// As it is configured.
    pub spec: String,
    /// The file to load, absolute.
    pub entry: PathBuf,
    /// The options that are configured for it.
    pub options: Option<Value>,
    /// Where it comes from.
    pub kind: Kind,
}

/// Where a plugin comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file or a folder of this machine. In today's form it says its id itself.
    File,
    /// A package; its name is its id.
    Package,
}

/// A plugin that is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Its folder, or the file that it is.
    pub path: PathBuf,
    /// Where it comes from.
    pub kind: Kind,
    /// Name of its package, if it is one.
    pub name: Option<String>,
}

/// Finds the plugins that configuration names, all at the same time, and installs packages that are not here. The
/// answer has their order; plugins that have nothing for a server, and those that are superseded, are not in it.
/// What cannot be had is not tried again for a while. Takes no longer than an installation may.
pub async fn resolve(entries: &[Value], place: &Place) -> Vec<Result<Resolved, Fault>> {
    let named = entries.iter().filter_map(parts);
    let wanted = named.filter(|(spec, _)| !SUPERSEDED.iter().any(|name| spec.contains(name)));
    let found = wanted.map(|(spec, options)| async move {
        let found = resolve_one(spec, options.cloned(), place).await;
        found
            .map_err(|message| Fault {
                plugin: spec.to_owned(),
                message,
            })
            .transpose()
    });
    join_all(found).await.into_iter().flatten().collect()
}

/// Brings what one specification names, now, even if that failed before. A folder is taken as it is; a path that is
/// not absolute begins at `directory`.
///
/// # Errors
/// It cannot be had, in words for the user.
pub async fn bring(spec: &str, directory: &Path, place: &Needs<'_>) -> Result<Installed, String> {
    match Specification::parse(spec) {
        Specification::Path(path) => Ok(Installed {
            kind: Kind::File,
            name: None,
            path: paths::plain(&directory.join(path)),
        }),
        Specification::Package(package) => {
            let folder = match install::there(&package, &place.paths.cache) {
                Some(folder) => folder,
                None => {
                    let runtime = Runtime::find(place.environment).await;
                    let runtime = runtime.map_err(|missing| missing.to_string())?;
                    install::bring(&package, place.paths, place.environment, &runtime).await?
                }
            };
            Ok(Installed {
                name: Some(manifest::name_of(&folder).unwrap_or_else(|| package.label().to_owned())),
                kind: Kind::Package,
                path: folder,
            })
        }
    }
}

/// What is needed to bring one plugin.
#[derive(Clone, Copy, Debug)]
pub struct Needs<'a> {
    /// The folders of the program.
    pub paths: &'a Paths,
    /// The environment of the program.
    pub environment: &'a Environment,
}

impl Installed {
    /// What it has to offer, and to whom; none where it is no plugin.
    ///
    /// # Errors
    /// It is not there, or its `package.json` cannot be read, in words for the user.
    pub fn targets(&self) -> Result<Vec<Target>, String> {
        // A file, or a folder with nothing but an index, is a plugin of the engine.
        if self.path.join("package.json").is_file() || of_path(&self.path)?.is_none() {
            return manifest::targets(&self.path);
        }
        Ok(vec![Target {
            kind: TargetKind::Server,
            options: None,
        }])
    }
}

/// Whether two specifications in a file of `folder` name the same plugin: one package in whichever version, or one
/// path.
#[must_use]
pub fn is_same(one: &str, other: &str, folder: &Path) -> bool {
    match (Specification::parse(one), Specification::parse(other)) {
        (Specification::Package(one), Specification::Package(other)) => one.label() == other.label(),
        (Specification::Path(one), Specification::Path(other)) => {
            let plain = |path: &Path| paths::plain(&folder.join(path));
            plain(&one) == plain(&other)
        }
        _ => false,
    }
}

/// A specification that was typed in `directory` as it means the same in a file of `folder`, which is a folder of
/// `top`: relative paths that do not leave `top` begin at the file then, others become absolute.
#[must_use]
pub fn moved(spec: &str, directory: &Path, folder: &Path, top: &Path) -> String {
    let Specification::Path(path) = Specification::parse(spec) else {
        return spec.to_owned();
    };
    if path.is_absolute() {
        return spec.to_owned();
    }
    let path = paths::plain(&directory.join(path));
    let up = folder.strip_prefix(top).map(|below| below.components().count());
    match (up, path.strip_prefix(top)) {
        (Ok(up @ 1..), Ok(inside)) => format!("{}{}", "../".repeat(up), inside.display()),
        _ => path.display().to_string(),
    }
}

/// Where a plugin comes from that a specification names.
#[must_use]
pub fn kind_of(spec: &str) -> Kind {
    match Specification::parse(spec) {
        Specification::Path(_) => Kind::File,
        Specification::Package(_) => Kind::Package,
    }
}

/// The specification and the options of an entry.
fn parts(entry: &Value) -> Option<(&str, Option<&Value>)> {
    match entry {
        Value::String(spec) => Some((spec, None)),
        Value::Array(parts) => Some((parts.first()?.as_str()?, parts.get(1))),
        _ => None,
    }
}

async fn resolve_one(spec: &str, options: Option<Value>, place: &Place) -> Result<Option<Resolved>, String> {
    let resolved = |id: &str, entry: PathBuf, kind: Kind| Resolved {
        id: id.to_owned(),
        spec: spec.to_owned(),
        entry,
        options,
        kind,
    };
    match Specification::parse(spec) {
        Specification::Path(path) => {
            let entry = of_path(&path).map_err(|reason| format!("Failed to load plugin {spec}: {reason}"))?;
            Ok(entry.map(|entry| resolved(spec, entry, Kind::File)))
        }
        Specification::Package(package) => {
            let brought = install::once(&package, &place.paths, &place.environment, &place.runtime).await;
            let folder = brought.map_err(|reason| format!("Failed to install plugin {package}: {reason}"))?;
            let read = manifest::read(&folder);
            let read = read.map_err(|reason| format!("Failed to load plugin {spec}: {reason}"))?;
            if let Some(range) = read.unfit(place.version) {
                let running = place.version;
                return Err(format!(
                    "Plugin {spec} skipped: Plugin requires opencode {range} but running {running}"
                ));
            }
            let entry = read.server(&folder, !read.has_exports());
            let entry = entry.map_err(|reason| format!("Failed to load plugin {spec}: {reason}"))?;
            let name = read.name().unwrap_or_else(|| package.label());
            Ok(entry.map(|entry| resolved(name, entry, Kind::Package)))
        }
    }
}

/// The file that a path means; nothing where a folder has none for a server.
fn of_path(path: &Path) -> Result<Option<PathBuf>, String> {
    if !path.is_dir() {
        let path = std::path::absolute(path).map_err(|error| error.to_string())?;
        return match path.is_file() {
            true => Ok(Some(path)),
            false => Err(format!("there is no file {}", path.display())),
        };
    }
    if path.join("package.json").is_file() {
        return manifest::read(path)?.server(path, true);
    }
    let index = index_of(path);
    index.map(Some).ok_or_else(|| {
        format!(
            "Plugin directory {} is missing package.json or index file",
            path.display()
        )
    })
}

/// The file that stands for a folder.
fn index_of(folder: &Path) -> Option<PathBuf> {
    INDEX
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests;
