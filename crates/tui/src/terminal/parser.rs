//! Bytes of a terminal into events. It may be fed any bytes in any pieces: what is no sequence is dropped, what
//! never ends is given up, and everything that it keeps has a bound.

mod csi;
mod osc;

use std::time::Duration;

use super::event::{Event, Paste};
use crate::key::{Code, Modifiers, Press};

/// The longest text that can be pasted, in bytes; what comes after it is dropped.
pub(crate) const PASTE_LIMIT: usize = 16 * 1024 * 1024;

/// The longest sequence that a terminal sends.
const SEQUENCE_LIMIT: usize = 4096;

/// How long the rest of a key's sequence may take: when it does not come, it was the escape key.
const KEY_PATIENCE: Duration = Duration::from_millis(30);

/// How long the rest of an answer may take over a slow line.
const ANSWER_PATIENCE: Duration = Duration::from_millis(500);

/// How long the rest of a pasted text may take.
const PASTE_PATIENCE: Duration = Duration::from_secs(5);

const PASTE_END: &[u8] = b"\x1b[201~";

/// The state between two pieces.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    pending: Vec<u8>,
    paste: Option<Pasting>,
}

#[derive(Debug, Default)]
struct Pasting {
    text: Vec<u8>,
    cut: bool,
}

/// What the beginning of the pending bytes is.
pub(super) enum Step {
    /// An event, or nothing that matters, of so many bytes.
    Taken(usize, Option<Event>),
    /// The beginning of a pasted text.
    Paste(usize),
    /// It cannot be told yet.
    More,
}

impl Parser {
    /// Takes a piece and adds the events that it completes.
    pub(crate) fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        self.pending.extend_from_slice(bytes);
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while !rest.is_empty() {
            if self.paste.is_some() {
                rest = self.pasted(rest, events);
                if self.paste.is_some() {
                    break;
                }
                continue;
            }
            match step(rest) {
                Step::Taken(length, event) => {
                    events.extend(event);
                    rest = rest.get(length.max(1)..).unwrap_or_default();
                }
                Step::Paste(length) => {
                    self.paste = Some(Pasting::default());
                    rest = rest.get(length..).unwrap_or_default();
                }
                Step::More if rest.len() > SEQUENCE_LIMIT => rest = rest.get(1..).unwrap_or_default(),
                Step::More => break,
            }
        }
        self.pending = rest.to_vec();
    }

    /// How long to wait for more before [`Self::give_up`] is called.
    pub(crate) fn patience(&self) -> Option<Duration> {
        match (&self.paste, self.pending.len()) {
            (Some(_), _) => Some(PASTE_PATIENCE),
            (None, 0) => None,
            (None, 1 | 2) => Some(KEY_PATIENCE),
            (None, _) => Some(ANSWER_PATIENCE),
        }
    }

    /// Nothing more comes: what is there was all.
    pub(crate) fn give_up(&mut self, events: &mut Vec<Event>) {
        let pending = std::mem::take(&mut self.pending);
        if let Some(mut pasting) = self.paste.take() {
            pasting.add(&pending);
            events.push(pasting.finish());
            return;
        }
        let key = |code, modifiers| Event::Key(Press::new(code, modifiers));
        match pending.as_slice() {
            [0x1b] => events.push(key(Code::Escape, Modifiers::NONE)),
            [0x1b, 0x1b] => events.extend([
                key(Code::Escape, Modifiers::NONE),
                key(Code::Escape, Modifiers::NONE),
            ]),
            // Alt with the sign that also begins a sequence.
            [0x1b, byte] if byte.is_ascii_graphic() => {
                events.push(key(Code::Char(char::from(*byte)), Modifiers::ALT));
            }
            _ => {}
        }
    }

    /// Takes pasted bytes and returns what comes after them.
    fn pasted<'a>(&mut self, bytes: &'a [u8], events: &mut Vec<Event>) -> &'a [u8] {
        let Some(pasting) = &mut self.paste else {
            return bytes;
        };
        if let Some(end) = find(bytes, PASTE_END) {
            pasting.add(bytes.get(..end).unwrap_or_default());
            events.extend(self.paste.take().map(Pasting::finish));
            return bytes.get(end + PASTE_END.len()..).unwrap_or_default();
        }
        // The end may be cut in two.
        let tail = (1..PASTE_END.len()).rev().find(|length| {
            let begin = PASTE_END.get(..*length).unwrap_or_default();
            bytes.ends_with(begin)
        });
        let (text, tail) = bytes.split_at(bytes.len() - tail.unwrap_or(0));
        pasting.add(text);
        tail
    }
}

impl Pasting {
    fn add(&mut self, bytes: &[u8]) {
        let room = PASTE_LIMIT - self.text.len();
        self.cut |= bytes.len() > room;
        self.text.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn finish(mut self) -> Event {
        if self.cut {
            // The last character may be cut in two.
            let end = self
                .text
                .utf8_chunks()
                .map(|chunk| chunk.valid().len())
                .sum::<usize>();
            if self.text.len() - end < 4 {
                self.text.truncate(end);
            }
        }
        let text = String::from_utf8(self.text)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Event::Paste(Paste { text, cut: self.cut })
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    loop {
        let rest = bytes.get(from..)?;
        let at = from + rest.iter().position(|byte| *byte == first)?;
        if bytes.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// What bytes begin with.
fn step(bytes: &[u8]) -> Step {
    match bytes {
        [] | [0x1b] => Step::More,
        [0x1b, b'[', ..] => csi::step(bytes),
        [0x1b, b'O', ..] => ss3(bytes),
        [0x1b, b']' | b'P' | b'_' | b'^' | b'X', ..] => osc::step(bytes),
        [0x1b, 0x1b, rest @ ..] => match rest.first() {
            None => Step::More,
            Some(b'[' | b'O') => with_alt(bytes),
            Some(_) => key(1, Code::Escape, Modifiers::NONE),
        },
        [0x1b, ..] => with_alt(bytes),
        [byte, ..] if *byte < 0x80 => {
            let (code, modifiers) = plain(*byte);
            key(1, code, modifiers)
        }
        _ => character(bytes),
    }
}

/// Escape before another key is alt.
fn with_alt(bytes: &[u8]) -> Step {
    match step(bytes.get(1..).unwrap_or_default()) {
        Step::Taken(length, Some(Event::Key(press))) => {
            let modifiers = press.modifiers().with(Modifiers::ALT);
            let event = Press::new(press.code(), modifiers).moving(press.motion);
            Step::Taken(length + 1, Some(Event::Key(event)))
        }
        Step::Taken(length, event) => Step::Taken(length + 1, event),
        Step::Paste(length) => Step::Paste(length + 1),
        Step::More => Step::More,
    }
}

pub(super) fn key(length: usize, code: Code, modifiers: Modifiers) -> Step {
    Step::Taken(length, Some(Event::Key(Press::new(code, modifiers))))
}

/// The key of one byte.
fn plain(byte: u8) -> (Code, Modifiers) {
    let control = |character| (Code::Char(character), Modifiers::CONTROL);
    match byte {
        0 => control(' '),
        b'\t' => (Code::Tab, Modifiers::NONE),
        b'\r' => (Code::Enter, Modifiers::NONE),
        8 | 0x7f => (Code::Backspace, Modifiers::NONE),
        1..=26 => control(char::from(byte - 1 + b'a')),
        0x1c => control('\\'),
        0x1d => control(']'),
        0x1e => control('^'),
        // Terminals send one byte for control with underscore and with minus; the latter is bound.
        0x1f => control('-'),
        _ => (Code::Char(char::from(byte)), Modifiers::NONE),
    }
}

/// A character of several bytes.
fn character(bytes: &[u8]) -> Step {
    let head = bytes.get(..bytes.len().min(4)).unwrap_or(bytes);
    let Some(chunk) = head.utf8_chunks().next() else {
        return Step::More;
    };
    if let Some(character) = chunk.valid().chars().next() {
        return key(character.len_utf8(), Code::Char(character), Modifiers::NONE);
    }
    // Bytes that may become a character are the last that are there, and the next one could still fit.
    let expected = match bytes.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 1,
    };
    match bytes.len() < expected && chunk.invalid().len() == bytes.len() {
        true => Step::More,
        false => Step::Taken(chunk.invalid().len(), None),
    }
}

/// Keys in application mode: `ESC O` and a letter.
fn ss3(bytes: &[u8]) -> Step {
    let Some(letter) = bytes.get(2) else {
        return Step::More;
    };
    match csi::letter(*letter) {
        Some(code) => key(3, code, Modifiers::NONE),
        None if *letter == b'M' => key(3, Code::Enter, Modifiers::NONE),
        None => Step::Taken(3, None),
    }
}

#[cfg(test)]
mod tests;
