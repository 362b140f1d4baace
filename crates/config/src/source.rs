//! Which files and folders configure a folder, and in which order they count (reference `config.md` §2.1, §2.2).

use std::path::{Path, PathBuf};

use crate::environment::variable;
use crate::{Environment, Paths, Place, managed, markdown, plugin, skill};

/// The global files, of which the later wins.
pub(crate) const GLOBAL_FILES: [&str; 4] =
    ["opencode.toml", "config.json", "opencode.json", "opencode.jsonc"];
/// The global file of the first days.
pub(crate) const OLDEST_FILE: &str = "config";
/// The files of a project folder, of which the later wins.
pub(crate) const PROJECT_FILES: [&str; 3] = ["opencode.toml", "opencode.json", "opencode.jsonc"];
/// The folder of configuration in a project or a home.
pub(crate) const FOLDER: &str = ".opencode";

/// A file that configures a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is outside of the project.
    pub is_global: bool,
}

/// Whose words a source has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    /// Those of the user, or of somebody whom the user chose.
    User,
    /// Those of whoever wrote the project's files.
    Project,
}

/// What is read after the global files.
pub(crate) enum Part<'a> {
    /// A file, which need not be there.
    File { path: PathBuf, writer: Writer },
    /// Markdown files and scripts in a folder of configuration.
    Folder { path: &'a Path, writer: Writer },
}

/// The files that are there, in the order in which they count. Blocks while it looks.
#[must_use]
pub fn files(place: Place<'_>, paths: &Paths, environment: &Environment) -> Vec<SourceFile> {
    let global = |path: PathBuf| SourceFile {
        path,
        is_global: true,
    };
    let directories = directories(place, paths, environment);
    let further = parts(place, paths, environment, &directories).into_iter();
    let further = further.filter_map(|part| match part {
        Part::File { path, writer } => Some(SourceFile {
            path,
            is_global: writer == Writer::User,
        }),
        Part::Folder { .. } => None,
    });
    let mut all: Vec<SourceFile> = GLOBAL_FILES.map(|name| global(paths.config.join(name))).into();
    all.extend(further);
    all.extend(managed::files(environment).map(global));
    all.retain(|file| file.path.is_file());
    all
}

/// Folders that hold agents, skills and so on (reference `config.md` §2.1).
pub(crate) fn directories(place: Place<'_>, paths: &Paths, environment: &Environment) -> Vec<PathBuf> {
    let mut all = vec![paths.config.clone()];
    all.extend(of_project(place, environment).map(|folder| folder.join(FOLDER)));
    all.push(paths.home.join(FOLDER));
    all.extend(chosen(place, environment));
    let mut kept: Vec<PathBuf> = Vec::new();
    for directory in all {
        if directory.is_dir() && !kept.contains(&directory) {
            kept.push(directory);
        }
    }
    kept
}

/// What is read after the global files and before the administrator's, of which the later wins.
pub(crate) fn parts<'a>(
    place: Place<'_>,
    paths: &Paths,
    environment: &Environment,
    directories: &'a [PathBuf],
) -> Vec<Part<'a>> {
    let in_folder = |folder: &Path, writer: Writer| {
        PROJECT_FILES.map(|name| Part::File {
            path: folder.join(name),
            writer,
        })
    };
    let mut parts = Vec::new();
    if let Some(path) = environment.get(variable::CONFIG) {
        parts.push(Part::File {
            path: place.directory.join(path),
            writer: Writer::User,
        });
    }
    let mut folders: Vec<&Path> = of_project(place, environment).collect();
    folders.reverse();
    for folder in &folders {
        parts.extend(in_folder(folder, Writer::Project));
    }
    let chosen = chosen(place, environment);
    for directory in directories {
        let path = directory.as_path();
        // A home may itself be in a worktree.
        let is_project =
            path != paths.home.join(FOLDER) && folders.iter().any(|folder| folder.join(FOLDER) == path);
        let writer = if is_project { Writer::Project } else { Writer::User };
        if path.ends_with(FOLDER) || chosen.as_deref() == Some(path) {
            parts.extend(in_folder(path, writer));
        }
        parts.push(Part::Folder { path, writer });
    }
    parts
}

/// The folders of the project, nearest first; none when they are not to count.
fn of_project<'a>(place: Place<'a>, environment: &Environment) -> impl Iterator<Item = &'a Path> + use<'a> {
    let counts = !environment.is_on(variable::DISABLE_PROJECT_CONFIG);
    counts.then(|| place.upward()).into_iter().flatten()
}

/// The folder of configuration that the environment names.
fn chosen(place: Place<'_>, environment: &Environment) -> Option<PathBuf> {
    let chosen = environment.get(variable::CONFIG_DIR)?;
    Some(place.directory.join(chosen))
}

/// Whether what has this name may configure a folder wherever it is, rules files aside.
#[must_use]
pub fn is_name(name: &str) -> bool {
    GLOBAL_FILES.contains(&name)
        || PROJECT_FILES.contains(&name)
        || name == FOLDER
        || skill::OTHERS.contains(&name)
}

/// Folders in a folder of configuration whose scripts are tools (reference `plugins.md` §6).
pub const TOOL_FOLDERS: [&str; 2] = ["tool", "tools"];

/// The folders in a folder of configuration whose scripts count, and not those below them.
pub fn script_folders() -> impl Iterator<Item = &'static str> {
    plugin::FOLDERS.into_iter().chain(TOOL_FOLDERS)
}

/// The folders in a folder of configuration that are read with all that is below them.
pub fn deep_folders() -> impl Iterator<Item = &'static str> {
    markdown::folders().chain(skill::FOLDERS)
}
