//! Lines of a process that may write whatever it likes: bounded.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Reads lines of at most so many bytes.
pub(crate) struct Lines<R> {
    reader: R,
    limit: usize,
    line: Vec<u8>,
    is_too_long: bool,
}

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// All of it.
    Whole(Vec<u8>),
    /// As much of it as the limit allows.
    Begin(Vec<u8>),
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(crate) fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            limit,
            line: Vec::new(),
            is_too_long: false,
        }
    }

    /// The next one; none at the end, or when the other side is gone. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Option<Line> {
        loop {
            let fresh = match self.reader.fill_buf().await {
                Ok(fresh) if !fresh.is_empty() => fresh,
                _ => return (!self.line.is_empty()).then(|| self.take()),
            };
            let end = fresh.iter().position(|byte| *byte == b'\n');
            let piece = fresh.get(..end.unwrap_or(fresh.len())).unwrap_or_default();
            let room = self.limit.saturating_sub(self.line.len());
            self.is_too_long |= piece.len() > room;
            self.line.extend_from_slice(piece.get(..room).unwrap_or(piece));
            let used = end.map_or(piece.len(), |end| end + 1);
            self.reader.consume(used);
            if end.is_some() {
                return Some(self.take());
            }
        }
    }

    fn take(&mut self) -> Line {
        let line = std::mem::take(&mut self.line);
        match std::mem::take(&mut self.is_too_long) {
            true => Line::Begin(line),
            false => Line::Whole(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use tokio::io::BufReader;

    use super::*;

    #[tokio::test]
    async fn lines_are_read_one_by_one_and_kept_in_bounds() {
        let text = b"one\n\nfar too long\n12345\nlast".as_slice();
        for capacity in [2, 100] {
            let mut lines = Lines::new(BufReader::with_capacity(capacity, text), 5);
            let mut read = Vec::new();
            while let Some(line) = lines.next().await {
                read.push(line);
            }
            let whole = |text: &str| Line::Whole(text.as_bytes().to_vec());
            let expected = [
                whole("one"),
                whole(""),
                Line::Begin(b"far t".to_vec()),
                whole("12345"),
                whole("last"),
            ];
            assert_eq!(read, expected);
        }
    }
}
