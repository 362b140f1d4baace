//! Frames of an event stream: bytes in, the data of frames out (reference `http-api.md` §5).
//!
//! The bytes may be split anywhere, also inside a character. Names, ids and comments are read over: the
//! streams of V1 carry none that mean something.

/// Most bytes that an open frame may take. A file that was sent with a prompt comes back as one frame.
pub(crate) const FRAME_LIMIT: usize = 96 * 1024 * 1024;

/// Puts frames together.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    /// Up to here there is no end of a line.
    searched: usize,
    data: Vec<u8>,
    has_data: bool,
}

/// A frame is larger than [`FRAME_LIMIT`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Frames {
    /// Takes the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        if self.bytes.len() + self.data.len() + bytes.len() > FRAME_LIMIT {
            return Err(TooLarge);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The next frame that is complete.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        let mut begin = 0;
        let mut found = None;
        while let Some(length) = self
            .bytes
            .get(self.searched..)
            .and_then(|rest| rest.iter().position(|byte| *byte == b'\n'))
        {
            let end = self.searched + length;
            let line = self.bytes.get(begin..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            (begin, self.searched) = (end + 1, end + 1);
            if line.is_empty() {
                if std::mem::take(&mut self.has_data) {
                    found = Some(std::mem::take(&mut self.data));
                    break;
                }
            } else if let Some(data) = line.strip_prefix(b"data:") {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push(b'\n');
                }
                self.data
                    .extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
            }
        }
        if found.is_none() {
            self.searched = self.bytes.len();
        }
        self.bytes.drain(..begin);
        self.searched -= begin;
        found
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn all(chunks: &[&[u8]]) -> Vec<String> {
        let mut frames = Frames::default();
        let mut found = Vec::new();
        for chunk in chunks {
            frames.push(chunk).unwrap();
            while let Some(frame) = frames.next() {
                found.push(String::from_utf8(frame).unwrap());
            }
        }
        found
    }

    #[test]
    fn frames_are_found_however_the_bytes_are_split() {
        let text =
            "data: {\"a\":\"ö\"}\n\n: heartbeat\n\ndata: one\r\ndata:two\r\n\r\nid: 7\n\ndata:\n\ndata: open";
        let wanted = ["{\"a\":\"ö\"}", "one\ntwo", ""];
        assert_eq!(all(&[text.as_bytes()]), wanted);
        for size in 1..9 {
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            assert_eq!(all(&chunks), wanted, "{size}");
        }
    }

    #[test]
    fn a_frame_without_end_is_not_kept() {
        let mut frames = Frames::default();
        let chunk = vec![b'x'; FRAME_LIMIT / 2];
        frames.push(&chunk).unwrap();
        assert_eq!(frames.next(), None);
        frames.push(&chunk).unwrap();
        assert_eq!(frames.push(b"x"), Err(TooLarge));
    }
}
