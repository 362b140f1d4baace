//! The messages of a session as they scroll by (reference `tui.md` §3–4). Only what is visible is drawn, and what
//! was drawn is remembered; where one is in the transcript is known by a message and a row of it, so that its
//! length costs nothing.
//!
//! The face lends what is to be drawn as a [`Scene`] to each call. The area is the one of the last
//! [`Transcript::view`]; it has two free cells at each side, while the free row below it is the face's.

mod assistant;
pub(crate) mod flow;
mod list;
mod message;
pub(crate) mod paint;
pub(crate) mod piece;
mod reverted;
pub(crate) mod scene;
pub(crate) mod scroll;
mod search;
mod select;
mod tool;
pub(crate) mod user;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use opencode_schema::PartId;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use self::list::{Cache, List};
use self::piece::{MARGIN, Room, Target};
use self::scene::Scene;
use self::scroll::{Position, Wants};
use self::search::Search;
use self::select::Selection;

/// The transcript of a session: where one is in it, what is folded open, selected and sought.
#[derive(Default)]
pub(crate) struct Transcript {
    cache: RefCell<Cache>,
    area: Cell<Rect>,
    wants: Cell<Option<Wants>>,
    seen: Cell<Option<(usize, usize)>>,
    position: Position,
    open: HashSet<PartId>,
    hover: Option<Target>,
    selection: Option<Selection>,
    search: Option<Search>,
}

impl Transcript {
    /// Draws what is visible.
    pub(crate) fn view(&self, scene: &Scene, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        self.area.set(area);
        self.wants.set(None);
        self.seen.set(None);
        if area.is_empty() {
            return;
        }
        let list = self.list(scene);
        let (mut index, mut row) = self.top(&list);
        let first = index;
        let width = area.width.saturating_sub(MARGIN as u16);
        let mut y = area.y;
        while y < area.bottom() && index < list.len() {
            let item = list.item(index);
            let gap = if item.height == 0 {
                0
            } else {
                list.gap(index, &item)
            };
            let top = i32::from(y) - i32::try_from(row).unwrap_or(i32::MAX);
            for inner in row.saturating_sub(gap)..item.height {
                let at = top + i32::try_from(gap + inner).unwrap_or(i32::MAX);
                let Ok(at) = u16::try_from(at) else { break };
                if at >= area.bottom() {
                    break;
                }
                if let Some(row) = item.row(inner) {
                    row.draw(buffer, area.x, at, width);
                }
            }
            self.mark(&list, index, &item, top + i32::try_from(gap).unwrap_or(0), buffer);
            let shown = if item.height == 0 {
                0
            } else {
                (gap + item.height).saturating_sub(row)
            };
            y = y.saturating_add(u16::try_from(shown).unwrap_or(u16::MAX));
            (index, row) = (index + 1, 0);
        }
        self.wants.set(scroll::wants(scene, first, index));
        self.seen.set(Some((first, index)));
        if scene.switches.scrollbar {
            self.draw_scrollbar(&list, first, buffer);
        }
    }

    /// Messages that should be loaded, because the end of those that are is near.
    pub(crate) fn wants(&self) -> Option<Wants> {
        self.wants.get()
    }

    /// The first message that was drawn last, and the one behind the last.
    pub(crate) fn seen(&self) -> Option<(usize, usize)> {
        self.seen.get()
    }

    /// Whether the end is followed.
    pub(crate) fn is_at_end(&self) -> bool {
        self.position.is_bottom()
    }

    /// What is at a cell of the screen.
    pub(crate) fn target(&self, scene: &Scene, x: u16, y: u16) -> Option<Target> {
        let area = self.area.get();
        let inside = area.contains((x, y).into()) && usize::from(x - area.x) >= MARGIN;
        if !inside || x + (MARGIN as u16) >= area.right() {
            return None;
        }
        let list = self.list(scene);
        let (index, row) = self.place(&list, y)?;
        list.item(index).target(row?).cloned()
    }

    /// Tells what the mouse is over; gives whether that is to be drawn.
    pub(crate) fn hover(&mut self, target: Option<Target>) -> bool {
        let is_new = self.hover != target;
        self.hover = target;
        is_new
    }

    /// Folds or unfolds an output, a thought or an error. What is at the top stays there.
    pub(crate) fn toggle(&mut self, scene: &Scene, part: &PartId) {
        self.hold(scene);
        if !self.open.remove(part) {
            self.open.insert(part.clone());
        }
    }

    fn list<'a>(&'a self, scene: &'a Scene<'a>) -> List<'a> {
        let width = usize::from(self.area.get().width);
        let is_printed = false;
        List::new(self, scene, Room { width, is_printed })
    }

    /// The item and its row that are drawn in a row of the screen; no row where there is a gap.
    fn place(&self, list: &List, y: u16) -> Option<(usize, Option<usize>)> {
        let area = self.area.get();
        let (mut index, row) = self.top(list);
        let mut left = usize::from(y.checked_sub(area.y)?) + row;
        while index < list.len() {
            let height = list.height(index);
            if left < height {
                let item = list.item(index);
                return Some((index, left.checked_sub(list.gap(index, &item))));
            }
            left -= height;
            index += 1;
        }
        None
    }

    /// A bar at the right that tells roughly where one is: exactly would mean to draw everything.
    fn draw_scrollbar(&self, list: &List, first: usize, buffer: &mut Buffer) {
        let area = self.area.get();
        let (count, height) = (list.len().max(1), usize::from(area.height));
        let thumb = (height / count).clamp(1, height.max(1));
        let free = height - thumb;
        let at = if self.position.is_bottom() {
            free
        } else {
            (first * free / count).min(free)
        };
        for row in 0..height {
            let is_thumb = (at..at + thumb).contains(&row);
            let color = if is_thumb {
                list.scene.theme.border
            } else {
                list.scene.theme.background_element
            };
            let y = area.y + u16::try_from(row).unwrap_or(0);
            buffer[(area.right() - 1, y)]
                .set_symbol(" ")
                .set_style(Style::new().bg(color));
        }
    }
}

#[cfg(test)]
mod tests;
