//! Searching the contents of files on several threads, with results in the order of paths.
//!
//! One walk hands out the files in order. As soon as the files handed out so far have as many matches as
//! are wanted, no more are handed out: the first ones in order are then among them, whichever thread was
//! faster.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use grep::matcher::Matcher;
use grep::regex::{RegexMatcher, RegexMatcherBuilder};
use grep::searcher::{BinaryDetection, MmapChoice, Searcher, SearcherBuilder, Sink, SinkMatch};
use tokio_util::sync::CancellationToken;

use super::open::Folder;
use super::walk::{self, Files};
use super::{Error, Grep, Match, Submatch};

/// Longest line that is searched. A file with a longer one is searched up to it.
const MAX_BUFFER: usize = 16 * 1024 * 1024;

/// Memory for the states that a matcher finds out as it goes; it forgets some when they are more.
const MAX_STATES: usize = 64 * 1024 * 1024;

/// Files that a thread takes at once: of few, threads spend a good part of their time waiting for each other.
const BATCH: usize = 64;

/// Finds lines by content.
pub(super) fn search(query: &Grep, cancel: &CancellationToken) -> Result<Vec<Match>, Error> {
    // Parity: tools.md §3 «grep». These are the settings that ripgrep has by default.
    let matcher = RegexMatcherBuilder::new()
        .multi_line(true)
        .line_terminator(Some(b'\n'))
        .ban_byte(Some(b'\0'))
        .dfa_size_limit(MAX_STATES)
        .build(&query.pattern)
        .map_err(Error::Pattern)?;
    let walk = walk::files(&query.directory, query.include.as_deref(), true)?;
    let shared = Shared {
        matcher,
        limit: query.limit,
        folder: Folder::new(&query.directory),
        cancel,
        queue: Mutex::new(Queue {
            walk: walk.enumerate(),
            results: Vec::new(),
            found: 0,
        }),
    };
    std::thread::scope(|scope| {
        for _ in 1..walk::threads() {
            scope.spawn(|| shared.work());
        }
        shared.work();
    });
    if cancel.is_cancelled() {
        return Err(Error::Cancelled);
    }
    let mut results = shared
        .queue
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .results;
    results.sort_unstable_by_key(|(index, _)| *index);
    Ok(results
        .into_iter()
        .flat_map(|(_, matches)| matches)
        .take(query.limit)
        .collect())
}

/// What the threads share.
struct Shared<'a> {
    matcher: RegexMatcher,
    limit: usize,
    folder: Folder,
    cancel: &'a CancellationToken,
    queue: Mutex<Queue>,
}

struct Queue {
    walk: std::iter::Enumerate<Files>,
    /// Matches of a file, with its place in the walk.
    results: Vec<(usize, Vec<Match>)>,
    /// How many matches there are in `results`.
    found: usize,
}

impl Shared<'_> {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Searches file after file until there are no more or no more are wanted.
    fn work(&self) {
        let mut searcher = SearcherBuilder::new()
            .line_number(true)
            .binary_detection(BinaryDetection::quit(b'\0'))
            .memory_map(MmapChoice::never())
            .heap_limit(Some(MAX_BUFFER))
            .build();
        loop {
            let batch = self.take();
            if batch.is_empty() {
                return;
            }
            let mut results = Vec::new();
            let mut found = 0;
            for (index, path) in batch {
                if found >= self.limit {
                    break;
                }
                let matches = self.search_file(&mut searcher, path);
                found += matches.len();
                results.push((index, matches));
            }
            if found > 0 {
                let mut queue = self.lock();
                queue.found += found;
                queue.results.append(&mut results);
            }
        }
    }

    /// The next files and their places in the walk; none when there are no more or no more are wanted.
    fn take(&self) -> Vec<(usize, PathBuf)> {
        let mut batch = Vec::with_capacity(BATCH);
        let mut queue = self.lock();
        while !self.cancel.is_cancelled() && queue.found < self.limit && batch.len() < BATCH {
            match queue.walk.next() {
                Some((index, Some(path))) => batch.push((index, path)),
                Some((_, None)) => {}
                None => break,
            }
        }
        batch
    }

    fn search_file(&self, searcher: &mut Searcher, path: PathBuf) -> Vec<Match> {
        let mut collector = Collector {
            matcher: &self.matcher,
            limit: self.limit,
            path,
            matches: Vec::new(),
        };
        let searched = self.folder.open_listed(&collector.path).and_then(|file| {
            searcher.search_reader(
                &self.matcher,
                Stoppable {
                    file,
                    cancel: self.cancel,
                },
                &mut collector,
            )
        });
        if let Err(error) = searched {
            tracing::debug!(path = %collector.path.display(), %error, "searched in part");
        }
        collector.matches
    }
}

/// A file that ends early when the search is cancelled.
struct Stoppable<'a> {
    file: File,
    cancel: &'a CancellationToken,
}

impl Read for Stoppable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Ok(0);
        }
        self.file.read(buffer)
    }
}

/// Collects the matches of one file.
struct Collector<'a> {
    matcher: &'a RegexMatcher,
    limit: usize,
    path: PathBuf,
    matches: Vec<Match>,
}

impl Sink for &mut Collector<'_> {
    type Error = io::Error;

    fn matched(&mut self, _searcher: &Searcher, found: &SinkMatch<'_>) -> Result<bool, io::Error> {
        self.matches.push(Match {
            path: self.path.clone(),
            line: found.line_number().unwrap_or(0),
            offset: found.absolute_byte_offset(),
            text: cut(found.bytes()),
            submatches: self.submatches(found.bytes())?,
        });
        Ok(self.matches.len() < self.limit)
    }
}

impl Collector<'_> {
    fn submatches(&self, line: &[u8]) -> io::Result<Vec<Submatch>> {
        let mut submatches = Vec::new();
        if line.len() > Match::MAX_LINE {
            return Ok(submatches);
        }
        // The line break belongs to no match, though `$` may look at it.
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        self.matcher
            .find_iter(content, |found| {
                let text = content.get(found.start()..found.end()).unwrap_or_default();
                submatches.push(Submatch {
                    text: String::from_utf8_lossy(text).into_owned(),
                    start: found.start(),
                    end: found.end(),
                });
                submatches.len() < Match::MAX_SUBMATCHES
            })
            .map_err(io::Error::other)?;
        Ok(submatches)
    }
}

/// The text of a line, cut when it is long.
fn cut(line: &[u8]) -> String {
    // A unit takes three bytes at most, so what follows here can only be cut away.
    let enough = line.get(..3 * Match::MAX_TEXT + 4).unwrap_or(line);
    let text = String::from_utf8_lossy(enough);
    let mut units = 0;
    for (index, char) in text.char_indices() {
        units += char.len_utf16();
        if units > Match::MAX_TEXT {
            return format!("{}...", text.get(..index).unwrap_or_default());
        }
    }
    text.into_owned()
}
