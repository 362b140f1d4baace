//! What the text that names a plugin means.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use url::Url;

/// What a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Specification {
    /// A file or a folder.
    Path(PathBuf),
    /// Something that a package manager brings.
    Package(Package),
}

/// A package, as package managers understand it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    text: String,
    /// Its name, where the text says it: `name@…`.
    pub(super) name: Option<String>,
    /// What stands behind the name.
    version: Option<String>,
}

impl Specification {
    pub(super) fn parse(text: &str) -> Self {
        if let Some(path) = address(text) {
            return Self::Path(path);
        }
        let is_path = [".", ".."].contains(&text)
            || ["./", "../", ".\\", "..\\"]
                .iter()
                .any(|start| text.starts_with(start));
        if is_path || Path::new(text).is_absolute() {
            return Self::Path(PathBuf::from(text));
        }
        Self::Package(Package::parse(text))
    }
}

/// The path of a `file:` address that is one.
fn address(text: &str) -> Option<PathBuf> {
    if !text.starts_with("file://") {
        return None;
    }
    Url::parse(text).ok()?.to_file_path().ok()
}

impl Package {
    fn parse(text: &str) -> Self {
        let start = usize::from(text.starts_with('@'));
        let at = text
            .get(start..)
            .and_then(|rest| rest.find('@'))
            .map(|at| at + start);
        let (name, version) = match at.and_then(|at| text.split_at_checked(at)) {
            Some((name, version)) => (name, version.get(1..).filter(|version| !version.is_empty())),
            None => (text, None),
        };
        let is_name = is_name(name);
        Self {
            text: text.to_owned(),
            name: is_name.then(|| name.to_owned()),
            version: version.filter(|_| is_name).map(str::to_owned),
        }
    }

    /// Its name, or the whole text where that says none.
    pub(super) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.text)
    }

    /// What the package manager is told. A name alone means the newest.
    pub(super) fn wanted(&self) -> String {
        match (&self.name, &self.version) {
            (Some(name), None) => format!("{name}@latest"),
            _ => self.text.clone(),
        }
    }

    /// Its folder below that of all packages. It leads nowhere else, whatever the text is.
    pub(super) fn folder(&self) -> PathBuf {
        let wanted = self.wanted();
        let parts = Path::new(&wanted).components().map(|part| match part {
            Component::Normal(part) => PathBuf::from(part),
            _ => PathBuf::from("+"),
        });
        parts.collect()
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.wanted())
    }
}

/// Whether a text can be the name of a package: `name` or `@scope/name`.
fn is_name(text: &str) -> bool {
    let (scope, name) = match text.strip_prefix('@') {
        Some(scoped) => match scoped.split_once('/') {
            Some((scope, name)) => (Some(scope), name),
            None => return false,
        },
        None => (None, text),
    };
    let is_part = |part: &str| {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
        !part.is_empty() && !part.starts_with('.') && part.chars().all(is_letter)
    };
    is_part(name) && scope.is_none_or(is_part)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn texts_name_paths_and_packages() {
        for (text, wanted) in [
            ("./a.ts", "path ./a.ts"),
            ("../b", "path ../b"),
            ("/abs/c", "path /abs/c"),
            ("file:///abs/d%20e", "path /abs/d e"),
            ("name", "name: name@latest in name@latest"),
            ("name@1.2", "name: name@1.2 in name@1.2"),
            ("name@", "name: name@latest in name@latest"),
            (
                "@scope/name",
                "@scope/name: @scope/name@latest in @scope/name@latest",
            ),
            ("@scope/name@^1", "@scope/name: @scope/name@^1 in @scope/name@^1"),
            ("alias@npm:real@1", "alias: alias@npm:real@1 in alias@npm:real@1"),
            ("a@file:/t/a.tgz", "a: a@file:/t/a.tgz in a@file:/t/a.tgz"),
            ("github:u/r", "github:u/r: github:u/r in github:u/r"),
            (
                "https://h/x.tgz",
                "https://h/x.tgz: https://h/x.tgz in https:/h/x.tgz",
            ),
            ("a@../../../x", "a: a@../../../x in a@../+/+/x"),
            ("u/../../r", "u/../../r: u/../../r in u/+/+/r"),
        ] {
            let shown = match Specification::parse(text) {
                Specification::Path(path) => format!("path {}", path.display()),
                Specification::Package(package) => {
                    let folder = package.folder();
                    format!("{}: {package} in {}", package.label(), folder.display())
                }
            };
            assert_eq!(shown, wanted, "{text}");
        }
    }
}
