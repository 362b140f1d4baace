//! The ways to find in a file what a model meant by `oldString`, from exact to tolerant.
//!
//! Parity: tools.md §3 «edit», the nine matchers in their order. Each is a pure function from the file and
//! the wanted text to candidates: texts to look for in the file. Mostly they are parts of the file, but
//! some are made from the wanted text and need not occur in it. Which candidate is used, and whether any
//! may be, is decided in [`super::replace`].

mod anchors;
mod blocks;
mod whitespace;

use std::borrow::Cow;

use opencode_project::diff::trim;

use super::lines::{Effort, Lines};

/// A way to find candidates. It stops early, with what it has, when the effort is spent.
pub(super) type Matcher = for<'a> fn(&Lines<'a>, &'a str, &mut Effort) -> Vec<Cow<'a, str>>;

/// All of them, in the order in which they are tried.
pub(super) const ALL: [Matcher; 9] = [
    exact,
    blocks::line_trimmed,
    anchors::block_anchor,
    whitespace::whitespace_normalised,
    whitespace::indentation_flexible,
    blocks::escape_normalised,
    trimmed_boundary,
    anchors::context_aware,
    every_occurrence,
];

/// The wanted text itself.
pub(super) fn exact<'a>(_file: &Lines<'a>, old: &'a str, _effort: &mut Effort) -> Vec<Cow<'a, str>> {
    vec![old.into()]
}

/// The wanted text without white space at its ends, and blocks of as many lines that are equal to it but
/// for white space at their ends.
fn trimmed_boundary<'a>(file: &Lines<'a>, old: &'a str, effort: &mut Effort) -> Vec<Cow<'a, str>> {
    let wanted = trim(old);
    let mut found = Vec::new();
    if wanted == old {
        return found;
    }
    if file.text().contains(wanted) {
        found.push(wanted.into());
    }
    for block in file.blocks(old.split('\n').count()) {
        let block_trimmed = trim(block);
        let trimmed_away = block.len() - block_trimmed.len();
        if !effort.spend(8 + trimmed_away) {
            break;
        }
        if block_trimmed == wanted {
            found.push(block.into());
        }
    }
    found
}

/// The wanted text, once for each time that it occurs.
fn every_occurrence<'a>(file: &Lines<'a>, old: &'a str, _effort: &mut Effort) -> Vec<Cow<'a, str>> {
    if old.is_empty() {
        return Vec::new();
    }
    // Those after the second say nothing new: the text is not unique.
    file.text()
        .match_indices(old)
        .take(2)
        .map(|(_, found)| found.into())
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    /// What `matcher` finds for (name, file, old, candidates) rows.
    pub(in crate::edit) fn check(matcher: Matcher, rows: &[(&str, &str, &str, &[&str])]) {
        for (name, file, old, wanted) in rows {
            let found = matcher(&Lines::new(file), old, &mut Effort::new(Effort::LIMIT));
            assert_eq!(found, *wanted, "{name}");
        }
    }

    #[test]
    fn exact_is_the_text_itself() {
        check(
            exact,
            &[("there", "abc", "b", &["b"]), ("not there", "abc", "x", &["x"])],
        );
    }

    #[test]
    fn trimmed_boundary_rows() {
        check(
            trimmed_boundary,
            &[
                ("nothing to trim", "abc", "b", &[]),
                ("inside a line", "if (abc) {", " abc\n", &["abc"]),
                ("text and block", "x\n\n  b\ny", "\nb", &["b", "\n  b"]),
                (
                    "only white space matches blank lines",
                    "a\n \nb",
                    " \t",
                    &["", " "],
                ),
                ("nowhere", "a\nb", " c ", &[]),
            ],
        );
    }

    #[test]
    fn every_occurrence_rows() {
        check(
            every_occurrence,
            &[
                ("none", "abc", "x", &[]),
                ("two", "abab", "ab", &["ab", "ab"]),
                ("overlapping", "aaa", "aa", &["aa"]),
            ],
        );
    }
}
