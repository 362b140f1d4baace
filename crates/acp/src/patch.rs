//! What a file will be after a change that is asked for: the whole text before and after, from a unified diff.

/// A piece of a diff: which line of the old text it begins at, and its lines with their kind.
struct Hunk<'a> {
    start: usize,
    lines: Vec<(Kind, &'a str)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Kept,
    Removed,
    Added,
}

/// The text after a unified diff of it; none when the diff does not fit. The diff may lack the indentation
/// that all of its lines have in common.
pub(crate) fn apply(old: &str, diff: &str) -> Option<String> {
    let hunks = hunks(diff);
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let indentation = indentation(&old, &hunks);
    let is_same = |there: &str, text: &str| {
        let (there, text) = (without_end(there), without_end(text));
        there.strip_prefix(indentation) == Some(text) || (text.trim().is_empty() && there.trim().is_empty())
    };
    let mut new = String::new();
    let mut at = 0;
    for hunk in &hunks {
        new.extend(old.get(at..hunk.start)?.iter().copied());
        at = hunk.start;
        for (kind, text) in &hunk.lines {
            if *kind == Kind::Added {
                if !text.trim().is_empty() {
                    new.push_str(indentation);
                }
                new.push_str(text);
                continue;
            }
            let there = *old.get(at)?;
            if !is_same(there, text) {
                return None;
            }
            at += 1;
            if *kind == Kind::Kept {
                new.push_str(there);
            }
        }
    }
    new.extend(old.get(at..)?.iter().copied());
    (!hunks.is_empty()).then_some(new)
}

fn without_end(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

/// What the old text has before the lines of a diff.
fn indentation<'a>(old: &[&'a str], hunks: &[Hunk<'_>]) -> &'a str {
    for hunk in hunks {
        let of_old = hunk.lines.iter().filter(|(kind, _)| *kind != Kind::Added);
        for (line, (_, text)) in of_old.enumerate() {
            let text = without_end(text);
            let there = old
                .get(hunk.start.saturating_add(line))
                .map(|there| without_end(there));
            if let Some(there) = there
                && !text.trim().is_empty()
            {
                let before = there.strip_suffix(text);
                return before
                    .filter(|before| before.trim().is_empty())
                    .unwrap_or_default();
            }
        }
    }
    ""
}

fn hunks(diff: &str) -> Vec<Hunk<'_>> {
    let mut hunks: Vec<Hunk<'_>> = Vec::new();
    let mut is_inside = false;
    let mut lines = diff.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        if let Some(start) = hunk_start(line) {
            let lines = Vec::new();
            hunks.push(Hunk { start, lines });
            is_inside = true;
            continue;
        }
        let kind = match line.as_bytes().first() {
            Some(b' ') => Kind::Kept,
            Some(b'-') => Kind::Removed,
            Some(b'+') => Kind::Added,
            _ => {
                is_inside = false;
                continue;
            }
        };
        // `\` says that the line before it has no end; in the diff it has.
        let is_bare = lines.next_if(|next| next.starts_with('\\')).is_some();
        let text = line.get(1..).unwrap_or_default();
        let text = if is_bare { without_end(text) } else { text };
        if let Some(hunk) = hunks.last_mut().filter(|_| is_inside) {
            hunk.lines.push((kind, text));
        }
    }
    hunks
}

/// Lines of the old text before a hunk.
fn hunk_start(line: &str) -> Option<usize> {
    let old = line.strip_prefix("@@ -")?.split(' ').next()?;
    let (start, count) = old.split_once(',').unwrap_or((old, "1"));
    let start: usize = start.parse().ok()?;
    let count: usize = count.parse().ok()?;
    // Where nothing is taken away, the number is that of the line before.
    if count == 0 {
        Some(start)
    } else {
        start.checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    const HEAD: &str = "Index: a\n====\n--- a\n+++ a\n";

    #[test]
    fn diffs_are_applied_or_do_not_fit() {
        let many = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let indented = "if x {\n    if y {\n        one\n\n        two\n    }\n}\n";
        for (old, hunks, wanted) in [
            (
                "one\ntwo\nthree\n",
                "@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n",
                Some("one\nzwei\nthree\n"),
            ),
            ("", "@@ -0,0 +1,1 @@\n+fresh\n", Some("fresh\n")),
            ("gone\n", "@@ -1,1 +0,0 @@\n-gone\n", Some("")),
            (
                "a\nb",
                "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n",
                Some("a\nc"),
            ),
            (
                many,
                "@@ -1,2 +1,3 @@\n 1\n+new\n 2\n@@ -8,2 +9,1 @@\n 8\n-9\n",
                Some("1\nnew\n2\n3\n4\n5\n6\n7\n8\n"),
            ),
            ("-- x\n", "@@ -1,1 +1,1 @@\n--- x\n+++ y\n", Some("++ y\n")),
            (
                indented,
                "@@ -3,3 +3,4 @@\n+\tfirst\n one\n \n-two\n+zwei\n",
                Some("if x {\n    if y {\n        \tfirst\n        one\n\n        zwei\n    }\n}\n"),
            ),
            ("other\n", "@@ -1,1 +1,1 @@\n-gone\n+new\n", None),
            ("short\n", "@@ -9,1 +9,1 @@\n-gone\n+new\n", None),
            ("a\n", "no hunk\n", None),
            ("a\n", "@@ -x +y @@\n", None),
            ("a\n", "@@ -1,1 +1,1 @@\nä\n", Some("a\n")),
            ("a\n", "@@ -18446744073709551615,1 +1 @@\n+x\n", None),
            (many, "@@ -5,1 +5,1 @@\n-5\n@@ -2,1 +2,1 @@\n-2\n", None),
        ] {
            let after = apply(old, &format!("{HEAD}{hunks}"));
            assert_eq!(after.as_deref(), wanted, "{hunks}");
        }
    }
}
