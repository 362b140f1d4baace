//! Paths by text, without asking the file system: as Node's `path.resolve` and `path.relative` do it.

use std::path::{Component, Path, PathBuf};

/// `path` made absolute against `base`, with `.` and `..` resolved by text. `base` must be absolute.
#[must_use]
pub fn absolute(base: &Path, path: &str) -> PathBuf {
    plain(&base.join(path))
}

/// `path` without `.` and `..`, whatever links there are.
pub(crate) fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// `path` as seen from `root`: `src/a.rs`, `../b`, or empty when both are the same. Both must be
/// absolute. Separators are `/` on every system.
#[must_use]
pub fn relative(root: &Path, path: &Path) -> String {
    let mut ours = path.components().peekable();
    let mut theirs = root.components().peekable();
    while let (Some(a), Some(b)) = (ours.peek(), theirs.peek()) {
        if a != b {
            break;
        }
        ours.next();
        theirs.next();
    }
    let up = theirs.map(|_| "..".to_owned());
    let down = ours.map(|component| component.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_resolves_by_text() {
        for (base, path, wanted) in [
            ("/p", "a.txt", "/p/a.txt"),
            ("/p", "/x/y", "/x/y"),
            ("/p/q", "../a/./b", "/p/a/b"),
            ("/p", "../../../a", "/a"),
            ("/p", "", "/p"),
        ] {
            assert_eq!(
                absolute(Path::new(base), path),
                Path::new(wanted),
                "{base} {path}"
            );
        }
    }

    #[test]
    fn relative_goes_up_and_down() {
        for (root, path, wanted) in [
            ("/p", "/p/src/a.rs", "src/a.rs"),
            ("/p", "/p", ""),
            ("/p/q", "/p/b", "../b"),
            ("/", "/p/b", "p/b"),
            ("/p/q", "/r", "../../r"),
        ] {
            assert_eq!(
                relative(Path::new(root), Path::new(path)),
                wanted,
                "{root} {path}"
            );
        }
    }
}
