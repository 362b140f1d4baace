//! Text that is selected with the mouse.

use opencode_schema::MessageId;
use ratatui::buffer::Buffer;
use ratatui::style::Modifier;

use super::Transcript;
use super::list::List;
use super::piece::Rendered;
use super::scene::Scene;
use super::scroll::Scroll;
use crate::row::{Half, Row};
use crate::safe;

/// Bytes of a selection: a clipboard is no place for more.
const BYTES: usize = 2 * 1024 * 1024;

/// A cell of the transcript.
#[derive(Clone, Debug, PartialEq)]
struct Point {
    id: MessageId,
    row: usize,
    column: usize,
}

/// What is selected: from where the button was pressed to where the mouse is.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    anchor: Point,
    head: Point,
    is_moved: bool,
    /// Which of two texts beside each other it began in: only that one is selected.
    half: Option<Half>,
}

impl Transcript {
    /// The button was pressed: a selection may begin.
    pub(crate) fn press(&mut self, scene: &Scene, x: u16, y: u16) {
        let list = self.list(scene);
        let point = self.point(&list, x, y);
        let selection = point.map(|point| {
            let item = list.index(&point.id).map(|index| list.item(index));
            let row = item.as_ref().and_then(|item| item.row(point.row));
            Selection {
                half: row.and_then(|row| row.half(point.column)),
                anchor: point.clone(),
                head: point,
                is_moved: false,
            }
        });
        self.selection = selection;
    }

    /// The mouse was moved with the button down. Above and below the area the transcript moves along.
    pub(crate) fn drag(&mut self, scene: &Scene, x: u16, y: u16) {
        if self.selection.is_none() {
            return;
        }
        let area = self.area.get();
        if y < area.y {
            self.scroll(scene, &Scroll::Lines(-1));
        } else if y >= area.bottom() {
            self.scroll(scene, &Scroll::Lines(1));
        }
        let y = y.clamp(area.y, area.bottom().saturating_sub(1).max(area.y));
        let point = self.point(&self.list(scene), x, y);
        if let (Some(selection), Some(point)) = (&mut self.selection, point) {
            selection.is_moved |= point != selection.anchor;
            selection.head = point;
        }
    }

    /// Whether anything is selected.
    pub(crate) fn has_selection(&self) -> bool {
        self.selection
            .as_ref()
            .is_some_and(|selection| selection.is_moved)
    }

    /// Selects nothing.
    pub(crate) fn clear_selection(&mut self) {
        self.selection = None;
    }

    /// The selected text, without borders and numbers of lines; lines that were broken are whole again.
    pub(crate) fn selected(&self, scene: &Scene) -> Option<String> {
        let list = self.list(scene);
        let (from, to) = self.range(&list)?;
        let half = self.selection.as_ref()?.half;
        let mut text = String::new();
        for index in from.0..=to.0.min(list.len().saturating_sub(1)) {
            let item = list.item(index);
            let gap = if index > from.0 && item.height > 0 {
                list.gap(index, &item)
            } else {
                0
            };
            text.extend(std::iter::repeat_n('\n', gap));
            for row in 0..item.height {
                let Some((start, end)) = columns((index, row), from, to) else {
                    continue;
                };
                let drawn = item.row(row);
                let within = drawn.map_or(Some((0, 0, false)), |row| row.columns(half));
                let Some((first, after, continues)) = within else {
                    continue;
                };
                let (start, end) = (start.max(first), end.min(after));
                if !text.is_empty() && !continues {
                    text.truncate(text.trim_end_matches(' ').len());
                    text.push('\n');
                }
                drawn
                    .into_iter()
                    .for_each(|row| push_cells(&mut text, row, start, end));
                if text.len() > BYTES {
                    text.truncate(text.floor_char_boundary(BYTES));
                    return Some(text);
                }
            }
        }
        let text = text.trim_matches('\n').trim_end().to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// Marks what is selected and found in an item that was drawn from a row of the screen on.
    pub(super) fn mark(&self, list: &List, index: usize, item: &Rendered, top: i32, buffer: &mut Buffer) {
        let area = self.area.get();
        self.mark_found(list, index, item, top, buffer);
        let Some((from, to)) = self.range(list) else {
            return;
        };
        let half = self.selection.as_ref().and_then(|selection| selection.half);
        if index < from.0 || index > to.0 {
            return;
        }
        for y in area.top()..area.bottom() {
            let Ok(row) = usize::try_from(i32::from(y) - top) else {
                continue;
            };
            let (Some(drawn), Some((start, end))) = (item.row(row), columns((index, row), from, to)) else {
                continue;
            };
            let Some((left, right, _)) = drawn.columns(half) else {
                continue;
            };
            let (start, end) = (start.max(left), end.min(right));
            for (first, after) in content(drawn) {
                for column in first.max(start)..after.min(end) {
                    let x = usize::from(area.x) + column;
                    let Some(x) = u16::try_from(x).ok().filter(|x| *x < area.right()) else {
                        break;
                    };
                    let style = buffer[(x, y)].style().add_modifier(Modifier::REVERSED);
                    buffer[(x, y)].set_style(style);
                }
            }
        }
    }

    /// The ends of the selection in the order of the transcript, as item, row and column; the last is beyond it.
    fn range(&self, list: &List) -> Option<(Cell, Cell)> {
        let selection = self.selection.as_ref().filter(|selection| selection.is_moved)?;
        let cell = |point: &Point| Some((list.index(&point.id)?, point.row, point.column));
        let (anchor, head) = (cell(&selection.anchor)?, cell(&selection.head)?);
        let (from, to) = if anchor <= head {
            (anchor, head)
        } else {
            (head, anchor)
        };
        Some((from, (to.0, to.1, to.2 + 1)))
    }

    fn point(&self, list: &List, x: u16, y: u16) -> Option<Point> {
        let area = self.area.get();
        let column = usize::from(x.saturating_sub(area.x));
        let (index, row) = match self.place(list, y) {
            Some((index, row)) => (index, row.unwrap_or(0)),
            // Below the end: its last row.
            None => {
                let index = list.len().checked_sub(1)?;
                (index, list.item(index).height.saturating_sub(1))
            }
        };
        Some(Point {
            id: list.id(index)?,
            row,
            column,
        })
    }
}

type Cell = (usize, usize, usize);

/// The selected columns of a row.
fn columns((index, row): (usize, usize), from: Cell, to: Cell) -> Option<(usize, usize)> {
    let place = (index, row);
    if place < (from.0, from.1) || place > (to.0, to.1) {
        return None;
    }
    let start = if place == (from.0, from.1) { from.2 } else { 0 };
    let end = if place == (to.0, to.1) { to.2 } else { usize::MAX };
    Some((start, end))
}

/// The columns of a row that are content.
fn content(row: &Row) -> Vec<(usize, usize)> {
    let mut ranges = Vec::new();
    let mut column = 0;
    for span in &row.spans {
        let end = column + span.width();
        if !span.is_frame {
            ranges.push((column, end));
        }
        column = end;
    }
    ranges
}

fn push_cells(text: &mut String, row: &Row, start: usize, end: usize) {
    let mut column = 0;
    for span in &row.spans {
        for (letter, cells) in safe::graphemes(&span.text) {
            if !span.is_frame && column < end && column + cells.max(1) > start {
                text.push_str(letter);
            }
            column += cells;
        }
    }
}
