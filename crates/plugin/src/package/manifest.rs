//! What the `package.json` of a plugin says.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{index_of, range};

/// Ends that a file may be named without.
const EXTENSIONS: [&str; 5] = ["ts", "tsx", "js", "mjs", "cjs"];
/// Bytes that a `package.json` may have.
const SIZE: u64 = 4 << 20;

/// What a plugin has to offer.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// To whom.
    pub kind: TargetKind,
    /// Options that it is configured with when nobody says others.
    pub options: Option<Value>,
}

/// Who takes a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// The engine.
    Server,
    /// The terminal interface.
    Tui,
}

impl TargetKind {
    /// Its name in packages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Tui => "tui",
        }
    }
}

/// A `package.json`.
pub(super) struct Manifest(Map<String, Value>);

/// Reads that of a folder.
pub(super) fn read(folder: &Path) -> Result<Manifest, String> {
    let path = folder.join("package.json");
    let size = fs_err::metadata(&path).map_err(|error| error.to_string())?.len();
    if size > SIZE {
        return Err(format!("{} is too long", path.display()));
    }
    let text = fs_err::read_to_string(&path).map_err(|error| error.to_string())?;
    match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(Value::Object(object)) => Ok(Manifest(object)),
        Ok(_) => Err(format!("{} is not an object", path.display())),
        Err(error) => Err(format!("{} is not valid JSON: {error}", path.display())),
    }
}

/// The name of the package in a folder.
pub(super) fn name_of(folder: &Path) -> Option<String> {
    read(folder).ok()?.name().map(str::to_owned)
}

/// The first package that the one in a folder depends on.
pub(super) fn dependency(folder: &Path) -> Option<String> {
    let manifest = read(folder).ok()?;
    let (name, _) = manifest.0.get("dependencies")?.as_object()?.iter().next()?;
    let is_plain = !name
        .split('/')
        .any(|part| part.is_empty() || part.starts_with('.'));
    is_plain.then(|| name.clone())
}

/// What the package in a folder has to offer.
pub(super) fn targets(folder: &Path) -> Result<Vec<Target>, String> {
    let manifest = read(folder)?;
    let target = |kind: TargetKind| {
        let export = manifest.export(kind)?;
        let options = export.get("config").filter(|options| options.is_object());
        Some(Target {
            kind,
            options: options.cloned(),
        })
    };
    let plain = |kind: TargetKind| Target { kind, options: None };
    let main = manifest.main().map(|_| plain(TargetKind::Server));
    let themes = manifest.0.get("oc-themes").and_then(Value::as_array);
    let themes = themes.filter(|themes| !themes.is_empty());
    let server = target(TargetKind::Server).or(main);
    let tui = target(TargetKind::Tui).or(themes.map(|_| plain(TargetKind::Tui)));
    Ok(server.into_iter().chain(tui).collect())
}

impl Manifest {
    pub(super) fn name(&self) -> Option<&str> {
        self.0.get("name")?.as_str()
    }

    pub(super) fn has_exports(&self) -> bool {
        self.0.get("exports").is_some_and(Value::is_object)
    }

    /// The range of versions that it is for, where a version is not in it.
    pub(super) fn unfit(&self, version: &str) -> Option<&str> {
        let wanted = self.0.get("engines")?.get("opencode")?.as_str()?;
        // Parity: plugins.md §2, versions before 1.0 and those that are none are not compared.
        let is_compared = range::major(version).is_some_and(|major| major > 0);
        (is_compared && !range::fits(wanted, version)).then_some(wanted)
    }

    /// The file for a server: the one that is exported for it, else the main one, else, where that may be, the one
    /// that stands for the folder.
    pub(super) fn server(&self, folder: &Path, may_be_index: bool) -> Result<Option<PathBuf>, String> {
        let exported = self.export(TargetKind::Server).and_then(path_in);
        match exported.or_else(|| self.main()) {
            Some(named) => inside(folder, named).map(Some),
            None if may_be_index => Ok(index_of(folder)),
            None => Ok(None),
        }
    }

    fn main(&self) -> Option<&str> {
        let main = self.0.get("main")?.as_str()?.trim();
        (!main.is_empty()).then_some(main)
    }

    fn export(&self, kind: TargetKind) -> Option<&Value> {
        let export = self.0.get("exports")?.get(format!("./{}", kind.name()))?;
        path_in(export).map(|_| export)
    }
}

/// The path of an export: itself, or what it is for imports.
fn path_in(export: &Value) -> Option<&str> {
    let direct = export.as_str();
    let path = direct.or_else(|| export.get("import")?.as_str());
    path.or_else(|| export.get("default")?.as_str())
        .map(str::trim)
        .filter(|path| !path.is_empty())
}

/// A file of a package by the name that it has there; nothing outside of it.
fn inside(folder: &Path, named: &str) -> Result<PathBuf, String> {
    let path = folder.join(named.trim_start_matches("./"));
    let with = |extension: &&str| PathBuf::from(format!("{}.{extension}", path.display()));
    let candidates = std::iter::once(path.clone()).chain(EXTENSIONS.iter().map(with));
    let file = candidates.into_iter().find(|path| path.is_file());
    let Some(file) = file.or_else(|| index_of(&path)) else {
        return Err(format!("its package.json names {named}, which is not there"));
    };
    let (real, top) = (fs_err::canonicalize(&file), fs_err::canonicalize(folder));
    match (real, top) {
        (Ok(real), Ok(top)) if real.starts_with(&top) => Ok(file),
        _ => Err(format!(
            "its package.json names {named}, which lies outside of it"
        )),
    }
}
