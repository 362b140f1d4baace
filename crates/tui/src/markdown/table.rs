//! Tables as grids of lines.

use pulldown_cmark::Alignment;
use ratatui::style::Style;

use crate::row::{Row, Span, wrap};

/// Columns that are drawn; a table with more is not one that anybody reads.
const COLUMNS: usize = 64;

/// A table: rows of cells, the first of which is its head.
#[derive(Default)]
pub(crate) struct Table {
    /// How its columns are aligned.
    pub(crate) alignments: Vec<Alignment>,
    /// Its cells.
    pub(crate) rows: Vec<Vec<Vec<Span>>>,
}

impl Table {
    /// Draws it over a whole width.
    pub(crate) fn draw(self, width: usize, line: Style) -> Vec<Row> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0).min(COLUMNS);
        if columns == 0 {
            return Vec::new();
        }
        let widths = widths(&self.rows, columns, width.saturating_sub(columns + 1));
        let rule = |left: &str, middle: &str, right: &str| {
            let cells: Vec<String> = widths.iter().map(|cells| "─".repeat(*cells)).collect();
            Row::new(vec![Span::frame(
                format!("{left}{}{right}", cells.join(middle)),
                line,
            )])
        };
        let mut drawn = vec![rule("┌", "┬", "┐")];
        for (index, cells) in self.rows.into_iter().enumerate() {
            if index > 0 {
                drawn.push(rule("├", "┼", "┤"));
            }
            let mut cells: Vec<Vec<Row>> = cells
                .into_iter()
                .zip(&widths)
                .map(|(cell, width)| wrap(cell, *width))
                .collect();
            cells.resize(columns, Vec::new());
            let height = cells.iter().map(Vec::len).max().unwrap_or(0);
            for row in 0..height {
                let mut spans = vec![Span::frame("│", line)];
                for (column, (cell, width)) in cells.iter_mut().zip(&widths).enumerate() {
                    let content = cell
                        .get_mut(row)
                        .map(|row| std::mem::take(&mut row.spans))
                        .unwrap_or_default();
                    let alignment = self.alignments.get(column).copied().unwrap_or(Alignment::None);
                    push_aligned(&mut spans, trimmed(content, *width), *width, alignment);
                    spans.push(Span::frame("│", line));
                }
                drawn.push(Row::new(spans));
            }
        }
        drawn.push(rule("└", "┴", "┘"));
        drawn
    }
}

/// A cell's row without the blanks at which it was broken, if they do not fit.
fn trimmed(mut spans: Vec<Span>, width: usize) -> Vec<Span> {
    while spans.iter().map(Span::width).sum::<usize>() > width {
        let Some(last) = spans.last_mut() else { break };
        if last.text.pop().is_none() {
            spans.pop();
        }
    }
    spans
}

fn push_aligned(spans: &mut Vec<Span>, content: Vec<Span>, width: usize, alignment: Alignment) {
    let free = width.saturating_sub(content.iter().map(Span::width).sum());
    let before = match alignment {
        Alignment::None | Alignment::Left => 0,
        Alignment::Center => free / 2,
        Alignment::Right => free,
    };
    let blank = |cells: usize| (cells > 0).then(|| Span::frame(" ".repeat(cells), Style::new()));
    spans.extend(blank(before));
    spans.extend(content);
    spans.extend(blank(free - before));
}

/// The cells of each column: what its contents need, with what is left given to all of them, or what is missing
/// taken from the widest.
fn widths(rows: &[Vec<Vec<Span>>], columns: usize, room: usize) -> Vec<usize> {
    let mut widths = vec![1_usize; columns];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.iter().map(Span::width).sum());
        }
    }
    let room = room.max(columns);
    let wanted: usize = widths.iter().sum();
    if wanted <= room {
        let (each, left) = ((room - wanted) / columns, (room - wanted) % columns);
        for (index, width) in widths.iter_mut().enumerate() {
            *width += each + usize::from(index < left);
        }
        return widths;
    }
    // Narrow columns keep what they need; the others share what is left by the roots of what they would like.
    let mut order: Vec<(usize, usize)> = widths.iter().copied().enumerate().collect();
    order.sort_by_key(|(_, width)| *width);
    let mut left = room;
    let mut shares: f64 = order.iter().map(|(_, width)| (*width as f64).sqrt()).sum();
    for (done, (column, wanted)) in order.into_iter().enumerate() {
        let share = left as f64 * (wanted as f64).sqrt() / shares.max(1.0);
        // Every column after this one keeps at least a cell.
        let most = left.saturating_sub(columns - done - 1).max(1);
        let width = wanted.min(share.round() as usize).clamp(1, most);
        shares -= (wanted as f64).sqrt();
        left = left.saturating_sub(width);
        if let Some(place) = widths.get_mut(column) {
            *place = width;
        }
    }
    widths
}
