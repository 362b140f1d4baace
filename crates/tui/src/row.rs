//! Rows of styled text: what Markdown, code, differences and messages become before they are drawn, and how they
//! are broken at a width. All text in them has gone through [`crate::safe`].

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Style};

use crate::safe;

/// Text in one style.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Span {
    /// The words, made safe.
    pub(crate) text: String,
    /// How they look.
    pub(crate) style: Style,
    /// Whether it is drawing only: borders, indents and numbers of lines, which are not part of what is copied.
    pub(crate) is_frame: bool,
}

impl Span {
    /// Text that belongs to the content.
    pub(crate) fn new(text: impl Into<String>, style: impl Into<Style>) -> Self {
        Self {
            text: text.into(),
            style: style.into(),
            is_frame: false,
        }
    }

    /// Text that is drawing only.
    pub(crate) fn frame(text: impl Into<String>, style: impl Into<Style>) -> Self {
        Self {
            text: text.into(),
            style: style.into(),
            is_frame: true,
        }
    }

    /// Other words that look the same.
    pub(crate) fn like(&self, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            style: self.style,
            is_frame: self.is_frame,
        }
    }

    /// The cells that it takes.
    pub(crate) fn width(&self) -> usize {
        safe::width(&self.text)
    }
}

/// One row of the screen.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    /// What stands in it, from the left.
    pub(crate) spans: Vec<Span>,
    /// The background of its cells to the right of the first `fill_from`.
    pub(crate) fill: Option<Color>,
    /// The first cell that [`Row::fill`] is for.
    pub(crate) fill_from: u16,
    /// Whether its text goes on that of the row before, which was broken for want of room.
    pub(crate) continues: bool,
    /// Where it shows two texts beside each other.
    pub(crate) halves: Option<Halves>,
}

/// Two texts beside each other in a row: what is selected in one is not in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Halves {
    /// The first span of the right one.
    pub(crate) right: usize,
    /// Whether the text of the left one goes on that of the row before; nothing where there is none.
    pub(crate) was: Option<bool>,
    /// The same of the right one.
    pub(crate) is: Option<bool>,
}

/// One of two texts beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    /// At the left.
    Left,
    /// At the right.
    Right,
}

impl Row {
    /// A row of some spans.
    pub(crate) fn new(spans: Vec<Span>) -> Self {
        Self {
            spans,
            ..Self::default()
        }
    }

    /// A row of one text.
    pub(crate) fn text(text: impl Into<String>, style: impl Into<Style>) -> Self {
        Self::new(vec![Span::new(text, style)])
    }

    /// The row with something before it.
    pub(crate) fn after(mut self, span: Span) -> Self {
        self.put_before([span]);
        self
    }

    /// Puts something before it.
    pub(crate) fn put_before(&mut self, spans: impl IntoIterator<Item = Span>) {
        let count = self.spans.len();
        self.spans.splice(0..0, spans);
        if let Some(halves) = &mut self.halves {
            halves.right += self.spans.len() - count;
        }
    }

    /// The half that a column is in, if it has halves.
    pub(crate) fn half(&self, column: usize) -> Option<Half> {
        let is_left = column < self.middle()?;
        Some(if is_left { Half::Left } else { Half::Right })
    }

    /// The columns of a half, and whether its text goes on that of the row before; all columns if the row has no
    /// halves, nothing if this half has no text.
    pub(crate) fn columns(&self, half: Option<Half>) -> Option<(usize, usize, bool)> {
        let (Some(half), Some(halves), Some(middle)) = (half, self.halves, self.middle()) else {
            return Some((0, usize::MAX, self.continues));
        };
        match half {
            Half::Left => halves.was.map(|continues| (0, middle, continues)),
            Half::Right => halves.is.map(|continues| (middle, usize::MAX, continues)),
        }
    }

    fn middle(&self) -> Option<usize> {
        let left = self.spans.iter().take(self.halves?.right);
        Some(left.map(Span::width).sum())
    }

    /// The cells that its spans take.
    #[cfg(test)]
    pub(crate) fn width(&self) -> usize {
        self.spans.iter().map(Span::width).sum()
    }

    /// Its content, without frames.
    pub(crate) fn content(&self) -> String {
        let content = self.spans.iter().filter(|span| !span.is_frame);
        content.map(|span| span.text.as_str()).collect()
    }

    /// Draws it from a position to the right; what does not fit is left out.
    pub(crate) fn draw(&self, buffer: &mut Buffer, x: u16, y: u16, width: u16) {
        let end = x.saturating_add(width).min(buffer.area.right());
        if y < buffer.area.top() || y >= buffer.area.bottom() {
            return;
        }
        if let Some(fill) = self.fill {
            for column in x.saturating_add(self.fill_from)..end {
                buffer[(column, y)].set_bg(fill);
            }
        }
        let mut column = x;
        for span in &self.spans {
            for (letter, cells) in safe::graphemes(&span.text) {
                let after = column.saturating_add(u16::try_from(cells).unwrap_or(u16::MAX));
                // What was not made safe does nothing all the same.
                if cells == 0 || letter.contains(char::is_control) {
                    continue;
                }
                if after > end {
                    return;
                }
                buffer[(column, y)].set_symbol(letter).set_style(span.style);
                for covered in column + 1..after {
                    buffer[(covered, y)].reset();
                }
                column = after;
            }
        }
    }
}

/// How lines that are too long are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Wrap {
    /// Broken between words, or within one that is longer than a row.
    #[default]
    Word,
    /// Cut at the right.
    None,
}

/// Breaks a line at a width, at least one cell. Blanks at the end of a row stay in it, out of sight, so that the
/// rows together are the line.
pub(crate) fn wrap(line: Vec<Span>, width: usize) -> Vec<Row> {
    let width = width.max(1);
    if line.iter().map(Span::width).sum::<usize>() <= width {
        return vec![Row::new(line)];
    }
    let mut breaker = Breaker {
        rows: Vec::new(),
        row: Vec::new(),
        used: 0,
        chance: None,
        width,
    };
    for span in line {
        breaker.open(&span);
        for (letter, cells) in safe::graphemes(&span.text) {
            breaker.put(letter, cells, &span);
        }
    }
    breaker.end();
    breaker.rows
}

struct Breaker {
    rows: Vec<Row>,
    row: Vec<Span>,
    used: usize,
    /// After which span's which byte the row may be broken, and the cells up to there.
    chance: Option<(usize, usize, usize)>,
    width: usize,
}

impl Breaker {
    fn open(&mut self, like: &Span) {
        self.row.push(like.like(""));
    }

    fn put(&mut self, letter: &str, cells: usize, span: &Span) {
        let is_blank = letter == " ";
        if !is_blank && self.used + cells > self.width && self.used > 0 {
            self.break_row(span);
        }
        // Text of wide letters is broken between any two of them.
        if cells > 1 {
            self.note_chance();
        }
        if let Some(open) = self.row.last_mut() {
            open.text.push_str(letter);
        }
        self.used += cells;
        if is_blank
            || cells > 1
            || matches!(
                letter,
                "-" | "/" | "\\" | "." | "," | ";" | ":" | "!" | "?" | "(" | ")" | "[" | "]" | "{" | "}"
            )
        {
            self.note_chance();
        }
    }

    fn note_chance(&mut self) {
        if let Some(open) = self.row.last() {
            self.chance = Some((self.row.len() - 1, open.text.len(), self.used));
        }
    }

    fn break_row(&mut self, like: &Span) {
        let mut tail = Vec::new();
        match self.chance.take() {
            Some((index, byte, before)) if before > 0 => {
                tail = self.row.split_off(index + 1);
                if let Some(last) = self.row.last_mut() {
                    let text = last.text.split_off(byte);
                    tail.insert(0, last.like(text));
                }
                self.used = self.used.saturating_sub(before);
            }
            _ => {
                tail.push(like.like(""));
                self.used = 0;
            }
        }
        let spans = std::mem::replace(&mut self.row, tail);
        self.push(spans);
    }

    fn push(&mut self, mut spans: Vec<Span>) {
        spans.retain(|span| !span.text.is_empty());
        let continues = !self.rows.is_empty();
        self.rows.push(Row {
            spans,
            continues,
            ..Row::default()
        });
    }

    fn end(&mut self) {
        let spans = std::mem::take(&mut self.row);
        self.push(spans);
    }
}

/// Lines of a text in one style, broken at a width.
pub(crate) fn paragraph(text: &str, style: Style, width: usize) -> Vec<Row> {
    text.split('\n')
        .flat_map(|line| wrap(vec![Span::new(line, style)], width))
        .collect()
}

/// Rows as plain text, one a line.
#[cfg(test)]
pub(crate) fn plain(rows: &[Row]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for row in rows {
        let line: String = row.spans.iter().map(|span| span.text.as_str()).collect();
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use ratatui::layout::Rect;

    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        let table: [(&str, usize, &[&str]); 9] = [
            ("short", 10, &["short"]),
            ("two words", 5, &["two ", "words"]),
            ("two  words", 4, &["two  ", "word", "s"]),
            ("abcdefgh", 3, &["abc", "def", "gh"]),
            ("path/to/file", 6, &["path/", "to/", "file"]),
            ("漢字かな", 5, &["漢字", "かな"]),
            ("a漢字", 2, &["a", "漢", "字"]),
            ("漢", 1, &["漢"]),
            ("", 4, &[""]),
        ];
        for (line, width, rows) in table {
            let broken = wrap(vec![Span::new(line, Style::new())], width);
            let texts: Vec<String> = broken.iter().map(Row::content).collect();
            assert_eq!(texts, rows, "{line} at {width}");
            assert_eq!(texts.concat(), line, "nothing is lost");
            assert!(broken.iter().skip(1).all(|row| row.continues));
        }
    }

    #[test]
    fn a_line_of_several_styles_is_broken_as_one() {
        let line = vec![Span::new("one tw", Color::Red), Span::new("o three", Color::Blue)];
        let rows = wrap(line, 5);
        assert_eq!(plain(&rows), "one\ntwo\nthree\n");
        assert_eq!(rows[1].spans.len(), 2);
        assert_eq!(rows[1].spans[0], Span::new("tw", Color::Red));
    }

    #[test]
    fn drawing_keeps_to_its_room() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
        Row::text("漢字かな", Color::Red).draw(&mut buffer, 1, 0, 3);
        let mut expected = Buffer::empty(Rect::new(0, 0, 4, 1));
        expected.set_string(1, 0, "漢", Color::Red);
        assert_eq!(buffer, expected);
        Row::text("below", Color::Red).draw(&mut buffer, 0, 7, 3);
    }
}
