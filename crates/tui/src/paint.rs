//! Small strokes: a text in a row, cut to what fits. What comes from outside has gone through
//! [`safe`](crate::safe) before.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::row;
use crate::safe;

/// Columns of a text.
pub(crate) fn width(text: &str) -> usize {
    safe::width(text)
}

/// A text that takes no more than so many columns; what was cut is an ellipsis.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    safe::cut(text, columns).into_owned()
}

/// A text in rows of a width, broken between words.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let rows = row::paragraph(text, Style::new(), columns.max(1));
    rows.iter().map(row::Row::content).collect()
}

/// The end of a text in no more than so many columns; what was cut is an ellipsis.
pub(crate) fn cut_left(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut used = 0;
    for letter in text.graphemes(true).rev() {
        let wide = width(letter);
        if used + wide + 1 > columns {
            break;
        }
        kept.push(letter);
        used += wide;
    }
    if columns > 0 {
        kept.push("…");
    }
    kept.into_iter().rev().collect()
}

/// Both ends of a text in no more than so many columns; what was cut out is an ellipsis.
pub(crate) fn cut_middle(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let end = cut_left(text, columns / 2 + 1);
    let start = cut(text, columns.saturating_sub(width(&end)) + 1);
    start.trim_end_matches('…').to_owned() + &end
}

/// Writes a text into a row, as far as the buffer goes; says how many columns it took.
pub(crate) fn text(buffer: &mut Buffer, x: u16, y: u16, text: &str, style: Style) -> u16 {
    let area = buffer.area;
    if y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() {
        return 0;
    }
    let room = usize::from(area.right() - x);
    let (end, _) = buffer.set_stringn(x, y, text, room, style);
    end - x
}

/// Writes a text into a row of an area so that it ends with it.
pub(crate) fn text_right(buffer: &mut Buffer, area: Rect, y: u16, content: &str, style: Style) {
    let wide = u16::try_from(width(content)).unwrap_or(u16::MAX);
    if wide <= area.width {
        text(buffer, area.right() - wide, y, content, style);
    }
}

/// Empties an area and keeps its colours.
pub(crate) fn clear(area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.set_symbol(" ");
            }
        }
    }
}

/// Fills an area with a colour.
pub(crate) fn fill(area: Rect, buffer: &mut Buffer, color: Color) {
    let area = area.intersection(buffer.area);
    clear(area, buffer);
    buffer.set_style(area, Style::reset().bg(color));
}
