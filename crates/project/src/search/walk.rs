//! The files of a folder, in the order of their paths.

use std::path::{Path, PathBuf};

use ignore::overrides::{Override, OverrideBuilder};
use ignore::{Walk, WalkBuilder};

use super::Error;

/// What is never looked at, wherever it lies.
const NEVER: &str = "!**/.git/**";

/// Every file below `directory` that the ignore files and `pattern` let through, relative to `directory`;
/// `None` stands for an entry that is no file or cannot be read, so that a caller is never kept waiting.
/// Links, pipes and devices are no files.
pub(super) fn files(directory: &Path, pattern: Option<&str>, hidden: bool) -> Result<Files, Error> {
    walk(directory, &overrides(directory, pattern)?, hidden)
}

/// Every file that is not hidden, and that neither the ignore files nor the patterns leave out.
pub(super) fn all(directory: &Path, left_out: &[String]) -> Result<Files, Error> {
    let patterns: Vec<String> = left_out.iter().map(|pattern| format!("!{pattern}")).collect();
    walk(
        directory,
        &overrides(directory, patterns.iter().map(String::as_str))?,
        false,
    )
}

fn walk(directory: &Path, overrides: &Override, hidden: bool) -> Result<Files, Error> {
    let directory_error = |source| Error::Directory {
        directory: directory.to_owned(),
        source,
    };
    let metadata = fs_err::metadata(directory).map_err(|error| directory_error(Some(error)))?;
    if !metadata.is_dir() {
        return Err(directory_error(None));
    }
    let mut builder = WalkBuilder::new(directory);
    builder
        .hidden(!hidden)
        .add_custom_ignore_filename(".rgignore")
        .overrides(overrides.clone())
        .sort_by_file_name(Ord::cmp);
    Ok(Files {
        directory: directory.to_owned(),
        walk: builder.build(),
    })
}

fn overrides<'a>(directory: &Path, patterns: impl IntoIterator<Item = &'a str>) -> Result<Override, Error> {
    let mut builder = OverrideBuilder::new(directory);
    for pattern in patterns.into_iter().chain([NEVER]) {
        builder.add(pattern).map_err(Error::Glob)?;
    }
    builder.build().map_err(Error::Glob)
}

/// See [`files`].
pub(super) struct Files {
    directory: PathBuf,
    walk: Walk,
}

impl Iterator for Files {
    type Item = Option<PathBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = match self.walk.next()? {
            Ok(entry) => entry,
            Err(error) => {
                tracing::debug!(%error, "not searched");
                return Some(None);
            }
        };
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            return Some(None);
        }
        Some(
            entry
                .path()
                .strip_prefix(&self.directory)
                .ok()
                .map(Path::to_owned),
        )
    }
}
