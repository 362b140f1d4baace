//! Lines of a peer that may write whatever it likes: bounded, and read so that waiting for one may be given up.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Bytes of both ends of a line that are known when it is too long.
const ENDS: usize = 4096;

/// Reads lines.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    limit: usize,
    line: Vec<u8>,
    /// The last bytes of a line that is too long.
    tail: Vec<u8>,
    length: usize,
}

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// All of it.
    Whole(Vec<u8>),
    /// It was too long; its ends are known.
    TooLong {
        /// Its bytes.
        length: usize,
        /// How it begins.
        head: Vec<u8>,
        /// How it ends.
        tail: Vec<u8>,
    },
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// Lines of at most so many bytes.
    #[must_use]
    pub fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            limit,
            line: Vec::new(),
            tail: Vec::new(),
            length: 0,
        }
    }

    /// The next one; none at the end, or when the other side is gone. May be dropped and called again.
    pub async fn next(&mut self) -> Option<Line> {
        loop {
            let fresh = match self.reader.fill_buf().await {
                Ok(fresh) if !fresh.is_empty() => fresh,
                _ => return (self.length > 0).then(|| self.take()),
            };
            let end = memchr::memchr(b'\n', fresh);
            let piece = fresh.get(..end.unwrap_or(fresh.len())).unwrap_or_default();
            keep(&mut self.line, &mut self.tail, self.limit, piece);
            self.length += piece.len();
            let used = end.map_or(piece.len(), |end| end + 1);
            self.reader.consume(used);
            if end.is_some() {
                return Some(self.take());
            }
        }
    }

    fn take(&mut self) -> Line {
        let (line, tail) = (std::mem::take(&mut self.line), std::mem::take(&mut self.tail));
        match std::mem::take(&mut self.length) {
            length if length > self.limit => Line::TooLong {
                length,
                head: line,
                tail,
            },
            _ => Line::Whole(line),
        }
    }
}

/// Adds a piece to a line, of which only both ends are kept once it is too long.
fn keep(line: &mut Vec<u8>, tail: &mut Vec<u8>, limit: usize, piece: &[u8]) {
    if tail.is_empty() && line.len() + piece.len() <= limit {
        line.extend_from_slice(piece);
        return;
    }
    if tail.is_empty() {
        tail.extend_from_slice(line.get(line.len().saturating_sub(ENDS)..).unwrap_or_default());
        let room = ENDS.saturating_sub(line.len());
        line.extend_from_slice(piece.get(..room).unwrap_or(piece));
        line.truncate(ENDS);
        line.shrink_to_fit();
    }
    tail.extend_from_slice(piece.get(piece.len().saturating_sub(ENDS)..).unwrap_or_default());
    tail.drain(..tail.len().saturating_sub(ENDS));
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use tokio::io::BufReader;

    use super::*;

    #[tokio::test]
    async fn lines_are_read_one_by_one() {
        let text = b"one\n\ntwo\nlast without end".as_slice();
        let mut lines = Lines::new(BufReader::with_capacity(2, text), 100);
        let mut read = Vec::new();
        while let Some(line) = lines.next().await {
            read.push(line);
        }
        let whole = |text: &str| Line::Whole(text.as_bytes().to_vec());
        assert_eq!(read, ["one", "", "two", "last without end"].map(whole));
    }

    #[tokio::test]
    async fn of_a_line_that_is_too_long_only_the_ends_are_kept() {
        let long = format!("begin{}end\nnext\n", "x".repeat(100_000));
        for capacity in [7, 64 << 10] {
            let mut lines = Lines::new(BufReader::with_capacity(capacity, long.as_bytes()), 50_000);
            let Some(Line::TooLong { length, head, tail }) = lines.next().await else {
                panic!("it is too long");
            };
            assert_eq!((length, head.len(), tail.len()), (100_008, ENDS, ENDS));
            assert!(
                head.starts_with(b"beginx") && tail.ends_with(b"xend"),
                "{capacity}"
            );
            assert_eq!(lines.next().await, Some(Line::Whole(b"next".to_vec())));
        }
    }
}
