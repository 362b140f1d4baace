//! Which folder is the root of a file's project (reference `integrations.md` §B2).

use std::path::{Path, PathBuf};

use crate::table::Root;

/// The folder of a location, and the top of its checkout (`/` without one).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) worktree: &'a Path,
}

impl Place<'_> {
    /// Whether files there have servers at all.
    pub(crate) fn holds(self, path: &Path) -> bool {
        path.starts_with(self.directory)
            || (self.worktree != Path::new("/") && path.starts_with(self.worktree))
    }

    /// Folders from that of a file upward to the folder of the location; where the file is elsewhere in the
    /// checkout, to the top of that.
    fn upward(self, path: &Path) -> impl Iterator<Item = &Path> {
        let end = if path.starts_with(self.directory) {
            self.directory
        } else {
            self.worktree
        };
        path.ancestors()
            .skip(1)
            .filter(|folder| folder.is_absolute())
            .take_while(move |folder| folder.starts_with(end))
            .map(|folder| folder as &Path)
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// The nearest folder that holds one of the names.
    fn nearest(self, path: &Path, names: &[&str]) -> Option<PathBuf> {
        let holds = |folder: &&Path| names.iter().any(|name| folder.join(name).exists());
        self.upward(path).find(holds).map(Path::to_path_buf)
    }

    /// The root of a file's project; nothing when a server is not for it.
    pub(crate) fn root(self, path: &Path, root: &Root) -> Option<PathBuf> {
        let here = || self.directory.to_owned();
        match root {
            Root::Directory => Some(here()),
            Root::Nearest(names) => Some(self.nearest(path, names).unwrap_or_else(here)),
            Root::FirstOf(lists) => {
                let first = lists.iter().find_map(|names| self.nearest(path, names));
                Some(first.unwrap_or_else(here))
            }
            Root::Only(names) => self.nearest(path, names),
            Root::Unless(names, others) => {
                if self.nearest(path, others).is_some() {
                    return None;
                }
                Some(self.nearest(path, names).unwrap_or_else(here))
            }
            Root::OrWorktree(names) => self.nearest(path, names).or_else(|| {
                let has_checkout = self.worktree != Path::new("/");
                Some(if has_checkout {
                    self.worktree.to_owned()
                } else {
                    here()
                })
            }),
            Root::Cargo => {
                let Some(nearest) = self.nearest(path, &["Cargo.toml", "Cargo.lock"]) else {
                    return Some(here());
                };
                let end = if self.worktree == Path::new("/") {
                    self.directory
                } else {
                    self.worktree
                };
                let is_workspace = |folder: &&Path| {
                    let manifest = fs_err::read_to_string(folder.join("Cargo.toml"));
                    manifest.is_ok_and(|text| text.contains("[workspace]"))
                };
                let mut above = nearest.ancestors().take_while(|folder| folder.starts_with(end));
                let workspace = above.find(is_workspace).map(Path::to_path_buf);
                Some(workspace.unwrap_or(nearest))
            }
            Root::Java => self.java(path),
        }
    }

    fn java(self, path: &Path) -> Option<PathBuf> {
        const GRADLE: &[&[&str]] = &[
            &["settings.gradle", "settings.gradle.kts"],
            &["gradlew", "gradlew.bat"],
            &["build.gradle", "build.gradle.kts"],
        ];
        if let Some(found) = GRADLE.iter().find_map(|names| self.nearest(path, names)) {
            return Some(found);
        }
        let Some(mut top) = self.nearest(path, &["pom.xml"]) else {
            return self.nearest(path, &[".project", ".classpath"]);
        };
        // A build whose parts are named in the folder above belongs to that.
        let start = top.clone();
        for above in self.upward(&start) {
            let manifest = fs_err::read_to_string(above.join("pom.xml"));
            if !manifest.is_ok_and(|text| text.contains("<modules>")) {
                break;
            }
            top = above.to_owned();
        }
        Some(top)
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::table::ROWS;

    /// The root of a file under `/tree/work`, whose location is `/tree/work/here`; with `..` for outside.
    fn root(files: &[(&str, &str)], id: &str, path: &str) -> Option<String> {
        let tree = tempfile::tempdir().unwrap();
        let tree = fs_err::canonicalize(tree.path()).unwrap();
        let worktree = tree.join("work");
        let directory = worktree.join("here");
        fs_err::create_dir_all(&directory).unwrap();
        for (name, text) in files {
            let path = worktree.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let place = Place {
            directory: &directory,
            worktree: &worktree,
        };
        let row = ROWS.iter().find(|row| row.id == id).unwrap();
        let found = place.root(&worktree.join(path), &row.root)?;
        Some(opencode_project::path::relative(&worktree, &found))
    }

    #[test]
    fn roots() {
        let workspace = ("here/Cargo.toml", "[workspace]");
        for (id, files, path, wanted) in [
            ("pyright", vec![], "here/a/b.py", Some("here")),
            (
                "pyright",
                vec![("here/a/setup.py", "")],
                "here/a/b/c.py",
                Some("here/a"),
            ),
            ("pyright", vec![("setup.py", "")], "here/a/c.py", Some("here")),
            (
                "pyright",
                vec![("other/setup.py", "")],
                "other/a/c.py",
                Some("other"),
            ),
            ("deno", vec![], "here/a.ts", None),
            ("deno", vec![("here/deno.json", "")], "here/x/a.ts", Some("here")),
            ("typescript", vec![("here/deno.json", "")], "here/x/a.ts", None),
            (
                "typescript",
                vec![("here/x/yarn.lock", "")],
                "here/x/a.ts",
                Some("here/x"),
            ),
            (
                "gopls",
                vec![("here/go.work", ""), ("here/a/go.mod", "")],
                "here/a/b.go",
                Some("here"),
            ),
            (
                "gopls",
                vec![("here/a/go.mod", "")],
                "here/a/b.go",
                Some("here/a"),
            ),
            (
                "rust",
                vec![workspace, ("here/a/Cargo.toml", "")],
                "here/a/src/l.rs",
                Some("here"),
            ),
            (
                "rust",
                vec![("here/a/Cargo.toml", "")],
                "here/a/src/l.rs",
                Some("here/a"),
            ),
            (
                "rust",
                vec![("Cargo.toml", "[workspace]"), ("here/Cargo.toml", "")],
                "here/l.rs",
                Some(""),
            ),
            ("bash", vec![("here/a/x", "")], "here/a/b.sh", Some("here")),
            ("nixd", vec![], "here/a.nix", Some("")),
            ("jdtls", vec![], "here/A.java", None),
            (
                "jdtls",
                vec![("here/pom.xml", "<modules>"), ("here/m/pom.xml", "")],
                "here/m/A.java",
                Some("here"),
            ),
            ("prisma", vec![("here/package.json", "")], "here/a.prisma", None),
        ] {
            assert_eq!(root(&files, id, path).as_deref(), wanted, "{id} {path} {files:?}");
        }
    }
}
