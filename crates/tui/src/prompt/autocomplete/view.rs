//! The list above the prompt as it looks, and what the mouse means on it.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

#[cfg(test)]
use super::Row;
use super::{Autocomplete, ROWS, Trigger};
use crate::safe;
use crate::theme::Theme;
use crate::words::Words;

impl Autocomplete {
    /// Draws the list above `prompt`, as wide as it, if it is open.
    pub(in crate::prompt) fn view(&self, prompt: Rect, buffer: &mut Buffer, theme: &Theme, words: &Words) {
        let prompt = prompt.intersection(buffer.area);
        let height = self
            .rows()
            .unwrap_or(0)
            .min(prompt.y.saturating_sub(buffer.area.y));
        let area = Rect::new(prompt.x, prompt.y - height, prompt.width, height);
        self.view_in(area, buffer, theme, words, true);
    }

    /// Rows that the list takes, if it is open.
    pub(in crate::prompt) fn rows(&self) -> Option<u16> {
        let list = self.list.as_ref()?;
        Some(list.rows.len().clamp(1, ROWS) as u16)
    }

    /// Draws the list into an area, with borders at its sides or without, if it is open.
    pub(in crate::prompt) fn view_in(
        &self,
        area: Rect,
        buffer: &mut Buffer,
        theme: &Theme,
        words: &Words,
        has_borders: bool,
    ) {
        self.area.set(Rect::ZERO);
        let Some(list) = &self.list else { return };
        let area = area.intersection(buffer.area);
        let height = area.height;
        if height == 0 || area.width < 3 {
            return;
        }
        self.area.set(area);
        let left = if has_borders { 2 } else { 0 };
        let shown = usize::from(height);
        let top = list
            .top
            .get()
            .clamp((list.selected + 1).saturating_sub(shown), list.selected);
        list.top.set(top);
        let names = list
            .rows
            .iter()
            .map(|row| safe::width(&safe::line(&row.label)))
            .max()
            .unwrap_or(0);
        let pad = if list.trigger == Trigger::Slash {
            names + 2
        } else {
            0
        };
        let border = Style::new().fg(theme.border).bg(theme.background);
        for y in 0..height {
            let row = list.rows.get(top + usize::from(y));
            let is_selected = row.is_some() && top + usize::from(y) == list.selected;
            let ground = match is_selected {
                true if theme.primary == Color::Reset => Style::new().add_modifier(Modifier::REVERSED),
                true => Style::new().bg(theme.primary),
                false => Style::new().bg(theme.background_menu),
            };
            let line = Rect::new(area.x, area.y + y, area.width, 1);
            for x in line.left()..line.right() {
                if let Some(cell) = buffer.cell_mut((x, line.y)) {
                    cell.reset();
                    cell.set_style(ground);
                }
            }
            let inside = usize::from(area.width) - usize::from(left) - usize::from(has_borders);
            match row {
                Some(row) => {
                    let (label, description) = if is_selected {
                        let style = Style::new().fg(theme.selected_list_item_text);
                        (style, style)
                    } else {
                        (Style::new().fg(theme.text), Style::new().fg(theme.text_muted))
                    };
                    let text = fit(&safe::line(&row.label), inside);
                    let cells = safe::width(&text);
                    buffer.set_string(line.x + left, line.y, text, label);
                    let used = cells.max(pad).saturating_add(1);
                    if let Some(told) = &row.description
                        && used < inside
                    {
                        let told = safe::line(told.lines().next().unwrap_or_default());
                        let x = line.x + left + used as u16;
                        buffer.set_stringn(x, line.y, told, inside - used, description);
                    }
                }
                None => {
                    let muted = Style::new().fg(theme.text_muted);
                    buffer.set_stringn(
                        line.x + left,
                        line.y,
                        words.get("autocomplete.none"),
                        inside,
                        muted,
                    );
                }
            }
            let sides = [line.left(), line.right() - 1];
            for x in sides.into_iter().filter(|_| has_borders) {
                buffer.set_string(x, line.y, "┃", border);
            }
        }
    }

    /// Selects the row under the mouse; whether there is one.
    pub(in crate::prompt) fn point(&mut self, position: Position) -> bool {
        let area = self.area.get();
        let Some(list) = &mut self.list else { return false };
        let row = list.top.get() + usize::from(position.y.saturating_sub(area.y));
        let is_row = area.contains(position) && row < list.rows.len();
        if is_row {
            list.selected = row;
        }
        is_row
    }

    /// Whether a place is on the list.
    pub(in crate::prompt) fn covers(&self, position: Position) -> bool {
        self.list.is_some() && self.area.get().contains(position)
    }

    /// The row that is selected.
    #[cfg(test)]
    pub(in crate::prompt) fn selected(&self) -> Option<&Row> {
        let list = self.list.as_ref()?;
        list.rows.get(list.selected)
    }
}

/// A text that is too long loses its middle.
fn fit(text: &str, width: usize) -> String {
    if safe::width(text) <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let letters: Vec<_> = safe::graphemes(text).collect();
    let room = width - 1;
    let front = fitting(letters.iter(), room.div_ceil(2));
    let mut back = fitting(letters.iter().rev(), room / 2);
    back.reverse();
    format!("{}…{}", front.concat(), back.concat())
}

/// The first letters that there is room for.
fn fitting<'a>(letters: impl Iterator<Item = &'a (&'a str, usize)>, room: usize) -> Vec<&'a str> {
    let mut used = 0;
    letters
        .take_while(|(_, cells)| {
            used += cells;
            used <= room
        })
        .map(|(letter, _)| *letter)
        .collect()
}
