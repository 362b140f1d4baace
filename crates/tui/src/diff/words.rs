//! Which words of two lines differ.

use std::ops::Range;

use similar::{ChangeTag, TextDiff};
use unicode_segmentation::UnicodeSegmentation as _;

/// Longer lines are not compared.
const BYTES: usize = 600;
/// Lines that have less in common than this are different lines, not changed ones.
const LIKENESS: f32 = 0.5;

/// Places of a line, in bytes.
pub(super) type Ranges = Vec<Range<usize>>;

/// The ranges of the words that were removed from a line, and of those that were added.
pub(super) fn changed(old: &str, new: &str) -> Option<(Ranges, Ranges)> {
    if old.len() > BYTES || new.len() > BYTES || old == new {
        return None;
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (
        old.split_word_bounds().collect(),
        new.split_word_bounds().collect(),
    );
    let diff = TextDiff::from_slices(&old, &new);
    if diff.ratio() < LIKENESS {
        return None;
    }
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    let (mut old_at, mut new_at) = (0, 0);
    for change in diff.iter_all_changes() {
        let length = change.value().len();
        match change.tag() {
            ChangeTag::Equal => {
                old_at += length;
                new_at += length;
            }
            ChangeTag::Delete => {
                push(&mut removed, old_at..old_at + length);
                old_at += length;
            }
            ChangeTag::Insert => {
                push(&mut added, new_at..new_at + length);
                new_at += length;
            }
        }
    }
    Some((removed, added))
}

fn push(ranges: &mut Vec<Range<usize>>, range: Range<usize>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}
