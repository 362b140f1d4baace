//! A page of lines from a stream of bytes, with nothing else kept.

use std::io::{self, Read};

use tokio_util::sync::CancellationToken;

/// UTF-16 units of a line that are shown.
const MAX_LINE: usize = 2000;

/// Bytes that can matter of a line: a unit takes three at most, so a line with more is a long one.
const KEPT: usize = 3 * MAX_LINE + 4;

/// Bytes of all lines that are shown.
pub(crate) const MAX_BYTES: usize = 50 * 1024;

/// A page of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) lines: Vec<String>,
    /// Lines of the whole text, or up to and with the one that did not fit if it is `cut`.
    pub(crate) count: u64,
    /// The page ended early because it holds enough bytes.
    pub(crate) cut: bool,
    /// There are more lines after the page.
    pub(crate) more: bool,
}

/// Reads `limit` lines from line `offset` (from 1) on, and counts the rest.
///
/// A line ends with LF, CR LF or CR. A byte order mark at the start is skipped, and what is not UTF-8 is
/// shown as U+FFFD.
pub(crate) fn read(
    reader: impl Read,
    offset: u64,
    limit: u64,
    cancel: &CancellationToken,
) -> io::Result<Lines> {
    let mut reader = io::BufReader::with_capacity(64 * 1024, reader);
    let mut pager = Pager {
        offset,
        limit,
        page: Lines::default(),
        line: Vec::new(),
        open: false,
        size: 0,
    };
    let mut at_start = true;
    let mut after_return = false;
    loop {
        if cancel.is_cancelled() {
            return Err(io::Error::other("nobody waits for this file any longer"));
        }
        let chunk = io::BufRead::fill_buf(&mut reader)?;
        if chunk.is_empty() {
            break;
        }
        let length = chunk.len();
        // The mark can only be torn apart by a reader that gives less than three bytes.
        let mut rest = if at_start {
            chunk.strip_prefix(b"\xef\xbb\xbf").unwrap_or(chunk)
        } else {
            chunk
        };
        at_start = false;
        while let Some(first) = rest.first() {
            if std::mem::take(&mut after_return) && *first == b'\n' {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (text, after) = rest.split_at(end.unwrap_or(rest.len()));
            pager.add(text);
            if let Some(end) = after.first() {
                after_return = *end == b'\r';
                if !pager.end_line() {
                    return Ok(pager.page);
                }
            }
            rest = after.get(1..).unwrap_or_default();
        }
        io::BufRead::consume(&mut reader, length);
    }
    if pager.open {
        pager.end_line();
    }
    Ok(pager.page)
}

struct Pager {
    offset: u64,
    limit: u64,
    page: Lines,
    /// Start of the line that is being read, if it is on the page.
    line: Vec<u8>,
    /// Whether anything of a line was read since the last one ended.
    open: bool,
    /// Bytes of all lines on the page.
    size: usize,
}

impl Pager {
    fn is_on_page(&self) -> bool {
        self.page.count + 1 >= self.offset && (self.page.lines.len() as u64) < self.limit
    }

    fn add(&mut self, text: &[u8]) {
        self.open |= !text.is_empty();
        if self.is_on_page() {
            let room = KEPT - self.line.len();
            self.line.extend_from_slice(text.get(..room).unwrap_or(text));
        }
    }

    /// Takes the line onto the page if it belongs there. False when the page is full of bytes.
    fn end_line(&mut self) -> bool {
        let on_page = self.is_on_page();
        self.open = false;
        self.page.count += 1;
        if !on_page {
            self.page.more |= self.page.count >= self.offset;
            return true;
        }
        let line = shown(&self.line);
        self.line.clear();
        let size = line.len() + usize::from(!self.page.lines.is_empty());
        if self.size + size > MAX_BYTES {
            self.page.cut = true;
            self.page.more = true;
            return false;
        }
        self.size += size;
        self.page.lines.push(line);
        true
    }
}

/// A line as it is shown.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut units = 0;
    for (index, char) in text.char_indices() {
        units += char.len_utf16();
        if units > MAX_LINE {
            let start = text.get(..index).unwrap_or_default();
            return format!("{start}... (line truncated to {MAX_LINE} chars)");
        }
    }
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn page(text: &[u8], offset: u64, limit: u64) -> Lines {
        read(text, offset, limit, &CancellationToken::new()).expect("memory can be read")
    }

    #[test]
    fn pages() {
        for (name, text, offset, limit, lines, count, more) in [
            (
                "whole",
                b"one\ntwo\n".as_slice(),
                1,
                9,
                ["one", "two"].as_slice(),
                2,
                false,
            ),
            ("no last line break", b"one\ntwo", 1, 9, &["one", "two"], 2, false),
            ("empty", b"", 1, 9, &[], 0, false),
            ("one empty line", b"\n", 1, 9, &[""], 1, false),
            ("empty last line", b"a\n\n", 1, 9, &["a", ""], 2, false),
            (
                "all line ends",
                b"a\rb\r\nc\n\rd",
                1,
                9,
                &["a", "b", "c", "", "d"],
                5,
                false,
            ),
            ("return at the end", b"a\r", 1, 9, &["a"], 1, false),
            ("middle", b"1\n2\n3\n4\n5\n", 2, 2, &["2", "3"], 5, true),
            ("up to the end", b"1\n2\n3\n", 2, 2, &["2", "3"], 3, false),
            ("nothing wanted", b"1\n2\n", 1, 0, &[], 2, true),
            ("beyond", b"1\n2\n", 3, 5, &[], 2, false),
            ("mark", b"\xef\xbb\xbfa\n", 1, 9, &["a"], 1, false),
            (
                "not UTF-8",
                b"caf\xe9\nx\xf0\x9f\n",
                1,
                9,
                &["caf\u{fffd}", "x\u{fffd}"],
                2,
                false,
            ),
        ] {
            let wanted = Lines {
                lines: lines.iter().map(ToString::to_string).collect(),
                count,
                cut: false,
                more,
            };
            assert_eq!(page(text, offset, limit), wanted, "{name}");
        }
    }

    #[test]
    fn ends_of_lines_may_be_torn_apart() {
        struct OneByOne<'a>(&'a [u8]);
        impl Read for OneByOne<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(buffer.get_mut(..1).unwrap_or_default())
            }
        }
        let text = "a\r\nb\r\r\n\u{e4}\n".as_bytes();
        let torn = read(OneByOne(text), 1, 9, &CancellationToken::new()).expect("memory can be read");
        assert_eq!(torn, page(text, 1, 9));
        assert_eq!(torn.lines, ["a", "b", "", "\u{e4}"]);
    }

    #[test]
    fn long_lines_are_cut() {
        let cut = |text: String| page(text.as_bytes(), 1, 9).lines.concat();
        let suffix = "... (line truncated to 2000 chars)";
        assert_eq!(cut("x".repeat(2000)), "x".repeat(2000));
        assert_eq!(cut("x".repeat(2001)), "x".repeat(2000) + suffix);
        assert_eq!(cut("x".repeat(1_000_000)), "x".repeat(2000) + suffix);
        assert_eq!(cut("日".repeat(2000)), "日".repeat(2000));
        assert_eq!(cut("日".repeat(20_000)), "日".repeat(2000) + suffix);
        assert_eq!(cut("😀".repeat(20_000)), "😀".repeat(1000) + suffix);
        assert_eq!(
            cut("a".to_owned() + &"😀".repeat(2000)),
            "a".to_owned() + &"😀".repeat(999) + suffix
        );
    }

    #[test]
    fn full_pages_are_cut() {
        let line = "x".repeat(1023);
        let text = format!("{line}\n").repeat(60);
        // The first line takes no line break, so 50 lines of 1023 bytes are one byte short of the limit.
        let page_of = |text: &str| page(text.as_bytes(), 1, 2000);
        let full = page_of(&text);
        assert_eq!(
            (full.lines.len(), full.count, full.cut, full.more),
            (50, 51, true, true)
        );
        let exact = page_of(&format!("{text:.51200}"));
        assert_eq!((exact.lines.len(), exact.cut), (50, false));
        let later = page(text.as_bytes(), 55, 2000);
        assert_eq!((later.lines.len(), later.count, later.more), (6, 60, false));
    }

    #[test]
    fn cancelled_reading_ends() {
        let cancel = CancellationToken::new();
        cancel.cancel();
        assert!(read(io::repeat(b'x'), 1, 9, &cancel).is_err());
    }
}
