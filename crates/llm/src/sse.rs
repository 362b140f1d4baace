//! Server-sent events: bytes in, the data of events out.
//!
//! The bytes may be split anywhere, also inside a character. Event names, ids and retry times are read
//! over: no protocol here needs them. Data is held only until its event is complete, and never more than
//! the limit (reference `providers.md` §4).

use crate::json::text_of;

/// The limit that the driver sets: far above any real event, far below what would hurt.
pub const EVENT_LIMIT: usize = 64 * 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An event is larger than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the answer is larger than {limit} bytes")]
pub struct TooLarge {
    /// The limit.
    pub limit: usize,
}

/// An incremental parser of an event stream.
#[derive(Debug)]
pub struct Parser {
    /// The start of a line whose end has not come.
    line: Vec<u8>,
    /// The data lines of the open event, joined.
    data: Vec<u8>,
    /// The open event has a data line, though it may be empty.
    has_data: bool,
    /// The last byte was a carriage return; a line feed that follows belongs to it.
    after_return: bool,
    /// Nothing but parts of a byte order mark have come.
    at_start: bool,
    limit: usize,
    received: u64,
    events: u64,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new(EVENT_LIMIT)
    }
}

impl Parser {
    /// A parser that holds at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            after_return: false,
            at_start: true,
            limit,
            received: 0,
            events: 0,
        }
    }

    /// How many bytes have come.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// How many events have been given out.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Takes bytes and gives the data of each event that they complete to `sink`. Bytes that are no
    /// UTF-8 come out as replacement characters.
    ///
    /// # Errors
    ///
    /// When an event is larger than the limit; the parser is of no use afterwards.
    pub fn push(&mut self, mut bytes: &[u8], mut sink: impl FnMut(&str)) -> Result<(), TooLarge> {
        self.received = self.received.saturating_add(bytes.len() as u64);
        if self.at_start {
            let Some(rest) = self.strip_mark(bytes) else {
                return Ok(());
            };
            if !self.line.is_empty() {
                // The mark came in pieces, and then was none.
                let held = std::mem::take(&mut self.line);
                self.push_lines(&held, &mut sink)?;
            }
            bytes = rest;
        }
        self.push_lines(bytes, &mut sink)
    }

    /// The data of an event whose closing blank line never came. It may be cut anywhere: the caller has
    /// to see for itself whether it is whole.
    pub fn finish(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.line);
        if !rest.is_empty() {
            self.take_line(&rest);
        }
        if !std::mem::take(&mut self.has_data) {
            return None;
        }
        Some(text_of(&std::mem::take(&mut self.data)).into_owned())
    }

    /// What follows the byte order mark; `None` while it is open whether there is one. The pieces of an
    /// open mark wait in `line`.
    fn strip_mark<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let wanted = BYTE_ORDER_MARK.get(self.line.len()..).unwrap_or_default();
        let shared = wanted
            .iter()
            .zip(bytes)
            .take_while(|(left, right)| left == right)
            .count();
        let (head, rest) = bytes.split_at_checked(shared)?;
        if shared == wanted.len() {
            self.line.clear();
            self.at_start = false;
            return Some(rest);
        }
        if rest.is_empty() {
            self.line.extend_from_slice(head);
            return None;
        }
        self.at_start = false;
        Some(bytes)
    }

    fn push_lines(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(&str)) -> Result<(), TooLarge> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_return)
                && let Some(rest) = bytes.strip_prefix(b"\n")
            {
                bytes = rest;
                continue;
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else {
                self.check(bytes.len())?;
                self.line.extend_from_slice(bytes);
                break;
            };
            let (line, rest) = bytes.split_at(end);
            let Some((terminator, after)) = rest.split_first() else {
                break;
            };
            self.after_return = *terminator == b'\r';
            self.check(line.len())?;
            bytes = self.end_line(line, after, sink);
        }
        Ok(())
    }

    /// Ends a line, of which `line` is what came last. Gives back what is left to read.
    fn end_line<'a>(&mut self, line: &[u8], after: &'a [u8], sink: &mut impl FnMut(&str)) -> &'a [u8] {
        if !self.line.is_empty() {
            let mut whole = std::mem::take(&mut self.line);
            whole.extend_from_slice(line);
            self.take_line(&whole);
            whole.clear();
            self.line = whole;
            return after;
        }
        if line.is_empty() {
            self.give_out(sink);
            return after;
        }
        // The common case, an event of one data line that came in one piece, is not copied.
        if !self.has_data
            && let Some(value) = data_value(line)
            && let Some(rest) = self.blank_line(after)
        {
            self.events += 1;
            sink(&text_of(value));
            return rest;
        }
        self.take_line(line);
        after
    }

    /// What follows a blank line, if one comes next.
    fn blank_line<'a>(&mut self, after: &'a [u8]) -> Option<&'a [u8]> {
        let after = if self.after_return {
            after.strip_prefix(b"\n").unwrap_or(after)
        } else {
            after
        };
        if let Some(rest) = after.strip_prefix(b"\n") {
            self.after_return = false;
            return Some(rest);
        }
        let rest = after.strip_prefix(b"\r")?;
        self.after_return = true;
        Some(rest)
    }

    fn take_line(&mut self, line: &[u8]) {
        let Some(value) = data_value(line) else { return };
        if self.has_data {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        self.has_data = true;
    }

    fn give_out(&mut self, sink: &mut impl FnMut(&str)) {
        if !std::mem::take(&mut self.has_data) {
            return;
        }
        self.events += 1;
        sink(&text_of(&self.data));
        self.data.clear();
    }

    fn check(&self, more: usize) -> Result<(), TooLarge> {
        let held = self
            .line
            .len()
            .saturating_add(self.data.len())
            .saturating_add(more);
        if held > self.limit {
            Err(TooLarge { limit: self.limit })
        } else {
            Ok(())
        }
    }
}

/// The value of a `data` line; `None` for comments and other fields.
fn data_value(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"data")?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}
