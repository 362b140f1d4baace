use pretty_assertions::assert_eq;
use proptest::prelude::*;

use super::*;

/// The body of a tool's patch (everything after the file lines) and its counts.
fn body(before: &str, after: &str) -> (String, usize, usize) {
    let comparison = Comparison::new(before, after);
    let patch = comparison.patch("/f", Form::Tool);
    let rule = "=".repeat(67);
    let body = patch
        .strip_prefix(&format!("Index: /f\n{rule}\n--- /f\n+++ /f\n"))
        .expect("the header");
    let counts = comparison.counts();
    (body.to_owned(), counts.additions, counts.deletions)
}

#[test]
fn bodies_are_those_of_the_reference() {
    for (name, before, after, wanted, additions, deletions) in [
        ("equal", "a\n", "a\n", "", 0, 0),
        ("both empty", "", "", "", 0, 0),
        ("made", "", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n", 2, 0),
        ("emptied", "a\n", "", "@@ -1,1 +0,0 @@\n-a\n", 0, 1),
        (
            "last line break gone",
            "a\nb\n",
            "a\nb",
            "@@ -1,2 +1,2 @@\n a\n-b\n+b\n\\ No newline at end of file\n",
            1,
            1,
        ),
        (
            "last line break came",
            "a",
            "a\n",
            "@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n",
            1,
            1,
        ),
        (
            "added at the end",
            "a\nb\n",
            "a\nb\nc\n",
            "@@ -1,2 +1,3 @@\n a\n b\n+c\n",
            1,
            0,
        ),
        (
            "added at the top",
            "a\nb\n",
            "z\na\nb\n",
            "@@ -1,2 +1,3 @@\n+z\n a\n b\n",
            1,
            0,
        ),
        (
            "moved",
            "a\nb\nc\n",
            "c\na\nb\n",
            "@@ -1,3 +1,3 @@\n+c\n a\n b\n-c\n",
            1,
            1,
        ),
        (
            "swapped",
            "a\nb\n",
            "b\na\n",
            "@@ -1,2 +1,2 @@\n-a\n b\n+a\n",
            1,
            1,
        ),
        (
            "repeated",
            "x\nx\n",
            "x\nx\nx\n",
            "@@ -1,2 +1,3 @@\n x\n x\n+x\n",
            1,
            0,
        ),
        (
            "indentation in common",
            "  a\n    b\n",
            "  a\n   c\n",
            "@@ -1,2 +1,2 @@\n a\n-  b\n+ c\n",
            1,
            1,
        ),
        (
            "blank lines have no indentation",
            "  a\n\n  b\n",
            "  a\n \n  b\n",
            "@@ -1,3 +1,3 @@\n a\n-\n+\n b\n",
            1,
            1,
        ),
        (
            "lines that look like file lines keep theirs",
            "  a\n-- x\n",
            "  a\n  c\n",
            "@@ -1,2 +1,2 @@\n a\n--- x\n+c\n",
            1,
            1,
        ),
        (
            "carriage returns stay",
            "a\r\nb\r\n",
            "a\r\nc\r\n",
            "@@ -1,2 +1,2 @@\n a\r\n-b\r\n+c\r\n",
            1,
            1,
        ),
        (
            "contexts that meet are one hunk",
            "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n",
            "x\n2\n3\n4\n5\n6\n7\n8\n9\ny\n",
            "@@ -1,10 +1,10 @@\n-1\n+x\n 2\n 3\n 4\n 5\n 6\n 7\n 8\n 9\n-10\n+y\n",
            2,
            2,
        ),
        (
            "contexts apart are two",
            "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n",
            "x\n2\n3\n4\n5\n6\n7\n8\n9\n10\ny\n",
            "@@ -1,5 +1,5 @@\n-1\n+x\n 2\n 3\n 4\n 5\n@@ -7,5 +7,5 @@\n 7\n 8\n 9\n 10\n-11\n+y\n",
            2,
            2,
        ),
    ] {
        assert_eq!(
            body(before, after),
            (wanted.to_owned(), additions, deletions),
            "{name}"
        );
    }
}

#[test]
fn snapshot_form_has_whole_files_and_tabs() {
    let before = "  1\n  2\n  3\n  4\n  5\n  6\n  7\n";
    let patch = Comparison::new(before, &before.replace('7', "x")).patch("a.txt", Form::Snapshot);
    let rule = "=".repeat(67);
    assert_eq!(
        patch,
        format!(
            "Index: a.txt\n{rule}\n--- a.txt\t\n+++ a.txt\t\n@@ -1,7 +1,7 @@\n   1\n   2\n   3\n   4\n   5\n   6\n-  7\n+  x\n"
        )
    );
}

/// What a snapshot patch (whole context) says the two texts were.
fn sides(patch: &str) -> (String, String) {
    let (mut before, mut after) = (String::new(), String::new());
    let mut lines = patch.split_inclusive('\n').skip(5).peekable();
    while let Some(line) = lines.next() {
        let (sign, text) = line.split_at(1);
        let text = if lines.peek().is_some_and(|next| next.starts_with('\\')) {
            text.trim_end_matches('\n')
        } else {
            text
        };
        if sign == " " || sign == "-" {
            before.push_str(text);
        }
        if sign == " " || sign == "+" {
            after.push_str(text);
        }
    }
    (before, after)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::collection::vec("[abc]?", 0..30).prop_map(|lines| lines.join("\n")),
        proptest::collection::vec("[ \t]{0,3}[ab-]{0,2}\r?\n", 0..30).prop_map(|lines| lines.concat()),
    ]
}

/// What happens to the lines when all of them are compared, also those that both texts begin with.
fn runs_of_all(before: &str, after: &str, work: usize) -> Vec<Run> {
    let mut numbers = HashMap::new();
    let [before, after] = [before, after].map(|text| number(&lines(text), &mut numbers));
    script::shortest(&before, &after, &mut { work })
        .unwrap_or_else(|| fallback::anchored(&before, &after, work))
}

/// A text and what edits at random make of it.
fn edited() -> impl Strategy<Value = (String, String)> {
    let edit = (
        any::<prop::sample::Index>(),
        0..4_usize,
        proptest::collection::vec("[abc]\n", 0..4),
    );
    let lines = proptest::collection::vec("[abcdefgh]\n", 0..60);
    (lines, proptest::collection::vec(edit, 0..6)).prop_map(|(before, edits)| {
        let mut after = before.clone();
        for (at, gone, new) in edits {
            let at = at.index(after.len() + 1);
            let end = (at + gone).min(after.len());
            after.splice(at..end, new);
        }
        (before.concat(), after.concat())
    })
}

proptest! {
    #[test]
    fn what_texts_have_in_common_changes_nothing(
        (before, after) in prop_oneof![edited(), (text(), text())],
        work in prop_oneof![0..400_usize, Just(script::WORK)],
    ) {
        let found = Comparison::with_work(&before, &after, work).runs;
        prop_assert_eq!(found, runs_of_all(&before, &after, work));
    }

    #[test]
    fn patches_hold_both_texts(before in text(), after in text(), work in prop_oneof![Just(0), 0..2000_usize, Just(script::WORK)]) {
        let comparison = Comparison::with_work(&before, &after, work);
        let patch = comparison.patch("f", Form::Snapshot);
        if before == after {
            prop_assert_eq!(comparison.counts(), Counts::default());
        } else {
            prop_assert_eq!(sides(&patch), (before.clone(), after.clone()));
        }
    }

    #[test]
    fn removing_indentation_never_fails(patch in "(?s)[ +\\-@\\\\\\t\u{feff}a\n]{0,80}") {
        let out = without_common_indentation(&patch);
        prop_assert_eq!(out.matches('\n').count(), patch.matches('\n').count());
        prop_assert!(out.len() <= patch.len());
    }
}

#[test]
fn huge_differences_are_bounded_and_correct() {
    // Nothing in common, every line in reverse order, and few kinds of lines in two rhythms: each would
    // take the exact search hours.
    let lines = |line: &dyn Fn(usize) -> String| (0..50_000).map(line).collect::<String>();
    let rising = lines(&|n| format!("{n}\n"));
    let falling = lines(&|n| format!("{}\n", 49_999 - n));
    let strange = lines(&|n| format!("x{n}\n"));
    let twos = lines(&|n| format!("{}\n", n * n % 7 % 2));
    let threes = lines(&|n| format!("{}\n", n * n % 11 % 3));
    for (before, after) in [(&rising, &strange), (&rising, &falling), (&twos, &threes)] {
        let comparison = Comparison::with_work(before, after, 1_000_000);
        assert_eq!(
            sides(&comparison.patch("f", Form::Snapshot)),
            (before.clone(), after.clone())
        );
    }
    // A coarse comparison still finds what stayed.
    let mut changed = rising.replace("7\n", "seven\n");
    changed.push_str("end\n");
    let counts = Comparison::with_work(&rising, &changed, 1000).counts();
    assert_eq!(
        counts,
        Counts {
            additions: 5001,
            deletions: 5000
        }
    );
}
