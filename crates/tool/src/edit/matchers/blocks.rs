//! Blocks of lines that are equal to the wanted text but for white space around lines, or but for escapes.

use std::borrow::Cow;
use std::str::Chars;

use opencode_project::diff::trim;

use crate::edit::lines::{Effort, Lines};

/// Blocks whose lines are equal to the wanted ones but for white space at their ends. An empty last line of
/// the wanted text does not count.
pub(super) fn line_trimmed<'a>(file: &Lines<'a>, old: &'a str, effort: &mut Effort) -> Vec<Cow<'a, str>> {
    let wanted: Vec<&str> = old
        .strip_suffix('\n')
        .unwrap_or(old)
        .split('\n')
        .map(trim)
        .collect();
    let lines = file.trimmed();
    let mut found = Vec::new();
    for (first, block) in lines.windows(wanted.len()).enumerate() {
        let equal = block.iter().zip(&wanted).take_while(|(a, b)| a == b).count();
        if !effort.spend(4 + 4 * equal) {
            break;
        }
        if equal == wanted.len() {
            found.push(file.block(first, wanted.len()).into());
        }
    }
    found
}

/// The wanted text with its escapes resolved, and blocks that become equal to it when theirs are.
pub(super) fn escape_normalised<'a>(
    file: &Lines<'a>,
    old: &'a str,
    effort: &mut Effort,
) -> Vec<Cow<'a, str>> {
    let wanted: String = Unescaped(old.chars()).collect();
    let mut found: Vec<Cow<'a, str>> = Vec::new();
    let count = wanted.split('\n').count();
    for block in file.blocks(count) {
        let mut steps = 4;
        let equal = Unescaped(block.chars())
            .inspect(|_| steps += 2)
            .eq(wanted.chars());
        if !effort.spend(steps) {
            break;
        }
        if equal {
            found.push(block.into());
        }
    }
    if file.text().contains(&wanted) {
        found.insert(0, wanted.into());
    }
    found
}

/// Characters with the escapes of string literals resolved. A backslash before anything else stays.
struct Unescaped<'a>(Chars<'a>);

impl Iterator for Unescaped<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let char = self.0.next()?;
        if char != '\\' {
            return Some(char);
        }
        let mut after = self.0.clone();
        let resolved = match after.next() {
            Some('n' | '\n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some(same @ ('\'' | '"' | '`' | '\\' | '$')) => same,
            _ => return Some(char),
        };
        self.0 = after;
        Some(resolved)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn line_trimmed_rows() {
        check(
            line_trimmed,
            &[
                ("indentation", "a\n  b\n\tc \nd", "b\nc", &["  b\n\tc "]),
                ("empty last line", "a\n  b\nc", "b\n", &["  b"]),
                ("two places", " a\nx\na ", "a", &[" a", "a "]),
                ("at the end", "x\n  a", "a", &["  a"]),
                ("middle differs", "a\nb\nc", "a\nx\nc", &[]),
                ("longer than the file", "a", "a\nb", &[]),
                ("carriage returns", "a\r\nb\r\n", "a\nb", &["a\r\nb\r"]),
                ("blank line", "a\n\nb", "\n", &[""]),
                (
                    "white space of JavaScript",
                    "\u{feff}a\nb\u{85}",
                    "a",
                    &["\u{feff}a"],
                ),
            ],
        );
    }

    #[test]
    fn escape_normalised_rows() {
        check(
            escape_normalised,
            &[
                (
                    "quotes",
                    "say(\"hi\")",
                    "say(\\\"hi\\\")",
                    &["say(\"hi\")", "say(\"hi\")"],
                ),
                ("line break", "a\nb\nc", "a\\nb", &["a\nb", "a\nb"]),
                (
                    "escapes in the file",
                    "x = \"a\\tb\"\ny",
                    "x = \"a\tb\"",
                    &["x = \"a\\tb\""],
                ),
                (
                    "all of them",
                    "\t\r'\"`\\$",
                    "\\t\\r\\'\\\"\\`\\\\\\$",
                    &["\t\r'\"`\\$"],
                ),
                ("backslash before a line break", "a\\\nb", "a\nb", &["a\\\nb"]),
                ("other backslashes stay", "\\d", "\\d\\", &[]),
            ],
        );
    }
}
