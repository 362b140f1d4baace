//! Colours of code. Grammars are large and first uses of them are slow, so nothing is loaded before code is seen,
//! and all code is read on another thread: [`Highlighter::colors`] gives what is known at once and notes a [`Job`];
//! the face runs it where waiting is allowed and brings back what it [found](Highlighter::finish). Code that grows,
//! as it does while a model writes it, keeps its colours and is read on from where it had been read to.

mod language;
mod scopes;

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ratatui::style::Style;
use syntect::parsing::{ParseState, ScopeStack, SyntaxReference, SyntaxSet};

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
/// How long a job may take; what is left then stays plain. The first line of some languages alone takes most of a
/// second, because their expressions are compiled then.
const TIME: Duration = Duration::from_secs(5);
/// Texts that are remembered, and their bytes.
const TEXTS: usize = 128;
const TEXT_BYTES: usize = 4 * 1024 * 1024;

/// The classes of a line: bytes, and what they are.
type Line = Vec<(u32, Option<Class>)>;

/// The colours of a text as far as they are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Colors {
    lines: Arc<Vec<Line>>,
    /// The lines of these that are the text's; the others are of a text with the same beginning.
    count: usize,
    /// Whether more will be known later: then [`Highlighter::revision`] grows.
    pub(crate) is_waiting: bool,
}

impl Colors {
    /// A line of the text that the colours were asked for, in colour; `base` is the look of what has none.
    pub(crate) fn line(&self, index: usize, text: &str, base: Style, theme: &Theme) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut rest = text;
        let line = self.lines.get(index).filter(|_| index < self.count);
        for (bytes, class) in line.into_iter().flatten() {
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
    /// What has been read of its beginning.
    before: Option<Reading>,
}

/// What a job found.
pub(crate) struct Done(Reading);

impl Job {
    /// Reads the code. Mostly this takes a millisecond, but some seconds at worst.
    pub(crate) fn run(self) -> Done {
        let set = self.set.get_or_init(two_face::syntax::extra_newlines);
        let mut reading = self.before.unwrap_or_else(|| {
            let reader = self.language.syntax(set).map(Reader::new);
            Reading {
                language: self.language,
                code: String::new(),
                lines: Arc::default(),
                reader: reader.map(|reader| (0, reader)),
                used: 0,
            }
        });
        reading.go_on(set, self.code);
        Done(reading)
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
        // Its beginnings were its earlier states.
        inner
            .readings
            .retain(|known| known.language != reading.language || !reading.code.starts_with(&known.code));
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
        let of_language = |(_, reading): &(usize, &mut Reading)| reading.language == *language;
        let mut known = inner.readings.iter_mut().enumerate().filter(of_language);
        let best = known
            .by_ref()
            .filter(|(_, known)| known.code == code || known.is_before(code));
        let best = best.max_by_key(|(_, known)| (known.code == code, known.bytes()));
        let Some((index, known)) = best else {
            inner.want(&self.set, language, code, None);
            return Colors {
                is_waiting: true,
                ..Colors::default()
            };
        };
        known.used = clock;
        let is_whole = known.code == code || known.reader.is_none();
        let is_growth = code.starts_with(&known.code);
        let colors = Colors {
            lines: Arc::clone(&known.lines),
            count: if is_whole || is_growth {
                usize::MAX
            } else {
                known.whole_lines()
            },
            is_waiting: !is_whole,
        };
        if colors.is_waiting {
            inner.want(&self.set, language, code, Some(index));
        }
        colors
    }
}

impl Inner {
    fn want(
        &mut self,
        set: &Arc<OnceLock<SyntaxSet>>,
        language: &Language,
        code: &str,
        before: Option<usize>,
    ) {
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
            before: before.and_then(|index| self.readings.get(index)).cloned(),
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

    /// The lines that need not be read again.
    fn whole_lines(&self) -> usize {
        let read = self.code.get(..self.bytes()).unwrap_or_default();
        read.matches('\n').count()
    }

    fn go_on(&mut self, set: &SyntaxSet, code: String) {
        if let Some((bytes, reader)) = self.reader.take() {
            let whole = self
                .code
                .get(..bytes)
                .map_or(0, |read| read.matches('\n').count());
            let lines = Arc::make_mut(&mut self.lines);
            lines.truncate(whole);
            let rest = code.get(bytes..).unwrap_or_default();
            self.reader = read(set, reader, rest, lines).map(|(more, reader)| (bytes + more, reader));
        }
        self.code = code;
    }
}

/// Reads lines. What it gives back stands after the last whole line; none if it had to give up.
fn read(set: &SyntaxSet, mut reader: Reader, code: &str, lines: &mut Vec<Line>) -> Option<(usize, Reader)> {
    let since = Instant::now();
    let mut whole = (0, reader.clone());
    let mut bytes = 0;
    for line in code.split_inclusive('\n') {
        if since.elapsed() > TIME {
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
    fn new(syntax: &SyntaxReference) -> Self {
        Self {
            state: ParseState::new(syntax),
            scopes: ScopeStack::new(),
        }
    }

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
