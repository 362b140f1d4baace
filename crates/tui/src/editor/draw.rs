//! A text in a buffer of cells, and what the mouse means on it.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::rows::{self, Grapheme};
use super::{ENDLESS, Editor, Layout};

/// How a text looks.
pub(crate) struct Look<'a, T> {
    /// All of it.
    pub(crate) text: Style,
    /// What is selected.
    pub(crate) selection: Style,
    /// Marks.
    pub(crate) mark: &'a dyn Fn(&T) -> Style,
}

impl<T> Editor<T> {
    /// Draws what there is room for; where the cursor is, if it is seen.
    pub(crate) fn draw(&self, area: Rect, buffer: &mut Buffer, look: &Look<'_, T>) -> Option<Position> {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return None;
        }
        let mut layout = self.layout.borrow_mut();
        let (row, column) = self.arrange(&mut layout, area);
        let selection = self.selection();
        for line in 0..area.height {
            let row = layout.top + usize::from(line);
            if row >= layout.rows.len() {
                break;
            }
            let range = layout.rows.range(&self.text, row);
            let content = self.text.get(range.clone()).unwrap_or_default();
            let first = self.marks.partition_point(|mark| mark.range.end <= range.start);
            let mut marks = self.marks.iter().skip(first).peekable();
            for grapheme in rows::graphemes(content, range.start) {
                let at = grapheme.start;
                while marks.next_if(|mark| mark.range.end <= at).is_some() {}
                let mut style = look.text;
                if let Some(mark) = marks.peek()
                    && mark.range.contains(&at)
                {
                    style = style.patch((look.mark)(&mark.data));
                }
                if selection.as_ref().is_some_and(|range| range.contains(&at)) {
                    style = style.patch(look.selection);
                }
                let Some(x) = grapheme.column.checked_sub(layout.left) else {
                    continue;
                };
                if x + grapheme.width > usize::from(area.width) {
                    break;
                }
                put(buffer, area.x + x as u16, area.y + line, grapheme, style);
            }
        }
        let y = row
            .checked_sub(layout.top)
            .filter(|y| *y < usize::from(area.height))?;
        let x = column
            .saturating_sub(layout.left)
            .min(usize::from(area.width) - 1);
        Some(Position::new(area.x + x as u16, area.y + y as u16))
    }

    /// Brings the rows to the width and the cursor into view; the cursor's row and column.
    fn arrange(&self, layout: &mut Layout, area: Rect) -> (usize, usize) {
        let (width, height) = (usize::from(area.width), usize::from(area.height));
        layout.height = height;
        let folded = if self.is_single_line { ENDLESS } else { width };
        layout.rows.set_width(&self.text, folded);
        let (row, column) = layout.rows.place(&self.text, self.cursor);
        if layout.follows {
            layout.top = layout.top.clamp((row + 1).saturating_sub(height), row);
        }
        layout.top = layout.top.min(layout.rows.len().saturating_sub(height));
        if self.is_single_line {
            layout.left = layout.left.clamp((column + 1).saturating_sub(width), column);
        }
        (row, column)
    }

    /// Puts the cursor where the mouse is, counted from the upper left corner of what was drawn; with
    /// `selects` the selection goes up to there. Rows above and below scroll.
    pub(crate) fn point(&mut self, column: i32, row: i32, selects: bool) {
        let layout = self.layout.get_mut();
        let row = (layout.top as i64 + i64::from(row)).max(0) as usize;
        let column = layout.left.saturating_add_signed(column as isize);
        let offset = if row < layout.rows.len() {
            layout.rows.offset(&self.text, row, column)
        } else {
            self.text.len()
        };
        let place = self.place_near(offset);
        if selects {
            self.anchor.get_or_insert(self.cursor);
        } else {
            self.anchor = None;
        }
        self.go(place);
    }

    /// Scrolls by rows; whether there was anything to scroll.
    pub(crate) fn scroll(&mut self, rows: isize) -> bool {
        let layout = self.layout.get_mut();
        let last = layout.rows.len().saturating_sub(layout.height);
        let top = layout.top.saturating_add_signed(rows).min(last);
        let moves = top != layout.top;
        if moves {
            layout.top = top;
            layout.follows = false;
        }
        moves
    }
}

fn put(buffer: &mut Buffer, x: u16, y: u16, grapheme: Grapheme<'_>, style: Style) {
    let shown = if grapheme.text == "\t" {
        " ".into()
    } else {
        rows::shown(grapheme.text)
    };
    for cell in 0..grapheme.width as u16 {
        if let Some(target) = buffer.cell_mut((x + cell, y)) {
            // What stands behind a wide letter is part of it.
            target
                .set_symbol(if cell == 0 { &shown } else { " " })
                .set_style(style);
        }
    }
}
