//! The newest of what a command wrote.

use std::collections::VecDeque;

/// Bytes that are kept.
const KEPT: usize = 256 * 1024;
/// Bytes that are given at once.
const PAGE: usize = 32 * 1024;

/// The newest of what a command wrote, and how much of it was read.
#[derive(Debug, Default)]
pub struct Log {
    kept: VecDeque<u8>,
    /// Bytes that were ever written.
    written: u64,
    /// Bytes that were read or passed over.
    read: u64,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The text; what is not UTF-8 is shown as U+FFFD.
    pub text: String,
    /// Bytes before it that nobody read and that are gone.
    pub lost: u64,
    /// Bytes after it that can be read next.
    pub left: u64,
}

impl Log {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.written += bytes.len() as u64;
        self.kept
            .extend(bytes.iter().skip(bytes.len().saturating_sub(KEPT)));
        let surplus = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..surplus);
    }

    pub(super) fn has_news(&self) -> bool {
        self.read < self.written
    }

    /// What was not read yet, as far as it is kept.
    pub(super) fn take(&mut self) -> Page {
        let start = self.written - self.kept.len() as u64;
        let lost = start.saturating_sub(self.read);
        let from = usize::try_from(self.read.max(start) - start).unwrap_or(usize::MAX);
        let mut bytes: Vec<u8> = self.kept.iter().skip(from).take(PAGE).copied().collect();
        // A character that goes on after the page, or that is still being written, is left for the next one.
        if bytes.len() > 4
            && let Err(error) = std::str::from_utf8(&bytes)
            && error.error_len().is_none()
        {
            bytes.truncate(error.valid_up_to());
        }
        self.read = start + from as u64 + bytes.len() as u64;
        Page {
            text: String::from_utf8_lossy(&bytes).into_owned(),
            lost,
            left: self.written - self.read,
        }
    }

    /// The last `limit` bytes, from a whole line on if there is one, and whether that is all.
    pub(super) fn last(&self, limit: usize) -> (String, bool) {
        let skipped = self.kept.len().saturating_sub(limit);
        let is_all = skipped == 0 && self.written == self.kept.len() as u64;
        let bytes: Vec<u8> = self.kept.iter().skip(skipped).copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let text = match text.split_once('\n') {
            Some((_, rest)) if !is_all && !rest.is_empty() => rest,
            _ => &text,
        };
        (text.trim_end().to_owned(), is_all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_is_kept_and_everything_is_counted() {
        let mut log = Log::default();
        assert!(!log.has_news());
        for _ in 0..100 {
            log.push(&[b'a'; KEPT / 10]);
        }
        log.push(b"\nend\n");
        assert!(log.kept.len() == KEPT && log.has_news());
        let page = log.take();
        assert_eq!(page.lost, (KEPT / 10) as u64 * 100 + 5 - KEPT as u64);
        assert_eq!((page.text.len(), page.left), (PAGE, (KEPT - PAGE) as u64));
        assert_eq!(log.last(100), ("end".to_owned(), false));
        let mut last = page;
        while last.left > 0 {
            last = log.take();
            assert_eq!(last.lost, 0);
        }
        assert!(last.text.ends_with("\nend\n") && !log.has_news());
        assert_eq!(log.take(), Page::default());
    }

    #[test]
    fn characters_stay_whole() {
        let mut log = Log::default();
        log.push("first ä".as_bytes().split_last().map(|(_, rest)| rest).unwrap());
        assert_eq!(log.take().text, "first ");
        log.push(&[0xa4]);
        assert_eq!(log.take().text, "ä");
        log.push(&[0xff, b'x']);
        assert_eq!(log.take().text, "\u{fffd}x");
        assert_eq!(log.last(100), ("first ä\u{fffd}x".to_owned(), true));
    }
}
