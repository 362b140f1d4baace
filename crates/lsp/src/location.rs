//! Places in files as servers name them: addresses, and columns in units of UTF-16.

use std::path::{Path, PathBuf};

use serde_json::Value;
use url::Url;

/// The address of a file.
pub(crate) fn address(path: &Path) -> String {
    Url::from_file_path(path).map_or_else(|()| format!("file://{}", path.display()), String::from)
}

/// The file of an address.
pub(crate) fn path(address: &str) -> Option<PathBuf> {
    Url::parse(address).ok()?.to_file_path().ok()
}

/// A place in a text: both counted from 0, the column in units of UTF-16.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub character: u32,
}

impl Position {
    /// As a server says it.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        let number = |key: &str| u32::try_from(value[key].as_u64()?).ok();
        Some(Self {
            line: number("line")?,
            character: number("character")?,
        })
    }

    /// As a server reads it.
    #[must_use]
    pub fn value(self) -> Value {
        serde_json::json!({ "line": self.line, "character": self.character })
    }

    /// The end of a text.
    pub(crate) fn end_of(text: &str) -> Self {
        let lines = text.matches('\n').count();
        let last = text.rsplit('\n').next().unwrap_or_default();
        Self {
            line: u32::try_from(lines).unwrap_or(u32::MAX),
            character: u32::try_from(last.encode_utf16().count()).unwrap_or(u32::MAX),
        }
    }

    /// Where it is in a text, in bytes; what lies beyond the end of its line or of the text is that end.
    pub(crate) fn offset(self, text: &str) -> usize {
        let mut start = 0;
        for _ in 0..self.line {
            match text.get(start..).and_then(|rest| rest.find('\n')) {
                Some(end) => start += end + 1,
                None => return text.len(),
            }
        }
        let rest = text.get(start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        let line = line.strip_suffix('\r').unwrap_or(line);
        let mut units = 0;
        for (at, letter) in line.char_indices() {
            if units >= self.character {
                return start + at;
            }
            units += if u32::from(letter) > 0xffff { 2 } else { 1 };
        }
        start + line.len()
    }
}

/// A range as a server says it.
pub(crate) fn range(value: &Value) -> Option<(Position, Position)> {
    let (start, end) = (Position::of(&value["start"])?, Position::of(&value["end"])?);
    (start <= end).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn addresses() {
        for (file, wanted) in [
            ("/a/b c.rs", "file:///a/b%20c.rs"),
            ("/größe/#1?", "file:///gr%C3%B6%C3%9Fe/%231%3F"),
        ] {
            assert_eq!(address(Path::new(file)), wanted);
            assert_eq!(path(wanted), Some(PathBuf::from(file)));
        }
        assert_eq!(path("untitled:x"), None);
        assert_eq!(path("file:///a%3A"), Some(PathBuf::from("/a:")));
    }

    #[test]
    fn columns_are_counted_in_utf_16() {
        let text = "a\u{1f600}b\r\nzwei\n";
        for (line, character, wanted) in [
            (0, 0, 0),
            (0, 1, 1),
            (0, 3, 5),
            (0, 4, 6),
            (0, 99, 6),
            (1, 2, 10),
            (2, 0, 13),
            (9, 9, 13),
        ] {
            assert_eq!(
                Position { line, character }.offset(text),
                wanted,
                "{line}:{character}"
            );
        }
        assert_eq!(
            Position::end_of(text),
            Position {
                line: 2,
                character: 0
            }
        );
        assert_eq!(
            Position::end_of("a\n\u{1f600}"),
            Position {
                line: 1,
                character: 2
            }
        );
    }
}
