//! Windows above the screen (reference `tui.md` §10): the frame that they share, and how they get keys.
//!
//! A dialog is a [`Dialog`] on the stack of the state. The one on top has the keyboard; it is drawn over a
//! screen that steps back.

pub(crate) mod alert;
mod ask;
mod confirm;
mod field;
mod rank;
mod select;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

use crate::app::App;
use crate::paint;

pub(crate) use alert::Alert;
pub(crate) use ask::Ask;
pub(crate) use confirm::Confirm;
pub(crate) use field::Field;
pub(crate) use select::{Item, Select};

/// Widths of dialogs.
pub(crate) const MEDIUM: u16 = 60;
/// For texts.
pub(crate) const LARGE: u16 = 88;
/// For tables.
pub(crate) const WIDEST: u16 = 116;
/// How much of the screen is seen below a dialog, of 255.
const VEIL: u8 = 150;

/// What became of a key, a text or a click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It means nothing here.
    Ignored,
    /// It was for this dialog.
    Done,
    /// It was, and the dialog ends with it.
    Close,
}

/// What the mouse did, in cells of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mouse {
    /// What it did.
    pub(crate) kind: MouseKind,
    /// Where.
    pub(crate) at: Position,
}

/// What the mouse does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MouseKind {
    /// Its first button goes down.
    Press,
    /// It moves with the first button down.
    Drag,
    /// Its first button comes up.
    Release,
    /// Its second button goes down.
    Menu,
    /// It moves.
    Move,
    /// The wheel turns, lines down if positive.
    Wheel(i32),
}

/// A window above the screen.
pub(crate) trait Dialog {
    /// Its title.
    fn title(&self) -> &str;
    /// Columns that it would like.
    fn width(&self) -> u16 {
        MEDIUM
    }
    /// Rows of its content, in a content of `width` columns on a screen of `screen` rows.
    fn height(&self, app: &App, width: u16, screen: u16) -> u16;
    /// Ids of the commands that it knows, the first of those with the same key first.
    fn commands(&self) -> Vec<&'static str>;
    /// Does a command.
    fn command(&mut self, app: &mut App, id: &str) -> Outcome;
    /// Takes what was typed or pasted.
    fn text(&mut self, _app: &mut App, _text: &str) -> Outcome {
        Outcome::Ignored
    }
    /// Takes a mouse in its content.
    fn mouse(&mut self, _app: &mut App, _mouse: Mouse) -> Outcome {
        Outcome::Ignored
    }
    /// The state may have changed.
    fn refresh(&mut self, _app: &App) {}
    /// It is closed and nothing was chosen.
    fn cancelled(&mut self, _app: &mut App) {}
    /// Draws its content; the cursor is where it says.
    fn draw(&mut self, app: &App, area: Rect, buffer: &mut Buffer) -> Option<Position>;
}

/// Draws the dialog on top, and says where its frame is and where the cursor.
pub(crate) fn draw(
    app: &App,
    dialog: &mut dyn Dialog,
    screen: Rect,
    buffer: &mut Buffer,
) -> (Rect, Option<Position>) {
    veil(screen, buffer, VEIL);
    let frame = frame(app, dialog, screen);
    let theme = &app.theme;
    buffer.set_style(frame, Style::reset().bg(theme.background_panel).fg(theme.text));
    paint::clear(frame, buffer);
    let cursor = draw_inside(app, dialog, inner(frame), buffer);
    (frame, cursor)
}

/// Rows that a dialog takes below what is printed.
pub(crate) fn height_below(app: &App, dialog: &dyn Dialog, width: u16, screen: u16) -> u16 {
    let content = dialog.height(app, width.saturating_sub(4), screen);
    // A free row, the title, a free row, the content, the edge.
    content.saturating_add(4)
}

/// Draws the dialog on top below what is printed; the cursor is where it says.
pub(crate) fn draw_below(
    app: &App,
    dialog: &mut dyn Dialog,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let theme = &app.theme;
    let body = Rect {
        height: area.height.saturating_sub(1),
        ..area
    };
    paint::fill(body, buffer, theme.background_panel);
    let edge = match theme.background_panel {
        Color::Reset => theme.border,
        panel => panel,
    };
    let line = "▀".repeat(usize::from(area.width));
    paint::text(buffer, area.x, body.bottom(), &line, Style::new().fg(edge));
    let inner = Rect {
        x: body.x + 2.min(body.width),
        y: body.y + 1.min(body.height),
        width: body.width.saturating_sub(4),
        height: body.height.saturating_sub(1),
    };
    draw_inside(app, dialog, inner, buffer)
}

/// Draws title and content.
fn draw_inside(app: &App, dialog: &mut dyn Dialog, inner: Rect, buffer: &mut Buffer) -> Option<Position> {
    let theme = &app.theme;
    if inner.is_empty() {
        return None;
    }
    let close = app.words.get("dialog.close");
    let title = Style::new().fg(theme.text).add_modifier(Modifier::BOLD);
    let room = usize::from(inner.width).saturating_sub(paint::width(close) + 1);
    paint::text(buffer, inner.x, inner.y, &paint::cut(dialog.title(), room), title);
    let muted = Style::new().fg(theme.text_muted);
    paint::text_right(buffer, inner, inner.y, close, muted);
    let content = Rect {
        y: inner.y + 2,
        height: inner.height.saturating_sub(2),
        ..inner
    };
    match content.is_empty() {
        true => None,
        false => dialog.draw(app, content, buffer),
    }
}

/// The frame of a dialog: a quarter of the screen down, in the middle.
fn frame(app: &App, dialog: &dyn Dialog, screen: Rect) -> Rect {
    let width = dialog.width().min(screen.width.saturating_sub(2));
    let inner = width.saturating_sub(8);
    // A row above the title, title, a row below it, the content, a row below that.
    let wanted = dialog.height(app, inner, screen.height).saturating_add(4);
    let top = (screen.height / 4).min(screen.height.saturating_sub(wanted));
    Rect {
        x: screen.x + (screen.width.saturating_sub(width)) / 2,
        y: screen.y + top,
        width,
        height: wanted.min(screen.height.saturating_sub(top)),
    }
}

/// What is inside of a frame: title and content.
fn inner(frame: Rect) -> Rect {
    let side = if frame.width > 20 { 4 } else { 1 };
    Rect {
        x: frame.x + side,
        y: frame.y + 1,
        width: frame.width.saturating_sub(2 * side),
        height: frame.height.saturating_sub(2),
    }
}

/// Whether a position is on the label that closes a dialog.
pub(crate) fn is_close(app: &App, frame: Rect, at: Position) -> bool {
    let inner = inner(frame);
    let label = u16::try_from(paint::width(app.words.get("dialog.close"))).unwrap_or(0);
    at.y == inner.y && at.x >= inner.right().saturating_sub(label + 1) && at.x <= inner.right()
}

/// Lets the screen step back: colours go towards black, other colours are dimmed.
pub(crate) fn veil(area: Rect, buffer: &mut Buffer, strength: u8) {
    let keep = 255 - u16::from(strength);
    let darker = |color: Color| match color {
        Color::Rgb(red, green, blue) => {
            let part = |value: u8| u8::try_from(u16::from(value) * keep / 255).unwrap_or(0);
            Color::Rgb(part(red), part(green), part(blue))
        }
        other => other,
    };
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            let Some(cell) = buffer.cell_mut((x, y)) else {
                continue;
            };
            if !matches!(cell.fg, Color::Rgb(..)) {
                cell.modifier |= Modifier::DIM;
            }
            cell.fg = darker(cell.fg);
            cell.bg = darker(cell.bg);
        }
    }
}
