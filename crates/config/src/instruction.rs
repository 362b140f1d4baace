//! Rules files: what users tell every model that works in a place
//! (reference `agents-commands-permissions.md` §9, `agent-loop.md` §3).

use std::path::{Path, PathBuf};

use globset::GlobBuilder;
use ignore::WalkBuilder;

use crate::environment::variable;
use crate::{Environment, Paths, Place};

/// Names of rules files. Of a project the first name that is found anywhere counts, of a part of it the
/// first in each folder.
pub const NAMES: &[&str] = &["AGENTS.md", "CLAUDE.md", "CONTEXT.md"];
/// [`NAMES`] without the file of the other program.
const OWN_NAMES: &[&str] = &["AGENTS.md", "CONTEXT.md"];

/// Bytes of one rules file that are read; more would leave no room for the conversation.
const SIZE_LIMIT: u64 = 1024 * 1024;
/// Files and folders looked at for one pattern at most.
const WALK_LIMIT: usize = 20_000;

/// A rules file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Absolute path, or an address.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// The names of rules files that count here.
#[must_use]
pub fn names(environment: &Environment) -> &'static [&'static str] {
    if reads_claude(environment) {
        NAMES
    } else {
        OWN_NAMES
    }
}

fn reads_claude(environment: &Environment) -> bool {
    !environment.is_on(variable::DISABLE_CLAUDE_CODE)
        && !environment.is_on(variable::DISABLE_CLAUDE_CODE_PROMPT)
}

/// The rules files of a place that exist: the global one, those of the project (nearest first), those
/// that `configured` names. Each path once.
#[must_use]
pub fn find(
    place: Place<'_>,
    paths: &Paths,
    environment: &Environment,
    configured: &[String],
) -> Vec<PathBuf> {
    let claude = reads_claude(environment);
    let project = !environment.is_on(variable::DISABLE_PROJECT_CONFIG);
    let mut found: Vec<PathBuf> = Vec::new();
    let mut add = |path: PathBuf| {
        if !found.contains(&path) {
            found.push(path);
        }
    };

    let global = [
        Some(paths.config.join("AGENTS.md")),
        claude.then(|| paths.home.join(".claude/CLAUDE.md")),
    ];
    if let Some(path) = global.into_iter().flatten().find(|path| path.is_file()) {
        add(path);
    }
    if project {
        let mut of_name = names(environment).iter().map(|name| {
            place
                .upward()
                .map(|folder| folder.join(name))
                .filter(|path| path.is_file())
                .collect::<Vec<_>>()
        });
        of_name
            .find(|paths| !paths.is_empty())
            .into_iter()
            .flatten()
            .for_each(&mut add);
    }
    for entry in configured {
        let pattern = paths.expand(entry);
        if pattern.starts_with("http://") || pattern.starts_with("https://") {
            continue;
        }
        if let Ok(absolute) = Path::new(&pattern).strip_prefix("/") {
            let folder = Path::new("/").join(absolute.parent().unwrap_or(Path::new("")));
            let name = absolute.file_name().unwrap_or_default().to_string_lossy();
            fitting(&folder, &name).into_iter().for_each(&mut add);
        } else if project {
            place
                .upward()
                .flat_map(|folder| fitting(folder, &pattern))
                .for_each(&mut add);
        } else {
            fitting(&paths.config, &pattern).into_iter().for_each(&mut add);
        }
    }
    found
}

/// Files below `folder` whose relative path fits `pattern`, sorted.
fn fitting(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    if !pattern.contains(['*', '?', '[', '{']) {
        return Some(folder.join(pattern))
            .filter(|path| path.is_file())
            .into_iter()
            .collect();
    }
    let Ok(glob) = GlobBuilder::new(pattern).literal_separator(true).build() else {
        tracing::warn!(pattern, "an entry of `instructions` is no pattern");
        return Vec::new();
    };
    let matcher = glob.compile_matcher();
    let depth = (!pattern.contains("**")).then(|| pattern.split('/').count());
    let walk = WalkBuilder::new(folder)
        .standard_filters(false)
        .max_depth(depth)
        .filter_entry(|entry| entry.file_name() != "node_modules" && entry.file_name() != ".git")
        .sort_by_file_name(Ord::cmp)
        .build();
    walk.take(WALK_LIMIT)
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
        .map(ignore::DirEntry::into_path)
        .filter(|path| {
            path.strip_prefix(folder)
                .is_ok_and(|relative| matcher.is_match(relative))
        })
        .collect()
}

/// Reads a rules file; `None` when it is empty, cannot be read, or is too large to be one.
#[must_use]
pub fn read(path: &Path) -> Option<Instruction> {
    let size = fs_err::metadata(path).ok()?.len();
    if size > SIZE_LIMIT {
        tracing::warn!(path = %path.display(), size, "a rules file is too large and is left out");
        return None;
    }
    let text = String::from_utf8_lossy(&fs_err::read(path).ok()?).into_owned();
    (!text.trim().is_empty()).then(|| Instruction {
        path: path.to_owned(),
        text,
    })
}

/// For a file that is read: the rules file of each folder from its own up to, but without, `stop`, the
/// nearest first. The file itself is none.
#[must_use]
pub fn nested(names: &[&str], file: &Path, stop: &Path) -> Vec<PathBuf> {
    let folders = file
        .ancestors()
        .skip(1)
        .take_while(|folder| *folder != stop && folder.starts_with(stop));
    folders
        .filter_map(|folder| {
            names
                .iter()
                .map(|name| folder.join(name))
                .find(|path| path.is_file())
        })
        .filter(|path| path != file)
        .collect()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use tempfile::TempDir;

    use super::*;

    fn found(files: &[&str], configured: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
        let tree = TempDir::new().unwrap();
        let root = tree.path();
        fs_err::create_dir_all(root.join("project/a/b")).unwrap();
        for name in files {
            let path = root.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "rule").unwrap();
        }
        let mut all = vec![("HOME".to_owned(), root.join("home").display().to_string())];
        all.extend(
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let environment: Environment = all.into_iter().collect();
        let place = Place {
            directory: &root.join("project/a/b"),
            worktree: &root.join("project"),
        };
        let configured: Vec<String> = configured
            .iter()
            .map(|entry| entry.replace("ROOT", &root.display().to_string()))
            .collect();
        find(place, &Paths::new(&environment), &environment, &configured)
            .into_iter()
            .map(|path| path.strip_prefix(root).unwrap().display().to_string())
            .collect()
    }

    #[test]
    fn table() {
        let off = [("OPENCODE_DISABLE_CLAUDE_CODE", "1")];
        let no_project = [("OPENCODE_DISABLE_PROJECT_CONFIG", "1")];
        let global = "home/.config/opencode/AGENTS.md";
        for (name, files, configured, variables, wanted) in [
            (
                "all levels of the first name that exists",
                &[
                    "project/AGENTS.md",
                    "project/a/b/AGENTS.md",
                    "project/a/CLAUDE.md",
                    "AGENTS.md",
                ][..],
                &[][..],
                &[][..],
                &["project/a/b/AGENTS.md", "project/AGENTS.md"][..],
            ),
            (
                "the second name",
                &["project/a/CLAUDE.md"],
                &[],
                &[],
                &["project/a/CLAUDE.md"],
            ),
            (
                "CLAUDE.md switched off",
                &["project/a/CLAUDE.md", "project/CONTEXT.md"],
                &[],
                &off,
                &["project/CONTEXT.md"],
            ),
            (
                "global first",
                &[global, "home/.claude/CLAUDE.md", "project/AGENTS.md"],
                &[],
                &[],
                &[global, "project/AGENTS.md"],
            ),
            (
                "global of the other program",
                &["home/.claude/CLAUDE.md"],
                &[],
                &[],
                &["home/.claude/CLAUDE.md"],
            ),
            (
                "without the project",
                &[global, "project/AGENTS.md"],
                &[],
                &no_project,
                &[global],
            ),
            (
                "patterns at every level",
                &[
                    "project/docs/a.md",
                    "project/docs/b.md",
                    "project/a/docs/c.md",
                    "project/docs/no.txt",
                ],
                &["docs/*.md"],
                &[],
                &["project/a/docs/c.md", "project/docs/a.md", "project/docs/b.md"],
            ),
            (
                "absolute and home",
                &["x/r.md", "home/h.md"],
                &["ROOT/x/*.md", "~/h.md", "~/gone.md"],
                &[],
                &["x/r.md", "home/h.md"],
            ),
            (
                "each once",
                &["project/AGENTS.md"],
                &["AGENTS.md", "https://example.com/r.md"],
                &[],
                &["project/AGENTS.md"],
            ),
        ] {
            assert_eq!(found(files, configured, variables), wanted, "{name}");
        }
    }

    #[test]
    fn nested_files_stop_at_the_folder_of_the_session() {
        let tree = TempDir::new().unwrap();
        let root = tree.path();
        fs_err::create_dir_all(root.join("a/b")).unwrap();
        for name in ["AGENTS.md", "a/CLAUDE.md", "a/b/AGENTS.md"] {
            fs_err::write(root.join(name), "rule").unwrap();
        }
        assert_eq!(
            nested(NAMES, &root.join("a/b/c.rs"), root),
            [root.join("a/b/AGENTS.md"), root.join("a/CLAUDE.md")]
        );
        assert_eq!(
            nested(NAMES, &root.join("a/b/AGENTS.md"), root),
            [root.join("a/CLAUDE.md")]
        );
        assert_eq!(nested(NAMES, &root.join("c.rs"), root), Vec::<PathBuf>::new());
        assert_eq!(
            nested(NAMES, Path::new("/elsewhere/c.rs"), root),
            Vec::<PathBuf>::new()
        );
    }

    #[test]
    fn empty_and_huge_files_are_left_out() {
        let tree = TempDir::new().unwrap();
        let path = tree.path().join("AGENTS.md");
        assert_eq!(read(&path), None);
        fs_err::write(&path, " \n").unwrap();
        assert_eq!(read(&path), None);
        fs_err::write(&path, vec![b'x'; SIZE_LIMIT as usize + 1]).unwrap();
        assert_eq!(read(&path), None);
        fs_err::write(&path, "be kind").unwrap();
        assert_eq!(read(&path).unwrap().text, "be kind");
    }
}
