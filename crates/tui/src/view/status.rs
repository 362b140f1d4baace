//! The row below the prompt (reference `tui.md` §3), and what is said when the server is away.

use opencode_schema::session::Status;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::labels_right;
use crate::app::{App, Route};
use crate::choice;
use crate::paint;
use crate::prompt::Mode;
use crate::safe;

/// Cells of what moves while a session works.
const CELLS: usize = 8;
/// Letters of the reason of a retry.
const REASON: usize = 80;

/// Draws the row.
pub(super) fn draw(app: &mut App, row: Rect, buffer: &mut Buffer) {
    if app.prompt.mode() == Mode::Shell {
        let hint = format!("esc {}", app.words.get("status.leave_shell"));
        let used = paint::width(&hint);
        labels_right(app, row, row.y, &[(hint, "prompt.shell.leave")], buffer);
        draw_selection(app, row, used, buffer);
        return;
    }
    let id = app.session_id().cloned();
    let status = id
        .as_ref()
        .map_or(Status::Idle, |id| app.store.status(id).clone());
    match status {
        Status::Idle => draw_idle(app, row, buffer),
        Status::Busy => {
            let x = row.x + 1;
            let used = draw_moving(app, x, row.y, buffer);
            draw_interrupt(app, x + used + 2, row, buffer);
            draw_hints(app, row, buffer);
        }
        Status::Retry {
            attempt,
            message,
            next,
            ..
        } => {
            let waits = waits(app, attempt, next);
            let esc = format!("esc {}", app.words.get("status.interrupt"));
            let x = row.x + 1;
            let used = draw_moving(app, x, row.y, buffer) + 1;
            let room = usize::from(row.width.saturating_sub(used)).saturating_sub(paint::width(&esc) + 4);
            let left = room.saturating_sub(paint::width(&waits) + 3).min(REASON);
            let reason = paint::cut(&safe::line(&message), left);
            let text = paint::cut(&format!("{reason} [{waits}]"), room);
            let wide = paint::text(buffer, x + used, row.y, &text, Style::new().fg(app.theme.error));
            let place = Rect {
                x: x + used,
                width: wide,
                ..row
            };
            app.places.labels.push((place, "session.retry.show"));
            labels_right(app, row, row.y, &[(esc, "session.interrupt")], buffer);
        }
    }
}

/// How long a retry still waits, and which one it is.
pub(super) fn waits(app: &App, attempt: u32, next: i64) -> String {
    let seconds = u64::try_from(next.saturating_sub(app.clock).max(0))
        .unwrap_or(0)
        .div_ceil(1000);
    app.words.fill(
        "status.retry",
        &[
            ("seconds", &seconds.to_string()),
            ("attempt", &attempt.to_string()),
        ],
    )
}

fn draw_idle(app: &mut App, row: Rect, buffer: &mut Buffer) {
    let used = draw_hints(app, row, buffer);
    if let Route::Session(_) = app.route {
        let directory = app.session_folder().map(|folder| safe::line(folder).into_owned());
        let room = usize::from(row.width).saturating_sub(used + 4);
        if let Some(directory) = directory.filter(|_| room > 8) {
            let text = paint::cut_left(&directory, room);
            paint::text(
                buffer,
                row.x + 1,
                row.y,
                &text,
                Style::new().fg(app.theme.text_muted),
            );
        }
    }
}

/// What is selected in an editor, before what stands at the right; says how wide both are.
fn draw_selection(app: &App, row: Rect, used: usize, buffer: &mut Buffer) -> usize {
    let Some((label, is_pending)) = app.selection_label() else {
        return used;
    };
    let label = paint::cut_middle(&label, usize::from(app.size.0 / 3).clamp(12, 48));
    let wide = used + 2 + paint::width(&label);
    if wide > usize::from(row.width) {
        return used;
    }
    let color = if is_pending {
        app.theme.secondary
    } else {
        app.theme.text_muted
    };
    let x = row.right() - u16::try_from(wide).unwrap_or(0);
    paint::text(buffer, x, row.y, &label, Style::new().fg(color));
    wide
}

/// What stands at the right: the selection, the context and its cost, or agents, and the palette. Says how wide it is.
fn draw_hints(app: &mut App, row: Rect, buffer: &mut Buffer) -> usize {
    let palette = format!(
        "{} {}",
        app.key_of("command.palette.show"),
        app.words.get("status.commands")
    );
    let usage = app.session_id().cloned().and_then(|id| usage(app, &id));
    let labels = match usage {
        Some(usage) => {
            let wide = paint::width(&usage) + paint::width(&palette) + 2;
            if wide > usize::from(row.width) {
                return 0;
            }
            let before = Rect {
                width: row.width - u16::try_from(paint::width(&palette) + 2).unwrap_or(0),
                ..row
            };
            paint::text_right(
                buffer,
                before,
                row.y,
                &usage,
                Style::new().fg(app.theme.text_muted),
            );
            labels_right(app, row, row.y, &[(palette, "command.palette.show")], buffer);
            return draw_selection(app, row, wide, buffer);
        }
        None => {
            let agents = format!("{} {}", app.key_of("agent.cycle"), app.words.get("status.agents"));
            vec![(agents, "agent.cycle"), (palette, "command.palette.show")]
        }
    };
    let wide = labels
        .iter()
        .map(|(text, _)| paint::width(text) + 2)
        .sum::<usize>();
    labels_right(app, row, row.y, &labels, buffer);
    draw_selection(app, row, wide.saturating_sub(2), buffer)
}

/// Tokens of the last answer, their share of the context, and what the session cost.
pub(super) fn usage(app: &App, id: &opencode_schema::SessionId) -> Option<String> {
    let (tokens, percent) = app.context(id)?;
    let mut text = match percent {
        Some(percent) => format!("{} ({percent}%)", grouped(tokens)),
        None => grouped(tokens),
    };
    let cost = app.cost(id);
    if cost > 0.0 {
        text.push_str(&format!(" · ${cost:.2}"));
    }
    Some(text)
}

/// A number with commas between thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A block that goes to and fro; says how wide it is.
pub(super) fn draw_moving(app: &App, x: u16, y: u16, buffer: &mut Buffer) -> u16 {
    let agent = app.choice.agent_name(&app.store);
    let style = Style::new().fg(choice::agent_color(&app.theme, &app.store, &agent));
    if app.settings.is_plain() {
        return paint::text(buffer, x, y, app.words.get("plain.running"), style);
    }
    if !app.settings.has_animations() {
        return paint::text(buffer, x, y, "[⋯]", style);
    }
    let round = 2 * (CELLS + 2);
    let at = usize::try_from(app.frame / 2).unwrap_or(0) % round;
    let at = if at < CELLS + 2 { at } else { round - 1 - at };
    let text: String = (0..CELLS)
        .map(|cell| {
            if cell + 2 >= at && cell < at.max(1) {
                '■'
            } else {
                '⬝'
            }
        })
        .collect();
    paint::text(buffer, x, y, &text, style)
}

pub(super) fn draw_interrupt(app: &mut App, x: u16, row: Rect, buffer: &mut Buffer) {
    let (key, color) = match app.interrupting {
        Some(_) => ("status.interrupt_again", app.theme.primary),
        None => ("status.interrupt", app.theme.text_muted),
    };
    let bright = if app.interrupting.is_some() {
        app.theme.primary
    } else {
        app.theme.text
    };
    let used = paint::text(buffer, x, row.y, "esc", Style::new().fg(bright));
    let text = app.words.get(key);
    let rest = paint::text(buffer, x + used + 1, row.y, text, Style::new().fg(color));
    let place = Rect {
        x,
        y: row.y,
        width: used + 1 + rest,
        height: 1,
    };
    app.places.labels.push((place, "session.interrupt"));
}

/// Says at the top that the server is away.
pub(super) fn lost(app: &App, reason: &str, screen: Rect, buffer: &mut Buffer) {
    let text = app.words.fill("status.lost", &[("reason", &safe::line(reason))]);
    let text = format!(
        " {} ",
        paint::cut(&text, usize::from(screen.width.saturating_sub(2)))
    );
    let back = app.theme.error;
    let style = Style::new().bg(back).fg(app.theme.on(back));
    paint::text(buffer, screen.x, screen.y, &text, style);
}
