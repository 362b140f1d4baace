//! The start: the logo, the prompt, a tip, and where one is (reference `tui.md` §3).

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};

use super::status;
use crate::app::App;
use crate::paint;
use crate::safe;
use crate::tips;

/// The product's name, in half blocks: its first and its second half.
const LOGO: [(&str, &str); 4] = [
    ("                   ", "             ▄     "),
    ("█▀▀█ █▀▀█ █▀▀█ █▀▀▄", "█▀▀▀ █▀▀█ █▀▀█ █▀▀█"),
    ("█  █ █  █ █▀▀▀ █  █", "█    █  █ █  █ █▀▀▀"),
    ("▀▀▀▀ █▀▀▀ ▀▀▀▀ ▀▀▀▀", "▀▀▀▀ ▀▀▀▀ ▀▀▀▀ ▀▀▀▀"),
];
const LOGO_WIDTH: u16 = 39;
/// Columns of the prompt, unless configuration says otherwise.
const WIDTH: u16 = 75;

/// The logo as rows of text, with two columns before it.
pub(super) fn logo() -> String {
    let rows = LOGO.map(|(first, second)| format!("  {first} {second}").trim_end().to_owned());
    rows.join("\n")
}

/// Draws the start.
pub(super) fn draw(app: &mut App, screen: Rect, buffer: &mut Buffer) -> Option<Position> {
    let is_plain = app.settings.is_plain();
    let wanted = match app.settings.prompt_width(screen.width) {
        _ if is_plain => screen.width,
        wanted => wanted.unwrap_or(WIDTH),
    };
    let width = wanted.min(screen.width.saturating_sub(4)).max(1);
    let x = screen.x + (screen.width - width.min(screen.width)).div_ceil(2);
    let prompt_height = app.prompt_height(width, screen.height);
    let footer = screen.bottom().saturating_sub(2);
    // Logo, two rows, the prompt, its hints, and as much below as above.
    let has_logo = !is_plain && screen.height >= prompt_height + 12 && screen.width >= LOGO_WIDTH;
    let logo_rows = if has_logo { 6 } else { 0 };
    let block = logo_rows + prompt_height + 1;
    let top = screen.y + screen.height.saturating_sub(block + 2) / 2;
    let mut y = top;
    if has_logo {
        draw_logo(app, screen, y, buffer);
        y += logo_rows;
    }
    let prompt = Rect {
        x,
        y,
        width,
        height: prompt_height.min(footer.saturating_sub(y).max(1)),
    };
    app.places.prompt = prompt;
    let cursor = app.draw_prompt(prompt, buffer);
    let below = Rect {
        x,
        y: prompt.bottom(),
        width,
        height: 1,
    };
    if below.y < footer {
        status::draw(app, below, buffer);
    }
    let tip = Rect {
        y: below.y + 3,
        height: 2,
        ..below
    };
    if tip.bottom() < footer && tips::is_shown(app) {
        tips::draw(app, tip, buffer);
    }
    draw_footer(app, screen, footer, buffer);
    cursor
}

fn draw_logo(app: &App, screen: Rect, top: u16, buffer: &mut Buffer) {
    let x = screen.x + (screen.width - LOGO_WIDTH).div_ceil(2);
    for (y, (first, second)) in (top..).zip(LOGO) {
        paint::text(buffer, x, y, first, Style::new().fg(app.theme.text_muted));
        let style = Style::new().fg(app.theme.text).add_modifier(Modifier::BOLD);
        paint::text(buffer, x + 20, y, second, style);
    }
}

fn draw_footer(app: &App, screen: Rect, y: u16, buffer: &mut Buffer) {
    if y <= screen.y || screen.width < 12 {
        return;
    }
    let row = Rect {
        x: screen.x + 2,
        y,
        width: screen.width - 4,
        height: 1,
    };
    let muted = Style::new().fg(app.theme.text_muted);
    let version = app.settings.version();
    paint::text_right(buffer, row, y, version, muted);
    let room = usize::from(row.width).saturating_sub(paint::width(version) + 2);
    let place = paint::cut_left(&app.place_name(), room);
    let mut x = row.x + paint::text(buffer, row.x, y, &safe::line(&place), muted);
    let servers = app.store.mcp.values();
    let connected = servers
        .clone()
        .filter(|server| server.status == "connected")
        .count();
    if app.store.mcp.is_empty() || room < paint::width(&place) + 24 {
        return;
    }
    let has_failed = servers.clone().any(|server| server.status == "failed");
    let mark = if has_failed {
        app.theme.error
    } else {
        app.theme.success
    };
    x += 2;
    x += paint::text(buffer, x, y, "⊙ ", Style::new().fg(mark));
    let count = format!("{connected} MCP");
    x += paint::text(buffer, x, y, &count, Style::new().fg(app.theme.text));
    paint::text(buffer, x + 1, y, "/status", muted);
}
