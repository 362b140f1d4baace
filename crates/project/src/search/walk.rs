//! The files of a folder, in the order of their paths: one after the other, or the first of them at once.

use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ignore::overrides::{Override, OverrideBuilder};
use ignore::{DirEntry, Walk, WalkBuilder, WalkState};
use tokio_util::sync::CancellationToken;

use super::{Error, Glob};

/// More threads than this wait for the disk rather than work.
const MAX_THREADS: usize = 8;

/// What is never looked at, wherever it lies.
const NEVER: &str = "!**/.git/**";

/// Every file below `directory` that the ignore files and `pattern` let through, relative to `directory`;
/// `None` stands for an entry that is no file or cannot be read, so that a caller is never kept waiting.
/// Links, pipes and devices are no files.
pub(super) fn files(directory: &Path, pattern: Option<&str>, hidden: bool) -> Result<Files, Error> {
    walk(directory, &overrides(directory, pattern)?, hidden)
}

/// The first of the files that [`files`] finds, found on several threads; fewer when `cancel` fires.
pub(super) fn first_files(query: &Glob, cancel: &CancellationToken) -> Result<Vec<PathBuf>, Error> {
    let Glob {
        directory,
        pattern,
        hidden,
        limit,
    } = query;
    let overrides = overrides(directory, Some(pattern.as_str()))?;
    let walk = builder(directory, &overrides, *hidden)?
        .threads(threads())
        .build_parallel();
    let first = First {
        directory,
        limit: *limit,
        cancel,
        kept: Mutex::default(),
    };
    walk.run(|| {
        Box::new(|entry| match entry {
            Ok(entry) => first.visit(&entry),
            Err(error) => {
                tracing::debug!(%error, "not searched");
                WalkState::Continue
            }
        })
    });
    let kept = first.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(kept.into_sorted_vec())
}

/// The files that come first among those that several threads find, each in an order of its own.
struct First<'a> {
    directory: &'a Path,
    limit: usize,
    cancel: &'a CancellationToken,
    /// The last one on top. Paths are compared name by name, so that all of a folder stands together.
    kept: Mutex<BinaryHeap<PathBuf>>,
}

impl First<'_> {
    fn visit(&self, entry: &DirEntry) -> WalkState {
        if self.cancel.is_cancelled() || self.limit == 0 {
            return WalkState::Quit;
        }
        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
        if !is_folder && !is_file(entry) {
            return WalkState::Continue;
        }
        let Ok(path) = entry.path().strip_prefix(self.directory) else {
            return WalkState::Continue;
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = kept.len() >= self.limit;
        if is_full && kept.peek().is_some_and(|last| path > last.as_path()) {
            // What is in a folder comes after it.
            return WalkState::Skip;
        }
        if !is_folder {
            if is_full {
                kept.pop();
            }
            kept.push(path.to_owned());
        }
        WalkState::Continue
    }
}

fn is_file(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_file())
}

/// How many threads search.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MAX_THREADS)
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

/// Walks in the order of paths.
fn walk(directory: &Path, overrides: &Override, hidden: bool) -> Result<Files, Error> {
    Ok(Files {
        directory: directory.to_owned(),
        walk: builder(directory, overrides, hidden)?
            .sort_by_file_name(Ord::cmp)
            .build(),
    })
}

fn builder(directory: &Path, overrides: &Override, hidden: bool) -> Result<WalkBuilder, Error> {
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
        .overrides(overrides.clone());
    Ok(builder)
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
        if !is_file(&entry) {
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
