//! The state as a screen (reference `tui.md` §3).

mod home;
mod plain;
mod session;
mod sidebar;
mod status;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::app::{App, Places, Route};
use crate::dialog;
use crate::paint;
use crate::viewer;

/// The product's name in half blocks, as rows of text.
pub fn logo() -> String {
    home::logo()
}

/// Draws everything; the cursor is where it says.
pub(crate) fn draw(app: &mut App, buffer: &mut Buffer) -> Option<Position> {
    let screen = buffer.area;
    if screen.is_empty() {
        return None;
    }
    let pressed = app.places.pressed;
    app.places = Places {
        pressed,
        ..Places::default()
    };
    buffer.set_style(screen, Style::new().fg(app.theme.text).bg(app.theme.background));
    let mut cursor = match app.route.clone() {
        Route::Home => home::draw(app, screen, buffer),
        Route::Session(id) => session::draw(app, &id, screen, buffer),
        Route::Diff => viewer::draw(app, screen, buffer),
    };
    app.draw_prompt_list(buffer);
    // Those below are seen, too, but only the one on top is asked where the cursor is.
    let mut dialogs = std::mem::take(&mut app.dialogs);
    if let Some(dialog) = dialogs.last_mut() {
        let (frame, at) = dialog::draw(app, dialog.as_mut(), screen, buffer);
        app.places.dialog = frame;
        cursor = at;
    }
    app.dialogs = dialogs;
    if let Some(toast) = &app.toast {
        toast.draw(&app.theme, screen, buffer);
    }
    if let crate::store::Connection::Lost(reason) = &app.store.connection {
        status::lost(app, reason, screen, buffer);
    }
    if app.settings.is_plain() {
        plain::spell(buffer);
    }
    cursor
}

/// A line of pieces that belong to commands, from the right; each can be clicked.
fn labels_right(app: &mut App, area: Rect, y: u16, labels: &[(String, &'static str)], buffer: &mut Buffer) {
    let mut right = area.right();
    for (text, command) in labels.iter().rev() {
        let wide = u16::try_from(paint::width(text)).unwrap_or(u16::MAX);
        if right < area.x.saturating_add(wide) {
            return;
        }
        let x = right - wide;
        let (key, rest) = text.split_once(' ').unwrap_or((text, ""));
        let used = paint::text(buffer, x, y, key, Style::new().fg(app.theme.text));
        let muted = Style::new().fg(app.theme.text_muted);
        if !rest.is_empty() {
            paint::text(buffer, x + used + 1, y, rest, muted);
        }
        let place = Rect {
            x,
            y,
            width: wide,
            height: 1,
        };
        app.places.labels.push((place, command));
        right = x.saturating_sub(2);
    }
}
