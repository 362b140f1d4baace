use pretty_assertions::assert_eq;
use ratatui::style::Color;

use super::*;
use crate::highlight::tests::work;
use crate::row::plain;

const PATCH: &str = "Index: a.rs\n====\n--- a/a.rs\told\n+++ b/a.rs\tnew\n@@ -9,4 +9,3 @@ fn x\n one\n-let value = 1;\n+let value = 2;\n\\ No newline at end of file\n three\n-gone\n@@ -99,1 +99,2 @@\n same\n+-- not a head\n";

fn theme() -> Theme {
    let mut theme = Theme::plain();
    for (index, (_, color)) in theme.colors_mut().into_iter().enumerate() {
        *color = Color::Rgb(100, 0, index as u8);
    }
    theme
}

fn draw(patch: &str, width: usize, wrap: Wrap, is_split: bool) -> Vec<Row> {
    let (theme, highlighter) = (theme(), Highlighter::default());
    let look = Look {
        theme: &theme,
        highlighter: &highlighter,
        width,
        wrap,
        is_split,
    };
    let drawn = rows(patch, "a.rs", look);
    if work(&highlighter) == 0 {
        drawn.rows
    } else {
        rows(patch, "a.rs", look).rows
    }
}

#[test]
fn one_below_the_other() {
    insta::assert_snapshot!(plain(&draw(PATCH, 30, Wrap::Word, false)), @r"
      9   one
     10 - let value = 1;
     10 + let value = 2;
     11   three
     12 - gone
    ⋯
     99   same
    100 + -- not a head
    ");
}

#[test]
fn side_by_side() {
    insta::assert_snapshot!(plain(&draw(PATCH, 60, Wrap::Word, true)), @r"
      9   one                       9   one
     10 - let value = 1;           10 + let value = 2;
     11   three                    11   three
     12 - gone
    ⋯
     99   same                     99   same
                                  100 + -- not a head
    ");
}

#[test]
fn long_lines_are_broken_or_cut() {
    let patch = "@@ -1,1 +1,1 @@\n-a long line of words\n+a long line of other words\n";
    // (wrap, split, width, rows)
    let table = [
        (
            Wrap::Word,
            false,
            18,
            " 1 - a long line\n     of words\n 1 + a long line\n     of other\n     words\n",
        ),
        (Wrap::None, false, 18, " 1 - a long line o\n 1 + a long line o\n"),
        (
            Wrap::Word,
            true,
            36,
            " 1 - a long line   1 + a long line\n     of words          of other\n                       words\n",
        ),
        (Wrap::None, true, 36, " 1 - a long line o 1 + a long line o\n"),
    ];
    for (wrap, is_split, width, expected) in table {
        let rows = draw(patch, width, wrap, is_split);
        assert_eq!(plain(&rows), expected, "{wrap:?} {is_split}");
        assert!(rows.iter().all(|row| row.width() == width), "{wrap:?} {is_split}");
    }
}

#[test]
fn changed_words_stand_out() {
    let theme = theme();
    let rows = draw(
        "@@ -1,1 +1,1 @@\n-let value = 1;\n+let value = 2;\n",
        30,
        Wrap::Word,
        false,
    );
    let marked = |row: &Row, background: Color| {
        let spans = row
            .spans
            .iter()
            .filter(|span| !span.is_frame && span.style.bg != Some(background));
        spans.map(|span| span.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(marked(&rows[0], theme.diff_removed_background), ["1"]);
    assert_eq!(marked(&rows[1], theme.diff_added_background), ["2"]);
    // Keywords have their colour, numbers and signs theirs.
    let keyword = rows[1]
        .spans
        .iter()
        .find(|span| span.text == "let")
        .expect("a keyword");
    assert_eq!(keyword.style.fg, Some(theme.syntax_keyword));
    assert_eq!(
        rows[1].spans[0].style.bg,
        Some(theme.diff_added_line_number_background)
    );
    assert_eq!(rows[1].spans[1].style.fg, Some(theme.diff_highlight_added));
    // Lines that have little in common are not compared.
    let rows = draw(
        "@@ -1,1 +1,1 @@\n-one two\n+three four five\n",
        30,
        Wrap::Word,
        false,
    );
    assert!(marked(&rows[0], theme.diff_removed_background).is_empty());
}

#[test]
fn files_are_counted() {
    let patch = format!(
        "{PATCH}--- a/gone.txt\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n--- /dev/null\n+++ b/new.txt\n@@ -0,0 +1 @@\n+a\n"
    );
    let counted: Vec<(&str, u64, u64)> = files(&patch)
        .into_iter()
        .map(|file| (file.path, file.added, file.removed))
        .collect();
    assert_eq!(counted, [("a.rs", 2, 2), ("gone.txt", 0, 2), ("new.txt", 1, 0)]);
}

#[test]
fn bad_differences_hurt_nobody() {
    let endless = format!("@@ -1,99999 +1,99999 @@\n{}", "+x\n".repeat(99_999));
    let table = [
        "",
        "@@",
        "@@ -1 +1 @@",
        "@@ -x,y +z @@\n+a",
        "+++",
        "@@ -18446744073709551615,3 +18446744073709551615,3 @@\n a\n-b\n+c",
        "@@ -1,1 +1,1 @@\n-\u{1b}[2J\u{202e}漢\n+\u{0}",
        "@@ -1,1 +1,1 @@\n漢字\n",
        &endless,
    ];
    for patch in table {
        for (width, is_split) in [(1, true), (1, false), (7, true), (80, false), (121, true)] {
            assert!(
                draw(patch, width, Wrap::Word, is_split).len() <= LINES + 1,
                "{width}"
            );
        }
        files(patch);
    }
    assert!(plain(&draw(&endless, 80, Wrap::None, false)).ends_with(" … +96999\n"));
}
