//! A session: its messages, what the user is asked or the prompt, and the row below (reference `tui.md` §3).

use opencode_schema::SessionId;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::{labels_right, sidebar, status};
use crate::app::App;
use crate::choice;
use crate::dialog;
use crate::paint;
use crate::safe;
use crate::session::{SIDEBAR, WIDE};
use crate::transcript::paint::capitalised;

/// How much of the screen is seen below a sidebar that lies over it, of 255.
const VEIL: u8 = 70;
/// Free columns at the sides.
const SIDE: u16 = 2;

/// Draws a session.
pub(super) fn draw(app: &mut App, id: &SessionId, screen: Rect, buffer: &mut Buffer) -> Option<Position> {
    let is_shown = app.is_sidebar_shown();
    let is_plain = app.settings.is_plain();
    let is_beside = is_shown && screen.width > WIDE && !is_plain;
    let side = if screen.width > 20 { SIDE } else { 0 };
    let main = Rect {
        x: screen.x + side,
        width: screen
            .width
            .saturating_sub(2 * side)
            .saturating_sub(if is_beside { SIDEBAR } else { 0 }),
        ..screen
    };
    let cursor = draw_main(app, id, main, screen, buffer);
    if is_beside || is_shown {
        let width = if is_plain {
            screen.width
        } else {
            SIDEBAR.min(screen.width)
        };
        let area = Rect {
            x: screen.right() - width,
            width,
            ..screen
        };
        if !is_beside {
            dialog::veil(screen, buffer, VEIL);
        }
        app.places.sidebar = area;
        sidebar::draw(app, id, area, buffer);
    }
    cursor
}

fn draw_main(
    app: &mut App,
    id: &SessionId,
    main: Rect,
    screen: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    if let Some(mut panel) = app.permission.take() {
        let height = panel.height(app, main.width, screen.height.saturating_sub(2));
        let area = bottom(main, height, 1);
        if !panel.is_full() {
            draw_messages(app, id, above(main, area), buffer);
        }
        app.places.panel = area;
        let cursor = panel.draw(app, area, buffer);
        app.permission = Some(panel);
        return cursor;
    }
    if let Some(mut panel) = app.question.take() {
        let height = panel.height(app, main.width, screen.height.saturating_sub(2));
        let area = bottom(main, height, 1);
        draw_messages(app, id, above(main, area), buffer);
        app.places.panel = area;
        let cursor = panel.draw(app, area, buffer);
        app.question = Some(panel);
        return cursor;
    }
    if !app.has_prompt() {
        let area = bottom(main, 3, 1);
        draw_messages(app, id, above(main, area), buffer);
        draw_child_footer(app, id, area, buffer);
        return None;
    }
    let height = app.prompt_height(main.width, screen.height);
    let area = bottom(main, height, 2);
    draw_messages(app, id, above(main, area), buffer);
    app.places.prompt = area;
    let cursor = app.draw_prompt(area, buffer);
    let row = Rect {
        y: area.bottom(),
        height: 1,
        ..main
    };
    if row.y < screen.bottom() {
        status::draw(app, row, buffer);
    }
    cursor
}

/// The part of so many rows at the bottom, with some free below.
fn bottom(area: Rect, height: u16, free: u16) -> Rect {
    let end = area.bottom().saturating_sub(free).max(area.y + 1);
    let height = height.min(end - area.y);
    Rect {
        y: end - height,
        height,
        ..area
    }
}

/// What is above a part, with a row between.
fn above(area: Rect, part: Rect) -> Rect {
    Rect {
        height: part.y.saturating_sub(area.y).saturating_sub(1),
        ..area
    }
}

fn draw_messages(app: &mut App, id: &SessionId, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    // It has free columns of its own.
    let area = Rect {
        x: area.x.saturating_sub(SIDE),
        width: area.width + 2 * area.x.min(SIDE),
        ..area
    };
    app.places.transcript = area;
    let is_loading = app
        .store
        .conversations
        .get(id)
        .is_none_or(|known| !known.is_loaded);
    if is_loading {
        return;
    }
    app.draw_transcript(id, area, buffer);
}

/// What stands in place of the prompt where a subagent works.
fn draw_child_footer(app: &mut App, id: &SessionId, area: Rect, buffer: &mut Buffer) {
    let Some(session) = app.store.sessions.get(id) else {
        return;
    };
    let title = safe::line(&session.title).into_owned();
    let before = title.split(" subagent").next().unwrap_or_default();
    let word = before.rsplit(['(', '@', ' ']).next().unwrap_or_default();
    let name = if title.contains(" subagent") && !word.is_empty() {
        capitalised(word)
    } else {
        app.words.get("child.name").to_owned()
    };
    let parent = session.parent_id.clone();
    let siblings = parent.map_or_else(Vec::new, |parent| app.store.children(&parent));
    let place = siblings.iter().position(|sibling| sibling.id == *id).unwrap_or(0) + 1;
    let count = siblings.len().max(1);
    paint::fill(area, buffer, app.theme.background_panel);
    let agent = session.agent.clone().unwrap_or_default();
    let color = choice::agent_color(&app.theme, &app.store, &agent);
    for y in area.top()..area.bottom() {
        paint::text(
            buffer,
            area.x,
            y,
            "┃",
            Style::new().fg(color).bg(app.theme.background),
        );
    }
    let y = area.y + area.height / 2;
    let row = Rect {
        x: area.x + 3,
        width: area.width.saturating_sub(4),
        y,
        height: 1,
    };
    let of = app.words.fill(
        "child.of",
        &[("place", &place.to_string()), ("count", &count.to_string())],
    );
    let mut x = row.x + paint::text(buffer, row.x, y, &name, Style::new().fg(app.theme.text)) + 1;
    let muted = Style::new().fg(app.theme.text_muted);
    x += paint::text(buffer, x, y, &of, muted) + 1;
    if let Some(usage) = status::usage(app, id) {
        paint::text(buffer, x, y, &usage, muted);
    }
    let label = |app: &App, key: &'static str, command: &'static str| {
        let text = format!("{} {}", app.words.get(key), app.key_of(command));
        (text, command)
    };
    let labels = [
        label(app, "child.parent", "session.parent"),
        label(app, "child.previous", "session.child.previous"),
        label(app, "child.next", "session.child.next"),
    ];
    labels_right(app, row, y, &labels, buffer);
}
