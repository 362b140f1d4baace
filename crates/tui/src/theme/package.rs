//! Themes that packages bring: `oc-themes` in the `package.json` of what `plugin` of `tui.json` names (reference
//! `plugins.md` §8). Packages are looked for where they are; nothing is fetched, and no code of theirs is run.
//!
//! It reads files: the runtime asks, not update or view.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// Plugins that are looked at.
const COUNT: usize = 200;
/// Themes of one package.
const THEMES: usize = 100;
/// Bytes of a `package.json`.
const LIMIT: u64 = 1024 * 1024;
/// Where packages say which files are themes.
const KEY: &str = "oc-themes";

/// A plugin that configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plugin {
    /// What it is known by: the name of its package, or how it is written.
    pub(crate) id: String,
    /// Its version, if it says one.
    pub(crate) version: String,
    /// It is on this machine.
    pub(crate) is_found: bool,
    /// The files of its themes by their names.
    pub(crate) themes: BTreeMap<String, PathBuf>,
}

/// The plugins of `tui.json`, in its order.
pub(crate) fn plugins(written: &[Value], cache: &Path) -> Vec<Plugin> {
    let specifications = written.iter().filter_map(|plugin| match plugin {
        Value::Array(parts) => parts.first()?.as_str(),
        other => other.as_str(),
    });
    specifications
        .take(COUNT)
        .map(|specification| look(specification, cache))
        .collect()
}

fn look(specification: &str, cache: &Path) -> Plugin {
    let folder = folder(specification, cache).and_then(|folder| folder.canonicalize().ok());
    let package = folder.as_deref().and_then(package);
    let text = |key: &str| {
        let value = package.as_ref()?.get(key)?.as_str()?;
        Some(value.to_owned())
    };
    Plugin {
        id: text("name").unwrap_or_else(|| specification.to_owned()),
        version: text("version").unwrap_or_default(),
        is_found: folder.is_some(),
        themes: match (&folder, &package) {
            (Some(folder), Some(package)) => themes(folder, package),
            _ => BTreeMap::new(),
        },
    }
}

/// Where a plugin is: a folder of its own, or a package that was installed.
fn folder(specification: &str, cache: &Path) -> Option<PathBuf> {
    if let Some(address) = specification.strip_prefix("file://") {
        let path = percent_decode_str(address).decode_utf8().ok()?;
        return Some(PathBuf::from(path.as_ref())).filter(|path| path.is_dir());
    }
    let (name, version) = match specification.rfind('@').filter(|at| *at > 0) {
        Some(at) => (specification.get(..at)?, specification.get(at..)?),
        None => (specification, "@latest"),
    };
    let is_name = |text: &str| {
        let mut parts = Path::new(text).components();
        !text.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
    };
    let whole = format!("{name}{version}");
    if !is_name(name) || !is_name(&whole) {
        return None;
    }
    let packages = cache.join("packages");
    let folders =
        [whole.as_str(), specification].map(|kept| packages.join(kept).join("node_modules").join(name));
    folders.into_iter().find(|folder| folder.is_dir())
}

fn package(folder: &Path) -> Option<Value> {
    let path = folder.join("package.json");
    if !path.is_file() {
        return None;
    }
    let mut text = String::new();
    let file = fs_err::File::open(path).ok()?;
    file.take(LIMIT).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// The themes of a package: files within it, by their names.
fn themes(folder: &Path, package: &Value) -> BTreeMap<String, PathBuf> {
    let listed = package.get(KEY).and_then(Value::as_array);
    let listed = listed.into_iter().flatten().filter_map(Value::as_str);
    let files = listed.take(THEMES).filter_map(|relative| {
        let relative = relative.trim();
        if relative.is_empty() || relative.starts_with("file://") || Path::new(relative).is_absolute() {
            return None;
        }
        // Links may lead out of it, too.
        let file = folder.join(relative).canonicalize().ok()?;
        let is_inside = file.starts_with(folder) && file.is_file();
        let name = file.file_stem()?.to_str()?.to_owned();
        is_inside.then_some((name, file))
    });
    files.collect()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn themes_are_files_within_packages_that_are_there() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let write = |path: &str, content: &str| {
            let path = root.join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, content).unwrap();
        };
        let installed = "cache/packages/@me/look@1.2.0/node_modules/@me/look";
        let package = json!({
            "name": "@me/look", "version": "1.2.3",
            "oc-themes": [
                "./sea.json", "deep/night.json", "../../../../../../../secret.json", "/etc/passwd", "link.json",
                "gone.json", "deep", "", 7,
            ],
        });
        write(&format!("{installed}/package.json"), &package.to_string());
        write(&format!("{installed}/sea.json"), "{}");
        write(&format!("{installed}/deep/night.json"), "{}");
        write("secret.json", "{}");
        std::os::unix::fs::symlink(root.join("secret.json"), root.join(installed).join("link.json")).unwrap();
        write(
            "cache/packages/plain@latest/node_modules/plain/package.json",
            "not JSON",
        );
        write(
            "own/package.json",
            r#"{ "name": "own", "oc-themes": ["a b.json"] }"#,
        );
        write("own/a b.json", "{}");
        let own = format!("file://{}", root.join("own").display());
        let gone = format!("file://{}", root.join("gone").display());
        let written = [
            json!("@me/look@1.2.0"),
            json!(["plain", { "option": 1 }]),
            json!(own),
            json!("absent"),
            json!("../own"),
            json!(gone),
            json!(7),
        ];
        let found = plugins(&written, &root.join("cache"));
        let brief: Vec<_> = found
            .iter()
            .map(|plugin| {
                let themes: Vec<&str> = plugin.themes.keys().map(String::as_str).collect();
                (
                    plugin.id.as_str(),
                    plugin.version.as_str(),
                    plugin.is_found,
                    themes,
                )
            })
            .collect();
        assert_eq!(
            brief,
            [
                ("@me/look", "1.2.3", true, vec!["night", "sea"]),
                ("plain", "", true, vec![]),
                ("own", "", true, vec!["a b"]),
                ("absent", "", false, vec![]),
                ("../own", "", false, vec![]),
                (gone.as_str(), "", false, vec![]),
            ]
        );
    }
}
