//! The content of a file as text, and back to bytes without losing what is not text.

use std::borrow::Cow;
use std::ops::Range;

/// The mark that some editors put before UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// `text` without a byte order mark, and whether there was one.
pub(crate) fn split_mark(text: &str) -> (bool, &str) {
    text.strip_prefix(BYTE_ORDER_MARK)
        .map_or((false, text), |rest| (true, rest))
}

/// Bytes of a file that is to hold `text`.
pub(crate) fn join_mark(mark: bool, text: &[u8]) -> Vec<u8> {
    let mark = if mark { BYTE_ORDER_MARK.as_bytes() } else { &[] };
    [mark, text].concat()
}

/// `content` with a byte order mark before it, if there is to be one.
pub(crate) fn with_mark(mark: bool, content: Vec<u8>) -> Vec<u8> {
    if mark { join_mark(mark, &content) } else { content }
}

/// `text` with LF line ends.
pub(crate) fn with_line_feeds(text: &str) -> Cow<'_, str> {
    if text.contains("\r\n") {
        Cow::Owned(text.replace("\r\n", "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text of a file, in which U+FFFD stands for what is not UTF-8, and the bytes it stands for.
///
/// The reference writes the stand-ins back and so destroys what it could not read anywhere in the file;
/// here only what is replaced changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decoded<'a> {
    /// Whether the file begins with a byte order mark.
    pub(crate) mark: bool,
    /// The text after the mark.
    pub(crate) text: Cow<'a, str>,
    /// The bytes after the mark, if the text does not hold them.
    raw: Option<Raw<'a>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Raw<'a> {
    bytes: &'a [u8],
    /// For each stand-in: where it ends in the text and where what it stands for ends in the bytes.
    ends: Vec<(usize, usize)>,
}

impl<'a> Decoded<'a> {
    /// Reads the content of a file.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let rest = bytes.strip_prefix(BYTE_ORDER_MARK.as_bytes());
        let (mark, bytes) = (rest.is_some(), rest.unwrap_or(bytes));
        match std::str::from_utf8(bytes) {
            Ok(text) => Self {
                mark,
                text: Cow::Borrowed(text),
                raw: None,
            },
            Err(_) => {
                let (mut text, mut ends, mut end) = (String::with_capacity(bytes.len()), Vec::new(), 0);
                for chunk in bytes.utf8_chunks() {
                    text.push_str(chunk.valid());
                    end += chunk.valid().len() + chunk.invalid().len();
                    if !chunk.invalid().is_empty() {
                        text.push(char::REPLACEMENT_CHARACTER);
                        ends.push((text.len(), end));
                    }
                }
                Self {
                    mark,
                    text: Cow::Owned(text),
                    raw: Some(Raw { bytes, ends }),
                }
            }
        }
    }

    /// The bytes that a part of the text stands for. The range must lie on characters of the text.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        let Some(raw) = &self.raw else {
            return self.text.as_bytes().get(range).unwrap_or_default();
        };
        let place = |in_text: usize| {
            let before = raw
                .ends
                .partition_point(|(end, _)| *end <= in_text)
                .checked_sub(1);
            let (text_end, end) = before
                .and_then(|index| raw.ends.get(index))
                .copied()
                .unwrap_or((0, 0));
            end + (in_text - text_end)
        };
        raw.bytes
            .get(place(range.start)..place(range.end))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn text_is_told_from_what_is_not() {
        for (name, bytes, mark, text) in [
            ("plain", b"abc".as_slice(), false, "abc"),
            ("mark", b"\xef\xbb\xbfabc", true, "abc"),
            ("only a mark", b"\xef\xbb\xbf", true, ""),
            ("two marks", b"\xef\xbb\xbf\xef\xbb\xbfa", true, "\u{feff}a"),
            ("latin", b"caf\xe9 au lait", false, "caf\u{fffd} au lait"),
            (
                "cut sequence",
                b"a\xf0\x9f\nb\xff\xff",
                false,
                "a\u{fffd}\nb\u{fffd}\u{fffd}",
            ),
        ] {
            let decoded = Decoded::new(bytes);
            assert_eq!((decoded.mark, &*decoded.text), (mark, text), "{name}");
            let whole = decoded.bytes(0..decoded.text.len());
            assert_eq!(join_mark(mark, whole), bytes, "{name}");
        }
    }

    #[test]
    fn parts_keep_their_bytes() {
        let decoded = Decoded::new(b"\xef\xbb\xbfa\xe9b\xf0\x9f\nc");
        assert_eq!(decoded.text, "a\u{fffd}b\u{fffd}\nc");
        for (range, wanted) in [
            (0..1, b"a".as_slice()),
            (1..4, b"\xe9"),
            (4..8, b"b\xf0\x9f"),
            (8..10, b"\nc"),
            (5..9, b"\xf0\x9f\n"),
        ] {
            assert_eq!(decoded.bytes(range.clone()), wanted, "{range:?}");
        }
    }
}
