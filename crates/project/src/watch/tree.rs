//! Which folders below one are worth watching, and which changes there are worth telling (reference
//! `integrations-2.md` §H).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use ignore::WalkBuilder;

/// Folders that are watched at most: each takes one of the system's watches.
pub const MOST_FOLDERS: usize = 8192;
/// Files that are told of at most when a folder comes with files in it.
const MOST_NEW_FILES: usize = 1024;

/// Folders, wherever they are, whose content is made by programs.
const FOLDERS: [&str; 28] = [
    "node_modules",
    "bower_components",
    ".pnpm-store",
    "vendor",
    ".npm",
    "dist",
    "build",
    "out",
    ".next",
    "target",
    "bin",
    "obj",
    ".git",
    ".svn",
    ".hg",
    ".vscode",
    ".idea",
    ".turbo",
    ".output",
    "desktop",
    ".sst",
    ".cache",
    ".webkit-cache",
    "__pycache__",
    ".pytest_cache",
    "mypy_cache",
    ".history",
    ".gradle",
];
const GLOBS: [&str; 11] = [
    "**/*.swp",
    "**/*.swo",
    "**/*.pyc",
    "**/.DS_Store",
    "**/Thumbs.db",
    "**/logs/**",
    "**/tmp/**",
    "**/temp/**",
    "**/*.log",
    "**/coverage/**",
    "**/.nyc_output/**",
];

/// The content of a folder without what is ignored.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
    /// Globs of paths relative to the folder.
    ignored: GlobSet,
    /// Globs of absolute paths.
    ignored_absolute: GlobSet,
    folders: BTreeSet<PathBuf>,
    is_cut: bool,
}

impl Tree {
    /// Looks which folders there are. `ignore` are globs of the configuration, relative to the folder or absolute;
    /// what is no glob is left out.
    #[must_use]
    pub fn new(root: &Path, ignore: &[String]) -> Self {
        let all = GLOBS.into_iter().chain(ignore.iter().map(String::as_str));
        let (absolute, relative): (Vec<&str>, Vec<&str>) = all.partition(|glob| glob.starts_with('/'));
        let mut tree = Self {
            root: root.to_owned(),
            ignored: set(&relative),
            ignored_absolute: set(&absolute),
            folders: BTreeSet::new(),
            is_cut: false,
        };
        tree.take_in(root);
        tree
    }

    /// The folders to watch, each by itself.
    pub fn folders(&self) -> impl Iterator<Item = &PathBuf> {
        self.folders.iter()
    }

    /// Whether there are more of them than are watched.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether a change of this path is told.
    #[must_use]
    pub fn has(&self, path: &Path) -> bool {
        let Ok(relative) = path.strip_prefix(&self.root) else {
            return false;
        };
        let is_of_programs = |name: &str| FOLDERS.contains(&name);
        !relative
            .components()
            .any(|part| part.as_os_str().to_str().is_some_and(is_of_programs))
            && !self.ignored.is_match(relative)
            && !self.ignored_absolute.is_match(path)
    }

    /// Watches a folder that is new, too, with those below it. Gives the files that came with it.
    pub fn take_in(&mut self, folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let of_filter = self.clone();
        let walk = WalkBuilder::new(folder)
            .standard_filters(false)
            .filter_entry(move |entry| entry.path() == of_filter.root || of_filter.has(entry.path()))
            .build();
        for entry in walk.flatten() {
            if entry.file_type().is_some_and(|kind| kind.is_dir()) {
                if self.folders.len() >= MOST_FOLDERS {
                    self.is_cut = true;
                    break;
                }
                self.folders.insert(entry.into_path());
            } else if folder != self.root && files.len() < MOST_NEW_FILES {
                files.push(entry.into_path());
            }
        }
        files
    }

    /// A folder is gone, with those below it.
    pub fn give_up(&mut self, folder: &Path) {
        self.folders.retain(|known| !known.starts_with(folder));
    }
}

fn set(globs: &[&str]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let glob = glob.trim_end_matches('/').trim_end_matches("/**");
        // A folder is ignored with all that is in it.
        for glob in [glob.to_owned(), format!("{glob}/**")] {
            match Glob::new(&glob) {
                Ok(glob) => _ = set.add(glob),
                Err(error) => tracing::warn!(%error, "a pattern of watcher.ignore is left out"),
            }
        }
    }
    set.build().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_make_is_not_watched() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["src/deep", "node_modules/x", "a/target/y", "mine/z", "logs"] {
            fs_err::create_dir_all(root.join(name)).unwrap();
        }
        let mut tree = Tree::new(root, &["mine".to_owned(), "[".to_owned()]);
        let folders = |tree: &Tree| -> Vec<PathBuf> {
            let relative = tree.folders().map(|path| path.strip_prefix(root).unwrap());
            relative.map(Path::to_owned).collect()
        };
        let watched = ["", "a", "src", "src/deep"].map(PathBuf::from);
        assert_eq!(folders(&tree), watched);
        for (path, is_told) in [
            ("src/a.rs", true),
            ("src/a.swp", false),
            ("mine/z/a", false),
            ("a/target/y/z", false),
            ("x.log", false),
            ("logs/a", false),
        ] {
            assert_eq!(tree.has(&root.join(path)), is_told, "{path}");
        }
        assert!(!tree.has(Path::new("/elsewhere")));

        fs_err::create_dir_all(root.join("new/deeper/node_modules")).unwrap();
        fs_err::write(root.join("new/deeper/a"), "").unwrap();
        assert_eq!(tree.take_in(&root.join("new")), [root.join("new/deeper/a")]);
        assert_eq!(tree.folders().count(), 6);
        tree.give_up(&root.join("new"));
        assert_eq!(folders(&tree), watched);
    }
}
