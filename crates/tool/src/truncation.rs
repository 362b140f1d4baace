//! Limits of results, and where whole results are kept (reference `tools.md` §2, «Truncation service»).
//!
//! A result that is too long is cut to whole lines, and kept in a file that the model may search. The
//! engine applies this to every result that no tool has cut itself; tools that stream call the parts.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use opencode_schema::id::{self, Order};

use crate::contract::Output;

/// Limits of results, and where whole results are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// Lines of a result (`tool_output.max_lines`).
    pub max_lines: usize,
    /// Bytes of a result (`tool_output.max_bytes`).
    pub max_bytes: usize,
    /// Folder of whole results: `<data>/tool-output`.
    pub directory: PathBuf,
}

/// Which part of a text is worth most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Its beginning.
    Head,
    /// Its end.
    Tail,
}

/// A text after cutting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It fits as it is.
    Whole,
    /// It was too long.
    Part {
        /// What is left: whole lines.
        kept: String,
        /// What is gone, in words: `12 lines` or `4096 bytes`.
        removed: String,
    },
}

/// What files of whole results begin with.
const PREFIX: &str = "tool";
/// How long whole results are kept.
const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Truncation {
    /// Lines when configuration says nothing.
    pub const DEFAULT_LINES: usize = 2000;
    /// Bytes when configuration says nothing.
    pub const DEFAULT_BYTES: usize = 51_200;

    /// Whether a text needs no cutting.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        text.len() <= self.max_bytes && text.split('\n').count() <= self.max_lines
    }

    /// Cuts a text to the limits. A line that passes the limit of bytes ends what is kept: nothing of it
    /// is, so one long line leaves nothing.
    #[must_use]
    pub fn cut(&self, text: &str, direction: Direction) -> Cut {
        if self.fits(text) {
            return Cut::Whole;
        }
        let mut lines: Vec<&str> = text.split('\n').collect();
        let count = lines.len();
        if direction == Direction::Tail {
            lines.reverse();
        }
        let mut bytes = 0;
        let mut kept = 0;
        let mut by_bytes = false;
        for line in lines.iter().take(self.max_lines) {
            let size = line.len() + usize::from(kept > 0);
            if bytes + size > self.max_bytes {
                by_bytes = true;
                break;
            }
            bytes += size;
            kept += 1;
        }
        lines.truncate(kept);
        if direction == Direction::Tail {
            lines.reverse();
        }
        let removed = if by_bytes {
            format!("{} bytes", text.len() - bytes)
        } else {
            format!("{} lines", count - kept)
        };
        Cut::Part {
            kept: lines.join("\n"),
            removed,
        }
    }

    /// Cuts a result to the limits, keeps the whole of it in a file and tells the model where. Results
    /// whose metadata has a `truncated` field are left alone; all others get one.
    ///
    /// `may_delegate`: whether the agent may give tasks away, so that the advice can be to do that.
    pub async fn apply(&self, mut output: Output, may_delegate: bool) -> Output {
        if output.metadata.contains_key("truncated") {
            return output;
        }
        let Cut::Part { kept, removed } = self.cut(&output.output, Direction::Head) else {
            output.metadata.insert("truncated".into(), false.into());
            return output;
        };
        output.metadata.insert("truncated".into(), true.into());
        let hint = match self.save(&output.output).await {
            Ok(path) => {
                output
                    .metadata
                    .insert("outputPath".into(), path.to_string_lossy().into());
                format!(
                    "{} Full output saved to: {}\n{}",
                    CUT,
                    path.display(),
                    advice(may_delegate)
                )
            }
            Err(error) => {
                tracing::warn!(%error, "could not keep a whole result");
                CUT.to_owned()
            }
        };
        output.output = format!("{kept}\n\n...{removed} truncated...\n\n{hint}");
        output
    }

    /// A path for a new file of a whole result; newer ones sort later.
    #[must_use]
    pub fn new_path(&self) -> PathBuf {
        self.directory.join(id::generate(PREFIX, Order::Ascending))
    }

    /// Keeps a whole result in a new file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn save(&self, text: &str) -> std::io::Result<PathBuf> {
        fs_err::tokio::create_dir_all(&self.directory).await?;
        let path = self.new_path();
        fs_err::tokio::write(&path, text).await?;
        Ok(path)
    }

    /// Removes whole results that are older than seven days, and says how many. To be called a minute
    /// after the start and then every hour; what cannot be removed waits for the next time.
    pub async fn cleanup(&self, now: SystemTime) -> usize {
        let Ok(mut entries) = fs_err::tokio::read_dir(&self.directory).await else {
            return 0;
        };
        let mut removed = 0;
        while let Ok(Some(entry)) = entries.next_entry().await {
            if !entry.file_name().to_string_lossy().starts_with("tool_") {
                continue;
            }
            let Ok(metadata) = entry.metadata().await else {
                continue;
            };
            let age = metadata
                .modified()
                .ok()
                .and_then(|modified| now.duration_since(modified).ok());
            if age.is_none_or(|age| age <= KEPT_FOR) {
                continue;
            }
            match fs_err::tokio::remove_file(entry.path()).await {
                Ok(()) => removed += 1,
                Err(error) => tracing::debug!(%error, "could not remove an old result"),
            }
        }
        removed
    }
}

const CUT: &str = "The call succeeded, but its result is too long to be shown whole.";

fn advice(may_delegate: bool) -> &'static str {
    if may_delegate {
        "Do not read that file whole: give an explore agent the task of searching it with grep and read (offset, limit)."
    } else {
        "Search that file with grep, or read parts of it with read (offset, limit)."
    }
}

/// The end of a text within the limits. Of a last line that alone is too long, its end is left: what a
/// command said last tells most.
pub(crate) fn last_lines(text: &str, max_lines: usize, max_bytes: usize) -> &str {
    let mut start = text.len();
    for (lines, line) in text.rsplit('\n').enumerate() {
        let begins = if lines == 0 {
            start - line.len()
        } else {
            start - line.len() - 1
        };
        if lines >= max_lines {
            break;
        }
        if text.len() - begins > max_bytes {
            if lines == 0 {
                start = text.ceil_char_boundary(text.len().saturating_sub(max_bytes));
            }
            break;
        }
        start = begins;
    }
    text.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::testing::Bench;

    fn limits(max_lines: usize, max_bytes: usize) -> Truncation {
        Truncation {
            max_lines,
            max_bytes,
            directory: PathBuf::from("/nowhere"),
        }
    }

    #[test]
    fn whole_lines_are_kept() {
        use Direction::{Head, Tail};
        type Row<'a> = (&'a str, usize, usize, Direction, Option<(&'a str, &'a str)>);
        let rows: &[Row] = &[
            ("a\nb\nc", 3, 5, Head, None),
            ("", 1, 0, Head, None),
            ("a\nb\nc", 2, 100, Head, Some(("a\nb", "1 lines"))),
            ("a\nb\nc", 2, 100, Tail, Some(("b\nc", "1 lines"))),
            ("a\nb\nc\n", 2, 100, Tail, Some(("c\n", "2 lines"))),
            ("aa\nbb\ncc", 9, 6, Head, Some(("aa\nbb", "3 bytes"))),
            ("aa\nbb\ncc", 9, 6, Tail, Some(("bb\ncc", "3 bytes"))),
            // A line that does not fit is not cut, so one long line leaves nothing.
            ("0123456789", 9, 5, Head, Some(("", "10 bytes"))),
            ("a\n0123456789\nb", 9, 5, Head, Some(("a", "13 bytes"))),
            ("äöü", 9, 5, Head, Some(("", "6 bytes"))),
            ("a\nb", 0, 5, Head, Some(("", "2 lines"))),
        ];
        for (text, max_lines, max_bytes, direction, wanted) in rows {
            let wanted = wanted.map_or(Cut::Whole, |(kept, removed)| Cut::Part {
                kept: kept.to_owned(),
                removed: removed.to_owned(),
            });
            let cut = limits(*max_lines, *max_bytes).cut(text, *direction);
            assert_eq!(cut, wanted, "{text:?} {max_lines} {max_bytes} {direction:?}");
        }
    }

    #[test]
    fn last_lines_are_kept() {
        for (text, max_lines, max_bytes, wanted) in [
            ("1\n2\n3\n", 9, 99, "1\n2\n3\n"),
            ("1\n2\n3\n", 3, 99, "2\n3\n"),
            ("1\n2\n3", 2, 99, "2\n3"),
            ("111\n222\n333", 9, 7, "222\n333"),
            ("111\n222\n333", 9, 6, "333"),
            ("111\n222\n3333", 9, 3, "333"),
            ("a\nöö", 9, 3, "ö"),
            ("a\nb", 0, 9, ""),
            ("", 5, 5, ""),
            ("\n\n", 2, 9, "\n"),
        ] {
            assert_eq!(
                last_lines(text, max_lines, max_bytes),
                wanted,
                "{text:?} {max_lines} {max_bytes}"
            );
        }
    }

    fn output(text: &str) -> Output {
        Output {
            title: "t".into(),
            output: text.into(),
            ..Output::default()
        }
    }

    #[tokio::test]
    async fn a_long_result_is_cut_and_kept() {
        let mut bench = Bench::new();
        bench.scope.truncation.max_lines = 2;
        let truncation = &bench.scope.truncation;
        let cut = truncation.apply(output("one\ntwo\nthree\nfour"), false).await;
        let path = cut.metadata["outputPath"].as_str().unwrap().to_owned();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "one\ntwo\nthree\nfour");
        let name = path
            .strip_prefix(&*truncation.directory.join("tool_").to_string_lossy())
            .unwrap();
        assert_eq!(name.len(), 26);
        assert_eq!(
            cut.output.replace(&path, "<path>"),
            "one\ntwo\n\n...2 lines truncated...\n\n\
             The call succeeded, but its result is too long to be shown whole. Full output saved to: <path>\n\
             Search that file with grep, or read parts of it with read (offset, limit)."
        );
        assert_eq!(
            cut.metadata.keys().collect::<Vec<_>>(),
            ["truncated", "outputPath"]
        );
        assert_eq!(cut.metadata["truncated"], true);
        assert_eq!(cut.title, "t");

        let delegated = truncation.apply(output("one\ntwo\nthree"), true).await;
        assert!(delegated.output.contains("explore agent"), "{}", delegated.output);
    }

    #[tokio::test]
    async fn other_results_are_left_alone() {
        let mut bench = Bench::new();
        bench.scope.truncation.max_lines = 2;
        let short = bench.scope.truncation.apply(output("one\ntwo"), false).await;
        assert_eq!(
            (short.output.as_str(), &short.metadata["truncated"]),
            ("one\ntwo", &false.into())
        );

        let mut own = output("one\ntwo\nthree");
        own.metadata.insert("truncated".into(), false.into());
        assert_eq!(bench.scope.truncation.apply(own.clone(), false).await, own);
        assert!(!bench.scope.truncation.directory.exists());
    }

    #[tokio::test]
    async fn a_result_that_cannot_be_kept_is_cut_all_the_same() {
        let mut bench = Bench::new();
        bench.scope.truncation.max_lines = 1;
        bench.scope.truncation.directory = bench.write("a file", "").join("below");
        let cut = bench.scope.truncation.apply(output("one\ntwo"), false).await;
        assert_eq!(cut.output, format!("one\n\n...1 lines truncated...\n\n{CUT}"));
        assert_eq!(cut.metadata.keys().collect::<Vec<_>>(), ["truncated"]);
    }

    #[tokio::test]
    async fn old_results_are_removed() {
        let bench = Bench::new();
        let truncation = &bench.scope.truncation;
        let kept = truncation.save("new").await.unwrap();
        let other = truncation.directory.join("notes");
        fs_err::write(&other, "").unwrap();
        let now = SystemTime::now();
        assert_eq!(
            truncation.cleanup(now + KEPT_FOR - Duration::from_secs(60)).await,
            0
        );
        assert!(kept.exists());
        assert_eq!(
            truncation.cleanup(now + KEPT_FOR + Duration::from_secs(60)).await,
            1
        );
        assert!(!kept.exists() && other.exists());
        assert_eq!(limits(1, 1).cleanup(now).await, 0);
    }
}
