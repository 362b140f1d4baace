//! Where the chunks of a patch belong in a file, and the file after them
//! (reference `tools.md` §3 «apply_patch»).
//!
//! Places are looked for from the one before on: exactly, then with other white space at the ends of lines,
//! then at both sides, then with plain punctuation for typographic. Lines that no chunk touches keep their
//! bytes and their line ends.

use std::borrow::Cow;
use std::ops::Range;

use opencode_project::diff::{is_whitespace, trim};

use super::parse::Chunk;
use crate::edit::lines::Effort;
use crate::write::text::Decoded;

/// Why a patch does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// The line that should stand before a place is not there.
    Context(String),
    /// The lines that should be there are not.
    Lines(String),
    /// Looking for it takes too long.
    TooMuch,
}

/// Lines that others take the place of.
struct Replacement<'a> {
    lines: Range<usize>,
    with: Vec<&'a str>,
}

/// The bytes of a file, without its byte order mark, after the chunks.
///
/// # Errors
/// The first chunk that does not fit.
pub(super) fn apply(file: &Decoded<'_>, chunks: &[Chunk], mut effort: Effort) -> Result<Vec<u8>, Misfit> {
    let lines = split(&file.text);
    let replacements = find(&lines, chunks, &mut effort)?;
    let end = if file.text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut bytes = Vec::with_capacity(file.text.len());
    let put_line_end = |bytes: &mut Vec<u8>| {
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            bytes.extend_from_slice(end.as_bytes());
        }
    };
    // Where a line starts in the text; the end of the text for the one after the last.
    let start_of = |line: usize| lines.get(line).map_or(file.text.len(), |line| line.start);
    let mut at = 0;
    for Replacement { lines, with } in replacements {
        bytes.extend_from_slice(file.bytes(start_of(at)..start_of(lines.start)));
        for line in with {
            put_line_end(&mut bytes);
            bytes.extend_from_slice(line.as_bytes());
            bytes.extend_from_slice(end.as_bytes());
        }
        at = lines.end;
    }
    bytes.extend_from_slice(file.bytes(start_of(at)..file.text.len()));
    put_line_end(&mut bytes);
    Ok(bytes)
}

/// A line of a text.
#[derive(Clone, Copy)]
struct Line<'a> {
    /// Where it starts.
    start: usize,
    /// Without its line end.
    text: &'a str,
}

fn split(text: &str) -> Vec<Line<'_>> {
    let mut start = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let bare = line.strip_suffix('\n').unwrap_or(line);
            let bare = bare.strip_suffix('\r').unwrap_or(bare);
            let line_start = start;
            start += line.len();
            Line {
                start: line_start,
                text: bare,
            }
        })
        .collect()
}

/// Where the chunks belong, in the order of the file.
fn find<'a>(
    lines: &[Line<'_>],
    chunks: &'a [Chunk],
    effort: &mut Effort,
) -> Result<Vec<Replacement<'a>>, Misfit> {
    let mut replacements: Vec<Replacement<'a>> = Vec::new();
    let mut at = 0;
    for chunk in chunks {
        if let Some(context) = &chunk.context {
            let found = seek(lines, &[context.as_str()], at, false, effort)?;
            at = found.ok_or_else(|| Misfit::Context(context.clone()))? + 1;
        }
        let found = find_chunk(lines, chunk, at, effort)?;
        if chunk.sides(true).0.is_empty() {
            // Nothing says where: the end. What is put there twice stays in its order.
            replacements.push(found);
        } else {
            at = found.lines.end;
            let place = replacements.partition_point(|one| one.lines.start <= found.lines.start);
            replacements.insert(place, found);
        }
    }
    Ok(replacements)
}

fn find_chunk<'a>(
    lines: &[Line<'_>],
    chunk: &'a Chunk,
    from: usize,
    effort: &mut Effort,
) -> Result<Replacement<'a>, Misfit> {
    let readings: &[bool] = if chunk.has_empty() {
        &[true, false]
    } else {
        &[true]
    };
    for with_empty in readings {
        let (mut old, mut with) = chunk.sides(*with_empty);
        if old.is_empty() {
            let lines = lines.len()..lines.len();
            return Ok(Replacement { lines, with });
        }
        let mut found = seek(lines, &old, from, chunk.at_end, effort)?;
        if found.is_none() && old.last() == Some(&"") {
            // The empty line may be only the end of the last one.
            old.pop();
            if with.last() == Some(&"") {
                with.pop();
            }
            found = seek(lines, &old, from, chunk.at_end, effort)?;
        }
        if let Some(start) = found {
            let lines = start..start + old.len();
            return Ok(Replacement { lines, with });
        }
    }
    Err(Misfit::Lines(chunk.sides(true).0.join("\n")))
}

/// How closely lines must agree: each way more loosely than the one before.
const WAYS: [fn(&str, &str) -> bool; 4] = [
    |one, other| one == other,
    |one, other| trim_end(one) == trim_end(other),
    |one, other| trim(one) == trim(other),
    |one, other| plain(trim(one)) == plain(trim(other)),
];

/// The first place from `from` on where `wanted` stands; the end of the text before any other if `at_end`.
fn seek(
    lines: &[Line<'_>],
    wanted: &[&str],
    from: usize,
    at_end: bool,
    effort: &mut Effort,
) -> Result<Option<usize>, Misfit> {
    let Some(last) = lines.len().checked_sub(wanted.len()).filter(|last| *last >= from) else {
        return Ok(None);
    };
    for agree in WAYS {
        let first = at_end.then_some(last);
        for start in first.into_iter().chain(from..=last) {
            let there = lines.get(start..start + wanted.len()).unwrap_or_default();
            let mut agreeing = 0;
            let mut letters = 0;
            for (line, wanted) in there.iter().zip(wanted) {
                letters += 1 + line.text.len().min(wanted.len());
                if !agree(line.text, wanted) {
                    break;
                }
                agreeing += 1;
            }
            if agreeing == wanted.len() {
                return Ok(Some(start));
            }
            if !effort.spend(letters) {
                return Err(Misfit::TooMuch);
            }
        }
    }
    Ok(None)
}

fn trim_end(text: &str) -> &str {
    text.trim_end_matches(is_whitespace)
}

/// The text with plain punctuation for typographic.
fn plain(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\u{2018}'..='\u{201b}' => plain.push('\''),
            '\u{201c}'..='\u{201f}' => plain.push('"'),
            '\u{2010}'..='\u{2015}' => plain.push('-'),
            '\u{2026}' => plain.push_str("..."),
            '\u{a0}' => plain.push(' '),
            other => plain.push(other),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::super::parse::{Action, parse};
    use super::*;

    fn patched(before: &[u8], body: &str) -> Result<Vec<u8>, Misfit> {
        let text = format!("*** Begin Patch\n*** Update File: f\n{body}*** End Patch");
        let hunks = parse(&text).expect("a patch");
        let Action::Update { chunks, .. } = &hunks[0].action else {
            panic!("an update")
        };
        apply(&Decoded::new(before), chunks, Effort::new(1_000_000))
    }

    #[test]
    fn chunks_find_their_places() {
        for (name, before, body, after) in [
            (
                "context lines",
                "a\nb\nc\n",
                "@@\n a\n-b\n+B\n+B2\n c\n",
                "a\nB\nB2\nc\n",
            ),
            ("first chunk without mark", "a\nb\n", "-a\n+A\n", "A\nb\n"),
            ("no last line end", "a\nb", "@@\n a\n-b\n+c\n", "a\nc\n"),
            (
                "line ends stay",
                "a\r\nb\r\nc\n",
                "@@\n a\n-b\n+B\n+B2\n",
                "a\r\nB\r\nB2\r\nc\n",
            ),
            (
                "the end before the first",
                "x\ny\nx\n",
                "@@\n-x\n+z\n*** End of File\n",
                "x\ny\nz\n",
            ),
            ("the first without it", "x\ny\nx\n", "@@\n-x\n+z\n", "z\ny\nx\n"),
            (
                "nothing to find goes to the end",
                "a\nb",
                "@@ a\n+new\n",
                "a\nb\nnew\n",
            ),
            (
                "twice at the end, in order",
                "a\n",
                "@@\n+b\n@@\n+c\n",
                "a\nb\nc\n",
            ),
            ("an empty file", "", "@@\n+a\n+b\n", "a\nb\n"),
            (
                "an empty line that lost its blank",
                "a\n\nb\n",
                "@@\n a\n\n-b\n+B\n",
                "a\n\nB\n",
            ),
            (
                "an empty line that means nothing",
                "a\nb\n",
                "@@\n a\n\n-b\n+B\n",
                "a\nB\n",
            ),
            ("empty line at the end", "a\n", "@@\n-a\n+b\n \n", "b\n"),
            (
                "typography",
                "say \u{201c}hi\u{201d} \u{2014} ok\u{2026}\n",
                "@@\n-say \"hi\" - ok...\n+bye\n",
                "bye\n",
            ),
            (
                "white space",
                "    x = 1  \ny\n",
                "@@\n-x = 1\n+x = 2\n",
                "x = 2\ny\n",
            ),
            ("exact before loose", " a\na\n", "@@\n-a\n+b\n", " a\nb\n"),
            (
                "nested context",
                "class A\n  def f\n    1\nclass B\n  def f\n    1\n",
                "@@ class B\n@@   def f\n-    1\n+    2\n",
                "class A\n  def f\n    1\nclass B\n  def f\n    2\n",
            ),
            (
                "two places",
                "1\n2\n3\n4\n",
                "@@\n-1\n+one\n@@\n-4\n+four\n",
                "one\n2\n3\nfour\n",
            ),
            (
                "the end, then a place",
                "1\n2\n",
                "@@\n+3\n@@\n-1\n+one\n",
                "one\n2\n3\n",
            ),
        ] {
            let after = Ok(after.as_bytes().to_vec());
            assert_eq!(patched(before.as_bytes(), body), after, "{name}");
        }
    }

    #[test]
    fn what_is_not_text_stays() {
        assert_eq!(
            patched(b"caf\xe9\nb\n", "@@\n-b\n+c\n"),
            Ok(b"caf\xe9\nc\n".to_vec())
        );
    }

    #[test]
    fn what_does_not_fit_is_told() {
        for (body, misfit) in [
            ("@@\n-9\n-8\n+2\n", Misfit::Lines("9\n8".into())),
            ("@@ nowhere\n-1\n", Misfit::Context("nowhere".into())),
            ("@@\n-2\n@@\n-1\n", Misfit::Lines("1".into())),
        ] {
            assert_eq!(patched(b"1\n2\n", body), Err(misfit), "{body}");
        }
    }

    #[test]
    fn a_hopeless_search_ends() {
        let before = "a\n".repeat(20_000);
        let body = format!("@@\n{}-b\n", "-a\n".repeat(10_000));
        assert_eq!(patched(before.as_bytes(), &body), Err(Misfit::TooMuch));
    }
}
