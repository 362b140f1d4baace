//! Colours of code. Grammars are large and first uses of them are slow, so nothing is loaded before code is seen,
//! and what is new is read on another thread: [`Highlighter::colors`] gives what is known at once and notes a
//! [`Job`]; the face runs it where waiting is allowed and brings back what it [found](Highlighter::finish). Code
//! that grows by a little, as it does while a model writes it, is read further on the spot.

mod language;
mod scopes;

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ratatui::style::Style;
use syntect::parsing::{ParseState, ScopeStack, SyntaxSet};

pub(crate) use self::language::Language;
use self::scopes::{Class, class_of};
use crate::row::Span;
use crate::theme::Theme;

/// Lines of a text that get colours.
const LINES: usize = 2000;
/// Bytes of a text that get colours.
const BYTES: usize = 256 * 1024;
/// A longer line stays plain: some expressions of grammars take quadratic time.
const LINE_BYTES: usize = 2000;
/// How long a job may take; what is left then stays plain.
const TIME: Duration = Duration::from_millis(500);
/// Lines and bytes that are read on the spot.
const SPOT_LINES: usize = 40;
const SPOT_BYTES: usize = 4096;
/// Texts that are remembered, and their bytes.
const TEXTS: usize = 128;
const TEXT_BYTES: usize = 4 * 1024 * 1024;

/// The classes of a line: bytes, and what they are.
type Line = Vec<(u32, Option<Class>)>;

/// The colours of a text as far as they are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Colors {
    lines: Arc<Vec<Line>>,
    /// Whether more will be known later: then [`Highlighter::revision`] grows.
    pub(crate) is_waiting: bool,
}

impl Colors {
    /// A line of the text that the colours were asked for, in colour; `base` is the look of what has none.
    pub(crate) fn line(&self, index: usize, text: &str, base: Style, theme: &Theme) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut rest = text;
        for (bytes, class) in self.lines.get(index).into_iter().flatten() {
            let Some((head, tail)) = rest.split_at_checked(*bytes as usize) else {
                break;
            };
            spans.push(Span::new(
                head,
                class.map_or(base, |class| base.patch(class.style(theme))),
            ));
            rest = tail;
        }
        if !rest.is_empty() || spans.is_empty() {
            spans.push(Span::new(rest, base));
        }
        spans
    }
}

/// What has been read of a text.
#[derive(Clone)]
struct Reading {
    language: Language,
    code: String,
    lines: Arc<Vec<Line>>,
    /// The bytes of whole lines that were read, and the reader after them; none if it gave up.
    reader: Option<(usize, Reader)>,
    used: u64,
}

#[derive(Clone)]
struct Reader {
    state: ParseState,
    scopes: ScopeStack,
}

/// Colours of code, with a memory of what was coloured before.
pub(crate) struct Highlighter {
    set: Arc<OnceLock<SyntaxSet>>,
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    readings: Vec<Reading>,
    pending: Vec<(Language, String)>,
    jobs: Vec<Job>,
    revision: u64,
    clock: u64,
}

/// Code to be read where waiting is allowed.
pub(crate) struct Job {
    set: Arc<OnceLock<SyntaxSet>>,
    language: Language,
    code: String,
}

/// What a job found.
pub(crate) struct Done(Reading);

impl Job {
    /// Reads the code. Takes up to half a second, and the first time as long as grammars take to load.
    pub(crate) fn run(self) -> Done {
        let set = self.set.get_or_init(two_face::syntax::extra_newlines);
        let mut lines = Vec::new();
        let reader = self.language.syntax(set).and_then(|syntax| {
            let reader = Reader {
                state: ParseState::new(syntax),
                scopes: ScopeStack::new(),
            };
            read(set, reader, &self.code, &mut lines, Some(Instant::now()))
        });
        Done(Reading {
            language: self.language,
            code: self.code,
            lines: Arc::new(lines),
            reader,
            used: 0,
        })
    }
}

impl Default for Highlighter {
    fn default() -> Self {
        Self {
            set: Arc::new(OnceLock::new()),
            inner: RefCell::default(),
        }
    }
}

impl Highlighter {
    /// Grows when colours become known that were waited for.
    pub(crate) fn revision(&self) -> u64 {
        self.inner.borrow().revision
    }

    /// The jobs that have come up since this was last asked.
    pub(crate) fn take_jobs(&self) -> Vec<Job> {
        std::mem::take(&mut self.inner.borrow_mut().jobs)
    }

    /// Takes what a job found.
    pub(crate) fn finish(&self, done: Done) {
        let mut inner = self.inner.borrow_mut();
        let Done(reading) = done;
        inner
            .pending
            .retain(|(language, code)| *language != reading.language || *code != reading.code);
        inner.revision += 1;
        inner.remember(reading);
    }

    /// The colours of a text, which is made safe, as far as they are known now.
    pub(crate) fn colors(&self, language: Option<&Language>, code: &str) -> Colors {
        let Some(language) = language else {
            return Colors::default();
        };
        let code = beginning(code);
        let mut inner = self.inner.borrow_mut();
        inner.clock += 1;
        let clock = inner.clock;
        let of_language = |reading: &&mut Reading| reading.language == *language;
        if let Some(known) = inner
            .readings
            .iter_mut()
            .filter(of_language)
            .find(|known| known.code == code)
        {
            known.used = clock;
            return Colors {
                lines: Arc::clone(&known.lines),
                is_waiting: false,
            };
        }
        let before = inner
            .readings
            .iter_mut()
            .filter(of_language)
            .filter(|known| known.is_before(code));
        if let Some(known) = before.max_by_key(|known| known.bytes()) {
            known.used = clock;
            let rest = code.get(known.bytes()..).unwrap_or_default();
            let is_little = rest.len() <= SPOT_BYTES && rest.lines().count() <= SPOT_LINES;
            if known.reader.is_none() {
                return Colors {
                    lines: Arc::clone(&known.lines),
                    is_waiting: false,
                };
            }
            if let (true, Some(set)) = (is_little, self.set.get()) {
                // Another text with the same beginning is a reading of its own.
                let is_growth = code.starts_with(&known.code);
                let mut copy = if is_growth { None } else { Some(known.clone()) };
                let reading = copy.as_mut().unwrap_or(known);
                reading.go_on(set, code);
                let lines = Arc::clone(&reading.lines);
                if let Some(copy) = copy {
                    inner.remember(copy);
                }
                return Colors {
                    lines,
                    is_waiting: false,
                };
            }
            let lines = Arc::clone(&known.lines);
            inner.want(&self.set, language, code);
            return Colors {
                lines,
                is_waiting: true,
            };
        }
        inner.want(&self.set, language, code);
        Colors {
            lines: Arc::default(),
            is_waiting: true,
        }
    }
}

impl Inner {
    fn want(&mut self, set: &Arc<OnceLock<SyntaxSet>>, language: &Language, code: &str) {
        // Code that grows is not asked for again while an earlier state of it is being read.
        let is_pending = |(of, text): &(Language, String)| of == language && code.starts_with(text.as_str());
        if self.pending.iter().any(is_pending) || self.pending.len() >= TEXTS {
            return;
        }
        self.pending.push((language.clone(), code.to_owned()));
        self.jobs.push(Job {
            set: Arc::clone(set),
            language: language.clone(),
            code: code.to_owned(),
        });
    }

    fn remember(&mut self, mut reading: Reading) {
        self.clock += 1;
        reading.used = self.clock;
        self.readings.push(reading);
        let mut bytes: usize = self.readings.iter().map(|reading| reading.code.len()).sum();
        while self.readings.len() > 1 && (self.readings.len() > TEXTS || bytes > TEXT_BYTES) {
            let oldest = self
                .readings
                .iter()
                .enumerate()
                .min_by_key(|(_, reading)| reading.used);
            let Some((index, _)) = oldest else { break };
            bytes -= self.readings.swap_remove(index).code.len();
        }
    }
}

impl Reading {
    /// The bytes that need not be read again.
    fn bytes(&self) -> usize {
        self.reader.as_ref().map_or(self.code.len(), |(bytes, _)| *bytes)
    }

    /// Whether what was read is the beginning of a text.
    fn is_before(&self, code: &str) -> bool {
        let read = self.code.get(..self.bytes()).unwrap_or_default();
        code.starts_with(read) && (!read.is_empty() || self.reader.is_some())
    }

    fn go_on(&mut self, set: &SyntaxSet, code: &str) {
        let Some((bytes, reader)) = self.reader.take() else {
            return;
        };
        let rest = code.get(bytes..).unwrap_or_default();
        let whole = code.get(..bytes).map_or(0, |read| read.matches('\n').count());
        let lines = Arc::make_mut(&mut self.lines);
        lines.truncate(whole);
        self.reader = read(set, reader, rest, lines, None).map(|(more, reader)| (bytes + more, reader));
        self.code.clear();
        self.code.push_str(code);
    }
}

/// Reads lines. What it gives back stands after the last whole line; none if it had to give up.
fn read(
    set: &SyntaxSet,
    mut reader: Reader,
    code: &str,
    lines: &mut Vec<Line>,
    since: Option<Instant>,
) -> Option<(usize, Reader)> {
    let mut whole = (0, reader.clone());
    let mut bytes = 0;
    for line in code.split_inclusive('\n') {
        if since.is_some_and(|since| since.elapsed() > TIME) {
            return None;
        }
        lines.push(if line.len() > LINE_BYTES {
            Line::new()
        } else {
            reader.line(set, line)?
        });
        bytes += line.len();
        if line.ends_with('\n') {
            whole = (bytes, reader.clone());
        }
    }
    Some(whole)
}

impl Reader {
    fn line(&mut self, set: &SyntaxSet, line: &str) -> Option<Line> {
        let changes = self.state.parse_line(line, set).ok()?;
        let end = line.trim_end_matches('\n').len();
        let mut classes = Line::new();
        let mut from = 0;
        let mut push = |from: usize, to: usize, class: Option<Class>| {
            let bytes = u32::try_from(to.saturating_sub(from)).unwrap_or(0);
            match classes.last_mut() {
                Some((last, of)) if *of == class => *last += bytes,
                _ if bytes > 0 => classes.push((bytes, class)),
                _ => {}
            }
        };
        for (at, change) in changes {
            let to = at.min(end);
            if to > from {
                push(from, to, class_of(&self.scopes));
                from = to;
            }
            self.scopes.apply(&change).ok()?;
        }
        push(from, end, class_of(&self.scopes));
        Some(classes)
    }
}

/// The beginning of a text that gets colours.
fn beginning(code: &str) -> &str {
    let code = code.get(..code.floor_char_boundary(BYTES)).unwrap_or(code);
    let end = code
        .match_indices('\n')
        .nth(LINES - 1)
        .map_or(code.len(), |(at, _)| at + 1);
    code.get(..end).unwrap_or(code)
}

#[cfg(test)]
pub(crate) mod tests;
