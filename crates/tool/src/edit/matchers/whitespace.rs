//! Matching while white space inside lines, or the indentation of whole blocks, does not count.

use std::borrow::Cow;

use opencode_project::diff::{is_whitespace, trim_start};

use crate::edit::lines::{Effort, Lines};

/// What is equal when every run of white space counts as one space: first whole lines and parts of lines,
/// then blocks of as many lines as wanted.
pub(super) fn whitespace_normalised<'a>(
    file: &Lines<'a>,
    old: &'a str,
    effort: &mut Effort,
) -> Vec<Cow<'a, str>> {
    let wanted_words: Vec<&str> = words(old).collect();
    let wanted = wanted_words.join(" ");
    let mut found: Vec<Cow<'a, str>> = Vec::new();
    for line in file.iter() {
        if !effort.spend(4 + 2 * line.len()) {
            return found;
        }
        let line_words: Vec<&str> = words(line).collect();
        if line_words == wanted_words {
            found.push(line.into());
        } else if line_words.join(" ").contains(&wanted) {
            found.extend(find_words(line, &wanted_words, effort).map(Cow::Borrowed));
        }
    }
    let count = old.split('\n').count();
    if count > 1 {
        for block in file.blocks(count) {
            let mut steps = 4;
            let equal = words(block)
                .inspect(|word| steps += 4 + word.len())
                .eq(wanted_words.iter().copied());
            if !effort.spend(steps) {
                return found;
            }
            if equal {
                found.push(block.into());
            }
        }
    }
    found
}

/// What white space separates.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_whitespace).filter(|word| !word.is_empty())
}

/// The first part of `line` that consists of `words` with white space between them. The first word may
/// begin, and the last may end, inside a word of the line.
fn find_words<'a>(line: &'a str, words: &[&str], effort: &mut Effort) -> Option<&'a str> {
    let Some((first, rest)) = words.split_first() else {
        return Some("");
    };
    let mut from = 0;
    loop {
        let start = from + line.get(from..)?.find(first)?;
        if !effort.spend(start - from + first.len()) {
            return None;
        }
        let after_first = line.get(start + first.len()..)?;
        let left = rest.iter().try_fold(after_first, |text, word| {
            let next = trim_start(text);
            if next.len() == text.len() {
                None
            } else {
                next.strip_prefix(word)
            }
        });
        if let Some(left) = left {
            return line.get(start..line.len() - left.len());
        }
        from = start + line.get(start..)?.chars().next()?.len_utf8();
    }
}

/// Blocks that are equal when the indentation that all their non-blank lines share is taken off.
pub(super) fn indentation_flexible<'a>(
    file: &Lines<'a>,
    old: &'a str,
    effort: &mut Effort,
) -> Vec<Cow<'a, str>> {
    let wanted: Vec<&str> = old.split('\n').collect();
    let wanted_indent = common_indent(wanted.iter().copied());
    let mut found = Vec::new();
    for first in 0..(file.len() + 1).saturating_sub(wanted.len()) {
        let lines = || (first..first + wanted.len()).map(|index| file.line(index));
        // Cheap and almost always enough: what comes after the indentation.
        let same = lines()
            .zip(&wanted)
            .take_while(|(line, wanted)| content(line) == content(wanted))
            .count();
        if !effort.spend(8 + 8 * same) {
            break;
        }
        if same == wanted.len() {
            let indent = common_indent(lines());
            let mut pairs = lines().zip(&wanted);
            if pairs.all(|(line, wanted)| unindented(line, indent) == unindented(wanted, wanted_indent)) {
                found.push(file.block(first, wanted.len()).into());
            }
        }
    }
    found
}

/// What comes after the indentation; blank lines are content.
fn content(line: &str) -> &str {
    match trim_start(line) {
        "" => line,
        content => content,
    }
}

/// The least number of white-space characters at the start of a line that is not blank.
fn common_indent<'a>(lines: impl Iterator<Item = &'a str>) -> usize {
    let filled = lines.filter(|line| !trim_start(line).is_empty());
    filled
        .map(|line| line.chars().take_while(|char| is_whitespace(*char)).count())
        .min()
        .unwrap_or(0)
}

/// A line without its first `indent` characters; a blank one as it is.
fn unindented(line: &str, indent: usize) -> &str {
    if trim_start(line).is_empty() {
        return line;
    }
    line.char_indices()
        .nth(indent)
        .and_then(|(index, _)| line.get(index..))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn whitespace_normalised_rows() {
        check(
            whitespace_normalised,
            &[
                (
                    "part of a line",
                    "  const  total =\ta + b;",
                    "const total = a  + b",
                    &["const  total =\ta + b"],
                ),
                ("whole line", "x\n a  b \ny", "a b", &[" a  b "]),
                ("several lines", "f(a,\n  b)\nz", "f(a,\nb)", &["f(a,\n  b)"]),
                ("lines wrapped otherwise", "a b\nc", "a\nb c", &["a b\nc"]),
                ("one line for two", "f(a,\n b)", "f(a, b)", &[]),
                ("a false start", "aaa b", "aa  b", &["aa b"]),
                (
                    "symbols are no pattern",
                    "f( x ) .*",
                    "f( x )  .*",
                    &["f( x ) .*"],
                ),
                ("words have to be apart", "ab", "a b", &[]),
            ],
        );
    }

    #[test]
    fn only_white_space_finds_blank_lines_and_nothing_else() {
        check(
            whitespace_normalised,
            &[("blank", "a\n \nb", "\t", &["", " ", ""])],
        );
    }

    #[test]
    fn indentation_flexible_rows() {
        check(
            indentation_flexible,
            &[
                (
                    "deeper",
                    "x\n    if a {\n      b\n    }",
                    "if a {\n  b\n}",
                    &["    if a {\n      b\n    }"],
                ),
                (
                    "shallower",
                    "if a {\n  b\n}",
                    "    if a {\n      b\n    }",
                    &["if a {\n  b\n}"],
                ),
                ("other relation", "if a {\n    b\n}", "  if a {\n    b\n  }", &[]),
                ("blank lines have none", "  a\n\n  b", "a\n\nb", &["  a\n\n  b"]),
                ("blank lines have to be equal", "  a\n \n  b", "a\n\nb", &[]),
                ("all blank", "a\n\n\n", "\n", &["\n", "\n"]),
                ("tabs count one", "\ta\n\t b", " a\n  b", &["\ta\n\t b"]),
                ("white space at the end counts", "  a ", "a", &[]),
                ("longer than the file", "a", "a\nb", &[]),
            ],
        );
    }
}
