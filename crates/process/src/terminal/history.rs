//! What a terminal has said: the newest part of it, addressed by how much came before.
//!
//! Places are counted in UTF-16 units since the terminal began, as the clients count them
//! (reference `http-api.md` §6.9).

use std::collections::VecDeque;

/// Bytes after which a new chunk is begun, so that old output goes in small steps.
const CHUNK: usize = 16 << 10;

/// The newest output of a terminal, up to a limit.
#[derive(Debug)]
pub(super) struct History {
    chunks: VecDeque<Chunk>,
    limit: u64,
    end: u64,
    /// Bytes of a character whose rest has not come yet.
    partial: Vec<u8>,
}

#[derive(Debug)]
struct Chunk {
    start: u64,
    units: u64,
    text: String,
}

impl History {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            chunks: VecDeque::new(),
            limit,
            end: 0,
            partial: Vec::new(),
        }
    }

    /// Where the next output goes.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Where what is kept begins.
    pub(super) fn start(&self) -> u64 {
        self.end.saturating_sub(self.limit)
    }

    /// Adds output. What is not UTF-8 becomes U+FFFD; a character that is not whole yet waits.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let mut bytes = if self.partial.is_empty() {
            bytes.to_vec()
        } else {
            [std::mem::take(&mut self.partial).as_slice(), bytes].concat()
        };
        let whole = whole_characters(&bytes);
        self.partial = bytes.split_off(whole);
        self.add(&String::from_utf8_lossy(&bytes));
    }

    /// No more comes: a character that is not whole never will be.
    pub(super) fn close(&mut self) {
        let rest = std::mem::take(&mut self.partial);
        self.add(&String::from_utf8_lossy(&rest));
    }

    fn add(&mut self, text: &str) {
        for character in text.chars() {
            let is_full = self.chunks.back().is_none_or(|chunk| chunk.text.len() >= CHUNK);
            if is_full {
                self.chunks.push_back(Chunk {
                    start: self.end,
                    units: 0,
                    text: String::with_capacity(CHUNK + 3),
                });
            }
            let units = character.len_utf16() as u64;
            if let Some(chunk) = self.chunks.back_mut() {
                chunk.text.push(character);
                chunk.units += units;
            }
            self.end += units;
        }
        let start = self.start();
        while self
            .chunks
            .front()
            .is_some_and(|chunk| chunk.start + chunk.units <= start)
        {
            self.chunks.pop_front();
        }
    }

    /// The output from `from` on, at most `limit` units of it, or what comes first of what is still kept;
    /// and where it ends.
    pub(super) fn read(&self, from: u64, limit: u64) -> (String, u64) {
        let mut at = from.max(self.start());
        let mut text = String::new();
        let end = at.saturating_add(limit).min(self.end);
        let first = self
            .chunks
            .partition_point(|chunk| chunk.start + chunk.units <= at);
        for chunk in self.chunks.iter().skip(first) {
            let mut place = chunk.start;
            for character in chunk.text.chars() {
                let next = place + character.len_utf16() as u64;
                if next > end {
                    return (text, at);
                }
                if place >= at {
                    text.push(character);
                    at = next;
                } else if next > at {
                    // The second half of a character whose first half is not asked for: one unit, too.
                    text.push(char::REPLACEMENT_CHARACTER);
                    at = next;
                }
                place = next;
            }
        }
        (text, at)
    }
}

/// How many of `bytes` come before a character at the end that is not whole yet.
fn whole_characters(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    let Some(last) = bytes.get(tail..) else {
        return bytes.len();
    };
    // The last lead byte decides: what comes before it is whole or wrong already.
    let Some(lead) = last.iter().rposition(|byte| byte & 0xC0 != 0x80) else {
        return bytes.len();
    };
    let begun = last.get(lead..).unwrap_or_default();
    match std::str::from_utf8(begun) {
        Err(error) if error.error_len().is_none() => tail + lead,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn characters_are_put_together_over_reads() {
        let mut history = History::new(100);
        for piece in ["añ€😀".as_bytes(), b"\xF0\x9F", b"\x98", b"\x80z"] {
            history.push(piece);
        }
        assert_eq!(history.read(0, 100), ("añ€😀😀z".to_owned(), 8));
        history.push(b"\xE2\x82");
        assert_eq!(history.end(), 8);
        history.close();
        assert_eq!(history.read(8, 100), ("\u{FFFD}".to_owned(), 9));
    }

    #[test]
    fn places_are_counted_in_utf16() {
        let mut history = History::new(6);
        history.push("ab😀cd".as_bytes());
        for (from, limit, text, at) in [
            (0, 10, "ab😀cd", 6),
            (2, 2, "😀", 4),
            (2, 1, "", 2),
            (3, 10, "\u{FFFD}cd", 6),
            (4, 10, "cd", 6),
            (9, 10, "", 9),
        ] {
            assert_eq!(history.read(from, limit), (text.to_owned(), at), "{from} {limit}");
        }
        history.push(b"efg");
        assert_eq!(history.start(), 3);
        assert_eq!(history.read(0, 10), ("\u{FFFD}cdefg".to_owned(), 9));
    }

    #[test]
    fn only_the_newest_is_kept() {
        let mut history = History::new(1000);
        let line = "0123456789".repeat(100);
        for _ in 0..1000 {
            history.push(line.as_bytes());
        }
        let kept: usize = history.chunks.iter().map(|chunk| chunk.text.len()).sum();
        assert!(kept <= 1000 + 2 * CHUNK, "{kept}");
        assert_eq!(history.read(0, u64::MAX), (line, 1_000_000));
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_text_is_the_same(text in "\\PC{0,60}", cuts in prop::collection::vec(1_usize..5, 0..80)) {
            let mut history = History::new(1 << 20);
            let mut rest = text.as_bytes();
            for cut in cuts {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                history.push(now);
                rest = later;
            }
            history.push(rest);
            history.close();
            let (read, end) = history.read(0, u64::MAX);
            prop_assert_eq!(read.encode_utf16().count() as u64, end);
            prop_assert_eq!(read, text);
        }
    }
}
