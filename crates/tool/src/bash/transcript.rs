//! What a command said: its end in memory, all of it in a file once it is long.

use std::path::PathBuf;

use fs_err::tokio::File;
use tokio::io::AsyncWriteExt;

use crate::truncation::{Truncation, last_lines};

/// UTF-16 units of output that are shown while a command runs, and kept with its result.
const PREVIEW: usize = 30_000;
/// Bytes that surely hold a preview: no character takes more than three for a unit.
const PREVIEW_BYTES: usize = 3 * PREVIEW;
/// Bytes that are kept in a file. Beyond that nobody reads it, and a command that prints without end
/// would fill the disk.
const SAVED_LIMIT: usize = 1 << 30;

/// Output as it comes.
pub struct Transcript<'a> {
    truncation: &'a Truncation,
    /// Bytes of a character that is not complete yet.
    partial: Vec<u8>,
    /// The beginning of the output: as much of it as is ever told.
    head: String,
    /// The end of the output.
    tail: String,
    /// Bytes of all output.
    total: usize,
    file: Saving,
}

enum Saving {
    /// All output is in the tail.
    NotYet,
    /// All output is in this file.
    To(PathBuf, File),
    /// Written and closed, or given up.
    Over(Option<PathBuf>),
}

/// Output that has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct End {
    /// Its beginning, at most as many bytes as the limits allow.
    pub head: String,
    /// Its end within the limits.
    pub text: String,
    /// Whether that is not all.
    pub truncated: bool,
    /// Where all of it is.
    pub saved: Option<PathBuf>,
    /// What a person is shown of it.
    pub preview: String,
}

impl<'a> Transcript<'a> {
    /// Nothing was said yet; what is too long will be kept where `truncation` says.
    pub fn new(truncation: &'a Truncation) -> Self {
        Self {
            truncation,
            partial: Vec::new(),
            head: String::new(),
            tail: String::new(),
            total: 0,
            file: Saving::NotYet,
        }
    }

    /// Takes in more output; characters may be split between calls.
    pub async fn push(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        let complete = self.partial.len() - incomplete(&self.partial);
        let rest = self.partial.split_off(complete);
        let fresh = std::mem::replace(&mut self.partial, rest);
        self.add(&String::from_utf8_lossy(&fresh)).await;
    }

    /// No more comes: what is left of a character is none.
    pub async fn close(&mut self) {
        let rest = std::mem::take(&mut self.partial);
        self.add(&String::from_utf8_lossy(&rest)).await;
    }

    async fn add(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let room = self.truncation.max_bytes.saturating_sub(self.head.len());
        if self.head.len() == self.total {
            let fits = text.floor_char_boundary(room);
            self.head.push_str(text.get(..fits).unwrap_or_default());
        }
        self.tail.push_str(text);
        self.total += text.len();
        match self.file {
            Saving::NotYet if self.total > self.truncation.max_bytes => {
                let all = self.tail.clone();
                self.open().await;
                self.write(&all).await;
            }
            Saving::To(..) if self.total <= SAVED_LIMIT => self.write(text).await,
            _ => {}
        }
        let kept = PREVIEW_BYTES.max(self.truncation.max_bytes.saturating_mul(2));
        // Only now and then: every time would move the whole tail for every chunk.
        if self.tail.len() > kept.saturating_mul(2) {
            self.tail
                .drain(..self.tail.floor_char_boundary(self.tail.len() - kept));
        }
    }

    async fn open(&mut self) {
        let path = self.truncation.new_path();
        let made = match fs_err::tokio::create_dir_all(&self.truncation.directory).await {
            Ok(()) => File::create(&path).await,
            Err(error) => Err(error),
        };
        self.file = match made {
            Ok(file) => Saving::To(path, file),
            Err(error) => {
                tracing::warn!(%error, "could not keep the output of a command");
                Saving::Over(None)
            }
        };
    }

    async fn write(&mut self, text: &str) {
        if let Saving::To(_, file) = &mut self.file
            && let Err(error) = file.write_all(text.as_bytes()).await
        {
            tracing::warn!(%error, "could not keep the output of a command");
            self.file = Saving::Over(None);
        }
    }

    /// What a person is shown so far.
    pub fn preview(&self) -> String {
        preview(&self.tail)
    }

    /// The end of the output.
    pub async fn finish(mut self) -> End {
        let text = last_lines(&self.tail, self.truncation.max_lines, self.truncation.max_bytes).to_owned();
        let truncated = text.len() < self.total;
        if truncated && matches!(self.file, Saving::NotYet) {
            let all = self.tail.clone();
            self.open().await;
            self.write(&all).await;
        }
        let saved = match self.file {
            Saving::NotYet => None,
            Saving::Over(path) => path,
            Saving::To(path, mut file) => match file.flush().await {
                Ok(()) => Some(path),
                Err(error) => {
                    tracing::warn!(%error, "could not keep the output of a command");
                    None
                }
            },
        };
        End {
            head: self.head,
            text,
            truncated,
            saved,
            preview: preview(&self.tail),
        }
    }
}

impl End {
    /// What is told of it: its end, and before that where all of it is when that is not all.
    #[must_use]
    pub fn told(&self) -> String {
        match &self.saved {
            Some(path) if self.truncated => format!(
                "...output truncated...\n\nFull output saved to: {}\n\n{}",
                path.display(),
                self.text
            ),
            _ => self.text.clone(),
        }
    }
}

/// Bytes at the end that begin a character and do not finish it.
fn incomplete(bytes: &[u8]) -> usize {
    let looked_at = bytes.len().saturating_sub(3);
    let ending = bytes.get(looked_at..).unwrap_or_default();
    for (back, byte) in ending.iter().rev().enumerate() {
        let length = match byte {
            0b1100_0000..=0b1101_1111 => 2,
            0b1110_0000..=0b1110_1111 => 3,
            0b1111_0000..=0b1111_0111 => 4,
            // In the middle of a character.
            0b1000_0000..=0b1011_1111 => continue,
            _ => return 0,
        };
        return if back + 1 < length { back + 1 } else { 0 };
    }
    0
}

/// The last [`PREVIEW`] units of a text, marked when that is not all.
pub(super) fn preview(text: &str) -> String {
    let mut units = 0;
    for (at, character) in text.char_indices().rev() {
        units += character.len_utf16();
        if units > PREVIEW {
            let rest = text.get(at + character.len_utf8()..).unwrap_or_default();
            return format!("...\n\n{rest}");
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::Bench;

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            bytes in prop::collection::vec(
                prop_oneof![any::<u8>(), prop::sample::select(vec![b'a', 0xc3, 0xa9, 0xe4, 0xb8, 0x96, 0xf0, 0x9f, 0x98])],
                0..60,
            ),
            size in 1..7_usize,
        ) {
            let bench = Bench::new();
            let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let end = runtime.block_on(transcript(&bench, &chunks));
            prop_assert_eq!(end.text, String::from_utf8_lossy(&bytes));
        }
    }

    async fn transcript(bench: &Bench, chunks: &[&[u8]]) -> End {
        let mut transcript = Transcript::new(&bench.scope.truncation);
        for chunk in chunks {
            transcript.push(chunk).await;
        }
        transcript.close().await;
        transcript.finish().await
    }

    #[tokio::test]
    async fn characters_may_be_split_between_chunks() {
        let bench = Bench::new();
        let text = "a é 世 😀 z";
        for at in 0..text.len() {
            let (first, second) = text.as_bytes().split_at(at);
            assert_eq!(
                transcript(&bench, &[first, second]).await.text,
                text,
                "split at {at}"
            );
        }
        let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(transcript(&bench, &single).await.text, text);
    }

    #[tokio::test]
    async fn what_is_no_text_is_replaced() {
        let bench = Bench::new();
        for (bytes, wanted) in [
            (&b"a\xffb"[..], "a\u{fffd}b"),
            (b"a\xc3", "a\u{fffd}"),
            (b"\xf0\x9f\x98", "\u{fffd}"),
            (b"\x80\x80\x80\x80a", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}a"),
        ] {
            assert_eq!(transcript(&bench, &[bytes]).await.text, wanted, "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn short_output_is_whole_and_not_saved() {
        let bench = Bench::new();
        let end = transcript(&bench, &[b"one\n", b"two\n"]).await;
        assert_eq!(
            end,
            End {
                head: "one\ntwo\n".into(),
                text: "one\ntwo\n".into(),
                truncated: false,
                saved: None,
                preview: "one\ntwo\n".into()
            }
        );
        assert!(!bench.scope.truncation.directory.exists());
    }

    #[tokio::test]
    async fn many_lines_are_saved_at_the_end() {
        let mut bench = Bench::new();
        bench.scope.truncation.max_lines = 3;
        let end = transcript(&bench, &[b"1\n2\n3\n4\n"]).await;
        assert_eq!(
            (end.text.as_str(), end.truncated, end.preview.as_str()),
            ("3\n4\n", true, "1\n2\n3\n4\n")
        );
        assert_eq!(
            fs_err::read_to_string(end.saved.unwrap()).unwrap(),
            "1\n2\n3\n4\n"
        );
    }

    #[tokio::test]
    async fn many_bytes_are_saved_while_they_come() {
        let mut bench = Bench::new();
        bench.scope.truncation.max_bytes = 10;
        let chunk = "0123456\n".repeat(1000);
        let chunks = vec![chunk.as_bytes(); 100];
        let end = transcript(&bench, &chunks).await;
        assert_eq!((end.text.as_str(), end.truncated), ("0123456\n", true));
        assert!(
            end.preview.starts_with("...\n\n") && end.preview.len() == PREVIEW + 5,
            "{}",
            end.preview.len()
        );
        assert_eq!(
            fs_err::read_to_string(end.saved.unwrap()).unwrap(),
            chunk.repeat(100)
        );
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let mut bench = Bench::new();
        bench.scope.truncation.max_bytes = 100;
        let mut transcript = Transcript::new(&bench.scope.truncation);
        for _ in 0..500 {
            transcript.push(&[b'x'; 10_000]).await;
            assert!(
                transcript.tail.len() <= 2 * PREVIEW_BYTES,
                "{}",
                transcript.tail.len()
            );
        }
    }

    #[tokio::test]
    async fn output_that_cannot_be_saved_is_cut_all_the_same() {
        let mut bench = Bench::new();
        bench.scope.truncation.max_bytes = 4;
        bench.scope.truncation.directory = bench.write("a file", "").join("below");
        let end = transcript(&bench, &[b"12345", b"6789"]).await;
        assert_eq!(
            (end.text.as_str(), end.truncated, end.saved),
            ("6789", true, None)
        );
    }

    #[test]
    fn previews_are_the_end() {
        assert_eq!(preview("abc"), "abc");
        let long = format!("x{}", "é".repeat(PREVIEW));
        assert_eq!(preview(&long), format!("...\n\n{}", "é".repeat(PREVIEW)));
        // A character of two units that does not fit as a whole is left out.
        let wide = format!("😀{}", "a".repeat(PREVIEW - 1));
        assert_eq!(preview(&wide), format!("...\n\n{}", "a".repeat(PREVIEW - 1)));
        assert_eq!(preview(&"a".repeat(PREVIEW)).len(), PREVIEW);
    }
}
