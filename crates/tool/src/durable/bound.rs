//! Bringing results into the limits: both ends of the text stay, the whole of it is kept in a file
//! (reference `v2.md` §6, «Output bound»).

use std::path::Path;

use crate::contract::Output;
use crate::truncation::{Truncation, last_lines};

/// Lines that the notice takes: its own, blank ones around it.
const NOTICE_LINES: usize = 4;

/// Cuts what is told of a result to the limits. Where there is nothing but facts, it is these that are told.
pub(super) async fn fit(limits: &Truncation, mut output: Output) -> Output {
    if !output.output_paths.is_empty() {
        return output;
    }
    let whole = told(&output);
    if limits.fits(&whole) {
        return output;
    }
    let saved = match limits.save(&whole).await {
        Ok(path) => Some(path),
        Err(error) => {
            tracing::warn!(%error, "could not keep a whole result");
            None
        }
    };
    output.output = ends(limits, &whole, &whole, saved.as_deref());
    output.remarks.clear();
    output
        .output_paths
        .extend(saved.map(|path| path.to_string_lossy().into_owned()));
    output
}

fn told(output: &Output) -> String {
    let mut whole = String::new();
    for text in output.texts() {
        if !whole.is_empty() && !whole.ends_with('\n') {
            whole.push('\n');
        }
        whole.push_str(text);
    }
    if whole.is_empty() && output.attachments.is_empty() {
        // An object of texts and numbers can always be written.
        whole = serde_json::to_string_pretty(&output.metadata).unwrap_or_default();
    }
    whole
}

/// Both ends of a text of which `first` is the beginning and `last` the end, with a notice between them.
pub(super) fn ends(limits: &Truncation, first: &str, last: &str, saved: Option<&Path>) -> String {
    let notice = match saved {
        Some(path) => format!(
            "... output truncated; full content saved to {} ...",
            path.display()
        ),
        None => "... output truncated ...".to_owned(),
    };
    let lines = limits.max_lines.saturating_sub(NOTICE_LINES) / 2;
    let bytes = limits.max_bytes.saturating_sub(notice.len() + NOTICE_LINES) / 2;
    let first = first_lines(first, lines, bytes);
    let last = last_lines(last, lines, bytes);
    format!("{first}\n\n{notice}\n\n{last}")
}

/// The beginning of a text within the limits, in the middle of a line if need be.
fn first_lines(text: &str, max_lines: usize, max_bytes: usize) -> &str {
    let end = match max_lines.checked_sub(1) {
        None => 0,
        Some(before) => text
            .match_indices('\n')
            .nth(before)
            .map_or(text.len(), |(at, _)| at),
    };
    let end = end.min(text.floor_char_boundary(max_bytes));
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::durable::facts;
    use crate::testing::Bench;

    fn result(texts: &[&str]) -> Output {
        let mut texts = texts.iter().map(|text| (*text).to_owned());
        Output {
            output: texts.next().unwrap_or_default(),
            remarks: texts.collect(),
            metadata: facts(json!({ "exit": 0, "truncated": false })),
            ..Output::default()
        }
    }

    async fn fitted(lines: usize, bytes: usize, output: Output) -> (Output, Option<String>) {
        let mut bench = Bench::new();
        bench.scope.truncation.max_lines = lines;
        bench.scope.truncation.max_bytes = bytes;
        let mut output = fit(&bench.scope.truncation, output).await;
        let path = output.output_paths.pop();
        let kept = path
            .as_ref()
            .map(|path| fs_err::read_to_string(path).expect("kept"));
        if let Some(path) = path {
            output.output = output.output.replace(&path, "<path>");
        }
        (output, kept)
    }

    #[tokio::test]
    async fn what_fits_stays_as_it_is() {
        let output = result(&["1\n2\n", "Command exited with code 0."]);
        assert_eq!(fitted(3, 400, output.clone()).await, (output, None));
    }

    #[tokio::test]
    async fn both_ends_of_all_texts_are_told_as_one() {
        let output = result(&["1\n2\n3\n4\n5\n6\n7\n8", "end"]);
        let (output, kept) = fitted(8, 400, output).await;
        assert_eq!(
            output.output,
            "1\n2\n\n... output truncated; full content saved to <path> ...\n\n8\nend"
        );
        assert_eq!(output.remarks, Vec::<String>::new());
        assert_eq!(output.metadata, result(&[]).metadata);
        assert_eq!(kept.as_deref(), Some("1\n2\n3\n4\n5\n6\n7\n8\nend"));
    }

    #[tokio::test]
    async fn a_long_line_is_told_in_part() {
        let (output, _) = fitted(100, 1000, result(&[&"ö".repeat(2000)])).await;
        let (first, last) = output.output.split_once("\n\n...").expect("a notice");
        assert!(
            first.chars().all(|char| char == 'ö') && first.len() > 300,
            "{first}"
        );
        assert!(last.ends_with('ö') && output.output.len() < 1000, "{last}");
    }

    #[tokio::test]
    async fn facts_alone_are_told_as_json() {
        let output = Output {
            metadata: facts(json!({ "content": "x".repeat(500) })),
            ..Output::default()
        };
        let (output, kept) = fitted(6, 400, output).await;
        assert_eq!(
            output.output,
            "{\n\n... output truncated; full content saved to <path> ...\n\n}"
        );
        assert!(kept.is_some_and(|kept| kept.starts_with("{\n  \"content\": \"xxx")));
        assert_eq!(output.metadata["content"], "x".repeat(500));
    }

    #[tokio::test]
    async fn a_result_that_cannot_be_kept_is_cut_all_the_same() {
        let mut bench = Bench::new();
        bench.scope.truncation.max_lines = 6;
        bench.scope.truncation.directory = bench.write("a file", "").join("below");
        let output = fit(&bench.scope.truncation, result(&["1\n2\n3\n4\n5\n6\n7"])).await;
        assert_eq!(output.output, "1\n\n... output truncated ...\n\n7");
        assert_eq!(output.output_paths, Vec::<String>::new());
    }
}
