use pretty_assertions::assert_eq;
use ratatui::style::{Color, Modifier, Style};

use super::*;
use crate::highlight::tests::work;
use crate::row::plain;

fn theme() -> Theme {
    let mut theme = Theme::plain();
    for (index, (_, color)) in theme.colors_mut().into_iter().enumerate() {
        *color = Color::Rgb(100, 0, index as u8);
    }
    theme
}

fn shown(text: &str, width: usize, conceal: bool) -> String {
    let (theme, highlighter) = (theme(), Highlighter::default());
    let look = Look {
        theme: &theme,
        highlighter: &highlighter,
        width,
        conceal,
    };
    plain(&rows(text, look).0)
}

const SAMPLE: &str = "# Heading one with `code`

Some **bold** and *italic* and ~~gone~~ and `code` and a [link text](https://example.com/a) and <https://auto.example> here.
Second line of the paragraph.

## Heading two

1. first
2. second
   - nested a
   - nested b with **bold**
10. tenth

- [ ] todo
- [x] done

* star one

* star two loose

> quoted text
> more **quoted**

---

![image alt](http://x/y.png)

| Name | Much longer column header | n |
|:--|:-:|--:|
| a | some text that is long enough to be wrapped when the table does not fit | 1 |
| `b` | **x** | 22 |

```
plain block
```

<div>html</div>
";

#[test]
fn marks_are_hidden() {
    insta::assert_snapshot!(shown(SAMPLE, 70, true), @r"
    Heading one with code

    Some bold and italic and gone and code and a link text (https://
    example.com/a) and <https://auto.example> here.
    Second line of the paragraph.

    Heading two

    1. first
    2. second
       - nested a
       - nested b with bold
    3. tenth

    - [ ] todo
    - [x] done

    - star one

    - star two loose

    │ quoted text
    │ more quoted

    ──────────────────────────────────────────────────────────────────────

    image alt

    ┌────┬────────────────────────────────────────────────────────────┬──┐
    │Name│                 Much longer column header                  │ n│
    ├────┼────────────────────────────────────────────────────────────┼──┤
    │a   │some text that is long enough to be wrapped when the table  │ 1│
    │    │                        does not fit                        │  │
    ├────┼────────────────────────────────────────────────────────────┼──┤
    │b   │                             x                              │22│
    └────┴────────────────────────────────────────────────────────────┴──┘

    plain block
    <div>html</div>
    ");
}

#[test]
fn marks_are_shown_if_wanted() {
    insta::assert_snapshot!(shown(SAMPLE, 70, false), @r"
    # Heading one with `code`

    Some **bold** and *italic* and ~~gone~~ and `code` and a [link text](
    https://example.com/a) and <https://auto.example> here.
    Second line of the paragraph.

    ## Heading two

    1. first
    2. second
       - nested a
       - nested b with **bold**
    3. tenth

    - [ ] todo
    - [x] done

    - star one

    - star two loose

    │ quoted text
    │ more **quoted**

    ──────────────────────────────────────────────────────────────────────

    ![image alt](http://x/y.png)

    ┌────┬────────────────────────────────────────────────────────────┬──┐
    │Name│                 Much longer column header                  │ n│
    ├────┼────────────────────────────────────────────────────────────┼──┤
    │a   │some text that is long enough to be wrapped when the table  │ 1│
    │    │                        does not fit                        │  │
    ├────┼────────────────────────────────────────────────────────────┼──┤
    │`b` │                           **x**                            │22│
    └────┴────────────────────────────────────────────────────────────┴──┘

    plain block
    <div>html</div>
    ");
}

#[test]
fn blocks_within_blocks() {
    let table = [
        (
            "a list in a quotation",
            "> - a\n>   - b\n>\n> c",
            "│ - a\n│   - b\n│\n│ c\n",
        ),
        ("a quotation in a list", "- > a\n  > b", "- │ a\n  │ b\n"),
        (
            "code in a list",
            "- a\n\n  ```\n  x\n    y\n  ```\n- b",
            "- a\n\n  x\n    y\n\n- b\n",
        ),
        (
            "paragraphs in a list",
            "1. a\n\n   b\n\n2. c",
            "1. a\n\n   b\n\n2. c\n",
        ),
        ("lists in a list", "- - a\n  - b\n- c", "-\n  - a\n  - b\n- c\n"),
        ("an item without words", "-\n- a", "-\n- a\n"),
        ("large numbers", "99. a\n100. b", "99. a\n100. b\n"),
        (
            "a table in a quotation",
            "> |a|\n> |-|\n> |b|",
            "│ ┌────────────────┐\n│ │a               │\n│ ├────────────────┤\n│ │b               │\n│ └────────────────┘\n",
        ),
        ("a heading of two lines", "a\n=\nb", "a\n\nb\n"),
        ("a hard break", "a  \nb", "a\nb\n"),
        (
            "an address as its own text",
            "[https://x.y](https://x.y)",
            "https://x.y\n",
        ),
        ("entities", "a &amp; b &lt; c", "a & b < c\n"),
        ("nothing", "", ""),
        ("blank", "  \n\n", ""),
    ];
    for (name, text, expected) in table {
        assert_eq!(shown(text, 20, true), expected, "{name}");
    }
}

#[test]
fn words_have_their_looks() {
    let (theme, highlighter) = (theme(), Highlighter::default());
    let look = Look {
        theme: &theme,
        highlighter: &highlighter,
        width: 80,
        conceal: true,
    };
    let text = "# h\n\na **b** *c* `d` ~~e~~ [f](g)\n\n> q\n\n- i\n\n```rust\nlet\n```";
    assert!(rows(text, look).1);
    work(&highlighter);
    let (rows, is_waiting) = rows(text, look);
    assert!(!is_waiting);
    let style = |word: &str| {
        let spans = rows.iter().flat_map(|row| &row.spans);
        spans
            .clone()
            .find(|span| span.text.trim() == word)
            .map(|span| span.style)
            .expect("a word")
    };
    let color = |color: Color| Style::new().fg(color);
    let table = [
        (
            "h",
            color(theme.markdown_heading).add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        ),
        ("a", color(theme.markdown_text)),
        ("b", color(theme.markdown_strong).add_modifier(Modifier::BOLD)),
        ("c", color(theme.markdown_emphasis).add_modifier(Modifier::ITALIC)),
        ("d", color(theme.markdown_code)),
        ("e", color(theme.text_muted).add_modifier(Modifier::CROSSED_OUT)),
        (
            "f",
            color(theme.markdown_link_text).add_modifier(Modifier::UNDERLINED),
        ),
        (
            "(g)",
            color(theme.markdown_link).add_modifier(Modifier::UNDERLINED),
        ),
        ("q", color(theme.markdown_text).add_modifier(Modifier::ITALIC)),
        ("-", color(theme.markdown_list_item)),
        ("let", color(theme.syntax_keyword).add_modifier(Modifier::ITALIC)),
    ];
    for (word, expected) in table {
        assert_eq!(style(word), expected, "{word}");
    }
}

#[test]
fn a_text_that_grows_is_read_from_its_last_block_on() {
    let (theme, highlighter) = (theme(), Highlighter::default());
    let look = Look {
        theme: &theme,
        highlighter: &highlighter,
        width: 70,
        conceal: true,
    };
    let mut document = Document::default();
    let mut text = String::new();
    for letter in SAMPLE.chars() {
        let before: Vec<Block> = document.blocks().to_vec();
        text.push(letter);
        document.update(&text, true, look);
        let finished = before
            .len()
            .saturating_sub(1)
            .min(document.blocks().len().saturating_sub(1));
        for (old, new) in before.iter().zip(document.blocks()).take(finished) {
            assert!(Rc::ptr_eq(&old.rows, &new.rows), "{text}");
        }
    }
    document.update(SAMPLE, false, look);
    let mut whole = Document::default();
    whole.update(SAMPLE, false, look);
    let rows = |document: &Document| {
        document
            .blocks()
            .iter()
            .flat_map(|block| block.rows.to_vec())
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(&document), rows(&whole));
    // Another text begins anew.
    document.update("other", false, look);
    assert_eq!(plain(&rows(&document)), "other\n");
}

#[test]
fn what_is_half_written_is_calm() {
    let (theme, highlighter) = (theme(), Highlighter::default());
    let look = Look {
        theme: &theme,
        highlighter: &highlighter,
        width: 70,
        conceal: true,
    };
    // (text so far, what is shown)
    let table = [
        ("a **b", "a b\n"),
        ("a **b c", "a b c\n"),
        ("a **", "a\n"),
        ("a `b", "a b\n"),
        ("a `", "a\n"),
        ("a **b `c", "a b c\n"),
        ("2 ** 3 is", "2 ** 3 is\n"),
        ("a **b** c", "a b c\n"),
        ("text\n-", "text\n"),
        ("text\n--", "text\n"),
        ("text\n- a", "text\n\n- a\n"),
        ("```rust\nlet **x", "let **x\n"),
        (
            "| a | b |\n|--|--|\n| **x",
            "┌──────────────────────────────────┬─────────────────────────────────┐\n│a                                 │b                                │\n├──────────────────────────────────┼─────────────────────────────────┤\n│x                                 │                                 │\n└──────────────────────────────────┴─────────────────────────────────┘\n",
        ),
        ("one **bold\n\ntwo", "one **bold\n\ntwo\n"),
        ("a \\**b", "a **b\n"),
    ];
    for (text, expected) in table {
        let mut document = Document::default();
        document.update(text, true, look);
        let mut rows: Vec<Row> = Vec::new();
        for block in document.blocks() {
            if !rows.is_empty() {
                rows.push(Row::default());
            }
            rows.extend(block.rows.to_vec());
        }
        assert_eq!(plain(&rows), expected, "{text:?}");
    }
}

#[test]
fn bad_texts_hurt_nobody() {
    let texts = [
        "> ".repeat(5000) + "deep",
        "- ".repeat(2000) + "deep",
        "**".repeat(5000),
        "[".repeat(5000),
        "`".repeat(5001),
        "| ".repeat(2000) + "\n" + &"|-".repeat(2000) + "\n",
        "x".repeat(200_000),
        "word ".repeat(40_000),
        "<div>".repeat(1000),
        "```\n".repeat(999),
        "漢".repeat(1000),
        "&#0; &#x202e; &zwj;".to_owned(),
    ];
    let (theme, highlighter) = (theme(), Highlighter::default());
    for text in texts {
        for width in [1, 2, 10, 80] {
            let look = Look {
                theme: &theme,
                highlighter: &highlighter,
                width,
                conceal: true,
            };
            let mut document = Document::default();
            document.update(&text, true, look);
            document.update(&text, false, look);
        }
    }
}

#[test]
fn columns_share_the_width_as_in_the_reference() {
    let long =
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen";
    let greek = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omikron pi rho";
    let wide = "some text that is long enough to be wrapped when the table does not fit into the width of the screen at all";
    // (cells, width, columns)
    let table: [(&[&str], usize, &[usize]); 6] = [
        (&["a", "bbbbbbbbbbbb"], 113, &[50, 60]),
        (
            &["aa", "bbbbbbbb", "cccccccccccccccccccccccccc"],
            113,
            &[27, 32, 50],
        ),
        (&[long, greek, "c"], 113, &[55, 53, 1]),
        (&["Name", wide, "22"], 113, &[4, 103, 2]),
        (&["aaaa", "bbbb"], 5, &[1, 1]),
        (&["aaaa", "bbbb", "c"], 1, &[1, 1, 1]),
    ];
    for (cells, width, columns) in table {
        let text = format!("| {} |\n{}|\n", cells.join(" | "), "|--".repeat(cells.len()));
        let drawn = shown(&text, width, true);
        let line = drawn.lines().next().unwrap_or_default().trim_matches(['┌', '┐']);
        let widths: Vec<usize> = line.split('┬').map(|column| column.chars().count()).collect();
        assert_eq!(widths, columns, "{cells:?}");
    }
}
