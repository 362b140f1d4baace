//! Lines of a difference as rows.

use std::borrow::Cow;
use std::ops::Range;

use ratatui::style::{Color, Modifier, Style};

use super::{Drawn, Line, Look, Sign, words};
use crate::highlight::Language;
use crate::row::{Halves, Row, Span, Wrap, wrap};
use crate::safe;

/// A line ready to be drawn: its number, its sign and its code in colour.
struct Cell {
    sign: Sign,
    number: u64,
    code: Vec<Span>,
}

/// Both sides of a stretch of the difference, or a row of its own.
enum Item {
    Same(Cell, Cell),
    Changed(Vec<Cell>, Vec<Cell>),
    Note(String),
}

pub(super) fn rows(lines: &[Line], path: &str, look: Look) -> Drawn {
    let (items, is_waiting) = items(lines, path, look);
    let digits = |number: u64| number.max(1).to_string().len();
    // Parity: there is room for the number of the line after the last.
    let largest = |old: bool| {
        let number = lines.iter().map(|line| match line {
            Line::Text {
                sign: Sign::Added, ..
            } if old => 0,
            Line::Text {
                sign: Sign::Removed, ..
            } if !old => 0,
            Line::Text { old: number, .. } if old => *number,
            Line::Text { new: number, .. } => *number,
            Line::Gap | Line::More(_) => 0,
        });
        digits(number.max().unwrap_or(0).saturating_add(1))
    };
    let (old, new) = (largest(true), largest(false));
    let mut rows = Vec::new();
    let left = look.width / 2;
    for item in items {
        match item {
            Item::Note(text) => {
                let style = Style::new().fg(look.theme.diff_hunk_header);
                rows.push(Row::new(vec![Span::frame(text, style)]));
            }
            Item::Same(was, is) if look.is_split => {
                beside(&mut rows, Some((was, old)), Some((is, new)), left, look);
            }
            Item::Same(_, is) => rows.extend(side(is, old.max(new), look.width, look)),
            Item::Changed(was, is) if look.is_split => {
                let (mut was, mut is) = (was.into_iter(), is.into_iter());
                loop {
                    let pair = (
                        was.next().map(|cell| (cell, old)),
                        is.next().map(|cell| (cell, new)),
                    );
                    if let (None, None) = pair {
                        break;
                    }
                    beside(&mut rows, pair.0, pair.1, left, look);
                }
            }
            Item::Changed(was, is) => {
                for cell in was.into_iter().chain(is) {
                    rows.extend(side(cell, old.max(new), look.width, look));
                }
            }
        }
    }
    Drawn { rows, is_waiting }
}

/// Puts colours to lines and stretches of changed lines together.
fn items(lines: &[Line], path: &str, look: Look) -> (Vec<Item>, bool) {
    let language = Language::of_file(path);
    let safe_line = |text: &'_ str| safe::text(text).into_owned();
    let texts: Vec<Cow<str>> = lines
        .iter()
        .map(|line| match line {
            Line::Text { text, .. } => Cow::Owned(safe_line(text).replace('\n', " ")),
            Line::Gap | Line::More(_) => Cow::Borrowed(""),
        })
        .collect();
    let code = |without: Sign| {
        let mut code = String::new();
        for (line, text) in lines.iter().zip(&texts) {
            if matches!(line, Line::Text { sign, .. } if *sign != without) {
                code.push_str(text);
                code.push('\n');
            }
        }
        code
    };
    let was = look.highlighter.colors(language.as_ref(), &code(Sign::Added));
    let is = look.highlighter.colors(language.as_ref(), &code(Sign::Removed));
    let base = Style::new().fg(look.theme.text);
    let (mut was_at, mut is_at) = (0, 0);
    let mut items = Vec::new();
    for (line, text) in lines.iter().zip(&texts) {
        let Line::Text { sign, old, new, .. } = line else {
            let note = if let Line::More(count) = line {
                format!(" … +{count}")
            } else {
                " ⋯".to_owned()
            };
            items.push(Item::Note(note));
            continue;
        };
        let mut cell = |sign: Sign, is_old: bool| {
            let (colors, at, number) = if is_old {
                (&was, &mut was_at, *old)
            } else {
                (&is, &mut is_at, *new)
            };
            *at += 1;
            Cell {
                sign,
                number,
                code: colors.line(*at - 1, text, base, look.theme),
            }
        };
        match sign {
            Sign::Context => {
                let pair = (cell(Sign::Context, true), cell(Sign::Context, false));
                items.push(Item::Same(pair.0, pair.1));
            }
            Sign::Removed => {
                let removed = cell(Sign::Removed, true);
                match items.last_mut() {
                    Some(Item::Changed(was, is)) if is.is_empty() => was.push(removed),
                    _ => items.push(Item::Changed(vec![removed], Vec::new())),
                }
            }
            Sign::Added => {
                let added = cell(Sign::Added, false);
                match items.last_mut() {
                    Some(Item::Changed(_, is)) => is.push(added),
                    _ => items.push(Item::Changed(Vec::new(), vec![added])),
                }
            }
        }
    }
    for item in &mut items {
        if let Item::Changed(was, is) = item {
            mark_words(was, is, look);
        }
    }
    (items, was.is_waiting || is.is_waiting)
}

/// Marks what differs between lines that stand for each other.
fn mark_words(was: &mut [Cell], is: &mut [Cell], look: Look) {
    if was.len() != is.len() {
        return;
    }
    let theme = look.theme;
    let text = |cell: &Cell| {
        cell.code
            .iter()
            .map(|span| span.text.as_str())
            .collect::<String>()
    };
    for (was, is) in was.iter_mut().zip(is) {
        let Some((removed, added)) = words::changed(&text(was), &text(is)) else {
            continue;
        };
        was.code = marked(
            &was.code,
            &removed,
            theme.diff_highlight_removed,
            theme.diff_removed_background,
        );
        is.code = marked(
            &is.code,
            &added,
            theme.diff_highlight_added,
            theme.diff_added_background,
        );
    }
}

fn marked(code: &[Span], ranges: &[Range<usize>], color: Color, background: Color) -> Vec<Span> {
    let mark = |style: Style| match (color, background) {
        (Color::Rgb(..), Color::Rgb(..)) => style.bg(crate::transcript::paint::blend(color, background, 0.3)),
        _ => style.add_modifier(Modifier::UNDERLINED),
    };
    let mut spans = Vec::new();
    let mut at = 0;
    for span in code {
        let mut from = 0;
        let end = span.text.len();
        while from < end {
            let place = at + from;
            let inside = ranges.iter().find(|range| range.contains(&place));
            let stop = match inside {
                Some(range) => range.end,
                None => ranges
                    .iter()
                    .map(|range| range.start)
                    .find(|start| *start > place)
                    .unwrap_or(usize::MAX),
            };
            let to = end.min(stop.saturating_sub(at)).max(from + 1);
            let Some(text) = span.text.get(from..to) else {
                break;
            };
            let style = if inside.is_some() {
                mark(span.style)
            } else {
                span.style
            };
            spans.push(Span {
                text: text.to_owned(),
                style,
                is_frame: false,
            });
            from = to;
        }
        at += end;
    }
    spans
}

/// One line over a width: number, sign, code, and the background to its end.
fn side(cell: Cell, digits: usize, width: usize, look: Look) -> Vec<Row> {
    let theme = look.theme;
    let (sign, color, gutter, background) = match cell.sign {
        Sign::Context => (
            " ",
            theme.diff_context,
            theme.diff_context_background,
            theme.diff_context_background,
        ),
        Sign::Added => (
            "+",
            theme.diff_highlight_added,
            theme.diff_added_line_number_background,
            theme.diff_added_background,
        ),
        Sign::Removed => (
            "-",
            theme.diff_highlight_removed,
            theme.diff_removed_line_number_background,
            theme.diff_removed_background,
        ),
    };
    let room = width.saturating_sub(digits + 4).max(1);
    let rows = match look.wrap {
        Wrap::Word => wrap(cell.code, room),
        Wrap::None => vec![Row::new(fitting(cell.code, room))],
    };
    let numbered = |index: usize| match index {
        0 => (format!(" {:>digits$}", cell.number), format!(" {sign} ")),
        _ => (" ".repeat(digits + 1), "   ".to_owned()),
    };
    rows.into_iter()
        .enumerate()
        .map(|(index, row)| {
            let (number, sign) = numbered(index);
            let mut spans = vec![
                Span::frame(number, Style::new().fg(theme.diff_line_number).bg(gutter)),
                Span::frame(sign, Style::new().fg(color).bg(gutter)),
            ];
            let mut free = room;
            for mut span in fitting(row.spans, room) {
                free = free.saturating_sub(span.width());
                if span.style.bg.is_none() {
                    span.style = span.style.bg(background);
                }
                spans.push(span);
            }
            spans.push(Span::frame(" ".repeat(free), Style::new().bg(background)));
            Row {
                spans,
                continues: row.continues,
                ..Row::default()
            }
        })
        .collect()
}

/// The spans of a line as far as they fit.
fn fitting(spans: Vec<Span>, width: usize) -> Vec<Span> {
    let mut left = width;
    let mut kept = Vec::new();
    for mut span in spans {
        let cells = span.width();
        if cells > left {
            let mut end = 0;
            for (letter, cells) in safe::graphemes(&span.text) {
                if cells > left {
                    break;
                }
                left -= cells;
                end += letter.len();
            }
            span.text.truncate(end);
            kept.push(span);
            break;
        }
        left -= cells;
        kept.push(span);
    }
    kept
}

/// Two lines side by side; where one is missing its place stays free.
fn beside(
    rows: &mut Vec<Row>,
    was: Option<(Cell, usize)>,
    is: Option<(Cell, usize)>,
    left: usize,
    look: Look,
) {
    let right = look.width - left;
    let drawn = |cell: Option<(Cell, usize)>, width: usize| {
        cell.map_or_else(Vec::new, |(cell, digits)| side(cell, digits, width, look))
    };
    let (mut was, mut is) = (drawn(was, left).into_iter(), drawn(is, right).into_iter());
    loop {
        let (was, is) = match (was.next(), is.next()) {
            (None, None) => return,
            pair => pair,
        };
        let free = |width: usize| vec![Span::frame(" ".repeat(width), Style::new())];
        let continues = is.as_ref().or(was.as_ref()).is_some_and(|row| row.continues);
        let goes_on = |row: &Option<Row>| row.as_ref().map(|row| row.continues);
        let (was_goes_on, is_goes_on) = (goes_on(&was), goes_on(&is));
        let mut spans = was.map_or_else(|| free(left), |row| row.spans);
        let halves = Halves {
            right: spans.len(),
            was: was_goes_on,
            is: is_goes_on,
        };
        spans.extend(is.map_or_else(|| free(right), |row| row.spans));
        rows.push(Row {
            spans,
            continues,
            halves: Some(halves),
            ..Row::default()
        });
    }
}
