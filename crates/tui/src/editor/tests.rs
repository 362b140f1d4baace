use pretty_assertions::assert_eq;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::rows::Rows;
use super::*;

/// `|` is the cursor, `[` and `]` are around marks.
fn shown(editor: &Editor<u8>) -> String {
    let mut signs = vec![(editor.cursor(), 1, '|')];
    for mark in editor.marks() {
        signs.push((mark.range.start, 2, '['));
        signs.push((mark.range.end, 0, ']'));
    }
    signs.sort();
    let mut text = editor.text().to_owned();
    for (at, _, sign) in signs.into_iter().rev() {
        text.insert(at, sign);
    }
    text
}

fn written(text: &str) -> Editor<u8> {
    let mut editor = Editor::new();
    let at = text.find('|').unwrap_or(text.len());
    editor.set_text(&text.replace('|', ""));
    editor.set_cursor(at);
    editor
}

fn drawn(editor: &Editor<u8>, width: u16, height: u16) -> (Vec<String>, Option<Position>) {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    let look = Look {
        text: Style::new(),
        selection: Style::new(),
        mark: &|_| Style::new(),
    };
    let cursor = editor.draw(area, &mut buffer, &look);
    let row = |y| {
        (0..width)
            .map(|x| buffer[(x, y)].symbol().to_owned())
            .collect::<String>()
    };
    ((0..height).map(row).collect(), cursor)
}

fn perform(editor: &mut Editor<u8>, ids: &str) {
    for id in ids.split_whitespace() {
        let operation = operation(&format!("input.{id}")).unwrap_or_else(|| panic!("no operation {id}"));
        editor.perform(operation);
    }
}

#[test]
fn every_command_does_what_its_name_says() {
    for (ids, before, after) in [
        ("newline", "a|b", "a\n|b"),
        ("move.left", "ae\u{301}|b", "a|e\u{301}b"),
        ("move.right", "a|👨‍👩‍👧b", "a👨‍👩‍👧|b"),
        ("move.left", "|a", "|a"),
        ("move.up", "ab\ncd|e", "ab|\ncde"),
        ("move.up move.up", "ab\ncd|e", "|ab\ncde"),
        ("move.down", "ab|c\nd\nefg", "abc\nd|\nefg"),
        ("move.down move.down", "ab|c\nd\nefg", "abc\nd\nef|g"),
        ("move.down move.down move.down", "ab|c\nd\nefg", "abc\nd\nefg|"),
        ("move.down move.up", "日本|語\nx", "日本|語\nx"),
        ("line.home", "ab\nc|d", "ab\n|cd"),
        ("line.end", "a|b\ncd", "ab|\ncd"),
        ("line.home", "ab\n|cd", "ab|\ncd"),
        ("line.home", "|ab", "|ab"),
        ("line.end", "ab|\ncd", "ab\n|cd"),
        ("line.end", "ab|", "ab|"),
        ("buffer.home", "ab\nc|d", "|ab\ncd"),
        ("buffer.end", "a|b\ncd", "ab\ncd|"),
        ("delete.line", "ab\nc|d\nef", "ab\n|ef"),
        ("delete.line", "ab\nc|d", "ab|"),
        ("delete.line", "c|d", "|"),
        ("delete.to.line.end", "a|bc\nd", "a|\nd"),
        ("delete.to.line.end", "a|\nd", "a|d"),
        ("delete.to.line.start", "ab\ncd|e", "ab\n|e"),
        ("delete.to.line.start", "ab\n|cd", "ab|cd"),
        ("backspace", "ab|", "a|"),
        ("backspace", "|ab", "|ab"),
        ("delete", "a|bc", "a|c"),
        ("word.forward", "|brave-new world", "brave-|new world"),
        ("word.forward", "a,| foo.bar", "a, foo.|bar"),
        ("word.forward", "one |two", "one two|"),
        ("word.forward", "one |two\nab", "one two\n|ab"),
        ("word.forward", "one|\nab c", "one\n|ab c"),
        ("word.backward", "ab\n|cd", "ab|\ncd"),
        ("delete.word.backward", "ab\ncd| e", "ab\n| e"),
        ("delete.word.backward", "ab\n|cd", "ab|cd"),
        ("word.backward", "a (x) y_z|", "a (x) |y_z"),
        ("word.backward", "a (x) |y_z", "a (x)| y_z"),
        ("word.backward", "a (x)| y_z", "a (|x) y_z"),
        ("word.backward", "日本。語；さ|", "日本。|語；さ"),
        ("word.backward", "日本|", "|日本"),
        ("word.forward", "|a‐b", "a‐|b"),
        ("word.backward", "a&b=c_d+e~f\"g#h|", "|a&b=c_d+e~f\"g#h"),
        ("delete.word.forward", "|one two", "|two"),
        ("delete.word.backward", "one two|", "one |"),
        ("select.all backspace", "a|b\nc", "|"),
        ("select.left select.left delete", "abc|d", "a|d"),
        ("select.right move.right", "a|bcd", "ab|cd"),
        ("select.right select.right move.left", "a|bcd", "a|bcd"),
        ("select.word.backward backspace", "one two|", "one |"),
        ("select.word.forward backspace", "|one two", "|two"),
        ("select.line.end backspace", "o|ne\ntwo", "o|\ntwo"),
        ("select.line.home backspace", "on|e\ntwo", "|e\ntwo"),
        ("select.buffer.end backspace", "o|ne\ntwo", "o|"),
        ("select.buffer.home backspace", "one\nt|wo", "|wo"),
        ("select.down backspace", "o|ne\ntwo", "o|wo"),
        ("select.up backspace", "one\nt|wo", "o|wo"),
        ("backspace undo", "ab|", "ab|"),
        ("backspace backspace undo redo", "ab|", "|"),
    ] {
        let mut editor = written(before);
        perform(&mut editor, ids);
        assert_eq!(shown(&editor), after, "{ids} on {before}");
    }
}

#[test]
fn motions_of_rows_follow_the_folding() {
    let text = "one two three four";
    for (ids, at, wanted) in [
        ("visual.line.home", 10, 8),
        ("visual.line.end", 10, 13),
        ("visual.line.end", 15, 18),
        ("move.down", 2, 10),
        ("move.up", 10, 2),
        ("select.visual.line.home backspace", 10, 8),
        ("select.visual.line.end backspace", 9, 9),
    ] {
        let mut editor = written(text);
        // Rows: «one two », «three », «four».
        assert_eq!(editor.height(9), 3);
        editor.set_cursor(at);
        perform(&mut editor, ids);
        assert_eq!(editor.cursor(), wanted, "{ids} at {at}");
    }
}

#[test]
fn marks_move_and_go_as_one() {
    let begin = || {
        let mut editor = written("see ");
        let at = editor.cursor();
        editor.insert_mark(at..at, "@file", 1);
        editor.insert(" ok");
        editor
    };
    assert_eq!(shown(&begin()), "see [@file] ok|");
    for (ids, from, after) in [
        ("move.left", 9, "see |[@file] ok"),
        ("move.right", 4, "see [@file]| ok"),
        ("backspace", 9, "see | ok"),
        ("delete", 4, "see | ok"),
        ("select.left delete", 9, "see | ok"),
        ("select.left newline", 9, "see \n| ok"),
        ("delete.word.backward", 9, "see | ok"),
        ("delete.to.line.start", 7, "|[@file] ok"),
        ("buffer.home delete.to.line.end", 9, "|"),
        ("backspace undo", 9, "see [@file]| ok"),
        ("backspace undo redo", 9, "see | ok"),
        ("undo undo", 9, "see |"),
        ("undo undo redo", 9, "see [@file]|"),
        ("buffer.home delete delete", 9, "|e [@file] ok"),
        ("buffer.home newline move.down line.end", 9, "\nsee [@file] ok|"),
    ] {
        let mut editor = begin();
        editor.set_cursor(from);
        perform(&mut editor, ids);
        assert_eq!(shown(&editor), after, "{ids} from {from}");
    }
}

#[test]
fn rows_end_between_words() {
    for (text, width, wanted) in [
        ("", 5, &[""][..]),
        ("one two", 10, &["one two"]),
        ("one two", 5, &["one ", "two"]),
        ("one two", 4, &["one ", "two"]),
        ("abcdefgh", 3, &["abc", "def", "gh"]),
        ("a/bc-de", 4, &["a/", "bc-", "de"]),
        ("日本語", 4, &["日本", "語"]),
        ("日", 1, &["日"]),
        ("ab 日本語", 6, &["ab ", "日本語"]),
        ("ab。日本語", 8, &["ab。", "日本語"]),
        // As the reference shows it.
        (
            "The quick brown fox -- which, by the way, is (not) a dog/wolf hybrid -- jumps over the lazy dog's well-known state-of-the-art fence; then   three  spaces  follow    here and path/to/some/file.rs:120:33 ends with an_identifier_that_is_long_and_does_not_break_anywhere_at_all_because_there_are_only_underscores_in_it ok",
            111,
            &[
                "The quick brown fox -- which, by the way, is (not) a dog/wolf hybrid -- jumps over the lazy dog's well-known ",
                "state-of-the-art fence; then   three  spaces  follow    here and path/to/some/file.rs:120:33 ends with ",
                "an_identifier_that_is_long_and_does_not_break_anywhere_at_all_because_there_are_only_underscores_in_it ok",
            ],
        ),
        (
            "short 日本語テキスト、次の文。さらに長い文がここに続きますので折り返しを確認できます（括弧も）「鉤括弧」・中黒もある　全角空白のあと word と混ざる文字列で最後に終わるまで書く",
            111,
            &[
                "short 日本語テキスト、次の文。",
                "さらに長い文がここに続きますので折り返しを確認できます（括弧も）「鉤括弧」・中黒もある　全角空白のあと word ",
                "と混ざる文字列で最後に終わるまで書く",
            ],
        ),
        ("a\n\nb", 4, &["a", "", "b"]),
        ("a\n", 4, &["a", ""]),
        ("\tab", 3, &["\t", "ab"]),
        ("e\u{301}e\u{301}e\u{301}", 2, &["e\u{301}e\u{301}", "e\u{301}"]),
    ] {
        let rows = Rows::new(text, width);
        let shown: Vec<_> = (0..rows.len()).map(|row| &text[rows.range(text, row)]).collect();
        assert_eq!(shown, wanted, "{text:?} at {width}");
    }
}

#[test]
fn folding_after_an_edit_is_folding_anew() {
    let pieces = [
        "a",
        " ",
        "\n",
        "word ",
        "日本",
        "e\u{301}",
        "\u{301}",
        "👨‍👩‍👧",
        "-",
        "long",
        "\t",
        "\r",
        "🇩🇪",
    ];
    let mut seed = 7_u32;
    let mut next = |bound: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % bound
    };
    for width in [1, 3, 7, 20] {
        let mut text = String::new();
        let mut rows = Rows::new(&text, width);
        for step in 0..600 {
            let at = floor(&text, next(text.len() + 1));
            let end = if next(3) == 0 {
                floor(&text, at + next(12)).max(at)
            } else {
                at
            };
            let inserted: String = (0..next(4)).map(|_| pieces[next(pieces.len())]).collect();
            text.replace_range(at..end, &inserted);
            rows.edited(&text, at, end - at, inserted.len());
            let anew = Rows::new(&text, width);
            assert_eq!(rows.starts(), anew.starts(), "step {step} at {width}: {text:?}");
        }
    }
}

#[test]
fn a_text_is_drawn_with_its_cursor_in_view() {
    let mut editor = written("one two three\nfour");
    assert_eq!(
        drawn(&editor, 8, 2),
        (
            vec!["three   ".into(), "four    ".into()],
            Some(Position::new(4, 1))
        )
    );
    editor.set_cursor(0);
    assert_eq!(
        drawn(&editor, 8, 2),
        (
            vec!["one two ".into(), "three   ".into()],
            Some(Position::new(0, 0))
        )
    );
    assert!(editor.scroll(1));
    assert_eq!(
        drawn(&editor, 8, 2),
        (vec!["three   ".into(), "four    ".into()], None)
    );
    assert!(!editor.scroll(1));
    // What steers the terminal or the direction of text does nothing.
    let hostile = written("\u{202e}a\u{1b}[31mb\u{7}\u{200b}c");
    assert_eq!(drawn(&hostile, 11, 1).0, ["\u{fffd}a\u{fffd}[31mb\u{fffd}c "]);
    assert_eq!(drawn(&written("日本"), 3, 1).0, ["本  "]);
    assert_eq!(drawn(&written("abcd"), 4, 1).1, Some(Position::new(3, 0)));
    assert_eq!(drawn(&written("abc"), 1, 1).0, ["c"]);
}

#[test]
fn the_mouse_places_the_cursor_and_selects() {
    let begin = || {
        let editor = written("one two three\nfour");
        drawn(&editor, 8, 2);
        editor
    };
    for (points, cursor, selected) in [
        (&[(2, 0)][..], 10, None),
        (&[(50, 0)], 13, None),
        (&[(50, 9)], 18, None),
        (&[(1, 1), (3, 0)], 11, Some("ee\nf")),
        (&[(0, 1), (0, -1)], 0, Some("one two three\n")),
    ] {
        let mut editor = begin();
        for (index, (column, row)) in points.iter().enumerate() {
            editor.point(*column, *row, index > 0);
        }
        assert_eq!(
            (editor.cursor(), editor.selected_text()),
            (cursor, selected),
            "{points:?}"
        );
    }
}

#[test]
fn a_field_is_one_line_that_scrolls_sideways() {
    let mut field = Editor::<u8>::single_line("hello\nworld\n");
    assert_eq!(field.text(), "hello world");
    assert_eq!(field.height(3), 1);
    let view = |field: &Editor<u8>| drawn(field, 6, 1);
    assert_eq!(view(&field), (vec!["world ".into()], Some(Position::new(5, 0))));
    perform(&mut field, "line.home");
    assert_eq!(view(&field), (vec!["hello ".into()], Some(Position::new(0, 0))));
    for id in ["newline", "move.up", "move.down", "select.up"] {
        let operation = operation(&format!("input.{id}")).unwrap();
        assert!(!field.perform(operation), "{id}");
    }
}

#[test]
fn megabytes_are_edited_where_the_edit_is() {
    let mut editor = written("");
    editor.insert(&"some words of a paste, ".repeat(220_000));
    assert!(editor.height(70) > 70_000);
    editor.set_cursor(2_500_000);
    for _ in 0..100 {
        editor.insert("x");
        perform(&mut editor, "move.up backspace");
        drawn(&editor, 70, 10);
    }
    perform(&mut editor, "select.all backspace undo");
    assert_eq!(editor.text().len(), 23 * 220_000);
}
