//! Finding files by name and by content, as the reference does it with ripgrep (reference `tools.md` §3,
//! «glob», «grep»).
//!
//! The engine is ripgrep's own, in process: the same ignore files (`.gitignore`, `.ignore`, `.rgignore`),
//! the same globs, the same regular expressions, the same notion of a binary file. Two things are ours.
//! Results come in the order of paths, where ripgrep's order depends on which thread was faster. And what
//! cannot be searched (a line of many megabytes, a text that is not UTF-8) is searched as far as possible,
//! where the reference gives up the whole search.
//!
//! Both searches run on blocking threads, stop soon after they are cancelled or no longer waited for, and
//! keep at most as much as their limit asks for. Nothing here asks for permission.

mod contents;
pub mod names;
mod open;
mod walk;

use std::io;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

pub use open::open_regular;

/// Every file of a folder that is not hidden, and that neither the ignore files nor the patterns leave out,
/// relative to it, in the order of paths; `None` now and then, so that a caller is never kept waiting.
///
/// # Errors
/// It is no folder, or a pattern is wrong.
pub fn files(directory: &Path, left_out: &[String]) -> Result<impl Iterator<Item = Option<PathBuf>>, Error> {
    walk::all(directory, left_out)
}

/// Which files to find by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// Where to look. Results are relative to it.
    pub directory: PathBuf,
    /// What the path of a file has to match: as ripgrep's `--glob`. A pattern without a slash matches in
    /// every folder, one that begins with `!` matches what the rest does not, an empty one everything.
    /// A file or folder that matches is found even if it is hidden or ignored.
    pub pattern: String,
    /// Whether hidden files and folders are looked at in any case.
    pub hidden: bool,
    /// How many files to find at most.
    pub limit: usize,
}

/// Which lines to find by content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grep {
    /// Where to look. Hidden files are looked at. Paths of results are relative to it.
    pub directory: PathBuf,
    /// A regular expression in ripgrep's syntax that a line has to match.
    pub pattern: String,
    /// What the path of a file has to match, as [`Glob::pattern`].
    pub include: Option<String>,
    /// How many lines to find at most.
    pub limit: usize,
}

/// A line that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Its file, relative to the folder of the search.
    pub path: PathBuf,
    /// Its number, from 1.
    pub line: u64,
    /// Bytes of the file before it.
    pub offset: u64,
    /// The line with its line break, cut after [`Match::MAX_TEXT`] characters (UTF-16 units) and then
    /// ending in `...`.
    pub text: String,
    /// What in it matched. Empty for lines of more than [`Match::MAX_LINE`] bytes.
    pub submatches: Vec<Submatch>,
}

impl Match {
    /// UTF-16 units of a line that are kept.
    pub const MAX_TEXT: usize = 2000;
    /// Bytes of a line whose matches are told one by one.
    pub const MAX_LINE: usize = 64 * 1024;
    /// Matches of a line that are told one by one.
    pub const MAX_SUBMATCHES: usize = 100;
}

/// What in a line matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submatch {
    /// Its text.
    pub text: String,
    /// Bytes of the line before it.
    pub start: usize,
    /// Bytes of the line up to its end.
    pub end: usize,
}

/// Why nothing was searched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no folder to search in.
    #[error("No such directory: {}", directory.display())]
    Directory {
        /// Where it should be.
        directory: PathBuf,
        /// What the system said; `None` when it is something else than a folder.
        source: Option<io::Error>,
    },
    /// A pattern of paths cannot be read.
    #[error("invalid glob")]
    Glob(#[source] ignore::Error),
    /// A regular expression cannot be read or is too large.
    #[error("{0}")]
    Pattern(#[source] grep::regex::Error),
    /// The search was cancelled.
    #[error("search cancelled")]
    Cancelled,
    /// The search broke down.
    #[error("search failed")]
    Broken(#[source] tokio::task::JoinError),
}

/// Finds files by name, in the order of their paths.
///
/// # Errors
/// When the folder or the pattern is no good, or `cancel` fires before the end.
pub async fn glob(query: Glob, cancel: &CancellationToken) -> Result<Vec<PathBuf>, Error> {
    blocking(cancel, move |cancel| {
        let paths = walk::first_files(&query, cancel)?;
        if cancel.is_cancelled() {
            Err(Error::Cancelled)
        } else {
            Ok(paths)
        }
    })
    .await
}

/// Finds lines by content, in the order of paths and lines.
///
/// # Errors
/// When the folder or a pattern is no good, or `cancel` fires before the end.
pub async fn grep(query: Grep, cancel: &CancellationToken) -> Result<Vec<Match>, Error> {
    blocking(cancel, move |cancel| contents::search(&query, cancel)).await
}

/// Runs `work` on a blocking thread; it is cancelled when `cancel` is or when nobody waits any longer.
async fn blocking<T: Send + 'static>(
    cancel: &CancellationToken,
    work: impl FnOnce(&CancellationToken) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let token = cancel.child_token();
    let stop_when_dropped = token.clone().drop_guard();
    let result = tokio::task::spawn_blocking(move || work(&token))
        .await
        .map_err(Error::Broken)?;
    drop(stop_when_dropped);
    result
}

#[cfg(test)]
mod tests;
