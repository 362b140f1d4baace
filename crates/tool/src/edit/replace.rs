//! Which part of a file an edit replaces, and what the file becomes.
//!
//! Parity: tools.md §3 «edit»: the matchers are tried in order, and of their candidates the first that
//! may be used is: it has to occur in the file, must not span much more than was asked for, and unless all
//! occurrences are wanted it has to occur once.

use std::ops::Range;

use opencode_project::diff::trim;

use super::lines::{Effort, Lines, units};
use super::matchers::{self, Matcher};

/// Why nothing is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "Could not find oldString in the file. It must match exactly, including whitespace, indentation, and line endings."
    )]
    Missing,
    #[error(
        "Found multiple matches for oldString. Provide more surrounding context to make the match unique."
    )]
    Several,
    #[error(
        "Refusing replacement because the matched span is much larger than oldString. Please read the file once more and give as oldString all of the text that is to be replaced."
    )]
    TooLarge,
    #[error(
        "Could not find oldString in the file as it stands. The file is too large for a search that forgives differences in whitespace, so oldString has to be exact."
    )]
    TooMuchWork,
}

/// Which parts of `content` are to be replaced: several only if `all` are wanted, else one.
pub(super) fn find(content: &str, old: &str, all: bool, work: usize) -> Result<Vec<Range<usize>>, Refusal> {
    find_by(&matchers::ALL, content, old, all, work)
}

/// As [`find`], of parts that are exactly `old`.
pub(super) fn find_exact(
    content: &str,
    old: &str,
    all: bool,
    work: usize,
) -> Result<Vec<Range<usize>>, Refusal> {
    find_by(&[matchers::exact], content, old, all, work)
}

fn find_by(
    ways: &[Matcher],
    content: &str,
    old: &str,
    all: bool,
    work: usize,
) -> Result<Vec<Range<usize>>, Refusal> {
    let file = Lines::new(content);
    let mut effort = Effort::new(work);
    let mut refusal = Refusal::Missing;
    for matcher in ways {
        let mut last = None;
        for candidate in matcher(&file, old, &mut effort) {
            if last.as_ref() == Some(&candidate) {
                continue;
            }
            let Some(start) = content.find(&*candidate) else {
                continue;
            };
            refusal = Refusal::Several;
            if spans_too_much(&candidate, old) {
                return Err(Refusal::TooLarge);
            }
            if all {
                // Here the reference puts the new text between all characters of the file.
                if candidate.is_empty() {
                    return Err(Refusal::Several);
                }
                return Ok(content
                    .match_indices(&*candidate)
                    .map(|(start, found)| start..start + found.len())
                    .collect());
            }
            let end = content.rfind(&*candidate).unwrap_or(start);
            if start == end {
                return Ok(std::iter::once(start..start + candidate.len()).collect());
            }
            if !effort.spend(candidate.len() + (start + content.len() - end) / 8) {
                break;
            }
            last = Some(candidate);
        }
        if effort.is_spent() {
            return Err(if refusal == Refusal::Missing {
                Refusal::TooMuchWork
            } else {
                refusal
            });
        }
    }
    Err(refusal)
}

/// Whether a candidate is so much larger than what was asked for that replacing it would surprise.
fn spans_too_much(candidate: &str, old: &str) -> bool {
    let lines = |text: &str| text.split('\n').count();
    let wanted = lines(old);
    if lines(candidate) >= (wanted + 3).max(wanted * 2) {
        return true;
    }
    let (length, wanted_length) = (units(trim(candidate)), units(trim(old)));
    wanted > 1 && length > (wanted_length + 500).max(wanted_length * 4)
}

/// What is put in place of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum New<'a> {
    /// The text as it is.
    Literal(&'a str),
    /// The text with JavaScript's replacement patterns: `$$` is a dollar sign, `$&` the part itself,
    /// `` $` `` what is before it and `$'` what is after it.
    ///
    /// Parity: tools.md §3 «edit»: with `replaceAll` the reference resolves them.
    Pattern(&'a str),
}

/// The bytes of a file of `length` in which `ranges` (in order, apart) are replaced, given its bytes by
/// range; `None` when they would be more than `limit`.
pub(super) fn apply<'a>(
    length: usize,
    ranges: &[Range<usize>],
    new: New<'_>,
    limit: usize,
    bytes: impl Fn(Range<usize>) -> &'a [u8],
) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let push = |out: &mut Vec<u8>, part: &[u8]| {
        out.extend_from_slice(part);
        (out.len() <= limit).then_some(())
    };
    let mut at = 0;
    for range in ranges {
        push(&mut out, bytes(at..range.start))?;
        match new {
            New::Literal(text) => push(&mut out, text.as_bytes())?,
            New::Pattern(text) => {
                let mut rest = text;
                while let Some((before, after)) = rest.split_once('$') {
                    push(&mut out, before.as_bytes())?;
                    let part = match after.bytes().next() {
                        Some(b'$') => b"$",
                        Some(b'&') => bytes(range.clone()),
                        Some(b'`') => bytes(0..range.start),
                        Some(b'\'') => bytes(range.end..length),
                        _ => {
                            push(&mut out, b"$")?;
                            rest = after;
                            continue;
                        }
                    };
                    push(&mut out, part)?;
                    rest = after.get(1..).unwrap_or_default();
                }
                push(&mut out, rest.as_bytes())?;
            }
        }
        at = range.end;
    }
    push(&mut out, bytes(at..length))?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    use super::*;

    fn replaced(content: &str, old: &str, new: &str, all: bool) -> Result<String, Refusal> {
        let ranges = find(content, old, all, Effort::LIMIT)?;
        let new = if all { New::Pattern(new) } else { New::Literal(new) };
        let bytes = |range: Range<usize>| content.as_bytes().get(range).expect("in the text");
        let out = apply(content.len(), &ranges, new, usize::MAX, bytes).expect("no limit");
        Ok(String::from_utf8(out).expect("text"))
    }

    #[test]
    fn replacement_rows() {
        let long = format!("a\n{}\nz", "x".repeat(600));
        for (name, content, old, new, all, wanted) in [
            ("exact", "abc", "b", "x", false, Ok("axc")),
            ("literal dollar", "abc", "b", "$&$$", false, Ok("a$&$$c")),
            ("several", "x = x", "x", "y", false, Err(Refusal::Several)),
            ("all", "x = x", "x", "y", true, Ok("y = y")),
            (
                "all with patterns",
                "axb",
                "x",
                "[$&|$`|$'|$$|$1|$<n>|$]",
                true,
                Ok("a[x|a|b|$|$1|$<n>|$]b"),
            ),
            ("patterns see the old text", "xx", "x", "$'y", true, Ok("xyy")),
            (
                "missing",
                "abc",
                "nothing like it",
                "",
                false,
                Err(Refusal::Missing),
            ),
            ("tolerant and unique", " a\nb", "a\nb\n", "c", false, Ok("c")),
            (
                "exact twice, tolerant cannot help",
                "a\na",
                "a",
                "b",
                false,
                Err(Refusal::Several),
            ),
            (
                "all of a tolerant match",
                " a \n a ",
                "a  ",
                "b",
                true,
                Ok("b\nb"),
            ),
            (
                "three lines for one",
                "a\n\n\nb",
                "a\\n\\n\\nb",
                "x",
                false,
                Err(Refusal::TooLarge),
            ),
            (
                "much longer for two",
                &long,
                "a\nz\n",
                "x",
                false,
                Err(Refusal::TooLarge),
            ),
            ("white space in an empty file", "", "  ", "x", false, Ok("x")),
            (
                "white space where there is none, all",
                "ab\n\ncd",
                "   ",
                "x",
                true,
                Err(Refusal::Several),
            ),
        ] {
            assert_eq!(
                replaced(content, old, new, all),
                wanted.map(str::to_owned),
                "{name}"
            );
        }
    }

    #[test]
    fn results_have_a_limit() {
        let content = "a".repeat(1000);
        let ranges = find(&content, "a", true, Effort::LIMIT).expect("there");
        let bytes = |range: Range<usize>| content.as_bytes().get(range).expect("in the text");
        assert_eq!(apply(1000, &ranges, New::Pattern("$`$'"), 100_000, bytes), None);
        assert_eq!(
            apply(1000, &ranges, New::Literal("bb"), 2000, bytes).map(|out| out.len()),
            Some(2000)
        );
        assert_eq!(apply(1000, &ranges, New::Literal("bb"), 1999, bytes), None);
    }

    #[test]
    fn hopeless_searches_end() {
        let blank = "\n".repeat(50_000);
        let same = "  same line\n".repeat(20_000);
        let long = format!("begin\n{}\nend\n", "ab".repeat(100_000));
        for (name, content, old) in [
            ("blank lines", &blank, format!("{}x", " \n".repeat(10_000))),
            (
                "equal lines",
                &same,
                format!("{}other\n", "same line \n".repeat(5_000)),
            ),
            (
                "equal lines, deeper",
                &same,
                format!("{}    other\n", "    same line\n".repeat(5_000)),
            ),
            ("words", &same, "same  same  same".to_owned()),
            (
                "lines of many characters",
                &long,
                format!("begin\n{}\nend\n", "ba".repeat(100_000)),
            ),
            (
                "escapes",
                &same,
                format!("{}\\n", "  same line\\n".repeat(5_000)) + "x",
            ),
        ] {
            let found = find(content, &old, false, 3_000_000);
            assert!(found.is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_wanted_the_rest_stays(
            content in "(?s)[ab \n\t\\\\{}\u{e4}\u{1f600}]{0,60}",
            old in "(?s)[ab \n\t\\\\n{}\u{e4}\u{1f600}]{1,30}",
            all in any::<bool>(),
        ) {
            let Ok(ranges) = find(&content, &old, all, Effort::LIMIT) else { return Ok(()) };
            prop_assert!(all || ranges.len() == 1);
            let bytes = |range: Range<usize>| content.get(range).expect("characters stay whole").as_bytes();
            let out = apply(content.len(), &ranges, New::Literal("\0"), usize::MAX, bytes).expect("no limit");
            let out = String::from_utf8(out).expect("text");
            let replaced: usize = ranges.iter().map(ExactSizeIterator::len).sum();
            prop_assert_eq!(out.len(), content.len() - replaced + ranges.len());
            let rest: Vec<&str> = out.split('\0').collect();
            let mut at = 0;
            for (kept, range) in rest.iter().zip(&ranges) {
                prop_assert_eq!(Some(*kept), content.get(at..range.start));
                at = range.end;
            }
            prop_assert_eq!(rest.last().copied(), content.get(at..));
        }
    }
}
