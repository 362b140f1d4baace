//! Blocks that begin and end as wanted, with something like the wanted lines between.

use std::borrow::Cow;

use opencode_project::diff::trim;

use crate::edit::lines::{Effort, Lines, units};

/// How alike the lines between have to be, from 0 to 1.
const SIMILARITY: f64 = 0.65;

/// The block that begins and ends with the wanted first and last line, is about as long, and whose lines
/// between are the most alike.
pub(super) fn block_anchor<'a>(file: &Lines<'a>, old: &'a str, effort: &mut Effort) -> Vec<Cow<'a, str>> {
    let Some(anchored) = Anchored::new(file, old) else {
        return Vec::new();
    };
    let size = anchored.wanted.len();
    let slack = (size / 4).max(1);
    let near: Vec<(usize, usize)> = anchored
        .blocks()
        .filter(|(_, count)| count.abs_diff(size) <= slack)
        .collect();
    let chosen = match near.as_slice() {
        [(first, count)] => {
            (anchored.similarity_of_one(*first, *count, effort) >= SIMILARITY).then_some((*first, *count))
        }
        several => {
            let mut best = None;
            let mut highest = -1.0;
            for (first, count) in several {
                let similarity = anchored.similarity_of_several(*first, *count, effort);
                if similarity > highest {
                    (best, highest) = (Some((*first, *count)), similarity);
                }
            }
            best.filter(|_| highest >= SIMILARITY)
        }
    };
    chosen
        .map(|(first, count)| file.block(first, count).into())
        .into_iter()
        .collect()
}

/// Blocks that begin and end as wanted, have as many lines, and of whose lines between at least half are
/// equal to the wanted ones.
pub(super) fn context_aware<'a>(file: &Lines<'a>, old: &'a str, effort: &mut Effort) -> Vec<Cow<'a, str>> {
    let Some(anchored) = Anchored::new(file, old) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (first, count) in anchored.blocks() {
        if count != anchored.wanted.len() {
            continue;
        }
        if !effort.spend(8 + 4 * count) {
            break;
        }
        let (mut filled, mut equal) = (0_usize, 0_usize);
        for (line, wanted) in anchored.between(first, count) {
            filled += usize::from(!line.is_empty() || !wanted.is_empty());
            equal += usize::from(!line.is_empty() && line == wanted);
        }
        if equal * 2 >= filled {
            found.push(file.block(first, count).into());
        }
    }
    found
}

/// A file and wanted lines whose first and last are anchors. All lines are without white space at their ends.
struct Anchored<'a> {
    lines: Vec<&'a str>,
    wanted: Vec<&'a str>,
    /// For each line of the file: the first from there on that is the last anchor.
    next_last: Vec<usize>,
}

impl<'a> Anchored<'a> {
    /// `None` when fewer than three lines are wanted.
    fn new(file: &Lines<'a>, old: &'a str) -> Option<Self> {
        let mut wanted: Vec<&str> = old.split('\n').map(trim).collect();
        if wanted.len() < 3 {
            return None;
        }
        if old.ends_with('\n') {
            wanted.pop();
        }
        let last = *wanted.last()?;
        let lines = file.trimmed();
        let mut next_last = vec![usize::MAX; lines.len()];
        let mut next = usize::MAX;
        for (index, (line, slot)) in lines.iter().zip(&mut next_last).enumerate().rev() {
            if *line == last {
                next = index;
            }
            *slot = next;
        }
        Some(Self {
            lines,
            wanted,
            next_last,
        })
    }

    /// Blocks of at least three lines from a first anchor to the next last anchor: first line and length.
    fn blocks(&self) -> impl Iterator<Item = (usize, usize)> {
        let firsts = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| Some(*line) == self.wanted.first());
        firsts.filter_map(|(first, _)| {
            let last = self
                .next_last
                .get(first + 2)
                .copied()
                .filter(|last| *last != usize::MAX)?;
            Some((first, last - first + 1))
        })
    }

    /// Pairs of a line and the wanted line, first and last of both left out, as far as both reach.
    fn between(&self, first: usize, count: usize) -> impl Iterator<Item = (&'a str, &'a str)> {
        let lines = self.lines.iter().skip(first + 1).take(count - 2);
        lines
            .zip(self.wanted.iter().skip(1).take(self.wanted.len() - 2))
            .map(|(line, wanted)| (*line, *wanted))
    }

    /// Mean similarity of the lines between. Ends as soon as it is high enough.
    ///
    /// Parity: tools.md §3 «edit», matcher 3. Each share is added divided already, which is not quite the
    /// same in floating point as dividing the sum.
    fn similarity_of_one(&self, first: usize, count: usize, effort: &mut Effort) -> f64 {
        let total = self.pairs(count);
        if total == 0.0 {
            return 1.0;
        }
        let mut similarity = 0.0;
        for (line, wanted) in self.between(first, count) {
            similarity += alike(line, wanted, effort).unwrap_or(0.0) / total;
            if similarity >= SIMILARITY {
                break;
            }
        }
        similarity
    }

    /// Mean similarity of the lines between.
    fn similarity_of_several(&self, first: usize, count: usize, effort: &mut Effort) -> f64 {
        let total = self.pairs(count);
        if total == 0.0 {
            return 1.0;
        }
        let shares = self
            .between(first, count)
            .map(|(line, wanted)| alike(line, wanted, effort).unwrap_or(0.0));
        shares.sum::<f64>() / total
    }

    /// How many lines between are compared.
    fn pairs(&self, count: usize) -> f64 {
        to_float((self.wanted.len() - 2).min(count - 2))
    }
}

/// How alike two lines are, from 0 to 1; `None` when both are empty.
fn alike(line: &str, wanted: &str, effort: &mut Effort) -> Option<f64> {
    let longest = units(line).max(units(wanted));
    (longest > 0).then(|| 1.0 - to_float(distance(line, wanted, effort)) / to_float(longest))
}

/// Levenshtein's distance in UTF-16 units. As far as can be when the effort is spent.
fn distance(a: &str, b: &str, effort: &mut Effort) -> usize {
    if a == b {
        return 0;
    }
    let (a, b): (Vec<u16>, Vec<u16>) = (a.encode_utf16().collect(), b.encode_utf16().collect());
    let longest = a.len().max(b.len());
    if a.is_empty() || b.is_empty() || !effort.spend(a.len().saturating_mul(b.len())) {
        return longest;
    }
    // The row above, from which each cell takes its upper and upper left neighbour.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, unit) in a.iter().enumerate() {
        let mut upper_left = index;
        let mut left = index + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, other) in row.iter_mut().skip(1).zip(&b) {
            let upper = *cell;
            left = (upper + 1)
                .min(left + 1)
                .min(upper_left + usize::from(unit != other));
            *cell = left;
            upper_left = upper;
        }
    }
    row.last().copied().unwrap_or(longest)
}

/// Exact for every count that memory can hold.
fn to_float(count: usize) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "lines and their lengths are far below 2^53"
    )]
    {
        count as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn distance_rows() {
        for (a, b, wanted) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
            ("same", "same", 0),
            ("\u{1f600}", "x", 2),
            ("äö", "ao", 2),
        ] {
            assert_eq!(distance(a, b, &mut Effort::new(1000)), wanted, "{a} {b}");
            assert_eq!(distance(b, a, &mut Effort::new(1000)), wanted, "{b} {a}");
        }
        assert_eq!(distance("kitten", "sitting", &mut Effort::new(10)), 7);
    }

    #[test]
    fn block_anchor_rows() {
        check(
            block_anchor,
            &[
                (
                    "alike",
                    "x\nfn a() {\n  let b = 1;\n}\ny",
                    "fn a() {\n  let b = 2;\n}",
                    &["fn a() {\n  let b = 1;\n}"],
                ),
                (
                    "not alike",
                    "fn a() {\n  something();\n}",
                    "fn a() {\n  q = 7;\n}",
                    &[],
                ),
                ("two lines", "a\nb", "a\nb", &[]),
                ("two lines and an empty one", "a\nx\nb", "a\nb\n", &["a\nx\nb"]),
                (
                    "one line more",
                    "a\nbbbb\ncccc\nz",
                    "a\nbbbb\nz",
                    &["a\nbbbb\ncccc\nz"],
                ),
                ("too many more", "a\nbbbb\n1\n2\n3\nz", "a\nbbbb\nz", &[]),
                (
                    "the best of two",
                    "a\nbbb1\nz\na\nbbbx\nz",
                    "a\nbbbx\nz",
                    &["a\nbbbx\nz"],
                ),
                (
                    "the first of equals",
                    "a \nbbb1\nz\na\nbbb2\nz",
                    "a\nbbb3\nz",
                    &["a \nbbb1\nz"],
                ),
                (
                    "the end nearest to the start",
                    "a\nb\nz\nc\nz",
                    "a\nb\nz",
                    &["a\nb\nz"],
                ),
                ("nothing between", "a\n\nz", "a\n\nz", &[]),
            ],
        );
    }

    #[test]
    fn context_aware_rows() {
        check(
            context_aware,
            &[
                ("half is equal", "a\nb\nc\nz", "a\nb\nX\nz", &["a\nb\nc\nz"]),
                ("less than half", "a\n1\n2\n3\nz", "a\n1\nX\nY\nz", &[]),
                ("other length", "a\nb\nz", "a\nb\nc\nz", &[]),
                ("blank between", "a\n\nz", "a\n \nz", &["a\n\nz"]),
                ("two lines", "a\nz", "a\nz", &[]),
                ("empty last line", "a\nb\nz", "a\nb\nz\n", &["a\nb\nz"]),
                (
                    "two places",
                    "a\nb\nz\na\nb\nz",
                    " a\nb\nz",
                    &["a\nb\nz", "a\nb\nz"],
                ),
            ],
        );
    }
}
