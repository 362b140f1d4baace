//! The state as a screen (reference `tui.md` §3).

mod home;
pub(crate) mod mini;
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
use crate::which_key;

/// The product's name in half blocks, as rows of text.
pub fn logo() -> String {
    home::logo()
}

/// The first letter of the product's name, for where there is little room.
pub(crate) const MARK: [&str; 3] = ["█▀▀█", "█  █", "▀▀▀▀"];

/// The mark with words beside its rows.
pub fn mark(beside: &[&str]) -> String {
    let mut beside = beside.iter();
    let rows = MARK.iter().map(|mark| match beside.next() {
        Some(text) => format!("{mark}  {text}"),
        None => (*mark).to_owned(),
    });
    rows.collect::<Vec<_>>().join("\n")
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
    let whole = screen;
    let keys = keys_area(app, whole);
    // Below the screen it takes room from it, over it none.
    let screen = match (keys, app.settings.switches.which_key_overlay) {
        (Some(keys), false) => Rect {
            height: whole.height - keys.height,
            ..whole
        },
        _ => whole,
    };
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
    if let Some(area) = keys {
        which_key::draw(app, area, buffer);
        cursor = cursor.filter(|cursor| !area.contains(*cursor));
    }
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

/// Where the panel of keys is, if it is seen and there is room.
fn keys_area(app: &App, screen: Rect) -> Option<Rect> {
    let height = which_key::HEIGHT;
    let has_room = screen.height >= height + 8;
    (has_room && app.shows_which_key()).then(|| Rect {
        y: screen.bottom() - height,
        height,
        ..screen
    })
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
